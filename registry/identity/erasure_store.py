"""Queries and changes of requests to be erased."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from registry.identity.erasure_domain import ErasureState
from registry.identity.erasure_tables import Erasure


def insert_erasure(session: Session, row: Erasure) -> bool:
    """Insert a request; False if one of the person waits already."""
    try:
        with session.begin_nested():
            session.exec(insert(Erasure).values(**row.model_dump()))
    except IntegrityError:
        return False
    return True


def find_newest(session: Session, person_id: UUID) -> Erasure | None:
    """Return the person's last request."""
    newest = select(Erasure).where(Erasure.person_id == person_id).order_by(col(Erasure.id).desc())
    return session.exec(newest.limit(1)).one_or_none()


def lock_waiting(session: Session, person_id: UUID) -> Erasure | None:
    """Return the request that waits; nobody else decides on it before the commit."""
    waiting = select(Erasure).where(Erasure.person_id == person_id, Erasure.state == ErasureState.WAITING)
    found = session.exec(waiting.with_for_update()).one_or_none()
    if found is not None:
        session.refresh(found)
    return found


def decide(session: Session, erasure_id: UUID, values: dict[str, object]) -> None:
    """Write how a request ended."""
    session.exec(update(Erasure).where(col(Erasure.id) == erasure_id).values(**values))


def list_waiting(session: Session, *, after: UUID | None, limit: int) -> Sequence[Erasure]:
    """Return requests that wait, oldest first, strictly after `after`."""
    statement = select(Erasure).where(Erasure.state == ErasureState.WAITING)
    if after is not None:
        statement = statement.where(Erasure.id > after)
    return session.exec(statement.order_by(col(Erasure.id)).limit(limit)).all()


def list_due(session: Session, *, now: datetime, limit: int) -> Sequence[UUID]:
    """Return whom to erase now, the longest due first."""
    due = select(Erasure.person_id).where(Erasure.state == ErasureState.WAITING, Erasure.due_at <= now)
    return session.exec(due.order_by(col(Erasure.due_at)).limit(limit)).all()


def list_unswept(session: Session, *, before: datetime, limit: int) -> Sequence[Erasure]:
    """Return erasures from before that moment that were not looked after once more."""
    unswept = select(Erasure).where(
        Erasure.state == ErasureState.DONE, col(Erasure.swept_at).is_(None), col(Erasure.decided_at) < before
    )
    return session.exec(unswept.order_by(col(Erasure.decided_at)).limit(limit)).all()
