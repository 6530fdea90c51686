"""Typesets one document in a process of its own, which is started for it and ends with it; run by `typesetting`.

It imports nothing of the project, reads one request from stdin and writes the PDF to stdout. What people wrote
reaches the template as data only. The template can read no file and no network, and the process has its bounds.
"""

import json
import resource
import sys
import tempfile
from typing import Any, Final

STANDARD: Final = "a-3b"
"""PDF/A for archives, of the one part that allows attached files (ISO 19005-3)."""
CANNOT_SHOW = "could not be displayed"


def main() -> None:
    """Answer the request on stdin."""
    request = json.loads(sys.stdin.buffer.read())
    for kind, limit in (
        (resource.RLIMIT_AS, request["memory_bytes"]),
        (resource.RLIMIT_CPU, request["cpu_seconds"]),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))
    sys.stdout.buffer.write(typeset(request["template"].encode(), request["inputs"]))


def typeset(template: bytes, inputs: dict[str, str]) -> bytes:
    """Return the PDF; where no font has a character, one that says so and is no PDF/A."""
    import typst  # noqa: PLC0415 - the bounds of the process come first

    with tempfile.TemporaryDirectory(prefix="gatehouse-typeset-") as nothing:
        common: dict[str, Any] = {"root": nothing, "format": "pdf", "timestamp": 0}
        try:
            return _bytes(typst.compile(template, sys_inputs=inputs, pdf_standards=[STANDARD], **common))
        except typst.TypstError as error:
            if CANNOT_SHOW not in str(error):
                raise
        return _bytes(typst.compile(template, sys_inputs={**inputs, "missing": "yes"}, **common))


def _bytes(made: bytes | list[bytes] | None) -> bytes:
    if not isinstance(made, bytes):
        raise TypeError("a PDF is one file")
    return made


if __name__ == "__main__":
    main()
