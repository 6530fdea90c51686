"""Reports of who accepted elsewhere: real forms are read, hostile ones are told by their line."""

import io
import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from registry.acceptances.reports import (
    ENCODING,
    ROW_MAX_CHARACTERS,
    Claimed,
    NotAccepted,
    Row,
    Source,
    UnreadableReportError,
    Wrong,
    judge_row,
    read_report,
)

NOW = datetime(2026, 11, 26, 18, tzinfo=UTC)
HUB = [
    {
        "user": "mara",
        "fullname": "Mara Lindqvist",
        "email": "mara@nordlab.example",
        "status": "accepted",
        "time": "2025-03-01T10:00:00.000Z",
        "reviewedAt": "2025-03-02T10:00:00.000Z",
        "grantedBy": {"user": "owner"},
    },
    {"user": "ben", "fullname": "Ben", "email": "ben@uni.example", "status": "pending", "time": None},
]


def opened(stream: Any) -> io.TextIOWrapper:
    return io.TextIOWrapper(stream, encoding=ENCODING, newline="")


def rows(text: str | bytes) -> list[Row]:
    data = text.encode() if isinstance(text, str) else text
    return list(read_report(opened(io.BytesIO(data)))[1])


def trouble(text: str | bytes) -> str:
    with pytest.raises(UnreadableReportError) as caught:
        rows(text)
    return str(caught.value)


def judged(**cells: str) -> Claimed | Wrong | NotAccepted:
    return judge_row(Row(line=2, **{"email": "a@b.example", **cells}), now=NOW)


@pytest.mark.parametrize("indent", [None, 2])
def test_a_report_of_the_hub(indent: int | None) -> None:
    source, found = read_report(opened(io.BytesIO(json.dumps(HUB, indent=indent).encode())))
    mara, ben = (judge_row(row, now=NOW) for row in found)
    assert source is Source.HUB_REPORT
    assert mara == Claimed(
        line=1,
        account="mara",
        name="Mara Lindqvist",
        email="mara@nordlab.example",
        stated_at=datetime(2025, 3, 1, 10, tzinfo=UTC),
    )
    assert ben == NotAccepted(line=2)


@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_csv_as_spreadsheets_write_it(start: str, delimiter: str, end: str) -> None:
    lines = [
        ["E-Mail", "Full Name", "secret"],
        ["a@b.example", '"A ""B"""', "x"],
        ["", "", ""],
        ["c@d.example", "C", "y"],
    ]
    text = start + end.join(delimiter.join(cells) for cells in lines)
    first, second = rows(text)
    assert (first.line, first.email, first.name) == (2, "a@b.example", 'A "B"')
    assert (second.line, second.email) == (4, "c@d.example")


def test_lines_are_counted_through_quoted_line_breaks() -> None:
    first, second = rows('email,fullname\na@b.example,"two\nlines"\nc@d.example,C\n')
    assert (first.line, second.line) == (2, 4)
    assert isinstance(judge_row(first, now=NOW), Wrong)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,when\na,b\n", "line 1 names neither"),
        ("", "line 1 names neither"),
        ("email,mail\na@b.example,c@d.example\n", "two columns for the email"),
        ("email,name\na@b.example\n", "line 2 has 1 columns, the first line has 2"),
        ("email,name\na@b.example,A\nc@d.example,C,,\n", "line 3 has 4 columns"),
        (b"email\na@b.example\n\xff\xfe\n", "not UTF-8"),
        (b"\xff\xfeemail\n", "not UTF-8"),
        ('email,name\na@b.example,"open\n' + "x" * ROW_MAX_CHARACTERS, "longer than"),
        ('email,name\na@b.example,"a"b\n', "after line 0: not CSV"),
        ("email" + "," * 300, "more than 200 columns"),
        ("[1]", "entry 1 is not an object"),
        ('[{"email":["a@b.example"]}]', "entry 1: the email is not one text"),
        ('[{"email":"a@b.example"}', "entry 2 is not whole JSON"),
        ('[{"email":"a@b.example"} {}]', "after entry 1 stands something"),
        ('[{"email":"a@b.example"}]x', "after entry 1 stands something"),
        ("[" + "[" * 100_000, "entry 1 is not whole JSON"),
        ('[{"email":"' + "a" * 200_000, "entry 1 is not whole JSON"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_place(text: str | bytes, said: str) -> None:
    assert said in trouble(text)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"email": "no address"}, "email"),
        ({"email": "=cmd()@b.example\t"}, "control"),
        ({"email": "", "account": ""}, "neither"),
        ({"account": "=HYPERLINK(1)"}, "user"),
        ({"name": "x" * 201}, "fullname"),
        ({"name": "a\x00b"}, "control"),
        ({"status": "maybe"}, "status"),
        ({"time": "yesterday"}, "time"),
        ({"time": "2025-02-30"}, "time"),
        ({"time": "2027-01-01"}, "future"),
        ({"time": "1970-01-01"}, "2000"),
        ({"time": "9999-12-31T23:59:59-23:00"}, "time"),
    ],
)
def test_a_wrong_row_is_told_without_what_stands_there(cells: dict[str, str], said: str) -> None:
    found = judged(**cells)
    assert isinstance(found, Wrong)
    assert said in found.text
    assert all(cell.strip() not in found.text for cell in cells.values() if len(cell) > 5)


@pytest.mark.parametrize(
    ("time", "read"),
    [
        ("2025-03-01", datetime(2025, 3, 1, tzinfo=UTC)),
        ("2025-03-01T10:00:00+02:00", datetime(2025, 3, 1, 8, tzinfo=UTC)),
        ("", None),
    ],
)
def test_times_are_read_as_utc(time: str, read: datetime | None) -> None:
    found = judged(time=time)
    assert isinstance(found, Claimed)
    assert found.stated_at == read


class Endless(io.RawIOBase):
    """A file of very many rows that is never whole in memory."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = next(self._pieces, b"")
        piece, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_memory_stays_flat_over_many_rows(kind: str) -> None:
    many = 50_000

    def pieces() -> Iterator[bytes]:
        yield b"email\n" if kind == "csv" else b"[{}"
        for number in range(many):
            address = f"person{number}@lab.example"
            yield (f"{address}\n" if kind == "csv" else f',{{"email":"{address}"}}').encode()
        yield b"" if kind == "csv" else b"]"

    tracemalloc.start()
    count = sum(1 for _ in read_report(opened(io.BufferedReader(Endless(pieces()))))[1])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count >= many
    assert peak < 4 << 20
