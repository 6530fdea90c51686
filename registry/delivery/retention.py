"""Destroys what is due, class after class: one step is one short transaction over a bounded number of rows.

What a legal hold concerns stays. A class is walked in the order of ids; where it has come to stands in a mark, so that no
step reads what is settled. When the holds change, the walk goes back to the first row that was spared.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from uuid import UUID

import structlog
from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from registry.acceptances import retention as of_acceptances
from registry.access import retention as of_access
from registry.catalog import drafts
from registry.delivery import counted_days, holds
from registry.delivery.hold_domain import Held, held
from registry.delivery.retention_tables import RetentionMark
from registry.delivery.tables import DownloadRecord, RefusedRequest
from registry.identity import retention as of_identity
from registry.kernel.clock import Clock
from registry.kernel.database import Database
from registry.kernel.periodic import run_periodically
from registry.kernel.retention import Retention, Spared, Walked
from registry.kernel.sealing import Sealer
from registry.kernel.telemetry import DESTROYED

SWEEP_SECONDS = 600.0
SWEEP_LOCK = holds.SWEEP_LOCK
ROWS_PER_STEP = 200
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What a step is done with."""

    retention: Retention
    sealer: Sealer
    now: datetime
    limit: int = ROWS_PER_STEP

    def due(self, days: int) -> datetime | None:
        """Return the moment up to which a class of so many days is due; None where it never is."""
        return self.retention.due(days, self.now)


async def run_sweeping(database: Database, *, retention: Retention, sealer: Sealer, clock: Clock) -> None:
    """Destroy what is due, until cancelled."""
    await run_periodically(
        database,
        lambda session: sweep(session, Pass(retention=retention, sealer=sealer, now=clock.now())),
        what="retention",
        seconds=SWEEP_SECONDS,
        lock=SWEEP_LOCK,
    )


def sweep(session: Session, given: Pass) -> int:
    """Do one step of each class; return how many rows were settled, 0 when nothing more is due."""
    standing = holds.load_held(session, now=given.now)

    def spared(person_id: UUID | None, gate_id: UUID | None, model_id: UUID | None) -> bool:
        return held(standing, person_id=person_id, gate_id=gate_id, model_id=model_id)

    settled = 0
    for name, walk in _BY_AGE.items():
        settled += _go_on(session, name, walk, given, spared, _fingerprint(standing))
    for name, walk in _IN_ROUNDS.items():
        settled += _go_round(session, name, walk, given, spared)
    for name, rows in _clear(session, given, standing.people):
        _report(name, rows)
        settled += rows
    return settled


Walk = Callable[[Session, Pass, Spared, UUID | None], Walked | None]


def _go_on(session: Session, name: str, walk: Walk, given: Pass, spared: Spared, fingerprint: str) -> int:
    """Walk on in a class whose rows become due in the order of their ids."""
    mark = session.get(RetentionMark, name) or RetentionMark(name=name)
    if mark.holds != fingerprint:
        if mark.spared_from is not None:
            mark.settled_to = UUID(int=mark.spared_from.int - 1)
        mark.spared_from, mark.holds = None, fingerprint
    walked = walk(session, given, spared, mark.settled_to)
    if walked is None:
        return 0
    if walked.last is not None:
        mark.settled_to = walked.last
    if mark.spared_from is None:
        mark.spared_from = walked.first_spared
    session.add(mark)
    _report(name, walked.changed)
    return walked.looked


def _go_round(session: Session, name: str, walk: Walk, given: Pass, spared: Spared) -> int:
    """Walk on in a class whose rows become due in any order: at the end from the beginning, the next time."""
    mark = session.get(RetentionMark, name) or RetentionMark(name=name)
    walked = walk(session, given, spared, mark.settled_to)
    if walked is None:
        return 0
    goes_on = walked.looked >= given.limit
    mark.settled_to = walked.last if goes_on else None
    session.add(mark)
    _report(name, walked.changed)
    return walked.looked if goes_on else walked.changed


def _clear(session: Session, given: Pass, people: Collection[UUID]) -> Iterator[tuple[str, int]]:
    """Destroy what has no more use; of people who are held themselves, only what served one try to sign in."""
    yield "model-drafts", drafts.forget_old(session, now=given.now, limit=given.limit)
    yield "sign-in-attempts", of_identity.delete_spent(session, now=given.now, limit=given.limit)
    if before := given.due(given.retention.sign_in_days):
        yield (
            "sessions",
            of_identity.delete_sessions(session, before=before, but_of=people, limit=given.limit),
        )
    if before := given.due(given.retention.connection_days):
        yield (
            "program-networks",
            of_identity.forget_networks(session, before=before, but_of=people, limit=given.limit),
        )


def _fingerprint(standing: Held) -> str:
    parts = (sorted(part) for part in (standing.people, standing.gates, standing.models))
    return hashlib.sha256("|".join(str(part) for part in parts).encode()).hexdigest()


def _report(name: str, rows: int) -> None:
    if rows:
        DESTROYED.labels(name).inc(rows)
        _log.info("retention.destroyed", what=name, rows=rows)


def _connections(session: Session, given: Pass, spared: Spared, after: UUID | None) -> Walked | None:
    before = given.due(given.retention.connection_days)
    if before is None:
        return None
    return of_acceptances.forget_connections(
        session,
        after=after,
        before=before,
        spared=spared,
        sealer=given.sealer,
        now=given.now,
        limit=given.limit,
    )


def _programs_of_downloads(
    session: Session, given: Pass, spared: Spared, after: UUID | None
) -> Walked | None:
    """What programs said of themselves, and the ids of requests; the record itself stays."""
    before = given.due(given.retention.connection_days)
    if before is None:
        return None
    statement = select(
        DownloadRecord.id, DownloadRecord.person_id, DownloadRecord.model_id, DownloadRecord.issued_at
    )
    if after is not None:
        statement = statement.where(DownloadRecord.id > after)
    rows = session.exec(statement.order_by(col(DownloadRecord.id)).limit(given.limit)).all()
    due = list(takewhile(lambda row: row[3] <= before, rows))
    stays = {row[0] for row in due if spared(row[1], None, row[2])}
    goes = [row[0] for row in due if row[0] not in stays]
    session.exec(
        update(DownloadRecord).where(col(DownloadRecord.id).in_(goes)).values(client="", request_id="")
    )
    return _walked([row[0] for row in due], stays)


def _downloads(session: Session, given: Pass, spared: Spared, after: UUID | None) -> Walked | None:
    before = given.due(given.retention.download_days)
    if before is None:
        return None
    return counted_days.count_records(
        session, after=after, before=before, spared=spared, now=given.now, limit=given.limit
    )


def _refused(session: Session, given: Pass, spared: Spared, after: UUID | None) -> Walked | None:
    before = given.due(given.retention.refused_days)
    if before is None:
        return None
    statement = select(RefusedRequest)
    if after is not None:
        statement = statement.where(RefusedRequest.id > after)
    rows = session.exec(statement.order_by(col(RefusedRequest.id)).limit(given.limit)).all()
    due = list(takewhile(lambda row: row.refused_at <= before, rows))
    stays = {row.id for row in due if spared(row.person_id, None, row.model_id)}
    goes = [row.id for row in due if row.id not in stays]
    session.exec(delete(RefusedRequest).where(col(RefusedRequest.id).in_(goes)))
    return _walked([row.id for row in due], stays)


def _walked(due: Sequence[UUID], stays: set[UUID]) -> Walked:
    return Walked(
        last=due[-1] if due else None,
        first_spared=min(stays, default=None),
        changed=len(due) - len(stays),
        looked=len(due),
    )


def _notices(session: Session, given: Pass, spared: Spared, after: UUID | None) -> Walked | None:
    before = given.due(given.retention.notice_days)
    if before is None:
        return None
    return of_identity.delete_notices(session, after=after, before=before, spared=spared, limit=given.limit)


def _review_notes(session: Session, given: Pass, spared: Spared, after: UUID | None) -> Walked | None:
    before = given.due(given.retention.review_note_days)
    if before is None:
        return None
    return of_access.forget_review_notes(
        session, after=after, before=before, spared=spared, limit=given.limit
    )


def _details(session: Session, given: Pass, spared: Spared, after: UUID | None) -> Walked | None:
    before = given.due(given.retention.ended_acceptance_days)
    if before is None:
        return None
    return of_acceptances.forget_details(
        session, after=after, before=before, spared=spared, now=given.now, limit=given.limit
    )


def _drafts(session: Session, given: Pass, spared: Spared, after: UUID | None) -> Walked | None:
    before = given.due(given.retention.draft_days)
    if before is None:
        return None
    return of_access.forget_drafts(session, after=after, before=before, spared=spared, limit=given.limit)


def _requests(session: Session, given: Pass, spared: Spared, after: UUID | None) -> Walked | None:
    before = given.due(given.retention.closed_request_days)
    if before is None:
        return None
    return of_access.forget_words(
        session, after=after, before=before, spared=spared, now=given.now, limit=given.limit
    )


_BY_AGE: Mapping[str, Walk] = {
    "acceptance-connections": _connections,
    "download-programs": _programs_of_downloads,
    "download-records": _downloads,
    "refused-requests": _refused,
    "notices": _notices,
    "review-notes": _review_notes,
}
_IN_ROUNDS: Mapping[str, Walk] = {
    "acceptance-details": _details,
    "request-drafts": _drafts,
    "request-words": _requests,
}
