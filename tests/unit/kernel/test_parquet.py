"""Parquet that streams: what is read back is what went in; memory is that of a row group; whoever goes away ends it."""

import asyncio
import io
import threading
import tracemalloc
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec
import pytest
from arro3.io import read_parquet

from registry.kernel import parquet
from registry.kernel.parquet import parquet_pieces


class Line(msgspec.Struct, kw_only=True):
    """A row with a field of each kind."""

    id: str
    size: int
    resumed_from: int | None
    email: str | None
    issued_at: str
    ended_at: str | None
    open: bool
    further: list[str]
    answers: dict[str, str]


def row(number: int) -> dict[str, Any]:
    return {
        "id": f"row-{number}", "size": number * 2**40, "resumed_from": None if number % 3 else number,
        "email": None if number % 2 else "=ä@example.org", "issued_at": "2026-11-23T14:07:31.250Z",
        "ended_at": None, "open": number % 2 == 0, "further": ["a", "b"][: number % 3], "answers": {"Land": "Åland"},
    }  # fmt: skip


async def pages_of(*pages: Sequence[Mapping[str, Any]]) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
    for page in pages:
        yield page


async def whole(*pages: Sequence[Mapping[str, Any]]) -> Any:
    data = b"".join([piece async for piece in parquet_pieces(Line, pages_of(*pages))])
    return read_parquet(io.BytesIO(data)).read_all()


def threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "parquet"]


async def test_what_is_read_back_is_what_went_in() -> None:
    rows = [row(number) for number in range(1200)]
    table = await whole(rows[:500], [], rows[500:1000], rows[1000:])
    assert table.num_rows == 1200
    assert [field.name for field in table.schema] == list(Line.__struct_fields__)
    assert "Timestamp(ms" in str(table.schema.field("issued_at").type)
    columns = {name: [one.as_py() for one in table.column(name)] for name in Line.__struct_fields__}
    for number in (0, 1, 2, 499, 500, 1199):
        expected = row(number)
        assert columns["id"][number] == expected["id"]
        assert columns["size"][number] == expected["size"]
        assert columns["resumed_from"][number] == expected["resumed_from"]
        assert columns["email"][number] == expected["email"]
        assert columns["open"][number] == expected["open"]
        assert columns["issued_at"][number].isoformat() == "2026-11-23T14:07:31.250000+00:00"
        assert columns["ended_at"][number] is None
        assert msgspec.json.decode(columns["further"][number]) == expected["further"]
        assert msgspec.json.decode(columns["answers"][number]) == expected["answers"]


async def test_an_export_without_rows_is_a_file_with_its_columns() -> None:
    table = await whole()
    assert table.num_rows == 0
    assert [field.name for field in table.schema] == list(Line.__struct_fields__)


async def test_row_groups_leave_while_later_rows_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 1000)
    sizes: list[int] = []
    read = 0

    async def pages() -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        nonlocal read
        for number in range(200):
            read += 1
            yield [row(number * 500 + at) for at in range(500)]

    tracemalloc.start()
    early = 0
    async for piece in parquet_pieces(Line, pages()):
        if piece and read < 100:
            early += 1
        sizes.append(len(piece))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert early > 10
    assert peak < 12 << 20
    assert sum(sizes) > 100_000


async def test_who_goes_away_in_the_middle_leaves_no_thread_behind() -> None:
    async def endless() -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        while True:
            yield [row(at) for at in range(500)]

    pieces = parquet_pieces(Line, endless())
    await anext(pieces)
    assert threads()
    await pieces.aclose()
    for thread in threads():
        await asyncio.to_thread(thread.join, 20)
    assert threads() == []


async def test_a_defect_while_reading_ends_the_file_with_it() -> None:
    async def broken() -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        yield [row(1)]
        raise LookupError("row 2")

    with pytest.raises(LookupError, match="row 2"):
        [piece async for piece in parquet_pieces(Line, broken())]
    for thread in threads():
        await asyncio.to_thread(thread.join, 20)
    assert threads() == []
