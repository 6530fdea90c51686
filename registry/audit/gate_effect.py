"""What a change of a gate does to the people who accepted before: the one decision, asked before and after."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from registry import access
from registry.access.domain import Facts, GrantFact, Permit, Requirement
from registry.catalog.domain import GateMode
from registry.identity.domain import Channel, Principal
from registry.licenses.domain import Version

SOMEBODY = UUID(int=1)
"""Stands for each person in turn; the decision does not look at who somebody is."""
_SOME_TIME = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """A gate as it is or would be: mode, required versions, and until when earlier series suffice."""

    mode: GateMode
    versions: tuple[Version, ...]
    graces: Mapping[tuple[UUID, int], datetime]

    @property
    def is_open(self) -> bool:
        """Whether nobody is asked for anything."""
        return self.mode is GateMode.AUTO and not self.versions


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


def weigh(groups: Mapping[frozenset[tuple[UUID, int]], int], before: Demand, after: Demand) -> Effect:
    """Return what the change does to people who have accepted these things."""
    keep = shut_out = gain = 0
    due: Counter[tuple[str, datetime]] = Counter()
    must_accept: Counter[str] = Counter()
    # Who was approved stays approved, so between two gates with review only the licenses matter.
    reviewed = before.mode is GateMode.MANUAL and after.mode is GateMode.MANUAL
    for standing, people in groups.items():
        had = _may(standing, before, approved=reviewed)
        has = _may(standing, after, approved=reviewed)
        if has and not had:
            gain += people
        if not had:
            continue
        requirements = _requirements(standing, after)
        missing = [one for one in requirements if one.acceptance_id is None]
        waiting = [one for one in requirements if one.reaccept_by is not None]
        if not has and after.mode is not GateMode.AUTO and not reviewed:
            shut_out += people
        elif not has:
            must_accept.update({f"{one.title} {one.number}": people for one in missing})
        elif waiting:
            due.update({(f"{one.title} {one.number}", one.reaccept_by): people for one in waiting})  # type: ignore[misc] # none is None here
        else:
            keep += people
    return Effect(keep=keep, due=due, must_accept=must_accept, shut_out=shut_out, gain=gain)


def _may(standing: Iterable[tuple[UUID, int]], demand: Demand, *, approved: bool) -> bool:
    facts = Facts(
        principal=Principal(person_id=SOMEBODY, channel=Channel.SESSION),
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
