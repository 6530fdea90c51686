"""A suspended or ended organisation: members have their time, service accounts stop at once, and it is in the log."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import text
from sqlmodel import Session

from registry import catalog
from registry.delivery.domain import FileRefused, UrlIssued
from registry.identity import list_notices, organisations
from registry.identity import service_accounts as accounts
from registry.identity.domain import Principal, Scope
from registry.identity.organisation_domain import MEMBERS_GRACE, Act
from registry.identity.organisation_ending import change_organisation
from registry.identity.organisation_telling import ORGANISATION_STOPPED, Task, tell_members
from registry.identity.service_account_domain import NewToken
from registry.kernel import outbox
from registry.kernel.database import Database
from tests.clock import SettableClock
from tests.integration.access.covers import Scene, cover_scene
from tests.world import BASE_URL


@pytest.fixture
def scene(database: Database, clock: SettableClock) -> Scene:
    return cover_scene(database, clock)


def change(scene: Scene, who: Principal, act: Act) -> Any:
    world = scene.world
    return world.write(
        change_organisation, organisation_id=scene.organisation.id, act=act, principal=who, now=world.now
    )


def inbox(scene: Scene, who: Principal) -> list[str]:
    notices = scene.world.read(list_notices, person_id=who.person_id, sealer=scene.world.sealer)
    return [one.message.kind for one in reversed(notices)]


def deliver(scene: Scene, members_per_step: int = 2) -> int:
    """Tell members what is due; return in how many steps."""
    world = scene.world

    def work(session: Session) -> int:
        due = outbox.claim(session, now=world.now, most=1000)
        steps = [one for one in due if one.topic == ORGANISATION_STOPPED]
        for step in steps:
            task = msgspec.json.decode(step.payload, type=Task)
            tell_members(
                session,
                task,
                base_url=BASE_URL,
                sealer=world.sealer,
                now=world.now,
                members_per_step=members_per_step,
            )
            outbox.complete(session, step, now=world.now)
        return len(steps)

    return world.write(work)


def machine(scene: Scene) -> str:
    world = scene.world
    account = world.write(
        accounts.make_account,
        name="cluster",
        organisation_id=scene.organisation.id,
        principal=scene.officer,
        now=world.now,
    )
    asked = NewToken(name="gpu", scopes=frozenset({Scope.READ}), days=90)
    made = world.write(
        accounts.create_token, account_id=account.id, asked=asked, principal=scene.officer, now=world.now
    )
    return made[1]


def told(scene: Scene, who: str | Principal) -> str | None:
    outcome = scene.world.resolve(who)
    if isinstance(outcome, UrlIssued):
        return None
    assert isinstance(outcome, FileRefused), outcome
    return outcome.refusal.code


@pytest.mark.parametrize("act", [Act.SUSPEND, Act.END])
def test_members_have_their_time_and_machines_none(scene: Scene, clock: SettableClock, act: Act) -> None:
    member, token = scene.join(), machine(scene)
    scene.accept()
    owner = scene.world.person("owner@quarry.example")
    publisher = scene.world.read(catalog.find_publisher, name="quarry")
    another = replace(scene, model=scene.world.release(owner, publisher, name="slate"))
    assert (told(scene, member), told(scene, token)) == (None, None)
    stopped_at = scene.world.now
    change(scene, scene.officer, act)
    code = "organisation-suspended" if act is Act.SUSPEND else "organisation-ended"
    assert (told(scene, member), told(scene, token)) == (None, code)
    assert scene.permit(member).reaccept_by == stopped_at + MEMBERS_GRACE
    refused = another.accept()
    assert refused.code == ("organisation-suspended" if act is Act.SUSPEND else "organisation-unknown")
    clock.advance(MEMBERS_GRACE - timedelta(seconds=1))
    assert told(scene, member) is None
    clock.advance(timedelta(seconds=1))
    assert told(scene, member) == "license-not-accepted"
    change(scene, scene.officer, Act.RESUME)
    assert (told(scene, member), told(scene, token)) == (
        (None, None) if act is Act.SUSPEND else ("license-not-accepted", code)
    )
    leaves = scene.world.read(
        lambda session: (
            session.connection()
            .execute(text("SELECT count(*) FROM ledger_entry WHERE kind = 'organisation'"))
            .scalar_one()
        )
    )
    assert leaves == (2 if act is Act.SUSPEND else 1)


def test_what_ends_first_counts(scene: Scene, clock: SettableClock) -> None:
    member, cover = scene.join(), scene.accept()
    scene.world.withdraw(scene.officer, cover.id)
    ends = scene.world.now + MEMBERS_GRACE
    clock.advance(timedelta(days=3))
    change(scene, scene.officer, Act.SUSPEND)
    assert scene.permit(member).reaccept_by == ends
    clock.advance(timedelta(days=2))
    change(scene, scene.officer, Act.END)
    clock.set(ends)
    assert told(scene, member) == "license-not-accepted"


def test_what_an_operator_suspends_only_an_operator_lets_go_on(scene: Scene) -> None:
    operator = replace(scene.world.person("ops@registry.example"), is_operator=True)
    member, outsider = scene.join(), scene.world.person("noor@else.example")
    assert change(scene, outsider, Act.SUSPEND).code == "organisation-unknown"
    assert change(scene, member, Act.SUSPEND).code == "officer-needed"
    by_token = replace(scene.officer, session_id=None)
    assert change(scene, by_token, Act.SUSPEND).code == "not-signed-in"
    assert change(scene, operator, Act.SUSPEND).suspended_by_operator
    assert change(scene, scene.officer, Act.SUSPEND).code == "organisation-suspended"
    assert change(scene, scene.officer, Act.RESUME).code == "suspended-by-operator"
    assert change(scene, operator, Act.RESUME).suspended_at is None
    # An operator looks and stops; they do not become an officer by it.
    named = scene.world.write(
        organisations.name_member,
        organisation_id=scene.organisation.id,
        email="ops@registry.example",
        is_officer=True,
        principal=operator,
        sealer=scene.world.sealer,
        now=scene.world.now,
    )
    assert named.code == "officer-needed"


def test_members_are_told_once_of_each_turn_and_who_did_it_is_not(scene: Scene) -> None:
    members = [scene.join(f"{name}@nordlab.example") for name in ("per", "siv", "tor", "una")]
    outsider = scene.world.person("noor@else.example")
    for act in (Act.SUSPEND, Act.RESUME, Act.RESUME, Act.END):
        change(scene, scene.officer, act)
        while deliver(scene):
            pass
    said = ["organisation-suspended", "organisation-resumed", "organisation-ended"]
    assert [inbox(scene, member) for member in members] == [said] * 4
    assert inbox(scene, scene.officer) == []
    assert inbox(scene, outsider) == []
    notices = scene.world.read(list_notices, person_id=members[0].person_id, sealer=scene.world.sealer)
    until = f"{scene.world.now + MEMBERS_GRACE:%-d %B %Y}"
    assert until in notices[0].message.subject
    assert "accept the licenses" in notices[0].message.text


def test_nobody_is_told_what_did_not_happen(scene: Scene) -> None:
    member = scene.join()
    assert change(scene, member, Act.END).code == "officer-needed"
    assert change(scene, scene.officer, Act.RESUME).suspended_at is None
    assert deliver(scene) == 0


def test_who_has_had_their_time_is_told_of_no_day_that_is_past(scene: Scene, clock: SettableClock) -> None:
    member = scene.join()
    change(scene, scene.officer, Act.SUSPEND)
    clock.advance(MEMBERS_GRACE)
    change(scene, scene.officer, Act.END)
    deliver(scene)
    newest, *_ = scene.world.read(list_notices, person_id=member.person_id, sealer=scene.world.sealer)
    assert newest.message.subject.endswith("has ended: accept for yourself")
    assert "does not cover you any more" in newest.message.text
