"""The register of acceptances on the wire, the same fields in JSON, JSONL and CSV."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec

from registry.acceptances import OpenedAcceptance
from registry.kernel.clock import iso
from registry.kernel.exports import ExportFormat, write_rows


class AcceptanceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An acceptance as the publisher's auditors see it; name, e-mail and answers are null once erased or restricted."""

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
        capacity="organisation" if summary.organisation_id else "self",
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


def write_records(
    pages: AsyncIterator[Sequence[OpenedAcceptance]], kind: ExportFormat
) -> AsyncIterator[bytes]:
    """Return an export that streams."""

    async def rows() -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        async for page in pages:
            yield [msgspec.structs.asdict(view_record(row)) for row in page]

    return write_rows(rows(), kind, record=AcceptanceRecord, cells=_cells)


def _cells(record: Mapping[str, Any]) -> list[object]:
    answers = record["answers"]
    cells = {**record, "answers": msgspec.json.encode(answers).decode() if answers else ""}
    return list(cells.values())
