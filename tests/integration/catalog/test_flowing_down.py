"""What a license restricts flows down: a model made from others restricts as much, or somebody has decided so (G9)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from registry import catalog, licenses
from registry.catalog import equivalences, fsck, inherited_terms, sharing
from registry.catalog.domain import GateMode
from registry.catalog.equivalences import Claim
from registry.catalog.publishing import plan_restrictions
from registry.identity.domain import ANONYMOUS, Principal
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from tests.clock import SettableClock
from tests.world import World

BASE = "quarry/quarry-15b"
LAW, MEDICINE = "no-illegal-use", "no-medical-advice"


class Scene:
    """A base at one publisher; models are made from it at another."""

    def __init__(self, world: World, *asked: str) -> None:
        self.world = world
        self.owner, self.maker = world.person("owner@quarry.example"), world.person("maker@meadow.example")
        self.quarry, self.meadow = world.publisher(self.owner), world.publisher(self.maker, "meadow")
        self.asked = world.restricting("base-m", *(asked or (LAW, f"{MEDICINE}:unless-human-oversight")))
        self.base = world.release(self.owner, self.quarry, requires=(self.asked,))

    def publish(
        self, *requires: str, name: str = "slate", bases: tuple[str, ...] = (BASE,), note: str = ""
    ) -> Any:
        """Publish a model of the maker whose card names these bases."""
        files = {
            "README.md": card(*bases) + note.encode(),
            "model.safetensors": b"\x00\x01" + name.encode() * 2000,
        }
        return self.world.try_release(self.maker, self.meadow, name=name, requires=requires, files=files)

    def claim(self, **changes: Any) -> Claim:
        given: dict[str, Any] = {
            "model": "meadow/slate",
            "base_license": self.asked,
            "own_license": "own-m@1.0",
            "restrictions": (MEDICINE,),
            "reason": "Clause 4 forbids any use on patients.",
            "name": "Ada Quarry",
        }
        return Claim(**{**given, **changes})

    def decide(self, who: Principal | None = None, **changes: Any) -> Any:
        return self.world.write(
            equivalences.decide,
            publisher="quarry",
            name="quarry-15b",
            claim=self.claim(**changes),
            principal=who or self.owner,
            sealer=self.world.sealer,
            now=self.world.now,
        )

    def withdraw(self, decision: Any, who: Principal | None = None, reason: str = "It does not.") -> Any:
        return self.world.write(
            equivalences.withdraw,
            publisher="quarry",
            name="quarry-15b",
            decision_id=decision.id,
            reason=reason,
            principal=who or self.owner,
            sealer=self.world.sealer,
            now=self.world.now,
        )

    def change_gate(self, *requires: str, name: str = "slate") -> Any:
        return self.world.write(
            catalog.change_gate,
            publisher="meadow",
            name=name,
            demand=catalog.GateDemand(mode=GateMode.AUTO, licenses=requires),
            principal=self.maker,
            now=self.world.now,
        )

    def compare(self, who: Principal = ANONYMOUS, name: str = "slate") -> Any:
        return self.world.read(inherited_terms.compare_terms, publisher="meadow", name=name, principal=who)


def card(*bases: str) -> bytes:
    listed = "".join(f"- {base}\n" for base in bases)
    stated = f"base_model:\n{listed}" if bases else ""
    return f"---\nlicense: other\n{stated}---\n# Made\n".encode()


def code(outcome: Any) -> str | None:
    return outcome.code if isinstance(outcome, Refusal) else None


@pytest.fixture
def world(database: Database, clock: SettableClock) -> World:
    return World(database=database, clock=clock)


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene(world)


def test_a_license_that_lacks_or_weakens_a_restriction_is_refused_and_nothing_is_left(scene: Scene) -> None:
    lacking = scene.world.restricting("own-m", LAW)
    weaker = scene.world.restricting("weak-m", LAW, f"{MEDICINE}:intent-only")
    refused = scene.publish(lacking)
    assert (refused.code, refused.status) == ("restrictions-not-carried", 409)
    ((where, what),) = refused.errors.items()
    assert where == f"{BASE}, base-m@1.0, {MEDICINE}"
    assert "expected unless-human-oversight, found nothing" in what
    assert "Medical advice" in what
    assert "base-m@1.0" in refused.remedy.text
    assert refused.remedy.url == f"/{BASE}/equivalences?model=meadow%2Fslate&base_license=base-m%401.0"
    ((_, what),) = scene.publish(weaker).errors.items()
    assert "expected unless-human-oversight, found intent-only" in what
    gone = scene.world.read(catalog.find_model, publisher="meadow", name="slate", principal=scene.maker)
    assert code(gone) == "model-not-found"


@pytest.mark.parametrize(
    "own",
    [
        (LAW, f"{MEDICINE}:unless-human-oversight"),
        (LAW, MEDICINE),
        (LAW, MEDICINE, "no-spam"),
    ],
)
def test_a_license_that_restricts_as_much_or_more_is_taken(scene: Scene, own: tuple[str, ...]) -> None:
    assert code(scene.publish(scene.world.restricting("own-m", *own))) is None


def test_the_license_of_the_base_beside_a_weaker_one_is_taken(scene: Scene) -> None:
    own = scene.world.restricting("own-m", LAW)
    assert code(scene.publish(own, scene.asked)) is None


def test_a_license_of_unknown_restrictions_is_refused_on_either_side(scene: Scene) -> None:
    silent, other = scene.world.restricting("silent-m"), scene.world.restricting("other-m")
    ((_, first), (_, second)) = scene.publish(silent).errors.items()
    assert "nobody has said what your license restricts" in first
    assert "nobody has said" in second
    files = {"README.md": card(), "model.safetensors": b"\x00\x01marl" * 2000}
    scene.world.release(scene.owner, scene.quarry, name="marl", requires=(silent,), files=files)
    refused = scene.publish(other, bases=("quarry/marl",))
    assert list(refused.errors) == ["quarry/marl, silent-m@1.0"]
    assert code(scene.publish(silent, bases=("quarry/marl",))) is None
    later = scene.world.restricting("silent-m", number="2.0", change_class="material")
    assert code(scene.publish(later, name="shale", bases=("quarry/marl",))) is None


def test_a_known_license_without_restrictions_asks_for_nothing(world: World) -> None:
    bare = [one for one in licenses.known_index().licenses if not one.is_policy and not one.restrictions]
    assert {one.id for one in bare if one.restricts_nothing} == {"apache-2.0", "openmdw-1.0"}
    # A text whose restrictions stand in its policy is not one that restricts nothing.
    assert {"llama3.1", "gemma"} <= {one.id for one in bare if not one.restricts_nothing}
    scene = Scene(world)
    open_m, own = world.restricting("open-m"), world.restricting("own-m")

    known = (
        "UPDATE license_version SET recognised_as = 'apache-2.0' "
        "WHERE license_id IN (SELECT id FROM license WHERE slug = 'open-m')"
    )
    world.database.write_now(lambda session: session.connection().exec_driver_sql(known) and None)
    files = {"README.md": card(), "model.safetensors": b"\x00\x01marl" * 2000}
    world.release(scene.owner, scene.quarry, name="marl", requires=(open_m,), files=files)
    assert code(scene.publish(own, bases=("quarry/marl",))) is None


def test_bases_elsewhere_and_bases_without_a_license_ask_for_nothing(scene: Scene) -> None:
    own = scene.world.restricting("own-m", LAW)
    files = {"README.md": card(), "model.safetensors": b"\x00\x01free" * 2000}
    scene.world.release(scene.owner, scene.quarry, name="free", requires=(), files=files)
    assert code(scene.publish(own, bases=("quarry/free", "elsewhere/unknown", "no-slash"))) is None


def test_every_base_and_its_bases_count_however_they_are_written(scene: Scene) -> None:
    own = scene.world.restricting("own-m", LAW)
    assert code(scene.publish(scene.asked, name="middle")) is None
    other = scene.world.restricting("other-m", "no-spam")
    files = {"README.md": card(), "model.safetensors": b"\x00\x01marl" * 2000}
    scene.world.release(scene.owner, scene.quarry, name="marl", requires=(other,), files=files)
    refused = scene.publish(own, bases=("MEADOW/Middle", "Quarry/MARL"))
    assert {key.rpartition(", ")[0] for key in refused.errors} == {
        "meadow/middle, base-m@1.0",
        "quarry/marl, other-m@1.0",
        f"{BASE}, base-m@1.0",
    }


def test_a_gate_is_not_loosened_after_publishing(scene: Scene) -> None:
    """Otherwise a release with the right license would be followed by another license."""
    scene.world.clock.advance(timedelta(minutes=1))
    own = scene.world.restricting("own-m", LAW)
    assert code(scene.publish(scene.asked)) is None
    assert code(scene.change_gate(own)) == "restrictions-not-carried"
    preview = scene.world.read(
        catalog.preview_gate,
        publisher="meadow",
        name="slate",
        demand=catalog.GateDemand(mode=GateMode.AUTO, licenses=(own,)),
        principal=scene.maker,
        now=scene.world.now,
    )
    assert code(preview) == "restrictions-not-carried"
    assert code(scene.change_gate(own, scene.asked)) is None
    assert code(scene.publish(own, name="lone", bases=())) is None
    moved = scene.world.write(
        sharing.move_model,
        publisher="meadow",
        name="slate",
        target="meadow/lone",
        principal=scene.maker,
        now=scene.world.now,
    )
    assert code(moved) == "restrictions-not-carried"


def test_a_base_that_restricts_more_later_stops_the_next_release_only(scene: Scene) -> None:
    own = scene.world.restricting("own-m", LAW, MEDICINE)
    assert code(scene.publish(own)) is None
    stricter = scene.world.restricting("strict-m", LAW, "no-spam")
    changed = scene.world.write(
        catalog.change_gate,
        publisher="quarry",
        name="quarry-15b",
        demand=catalog.GateDemand(mode=GateMode.AUTO, licenses=(stricter,)),
        principal=scene.owner,
        now=scene.world.now,
    )
    assert code(changed) is None
    assert scene.world.model(scene.maker, "meadow", "slate").gate.license_version_ids
    assert code(scene.publish(note="again")) == "restrictions-not-carried"


def test_two_hundred_bases_are_all_looked_at_and_the_answer_stays_short(world: World) -> None:
    scene = Scene(world)
    own = world.restricting("own-m", "no-spam")
    for number in range(200):
        files = {"README.md": card(), "model.safetensors": f"\x00\x01{number}".encode() * 900}
        world.release(scene.owner, scene.quarry, name=f"b-{number}", requires=(scene.asked,), files=files)
    refused = scene.publish(own, bases=tuple(f"quarry/b-{number}" for number in range(200)))
    assert refused.code == "restrictions-not-carried"
    assert len(refused.errors) == 20
    assert "Not carried on: 400, the first 20 are named" in refused.detail


def test_a_base_that_the_publisher_may_not_see_is_neither_compared_nor_revealed(scene: Scene) -> None:
    own = scene.world.restricting("own-m", "no-spam")
    files = {"README.md": card(), "model.safetensors": b"\x00\x01secret" * 2000}
    scene.world.release(
        scene.owner, scene.quarry, name="secret", requires=(scene.asked,), files=files, private=True
    )
    answers = [
        scene.publish(own, name=name, bases=(base,))
        for name, base in (("slate", "quarry/secret"), ("shale", "quarry/absent"))
    ]
    assert [code(one) for one in answers] == [None, None]
    plans = [
        scene.world.read(
            plan_restrictions,
            publisher="meadow",
            name="new",
            card=card(base),
            references=(own,),
            principal=scene.maker,
        )
        for base in ("quarry/secret", "quarry/absent")
    ]
    assert plans == [([], ["quarry/secret"]), ([], ["quarry/absent"])]


def test_an_ancestor_that_became_private_is_not_named(scene: Scene) -> None:
    own = scene.world.restricting("own-m", "no-spam")
    assert code(scene.publish(scene.asked, name="middle")) is None
    hide = "UPDATE model SET private = NOT private WHERE name = 'quarry-15b'"
    scene.world.database.write_now(lambda session: session.connection().exec_driver_sql(hide) and None)
    refused = scene.publish(own, bases=("meadow/middle",))
    assert {key.partition(",")[0] for key in refused.errors} == {"meadow/middle"}
    assert "quarry-15b" not in str(refused)
    refused = scene.change_gate(own, name="middle")
    assert code(refused) is None


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


def test_a_plan_is_told_to_who_may_publish_before_anything_is_uploaded(scene: Scene) -> None:
    own = scene.world.restricting("own-m", LAW)
    (compared,), unknown = scene.world.read(
        plan_restrictions,
        publisher="meadow",
        name="slate",
        card=card(BASE, "elsewhere/unknown"),
        references=(own,),
        principal=scene.maker,
    )
    assert compared.is_open
    assert unknown == ["elsewhere/unknown"]
    refused = scene.world.read(
        plan_restrictions,
        publisher="meadow",
        name="slate",
        card=card(BASE),
        references=(own,),
        principal=scene.owner,
    )
    assert code(refused) == "role-missing"
