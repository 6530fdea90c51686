"""What the worker does in the database for a message, and that it is done, is one transaction: for every topic.

Each topic has a scene here with two people to tell, one on a page. Every delivery fails first at the moment when the
work is done and not settled, then two workers hold the message at once, then it comes once more.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import Session, select

from registry import catalog, licenses
from registry.access import changed_terms, lost_models
from registry.catalog import must_updates
from registry.catalog.domain import EQUIVALENCE_TOLD, GateMode, Role
from registry.catalog.must_updates import Demand
from registry.delivery import updates
from registry.identity import (
    cover_telling,
    erasures,
    group_membership,
    list_notices,
    membership,
    organisation_groups,
    organisation_telling,
    organisations,
    restrictions,
)
from registry.identity.domain import Principal
from registry.identity.organisation_domain import DOMAIN_PROVED, Act, Source
from registry.identity.organisation_ending import change_organisation
from registry.identity.organisation_group_domain import GROUP_ENDED
from registry.identity.organisation_tables import OrganisationGroup, OrganisationMember
from registry.identity.organisation_telling import ORGANISATION_STOPPED
from registry.identity.restriction_domain import STANDING_CHANGED
from registry.identity.tables import Person
from registry.kernel import news, outbox
from registry.kernel.database import Database
from registry.kernel.identifiers import new_id
from registry.kernel.outbound import Reach
from registry.kernel.outcomes import Refusal
from registry.webhooks.service import Desk, Wish, add_webhook
from registry.webhooks.tables import WebhookDelivery
from tests.clock import SettableClock
from tests.integration.access.covers import cover_scene, prove
from tests.integration.access.test_lost_models import worker_of
from tests.integration.catalog import derived
from tests.integration.catalog.test_second_persons import CONFIRM, MENDED
from tests.integration.catalog.test_second_persons import Scene as SecondPersons
from tests.world import BASE_URL, TEXT_11, World, run

People = list[Principal]


def acceptors(world: World) -> People:
    people = [world.person(f"{name}@uni.example") for name in ("anna", "ben")]
    model = world.gated_model()
    for person in people:
        world.accept(person, model)
    return people


def owner_of(world: World) -> Principal:
    return world.person("owner@quarry.example")


def add_role(world: World, publisher: str, email: str, by: Principal) -> Principal:
    person = world.person(email)
    done(
        world.write(
            catalog.add_role,
            publisher=publisher,
            person_id=person.person_id,
            role=Role.MAINTAINER,
            principal=by,
            now=world.now,
        )
    )
    return person


def done(outcome: Any) -> Any:
    assert not isinstance(outcome, Refusal), outcome
    return outcome


def terms_change(world: World) -> People:
    people = acceptors(world)
    world.license("1.1", TEXT_11, "material")
    demand = catalog.GateDemand(mode=GateMode.AUTO, licenses=("sample-openrail-m@1.1",))
    change: dict[str, Any] = {"publisher": "quarry", "name": "quarry-15b", "demand": demand}
    done(world.write(catalog.change_gate, **change, principal=owner_of(world), now=world.now))
    return people


def a_model_moves(world: World) -> People:
    people = acceptors(world)
    owner = owner_of(world)
    world.release(owner, world.read(catalog.find_publisher, name="quarry"), name="second")
    move = {"publisher": "quarry", "name": "quarry-15b", "target": "quarry/second"}
    done(world.write(catalog.move_model, **move, principal=owner, now=world.now))
    return people


def a_gate_closes(world: World) -> People:
    people = acceptors(world)
    demand = catalog.GateDemand(mode=GateMode.CLOSED, licenses=("sample-openrail-m@1.0",))
    change: dict[str, Any] = {"publisher": "quarry", "name": "quarry-15b", "demand": demand}
    gate = done(world.write(catalog.change_gate, **change, principal=owner_of(world), now=world.now))
    world.write(lost_models.begin, gate_id=gate.id, number=gate.number, now=world.now)
    return people


def a_release_is_to_be_given_up(world: World) -> People:
    people = acceptors(world)
    owner, model = owner_of(world), world.model(owner_of(world))
    old = world.read(catalog.find_current_release, model_id=model.id).commit
    publisher = world.read(catalog.find_publisher, name="quarry")
    world.release(owner, publisher, files={"config.json": b"{}"})
    new = world.read(catalog.find_current_release, model_id=model.id).commit
    demand = Demand(commit=old, replacement=new, update_by=world.now + timedelta(days=9), reason="A fault.")
    mark: dict[str, Any] = {"publisher": "quarry", "name": "quarry-15b", "demand": demand}
    done(world.write(must_updates.mark_release, **mark, principal=owner, now=world.now))
    return people


def a_base_decides(world: World) -> People:
    scene = derived.Scene(world)
    world.restricting("own-m", derived.LAW)
    colleague = add_role(world, "meadow", "colleague@meadow.example", scene.maker)
    done(scene.decide())
    return [scene.maker, colleague]


def a_version_waits(world: World) -> People:
    scene = SecondPersons(world)
    colleague = add_role(world, "quarry", "cleo@quarry.example", scene.ada)
    done(scene.publish("1.0.1", MENDED, "editorial"))
    return [scene.ben, colleague]


def a_second_person_confirms(world: World) -> People:
    scene = SecondPersons(world)
    done(scene.publish("1.0.1", MENDED, "editorial"))
    done(scene.say(scene.ben, CONFIRM))
    return [scene.ada]


def a_domain_is_proved(world: World) -> People:
    scene = cover_scene(world.database, world.clock, world=world)
    people = [world.person(f"{name}@nordlab.example") for name in ("per", "pia")]
    world.write(
        lambda session: session.connection().execute(text("UPDATE person SET verified_at = created_at"))
    )
    prove(world, scene.officer, scene.organisation)
    return people


def an_organisation_is_suspended(world: World) -> People:
    scene = cover_scene(world.database, world.clock, world=world)
    people = [scene.join(f"{name}@nordlab.example") for name in ("per", "pia")]
    stop = {"organisation_id": scene.organisation.id, "act": Act.SUSPEND}
    done(world.write(change_organisation, **stop, principal=scene.officer, now=world.now))
    return people


def a_member_is_removed(world: World) -> People:
    scene = cover_scene(world.database, world.clock, world=world)
    person = scene.join("per@nordlab.example")
    given = {"organisation_id": scene.organisation.id, "person_id": person.person_id}
    done(world.write(organisations.end_membership, **given, principal=scene.officer, now=world.now))
    return [person]


def a_cover_is_taken_back(world: World) -> People:
    scene = cover_scene(world.database, world.clock, world=world)
    people = [scene.join(f"{name}@nordlab.example") for name in ("per", "pia")]
    done(world.withdraw(scene.officer, scene.accept().id))
    return people


def a_group_ends(world: World) -> People:
    scene = cover_scene(world.database, world.clock, world=world)
    people = [world.person(f"{name}@else.example") for name in ("per", "pia")]
    group_id, officer_id = new_id(), scene.officer.person_id
    given = {"organisation_id": scene.organisation.id, "group_id": group_id}

    def work(session: Session) -> None:
        session.add(
            OrganisationGroup(
                id=group_id,
                organisation_id=scene.organisation.id,
                issuer="https://id.example",
                name="ml-research",
                salt=b"salt",
                asked_by=officer_id,
                asked_at=world.now,
                confirmed_by=officer_id,
                confirmed_at=world.now,
            )
        )
        session.flush()  # the memberships name the group
        for person in people:
            session.add(
                OrganisationMember(
                    id=new_id(),
                    **given,
                    person_id=person.person_id,
                    is_officer=False,
                    source=Source.GROUP.value,
                    since=world.now,
                    until=world.now + timedelta(days=30),
                )
            )

    world.write(work)
    done(world.write(organisation_groups.end_group, **given, principal=scene.officer, now=world.now))
    return people


def a_followed_gate_has_one_more(world: World) -> People:
    model = world.gated_model()
    world.write(catalog.note_hub_repository, model_id=model.id, repository="hf-org/hf-model")
    world.accept(world.person("anna@uni.example"), model)
    return []


def the_use_of_somebodys_data_is_restricted(world: World) -> People:
    desk = erasures.Desk(sealer=world.sealer, base_url=BASE_URL, now=world.now)
    person = world.person("anna@uni.example")
    world.write(restrictions.place_restriction, desk=desk, person_id=person.person_id)
    return []


CAUSES: dict[str, tuple[Callable[[World], People], str]] = {
    catalog.TERMS_CHANGED: (terms_change, "terms-material"),
    catalog.MODEL_MOVED: (a_model_moves, "model-moved"),
    lost_models.RIGHTS_CHANGED: (a_gate_closes, "model-lost"),
    catalog.MUST_UPDATE_MARKED: (a_release_is_to_be_given_up, "must-update"),
    EQUIVALENCE_TOLD: (a_base_decides, "equivalence-decided"),
    licenses.CLASS_PROPOSED: (a_version_waits, "license-waits"),
    licenses.CLASS_JUDGED: (a_second_person_confirms, "license-confirmed"),
    DOMAIN_PROVED: (a_domain_is_proved, "organisation-joined"),
    ORGANISATION_STOPPED: (an_organisation_is_suspended, "organisation-suspended"),
    GROUP_ENDED: (a_group_ends, "organisation-group-left"),
    cover_telling.MEMBER_REMOVED: (a_member_is_removed, "organisation-left"),
    cover_telling.COVER_WITHDRAWN: (a_cover_is_taken_back, "cover-withdrawn"),
    catalog.PEOPLE_CHANGED: (a_followed_gate_has_one_more, "nobody is told"),
    STANDING_CHANGED: (the_use_of_somebodys_data_is_restricted, "nobody is told"),
}
"""For each topic that the worker handles: what brings it about, and what the people are told."""
ON_ONE_PAGE = {
    EQUIVALENCE_TOLD,
    licenses.CLASS_PROPOSED,
    licenses.CLASS_JUDGED,
    cover_telling.MEMBER_REMOVED,
    catalog.PEOPLE_CHANGED,
    STANDING_CHANGED,
}
"""Topics that tell a bounded number of people."""


@pytest.fixture
def world(database: Database, clock: SettableClock) -> World:
    return World(database=database, clock=clock)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """One person on a page."""
    monkeypatch.setattr(changed_terms, "PAGE_HOLDERS", 1)
    monkeypatch.setattr(lost_models, "PAGE_PEOPLE", 1)
    monkeypatch.setattr(updates, "PAGE_HOLDERS", 1)
    for telling, name in (
        (membership.join_known_people, "people_per_step"),
        (organisation_telling.tell_members, "members_per_step"),
        (group_membership.tell_ended, "people_per_step"),
        (cover_telling.tell_withdrawn, "members_per_step"),
    ):
        monkeypatch.setitem(telling.__kwdefaults__, name, 1)  # type: ignore[attr-defined] # a plain function


def told(world: World, kind: str) -> Counter[Any]:
    """How often each person was told."""
    people = world.read(lambda session: session.exec(select(Person.id)).all())
    found: Counter[Any] = Counter()
    for person_id in people:
        notices = world.read(list_notices, person_id=person_id, sealer=world.sealer)
        found[person_id] = sum(one.message.kind == kind for one in notices)
    return +found


def waiting(world: World, topic: str) -> list[outbox.Message]:
    """The messages of the topic that are due."""
    due = world.write(outbox.claim, now=world.now, most=1000)
    return [one for one in due if one.topic == topic]


def test_every_topic_of_the_worker_has_its_scene(world: World, tmp_path: Path) -> None:
    assert set(worker_of(world, tmp_path)._handlers) == {*CAUSES, news.TOPIC}


@pytest.mark.parametrize("topic", CAUSES)
@pytest.mark.usefixtures("small_pages")
def test_everybody_is_told_once_whatever_is_delivered_again(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, topic: str
) -> None:
    cause, kind = CAUSES[topic]
    people = cause(world)
    worker = worker_of(world, tmp_path)

    def die(*_given: object, **_named: object) -> None:
        raise OSError("the power is gone")

    async def both(message: outbox.Message) -> None:
        await asyncio.gather(worker.deliver(message), worker.deliver(message))

    pages = 0
    while messages := waiting(world, topic):
        (message,) = messages  # the rest of the work was queued once
        before = told(world, kind)
        with monkeypatch.context() as patched:
            patched.setattr(outbox, "complete", die)
            run(worker.deliver(message))
        assert told(world, kind) == before, "what was not settled was not done"
        run(both(message))
        run(worker.deliver(replace(message, attempts=message.attempts + 1)))
        pages += 1
    assert told(world, kind) == dict.fromkeys((one.person_id for one in people), 1)
    assert (pages > 1) is (topic not in ON_ONE_PAGE)


def test_news_becomes_one_message_for_each_webhook_whatever_is_delivered_again(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = world.gated_model()
    desk = Desk(principal=owner_of(world), sealer=world.sealer, reach=Reach.PUBLIC, now=world.now)
    for name in ("one", "two"):
        wish = Wish(url=f"https://hooks.example/{name}")
        done(world.write(add_webhook, desk=desk, publisher="quarry", wish=wish))
    waiting(world, news.TOPIC)  # of the model; they stay leased
    happened = news.News(event=news.Event.REQUEST_MADE, at=world.now, model=model.id, request=new_id())
    world.write(outbox.put, topic=news.TOPIC, payload=news.encode(happened), now=world.now)
    worker = worker_of(world, tmp_path)
    (message,) = waiting(world, news.TOPIC)

    def die(*_given: object, **_named: object) -> None:
        raise OSError("the power is gone")

    async def both(message: outbox.Message) -> None:
        await asyncio.gather(worker.deliver(message), worker.deliver(message))

    with monkeypatch.context() as patched:
        patched.setattr(outbox, "complete", die)
        run(worker.deliver(message))
    assert messages_made(world) == []
    run(both(message))
    run(worker.deliver(replace(message, attempts=message.attempts + 1)))
    assert len(set(messages_made(world))) == len(messages_made(world)) == 2


def messages_made(world: World) -> list[Any]:
    return list(world.read(lambda session: session.exec(select(WebhookDelivery.webhook_id)).all()))
