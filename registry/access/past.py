"""Who held access to a model at an earlier moment, and by which facts: the one decision over facts as they stood.

Acceptances, grants, blocks, restrictions, gates, bases and roles are never rewritten, so what held then is derived and not remembered.
Other things are kept as they are now only: whether somebody belonged to an organisation that had accepted for its members, and
what a gate asks beforehand. The answer says so, and does not guess.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_
from sqlmodel import Session, col, select

from registry import acceptances, catalog, identity, licenses
from registry.acceptances import Stood
from registry.access import crowds
from registry.access.crowds import Demand
from registry.access.tables import AccessGrant, AccessGrantEnd, Block, BlockLift
from registry.catalog import PastGate, PastMark
from registry.catalog.domain import Command, GateMode, ModelView
from registry.kernel.among import is_among

PEOPLE_PER_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantThen:
    """A grant that stood then."""

    id: UUID
    person_id: UUID
    granted_at: datetime
    ends_at: datetime | None
    entry_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderThen:
    """A person who held access, and the facts that gave it."""

    person_id: UUID
    acceptances: Sequence[Stood]
    grant: GrantThen | None
    role_entry_id: UUID | None
    """Of a private model: the role by which the person could see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A gate that asked for something: the model's own first, then those of its bases."""

    gate: PastGate
    demand: Demand


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """All that held for everybody at a moment."""

    model: ModelView
    at: datetime
    gate: PastGate
    asking: Sequence[Asking]
    mark: PastMark | None
    """The release that is asked about was to be given up by then."""
    covers: Sequence[Stood]
    """What organisations had accepted for their members at any of the gates."""

    @property
    def is_open(self) -> bool:
        """Whether everybody could download without having accepted anything."""
        return not self.model.private and self.mark is None and all(one.demand.is_open for one in self.asking)

    @property
    def is_shut(self) -> bool:
        """Whether nobody could download."""
        return self.gate.mode is GateMode.CLOSED or self.mark is not None

    @property
    def unknown(self) -> Sequence[str]:
        """What is not on record for that moment, in words."""
        said = []
        if self.covers and not self.is_shut:
            said.append(
                "Organisations had accepted for their members. Who belonged to them then, and whether they were suspended, "
                "is not on record, so people who held access by an organisation alone are not listed."
            )
        if self.gate.asks_of_person:
            said.append(
                "The gate asked for something beforehand, such as a country or a confirmed address. Whether it was met "
                "then is not on record, so people are listed who may not have met it."
            )
        return said


def find_moment(
    session: Session, model: ModelView, at: datetime, *, release_id: UUID | None = None
) -> Moment | None:
    """Return what held for everybody; None where the model was not there yet."""
    gate = catalog.find_gate_at(session, model.id, at)
    if gate is None:
        return None
    own = _demand(session, gate)
    asking = [Asking(gate=gate, demand=own)]
    for ancestor in catalog.list_ancestors_at(session, model.id, at):
        found = catalog.find_gate_at(session, ancestor, at)
        if found is None or not found.license_version_ids:
            continue
        asking.append(Asking(gate=found, demand=crowds.without_own(_demand(session, found), own)))
    mark = catalog.find_mark_at(session, release_id, at) if release_id else None
    gates = {one.gate.id: one.demand.signed for one in asking}
    covers = [
        cover
        for gate_id, signed in gates.items()
        for cover in acceptances.list_stood(session, gate_id, at, people=None)
        if _counts(cover, signed=signed)
    ]
    return Moment(model=model, at=at, gate=gate, asking=asking, mark=mark, covers=covers)


def list_holders_after(
    session: Session, moment: Moment, after: UUID | None
) -> tuple[Sequence[HolderThen], UUID] | None:
    """Return those who held access among the next people after `after`, and the last one looked at; None at the end."""
    people = [] if moment.is_open or moment.is_shut else _list_candidates(session, moment, after)
    if not people:
        return None
    stood = {
        one.gate.id: _by_person(acceptances.list_stood(session, one.gate.id, moment.at, people=people))
        for one in moment.asking
    }
    grants = _grants_at(session, moment.gate.id, people, moment.at)
    barred = _blocked_at(session, moment.model.publisher_id, people, moment.at)
    barred |= identity.list_restricted_at(session, people, moment.at)
    staff = _staff_at(session, moment)
    holders = []
    for person_id in people:
        if person_id in barred or (staff is not None and person_id not in staff):
            continue
        grant = grants.get(person_id)
        used = _used(moment, {gate_id: one.get(person_id, ()) for gate_id, one in stood.items()}, grant)
        if used is not None:
            holders.append(
                HolderThen(
                    person_id=person_id,
                    acceptances=used,
                    grant=grant if moment.gate.mode is GateMode.MANUAL else None,
                    role_entry_id=staff[person_id] if staff is not None else None,
                )
            )
    return holders, people[-1]


def _used(
    moment: Moment, stood: Mapping[UUID, Sequence[Stood]], grant: GrantThen | None
) -> Sequence[Stood] | None:
    """Return the acceptances that opened every gate; None where one stayed shut."""
    used: list[Stood] = []
    for one in moment.asking:
        held = stood[one.gate.id]
        accepted = [(item.license_id, item.series, item.is_signed) for item in held]
        if not crowds.may(accepted, one.demand, approved=grant is not None, now=moment.at):
            return None
        required = {version.license_id for version in one.demand.versions}
        used += [
            item for item in held if item.license_id in required and _counts(item, signed=one.demand.signed)
        ]
    return used


def _counts(item: Stood, *, signed: bool) -> bool:
    """Whether a gate could take the acceptance, which may take only what its acceptor has signed."""
    return item.is_signed or not signed


def _demand(session: Session, gate: PastGate) -> Demand:
    return Demand(
        mode=gate.mode,
        versions=tuple(licenses.get_version_by_id(session, one) for one in gate.license_version_ids),
        graces=catalog.list_promises(session, gate.revision_id),
        asks_beforehand=gate.asks_beforehand,
        signed=gate.asks_signature,
    )


def _list_candidates(session: Session, moment: Moment, after: UUID | None) -> Sequence[UUID]:
    """Return the next people who had something at the gates that ask; staff where a private gate asks for nothing."""
    found: set[UUID] = set(_granted_after(session, moment, after))
    for gate_id in {one.gate.id for one in moment.asking}:
        found.update(
            acceptances.list_acceptors_at(session, gate_id, moment.at, after=after, limit=PEOPLE_PER_PAGE)
        )
    for person_id in _staff_at(session, moment) or ():
        if after is None or person_id > after:
            found.add(person_id)
    return sorted(found)[:PEOPLE_PER_PAGE]


def _granted_after(session: Session, moment: Moment, after: UUID | None) -> Sequence[UUID]:
    if moment.gate.mode is not GateMode.MANUAL:
        return ()
    statement = select(AccessGrant.person_id).where(
        AccessGrant.gate_id == moment.gate.id, AccessGrant.granted_at <= moment.at
    )
    if after is not None:
        statement = statement.where(AccessGrant.person_id > after)
    return session.exec(
        statement.distinct().order_by(col(AccessGrant.person_id)).limit(PEOPLE_PER_PAGE)
    ).all()


def _grants_at(
    session: Session, gate_id: UUID, people: Sequence[UUID], at: datetime
) -> Mapping[UUID, GrantThen]:
    rows = session.exec(
        select(AccessGrant)
        .outerjoin(AccessGrantEnd, col(AccessGrantEnd.grant_id) == col(AccessGrant.id))
        .where(is_among(session, AccessGrant.person_id, people), AccessGrant.gate_id == gate_id)
        .where(AccessGrant.granted_at <= at)
        .where(or_(col(AccessGrant.ends_at).is_(None), col(AccessGrant.ends_at) > at))
        .where(or_(col(AccessGrantEnd.grant_id).is_(None), col(AccessGrantEnd.ended_at) > at))
        .order_by(col(AccessGrant.id))
    )
    return {
        row.person_id: GrantThen(
            id=row.id,
            person_id=row.person_id,
            granted_at=row.granted_at,
            ends_at=row.ends_at,
            entry_id=row.entry_id,
        )
        for row in rows
    }


def _blocked_at(
    session: Session, publisher_id: UUID, people: Sequence[UUID], at: datetime
) -> frozenset[UUID]:
    rows = session.exec(
        select(Block.person_id)
        .outerjoin(BlockLift, col(BlockLift.block_id) == col(Block.id))
        .where(is_among(session, Block.person_id, people), Block.blocked_at <= at)
        .where(or_(col(Block.publisher_id).is_(None), col(Block.publisher_id) == publisher_id))
        .where(or_(col(Block.until).is_(None), col(Block.until) > at))
        .where(or_(col(BlockLift.block_id).is_(None), col(BlockLift.lifted_at) > at))
        .order_by(col(Block.id))
    )
    return frozenset(rows)


def _staff_at(session: Session, moment: Moment) -> Mapping[UUID, UUID] | None:
    """Return who could see a private model, with the entries of their roles; None where everybody could."""
    if not moment.model.private:
        return None
    return catalog.list_people_who_could(
        session, publisher_id=moment.model.publisher_id, command=Command.SEE_PRIVATE, at=moment.at
    )


def _by_person(stood: Sequence[Stood]) -> Mapping[UUID, Sequence[Stood]]:
    found: dict[UUID, list[Stood]] = {}
    for one in stood:
        found.setdefault(one.person_id, []).append(one)
    return found
