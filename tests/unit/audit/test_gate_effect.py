"""What a change of a gate does to people, told by the one decision."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from registry.access.crowds import Demand, Held
from registry.audit.gate_effect import Effect, People, weigh
from registry.catalog import GateMode
from registry.licenses.domain import Version

RAIL, OTHER = UUID(int=10), UUID(int=20)
UNTIL = datetime(2027, 1, 31, tzinfo=UTC)


def held(*accepted: tuple[UUID, int], signed: bool = False) -> Held:
    """What somebody has accepted, by an own signature or without."""
    return frozenset((license_id, series, signed) for license_id, series in accepted)


GROUPS = {
    held((RAIL, 1)): 40,
    held((RAIL, 1), (RAIL, 2)): 300,
    held((RAIL, 2), (OTHER, 1)): 12,
    held(): 5,
}


def version(license_id: UUID, series: int) -> Version:
    title = "Rail" if license_id == RAIL else "Other"
    given = {"id": UUID(int=series), "license_id": license_id, "series": series, "slug": title.lower()}
    return cast("Version", SimpleNamespace(**given, title=title, number=f"{series}.0"))


def demand(*required: tuple[UUID, int], mode: str = "auto", graces: Any = None) -> Demand:
    return Demand(mode=GateMode(mode), versions=tuple(version(*one) for one in required), graces=graces or {})


def effect(**facts: Any) -> Effect:
    return Effect(**({"keep": 0, "due": {}, "must_accept": {}, "shut_out": 0, "gain": 0} | facts))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (demand((RAIL, 1)), demand((RAIL, 1)), effect(keep=340)),
        (demand((RAIL, 1)), demand((RAIL, 2)), effect(keep=300, must_accept={"Rail 2.0": 40}, gain=12)),
        (
            demand((RAIL, 1)),
            demand((RAIL, 2), graces={(RAIL, 1): UNTIL}),
            effect(keep=300, due={("Rail 2.0", UNTIL): 40}, gain=12),
        ),
        (
            demand((RAIL, 2)),
            demand((RAIL, 2), (OTHER, 1)),
            effect(keep=12, must_accept={"Other 1.0": 300}),
        ),
        (demand((RAIL, 2)), demand((RAIL, 2), mode="closed"), effect(shut_out=312)),
        (demand((RAIL, 2)), demand((RAIL, 2), mode="manual"), effect(shut_out=312)),
        (demand((RAIL, 2), mode="closed"), demand((RAIL, 2)), effect(gain=312)),
        (demand((RAIL, 2), mode="manual"), demand((RAIL, 2)), effect(gain=312)),
        (
            demand((RAIL, 1), mode="manual"),
            demand((RAIL, 2), mode="manual"),
            effect(keep=300, must_accept={"Rail 2.0": 40}, gain=12),
        ),
        (demand((RAIL, 2)), demand(), effect(keep=312, gain=45)),
        (demand(), demand((RAIL, 2)), effect(keep=312, must_accept={"Rail 2.0": 45})),
    ],
)
def test_people_keep_lose_and_get_access(before: Demand, after: Demand, expected: Effect) -> None:
    # Between two gates with review: of people whom a reviewer let in.
    reviewed = before.mode is GateMode.MANUAL and after.mode is GateMode.MANUAL
    groups = {People(accepted=accepted, approved=reviewed): count for accepted, count in GROUPS.items()}
    assert weigh(groups, before, after) == expected


@pytest.mark.parametrize(
    ("before", "after", "approved", "others"),
    [
        ("manual", "manual", effect(keep=312), effect()),
        ("manual", "auto", effect(keep=312), effect(gain=312)),
        ("auto", "manual", effect(keep=312), effect(shut_out=312)),
        ("manual", "closed", effect(shut_out=312), effect()),
    ],
)
def test_who_was_let_in_by_a_reviewer_stays_so(
    before: str, after: str, approved: Effect, others: Effect
) -> None:
    for by_reviewer, expected in ((True, approved), (False, others)):
        groups = {
            People(accepted=accepted, approved=by_reviewer): count for accepted, count in GROUPS.items()
        }
        found = weigh(groups, demand((RAIL, 2), mode=before), demand((RAIL, 2), mode=after))
        assert found == expected


def test_a_promise_of_time_that_is_over_counts_no_more() -> None:
    groups = {People(accepted=held((RAIL, 1))): 40}
    gate = demand((RAIL, 2), graces={(RAIL, 1): UNTIL})
    assert weigh(groups, gate, gate, now=UNTIL - timedelta(days=1)) == effect(due={("Rail 2.0", UNTIL): 40})
    assert weigh(groups, gate, gate, now=UNTIL) == effect()


def test_a_gate_that_demands_signatures_keeps_those_who_signed() -> None:
    groups = {People(accepted=held((RAIL, 1))): 40, People(accepted=held((RAIL, 1), signed=True)): 3}
    found = weigh(groups, demand((RAIL, 1)), replace(demand((RAIL, 1)), signed=True))
    assert (found.keep, sum(found.must_accept.values())) == (3, 40)
