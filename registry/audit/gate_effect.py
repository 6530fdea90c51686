"""What a change of a gate does to the people who accepted before: the one decision, asked before and after."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from registry import access
from registry.access.domain import Facts, Permit
from registry.access.single_facts import GrantFact, Requirement
from registry.catalog.domain import GateMode
from registry.catalog.prerequisites import CountrySource, Prerequisites, Seen, check
from registry.identity.domain import Channel, Principal
from registry.identity.standing_domain import NOTHING_KNOWN, Standing
from registry.licenses.domain import Version

SOMEBODY = UUID(int=1)
"""Stands for each person in turn; the decision does not look at who somebody is."""
_PERSON = Principal(person_id=SOMEBODY, channel=Channel.SESSION)
_SOME_TIME = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """A gate as it is or would be: mode, required versions, and until when earlier series suffice."""

    mode: GateMode
    versions: tuple[Version, ...]
    graces: Mapping[tuple[UUID, int], datetime]
    asks_beforehand: bool = False

    @property
    def is_open(self) -> bool:
        """Whether nobody is asked for anything."""
        return self.mode is GateMode.AUTO and not self.versions and not self.asks_beforehand


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """What some people have accepted, and whether what is asked beforehand holds of them."""

    accepted: frozenset[tuple[UUID, int]]
    fit_before: bool = True
    fit_after: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """How many people keep, lose and get access by a change; blocks stay as they are."""

    keep: int
    """Access goes on, and nothing is asked of them."""
    due: Mapping[tuple[str, datetime], int]
    """They keep access until then, and have to accept this version before."""
    must_accept: Mapping[str, int]
    """They lose access until they accept this version."""
    shut_out: int
    """They lose access, whatever they accept."""
    gain: int
    unfit: int = 0
    """They lose access until what is asked beforehand holds of them."""


def group(
    accepted: Mapping[UUID, frozenset[tuple[UUID, int]]],
    standings: Mapping[UUID, Standing],
    *,
    before: Prerequisites,
    after: Prerequisites,
) -> Mapping[People, int]:
    """Return how many people have accepted the same things and fit alike.

    From where somebody connects is known only when they ask, so a rule about that counts as met.
    """
    return Counter(
        People(
            accepted=held,
            fit_before=_fits(before, standings.get(person_id, NOTHING_KNOWN)),
            fit_after=_fits(after, standings.get(person_id, NOTHING_KNOWN)),
        )
        for person_id, held in accepted.items()
    )


def _fits(asked: Prerequisites, standing: Standing) -> bool:
    if asked.country is not None and asked.country.source is CountrySource.NETWORK:
        asked = replace(asked, country=None)
    return all(one.met for one in check(asked, Seen.of(_PERSON, standing, "")))


def judge_people(
    accepted: Mapping[UUID, frozenset[tuple[UUID, int]]],
    standings: Mapping[UUID, Standing],
    demand: Demand,
    asked: Prerequisites,
    *,
    granted: frozenset[UUID],
) -> Mapping[UUID, bool]:
    """Return of each person whether they may download what stands behind a gate."""
    return {
        person_id: _fits(asked, standings.get(person_id, NOTHING_KNOWN))
        and _may(held, demand, approved=person_id in granted)
        for person_id, held in accepted.items()
    }


def weigh(groups: Mapping[People, int], before: Demand, after: Demand) -> Effect:
    """Return what the change does to people who have accepted these things."""
    keep = shut_out = gain = unfit = 0
    due: Counter[tuple[str, datetime]] = Counter()
    must_accept: Counter[str] = Counter()
    # Who was approved stays approved, so between two gates with review only the licenses matter.
    reviewed = before.mode is GateMode.MANUAL and after.mode is GateMode.MANUAL
    for one, people in groups.items():
        standing = one.accepted
        had = one.fit_before and _may(standing, before, approved=reviewed)
        has = one.fit_after and _may(standing, after, approved=reviewed)
        if has and not had:
            gain += people
        if not had:
            continue
        requirements = _requirements(standing, after)
        missing = [asked for asked in requirements if asked.acceptance_id is None]
        waiting = [asked for asked in requirements if asked.reaccept_by is not None]
        if not one.fit_after:
            unfit += people
        elif not has and after.mode is not GateMode.AUTO and not reviewed:
            shut_out += people
        elif not has:
            must_accept.update({f"{one.title} {one.number}": people for one in missing})
        elif waiting:
            due.update({(f"{one.title} {one.number}", one.reaccept_by): people for one in waiting})  # type: ignore[misc] # none is None here
        else:
            keep += people
    return Effect(keep=keep, due=due, must_accept=must_accept, shut_out=shut_out, gain=gain, unfit=unfit)


def _may(standing: Iterable[tuple[UUID, int]], demand: Demand, *, approved: bool) -> bool:
    facts = Facts(
        principal=_PERSON,
        model_id=SOMEBODY,
        publisher="",
        model="",
        mode=demand.mode,
        requirements=tuple(_requirements(standing, demand)),
        grant=GrantFact(id=SOMEBODY, granted_at=_SOME_TIME, ends_at=None) if approved else None,
    )
    return isinstance(access.decide(facts), Permit)


def _requirements(standing: Iterable[tuple[UUID, int]], demand: Demand) -> Sequence[Requirement]:
    held = set(standing)
    found = []
    for version in demand.versions:
        exact = (version.license_id, version.series) in held
        until = [
            moment
            for (license_id, series), moment in demand.graces.items()
            if license_id == version.license_id and (license_id, series) in held
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
