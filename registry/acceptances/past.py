"""Which acceptances stood at an earlier moment: acceptances and withdrawals are never rewritten."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_
from sqlmodel import Session, col, select

from registry.acceptances.domain import Grade
from registry.acceptances.tables import Acceptance, Withdrawal
from registry.kernel.among import is_among


@dataclass(frozen=True, slots=True, kw_only=True)
class Stood:
    """An acceptance that stood then."""

    id: UUID
    person_id: UUID
    organisation_id: UUID | None
    gate_id: UUID
    license_id: UUID
    license_version_id: UUID
    series: int
    accepted_at: datetime
    entry_id: UUID
    is_signed: bool
    """Whether the acceptor signed it with a key of their own."""


def list_acceptors_at(
    session: Session, gate_id: UUID, at: datetime, *, after: UUID | None, limit: int
) -> Sequence[UUID]:
    """Return a page of people who had accepted something at a gate for themselves, by their ids."""
    statement = select(Acceptance.person_id).where(
        Acceptance.gate_id == gate_id,
        Acceptance.accepted_at <= at,
        col(Acceptance.organisation_id).is_(None),
    )
    if after is not None:
        statement = statement.where(Acceptance.person_id > after)
    return session.exec(statement.distinct().order_by(col(Acceptance.person_id)).limit(limit)).all()


def list_stood(
    session: Session, gate_id: UUID, at: datetime, *, people: Sequence[UUID] | None
) -> Sequence[Stood]:
    """Return what the people had accepted for themselves and not taken back; with None, what organisations had."""
    statement = (
        select(Acceptance)
        .outerjoin(Withdrawal, col(Withdrawal.acceptance_id) == col(Acceptance.id))
        .where(Acceptance.gate_id == gate_id, Acceptance.accepted_at <= at)
        .order_by(col(Acceptance.id))
    )
    if people is None:
        ended = or_(col(Withdrawal.withdrawn_at) > at, col(Withdrawal.members_until) > at)
        statement = statement.where(col(Acceptance.organisation_id).is_not(None))
    else:
        ended = col(Withdrawal.withdrawn_at) > at
        statement = statement.where(
            col(Acceptance.organisation_id).is_(None), is_among(session, Acceptance.person_id, people)
        )
    rows = session.exec(statement.where(or_(col(Withdrawal.acceptance_id).is_(None), ended))).all()
    found = [
        Stood(
            id=row.id,
            person_id=row.person_id,
            organisation_id=row.organisation_id,
            gate_id=row.gate_id,
            license_id=row.license_id,
            license_version_id=row.license_version_id,
            series=row.series,
            accepted_at=row.accepted_at,
            entry_id=row.entry_id,
            is_signed=row.grade == Grade.OWN_SIGNATURE.value,
        )
        for row in rows
    ]
    session.expunge_all()
    return found
