"""What a statement is evidence of: its times, its policies, its facts about the name; SQLite and PostgreSQL."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from registry import acceptances
from registry.kernel.clock import parse_iso
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from tests.clock import SettableClock
from tests.world import World, claims_of


@pytest.fixture
def world(database: Database, clock: SettableClock) -> World:
    return World(database=database, clock=clock)


def claims(world: World, acceptance_id: UUID) -> dict[str, Any]:
    statement, _ = world.read(acceptances.open_disclosures, acceptance_id=acceptance_id, sealer=world.sealer)
    return claims_of(statement)


def test_a_page_from_the_future_is_refused_and_nothing_is_recorded(
    world: World, clock: SettableClock
) -> None:
    model, person = world.gated_model(), world.person()
    ticket = world.act(person, model).ticket
    clock.advance(timedelta(minutes=-3))
    outcome = world.accept(person, model, ticket=ticket)
    assert isinstance(outcome, Refusal)
    assert outcome.code == "form-from-the-future"
    wanted = acceptances.Filter(person_id=person.person_id)
    assert world.read(acceptances.list_acceptances, wanted=wanted) == []


def test_times_are_in_order_also_when_the_clock_went_back_a_little(
    world: World, clock: SettableClock
) -> None:
    model, person = world.gated_model(), world.person()
    ticket = world.act(person, model).ticket
    clock.advance(timedelta(minutes=-1))
    outcome = world.accept(person, model, ticket=ticket, end_reached_ms=0)
    times = claims(world, outcome.id)["times"]
    shown, end, accepted = (parse_iso(times[name]) for name in ("presented", "end_reached", "accepted"))
    assert shown <= end <= accepted == clock.now()
