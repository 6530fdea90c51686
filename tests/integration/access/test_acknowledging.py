"""An organisation may ask each member to acknowledge what covers them: who is let in, from when, by which acts."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import func, select

from registry import acceptances, access, audit
from registry.acceptances.domain import AcceptanceSummary
from registry.acceptances.tables import Acknowledgement
from registry.access import crowds, facts
from registry.delivery.domain import FileRefused, UrlIssued
from registry.identity import list_notices
from registry.identity.domain import Channel, Principal
from registry.identity.organisation_domain import ACKNOWLEDGE_WITHIN, Act
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from tests.clock import SettableClock
from tests.integration.access.covers import OUTSIDER, Scene, cover_scene
from tests.integration.access.test_organisations_that_end import change, deliver, inbox, machine

LATER = "siv@nordlab.example"


@pytest.fixture
def scene(database: Database, clock: SettableClock) -> Scene:
    return cover_scene(database, clock)


def acknowledge(scene: Scene, who: Principal, cover: AcceptanceSummary) -> Any:
    world = scene.world
    return world.write(
        acceptances.acknowledge,
        acceptance_ids=[cover.id],
        repo=scene.model.repo_id,
        principal=who,
        now=world.now,
    )


def told(scene: Scene, who: str | Principal) -> str | None:
    outcome = scene.world.resolve(who)
    if isinstance(outcome, UrlIssued):
        return None
    assert isinstance(outcome, FileRefused), outcome
    return outcome.refusal.code


def in_crowd(scene: Scene, who: Principal) -> bool:
    world = scene.world
    permitted = world.read(
        crowds.list_permitted, model=scene.model, gate=scene.model.gate, people=[who.person_id], now=world.now
    )
    return who.person_id in permitted


def acknowledged(scene: Scene) -> int:
    counted: int = scene.world.read(
        lambda session: session.exec(select(func.count()).select_from(Acknowledgement)).one()
    )
    return counted


def test_who_is_a_member_has_time_and_who_becomes_one_has_none(scene: Scene, clock: SettableClock) -> None:
    member, cover = scene.join(), scene.accept()
    assert scene.permit(member).reaccept_by is None
    asked = change(scene, scene.officer, Act.ASK_EACH)
    assert asked.acknowledge_from == scene.world.now + ACKNOWLEDGE_WITHIN
    clock.advance(timedelta(seconds=1))
    later = scene.join(LATER)
    permit = scene.permit(member)
    assert permit.reaccept_by == asked.acknowledge_from
    (reason,) = (one for one in permit.reasons if one.remedy)
    assert reason.remedy.url == "/quarry/quarry-15b/acknowledge"
    assert "acknowledge it before" in reason.detail
    assert scene.code(later) == "cover-not-acknowledged"
    assert (told(scene, member), told(scene, later)) == (None, "license-not-accepted")
    assert (in_crowd(scene, member), in_crowd(scene, later)) == (True, False)
    acknowledge(scene, later, cover)
    assert scene.permit(later).acceptance_ids == (cover.id,)
    assert scene.permit(later).reaccept_by is None
    clock.set(asked.acknowledge_from)
    assert (told(scene, member), told(scene, later)) == ("license-not-accepted", None)
    assert (in_crowd(scene, member), in_crowd(scene, later)) == (False, True)
    denial = scene.world.decide(member, scene.model)
    assert denial.refusal.code == "cover-not-acknowledged"
    assert denial.refusal.remedy.url == "/quarry/quarry-15b/acknowledge"
    acknowledge(scene, member, cover)
    assert told(scene, member) is None
    change(scene, scene.officer, Act.ASK_NOBODY)
    assert told(scene, scene.join("tor@nordlab.example")) is None


def test_asking_twice_gives_no_more_time_and_nobody_is_asked_at_once(
    scene: Scene, clock: SettableClock
) -> None:
    member = scene.join()
    scene.accept()
    first = change(scene, scene.officer, Act.ASK_EACH)
    clock.advance(timedelta(days=3))
    assert change(scene, scene.officer, Act.ASK_EACH).acknowledge_from == first.acknowledge_from
    while deliver(scene):
        pass
    assert inbox(scene, member) == ["organisation-asks-each-member"]
    (notice,) = scene.world.read(list_notices, person_id=member.person_id, sealer=scene.world.sealer)
    assert f"{first.acknowledge_from:%-d %B %Y}" in notice.message.subject
    clock.set(first.acknowledge_from)
    assert told(scene, member) == "license-not-accepted"
    assert change(scene, scene.officer, Act.ASK_NOBODY).acknowledge_from is None
    assert told(scene, member) is None
    change(scene, scene.officer, Act.ASK_NOBODY)
    assert not deliver(scene)


def test_nobody_is_told_to_acknowledge_what_is_not_asked_any_more(scene: Scene) -> None:
    member = scene.join()
    change(scene, scene.officer, Act.ASK_EACH)
    change(scene, scene.officer, Act.ASK_NOBODY)
    while deliver(scene):
        pass
    assert inbox(scene, member) == []


def test_only_officers_ask_each_member_and_only_in_a_browser(scene: Scene) -> None:
    operator = replace(scene.world.person("ops@registry.example"), is_operator=True)
    for who, code in (
        (scene.join(), "officer-needed"),
        (operator, "officer-needed"),
        (scene.world.person(OUTSIDER), "organisation-unknown"),
        (replace(scene.officer, session_id=None), "not-signed-in"),
    ):
        assert change(scene, who, Act.ASK_EACH).code == code


def test_service_accounts_inherit(scene: Scene, clock: SettableClock) -> None:
    token = machine(scene)
    scene.accept()
    change(scene, scene.officer, Act.ASK_EACH)
    assert told(scene, token) is None
    clock.advance(ACKNOWLEDGE_WITHIN)
    assert told(scene, token) is None
    assert told(scene, scene.officer) == "license-not-accepted"


def test_who_acknowledges_is_a_member_in_a_browser(scene: Scene) -> None:
    member, outsider, cover = scene.join(), scene.world.person(OUTSIDER), scene.accept()
    change(scene, scene.officer, Act.ASK_EACH)
    by_token = replace(member, channel=Channel.TOKEN)
    for who, code in (
        (by_token, "not-signed-in"),
        (replace(member, session_id=None), "not-signed-in"),
        (replace(member, person_id=None), "not-signed-in"),
        (outsider, "nothing-to-acknowledge"),
    ):
        refused = acknowledge(scene, who, cover)
        assert isinstance(refused, Refusal)
        assert refused.code == code
    own = scene.world.accept(outsider, scene.model)
    assert acknowledge(scene, outsider, own).code == "nothing-to-acknowledge"
    assert acknowledged(scene) == 0


def test_an_acknowledgement_is_of_one_acceptance(scene: Scene, clock: SettableClock) -> None:
    """What was taken back lets members in for their time only if they had acknowledged it; a new one is new."""
    member, cover = scene.join(), scene.accept()
    change(scene, scene.officer, Act.ASK_EACH)
    acknowledge(scene, member, cover)
    clock.advance(ACKNOWLEDGE_WITHIN)
    scene.world.withdraw(scene.officer, cover.id)
    assert told(scene, member) is None
    assert told(scene, scene.officer) == "license-not-accepted"
    again = scene.accept()
    clock.advance(timedelta(days=14))
    assert scene.code(member) == "cover-not-acknowledged"
    assert acknowledge(scene, member, cover).code == "nothing-to-acknowledge"
    acknowledge(scene, member, again)
    assert scene.permit(member).acceptance_ids == (again.id,)


def test_who_accepted_themself_acknowledges_nothing(scene: Scene, clock: SettableClock) -> None:
    member, _ = scene.join(), scene.accept()
    own = scene.world.accept(member, scene.model)
    change(scene, scene.officer, Act.ASK_EACH)
    clock.advance(ACKNOWLEDGE_WITHIN)
    assert scene.permit(member).acceptance_ids == (own.id,)


def test_a_withdrawal_and_an_acknowledgement_at_once_leave_what_the_withdrawal_leaves(
    scene: Scene, clock: SettableClock
) -> None:
    member, cover = scene.join(), scene.accept()
    change(scene, scene.officer, Act.ASK_EACH)
    with ThreadPoolExecutor(2) as threads:
        withdrawn = threads.submit(scene.world.withdraw, scene.officer, cover.id)
        done = threads.submit(acknowledge, scene, member, cover)
        withdrawn.result()
        assert not isinstance(done.result(), Refusal)
    assert told(scene, member) is None
    clock.advance(timedelta(days=14))
    assert scene.code(member) in {"license-not-accepted", "acceptance-withdrawn"}


def test_two_tabs_acknowledge_once(scene: Scene) -> None:
    member, cover = scene.join(), scene.accept()
    change(scene, scene.officer, Act.ASK_EACH)
    with ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(lambda _: acknowledge(scene, member, cover), range(4)))
    assert not [one for one in outcomes if isinstance(one, Refusal)]
    assert acknowledged(scene) == 1
    scene.world.integrate()
    assert scene.world.read(audit.find_discrepancies, sealer=scene.world.sealer) == []


def test_pulls_while_each_member_is_asked_are_never_refused_to_who_has_time(scene: Scene) -> None:
    member = scene.join()
    scene.accept()
    with ThreadPoolExecutor(4) as threads:
        pulls = [threads.submit(told, scene, member) for _ in range(6)]
        asked = threads.submit(change, scene, scene.officer, Act.ASK_EACH)
        pulls += [threads.submit(told, scene, member) for _ in range(6)]
        assert not isinstance(asked.result(), Refusal)
        assert [one.result() for one in pulls] == [None] * 12


@pytest.mark.parametrize(
    ("change_sql", "table"),
    [
        ("DELETE FROM acknowledgement", "acknowledgement"),
        ("UPDATE acknowledgement SET person_id = (SELECT created_by FROM organisation)", "acknowledgement"),
        ("UPDATE acknowledgement SET acknowledged_at = '2026-01-01 00:00:00'", "acknowledgement"),
        (
            "UPDATE organisation SET acknowledge_asked_at = NULL, acknowledge_from = NULL, acknowledge_entry_id = NULL",
            "organisation",
        ),
        ("UPDATE organisation SET acknowledge_asked_at = NULL, acknowledge_from = NULL", "organisation"),
        ("UPDATE organisation SET acknowledge_from = '2100-01-01 00:00:00'", "organisation"),
    ],
)
def test_fsck_names_what_was_altered(scene: Scene, change_sql: str, table: str) -> None:
    world = scene.world
    member, cover = scene.join(), scene.accept()
    change(scene, scene.officer, Act.ASK_EACH)
    acknowledge(scene, member, cover)
    world.integrate()
    assert world.read(audit.find_discrepancies, sealer=world.sealer) == []
    world.write(lambda session: session.connection().execute(text(change_sql)))
    assert table in {one.table for one in world.read(audit.find_discrepancies, sealer=world.sealer)}


def test_what_is_to_be_acknowledged_says_what_the_officer_declared(scene: Scene) -> None:
    member, cover = scene.join(), scene.accept()
    change(scene, scene.officer, Act.ASK_EACH)
    world = scene.world
    gathered = world.read(
        facts.gather_by_name, principal=member, publisher="quarry", model="quarry-15b", now=world.now
    )
    assert [one.to_acknowledge for one in gathered.facts.requirements] == [cover.id]
    (described,) = world.read(acceptances.describe_covers, acceptance_ids=[cover.id])
    assert described.authority == (
        "I am authorised to accept this license for Nordlab Institute, so that it binds the organisation."
    )
    assert isinstance(access.decide(gathered.facts), access.Permit)
