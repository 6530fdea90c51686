"""A base's gate changes, or it goes behind another: who loses a model made from it is told, once."""

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from registry import catalog, licenses
from registry.access import crowds, lost_models
from registry.access.domain import Permit
from registry.access.losses import Turn, count_derived
from registry.access.lost_models import RIGHTS_CHANGED
from registry.catalog.domain import GateMode
from registry.identity import list_notices
from registry.identity.domain import Principal
from registry.kernel import outbox
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from registry.parts import build_parts
from registry.settings import Settings
from registry.worker import Worker
from tests.clock import SettableClock
from tests.integration.catalog.derived import Scene as Made
from tests.integration.catalog.derived import code
from tests.world import ANSWERS, BASE_URL, MASTER_SECRET, World, presigning_store, run

BASE, SLATE = "quarry/quarry-15b", "meadow/slate"


@dataclass
class Scene(Made):
    """A base, and models made from it that ask for their own license beside the base's."""

    folder: Path

    def __init__(self, world: World, folder: Path) -> None:
        super().__init__(world, "no-spam")
        _ = world.keys
        self.folder = folder
        self.own = world.restricting("own-m", "no-spam")
        assert code(self.publish(self.own)) is None
        self.work_off()

    def user(self, name: str, *models: str) -> Principal:
        """Somebody who accepted what these models ask for by themselves."""
        person = self.world.person(f"{name}@uni.example")
        for repo in models:
            publisher, _, model = repo.partition("/")
            found = self.world.model(person, publisher, model)
            accepted = self.world.accept(person, found, answers=ANSWERS if found.gate.fields else {})
            assert not isinstance(accepted, Refusal), accepted
        return person

    def may(self, who: Principal, repo: str) -> bool:
        publisher, _, name = repo.partition("/")
        return isinstance(self.world.decide(who, self.world.model(who, publisher, name)), Permit)

    def turn_base(
        self, *requires: str, mode: GateMode = GateMode.AUTO, days: int = 0, name: str = "quarry-15b"
    ) -> None:
        changed = self.world.write(
            catalog.change_gate,
            publisher="quarry",
            name=name,
            demand=catalog.GateDemand(mode=mode, licenses=requires, reaccept_days=days),
            principal=replace(self.owner, signed_in_at=self.world.now),
            now=self.world.now,
        )
        assert not isinstance(changed, Refusal), changed

    def worker(self) -> Worker:
        settings = Settings(
            base_url=BASE_URL, data_dir=self.folder, master_key=MASTER_SECRET.hex(), worker_inline=False
        )
        world = self.world
        store = presigning_store(world.clock)
        return Worker(build_parts(settings, store=store, database=world.database, clock=world.clock))

    def work_off(self) -> None:
        worker = self.worker()

        async def all_of_it() -> None:
            while await worker.deliver_due():
                pass

        run(all_of_it())

    def told(self, who: Principal) -> list[str]:
        notices = self.world.read(list_notices, person_id=who.person_id, sealer=self.world.sealer)
        return [one.message.subject for one in notices if one.message.kind in {"model-lost", "model-moved"}]


@pytest.fixture
def scene(database: Database, clock: SettableClock, tmp_path: Path) -> Scene:
    return Scene(World(database=database, clock=clock), tmp_path)


LOST_SLATE, LOST_BASE = (f"You cannot download {repo} any more" for repo in (SLATE, BASE))


def test_a_license_more_at_the_base_is_told_to_users_of_both_once_each(scene: Scene) -> None:
    whole, only_base, only_slate = (
        scene.user("whole", SLATE, BASE),
        scene.user("base", BASE),
        scene.user("slate", SLATE),
    )
    assert [scene.may(one, SLATE) for one in (whole, only_base, only_slate)] == [True, False, False]
    extra = scene.world.restricting("extra-m")
    scene.turn_base(scene.asked, extra)
    scene.work_off()
    assert scene.told(whole) == [LOST_BASE], "the base comes first, and one notice is enough"
    assert scene.told(only_base) == [LOST_BASE]
    assert scene.told(only_slate) == [], "could not download it before"


def test_who_could_download_the_derived_model_alone_is_told_of_that(scene: Scene) -> None:
    # The base is reviewed: what comes with it is accepted at its gate, and opens the derived model alone.
    scene.turn_base(scene.asked, mode=GateMode.MANUAL)
    scene.work_off()
    person = scene.user("a", SLATE, BASE)
    assert (scene.may(person, BASE), scene.may(person, SLATE)) == (False, True)
    scene.work_off()
    assert scene.told(person) == []
    scene.turn_base(scene.asked, scene.world.restricting("extra-m"), mode=GateMode.MANUAL)
    scene.work_off()
    assert scene.told(person) == [LOST_SLATE]
    (notice, *_) = scene.world.read(list_notices, person_id=person.person_id, sealer=scene.world.sealer)
    assert notice.message.text.startswith(
        f"{BASE}, from which {SLATE} was made, asks for something else now."
    )
    assert notice.message.page == f"/{SLATE}"


def test_a_base_that_moves_is_told_to_who_loses_what_was_made_from_it(scene: Scene) -> None:
    world = scene.world
    scene.turn_base(scene.asked, mode=GateMode.MANUAL)
    files = {"README.md": b"# Other\n", "model.safetensors": b"\x00\x01other" * 2000}
    world.release(scene.owner, scene.quarry, name="other", requires=(scene.asked,), files=files)
    scene.turn_base(scene.asked, mode=GateMode.MANUAL, name="other")
    scene.work_off()
    person, went_on = scene.user("a", SLATE, BASE), scene.user("b", SLATE, BASE, "quarry/other")
    scene.work_off()
    moved = world.write(
        catalog.move_model,
        publisher="quarry",
        name="quarry-15b",
        target="quarry/other",
        principal=replace(scene.owner, signed_in_at=world.now),
        now=world.now,
    )
    assert not isinstance(moved, Refusal), moved
    scene.work_off()
    assert (scene.told(person), scene.told(went_on)) == ([LOST_SLATE], [])


def test_who_has_time_left_or_is_asked_to_accept_again_is_not_told_twice(scene: Scene) -> None:
    person = scene.user("a", SLATE, BASE)
    newer = scene.world.restricting("base-m", "no-spam", number="2.0", change_class="material")
    scene.turn_base(newer, days=14)
    scene.work_off()
    assert scene.may(person, SLATE)
    assert scene.told(person) == []
    newest = scene.world.restricting("base-m", "no-spam", number="3.0", change_class="material")
    scene.turn_base(newest)
    scene.work_off()
    kinds = [
        one.message.kind
        for one in scene.world.read(list_notices, person_id=person.person_id, sealer=scene.world.sealer)
    ]
    assert set(kinds) == {"terms-material"}, "told to accept again, and of nothing else"


def test_a_change_that_takes_nothing_away_or_is_taken_back_tells_nobody(scene: Scene) -> None:
    person = scene.user("a", SLATE, BASE)
    scene.turn_base()
    scene.work_off()
    assert scene.told(person) == []
    scene.turn_base(scene.asked)
    scene.work_off()
    extra = scene.world.restricting("extra-m")
    scene.turn_base(scene.asked, extra)
    scene.turn_base(scene.asked)
    scene.work_off()
    assert scene.told(person) == []


def test_closing_a_gate_is_told_and_does_not_reach_what_was_made_from_it(scene: Scene) -> None:
    person, other = scene.user("a", SLATE, BASE), scene.user("b", BASE)
    scene.turn_base(scene.asked, mode=GateMode.CLOSED)
    scene.work_off()
    assert (scene.told(person), scene.told(other)) == ([LOST_BASE], [LOST_BASE])
    assert scene.may(person, SLATE)


def test_pages_of_many_models_that_come_twice_tell_nobody_twice(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lost_models, "PAGE_PEOPLE", 2)
    assert code(scene.publish(scene.own, name="shale")) is None
    scene.turn_base(scene.asked, mode=GateMode.MANUAL)
    scene.work_off()
    people = [scene.user(f"p{number}", SLATE, "meadow/shale", BASE) for number in range(5)]
    only_shale = scene.user("s", "meadow/shale", BASE)
    scene.turn_base(scene.asked, scene.world.restricting("extra-m"), mode=GateMode.MANUAL)
    world, pages, worker = scene.world, 0, scene.worker()
    while messages := world.write(outbox.claim, now=world.now):
        for message in messages:
            pages += message.topic == RIGHTS_CHANGED

            async def both(message: Any = message) -> None:
                await asyncio.gather(worker.deliver(message), worker.deliver(message))

            run(both())
    assert pages > 8
    lost = {"You cannot download meadow/shale any more", LOST_SLATE}
    # Whatever is delivered anew from the start finds everybody told.
    base = world.model(scene.owner)
    world.write(lost_models.begin, gate_id=base.gate.id, number=base.gate.number, now=world.now)
    scene.work_off()
    for person in people:
        (subject,) = scene.told(person)
        assert subject in lost
    assert scene.told(only_shale) == ["You cannot download meadow/shale any more"]


def test_what_is_counted_beforehand_is_what_is_lost(scene: Scene) -> None:
    world = scene.world
    assert code(scene.publish(scene.own, name="shale")) is None
    people = [scene.user(f"p{number}", SLATE, BASE) for number in range(3)]
    people.append(scene.user("both", SLATE, "meadow/shale", BASE))
    extra = world.restricting("extra-m")
    base = world.model(scene.owner)

    def count(session: Any) -> Any:
        before = crowds.load_demand(session, base.gate)
        more = licenses.find_version(session, "extra-m", "1.0")
        assert more is not None
        after = replace(before, versions=(*before.versions, more))
        turn = Turn(
            models=frozenset({base.id}),
            before=crowds.Asked(gate_id=base.gate.id, demand=before),
            after=crowds.Asked(gate_id=base.gate.id, demand=after),
        )
        return count_derived(session, turn, most=100, now=world.now)

    counted = world.read(count)
    assert (counted.people, counted.is_whole) == (4, True)
    scene.turn_base(scene.asked, extra)
    lost = [one for one in people if not scene.may(one, SLATE)]
    assert len(lost) == counted.people
