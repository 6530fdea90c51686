"""Documents for print: a Typst template and data become a PDF, in a process of its own with bounds.

What people wrote is data to the template, never markup.
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import structlog

from registry.kernel.outcomes import Unavailable
from registry.kernel.pages import find_frontend
from registry.kernel.pdf_signing import Certificate

TYPESET_SECONDS = 30
"""A megabyte of text takes a few."""
TYPESET_MEMORY_BYTES = 2 << 30
"""Address space; fonts are mapped into it, a megabyte of text takes a quarter."""
TYPESET_MAX_AT_ONCE = 2
_ALONE = Path(__file__).with_name("typesetting_alone.py")
_log = structlog.get_logger()


class Typesetter:
    """Makes PDFs, few at a time: who comes later waits."""

    def __init__(self, certificate: Certificate | None = None) -> None:
        """Sign each by the certificate, if there is one."""
        self._certificate = certificate
        self._free = asyncio.Semaphore(TYPESET_MAX_AT_ONCE)

    async def typeset(self, document: str, inputs: Mapping[str, str]) -> bytes:
        """Return the PDF of a document in `frontend/documents` with what its template asks for.

        Raises:
            Unavailable: it took too long or too much.
        """
        template = (find_frontend() / "documents" / document).read_text("utf-8")
        request = {
            "template": template,
            "inputs": dict(inputs),
            "memory_bytes": TYPESET_MEMORY_BYTES,
            "cpu_seconds": TYPESET_SECONDS,
        }
        async with self._free:
            made = await _run(json.dumps(request).encode())
            return made if self._certificate is None else await self._certificate.sign(made)


async def _run(request: bytes) -> bytes:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        str(_ALONE),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"RAYON_NUM_THREADS": "1"},
    )
    try:
        made, _ = await asyncio.wait_for(process.communicate(request), TYPESET_SECONDS)
    except TimeoutError:
        raise Unavailable("the typesetter", f"it took longer than {TYPESET_SECONDS} seconds") from None
    finally:
        # Also where whoever asked has gone away.
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == 0 and made.startswith(b"%PDF-"):
        return made
    # What it says can quote what somebody wrote, so only how it ended is kept.
    _log.error("typesetting.failed", code=process.returncode)
    raise Unavailable("the typesetter", "it could not make this document")
