"""Groups that shall make members: who asks, confirms and ends them; races; what fsck sees."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import select

from registry import audit
from registry.identity.membership import join_by_domain
from registry.identity.organisation_tables import OrganisationGroup
from tests.clock import SettableClock
from tests.integration.identity.conftest import Browser, Registry
from tests.integration.identity.groups import GROUP, Scene, group_scene
from tests.servers.providers import Account, LoopbackProvider


@pytest.fixture
def provider(clock: SettableClock) -> Iterator[LoopbackProvider]:
    running = LoopbackProvider(clock, account=Account(email="per@people.example"), claims={"groups": [GROUP]})
    yield running
    running.close()


@pytest.fixture
def providers_file(provider: LoopbackProvider, tmp_path: Path) -> str:
    file = tmp_path / "providers.toml"
    file.write_text(provider.settings("acme", groups_claim="groups"))
    return str(file)


@pytest.fixture
def scene(registry: Registry, clock: SettableClock) -> Scene:
    return group_scene(registry, clock)


async def test_who_may_ask_confirm_and_end(scene: Scene, clock: SettableClock) -> None:
    world = scene.registry.world
    member = world.person("per@nordlab.example")
    world.write(join_by_domain, person_id=member.person_id, email="per@nordlab.example", now=world.now)
    outsider = world.person("noor@else.example")
    by_token = replace(scene.officer, session_id=None)
    for who, code in ((member, "officer-needed"), (outsider, "organisation-unknown"), (by_token, "officer-needed"),
                      (scene.operator, "officer-needed")):  # fmt: skip
        assert scene.ask(by=who).code == code
    asked = scene.ask()
    assert set(scene.ask().errors) == {"group"}
    assert set(scene.ask(" padded").errors) == {"group"}
    for who, code in ((member, "operator-needed"), (outsider, "organisation-unknown"), (scene.officer, "operator-needed"),
                      (replace(scene.operator, session_id=None), "organisation-unknown")):  # fmt: skip
        assert scene.confirm(asked.id, by=who).code == code
    for who, code in (
        (member, "officer-needed"),
        (outsider, "organisation-unknown"),
        (by_token, "officer-needed"),
    ):
        assert scene.end(asked.id, by=who).code == code
    old = replace(scene.operator, signed_in_at=world.now - timedelta(hours=2))
    assert scene.confirm(asked.id, by=old).code == "sign-in-too-old"
    assert scene.confirm(asked.id).confirmed_at == scene.now
    clock.advance(timedelta(minutes=5))
    assert scene.confirm(asked.id).confirmed_at < scene.now


async def test_the_end_of_a_group_and_a_sign_in_at_once_leave_nobody_in(scene: Scene) -> None:
    """Whichever comes first: after the end no membership by the group stands."""
    for attempt in range(4):
        name = f"group-{attempt}"
        group_id = scene.group(name)
        person = scene.registry.world.person(f"p{attempt}@people.example").person_id
        with ThreadPoolExecutor(2) as threads:
            done = [threads.submit(scene.show, person, name), threads.submit(scene.end, group_id)]
            for one in done:
                one.result()
        assert not scene.belongs(person)


async def test_two_sign_ins_at_once_make_one_membership(scene: Scene) -> None:
    scene.group()
    person = scene.registry.world.person("per@people.example").person_id
    with ThreadPoolExecutor(4) as threads:
        for one in [threads.submit(scene.show, person, GROUP) for _ in range(4)]:
            one.result()
    assert scene.rows(person) == [("group", None)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE organisation_group SET name = name || 'x'",
        "UPDATE organisation_group SET issuer = 'https://evil.example'",
        "UPDATE organisation_group SET confirmed_at = asked_at, confirmed_by = asked_by, entry_id = NULL",
        "UPDATE organisation_group SET ended_at = NULL, ended_by = NULL WHERE ended_at IS NOT NULL",
        "DELETE FROM organisation_group",
    ],
)
async def test_fsck_names_a_group_that_was_altered(scene: Scene, change: str) -> None:
    world = scene.registry.world
    scene.ask("asked-for-alone")
    scene.end(scene.group("ended"))
    scene.group()
    world.integrate()
    assert world.read(audit.find_discrepancies, sealer=world.sealer) == []
    world.write(lambda session: session.connection().execute(text(change)))
    found = world.read(audit.find_discrepancies, sealer=world.sealer)
    assert {one.table for one in found} == {"organisation_group"}


async def test_the_pages_ask_confirm_and_end(scene: Scene) -> None:
    registry = scene.registry
    officer: Browser = await registry.signed_in("mara@nordlab.example")
    here = f"/organisations/{scene.organisation.id}/groups"
    wrong = await officer.send(here, seen_on=here, provider="acme", group="two\nlines")
    assert wrong.status_code == 422
    assert "Write the group as the provider does" in wrong.text
    asked = await officer.send(here, seen_on=here, provider="acme", group="\u0430dmins")
    assert asked.status_code == 303
    page = (await officer.get(here)).text
    assert "Waits for an operator" in page
    assert "U+0430" in page
    assert "/confirm" not in page
    assert f'href="{here}"' in (await officer.get(f"/organisations/{scene.organisation.id}")).text
    member: Browser = await registry.signed_in("per@nordlab.example")
    assert (await member.get(here)).status_code == 403
    group_id = registry.world.read(lambda session: session.exec(select(OrganisationGroup.id)).one())
    ended = await officer.send(f"{here}/{group_id}/end", seen_on=here)
    assert ended.status_code == 303
    assert "No groups yet" in (await officer.get(here)).text
