"""Data to stdout as JSON or as columns; talk to stderr, as a bar where somebody watches."""

import getpass
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from registry.client.errors import ClientError, printable
from registry.client.progress import Bar, Lines, Progress, Silent
from registry.client.wire import Fields

WORDS_MOST = 400


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


def text_of(fields: Fields, name: str) -> str:
    """Return a text that the registry sent, so that it can be written to a terminal; empty where it is null."""
    return printable(fields.maybe_text(name) or "", limit=WORDS_MOST)


def read_secret(prompt: str) -> str:
    """Return a secret from a prompt without echo or from stdin; never from an argument, which others can see.

    Raises:
        ClientError: there is none.
    """
    found = getpass.getpass(prompt, stream=sys.stderr) if sys.stdin.isatty() else sys.stdin.readline()
    if not found.strip():
        raise ClientError("no secret was given; type it at the prompt, or send it to stdin")
    return found.strip()


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
