"""The same weights under another name: what stands behind a gate is not given out past it (SQLite and PostgreSQL)."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from registry import catalog, licenses
from registry.catalog.domain import GateMode, ModelView, PublisherView, StatedFile
from registry.identity.domain import Principal
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from tests.clock import SettableClock
from tests.world import TEXT_10, TEXT_11, TEXT_101, WEIGHTS, World

CODE = "weights-gated-elsewhere"
OTHER_TEXT = b"Other RAIL 1.0\n\n1. Be kind.\n"
GATES: dict[str, tuple[GateMode, tuple[str, ...]]] = {
    "open": (GateMode.AUTO, ()),
    "first": (GateMode.AUTO, ("sample-openrail-m@1.0",)),
    "mended": (GateMode.AUTO, ("sample-openrail-m@1.0.1",)),
    "newer": (GateMode.AUTO, ("sample-openrail-m@1.1",)),
    "both": (GateMode.AUTO, ("sample-openrail-m@1.0", "other-rail@1.0")),
    "closed": (GateMode.CLOSED, ("sample-openrail-m@1.0",)),
}
AS_STRICT = {
    "first": {"first", "mended", "newer", "both", "closed"},
    "mended": {"first", "mended", "newer", "both", "closed"},
    "newer": {"newer", "closed"},
    "both": {"both", "closed"},
    "closed": {"closed"},
}
"""Which gates of the same publisher ask for all that each one asks for."""


class Scene:
    """Two publishers, two licenses, and what their people publish and change."""

    def __init__(self, world: World) -> None:
        self.world = world
        _ = world.keys
        world.license("1.0", TEXT_10, "initial")
        world.license("1.0.1", TEXT_101, "editorial")
        world.license("1.1", TEXT_11, "material")
        other = licenses.PublishVersion(
            slug="other-rail",
            number="1.0",
            change_class=licenses.ChangeClass.INITIAL,
            text=OTHER_TEXT,
            title="Other RAIL",
        )
        assert not isinstance(
            world.write(licenses.publish_version, command=other, now=world.now, by=None), Refusal
        )
        self.people: dict[str, Principal] = {}
        self.publishers: dict[str, PublisherView] = {}
        for name in ("quarry", "rival"):
            self.people[name] = world.person(f"owner@{name}.example")
            self.publishers[name] = world.publisher(self.people[name], name)

    def command(
        self,
        publisher: str,
        name: str,
        gate: str,
        *,
        private: bool = False,
        weights: bytes = WEIGHTS,
        notes: str = "",
    ) -> catalog.PublishRelease:
        mode, requires = GATES[gate]
        files = {"README.md": f"# {name}{notes}\n".encode(), "deep/model.safetensors": weights}
        stated = []
        for path, content in files.items():
            blob = self.world.blob(self.publishers[publisher].id, content, text=path == "README.md")
            stated.append(StatedFile(path=path, sha256=blob.sha256, size=blob.size))
        return catalog.PublishRelease(
            publisher=publisher,
            name=name,
            files=tuple(stated),
            licenses=requires,
            gate_mode=mode,
            private=private,
            create=True,
        )

    def publish(self, publisher: str, name: str, gate: str, **given: Any) -> Any:
        self.world.clock.advance(timedelta(seconds=1))
        command = self.command(publisher, name, gate, **given)
        return self.world.write(
            catalog.publish_release,
            command=command,
            principal=self.people[publisher],
            sign=self.world.sign,
            now=self.world.now,
        )

    def change(self, publisher: str, name: str, gate: str) -> Any:
        self.world.clock.advance(timedelta(seconds=1))
        mode, requires = GATES[gate]
        return self.world.write(
            catalog.change_gate,
            publisher=publisher,
            name=name,
            demand=catalog.GateDemand(mode=mode, licenses=requires),
            principal=self.people[publisher],
            now=self.world.now,
        )

    def find(self, publisher: str, name: str) -> ModelView | Refusal:
        found: ModelView | Refusal = self.world.read(
            catalog.find_model, publisher=publisher, name=name, principal=self.people[publisher]
        )
        return found


@pytest.fixture
def scene(database: Database, clock: SettableClock) -> Scene:
    return Scene(World(database=database, clock=clock))


@pytest.mark.parametrize("gate", GATES)
def test_another_publisher_gives_out_gated_weights_under_no_gate(scene: Scene, gate: str) -> None:
    scene.publish("quarry", "original", "first")
    refused = scene.publish("rival", "copy", gate)
    assert refused.code == CODE
    assert refused.status == 409
    assert refused.errors == {"deep/model.safetensors": "in quarry/original, gated"}
    assert refused.remedy.url == "/quarry/original"
    # A refusal is committed: nothing of the model may be left of it.
    assert isinstance(scene.find("rival", "copy"), Refusal)


@pytest.mark.parametrize(("standing", "new"), list(product(AS_STRICT, GATES)))
def test_the_same_publisher_gives_them_out_where_as_much_is_asked(
    scene: Scene, standing: str, new: str
) -> None:
    scene.publish("quarry", "original", standing)
    outcome = scene.publish("quarry", "copy", new)
    assert isinstance(outcome, Refusal) is (new not in AS_STRICT[standing])
    if isinstance(outcome, Refusal):
        assert (outcome.code, outcome.remedy and outcome.remedy.url) == (CODE, "/quarry/original/gate")


def test_weights_that_lie_open_elsewhere_are_free(scene: Scene) -> None:
    scene.publish("rival", "base", "open")
    assert not isinstance(scene.publish("quarry", "with-terms", "first"), Refusal)
    assert not isinstance(scene.publish("rival", "copy", "open"), Refusal)
    scene.change("rival", "base", "first")
    scene.change("rival", "copy", "first")
    # Now they lie open nowhere, and the two that had them first decide.
    assert scene.publish("quarry", "late", "open").code == CODE


def test_a_private_open_model_frees_nothing(scene: Scene) -> None:
    scene.publish("rival", "hidden", "open", private=True)
    assert not isinstance(scene.publish("quarry", "original", "first"), Refusal)
    assert scene.publish("rival", "copy", "open").code == CODE


def test_a_private_model_is_not_named_to_who_may_not_know_it(scene: Scene) -> None:
    scene.publish("quarry", "secret-plan", "first", private=True)
    refused = scene.publish("rival", "copy", "open")
    told = f"{refused.title} {refused.detail} {refused.remedy} {refused.errors} {refused.decider}"
    assert refused.code == CODE
    assert "quarry" not in told
    assert "secret-plan" not in told
    mine = scene.publish("quarry", "copy", "open")
    assert "quarry/secret-plan" in mine.detail


def test_where_a_public_model_has_them_too_only_that_one_is_named(scene: Scene) -> None:
    scene.publish("quarry", "secret-plan", "first", private=True)
    scene.publish("quarry", "original", "first")
    refused = scene.publish("rival", "copy", "open")
    assert "quarry/original" in refused.detail
    assert "another publisher" not in refused.detail


def test_bytes_one_never_uploaded_tell_nothing(scene: Scene) -> None:
    scene.publish("quarry", "secret-plan", "first", private=True)
    command = scene.command("quarry", "copy", "open")
    stolen = catalog.PublishRelease(publisher="rival", name="copy", files=command.files, create=True)
    refused = scene.world.write(
        catalog.publish_release,
        command=stolen,
        principal=scene.people["rival"],
        sign=scene.world.sign,
        now=scene.world.now,
    )
    assert refused.code == "files-not-uploaded"


def test_small_texts_are_nobodys_weights(scene: Scene) -> None:
    scene.publish("quarry", "same", "first")
    assert not isinstance(scene.publish("rival", "same", "open", weights=b"\x00other"), Refusal)


def test_a_retry_and_a_new_card_of_what_stands_go_on(scene: Scene) -> None:
    scene.publish("rival", "mine", "open")
    scene.publish("quarry", "with-terms", "first")
    again = scene.publish("rival", "mine", "open")
    assert again.created is False
    assert scene.publish("rival", "mine", "open", notes=", explained better").created


def test_weights_added_to_a_standing_model_are_looked_at_too(scene: Scene) -> None:
    scene.publish("quarry", "original", "first")
    scene.publish("rival", "honest", "open", weights=b"\x00mine")
    head = scene.find("rival", "honest")
    assert scene.publish("rival", "honest", "open").code == CODE
    assert scene.find("rival", "honest") == head


def test_a_gate_is_not_emptied_while_an_earlier_one_holds_the_weights(scene: Scene) -> None:
    scene.publish("quarry", "original", "both")
    scene.publish("quarry", "copy", "both")
    for weaker in ("open", "first"):
        refused = scene.change("quarry", "copy", weaker)
        assert refused.code == CODE
        assert "The gate was not changed" in refused.detail
    assert not isinstance(scene.change("quarry", "copy", "closed"), Refusal)
    # Who had them first decides, and then the copy may follow.
    assert not isinstance(scene.change("quarry", "original", "open"), Refusal)
    assert not isinstance(scene.change("quarry", "copy", "open"), Refusal)


def test_nobody_locks_the_gate_of_who_had_the_weights_first(scene: Scene) -> None:
    scene.publish("quarry", "original", "open")
    scene.publish("rival", "copy", "first")
    assert not isinstance(scene.change("quarry", "original", "first"), Refusal)
    assert not isinstance(scene.change("quarry", "original", "open"), Refusal)


async def test_of_racing_publishers_of_the_same_weights_one_has_them(scene: Scene) -> None:
    commands = [
        scene.command(publisher, f"model-{number}", "first")
        for number in range(3)
        for publisher in ("quarry", "rival")
    ]
    scene.world.clock.advance(timedelta(seconds=1))
    outcomes = await asyncio.gather(
        *(
            scene.world.database.write(
                lambda session, command=command: catalog.publish_release(  # type: ignore[misc] # a default binds it
                    session,
                    command,
                    principal=scene.people[command.publisher],
                    sign=scene.world.sign,
                    now=scene.world.now,
                )
            )
            for command in commands
        )
    )
    done = {outcome.publisher for outcome in outcomes if not isinstance(outcome, Refusal)}
    assert len(done) == 1
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    assert {outcome.code for outcome in refused} == {CODE}
    assert len(refused) == 3


@pytest.mark.parametrize("publisher", ["quarry", "rival"])
def test_nobody_without_what_one_gate_asks_for_gets_its_bytes_through_another(
    scene: Scene, publisher: str
) -> None:
    """Every pair of gates, published and then changed to every other: past the copy means past the original."""
    for number, (original, copy) in enumerate(product(GATES, GATES)):
        weights = WEIGHTS + bytes([number])
        scene.publish("quarry", f"original-{number}", original, weights=weights)
        scene.publish(publisher, f"copy-{number}", copy, weights=weights)
        for gate in GATES:
            if not isinstance(scene.find(publisher, f"copy-{number}"), Refusal):
                scene.change(publisher, f"copy-{number}", gate)
                _check(scene, f"original-{number}", publisher, f"copy-{number}")


def _check(scene: Scene, original: str, publisher: str, copy: str) -> None:
    first, second = scene.find("quarry", original), scene.find(publisher, copy)
    assert isinstance(first, ModelView)
    assert isinstance(second, ModelView)
    if first.gate.is_open() or second.gate.mode is GateMode.CLOSED:
        return
    assert publisher == "quarry"
    assert first.gate.mode is GateMode.AUTO
    assert _series(scene, first) <= _series(scene, second)


def _series(scene: Scene, model: ModelView) -> set[Any]:
    """What somebody has accepted who got past the gate: licenses, each with every series up to the one asked for."""

    def load(session: Any) -> Sequence[Any]:
        return [licenses.get_version_by_id(session, version) for version in model.gate.license_version_ids]

    return {
        (version.slug, series)
        for version in scene.world.read(load)
        for series in range(1, version.series + 1)
    }
