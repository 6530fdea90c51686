"""Download records on the wire, the same fields in JSON, JSONL and CSV."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec

from registry.delivery.domain import DownloadSummary
from registry.delivery.reading import NamedDownload
from registry.kernel.clock import iso
from registry.kernel.exports import ExportFormat, write_rows


class DownloadRecordOut(msgspec.Struct, frozen=True, kw_only=True):
    """A URL that was issued, or a gated text that was sent; `email` is null of erased and restricted people."""

    id: str
    issued_at: str
    person_id: str | None
    email: str | None
    model: str
    commit: str
    path: str
    sha256: str
    size: int
    receipt_id: str | None
    """Receipt of the acceptance that the right rested on; of the first one where the gate asks for several."""
    resumed_from: int | None
    channel: str
    client: str
    further_receipt_ids: list[str]
    """Of the others, in the order in which the gate asks for them."""
    service_account: str | None
    """Id of the service account that asked; then `person_id` is null."""
    service_account_name: str | None
    """How it is called, and whose it is."""


class DownloadRecordsOut(msgspec.Struct, frozen=True, kw_only=True):
    """A page of download records, newest first; `next` is the address of the following one."""

    items: list[DownloadRecordOut]
    next: str | None


def view_download(
    record: DownloadSummary, email: str | None, account: str | None = None
) -> DownloadRecordOut:
    """Return a download record as it goes out."""
    return DownloadRecordOut(
        id=str(record.id),
        issued_at=iso(record.issued_at),
        person_id=str(record.person_id) if record.person_id else None,
        email=email,
        model=f"{record.publisher}/{record.model}",
        commit=record.commit,
        path=record.path,
        sha256=record.sha256,
        size=record.size,
        receipt_id=str(record.acceptance_ids[0]) if record.acceptance_ids else None,
        resumed_from=record.resumed_from,
        channel=record.channel,
        client=record.client,
        further_receipt_ids=[str(acceptance_id) for acceptance_id in record.acceptance_ids[1:]],
        service_account=str(record.account_id) if record.account_id else None,
        service_account_name=account,
    )


def write_downloads(
    pages: AsyncIterator[Sequence[NamedDownload]], kind: ExportFormat
) -> AsyncIterator[bytes]:
    """Return an export that streams."""

    async def rows() -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        async for page in pages:
            yield [msgspec.structs.asdict(view_download(row.record, row.email, row.account)) for row in page]

    return write_rows(rows(), kind, record=DownloadRecordOut, cells=_cells)


def _cells(record: Mapping[str, Any]) -> list[Any]:
    return [" ".join(value) if isinstance(value, list) else value for value in record.values()]
