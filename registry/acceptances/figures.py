"""Counts over many acceptances: who accepted at a gate, how many accepted week by week."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy
from sqlalchemy import exists, func, or_
from sqlmodel import Session, col, select

from registry.acceptances.domain import Grade
from registry.acceptances.tables import Acceptance, Acknowledgement, Withdrawal
from registry.kernel.among import is_among


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptors:
    """People who have accepted something at a gate for themselves, and have not taken it back."""

    people: frozenset[UUID]
    is_whole: bool
    """False where only the newest acceptances were looked at."""


def list_newest_acceptors(session: Session, gate_id: UUID, *, most: int) -> Acceptors:
    """Return the people of a gate's newest `most` acceptances, but for those made for an organisation."""
    rows = session.exec(
        select(Acceptance.person_id, Acceptance.organisation_id, Withdrawal.acceptance_id)
        .outerjoin(Withdrawal, col(Withdrawal.acceptance_id) == col(Acceptance.id))
        .where(Acceptance.gate_id == gate_id)
        .order_by(col(Acceptance.id).desc())
        .limit(most + 1)
    ).all()
    standing = {
        person_id
        for person_id, organisation_id, withdrawn_id in rows[:most]
        if organisation_id is None and withdrawn_id is None
    }
    return Acceptors(people=frozenset(standing), is_whole=len(rows) <= most)


def count_by_week(
    session: Session, gates: Mapping[UUID, Sequence[UUID]], starts: Sequence[datetime], *, until: datetime
) -> Mapping[UUID, Sequence[int]]:
    """Return for each license version how many acceptances fall into each week from `starts` on.

    `gates` names the gates at which each version can have been accepted. Each count is a range of the index
    over gate, version and time, so that only acceptances of these weeks are read, and none of their rows.
    """
    ends = [*starts[1:], until]
    weeks = [
        func.count().filter(col(Acceptance.accepted_at) >= start, col(Acceptance.accepted_at) < end)
        for start, end in zip(starts, ends, strict=True)
    ]
    counts: dict[UUID, Sequence[int]] = {}
    for version_id, gate_ids in gates.items():
        statement = sqlalchemy.select(*weeks).where(
            col(Acceptance.gate_id).in_(gate_ids),
            col(Acceptance.license_version_id) == version_id,
            col(Acceptance.accepted_at) >= starts[0],
            col(Acceptance.accepted_at) < until,
        )
        counts[version_id] = list(session.connection().execute(statement).one())
    return counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """What an organisation has accepted at a gate for its members."""

    acceptance_id: UUID
    organisation_id: UUID
    license_id: UUID
    series: int
    is_signed: bool
    """Whether the officer signed it with a key of their own."""


def list_accepted_by(
    session: Session, gate_id: UUID, people: Sequence[UUID]
) -> Sequence[tuple[UUID, UUID, int, bool]]:
    """Return what the people accepted at a gate for themselves and did not take back.

    That is: person, license, series, and whether they signed it with a key of their own.
    """
    rows = session.exec(
        select(Acceptance.person_id, Acceptance.license_id, Acceptance.series, Acceptance.grade)
        .where(is_among(session, Acceptance.person_id, people), Acceptance.gate_id == gate_id)
        .where(col(Acceptance.organisation_id).is_(None))
        .where(~exists().where(col(Withdrawal.acceptance_id) == col(Acceptance.id)))
        .order_by(col(Acceptance.person_id), col(Acceptance.license_id), col(Acceptance.series))
    )
    signed = Grade.OWN_SIGNATURE.value
    return [(person_id, license_id, series, grade == signed) for person_id, license_id, series, grade in rows]


def list_covers(session: Session, gate_id: UUID, *, now: datetime) -> Sequence[Cover]:
    """Return what organisations have accepted at a gate, as long as it covers their members."""
    rows = session.exec(
        select(  # type: ignore[call-overload] # more columns than the overloads list
            Acceptance.id,
            Acceptance.organisation_id,
            Acceptance.license_id,
            Acceptance.series,
            Acceptance.grade,
        )
        .outerjoin(Withdrawal, col(Withdrawal.acceptance_id) == col(Acceptance.id))
        .where(Acceptance.gate_id == gate_id, col(Acceptance.organisation_id).is_not(None))
        .where(or_(col(Withdrawal.acceptance_id).is_(None), col(Withdrawal.members_until) > now))
        .order_by(col(Acceptance.id))
    )
    return [
        Cover(
            acceptance_id=acceptance_id,
            organisation_id=organisation_id,
            license_id=license_id,
            series=series,
            is_signed=grade == Grade.OWN_SIGNATURE.value,
        )
        for acceptance_id, organisation_id, license_id, series, grade in rows
        if organisation_id is not None
    ]


def list_acknowledged(
    session: Session, acceptance_ids: Sequence[UUID], people: Sequence[UUID]
) -> frozenset[tuple[UUID, UUID]]:
    """Return who of the people has acknowledged which of the acceptances."""
    rows = session.exec(
        select(Acknowledgement.person_id, Acknowledgement.acceptance_id).where(
            is_among(session, Acknowledgement.person_id, people),
            is_among(session, Acknowledgement.acceptance_id, set(acceptance_ids)),
        )
    )
    return frozenset((person_id, acceptance_id) for person_id, acceptance_id in rows)


def list_acceptors(
    session: Session, gate_id: UUID, *, after: UUID | None, limit: int
) -> Sequence[tuple[UUID, UUID]]:
    """Return acceptance and person of what people accepted at a gate for themselves, by their ids, after `after`."""
    statement = select(Acceptance.id, Acceptance.person_id).where(
        Acceptance.gate_id == gate_id, col(Acceptance.organisation_id).is_(None)
    )
    if after is not None:
        statement = statement.where(Acceptance.id > after)
    return session.exec(statement.order_by(col(Acceptance.id)).limit(limit)).all()
