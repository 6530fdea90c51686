"""Reports of who accepted terms elsewhere: a Hub user-access report (JSON) or a CSV, read row by row.

A report is hostile until it is read: nothing of it is held in memory but one row, and what is wrong is said by line
(in JSON: by entry) and column, never by repeating what stands there.
"""

import csv
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TextIO

from registry.identity.domain import normalise_email

ROW_MAX_CHARACTERS = 64 * 1024
ROWS_MOST = 1_000_000
NAME_MOST = 200
COLUMNS_MOST = 200
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
CLOCKS_APART = timedelta(days=1)
"""How far in the future a time may lie: reports without a zone are read as UTC."""
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}\Z")
_COLUMNS = {
    "user": "account",
    "username": "account",
    "account": "account",
    "fullname": "name",
    "name": "name",
    "email": "email",
    "emailaddress": "email",
    "mail": "email",
    "status": "status",
    "time": "time",
    "timestamp": "time",
    "acceptedat": "time",
    "date": "time",
}
_DELIMITERS = (",", ";", "\t")
_NOT_ACCEPTED = frozenset({"pending", "rejected", "reset", "cancelled"})


class Source(StrEnum):
    """Where an import comes from."""

    HUB_REPORT = "hub-report"
    CSV = "csv"


class UnreadableReportError(Exception):
    """The file cannot be read on from here; the text says where and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row as it stands in the report; empty where it has no such column."""

    line: int
    account: str = ""
    name: str = ""
    email: str = ""
    status: str = ""
    time: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """Somebody who accepted, as the report says."""

    line: int
    account: str | None
    name: str | None
    email: str | None
    stated_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """What is wrong in a row, without what stands there."""

    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAccepted:
    """A row about somebody who has not accepted; it is left out."""

    line: int


ENCODING = "utf-8-sig"
"""How a report is opened, with `newline=""`; spreadsheets put a mark of the byte order in front."""


def read_report(text: TextIO) -> tuple[Source, Iterator[Row]]:
    """Return what kind of report an open file is, and its rows one by one.

    Raises:
        UnreadableReportError: it is neither; also while the rows are read, where the file breaks off.
    """
    try:
        head = text.read(1)
        while head and head.isspace() and head not in "\r\n":
            head = text.read(1)
        if head == "[":
            return Source.HUB_REPORT, _guarded(_json_rows(text), "entry")
        return Source.CSV, _guarded(_csv_rows(_Lines(text, head)), "line")
    except UnicodeDecodeError:
        raise UnreadableReportError("the file is not UTF-8 text") from None


def judge_row(row: Row, *, now: datetime) -> Claimed | Wrong | NotAccepted:
    """Return whom a row speaks of, or what is wrong with it."""
    cells = [row.account, row.name, row.email, row.status, row.time]
    if any(unicodedata.category(letter) in {"Cc", "Cs"} for cell in cells for letter in cell):
        return Wrong(line=row.line, text="has a control character in it")
    status = row.status.strip().lower()
    if status in _NOT_ACCEPTED:
        return NotAccepted(line=row.line)
    if status not in {"", "accepted"}:
        return Wrong(line=row.line, text="status is none of accepted, pending, rejected, reset, cancelled")
    account, email = row.account.strip(), row.email.strip()
    address = normalise_email(email) if email else None
    if email and address is None:
        return Wrong(line=row.line, text="email is not an e-mail address")
    if account and not _ACCOUNT.match(account):
        return Wrong(line=row.line, text="user is not the name of an account")
    if not account and not address:
        return Wrong(line=row.line, text="has neither an e-mail address nor an account")
    name = row.name.strip()
    if len(name) > NAME_MOST:
        return Wrong(line=row.line, text=f"fullname is longer than {NAME_MOST} characters")
    stated = _moment(row.time.strip())
    if isinstance(stated, str) or (stated is not None and not EARLIEST <= stated <= now + CLOCKS_APART):
        said = stated if isinstance(stated, str) else "time lies in the future, or before the year 2000"
        return Wrong(line=row.line, text=said)
    return Claimed(line=row.line, account=account or None, name=name or None, email=address, stated_at=stated)


def _moment(text: str) -> datetime | str | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return "time is not a moment as 2026-11-26T18:00:00Z"


class _Lines:
    """Lines of bounded length, for the reader of CSV; knows how many characters make the row so far."""

    def __init__(self, text: TextIO, head: str) -> None:
        self._text = text
        self._head = head
        self.in_row = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        head, self._head = self._head, ""
        line = head if head == "\n" else head + self._text.readline(ROW_MAX_CHARACTERS + 1)
        if not line:
            raise StopIteration
        self.in_row += len(line)
        if self.in_row > ROW_MAX_CHARACTERS:
            raise UnreadableReportError(
                f"a row is longer than {ROW_MAX_CHARACTERS:,} characters; perhaps a quote is never closed"
            )
        return line


def _csv_rows(lines: _Lines) -> Iterator[Row]:
    first = next(lines, "")
    delimiter = max(_DELIMITERS, key=first.count)
    head = next(csv.reader([first], delimiter=delimiter), [])
    columns = _choose_columns(head)
    lines.in_row = 0
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    begins = 2
    for cells in reader:
        line, begins, lines.in_row = begins, reader.line_num + 2, 0
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(head):
            raise UnreadableReportError(
                f"line {line} has {len(cells)} columns, the first line has {len(head)}"
            )
        yield Row(line=line, **{name: cells[place] for name, place in columns.items()})


def _choose_columns(head: list[str]) -> Mapping[str, int]:
    if len(head) > COLUMNS_MOST:
        raise UnreadableReportError(f"line 1 has more than {COLUMNS_MOST} columns")
    columns: dict[str, int] = {}
    for place, title in enumerate(head):
        name = _COLUMNS.get(re.sub(r"[\s_-]", "", title).lower())
        if name is None:
            continue
        if name in columns:
            raise UnreadableReportError(f"line 1 has two columns for the {name}")
        columns[name] = place
    if "email" not in columns and "account" not in columns:
        raise UnreadableReportError(
            "line 1 names neither a column email nor a column user; the first line of a CSV names the columns, "
            "such as user,fullname,email,status,time"
        )
    return columns


def _json_rows(text: TextIO) -> Iterator[Row]:
    decoder = json.JSONDecoder()
    buffer, at, number = "", 0, 0
    while True:
        at = _skip(buffer, at)
        if buffer[at : at + 1] == "]":
            break
        if number and buffer[at : at + 1] not in {",", ""}:
            raise UnreadableReportError(f"after entry {number} stands something that is no entry")
        begin = _skip(buffer, at + 1) if number else at
        try:
            value, at = decoder.raw_decode(buffer, begin)
        except (ValueError, RecursionError):
            more = text.read(ROW_MAX_CHARACTERS) if len(buffer) - at <= ROW_MAX_CHARACTERS else ""
            if not more:
                raise UnreadableReportError(f"entry {number + 1} is not whole JSON, or too long") from None
            buffer, at = buffer[at:] + more, 0
            continue
        number += 1
        yield _json_row(value, number)
    if (buffer[at + 1 :] + text.read(ROW_MAX_CHARACTERS)).strip():
        raise UnreadableReportError(f"after entry {number} stands something that is no entry")


def _skip(buffer: str, at: int) -> int:
    while buffer[at : at + 1] and buffer[at] in " \t\r\n":
        at += 1
    return at


def _json_row(value: object, number: int) -> Row:
    if not isinstance(value, dict):
        raise UnreadableReportError(f"entry {number} is not an object")
    found: dict[str, str] = {}
    for key, cell in value.items():
        name = _COLUMNS.get(key.lower())
        if name is None or cell is None:
            continue
        if not isinstance(cell, str) or name in found:
            raise UnreadableReportError(f"entry {number}: the {name} is not one text")
        found[name] = cell
    return Row(line=number, **found)


def _guarded(rows: Iterator[Row], unit: str) -> Iterator[Row]:
    """Yield the rows; what the readers raise is said with the last row that could be read."""
    last = 0
    try:
        for count, row in enumerate(rows, start=1):
            if count > ROWS_MOST:
                raise UnreadableReportError(f"the file has more than {ROWS_MOST:,} rows; import it in parts")
            yield row
            last = row.line
    except UnicodeDecodeError:
        raise UnreadableReportError(f"after {unit} {last}: the file is not UTF-8 text") from None
    except csv.Error as error:
        raise UnreadableReportError(f"after {unit} {last}: not CSV ({error})") from None
