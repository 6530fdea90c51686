"""The scene of the tests of webhooks."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from registry import catalog
from registry.catalog.domain import GateMode
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from tests.clock import SettableClock
from tests.integration.webhooks.receiving import Publisher, Receiver, receiving
from tests.world import World


@pytest.fixture
def quarry(database: Database, clock: SettableClock) -> Publisher:
    clock.set(datetime.now(UTC).replace(microsecond=0))  # verifiers look at the machine's clock
    world = World(database=database, clock=clock)
    model = world.gated_model()
    owner = world.person("owner@quarry.example")
    demand = catalog.GateDemand(
        mode=GateMode.MANUAL, licenses=("sample-openrail-m@1.0",), fields=model.gate.fields
    )
    changed = world.write(
        catalog.change_gate,
        publisher="quarry",
        name="quarry-15b",
        demand=demand,
        principal=owner,
        now=world.now,
    )
    assert not isinstance(changed, Refusal), changed
    anna = world.person("anna@uni.example")
    world.accept(anna, world.model(owner))
    quarry = Publisher(world=world, model=world.model(owner), owner=owner, anna=anna)
    quarry.announce()  # what was before the first webhook is told nobody
    return quarry


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found
