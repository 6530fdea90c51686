"""A report read part by part: whom it speaks of, each once, and what is to be said about its other rows.

Memory holds one part, whatever the length of the file. Whether somebody stands in the report twice is looked up in a
database of its own, which SQLite keeps in a file without a name and which is gone with the process; it holds keyed
digests, made with a key that nobody keeps.
"""

import hashlib
import io
import secrets
import sqlite3
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import IO

from registry.acceptances.reports import (
    ENCODING,
    Claimed,
    NotAccepted,
    Row,
    Source,
    Wrong,
    judge_row,
    read_report,
)

REMARKS_MOST = 100
"""Remarks of each kind; the rest is counted."""


class Sifting:
    """A report on its way through; `next_part` until it returns nothing."""

    def __init__(self, file: IO[bytes], *, now: datetime, rows_per_part: int) -> None:
        """Read the head of `file`.

        Raises:
            UnreadableReportError: it is no report.
        """
        self._text = io.TextIOWrapper(file, encoding=ENCODING, newline="")
        self._now = now
        self._rows_per_part = rows_per_part
        self._seen = _Seen()
        self.counts: Counter[str] = Counter()
        """Of all rows so far: `people`, `repeated`, `wrong`, `not_accepted`."""
        self.remarks: list[tuple[int, str]] = []
        """Line, and what is said about it, without what stands there."""
        self.source: Source
        self._rows: Iterator[Row]
        self.source, self._rows = read_report(self._text)

    def next_part(self) -> list[Claimed]:
        """Return the next people; none at the end of the report.

        Raises:
            UnreadableReportError: the file breaks off here, or is none from here on.
        """
        part: list[Claimed] = []
        for row in self._rows:
            judged = judge_row(row, now=self._now)
            if isinstance(judged, Claimed):
                first = self._seen.find_or_note(judged)
                if first is None:
                    self.counts["people"] += 1
                    part.append(judged)
                else:
                    self._remark("repeated", row.line, f"is about the same person as {first}, and left out")
            elif isinstance(judged, Wrong):
                self._remark("wrong", row.line, judged.text)
            else:
                assert isinstance(judged, NotAccepted)  # noqa: S101 - there is no other verdict
                self.counts["not_accepted"] += 1
            if len(part) == self._rows_per_part:
                break
        return part

    def _remark(self, kind: str, line: int, said: str) -> None:
        self.counts[kind] += 1
        if self.counts[kind] <= REMARKS_MOST:
            self.remarks.append((line, said))


class _Seen:
    """Whose address or account a report has named before, and in which line."""

    def __init__(self) -> None:
        # No name: a file of its own that is gone when it is closed. Threads take turns.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(
            "CREATE TABLE seen (digest BLOB PRIMARY KEY, line INTEGER NOT NULL) WITHOUT ROWID"
        )
        self._key = secrets.token_bytes(32)

    def find_or_note(self, claimed: Claimed) -> int | None:
        """Return the line that was about the same person; where there is none, this one is noted."""
        digests = [self._digest(kind, value) for kind, value in _contacts(claimed)]
        for digest in digests:
            found = self._database.execute("SELECT line FROM seen WHERE digest = ?", (digest,)).fetchone()
            if found is not None:
                return int(found[0])
        rows = [(digest, claimed.line) for digest in digests]
        self._database.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", rows)
        return None

    def _digest(self, kind: str, value: str) -> bytes:
        return hashlib.blake2b(f"{kind}\x00{value}".encode(), key=self._key, digest_size=16).digest()


def _contacts(claimed: Claimed) -> Iterator[tuple[str, str]]:
    if claimed.email:
        yield "email", claimed.email
    if claimed.account:
        yield "account", claimed.account.lower()
