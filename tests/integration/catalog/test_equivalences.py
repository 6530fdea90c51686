"""Decisions at a base that a license carries its own on: who makes them, what rests on them, how they end."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from registry import catalog, licenses
from registry.catalog import equivalences, fsck, inherited_terms
from registry.catalog.domain import GateMode
from registry.kernel.database import Database
from tests.clock import SettableClock
from tests.integration.catalog.derived import LAW, MEDICINE, Scene, code
from tests.world import World


@pytest.fixture
def world(database: Database, clock: SettableClock) -> World:
    return World(database=database, clock=clock)


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene(world)


def test_a_decision_of_the_bases_maintainer_lets_a_license_count_until_it_is_withdrawn(scene: Scene) -> None:
    own = scene.world.restricting("own-m", LAW)
    assert code(scene.publish(own)) == "restrictions-not-carried"
    decision = scene.decide(model="Meadow/Slate")
    assert code(scene.publish(own)) is None
    (compared,) = scene.compare()
    assert not compared.is_open
    assert [row.carried for row in compared.rows] == [licenses.Carried.SAME, licenses.Carried.MISSING]
    assert (decision.name, decision.restrictions) == ("Ada Quarry", (MEDICINE,))
    assert code(scene.publish(own, name="shale")) == "restrictions-not-carried"
    scene.world.clock.advance(timedelta(minutes=1))
    ended = scene.withdraw(decision)
    assert (ended.ended_at, ended.end_reason) == (scene.world.now, "It does not.")
    assert code(scene.publish(note="a second release")) == "restrictions-not-carried"
    assert (
        scene.world.read(
            catalog.count_releases, model_id=scene.world.model(scene.maker, "meadow", "slate").id
        )
        == 1
    )
    assert code(scene.withdraw(decision)) == "no-such-equivalence"
    assert code(scene.decide()) is None
    assert code(scene.publish(note="a second release")) is None
    assert list(scene.world.read(fsck.find_discrepancies)) == []


def test_a_decision_counts_for_its_versions_alone(scene: Scene) -> None:
    own = scene.world.restricting("own-m", LAW)
    scene.decide()
    assert code(scene.publish(own)) is None
    newer = scene.world.restricting("own-m", LAW, number="1.1", change_class="material")
    assert code(scene.change_gate(newer)) == "restrictions-not-carried"
    second = scene.world.restricting("base-m", LAW, MEDICINE, number="1.1", change_class="material")
    changed = scene.world.write(
        catalog.change_gate,
        publisher="quarry",
        name="quarry-15b",
        demand=catalog.GateDemand(mode=GateMode.AUTO, licenses=(second,)),
        principal=scene.owner,
        now=scene.world.now,
    )
    assert code(changed) is None
    assert code(scene.publish(note="later")) == "restrictions-not-carried"


def test_a_license_that_nobody_has_read_is_decided_as_a_whole(scene: Scene) -> None:
    silent, own = scene.world.restricting("silent-m"), scene.world.restricting("own-m", LAW)
    changed = scene.world.write(
        catalog.change_gate,
        publisher="quarry",
        name="quarry-15b",
        demand=catalog.GateDemand(mode=GateMode.AUTO, licenses=(silent,)),
        principal=scene.owner,
        now=scene.world.now,
    )
    assert code(changed) is None
    assert code(scene.decide(base_license=silent)) == "malformed-request"
    assert code(scene.decide(base_license=silent, restrictions=())) is None
    assert code(scene.publish(own)) is None


def test_who_may_decide_and_what(scene: Scene) -> None:
    scene.world.restricting("own-m", LAW)
    scene.world.restricting("whole-m", LAW, MEDICINE)
    stale = replace(scene.owner, signed_in_at=scene.world.now - timedelta(hours=2))
    assert code(scene.decide(stale)) == "fresh-sign-in-needed"
    assert code(scene.decide(scene.maker)) == "role-missing"
    errors = {
        "model": {"model": "nobody/slate"},
        "base_license": {"base_license": "own-m@1.0"},
        "own_license": {"own_license": "own-m"},
        "reason": {"reason": " \n "},
        "name": {"name": "Ada\u202eQuarry"},
        "restrictions": {"restrictions": ("no-spam",)},
    }
    for field, change in errors.items():
        assert list(scene.decide(**change).errors) == [field], field
    assert "nothing is to be decided" in scene.decide(own_license="whole-m@1.0").errors["restrictions"]
    assert list(scene.decide(restrictions=()).errors) == ["restrictions"]
    assert list(scene.decide(model="meadow/../x").errors) == ["model"]
    decision = scene.decide()
    assert code(scene.decide(reason="Once more.")) == "equivalence-decided-already"
    assert code(scene.withdraw(decision, stale)) == "fresh-sign-in-needed"
    assert code(scene.withdraw(decision, scene.maker)) == "role-missing"
    assert code(scene.withdraw(decision, reason="")) == "malformed-request"


def test_the_name_goes_with_the_person_and_the_decision_stays(scene: Scene) -> None:
    scene.world.restricting("own-m", LAW)
    scene.decide()
    scene.world.write(lambda session: scene.world.sealer.destroy_subject_key(session, scene.owner.person_id))
    _, (found,) = scene.world.read(
        equivalences.list_given,
        publisher="quarry",
        name="quarry-15b",
        principal=scene.owner,
        sealer=scene.world.sealer,
    )
    assert (found.name, found.reason) == (None, "Clause 4 forbids any use on patients.")
    assert list(scene.world.read(fsck.find_discrepancies)) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("slugs = 'no-spam'", "says something else"),
        ("model_key = 'shale'", "says something else"),
        ("ended_at = decided_at", "the end has no ledger entry"),
    ],
)
def test_a_decision_changed_behind_our_back_is_named(scene: Scene, change: str, problem: str) -> None:
    scene.world.restricting("own-m", LAW)
    scene.decide()
    scene.world.integrate()
    scene.world.database.write_now(
        lambda session: session.connection().exec_driver_sql(f"UPDATE equivalence SET {change}") and None
    )
    (found,) = scene.world.read(lambda session: list(fsck.find_discrepancies(session)))
    assert found.table == "equivalence"
    assert problem in found.problem


def test_a_decision_taken_out_of_the_database_is_missed(scene: Scene) -> None:
    scene.world.restricting("own-m", LAW)
    scene.decide()
    leaves = scene.world.read(
        lambda session: [
            bytes(row[0])
            for row in session.connection().exec_driver_sql(
                "SELECT leaf FROM ledger_entry WHERE kind = 'equivalence'"
            )
        ]
    )
    assert b"slate" not in leaves[0]
    assert b"Ada" not in leaves[0]
    assert scene.world.read(catalog.check_leaf, leaf=leaves[0]) is None
    scene.world.database.write_now(
        lambda session: session.connection().exec_driver_sql("DELETE FROM equivalence") and None
    )
    assert "missing" in scene.world.read(catalog.check_leaf, leaf=leaves[0]).problem


def test_a_decision_withdrawn_while_a_release_rests_on_it_is_withdrawn_after_it(scene: Scene) -> None:
    """Whoever withdraws waits for the release that counted on the decision, and no release counts on it after."""
    own = scene.world.restricting("own-m", LAW)
    decision = scene.decide()
    own_id = scene.world.read(licenses.find_version, slug="own-m", number="1.0").id
    checked, order = Event(), []

    def publish(session: Any) -> None:
        derived = inherited_terms.Derived(
            publisher_id=scene.meadow.id,
            publisher="meadow",
            name="slate",
            license_version_ids=[own_id],
        )
        refusal = inherited_terms.check(session, derived, scene.maker, bases=[scene.base])
        assert refusal is None
        checked.set()
        with pytest.raises(TimeoutError):
            withdrawing.result(timeout=0.3)
        order.append("published")

    with ThreadPoolExecutor(2) as pool:

        def withdraw() -> Any:
            checked.wait(10)
            outcome = scene.withdraw(decision)
            order.append("withdrawn")
            return outcome

        withdrawing = pool.submit(withdraw)
        pool.submit(scene.world.database.write_now, publish).result(20)
        assert code(withdrawing.result(20)) is None
    assert order == ["published", "withdrawn"]
    assert code(scene.publish(own)) == "restrictions-not-carried"
