"""Use cases of a report that is sent as a file: read it, show what would come of it, and import it once that is confirmed.

Nothing is imported before somebody confirms. Then it goes part by part, each part in one transaction that also deletes
it: what is interrupted goes on at the first part that is left, and no row is lost or taken twice.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import IO
from uuid import UUID

import msgspec
import structlog
from sqlmodel import Session

from registry import catalog
from registry.acceptances import importing, refusals, report_store
from registry.acceptances.import_statement import ImportedFrom
from registry.acceptances.importing import ROWS_PER_IMPORT, Imported
from registry.acceptances.report_sifting import Sifting
from registry.acceptances.reports import Claimed, Source, UnreadableReportError
from registry.acceptances.sd_jwt import Sign
from registry.acceptances.tables import ImportReport
from registry.catalog.domain import Command, ModelView
from registry.identity.domain import Principal
from registry.kernel.database import Database
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import CorruptRecord, Refusal
from registry.kernel.sealing import Sealer

REPORT_MAX_BYTES = 32 << 20
"""Of a file that a browser sends; the command line has no such limit, for it sends rows."""
UNCONFIRMED_MOST = 5
"""Reports about one model that may wait for their confirmation."""
UNCONFIRMED_KEPT = timedelta(days=1)
FINISHED_KEPT = timedelta(days=30)
_log = structlog.get_logger()


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What would come of a report, as it was when the report was read."""

    added: int
    known: int
    forgotten: int
    linked: int
    repeated: int
    wrong: int
    not_accepted: int
    remarks: list[tuple[int, str]]
    """Line, and what is wrong with it or where the same person stood before; the first of each kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentReport:
    """A report that was read, and what has come of it."""

    id: UUID
    model: str
    source: Source
    sent_at: datetime
    preview: Preview
    confirmed_at: datetime | None
    invite: bool
    done: Imported
    finished_at: datetime | None

    @property
    def counts_entries(self) -> bool:
        """Whether its rows are entries of a list, and not lines."""
        return self.source is Source.HUB_REPORT


async def stage_report(
    database: Database,
    file: IO[bytes],
    *,
    publisher: str,
    name: str,
    principal: Principal,
    sealer: Sealer,
    now: datetime,
) -> UUID | Refusal:
    """Read a report into the database, sealed, and return its id; nothing is imported by it.

    The refusal of a file that cannot be read says where and why; of such a file nothing stays.
    """
    report: _Begun | Refusal | None = None
    try:
        sifting = await asyncio.to_thread(Sifting, file, now=now, rows_per_part=ROWS_PER_IMPORT)
        report = await database.write(
            partial(
                _begin,
                publisher=publisher,
                name=name,
                source=sifting.source,
                principal=principal,
                sealer=sealer,
                now=now,
            )
        )
        if isinstance(report, Refusal):
            return report
        foreseen, number = Imported(), 0
        while part := await asyncio.to_thread(sifting.next_part):
            number += 1
            add = partial(_add_part, report=report, number=number, rows=part, sealer=sealer)
            foreseen = foreseen.plus(await database.write(add))
        if not sifting.counts.total():
            raise UnreadableReportError("the report has no rows")
    except UnreadableReportError as error:
        if isinstance(report, _Begun):
            await database.write(partial(_drop, report_id=report.id, sealer=sealer))
        return refusals.report_unreadable(str(error))
    preview = Preview(
        added=foreseen.added,
        known=foreseen.known,
        forgotten=foreseen.forgotten,
        linked=foreseen.linked,
        repeated=sifting.counts["repeated"],
        wrong=sifting.counts["wrong"],
        not_accepted=sifting.counts["not_accepted"],
        remarks=sorted(sifting.remarks),
    )
    await database.write(
        partial(
            report_store.update_report, report_id=report.id, preview=msgspec.json.encode(preview).decode()
        )
    )
    return report.id


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    id: UUID
    model: ModelView


def _begin(
    session: Session,
    *,
    publisher: str,
    name: str,
    source: Source,
    principal: Principal,
    sealer: Sealer,
    now: datetime,
) -> _Begun | Refusal:
    model = importing.find_importable(session, publisher=publisher, name=name, principal=principal)
    if isinstance(model, Refusal):
        return model
    if report_store.count_unconfirmed(session, model.id) >= UNCONFIRMED_MOST:
        return refusals.reports_waiting(UNCONFIRMED_MOST)
    assert principal.person_id is not None  # noqa: S101 - authorise has seen to it
    report = ImportReport(
        id=new_id(), model_id=model.id, source=source.value, sent_by=principal.person_id, sent_at=now
    )
    report_store.insert_report(session, report)
    sealer.new_subject_key(session, report.id, now=now)
    return _Begun(id=report.id, model=model)


def _add_part(
    session: Session, *, report: _Begun, number: int, rows: Sequence[Claimed], sealer: Sealer
) -> Imported:
    key = sealer.find_subject_key(session, report.id)
    if key is None:
        raise CorruptRecord("the key of a report is gone while it is read")
    sealed = key.seal(msgspec.json.encode(rows), _context(report.id, number))
    report_store.insert_part(session, report.id, number, sealed)
    return importing.foresee_rows(session, report.model, rows, sealer=sealer)


def _context(report_id: UUID, number: int) -> bytes:
    """Return the place that the sealed rows of a part are bound to."""
    return b"import-report:" + report_id.bytes + number.to_bytes(8, "big")


def _drop(session: Session, report_id: UUID, *, sealer: Sealer) -> None:
    report_store.delete_report(session, report_id)
    sealer.destroy_subject_key(session, report_id)


def find_sent(
    session: Session, report_id: UUID, *, publisher: str, principal: Principal
) -> SentReport | Refusal:
    """Return a report about a model of the publisher."""
    found = _find(session, report_id, publisher=publisher, principal=principal)
    return found if isinstance(found, Refusal) else _view(session, [found])[0]


def list_sent(session: Session, model_ids: Sequence[UUID], *, limit: int) -> Sequence[SentReport]:
    """Return the reports about these models, the newest first."""
    return _view(session, report_store.list_reports(session, model_ids, limit=limit))


def confirm_report(
    session: Session, report_id: UUID, *, publisher: str, invite: bool, principal: Principal, now: datetime
) -> Refusal | None:
    """Have a report imported, as its preview says; a second time it changes nothing."""
    found = _find(session, report_id, publisher=publisher, principal=principal, lock=True)
    if isinstance(found, Refusal):
        return found
    if found.confirmed_at is None:
        report_store.update_report(
            session, report_id, confirmed_at=now, confirmed_by=principal.person_id, invite=invite
        )
        _log.info("import_report.confirmed", report=str(report_id), model=str(found.model_id))
    return None


def discard_report(
    session: Session, report_id: UUID, *, publisher: str, principal: Principal, sealer: Sealer
) -> Refusal | None:
    """Delete a report that was not confirmed, with all that stands in it."""
    found = _find(session, report_id, publisher=publisher, principal=principal, lock=True)
    if isinstance(found, Refusal):
        return found
    if found.confirmed_at is not None:
        return refusals.report_confirmed()
    _drop(session, report_id, sealer=sealer)
    return None


def _find(
    session: Session, report_id: UUID, *, publisher: str, principal: Principal, lock: bool = False
) -> ImportReport | Refusal:
    allowed = catalog.authorise(session, publisher, Command.IMPORT_ACCEPTORS, principal=principal)
    if isinstance(allowed, Refusal):
        return allowed
    found = report_store.find_report(session, report_id, lock=lock)
    if found is None or found.preview is None:
        return refusals.report_unknown()
    model = catalog.get_model(session, found.model_id)
    return found if model.publisher_id == allowed.id else refusals.report_unknown()


def _view(session: Session, rows: Sequence[ImportReport]) -> Sequence[SentReport]:
    names = catalog.name_models(session, [row.model_id for row in rows]) if rows else {}
    return [
        SentReport(
            id=row.id,
            model=names[row.model_id][1],
            source=Source(row.source),
            sent_at=row.sent_at,
            preview=msgspec.json.decode(row.preview or "", type=Preview),
            confirmed_at=row.confirmed_at,
            invite=row.invite,
            done=Imported(added=row.added, known=row.known, forgotten=row.forgotten, linked=row.linked),
            finished_at=row.finished_at,
        )
        for row in rows
    ]


def import_due(session: Session, *, issuer: str, sign: Sign, sealer: Sealer, now: datetime) -> int:
    """Import one part of a report that is confirmed, or delete a report whose time is over; return 0 if there is none."""
    expired = report_store.find_expired(
        session, unconfirmed=now - UNCONFIRMED_KEPT, finished=now - FINISHED_KEPT
    )
    if expired is not None:
        _drop(session, expired.id, sealer=sealer)
        return 1
    report = report_store.find_confirmed(session)
    if report is None:
        return 0
    part = report_store.find_part(session, report.id)
    if part is None:
        report_store.update_report(session, report.id, finished_at=now)
        sealer.destroy_subject_key(session, report.id)
        _log.info("import_report.finished", report=str(report.id), added=report.added)
        return 1
    key = sealer.find_subject_key(session, report.id)
    if key is None or report.confirmed_by is None:
        raise CorruptRecord("the key of a confirmed report is gone")
    rows = msgspec.json.decode(
        key.open(part.sealed_rows, _context(report.id, part.number)), type=list[Claimed]
    )
    origin = ImportedFrom(
        model=catalog.get_model(session, report.model_id),
        source=Source(report.source),
        issuer=issuer,
        imported_by=report.confirmed_by,
        imported_at=now,
    )
    outcome = importing.import_rows(session, rows, origin, invite=report.invite, sign=sign, sealer=sealer)
    report_store.update_report(
        session,
        report.id,
        added=report.added + outcome.added,
        known=report.known + outcome.known,
        forgotten=report.forgotten + outcome.forgotten,
        linked=report.linked + outcome.linked,
    )
    report_store.delete_part(session, part)
    return 1
