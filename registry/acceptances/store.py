"""Queries and inserts of acceptances; no rules."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from registry.acceptances.tables import Acceptance, Acknowledgement, Withdrawal
from registry.kernel.among import is_among
from registry.kernel.inserting import insert_many

BATCH_ROWS = 500
OWN_SIGNATURE = "A"
"""The grade of what the acceptor signed with a key of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which acceptances to list."""

    gate_ids: Sequence[UUID] | None = None
    person_id: UUID | None = None
    license_version_ids: Sequence[UUID] | None = None
    """Any of these."""
    grade: str | None = None
    standing: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastAcceptance:
    """What a person has accepted at a gate before, as far as the next act depends on it."""

    id: UUID
    person_id: UUID
    gate_id: UUID
    license_id: UUID
    series: int
    license_version_id: UUID
    organisation_id: UUID | None
    accepted_at: datetime
    grade: str
    withdrawn_at: datetime | None

    @property
    def is_withdrawn(self) -> bool:
        """Whether it was taken back."""
        return self.withdrawn_at is not None

    def counts(self, *, signed: bool) -> bool:
        """Whether it stands, and is the acceptor's own signature if the gate asks for that."""
        return not self.is_withdrawn and (not signed or self.grade == OWN_SIGNATURE)


# Made once, since every acceptance asks this. Not ordered by the acceptance's id: SQLite would then read all
# acceptances of the gate in the order of their ids instead of finding the person's.
_PAST = (
    select(  # type: ignore[call-overload] # more columns than the overloads list
        Acceptance.id,
        Acceptance.person_id,
        Acceptance.gate_id,
        Acceptance.license_id,
        Acceptance.series,
        Acceptance.license_version_id,
        Acceptance.organisation_id,
        Acceptance.accepted_at,
        Acceptance.grade,
        Withdrawal.withdrawn_at,
    )
    .outerjoin(Withdrawal, col(Withdrawal.acceptance_id) == col(Acceptance.id))
    .where(col(Acceptance.organisation_id).is_(None))
    .order_by(col(Acceptance.person_id), col(Acceptance.accepted_at), col(Acceptance.id))
)


def list_past(
    session: Session, *, person_ids: Sequence[UUID], gate_ids: Sequence[UUID] | None = None
) -> Sequence[PastAcceptance]:
    """Return all that these people have accepted, at these gates or at any, oldest first for each."""
    if not person_ids:
        return ()
    statement = _PAST.where(is_among(session, Acceptance.person_id, person_ids))
    if gate_ids is not None:
        statement = statement.where(is_among(session, Acceptance.gate_id, gate_ids))
    rows = session.connection().execute(statement)
    names = PastAcceptance.__slots__
    return [PastAcceptance(**dict(zip(names, row, strict=True))) for row in rows]


def list_past_of_organisations(
    session: Session, *, organisation_ids: Sequence[UUID], gate_ids: Sequence[UUID]
) -> Sequence[PastAcceptance]:
    """Return all that was accepted for these organisations at these gates, oldest first for each."""
    rows = session.exec(
        select(Acceptance, col(Withdrawal.withdrawn_at))
        .outerjoin(Withdrawal, col(Withdrawal.acceptance_id) == col(Acceptance.id))
        .where(col(Acceptance.organisation_id).in_(organisation_ids), col(Acceptance.gate_id).in_(gate_ids))
        .order_by(col(Acceptance.organisation_id), col(Acceptance.accepted_at), col(Acceptance.id))
    )
    return [
        PastAcceptance(
            id=row.id,
            person_id=row.person_id,
            gate_id=row.gate_id,
            license_id=row.license_id,
            series=row.series,
            license_version_id=row.license_version_id,
            organisation_id=row.organisation_id,
            accepted_at=row.accepted_at,
            grade=row.grade,
            withdrawn_at=withdrawn_at,
        )
        for row, withdrawn_at in rows
    ]


def list_holders(
    session: Session, *, gate_id: UUID, license_id: UUID, after: UUID | None, limit: int
) -> Sequence[Acceptance]:
    """Return each person's newest standing acceptance of the license at the gate, by its id, after `after`."""
    newer, taken_back = aliased(Acceptance), aliased(Withdrawal)
    statement = (
        select(Acceptance)
        .outerjoin(Withdrawal, col(Withdrawal.acceptance_id) == col(Acceptance.id))
        .where(
            Acceptance.gate_id == gate_id,
            Acceptance.license_id == license_id,
            col(Withdrawal.acceptance_id).is_(None),
            ~exists().where(
                col(newer.person_id) == col(Acceptance.person_id),
                col(newer.gate_id) == gate_id,
                col(newer.license_id) == license_id,
                col(newer.id) > col(Acceptance.id),
                ~exists().where(col(taken_back.acceptance_id) == col(newer.id)),
            ),
        )
    )
    if after is not None:
        statement = statement.where(Acceptance.id > after)
    return session.exec(statement.order_by(col(Acceptance.id)).limit(limit)).all()


def list_sealed(session: Session, acceptance_ids: Sequence[UUID]) -> Sequence[tuple[UUID, UUID, bytes]]:
    """Return id, person and sealed disclosures of these acceptances."""
    rows = session.exec(
        select(Acceptance.id, Acceptance.person_id, Acceptance.sealed_disclosures)
        .where(col(Acceptance.id).in_(acceptance_ids))
        .order_by(col(Acceptance.id))
    )
    return rows.all()


def list_acceptors(session: Session, acceptance_ids: Sequence[UUID]) -> Mapping[UUID, UUID]:
    """Return who accepted, by acceptance."""
    rows = session.exec(
        select(Acceptance.id, Acceptance.person_id).where(col(Acceptance.id).in_(acceptance_ids))
    )
    return dict(rows.all())


def insert_acceptances(session: Session, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert acceptances of people whose rows are locked."""
    insert_many(session, Acceptance, rows)


def find_acceptance(session: Session, acceptance_id: UUID) -> tuple[Acceptance, Withdrawal | None] | None:
    """Return the acceptance and its withdrawal, if any."""
    return session.exec(
        select(Acceptance, Withdrawal)
        .outerjoin(Withdrawal, col(Withdrawal.acceptance_id) == col(Acceptance.id))
        .where(Acceptance.id == acceptance_id)
    ).one_or_none()


def list_acceptances(
    session: Session, wanted: Filter, *, after: UUID | None, limit: int
) -> Sequence[tuple[Acceptance, Withdrawal | None]]:
    """Return acceptances newest first, strictly older than `after`.

    Each gate is asked by itself, so that its index gives the order; only what can still be among the newest
    is fetched.
    """
    if wanted.gate_ids is None:
        return _list(session, wanted, None, newer_than=None, after=after, limit=limit)
    newest: list[tuple[Acceptance, Withdrawal | None]] = []
    for gate_id in dict.fromkeys(wanted.gate_ids):
        floor = newest[-1][0].id if len(newest) == limit else None
        found = _list(session, wanted, gate_id, newer_than=floor, after=after, limit=limit)
        newest = sorted([*newest, *found], key=lambda row: row[0].id, reverse=True)[:limit]
    return newest


def _list(
    session: Session,
    wanted: Filter,
    gate_id: UUID | None,
    *,
    newer_than: UUID | None,
    after: UUID | None,
    limit: int,
) -> Sequence[tuple[Acceptance, Withdrawal | None]]:
    statement = select(Acceptance, Withdrawal).outerjoin(
        Withdrawal, col(Withdrawal.acceptance_id) == col(Acceptance.id)
    )
    if gate_id is not None:
        statement = statement.where(Acceptance.gate_id == gate_id)
    if newer_than is not None:
        statement = statement.where(Acceptance.id > newer_than)
    if wanted.grade is not None:
        statement = statement.where(Acceptance.grade == wanted.grade)
    if wanted.person_id is not None:
        statement = statement.where(Acceptance.person_id == wanted.person_id)
    if wanted.license_version_ids is not None:
        statement = statement.where(col(Acceptance.license_version_id).in_(wanted.license_version_ids))
    if wanted.standing is True:
        statement = statement.where(col(Withdrawal.acceptance_id).is_(None))
    if wanted.standing is False:
        statement = statement.where(col(Withdrawal.acceptance_id).is_not(None))
    if wanted.since is not None:
        statement = statement.where(Acceptance.accepted_at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(Acceptance.accepted_at < wanted.until)
    if after is not None:
        statement = statement.where(Acceptance.id < after)
    return session.exec(statement.order_by(col(Acceptance.id).desc()).limit(limit)).all()


def is_of_license(acceptance_id: Any, license_version_ids: Sequence[UUID]) -> ColumnElement[bool]:
    """Return the condition that the acceptance a row names is one of these texts; it is looked up by its id."""
    return (
        exists()
        .where(col(Acceptance.id) == acceptance_id)
        .where(col(Acceptance.license_version_id).in_(license_version_ids))
    )


def count_up_to(
    session: Session,
    gate_ids: Sequence[UUID],
    *,
    most: int,
    withdrawn: bool = False,
    license_version_id: UUID | None = None,
    since: datetime | None = None,
) -> int:
    """Return how many acceptances fit, counted no further than `most`."""
    statement = select(Acceptance.id).where(col(Acceptance.gate_id).in_(gate_ids))
    if withdrawn:
        statement = statement.join(Withdrawal, col(Withdrawal.acceptance_id) == col(Acceptance.id))
    if license_version_id is not None:
        statement = statement.where(Acceptance.license_version_id == license_version_id)
    if since is not None:
        statement = statement.where(Acceptance.accepted_at >= since)
    return session.exec(select(func.count()).select_from(statement.limit(most).subquery())).one()


def first_accepted(session: Session, *, person_id: UUID) -> Mapping[UUID, datetime]:
    """Return the gates at which a person has ever accepted anything, each with the first time."""
    rows = session.exec(
        select(Acceptance.gate_id, func.min(Acceptance.accepted_at))
        .where(Acceptance.person_id == person_id)
        .group_by(col(Acceptance.gate_id))
    )
    return dict(rows.all())


def count_acceptances(session: Session, gate_ids: Sequence[UUID]) -> tuple[int, int]:
    """Return how many acceptances the gates have, and how many were withdrawn."""
    total = session.exec(
        select(func.count()).select_from(Acceptance).where(col(Acceptance.gate_id).in_(gate_ids))
    ).one()
    withdrawn = session.exec(
        select(func.count())
        .select_from(Withdrawal)
        .join(Acceptance, col(Acceptance.id) == col(Withdrawal.acceptance_id))
        .where(col(Acceptance.gate_id).in_(gate_ids))
    ).one()
    return total, withdrawn


def insert_withdrawal(session: Session, withdrawal: Withdrawal) -> bool:
    """Insert a withdrawal; False if there is one already."""
    try:
        with session.begin_nested():
            session.exec(insert(Withdrawal).values(**withdrawal.model_dump()))
    except IntegrityError:
        return False
    return True


def insert_acknowledgement(session: Session, row: Acknowledgement) -> bool:
    """Insert an acknowledgement; False if the person has acknowledged it already."""
    try:
        with session.begin_nested():
            session.exec(insert(Acknowledgement).values(**row.model_dump()))
    except IntegrityError:
        return False
    return True


def find_acknowledgement(session: Session, acceptance_id: UUID, person_id: UUID) -> Acknowledgement | None:
    """Return what the person has acknowledged."""
    return session.exec(
        select(Acknowledgement).where(
            Acknowledgement.acceptance_id == acceptance_id, Acknowledgement.person_id == person_id
        )
    ).one_or_none()


def list_acknowledgements(
    session: Session, *, person_id: UUID, after: UUID | None, limit: int
) -> Sequence[tuple[Acknowledgement, Acceptance]]:
    """Return what a person has acknowledged, by acceptance, strictly older than `after`."""
    statement = (
        select(Acknowledgement, Acceptance)
        .join(Acceptance, col(Acceptance.id) == col(Acknowledgement.acceptance_id))
        .where(Acknowledgement.person_id == person_id)
    )
    if after is not None:
        statement = statement.where(Acknowledgement.acceptance_id < after)
    return session.exec(statement.order_by(col(Acknowledgement.acceptance_id).desc()).limit(limit)).all()


def iterate_acceptances(session: Session) -> Iterator[Acceptance]:
    """Return every acceptance, oldest first, with flat memory."""
    last: UUID | None = None
    while True:
        statement = select(Acceptance).order_by(col(Acceptance.id)).limit(BATCH_ROWS)
        if last is not None:
            statement = statement.where(Acceptance.id > last)
        rows = session.exec(statement).all()
        yield from rows
        if len(rows) < BATCH_ROWS:
            return
        last = rows[-1].id
        session.expunge_all()


def iterate_withdrawals(session: Session) -> Iterator[Withdrawal]:
    """Return every withdrawal with flat memory."""
    last: UUID | None = None
    while True:
        statement = select(Withdrawal).order_by(col(Withdrawal.acceptance_id)).limit(BATCH_ROWS)
        if last is not None:
            statement = statement.where(Withdrawal.acceptance_id > last)
        rows = session.exec(statement).all()
        yield from rows
        if len(rows) < BATCH_ROWS:
            return
        last = rows[-1].acceptance_id
        session.expunge_all()
