"""What a license restricts flows down: a model made from others restricts as much, or somebody has decided so (G9)."""

from datetime import timedelta

import pytest

from registry import catalog, licenses
from registry.catalog import sharing
from registry.catalog.domain import GateMode
from registry.catalog.lineage import Planned, plan_restrictions
from registry.kernel.database import Database
from tests.clock import SettableClock
from tests.integration.catalog.derived import BASE, LAW, MEDICINE, Scene, card, code
from tests.world import World


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


def test_a_model_is_no_base_of_itself_and_a_circle_is_told_as_one(scene: Scene) -> None:
    own = scene.world.restricting("own-m", LAW)
    assert code(scene.publish(own, bases=("MEADOW/Slate", "meadow/slate"))) is None
    assert code(scene.publish(own, name="shale", bases=("meadow/slate",))) is None
    assert code(scene.publish(bases=("meadow/shale",), note="again")) == "lineage-circular"


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
            now=scene.world.now,
        )
        for base in ("quarry/secret", "quarry/absent")
    ]
    assert plans == [
        Planned(terms=[], unknown_bases=["quarry/secret"]),
        Planned(terms=[], unknown_bases=["quarry/absent"]),
    ]


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


def test_a_plan_is_told_to_who_may_publish_before_anything_is_uploaded(scene: Scene) -> None:
    own = scene.world.restricting("own-m", LAW)
    planned = scene.world.read(
        plan_restrictions,
        publisher="meadow",
        name="slate",
        card=card(BASE, "elsewhere/unknown"),
        references=(own,),
        principal=scene.maker,
        now=scene.world.now,
    )
    (compared,) = planned.terms
    assert compared.is_open
    assert planned.unknown_bases == ["elsewhere/unknown"]
    refused = scene.world.read(
        plan_restrictions,
        publisher="meadow",
        name="slate",
        card=card(BASE),
        references=(own,),
        principal=scene.owner,
        now=scene.world.now,
    )
    assert code(refused) == "role-missing"
