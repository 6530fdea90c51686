"""The register of acceptances on the wire, the same fields in JSON, JSONL and CSV."""

from collections.abc import AsyncIterator, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from registry.acceptances import OpenedAcceptance
from registry.kernel.clock import iso
from registry.kernel.exports import csv_lines, jsonl_lines


class ExportFormat(StrEnum):
    """How a list goes out."""

    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


class AcceptanceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An acceptance as the publisher's auditors see it; name, e-mail and answers are null once erased."""

    receipt_id: str
    accepted_at: str
    person_id: str
    name: str | None
    email: str | None
    capacity: str
    model: str
    license: str
    text_sha256: str
    language: str
    grade: str
    state: str
    withdrawn_at: str | None
    log_index: int | None
    answers: dict[str, str]


class AcceptanceRecords(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the register, newest first; `next` is the address of the following one."""

    items: list[AcceptanceRecord]
    next: str | None


def view_record(opened: OpenedAcceptance) -> AcceptanceRecord:
    """Return an acceptance as it goes out."""
    summary = opened.summary
    return AcceptanceRecord(
        receipt_id=str(summary.id),
        accepted_at=iso(summary.accepted_at),
        person_id=str(summary.person_id),
        name=opened.name,
        email=opened.email,
        capacity="self",
        model=f"{summary.publisher}/{summary.model}",
        license=f"{summary.slug}@{summary.number}",
        text_sha256=summary.text_sha256,
        language=opened.language,
        grade=summary.grade.value,
        state=summary.state.value,
        withdrawn_at=iso(summary.withdrawn_at) if summary.withdrawn_at else None,
        log_index=opened.entry_index,
        answers=dict(opened.answers),
    )


async def write_records(
    pages: AsyncIterator[Sequence[OpenedAcceptance]], kind: ExportFormat
) -> AsyncIterator[bytes]:
    """Yield an export piece by piece: CSV with its head line, or JSONL."""
    names = AcceptanceRecord.__struct_fields__
    if kind is ExportFormat.CSV:
        yield csv_lines([names])
    async for rows in pages:
        records: list[dict[str, Any]] = [msgspec.structs.asdict(view_record(row)) for row in rows]
        yield (
            csv_lines([_cells(record) for record in records])
            if kind is ExportFormat.CSV
            else jsonl_lines(records)
        )


def _cells(record: dict[str, Any]) -> list[object]:
    answers = record["answers"]
    cells = {**record, "answers": msgspec.json.encode(answers).decode() if answers else ""}
    return list(cells.values())
