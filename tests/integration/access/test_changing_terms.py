"""Terms that change: nobody is cut off before the date, everybody after it; editorial touches nobody (G6, G11)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from registry import access, catalog
from registry.access import changed_terms, fsck
from registry.access.changed_terms import Task
from registry.catalog.domain import GateMode, ModelView
from registry.delivery.domain import UrlIssued
from registry.hub_api.errors import reaccept_warning
from registry.identity import list_notices
from registry.identity.domain import Principal
from registry.kernel import outbox
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from tests.clock import SettableClock
from tests.world import BASE_URL, TEXT_10, World

TEXT_20 = TEXT_10.replace(b"Use the model well", b"Pay one euro for each use").replace(b"1.0", b"2.0")
TEXT_30 = TEXT_20.replace(b"one euro", b"two euros").replace(b"2.0", b"3.0")
TEXT_101 = TEXT_10.replace(b"1.0", b"1.0.1")
TEXT_11 = TEXT_10.replace(b"1.0", b"1.1").replace(b"well.", b"well, or as you like.")


@dataclass
class Scene:
    """A gate on version 1.0, its owner, and somebody who has accepted it."""

    world: World
    model: ModelView
    owner: Principal
    anna: Principal

    def change(self, number: str, days: int = 30) -> None:
        demand = catalog.GateDemand(
            mode=GateMode.AUTO,
            licenses=(f"sample-openrail-m@{number}",),
            fields=self.model.gate.fields,
            reaccept_days=days,
        )
        outcome = self.world.write(
            catalog.change_gate,
            publisher=self.model.publisher,
            name=self.model.name,
            demand=demand,
            principal=replace(self.owner, signed_in_at=self.world.now),
            now=self.world.now,
        )
        assert not isinstance(outcome, Refusal), outcome
        self.model = self.world.model(self.owner)

    def verdict(self, who: Principal | None = None) -> access.Permit | str:
        verdict = self.world.decide(who or self.anna, self.model)
        return verdict if isinstance(verdict, access.Permit) else verdict.refusal.code

    def until(self, who: Principal | None = None) -> datetime | None:
        verdict = self.verdict(who)
        assert isinstance(verdict, access.Permit), verdict
        return verdict.reaccept_by

    def work_off(self) -> int:
        """Deliver what the outbox has due of changed terms; return how many messages that were."""

        def work(session: Any) -> int:
            due = outbox.claim(session, now=self.world.now, most=10_000)  # letters too, which stay
            messages = [one for one in due if one.topic == catalog.TERMS_CHANGED]
            for message in messages:
                task = msgspec.json.decode(message.payload, type=Task)
                changed_terms.tell_holders(
                    session, task, sealer=self.world.sealer, base_url=BASE_URL, now=self.world.now
                )
                outbox.complete(session, message, now=self.world.now)
            return len(messages)

        return self.world.write(work)

    def work_off_all(self) -> None:
        while self.work_off():
            pass

    def told(self, who: Principal | None = None) -> list[str]:
        person = (who or self.anna).person_id
        notices = self.world.read(list_notices, person_id=person, sealer=self.world.sealer)
        return [notice.message.kind for notice in reversed(notices)]


@pytest.fixture
def scene(database: Database, clock: SettableClock) -> Scene:
    world = World(database=database, clock=clock)
    model = world.gated_model()
    anna = world.person("anna@uni.example")
    world.accept(anna, model)
    return Scene(world=world, model=model, owner=world.person("owner@quarry.example"), anna=anna)


def test_after_a_material_change_access_goes_on_until_the_date_and_no_longer(
    scene: Scene, clock: SettableClock
) -> None:
    scene.world.license("2.0", TEXT_20, "material")
    before = scene.world.now
    scene.change("2.0")
    assert scene.until() == before + timedelta(days=30)
    assert isinstance(scene.world.resolve(scene.anna), UrlIssued)
    clock.advance(timedelta(days=30) - timedelta(seconds=1))
    assert scene.until() is not None
    clock.advance(timedelta(seconds=1))
    assert scene.verdict() == "acceptance-outdated"
    assert type(scene.world.resolve(scene.anna)).__name__ == "FileRefused"


def test_newcomers_have_no_grace(scene: Scene) -> None:
    scene.world.license("2.0", TEXT_20, "material")
    scene.change("2.0")
    assert scene.verdict(scene.world.person("noor@uni.example")) == "license-not-accepted"


def test_accepting_the_new_terms_ends_the_deadline(scene: Scene, clock: SettableClock) -> None:
    scene.world.license("2.0", TEXT_20, "material")
    scene.change("2.0")
    scene.world.accept(scene.anna, scene.model)
    assert scene.until() is None
    clock.advance(timedelta(days=400))
    assert scene.until() is None


def test_a_withdrawal_during_the_grace_ends_access_at_once(scene: Scene) -> None:
    noor = scene.world.person("noor@uni.example")
    accepted = scene.world.accept(noor, scene.model)
    scene.world.license("2.0", TEXT_20, "material")
    scene.change("2.0")
    assert scene.until(noor) is not None
    scene.world.withdraw(noor, accepted.id)
    assert isinstance(scene.verdict(noor), str)


def test_a_second_change_does_not_shorten_what_was_promised(scene: Scene, clock: SettableClock) -> None:
    scene.world.license("2.0", TEXT_20, "material")
    scene.world.license("3.0", TEXT_30, "material")
    scene.change("2.0")
    promised = scene.until()
    clock.advance(timedelta(days=5))
    scene.change("3.0", days=7)
    assert scene.until() == promised
    scene.change("3.0", days=0)
    assert scene.until() == promised


def test_a_change_without_days_asks_at_once(scene: Scene) -> None:
    scene.world.license("2.0", TEXT_20, "material")
    scene.change("2.0", days=0)
    assert scene.verdict() == "acceptance-outdated"


@pytest.mark.parametrize(
    ("number", "words", "kind"), [("1.0.1", TEXT_101, "editorial"), ("1.1", TEXT_11, "compatible")]
)
def test_lesser_changes_never_ask_again(
    scene: Scene, clock: SettableClock, number: str, words: bytes, kind: str
) -> None:
    scene.world.license(number, words, kind)
    scene.change(number)
    assert scene.until() is None
    clock.advance(timedelta(days=400))
    assert scene.until() is None
    assert scene.work_off() == 1
    assert scene.told() == ([] if kind == "editorial" else ["terms-compatible"])
    assert scene.work_off() == 0


def test_holders_are_told_page_by_page_and_reminded_if_they_have_not_accepted(
    scene: Scene, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changed_terms, "PAGE_HOLDERS", 2)
    others = [scene.world.person(f"p{number}@uni.example") for number in range(4)]
    for person in others:
        scene.world.accept(person, scene.model)
    scene.world.license("2.0", TEXT_20, "material")
    scene.change("2.0")
    scene.work_off_all()
    for person in (scene.anna, *others):
        assert scene.told(person) == ["terms-material"]
    scene.world.accept(scene.anna, scene.model)
    clock.advance(timedelta(days=23))
    scene.work_off_all()
    assert scene.told() == ["terms-material"]
    for person in others:
        assert scene.told(person) == ["terms-material", "terms-material-reminder"]


def test_nobody_gains_time_behind_our_back(scene: Scene) -> None:
    scene.world.license("2.0", TEXT_20, "material")
    scene.change("2.0")
    scene.world.integrate()
    assert list(scene.world.read(catalog.find_discrepancies)) == []
    scene.world.write(
        lambda session: session.connection().execute(text("UPDATE gate_grace SET series = series + 1"))
    )
    found = list(scene.world.read(catalog.find_discrepancies))
    assert [one.table for one in found] == ["gate_revision"]
    assert list(scene.world.read(fsck.find_discrepancies)) == []


def test_the_hub_is_told_by_when_and_where(scene: Scene) -> None:
    said = reaccept_warning("quarry/quarry-15b", datetime(2026, 12, 24), base_url=BASE_URL)  # noqa: DTZ001
    assert said == (
        "license; Access to quarry/quarry-15b ends on 24 December 2026, "
        f"unless its license as it is now is accepted before: {BASE_URL}/quarry/quarry-15b/accept"
    )


@pytest.mark.slow
def test_of_a_thousand_acceptors_each_is_told_once_and_keeps_access_to_the_date(
    scene: Scene, clock: SettableClock
) -> None:
    people = [scene.world.person(f"many{number}@uni.example") for number in range(1000)]
    for person in people:
        scene.world.accept(person, scene.model)
    some = people[::20]  # each is told; whose decision is asked for

    scene.world.license("1.0.1", TEXT_101, "editorial")
    scene.change("1.0.1")
    scene.work_off_all()
    assert {scene.until(person) for person in some} == {None}
    assert not any(scene.told(person) for person in people)

    scene.world.license("1.1", TEXT_11, "compatible")
    scene.change("1.1")
    scene.work_off_all()
    assert {scene.until(person) for person in some} == {None}
    assert {tuple(scene.told(person)) for person in people} == {("terms-compatible",)}
    assert scene.work_off() == 0

    scene.world.license("2.0", TEXT_20, "material")
    date = scene.world.now + timedelta(days=30)
    scene.change("2.0")
    scene.work_off_all()
    assert {tuple(scene.told(person)) for person in people} == {("terms-compatible", "terms-material")}
    early, late = people[:100], people[100:]
    some_early, some_late = early[::10], late[::20]
    for person in early:
        scene.world.accept(person, scene.model)
    clock.advance(timedelta(days=23))
    scene.work_off_all()
    told = ("terms-compatible", "terms-material")
    assert {tuple(scene.told(person)) for person in early} == {told}
    assert {tuple(scene.told(person)) for person in late} == {(*told, "terms-material-reminder")}

    clock.advance(timedelta(days=7) - timedelta(seconds=1))
    assert {scene.until(person) for person in some_early} == {None}
    assert {scene.until(person) for person in some_late} == {date}
    assert isinstance(scene.world.resolve(late[-1]), UrlIssued)
    clock.advance(timedelta(seconds=1))
    assert {scene.until(person) for person in some_early} == {None}
    assert {scene.verdict(person) for person in some_late} == {"acceptance-outdated"}
    assert type(scene.world.resolve(late[-1])).__name__ == "FileRefused"
