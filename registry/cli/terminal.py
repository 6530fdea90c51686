"""Data to stdout as JSON or as columns; talk to stderr, as a bar where somebody watches."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from registry.client.errors import ClientError
from registry.client.progress import Bar, Lines, Progress, Silent


def write_json(value: object) -> None:
    """Write one JSON document."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_line(text: str) -> None:
    """Write one line of data."""
    sys.stdout.write(f"{text}\n")


def write_columns(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write rows: in aligned columns with headings on a terminal, else with tabs and without headings."""
    if not sys.stdout.isatty():
        for row in rows:
            write_line("\t".join(row))
        return
    widths = [max(len(row[at]) for row in (headings, *rows)) for at in range(len(headings))]
    for row in (headings, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        write_line("  ".join(cells).rstrip())


def talk(text: str) -> None:
    """Write one line for people."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def make_progress(*, quiet: bool) -> Progress:
    """Return a bar on a terminal, plain lines elsewhere, nothing if that is wished."""
    if quiet:
        return Silent()
    return Bar() if sys.stderr.isatty() else Lines()


def read_file(name: str, *, limit: int) -> bytes:
    """Return the bytes of a file, or of stdin for `-`.

    Raises:
        ClientError: it cannot be read, or is longer than `limit`.
    """
    try:
        if name == "-":
            data = sys.stdin.buffer.read(limit + 1)
        else:
            with Path(name).open("rb") as file:
                data = file.read(limit + 1)
    except OSError as error:
        raise ClientError(f"cannot read {name}: {os.strerror(error.errno or 0)}") from None
    if len(data) > limit:
        raise ClientError(f"{name} is longer than {limit} bytes")
    return data
