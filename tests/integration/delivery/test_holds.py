"""Legal holds: whom they concern, since when and until when; on both databases."""

import json
from datetime import timedelta

import pytest

from registry import cli
from registry.delivery import holds
from registry.delivery.hold_domain import HoldView, held, kept_by_hold
from registry.kernel.database import Database
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import Refusal
from tests.clock import SettableClock
from tests.world import MASTER_SECRET, World


@pytest.fixture
def world(database: Database, clock: SettableClock) -> World:
    world = World(database=database, clock=clock)
    world.model = world.gated_model()
    world.mara, world.other = world.person(), world.person("other@nordlab.example")
    world.accept(world.mara, world.model)
    return world


def order(world: World, **given: object) -> HoldView | Refusal:
    asked = holds.Order(**{"reason": "Case 12/26", "ordered_by": "Legal department", **given})
    return world.write(holds.place_hold, order=asked, sealer=world.sealer, now=world.now)


def on(world: World, person: object) -> list[str]:
    found = world.read(holds.find_holds, person_id=person.person_id, now=world.now)
    return [one.subject for one in found]


@pytest.mark.parametrize("who", ["mara@nordlab.example", "id"])
def test_a_hold_on_a_person_concerns_them_alone(world: World, who: str) -> None:
    placed = order(world, person=str(world.mara.person_id) if who == "id" else who)
    assert isinstance(placed, HoldView)
    assert on(world, world.mara) == [f"person {world.mara.person_id}"]
    assert on(world, world.other) == []


@pytest.mark.parametrize(
    ("given", "subject"),
    [
        ({"publisher": "quarry"}, "publisher quarry"),
        ({"model": "quarry/Quarry-15b"}, "model quarry/quarry-15b"),
    ],
)
def test_a_wide_hold_concerns_everybody_who_accepted_there(
    world: World, given: dict[str, str], subject: str
) -> None:
    assert isinstance(order(world, **given), HoldView)
    assert on(world, world.mara) == [subject]
    assert on(world, world.other) == []
    standing = world.read(holds.load_held, now=world.now)
    assert held(standing, person_id=world.mara.person_id, gate_id=world.model.gate.id)
    assert held(standing, person_id=None, model_id=world.model.id)
    assert not held(standing, person_id=world.other.person_id, gate_id=new_id(), model_id=new_id())


def test_a_hold_ends_when_it_is_lifted_once(world: World) -> None:
    placed = order(world, person="mara@nordlab.example")
    lifted = world.write(holds.lift_hold, hold_id=placed.id, now=world.now)
    assert lifted is not None
    assert lifted.lifted_at == world.now
    assert on(world, world.mara) == []
    assert world.write(holds.lift_hold, hold_id=placed.id, now=world.now) is None
    assert world.read(holds.load_held, now=world.now).people == frozenset()


def test_a_hold_ends_at_its_very_time(world: World) -> None:
    until = world.now + timedelta(days=30)
    order(world, person="mara@nordlab.example", until=until)
    world.clock.set(until - timedelta(milliseconds=1))
    assert on(world, world.mara)
    world.clock.set(until)
    assert on(world, world.mara) == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"person": "nobody@nordlab.example"}, "subject"),
        ({"person": str(new_id())}, "subject"),
        ({"publisher": "nobody"}, "subject"),
        ({"model": "quarry/nothing"}, "subject"),
        ({"model": "quarry"}, "subject"),
        ({"publisher": "quarry", "reason": "  "}, "reason"),
        ({"publisher": "quarry", "reason": "a\nb"}, "reason"),
        ({"publisher": "quarry", "ordered_by": "x" * 121}, "ordered_by"),
    ],
)
def test_an_order_that_says_too_little_or_names_nothing_is_refused(
    world: World, given: dict[str, str], field: str
) -> None:
    refused = order(world, **given)
    assert isinstance(refused, Refusal)
    assert refused.code == "invalid-hold"
    assert set(refused.errors) == {field}
    assert world.read(holds.list_holds, now=world.now) == []


def test_the_refusal_says_why_and_until_when_only_if_all_of_them_end(world: World) -> None:
    assert kept_by_hold(()) is None
    until = world.now + timedelta(days=30)
    order(world, person="mara@nordlab.example", until=until)
    refused = kept_by_hold(world.read(holds.find_holds, person_id=world.mara.person_id, now=world.now))
    assert refused is not None
    assert (refused.code, refused.until) == ("on-hold", until)
    assert "Case 12/26" in refused.detail
    order(world, publisher="quarry")
    refused = kept_by_hold(world.read(holds.find_holds, person_id=world.mara.person_id, now=world.now))
    assert refused is not None
    assert refused.until is None


def test_operators_place_list_and_lift_holds(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = world.database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("GATEHOUSE_DATABASE_URL", url.replace("postgresql+psycopg", "postgresql"))
    monkeypatch.setenv("GATEHOUSE_MASTER_KEY", MASTER_SECRET.hex())
    said = ["--reason", "Case 12/26", "--ordered-by", "Legal department"]
    assert cli.main(["hold", "place", "--publisher", "quarry", *said, "--until", "2099-12-31", "--json"]) == 0
    placed = json.loads(capsys.readouterr().out)
    assert placed["until"] == "2099-12-31T23:59:59.000Z"
    assert cli.main(["hold", "list"]) == 0
    assert "publisher quarry" in capsys.readouterr().out
    assert cli.main(["hold", "lift", placed["id"]]) == 0
    capsys.readouterr()
    assert cli.main(["hold", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"holds": []}
    assert cli.main(["hold", "lift", placed["id"]]) == 1
    assert cli.main(["hold", "place", "--person", "nobody@nordlab.example", *said]) == 1
