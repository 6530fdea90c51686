"""Whether each of many people may download a model behind a gate: the one decision, asked of all of them at once.

What `facts` gathers for one person is read here for many, in a few statements for each `PEOPLE_PER_QUERY` of them.
From where somebody connects is known only when they ask, so a rule about that counts as met.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry import catalog, identity, licenses
from registry.acceptances import figures
from registry.access import request_store, store
from registry.access.domain import Facts, Permit, decide
from registry.access.single_facts import GrantFact, Requirement
from registry.catalog.domain import Command, GateMode, GateView, ModelView
from registry.catalog.prerequisites import NONE, CountrySource, Prerequisites, Seen, check
from registry.identity.domain import Channel, Principal
from registry.identity.standing_domain import NOTHING_KNOWN, Standing
from registry.licenses.domain import Version

SOMEBODY = UUID(int=1)
"""Stands for each person in turn; the decision does not look at who somebody is."""
PEOPLE_PER_QUERY = 1_000
_PERSON = Principal(person_id=SOMEBODY, channel=Channel.SESSION)
_SOME_TIME = datetime.fromisoformat("2000-01-01T00:00:00+00:00")

_AS_THEY_ARE: Mapping[UUID, "Asked"] = {}

Held = frozenset[tuple[UUID, int, bool]]
"""License, series, and whether the acceptor signed it with a key of their own, of what somebody, or an organisation for them, has accepted at a gate."""
Covers = Mapping[UUID, Sequence[figures.Cover]]
"""By organisation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """A gate as it is or would be: mode, required versions, and until when earlier series suffice."""

    mode: GateMode
    versions: tuple[Version, ...]
    graces: Mapping[tuple[UUID, int], datetime]
    asks_beforehand: bool = False
    signed: bool = False
    """Whether only what the acceptor signed with a key of their own counts."""

    @property
    def is_open(self) -> bool:
        """Whether nobody is asked for anything."""
        return self.mode is GateMode.AUTO and not self.versions and not self.asks_beforehand


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Behind which gate a model is or would be, and what that asks for."""

    gate_id: UUID
    demand: Demand


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What somebody has at a gate."""

    accepted: Held
    approved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """People who have something at a gate: they accepted there, were granted access, or are under a cover."""

    people: frozenset[UUID]
    is_whole: bool
    """False where some were left out, because there are too many."""


def list_crowd(session: Session, gate_id: UUID, *, most: int, now: datetime) -> Crowd:
    """Return who has something at a gate; of acceptors and of members the newest `most`."""
    accepted = figures.list_newest_acceptors(session, gate_id, most=most)
    covering = {cover.organisation_id for cover in figures.list_covers(session, gate_id, now=now)}
    members = identity.list_members_of(
        session, sorted(covering), newest=True, after=None, limit=most + 1, now=now
    )
    people = {
        *accepted.people,
        *request_store.list_granted(session, gate_id, now=now),
        *(person_id for _, person_id in members[:most]),
    }
    return Crowd(people=frozenset(people), is_whole=accepted.is_whole and len(members) <= most)


def list_holdings(
    session: Session, gate_id: UUID, publisher_id: UUID, people: Collection[UUID], *, now: datetime
) -> Mapping[UUID, Holding]:
    """Return what the people have at a gate, but for those who are kept out whatever they have."""
    found: dict[UUID, Holding] = {}
    covers = _list_covers(session, gate_id, now=now)
    restricted = frozenset(identity.list_restricted(session))
    for some in _portions(people):
        held = _list_held(session, gate_id, covers, some, now=now)
        granted = request_store.list_granted_among(session, gate_id, some, now=now)
        barred = store.list_blocked(session, publisher_id, some, now=now) | restricted
        found.update(
            (one, Holding(accepted=held.get(one, frozenset()), approved=one in granted))
            for one in some
            if one not in barred
        )
    return found


def list_permitted(
    session: Session,
    model: ModelView,
    gate: GateView,
    people: Collection[UUID],
    *,
    now: datetime,
    bases: Mapping[UUID, Asked] = _AS_THEY_ARE,
) -> frozenset[UUID]:
    """Return who of the people may download the model as it is, if it stands behind the gate.

    `bases` are models that ask for something else than they do now, as far as this one was made from them.
    """
    own = load_demand(session, gate)
    demands = [(gate.id, own), *_inherited(session, model, own, bases)]
    covers = [_list_covers(session, gate_id, now=now) for gate_id, _ in demands]
    permitted: set[UUID] = set()
    judged: dict[tuple[object, ...], bool] = {}
    staff = _staff(session, model) if model.private else None
    restricted = frozenset(identity.list_restricted(session))
    for some in _portions(people):
        held = [
            _list_held(session, gate_id, found, some, now=now)
            for (gate_id, _), found in zip(demands, covers, strict=True)
        ]
        granted = request_store.list_granted_among(session, gate.id, some, now=now)
        barred = store.list_blocked(session, model.publisher_id, some, now=now) | restricted
        asked = gate.prerequisites
        standings = identity.load_standings(session, some, now=now) if asked != NONE else {}
        for person_id in some:
            if person_id in barred or (staff is not None and person_id not in staff):
                continue
            if not fits(asked, standings.get(person_id, NOTHING_KNOWN)):
                continue
            alike = (person_id in granted, *(one.get(person_id, frozenset()) for one in held))
            if alike not in judged:
                judged[alike] = all(
                    may(one.get(person_id, frozenset()), demand, approved=person_id in granted, now=now)
                    for one, (_, demand) in zip(held, demands, strict=True)
                )
            if judged[alike]:
                permitted.add(person_id)
    return frozenset(permitted)


def list_barred(
    session: Session, publisher_id: UUID, people: Collection[UUID], *, now: datetime
) -> frozenset[UUID]:
    """Return whom of the people the publisher, or the registry, keeps out."""
    found: set[UUID] = set()
    for some in _portions(people):
        found |= store.list_blocked(session, publisher_id, some, now=now)
    return frozenset(found)


def list_gates_of_people(session: Session, model: ModelView, bases: Mapping[UUID, Asked]) -> list[UUID]:
    """Return the gates at which everybody has something who may download the model; none where everybody may."""
    if model.gate.mode is GateMode.MANUAL or model.gate.license_version_ids:
        return [model.gate.id]
    asking = _find_asking(session, model, bases)
    return sorted({one.gate_id for one in asking if one.demand.versions})


def load_demand(session: Session, gate: GateView) -> Demand:
    """Return what a gate asks for."""
    return Demand(
        mode=gate.mode,
        versions=tuple(
            version
            for one in gate.license_version_ids
            if (version := licenses.get_version_by_id(session, one)) is not None
        ),
        graces=catalog.list_promises(session, gate.revision_id),
        asks_beforehand=gate.prerequisites != NONE,
        signed=gate.prerequisites.own_signature,
    )


def may(
    held: Iterable[tuple[UUID, int, bool]], demand: Demand, *, approved: bool, now: datetime | None = None
) -> bool:
    """Return whether what somebody has accepted suffices; with `now`, promises of time end by then."""
    facts = Facts(
        principal=_PERSON,
        model_id=SOMEBODY,
        publisher="",
        model="",
        mode=demand.mode,
        requirements=tuple(list_requirements(held, demand, now=now)),
        grant=GrantFact(id=SOMEBODY, granted_at=_SOME_TIME, ends_at=None) if approved else None,
    )
    return isinstance(decide(facts), Permit)


def list_requirements(
    accepted: Iterable[tuple[UUID, int, bool]], demand: Demand, *, now: datetime | None = None
) -> Sequence[Requirement]:
    """Return what a gate asks for, each with whether it was accepted."""
    held = {(license_id, series) for license_id, series, signed in accepted if signed or not demand.signed}
    found = []
    for version in demand.versions:
        exact = (version.license_id, version.series) in held
        until = [
            moment
            for (license_id, series), moment in demand.graces.items()
            if license_id == version.license_id
            and (license_id, series) in held
            and (now is None or moment > now)
        ]
        found.append(
            Requirement(
                license_version_id=version.id,
                slug=version.slug,
                title=version.title,
                number=version.number,
                acceptance_id=SOMEBODY if exact or until else None,
                reaccept_by=max(until) if until and not exact else None,
            )
        )
    return found


def without_own(demand: Demand, own: Demand) -> Demand:
    """Return what the gate of an ancestor asks for, but for what the model's own gate asks for too."""
    versions = tuple(
        one
        for one in demand.versions
        if not any(mine.license_id == one.license_id and mine.series >= one.series for mine in own.versions)
    )
    return Demand(mode=GateMode.AUTO, versions=versions, graces=demand.graces)


def fits(asked: Prerequisites, standing: Standing) -> bool:
    """Whether what a gate asks beforehand holds of somebody."""
    if asked.country is not None and asked.country.source is CountrySource.NETWORK:
        asked = replace(asked, country=None)
    return all(one.met for one in check(asked, Seen.of(_PERSON, standing, "")))


def _staff(session: Session, model: ModelView) -> frozenset[UUID]:
    return frozenset(
        catalog.list_people_who_may(session, publisher_id=model.publisher_id, command=Command.SEE_PRIVATE)
    )


def _inherited(
    session: Session, model: ModelView, own: Demand, bases: Mapping[UUID, Asked]
) -> list[tuple[UUID, Demand]]:
    """Return what the gates of ancestors ask for, but for what the model's own gate asks for too."""
    return [(asked.gate_id, without_own(asked.demand, own)) for asked in _find_asking(session, model, bases)]


def _find_asking(session: Session, model: ModelView, bases: Mapping[UUID, Asked]) -> list[Asked]:
    """Return what each ancestor's gate asks for: as it is now, or as `bases` says."""
    now = [one for one in catalog.list_asking_ancestors(session, model.id) if one.id not in bases]
    others = catalog.list_ancestor_ids(session, model.id) if bases else []
    return [
        *(Asked(gate_id=one.gate.id, demand=load_demand(session, one.gate)) for one in now),
        *(bases[one] for one in others if one in bases),
    ]


def _portions(people: Collection[UUID]) -> Iterator[Sequence[UUID]]:
    ordered = sorted(people)
    for start in range(0, len(ordered), PEOPLE_PER_QUERY):
        yield ordered[start : start + PEOPLE_PER_QUERY]


def _list_covers(session: Session, gate_id: UUID, *, now: datetime) -> Covers:
    """Return what each organisation has accepted at a gate for its members."""
    covers: dict[UUID, list[figures.Cover]] = {}
    for cover in figures.list_covers(session, gate_id, now=now):
        covers.setdefault(cover.organisation_id, []).append(cover)
    return covers


def _list_held(
    session: Session, gate_id: UUID, covers: Covers, people: Sequence[UUID], *, now: datetime
) -> Mapping[UUID, Held]:
    """Return what each of the people, or an organisation for them, has accepted at a gate."""
    held: dict[UUID, set[tuple[UUID, int, bool]]] = {}
    for person_id, license_id, series, signed in figures.list_accepted_by(session, gate_id, people):
        held.setdefault(person_id, set()).add((license_id, series, signed))
    members = identity.list_covered(session, sorted(covers), people, now=now) if covers else ()
    asked = [
        cover.acceptance_id for one in members if one.acknowledges for cover in covers[one.organisation_id]
    ]
    acknowledged = figures.list_acknowledged(session, asked, people) if asked else frozenset()
    for one in members:
        accepted = held.setdefault(one.person_id, set())
        for cover in covers[one.organisation_id]:
            if not one.acknowledges or (one.person_id, cover.acceptance_id) in acknowledged:
                accepted.add((cover.license_id, cover.series, cover.is_signed))
    return {person_id: frozenset(accepted) for person_id, accepted in held.items()}
