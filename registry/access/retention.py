"""What of access requests goes when its time is over: the words. That somebody asked, and what came of it, stays.

What an applicant wrote goes with the request's end; what reviewers wrote by its age, also while the access stands.
"""

from datetime import datetime
from itertools import takewhile
from uuid import UUID

from sqlalchemy import update
from sqlmodel import Session, col, select

from registry.access.tables import AccessRequest, RequestStep
from registry.access.transitions import OPEN, RequestState
from registry.kernel.retention import Spared, Walked

_ENDED = [state for state in RequestState if state not in OPEN and state is not RequestState.APPROVED]


def forget_drafts(
    session: Session, *, after: UUID | None, before: datetime, spared: Spared, limit: int
) -> Walked:
    """Destroy what was filled in up to `before` and never sent; the request stays a draft, empty."""
    statement = select(AccessRequest).where(
        col(AccessRequest.is_open),
        AccessRequest.state == RequestState.DRAFT,
        AccessRequest.state_since <= before,
        col(AccessRequest.sealed_draft).is_not(None),
    )
    if after is not None:
        statement = statement.where(AccessRequest.id > after)
    rows = session.exec(statement.order_by(col(AccessRequest.id)).limit(limit)).all()
    stays = {row.id for row in rows if spared(row.person_id, row.gate_id, row.model_id)}
    goes = [row.id for row in rows if row.id not in stays]
    session.exec(update(AccessRequest).where(col(AccessRequest.id).in_(goes)).values(sealed_draft=None))
    return _walked(rows[-1].id if rows else None, stays, goes)


def forget_words(
    session: Session, *, after: UUID | None, before: datetime, spared: Spared, now: datetime, limit: int
) -> Walked:
    """Destroy answers and notes of requests that ended without access, or whose access was ended, up to `before`."""
    statement = select(AccessRequest).where(
        col(AccessRequest.state).in_(_ENDED),
        AccessRequest.state_since <= before,
        col(AccessRequest.words_forgotten_at).is_(None),
    )
    if after is not None:
        statement = statement.where(AccessRequest.id > after)
    # Locked, so that an appeal that is sent meanwhile is seen: its words stay.
    rows = session.exec(
        statement.order_by(col(AccessRequest.id)).limit(limit).with_for_update(skip_locked=True)
    ).all()
    stays = {row.id for row in rows if spared(row.person_id, row.gate_id, row.model_id)}
    goes = [row.id for row in rows if row.id not in stays]
    session.exec(update(RequestStep).where(col(RequestStep.request_id).in_(goes)).values(sealed=None))
    session.exec(update(AccessRequest).where(col(AccessRequest.id).in_(goes)).values(words_forgotten_at=now))
    return _walked(rows[-1].id if rows else None, stays, goes)


def forget_review_notes(
    session: Session, *, after: UUID | None, before: datetime, spared: Spared, limit: int
) -> Walked:
    """Destroy what others than the applicant wrote up to `before`, by the ids of steps after `after`."""
    statement = select(RequestStep, AccessRequest).join(
        AccessRequest, col(AccessRequest.id) == col(RequestStep.request_id)
    )
    if after is not None:
        statement = statement.where(RequestStep.id > after)
    rows = session.exec(statement.order_by(col(RequestStep.id)).limit(limit)).all()
    due = list(takewhile(lambda row: row[0].at <= before, rows))
    notes = [(step, request) for step, request in due if step.actor_id != request.person_id]
    stays = {
        step.id for step, request in notes if spared(request.person_id, request.gate_id, request.model_id)
    }
    goes = [step.id for step, _ in notes if step.id not in stays]
    destroyed = session.exec(
        update(RequestStep)
        .where(col(RequestStep.id).in_(goes), col(RequestStep.sealed).is_not(None))
        .values(sealed=None)
    )
    return Walked(
        last=due[-1][0].id if due else None,
        first_spared=min(stays, default=None),
        changed=destroyed.rowcount,
        looked=len(due),
    )


def _walked(last: UUID | None, stays: set[UUID], goes: list[UUID]) -> Walked:
    return Walked(
        last=last,
        first_spared=min(stays, default=None),
        changed=len(goes),
        looked=len(stays) + len(goes),
    )
