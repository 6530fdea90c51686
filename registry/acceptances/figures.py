"""Counts over many acceptances: how people stand at a gate, how many accepted week by week."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy
from sqlalchemy import exists, func, or_
from sqlmodel import Session, col, select

from registry.acceptances.tables import Acceptance, Withdrawal

Standing = frozenset[tuple[UUID, int]]
"""License and series of what somebody has accepted and not taken back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standings:
    """What people have accepted at a gate."""

    accepted: Mapping[UUID, Standing]
    """By person."""
    is_whole: bool
    """False where only the people of the newest acceptances were looked at."""


def list_standings(session: Session, gate_id: UUID, *, most: int) -> Standings:
    """Return what the people of a gate's newest `most` acceptances have accepted there.

    What somebody accepted for an organisation is not theirs, and is left out.
    However many acceptances a gate has, no more than `most` of its people are looked up, each by their index.
    """
    newest = (
        select(Acceptance.person_id)
        .where(Acceptance.gate_id == gate_id)
        .order_by(col(Acceptance.id).desc())
        .limit(most)
        .subquery()
    )
    counted = session.exec(
        select(func.count()).select_from(
            select(Acceptance.id).where(Acceptance.gate_id == gate_id).limit(most + 1).subquery()
        )
    ).one()
    rows = session.exec(
        select(Acceptance.person_id, Acceptance.license_id, Acceptance.series)
        .where(Acceptance.gate_id == gate_id, col(Acceptance.person_id).in_(select(newest.c.person_id)))
        .where(col(Acceptance.organisation_id).is_(None))
        .where(~exists().where(col(Withdrawal.acceptance_id) == col(Acceptance.id)))
        .order_by(col(Acceptance.person_id), col(Acceptance.license_id), col(Acceptance.series))
    )
    accepted: defaultdict[UUID, set[tuple[UUID, int]]] = defaultdict(set)
    for person_id, license_id, series in rows:
        accepted[person_id].add((license_id, series))
    people = {person_id: frozenset(held) for person_id, held in accepted.items()}
    return Standings(accepted=people, is_whole=counted <= most)


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

    organisation_id: UUID
    license_id: UUID
    series: int


def list_accepted_by(
    session: Session, gate_id: UUID, people: Sequence[UUID]
) -> Sequence[tuple[UUID, UUID, int]]:
    """Return person, license and series of what the people accepted at a gate for themselves and did not take back."""
    rows = session.exec(
        select(Acceptance.person_id, Acceptance.license_id, Acceptance.series)
        .where(col(Acceptance.person_id).in_(people), Acceptance.gate_id == gate_id)
        .where(col(Acceptance.organisation_id).is_(None))
        .where(~exists().where(col(Withdrawal.acceptance_id) == col(Acceptance.id)))
        .order_by(col(Acceptance.person_id), col(Acceptance.license_id), col(Acceptance.series))
    )
    return rows.all()


def list_covers(session: Session, gate_id: UUID, *, now: datetime) -> Sequence[Cover]:
    """Return what organisations have accepted at a gate, as long as it covers their members."""
    rows = session.exec(
        select(Acceptance.organisation_id, Acceptance.license_id, Acceptance.series)
        .outerjoin(Withdrawal, col(Withdrawal.acceptance_id) == col(Acceptance.id))
        .where(Acceptance.gate_id == gate_id, col(Acceptance.organisation_id).is_not(None))
        .where(or_(col(Withdrawal.acceptance_id).is_(None), col(Withdrawal.members_until) > now))
        .distinct()
        .order_by(col(Acceptance.organisation_id), col(Acceptance.license_id), col(Acceptance.series))
    )
    return [
        Cover(organisation_id=organisation_id, license_id=license_id, series=series)
        for organisation_id, license_id, series in rows
        if organisation_id is not None
    ]


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
