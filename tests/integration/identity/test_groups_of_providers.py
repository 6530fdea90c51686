"""Membership by the groups of an identity provider: what a provider says makes members, and what does not.

Sign-ins run the whole application against a real HTTP server on loopback.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlmodel import select

from registry.identity import organisations
from registry.identity.id_tokens import groups_of
from registry.identity.membership import join_by_domain
from registry.identity.organisation_domain import EndedBy
from registry.identity.organisation_group_domain import MEMBERSHIP_LIFETIME
from registry.identity.tables import ExternalIdentity
from tests.clock import SettableClock
from tests.integration.access.covers import prove
from tests.integration.identity.conftest import Browser, Registry
from tests.integration.identity.groups import GROUP, Scene, group_scene
from tests.integration.identity.test_providers import round_trip
from tests.servers.providers import Account, LoopbackProvider, send_json


@pytest.fixture
def provider(clock: SettableClock) -> Iterator[LoopbackProvider]:
    running = LoopbackProvider(clock, account=Account(email="per@people.example"), claims={"groups": [GROUP]})
    yield running
    running.close()


@pytest.fixture
def other(clock: SettableClock) -> Iterator[LoopbackProvider]:
    running = LoopbackProvider(clock, account=Account(sub="other", email=None), claims={"groups": [GROUP]})
    yield running
    running.close()


@pytest.fixture
def providers_file(provider: LoopbackProvider, other: LoopbackProvider, tmp_path: Path) -> str:
    file = tmp_path / "providers.toml"
    file.write_text(
        provider.settings("acme", groups_claim="groups")
        + other.settings("other", groups_claim="groups")
        + provider.settings("quiet", issuer=f"{other.issuer}/quiet")
    )
    return str(file)


@pytest.fixture
def scene(registry: Registry, clock: SettableClock) -> Scene:
    return group_scene(registry, clock)


async def test_a_group_makes_members_of_who_is_in_it(scene: Scene, provider: LoopbackProvider) -> None:
    person = await scene.sign_in()
    assert not scene.belongs(person)
    asked = scene.ask()
    assert scene.told(scene.operator.person_id) == ["organisation-group-asked"]
    await scene.sign_in()
    assert not scene.belongs(person)
    scene.confirm(asked.id)
    assert not scene.belongs(person)
    assert await scene.sign_in() == person
    assert scene.belongs(person)
    assert await scene.sign_in() == person
    assert scene.rows(person) == [("group", None)]
    assert scene.told(person) == ["organisation-joined-by-group"]
    provider.claims["groups"] = ["somebody-else"]
    await scene.sign_in()
    assert not scene.belongs(person)
    provider.claims["groups"] = [GROUP]
    await scene.sign_in()
    assert scene.belongs(person)
    assert scene.rows(person) == [("group", "source"), ("group", None)]
    assert scene.told(person)[1:] == ["organisation-group-left", "organisation-joined-by-group"]


async def test_a_sign_in_counts_thirty_days(scene: Scene, clock: SettableClock) -> None:
    scene.group()
    person = await scene.sign_in()
    clock.advance(MEMBERSHIP_LIFETIME - timedelta(seconds=1))
    assert scene.belongs(person)
    await scene.sign_in()
    clock.advance(timedelta(seconds=1))
    assert scene.belongs(person)
    clock.advance(MEMBERSHIP_LIFETIME)
    assert not scene.belongs(person)
    await scene.sign_in()
    assert scene.belongs(person)
    assert scene.rows(person) == [("group", None)]
    assert scene.told(person) == ["organisation-joined-by-group"]


OTHER_GROUPS: tuple[Any, ...] = (
    "ML-research", "ml-research ", " ml-research", "ml\u2010research", "\u217fl-research", "ml-research\u200b",
    "ml-research\x00", "ml-research\n", [["ml-research"]], [{"name": "ml-research"}], {"ml-research": True},
    [None, 7, True, 1.5], ["ml-research" * 100], "ml-research,other", "", [], None, 12, True,
    [f"g{number}" for number in range(10_000)],
)  # fmt: skip


@pytest.mark.parametrize("claim", OTHER_GROUPS)
def test_nothing_but_its_name_is_the_group(claim: object) -> None:
    assert GROUP not in (groups_of({"groups": claim}, "groups") or ())


async def test_hostile_claims_sign_in_and_make_nobody_a_member(
    scene: Scene, provider: LoopbackProvider
) -> None:
    scene.group()
    for claim in (
        ["ml-research\u200b"],
        [["ml-research"]],
        {"ml-research": 1},
        [f"g{n}" for n in range(3_000)],
        ...,
    ):
        provider.claims["groups"] = claim
        assert not scene.belongs(await scene.sign_in())


@pytest.mark.parametrize(
    "claim", ["ml-research", ["a", "ml-research", "ml-research"], [7, [], "\x00", "ml-research"]]
)
async def test_a_group_is_found_among_whatever_else_is_there(
    scene: Scene, provider: LoopbackProvider, claim: object
) -> None:
    scene.group()
    provider.claims["groups"] = claim
    assert scene.belongs(await scene.sign_in())


@pytest.mark.parametrize(
    ("claims", "read"),
    [
        ({}, frozenset()),
        ({"groups": None}, frozenset()),
        ({"groups": {"a": 1}}, None),
        ({"groups": 7}, None),
        ({"_claim_names": {"groups": "src1"}}, None),
        ({"_claim_names": {"roles": "src1"}}, frozenset()),
        ({"_claim_names": "groups"}, frozenset()),
        ({"groups": ["a", "b" * 201, "b" * 200]}, frozenset({"a", "b" * 200})),
    ],
)
def test_what_a_token_says_of_groups(claims: dict[str, Any], read: frozenset[str] | None) -> None:
    assert groups_of(claims, "groups") == read


async def test_what_cannot_be_read_ends_and_prolongs_nothing(
    scene: Scene, provider: LoopbackProvider, clock: SettableClock
) -> None:
    scene.group()
    person = await scene.sign_in()
    clock.advance(timedelta(days=20))
    provider.claims.update({"groups": ..., "_claim_names": {"groups": "src1"}})
    await scene.sign_in()
    assert scene.belongs(person)
    clock.advance(timedelta(days=10))
    assert not scene.belongs(person)


async def test_the_user_api_says_nothing_of_groups(scene: Scene, provider: LoopbackProvider) -> None:
    scene.group()
    provider.claims.update({"groups": ..., "email": ...})
    said = {"sub": "subject-1", "email": "per@people.example", "email_verified": True, "groups": [GROUP]}
    provider.answers["/userinfo"] = lambda handler: send_json(handler, said)
    person = await scene.sign_in()
    assert provider.count("/userinfo") == 1
    assert not scene.belongs(person)


async def test_a_group_of_the_same_name_elsewhere_is_another(scene: Scene, other: LoopbackProvider) -> None:
    scene.group()
    stranger = await scene.sign_in("other")
    assert not scene.belongs(stranger)
    scene.group(provider="other")
    assert await scene.sign_in("other") == stranger
    assert scene.belongs(stranger)


async def test_a_provider_whose_groups_are_not_looked_at_makes_no_members(scene: Scene) -> None:
    refused = scene.ask(provider="quiet")
    assert set(refused.errors) == {"provider"}
    scene.group()
    scene.registry.parts.relying_party._by_id["acme"] = replace(scene.provider(), groups_claim="")
    assert not scene.belongs(await scene.sign_in())


@pytest.mark.parametrize("order", list(permutations(("named", "domain", "group"))))
@pytest.mark.parametrize("lost", ["provider", "rule", "lapse", "proof", "naming"])
async def test_who_belongs_on_several_grounds_loses_but_one(
    scene: Scene, clock: SettableClock, order: tuple[str, ...], lost: str
) -> None:
    """Whatever came first: what one ground loses, the others keep."""
    world = scene.registry.world
    group_id = scene.group()
    email = "per@nordlab.example"
    person = world.person(email).person_id
    for ground in order:
        if ground == "named":
            scene.name(email)
        elif ground == "domain":
            world.write(join_by_domain, person_id=person, email=email, now=world.now)
        else:
            scene.show(person, GROUP)
    assert [source for source, _ in scene.rows(person)] == list(order)
    gone = {"provider": "group", "rule": "group", "lapse": "group", "proof": "domain", "naming": "named"}[
        lost
    ]
    match lost:
        case "provider":
            scene.show(person)
        case "rule":
            scene.end(group_id)
        case "lapse":
            clock.advance(MEMBERSHIP_LIFETIME)
        case "proof" | "naming":
            lapsed = text(
                "UPDATE organisation_member SET until = since WHERE source = :source AND is_officer = :officer"
            )
            world.write(
                lambda session: session.connection().execute(lapsed, {"source": gone, "officer": False})
            )
    await scene.registry.letters()
    assert scene.belongs(person)
    assert "organisation-group-left" not in scene.told(person)
    assert scene.told(person).count("organisation-joined-by-group") == (1 if order[0] == "group" else 0)
    page = world.read(
        organisations.list_members,
        organisation_id=scene.organisation.id,
        principal=scene.officer,
        now=world.now,
    )
    (line,) = (one for one in page if one.person_id == person)
    assert [source for source, _ in line.grounds] == [ground for ground in order if ground != gone]


@pytest.mark.parametrize("by_officer", [True, False])
async def test_who_left_or_was_removed_comes_back_by_name_only(scene: Scene, *, by_officer: bool) -> None:
    scene.group()
    person = await scene.sign_in()
    scene.name("per@people.example")
    own = replace(scene.officer, person_id=person)
    scene.leave(person, by=scene.officer if by_officer else own)
    assert not scene.belongs(person)
    await scene.sign_in()
    assert not scene.belongs(person)
    assert {by for _, by in scene.rows(person)} == {"officer" if by_officer else "self"}


async def test_the_end_of_a_group_ends_memberships_and_tells(scene: Scene) -> None:
    group_id = scene.group()
    person = await scene.sign_in()
    scene.end(group_id, by=scene.operator)
    assert not scene.belongs(person)
    await scene.registry.letters()
    assert scene.told(person) == ["organisation-joined-by-group", "organisation-group-left"]
    await scene.sign_in()
    assert not scene.belongs(person)
    assert scene.confirm(group_id).code == "organisation-group-unknown"
    scene.group()
    await scene.sign_in()
    assert scene.belongs(person)


async def test_another_account_of_the_same_person_ends_nothing(
    scene: Scene, provider: LoopbackProvider
) -> None:
    """Two accounts at one provider, one of them in the group: signing in with the other changes nothing."""
    scene.group()
    browser: Browser = await scene.registry.open_browser()
    await round_trip(browser)
    person = UUID((await browser.whoami())["person"]["id"])
    provider.account = Account(sub="private", email=None)
    provider.claims["groups"] = []
    assert (await round_trip(browser, at="/settings/identities")).status_code == 303
    assert await scene.sign_in() == person
    assert scene.belongs(person)


async def test_an_account_that_is_removed_takes_its_groups_along(scene: Scene) -> None:
    scene.group()
    browser: Browser = await scene.registry.open_browser()
    await round_trip(browser)
    person = UUID((await browser.whoami())["person"]["id"])
    account = scene.registry.world.read(lambda session: session.exec(select(ExternalIdentity.id)).one())
    here = "/settings/identities"
    answer = await browser.send(f"{here}/{account}/remove", seen_on=here)
    assert answer.status_code == 303
    assert not scene.belongs(person)
    assert scene.rows(person) == [("group", EndedBy.SOURCE)]


async def test_an_ended_organisation_takes_nobody_in(scene: Scene) -> None:
    scene.group()
    world = scene.registry.world
    world.write(
        lambda session: session.connection().execute(text("UPDATE organisation SET ended_at = created_at"))
    )
    person = await scene.sign_in()
    assert scene.rows(person) == []
    assert scene.told(person) == []


async def test_a_new_proof_prolongs_what_rested_on_the_old_one(scene: Scene, clock: SettableClock) -> None:
    world = scene.registry.world
    member = world.person("per@nordlab.example")
    world.write(join_by_domain, person_id=member.person_id, email="per@nordlab.example", now=world.now)
    clock.advance(timedelta(days=366))
    assert not scene.belongs(member.person_id)
    prove(world, scene.officer, scene.organisation)
    assert scene.belongs(member.person_id)
    assert scene.rows(member.person_id) == [("domain", None)]
