"""A model goes behind another gate: who could download it and cannot now is told, once, whatever happens meanwhile."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from registry import catalog
from registry.access import lost_models, requesting
from registry.access.domain import Permit
from registry.access.lost_models import Task
from registry.access.request_views import Office
from registry.access.transitions import Move, RequestEvent
from registry.catalog.domain import GateMode
from registry.identity import list_notices
from registry.identity.domain import Principal
from registry.kernel import mail, outbox
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from registry.parts import build_parts
from registry.settings import Settings
from registry.worker import Worker
from tests.clock import SettableClock
from tests.integration.access.covers import Scene as Covered
from tests.integration.access.covers import cover_scene
from tests.world import ANSWERS, BASE_URL, MASTER_SECRET, World, presigning_store, run


@dataclass
class Scene:
    """Two models of a publisher, each behind a gate of its own that asks for the same license."""

    covered: Covered
    owner: Principal

    @property
    def world(self) -> World:
        return self.covered.world

    def move(self, target: str | None = "quarry/second", name: str = "quarry-15b") -> Any:
        moved = self.world.write(
            catalog.move_model,
            publisher="quarry",
            name=name,
            target=target,
            principal=self.owner,
            now=self.world.now,
        )
        assert not isinstance(moved, Refusal), moved
        return moved

    def tell(self, task: Task) -> None:
        self.world.write(
            lost_models.tell_who_lost,
            task=task,
            sealer=self.world.sealer,
            base_url=BASE_URL,
            now=self.world.now,
        )

    def work_off(self, *, twice: bool = False) -> tuple[int, list[str]]:
        """Deliver all that is due; return how many pages that were, and to whom letters went."""
        pages, letters = 0, []
        while messages := self.world.write(outbox.claim, now=self.world.now):
            for message in messages:
                if message.topic == catalog.MODEL_MOVED:
                    pages += 1
                    for _ in range(2 if twice else 1):
                        self.tell(msgspec.json.decode(message.payload, type=Task))
                elif message.topic == mail.TOPIC:
                    letters.append(mail.unqueue(message.payload, sealer=self.world.sealer).to)
                self.world.write(outbox.complete, message=message, now=self.world.now)
        return pages, sorted(letters)

    def told(self, who: Principal) -> list[str]:
        notices = self.world.read(list_notices, person_id=who.person_id, sealer=self.world.sealer)
        return [one.message.subject for one in notices if one.message.kind == "model-moved"]


def worker_of(world: World, folder: Path) -> Worker:
    settings = Settings(
        base_url=BASE_URL, data_dir=folder, master_key=MASTER_SECRET.hex(), worker_inline=False
    )
    store = presigning_store(world.clock)
    return Worker(build_parts(settings, store=store, database=world.database, clock=world.clock))


@pytest.fixture
def scene(database: Database, clock: SettableClock) -> Scene:
    covered = cover_scene(database, clock)
    world = covered.world
    owner = world.person("owner@quarry.example")
    world.release(owner, world.read(catalog.find_publisher, name="quarry"), name="second")
    found = Scene(covered=covered, owner=owner)
    found.work_off()
    return found


SUBJECT = "To keep access to quarry/quarry-15b, go through its new gate"


def test_acceptors_and_members_under_a_cover_are_told_once_and_nobody_else(scene: Scene) -> None:
    world = scene.world
    second = world.model(scene.owner, name="second")
    alone, both, gone, other = (
        world.person(f"{one}@uni.example") for one in ("alone", "both", "gone", "other")
    )
    member = scene.covered.join()
    scene.covered.accept()  # for the organisation
    world.accept(member, scene.covered.model)  # and for themself too
    colleague = scene.covered.join("kim@nordlab.example")
    for person in (alone, both):
        world.accept(person, scene.covered.model)
    world.withdraw(gone, world.accept(gone, scene.covered.model).id)
    for person in (both, other):
        world.accept(person, second)
    scene.work_off()
    scene.move()
    _, letters = scene.work_off()
    lost = [alone, member, colleague, scene.covered.officer]
    assert letters == sorted(
        ["alone@uni.example", "per@nordlab.example", "kim@nordlab.example", "mara@nordlab.example"]
    )
    assert [scene.told(one) for one in lost] == [[SUBJECT]] * 4
    assert [scene.told(one) for one in (both, gone, other, scene.owner)] == [[]] * 4


def test_pages_that_are_delivered_twice_tell_nobody_twice(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lost_models, "PAGE_PEOPLE", 2)
    people = [scene.world.person(f"p{number}@uni.example") for number in range(5)]
    for person in people:
        scene.world.accept(person, scene.covered.model)
    scene.work_off()
    scene.move()
    pages, letters = scene.work_off(twice=True)
    assert pages > 5
    assert letters == [f"p{number}@uni.example" for number in range(5)]
    assert [scene.told(person) for person in people] == [[SUBJECT]] * 5


def test_who_went_through_the_new_gate_meanwhile_is_not_told(scene: Scene) -> None:
    quick, slow = scene.world.person("quick@uni.example"), scene.world.person("slow@uni.example")
    for person in (quick, slow):
        scene.world.accept(person, scene.covered.model)
    scene.work_off()
    scene.world.accept(quick, scene.move())
    _, letters = scene.work_off()
    assert letters.count("slow@uni.example") == 1
    assert (scene.told(quick), scene.told(slow)) == ([], [SUBJECT])


def test_a_model_that_came_back_before_anybody_was_told_is_told_to_nobody(scene: Scene) -> None:
    person = scene.world.person("a@uni.example")
    scene.world.release(scene.owner, scene.world.read(catalog.find_publisher, name="quarry"), name="third")
    scene.move("quarry/quarry-15b", "third")
    scene.world.accept(person, scene.covered.model)
    scene.work_off()
    scene.move("quarry/second")
    scene.move("quarry/third")
    scene.work_off()
    assert scene.told(person) == []


def test_a_gate_of_its_own_is_told_as_such(scene: Scene) -> None:
    scene.move("quarry/quarry-15b", "second")
    person = scene.world.person("a@uni.example")
    scene.world.accept(person, scene.covered.model)
    scene.work_off()
    scene.move(None, "second")
    scene.work_off()
    (notice,) = scene.world.read(list_notices, person_id=person.person_id, sealer=scene.world.sealer)
    assert notice.message.text.startswith("quarry/second now has a gate of its own. ")
    assert notice.message.page == "/quarry/second"


def test_who_was_granted_access_without_any_license_is_told(scene: Scene) -> None:
    world, anna = scene.world, scene.world.person("anna@uni.example")
    office = {"sealer": world.sealer, "base_url": BASE_URL, "now": world.now}
    fresh = replace(scene.owner, signed_in_at=world.now)
    demand = catalog.GateDemand(mode=GateMode.MANUAL, licenses=(), fields=scene.covered.model.gate.fields)
    changed = world.write(
        catalog.change_gate,
        publisher="quarry",
        name="quarry-15b",
        demand=demand,
        principal=fresh,
        now=world.now,
    )
    assert not isinstance(changed, Refusal), changed
    asked = world.write(
        requesting.ask,
        office=Office(principal=anna, **office),
        publisher="quarry",
        model="quarry-15b",
        answers=ANSWERS,
        note="for my thesis",
    )
    world.write(
        requesting.move,
        office=Office(principal=scene.owner, **office),
        request_id=asked.id,
        wanted=Move(event=RequestEvent.APPROVE, note="welcome"),
    )
    assert isinstance(world.decide(anna, world.model(scene.owner)), Permit)
    scene.work_off()
    scene.move()
    scene.work_off()
    assert scene.told(anna) == [SUBJECT]


def moved(world: World) -> list[Any]:
    """The messages about the move; those who follow for other reasons have their own."""
    return [one for one in world.write(outbox.claim, now=world.now) if one.topic == catalog.MODEL_MOVED]


def test_two_workers_that_hold_the_same_message_bring_it_about_once(scene: Scene, tmp_path: Path) -> None:
    world, person = scene.world, scene.world.person("a@uni.example")
    world.accept(person, scene.covered.model)
    scene.work_off()
    scene.move()
    (message,) = moved(world)
    worker = worker_of(world, tmp_path)

    async def both() -> None:
        await asyncio.gather(worker.deliver(message), worker.deliver(message))

    run(both())
    assert scene.told(person) == [SUBJECT]
    assert len(moved(world)) == 1, "the rest of the work is queued once"


def test_what_cannot_be_settled_was_not_brought_about(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, person = scene.world, scene.world.person("a@uni.example")
    world.accept(person, scene.covered.model)
    scene.work_off()
    scene.move()
    (message,) = moved(world)
    worker = worker_of(world, tmp_path)

    def die(*_given: object, **_named: object) -> None:
        raise OSError("the power is gone")

    with monkeypatch.context() as patched:
        patched.setattr(outbox, "complete", die)
        run(worker.deliver(message))
    assert scene.told(person) == []
    world.clock.advance(timedelta(hours=1))
    scene.work_off()
    assert scene.told(person) == [SUBJECT]
