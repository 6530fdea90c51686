"""Queries and changes of restrictions; no rules."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, update
from sqlmodel import Session, col, select

from registry.identity.restriction_domain import OPEN, RESTRICTS, RestrictionState
from registry.identity.restriction_tables import Restriction
from registry.identity.tables import Person


def insert_restriction(session: Session, row: Restriction) -> None:
    """Insert a request or a restriction; the person is locked by now."""
    session.exec(insert(Restriction).values(**row.model_dump()))


def find_newest(session: Session, person_id: UUID) -> Restriction | None:
    """Return the person's last request or restriction."""
    newest = (
        select(Restriction).where(Restriction.person_id == person_id).order_by(col(Restriction.id).desc())
    )
    return session.exec(newest.limit(1).execution_options(populate_existing=True)).one_or_none()


def find_open(session: Session, person_id: UUID) -> Restriction | None:
    """Return what waits or stands about the person."""
    statement = select(Restriction).where(
        Restriction.person_id == person_id, col(Restriction.state).in_(OPEN)
    )
    return session.exec(statement.execution_options(populate_existing=True)).one_or_none()


def change(session: Session, row_id: UUID, values: dict[str, object]) -> None:
    """Write what became of one."""
    session.exec(update(Restriction).where(col(Restriction.id) == row_id).values(**values))


def mark_person(session: Session, person_id: UUID, restricted_at: datetime | None) -> None:
    """Note on the person since when their data may only be stored; None: it may be used."""
    session.exec(update(Person).where(col(Person.id) == person_id).values(restricted_at=restricted_at))


def list_open(session: Session, *, after: UUID | None, limit: int) -> Sequence[Restriction]:
    """Return what waits or stands, oldest first, strictly after `after`."""
    statement = select(Restriction).where(col(Restriction.state).in_(OPEN))
    if after is not None:
        statement = statement.where(Restriction.id > after)
    return session.exec(statement.order_by(col(Restriction.id)).limit(limit)).all()


def list_of_person(session: Session, person_id: UUID) -> Sequence[Restriction]:
    """Return every request and restriction there ever was about the person, oldest first."""
    statement = select(Restriction).where(Restriction.person_id == person_id)
    return session.exec(statement.order_by(col(Restriction.id)).limit(1_000)).all()


def list_due(session: Session, *, now: datetime, limit: int) -> Sequence[UUID]:
    """Return whose restriction is to be lifted now, the longest due first."""
    due = select(Restriction.person_id).where(
        Restriction.state == RestrictionState.ENDING, col(Restriction.lifted_from) <= now
    )
    return session.exec(due.order_by(col(Restriction.lifted_from)).limit(limit)).all()


def list_restricted(session: Session) -> Sequence[UUID]:
    """Return everybody whose data may only be stored now."""
    standing = select(Restriction.person_id).where(col(Restriction.state).in_(RESTRICTS))
    return session.exec(standing.order_by(col(Restriction.person_id))).all()
