"""What a change of a gate does to the people who have something at it: the one decision, asked before and after."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from registry.access import crowds
from registry.access.crowds import Demand
from registry.catalog.domain import GateMode
from registry.catalog.prerequisites import Prerequisites
from registry.identity.standing_domain import NOTHING_KNOWN, Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """What some people, or their organisations, have accepted, and whether what is asked beforehand holds of them."""

    accepted: crowds.Held
    approved: bool = False
    """A reviewer granted them access."""
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
    holdings: Mapping[UUID, crowds.Holding],
    standings: Mapping[UUID, Standing],
    *,
    before: Prerequisites,
    after: Prerequisites,
) -> Mapping[People, int]:
    """Return how many people have the same things and fit alike.

    From where somebody connects is known only when they ask, so a rule about that counts as met.
    """
    return Counter(
        People(
            accepted=one.accepted,
            approved=one.approved,
            fit_before=crowds.fits(before, standings.get(person_id, NOTHING_KNOWN)),
            fit_after=crowds.fits(after, standings.get(person_id, NOTHING_KNOWN)),
        )
        for person_id, one in holdings.items()
    )


def weigh(
    groups: Mapping[People, int], before: Demand, after: Demand, *, now: datetime | None = None
) -> Effect:
    """Return what the change does to people who have these things; with `now`, promises of time end by then."""
    keep = shut_out = gain = unfit = 0
    due: Counter[tuple[str, datetime]] = Counter()
    must_accept: Counter[str] = Counter()
    for one, people in groups.items():
        standing = one.accepted
        had = one.fit_before and crowds.may(standing, before, approved=one.approved, now=now)
        has = one.fit_after and crowds.may(standing, after, approved=one.approved, now=now)
        if has and not had:
            gain += people
        if not had:
            continue
        requirements = crowds.list_requirements(standing, after, now=now)
        missing = [asked for asked in requirements if asked.acceptance_id is None]
        waiting = [asked for asked in requirements if asked.reaccept_by is not None]
        if not one.fit_after:
            unfit += people
        elif not has and (
            after.mode is GateMode.CLOSED or (after.mode is GateMode.MANUAL and not one.approved)
        ):
            shut_out += people
        elif not has:
            must_accept.update({f"{one.title} {one.number}": people for one in missing})
        elif waiting:
            due.update({(f"{one.title} {one.number}", one.reaccept_by): people for one in waiting})  # type: ignore[misc] # none is None here
        else:
            keep += people
    return Effect(keep=keep, due=due, must_accept=must_accept, shut_out=shut_out, gain=gain, unfit=unfit)
