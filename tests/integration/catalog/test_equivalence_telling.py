"""A decision at a base is told to those who make models from it, by ourselves and without another's words."""

from datetime import timedelta
from pathlib import Path

import pytest

from registry import catalog
from registry.catalog.domain import EQUIVALENCE_TOLD, Role
from registry.identity import list_notices
from registry.identity.domain import Principal
from registry.identity.notices import send_digests
from registry.kernel import mail, outbox
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from registry.parts import build_parts
from registry.settings import Settings
from registry.worker import Worker
from tests.clock import SettableClock
from tests.integration.catalog.derived import BASE, LAW, MEDICINE, Scene, code
from tests.world import BASE_URL, MASTER_SECRET, World, presigning_store, run


@pytest.fixture
def scene(database: Database, clock: SettableClock) -> Scene:
    scene = Scene(World(database=database, clock=clock))
    scene.world.restricting("own-m", LAW)
    return scene


@pytest.fixture
def worker(scene: Scene, tmp_path: Path) -> Worker:
    settings = Settings(
        base_url=BASE_URL, data_dir=tmp_path, master_key=MASTER_SECRET.hex(), worker_inline=False
    )
    world = scene.world
    parts = build_parts(
        settings, store=presigning_store(world.clock), database=world.database, clock=world.clock
    )
    return Worker(parts)


def add_role(scene: Scene, email: str, role: Role) -> Principal:
    person = scene.world.person(email)
    given = scene.world.write(
        catalog.add_role,
        publisher="meadow",
        person_id=person.person_id,
        role=role,
        principal=scene.maker,
        now=scene.world.now,
    )
    assert not isinstance(given, Refusal), given
    return person


def told(scene: Scene, who: Principal) -> list[str]:
    notices = scene.world.read(list_notices, person_id=who.person_id, sealer=scene.world.sealer)
    return [one.message.kind for one in notices if one.message.kind.startswith("equivalence")]


def test_maintainers_of_the_derived_model_are_told_of_decision_and_withdrawal(
    scene: Scene, worker: Worker
) -> None:
    colleague = add_role(scene, "colleague@meadow.example", Role.MAINTAINER)
    reviewer = add_role(scene, "reviewer@meadow.example", Role.REVIEWER)
    decision = scene.decide(reason="Buy at spam.example!")
    run(worker.deliver_due())
    (notice,) = scene.world.read(
        list_notices, person_id=colleague.person_id, sealer=scene.world.sealer, limit=1
    )
    assert notice.message.subject == "own-m@1.0 counts as equivalent for meadow/slate"
    assert MEDICINE in notice.message.text
    assert BASE in notice.message.text
    assert "spam" not in notice.message.text
    assert notice.message.page == f"/{BASE}", "the model is not there yet"
    assert code(scene.publish("own-m@1.0")) is None
    scene.withdraw(decision)
    run(worker.deliver_due())
    for who in (scene.maker, colleague):
        assert told(scene, who) == ["equivalence-withdrawn", "equivalence-decided"]
    for other in (reviewer, scene.owner):
        assert told(scene, other) == []
    (notice, *_) = scene.world.read(
        list_notices, person_id=colleague.person_id, sealer=scene.world.sealer, limit=1
    )
    assert notice.message.page == "/meadow/slate/equivalences"


def test_a_message_that_comes_twice_is_told_once(scene: Scene, worker: Worker) -> None:
    scene.decide()
    (message,) = [
        one for one in scene.world.write(outbox.claim, now=scene.world.now) if one.topic == EQUIVALENCE_TOLD
    ]
    run(worker.deliver(message))
    run(worker.deliver(message))
    assert told(scene, scene.maker) == ["equivalence-decided"]


def test_a_decision_that_is_withdrawn_already_is_told_as_withdrawn_alone(
    scene: Scene, worker: Worker
) -> None:
    scene.withdraw(scene.decide())
    run(worker.deliver_due())
    assert told(scene, scene.maker) == ["equivalence-withdrawn"]


def test_many_decisions_bring_one_mail_a_day(scene: Scene, worker: Worker) -> None:
    for number in range(5):
        assert code(scene.decide(model=f"meadow/model-{number}")) is None
    run(worker.deliver_due())
    world = scene.world
    for _ in range(2):
        world.write(send_digests, sealer=world.sealer, base_url=BASE_URL, now=world.now)
        world.clock.advance(timedelta(hours=1))
    letters = [one for one in world.write(outbox.claim, now=world.now) if one.topic == mail.TOPIC]
    (letter,) = [mail.unqueue(one.payload, sealer=world.sealer) for one in letters]
    assert (letter.to, letter.subject) == ("maker@meadow.example", "5 notices wait for you")


def test_a_private_base_is_named_only_to_those_who_may_see_it(scene: Scene, worker: Worker) -> None:
    world = scene.world
    world.release(scene.owner, scene.quarry, name="hidden", requires=(scene.asked,), private=True)
    given = {"model": "meadow/slate", "base_license": scene.asked, "own_license": "own-m@1.0"}
    assert code(world.equivalent(scene.owner, "quarry/hidden", **given, restrictions=(MEDICINE,))) is None
    run(worker.deliver_due())
    assert told(scene, scene.maker) == []


def test_who_decides_about_their_own_model_is_not_told_what_they_did(scene: Scene, worker: Worker) -> None:
    colleague = add_role(scene, "owner@quarry.example", Role.MAINTAINER)
    scene.decide(colleague)
    run(worker.deliver_due())
    assert told(scene, colleague) == []
    assert told(scene, scene.maker) == ["equivalence-decided"]
