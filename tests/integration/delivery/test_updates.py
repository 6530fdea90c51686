"""Releases to be given up: everybody who has one is told once, and it is handed out until the day and no longer."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from registry import access, catalog
from registry.access import giving_up
from registry.catalog import fsck, must_updates
from registry.catalog.domain import ModelView
from registry.catalog.must_updates import Demand, Mark
from registry.delivery import updates
from registry.delivery.domain import FileRefused, UpdateAnswered, UrlIssued
from registry.hub_api.errors import update_warning
from registry.identity import list_notices
from registry.identity.domain import Principal
from registry.kernel import outbox
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from tests.clock import SettableClock
from tests.world import BASE_URL, WEIGHTS, World

REASON = "Images were taken out of the training data."


@dataclass
class Scene:
    """A model with two releases, its owner, somebody who downloaded the first and somebody who only accepted."""

    world: World
    model: ModelView
    old: str
    new: str
    owner: Principal
    anna: Principal
    ben: Principal

    def demand(self, **changes: Any) -> Demand:
        given = Demand(
            commit=self.old,
            replacement=self.new,
            update_by=self.world.now + timedelta(days=30),
            reason=REASON,
        )
        return replace(given, **changes)

    def mark(self, who: Principal | None = None, **changes: Any) -> Mark | Refusal:
        outcome: Mark | Refusal = self.world.write(
            must_updates.mark_release,
            publisher=self.model.publisher,
            name=self.model.name,
            demand=self.demand(**changes),
            principal=who or replace(self.owner, signed_in_at=self.world.now),
            now=self.world.now,
        )
        return outcome

    def resolve(self, who: Principal, revision: str) -> Any:
        return self.world.resolve(who, model=self.model.name, revision=revision)

    def work_off(self, times: int = 1) -> int:
        """Deliver what is due, so often as after crashes between the work and its note; return how many there were."""

        def claim(session: Any) -> Sequence[outbox.Message]:
            due = outbox.claim(session, now=self.world.now)
            return [one for one in due if one.topic == catalog.MUST_UPDATE_MARKED]

        messages = self.world.write(claim)
        for message in messages:
            task = msgspec.json.decode(message.payload, type=updates.Task)
            for _ in range(times):
                self.world.write(
                    updates.tell_holders,
                    task=task,
                    sealer=self.world.sealer,
                    base_url=BASE_URL,
                    now=self.world.now,
                )
            self.world.write(outbox.complete, message=message, now=self.world.now)
        return len(messages)

    def work_off_all(self) -> None:
        while self.work_off():
            pass

    def told(self, who: Principal) -> int:
        notices = self.world.read(list_notices, person_id=who.person_id, sealer=self.world.sealer)
        return sum(one.message.kind == "must-update" for one in notices)


@pytest.fixture
def scene(database: Database, clock: SettableClock) -> Scene:
    world = World(database=database, clock=clock)
    model = world.gated_model()
    owner, anna, ben = (world.person(f"{name}@quarry.example") for name in ("owner", "anna", "ben"))
    for person in (anna, ben):
        world.accept(person, model)
    old = world.read(catalog.find_current_release, model_id=model.id).commit
    assert isinstance(world.resolve(anna, model=model.name), UrlIssued)
    publisher = world.read(catalog.find_publisher, name="quarry")
    clock.advance(timedelta(minutes=1))
    world.release(owner, publisher, name=model.name, files={"model.safetensors": WEIGHTS + b"2"})
    new = world.read(catalog.find_current_release, model_id=model.id).commit
    assert old != new
    return Scene(world=world, model=model, old=old, new=new, owner=owner, anna=anna, ben=ben)


def test_a_marked_release_is_handed_out_with_a_warning_until_the_day_and_never_after(scene: Scene) -> None:
    mark = scene.mark()
    assert isinstance(mark, Mark)
    before = scene.resolve(scene.anna, scene.old)
    assert isinstance(before, UrlIssued)
    assert before.update is not None
    warning = update_warning("quarry/quarry-15b", before.update, base_url=BASE_URL)
    assert scene.new in warning
    assert warning.startswith("update; ")
    assert REASON.rstrip(".") in warning
    current = scene.resolve(scene.anna, "main")
    assert isinstance(current, UrlIssued)
    assert current.update is None
    scene.world.clock.advance(timedelta(days=30))
    refused = scene.resolve(scene.anna, scene.old)
    assert isinstance(refused, FileRefused)
    assert refused.refusal.code == "update-required"
    assert refused.refusal.remedy.url == f"/quarry/quarry-15b/files?revision={scene.new}"
    assert isinstance(scene.resolve(scene.anna, "main"), UrlIssued)
    fact = scene.world.read(
        giving_up.find_update, model_id=mark.model_id, release_id=mark.release_id, now=scene.world.now
    )
    assert fact is not None
    assert fact.is_due
    taken = scene.world.write(
        must_updates.take_back,
        publisher="quarry",
        name=scene.model.name,
        mark_id=mark.id,
        reason="It was the wrong release.",
        principal=replace(scene.owner, signed_in_at=scene.world.now),
        now=scene.world.now,
    )
    assert taken.ended_at == scene.world.now
    assert isinstance(scene.resolve(scene.anna, scene.old), UrlIssued)
    assert list(scene.world.read(fsck.find_discrepancies)) == []


def test_only_a_maintainer_with_a_fresh_sign_in_marks_and_only_what_can_be_replaced(scene: Scene) -> None:
    def refused(**changes: Any) -> set[str]:
        outcome = scene.mark(**changes)
        assert isinstance(outcome, Refusal)
        return set(outcome.errors or {outcome.code})

    assert refused(who=scene.anna) == {"role-missing"}
    assert refused(who=replace(scene.owner, signed_in_at=None)) == {"fresh-sign-in-needed"}
    assert refused(commit=scene.new, replacement=scene.old) == {"release"}
    assert refused(replacement=scene.old) == {"replacement"}
    assert refused(commit="main") == {"release"}
    assert refused(update_by=scene.world.now) == {"update_by"}
    assert refused(reason=" ") == {"reason"}
    assert isinstance(scene.mark(), Mark)
    assert refused() == {"release"}


def test_each_holder_is_told_once_and_what_they_say_stays(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages of one person each, and the first message delivered twice."""
    monkeypatch.setattr(updates, "PAGE_HOLDERS", 1)
    world, late, stranger = scene.world, scene.world.person("late@nordlab.example"), scene.world.person()
    mark = scene.mark()
    assert isinstance(mark, Mark)
    scene.work_off(times=2)
    scene.work_off_all()
    assert [scene.told(one) for one in (scene.anna, scene.ben, late, stranger)] == [1, 1, 0, 0]
    world.accept(late, scene.model)
    assert isinstance(scene.resolve(late, scene.old), UrlIssued)
    world.clock.advance(timedelta(days=30))
    scene.work_off_all()
    assert [scene.told(one) for one in (scene.anna, scene.ben, late, stranger)] == [1, 1, 1, 0]

    def say(who: Principal, state: UpdateAnswered) -> Any:
        return world.write(updates.answer, mark_id=mark.id, state=state, principal=who, now=world.now)

    assert say(stranger, UpdateAnswered.ACKNOWLEDGED).code == "no-such-must-update"
    assert say(scene.ben, UpdateAnswered.ACKNOWLEDGED).state == "acknowledged"
    assert say(scene.anna, UpdateAnswered.CONFIRMED_DELETED).state == "confirmed_deleted"
    world.clock.advance(timedelta(days=1))
    assert say(scene.anna, UpdateAnswered.ACKNOWLEDGED).state == "confirmed_deleted"
    (mine,) = world.read(updates.list_mine, principal=scene.anna)
    assert (mine.repo_id, mine.told.state) == ("quarry/quarry-15b", "confirmed_deleted")
    figures = world.read(updates.count_told, mark_id=mark.id)
    assert figures == updates.Figures(told=3, downloaded=2, acknowledged=2, confirmed_deleted=1)
    world.write(world.sealer.destroy_subject_key, subject_id=scene.anna.person_id)
    told = world.read(updates.list_told, mark_id=mark.id, sealer=world.sealer, after=None, limit=10)
    assert {(one.email, one.state) for one in told} == {
        (None, "confirmed_deleted"),
        ("ben@quarry.example", "acknowledged"),
        ("late@nordlab.example", "notified"),
    }


def test_the_same_answer_at_the_same_moment_is_said_once(scene: Scene) -> None:
    mark = scene.mark()
    assert isinstance(mark, Mark)
    scene.work_off_all()

    def say(_number: int) -> Any:
        return scene.world.write(
            updates.answer,
            mark_id=mark.id,
            state=UpdateAnswered.ACKNOWLEDGED,
            principal=scene.anna,
            now=scene.world.now,
        )

    with ThreadPoolExecutor(8) as threads:
        said = list(threads.map(say, range(8)))
    assert {one.state for one in said} == {"acknowledged"}


def test_the_decision_puts_a_release_that_is_due_before_what_is_missing(scene: Scene) -> None:
    mark = scene.mark()
    assert isinstance(mark, Mark)
    scene.world.clock.advance(timedelta(days=31))
    nobody = scene.world.person("new@nordlab.example")
    outcome = scene.resolve(nobody, scene.old)
    assert outcome.refusal.code == "update-required"
    assert scene.resolve(nobody, "main").refusal.code == "license-not-accepted"
    assert isinstance(scene.world.decide(scene.anna, scene.model), access.Permit)
