"""Exports that stream: lines of CSV and JSONL, Parquet, and the pages of the database they come from.

A spreadsheet runs what looks like a formula. In CSV every cell that could be one gets an apostrophe in
front (OWASP, CSV injection); JSONL carries values as they are.
"""

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from registry.kernel.parquet import PARQUET_TYPE, parquet_pieces

ROWS_PER_READ = 500
"""Rows of one read: little enough that the first ones leave at once."""
CSV_TYPE = "text/csv"
JSONL_TYPE = "application/x-ndjson"


class ExportFormat(StrEnum):
    """How a list goes out."""

    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


MEDIA_TYPES = {
    ExportFormat.CSV: CSV_TYPE,
    ExportFormat.JSONL: JSONL_TYPE,
    ExportFormat.PARQUET: PARQUET_TYPE,
}
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\u3000", "\uff1d", "\uff0b", "\uff0d", "\uff20")
Row = TypeVar("Row")


def neutralise(text: str) -> str:
    """Return `text` so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text


def csv_lines(rows: Iterable[Sequence[object]]) -> bytes:
    """Return rows as CSV (RFC 4180); no cell is a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for row in rows:
        writer.writerow([neutralise(cell) if isinstance(cell, str) else cell for cell in row])
    return buffer.getvalue().encode()


def jsonl_lines(rows: Iterable[Mapping[str, object]]) -> bytes:
    """Return rows as JSON texts, one a line."""
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


async def write_rows(
    pages: AsyncIterator[Sequence[Mapping[str, Any]]],
    kind: ExportFormat,
    *,
    record: type[msgspec.Struct],
    cells: Callable[[Mapping[str, Any]], Sequence[object]],
) -> AsyncIterator[bytes]:
    """Yield an export piece by piece; `cells` are those of a row in CSV, which begins with its head line."""
    if kind is ExportFormat.PARQUET:
        async for piece in parquet_pieces(record, pages):
            yield piece
        return
    if kind is ExportFormat.CSV:
        yield csv_lines([record.__struct_fields__])
    async for rows in pages:
        yield csv_lines([cells(row) for row in rows]) if kind is ExportFormat.CSV else jsonl_lines(rows)


async def pages_of(
    read: Callable[[UUID | None], Awaitable[Sequence[Row]]], position: Callable[[Row], UUID]
) -> AsyncIterator[Sequence[Row]]:
    """Yield page after page of what `read` gives, each from where the last one ended."""
    after: UUID | None = None
    while rows := await read(after):
        yield rows
        if len(rows) < ROWS_PER_READ:
            return
        after = position(rows[-1])
