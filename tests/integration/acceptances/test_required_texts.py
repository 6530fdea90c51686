"""What a gate may require: versions in force, whole with every text that they include; SQLite and PostgreSQL."""

from datetime import timedelta
from typing import Any

import pytest

from registry import catalog, licenses
from registry.catalog.domain import GateMode, ModelView
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from tests.clock import SettableClock
from tests.integration.acceptances.policies import PINNED, publish, require
from tests.world import TEXT_11, World

LOOSE = licenses.Policy(title="Rules of the day", url="https://example.org/today")


@pytest.fixture
def world(database: Database, clock: SettableClock) -> World:
    return World(database=database, clock=clock)


def change(world: World, model: ModelView, *references: str) -> tuple[Any, Any]:
    """What a change of the gate would do, and what it does."""
    given: dict[str, Any] = {
        "publisher": model.publisher,
        "name": model.name,
        "demand": catalog.GateDemand(mode=GateMode.AUTO, licenses=references),
        "principal": world.person("owner@quarry.example"),
        "now": world.now,
    }
    return world.read(catalog.preview_gate, **given), world.write(catalog.change_gate, **given)


def test_p3_a_license_with_a_loose_policy_cannot_be_required(world: World) -> None:
    publish(world, policies=(*PINNED, LOOSE))
    outcome = require(world, "sample-openrail-m@1.0")
    assert isinstance(outcome, Refusal)
    assert outcome.code == "license-policy-not-pinned"
    assert "Rules of the day" in outcome.detail
    assert outcome.remedy is not None
    publish(world, number="1.1", change_class=licenses.ChangeClass.MATERIAL, text=TEXT_11, policies=PINNED)
    model = require(world, "sample-openrail-m@1.1")
    assert {one.code for one in change(world, model, "sample-openrail-m@1.0")} == {
        "license-policy-not-pinned"
    }


def test_a_version_cannot_be_required_before_it_is_in_force(world: World, clock: SettableClock) -> None:
    publish(world)
    begins = clock.now() + timedelta(days=30)
    publish(
        world,
        number="1.1",
        change_class=licenses.ChangeClass.MATERIAL,
        text=TEXT_11,
        effective_at=begins,
    )
    model = require(world, "sample-openrail-m@1.0")
    for refused in (
        *change(world, model, "sample-openrail-m@1.1"),
        require(world, "sample-openrail-m", name="b"),
    ):
        assert isinstance(refused, Refusal)
        assert refused.code == "license-not-in-force"
        assert refused.remedy is not None
        assert "2026-12-23T12:00:00" in refused.remedy.text
    clock.set(begins)
    previewed, changed = change(world, model, "sample-openrail-m@1.1")
    assert previewed.changes
    assert changed.number == 2
