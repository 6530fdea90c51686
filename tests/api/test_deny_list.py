"""The deny list over the JSON API: who reads and changes it, and that it bars at once."""

import asyncio
from typing import Any

import pytest

from registry import catalog
from registry.access.domain import Denial, Permit
from registry.identity.domain import Principal, Scope
from tests.api.conftest import Site
from tests.world import World

BLOCKS = "/api/v1/publishers/quarry/blocks"


@pytest.fixture
def owner(world: World) -> Principal:
    world.gated_model()
    return world.person("owner@quarry.example")


async def post(site: Site, path: str, token: str, **body: Any) -> Any:
    return await site.client.post(path, json=body, headers={"Authorization": f"Bearer {token}"})


async def test_a_block_bars_at_once_until_it_is_ended(site: Site, owner: Principal) -> None:
    world = site.world
    token, person = world.token(owner, Scope.REVIEW), world.person("mallory@lab.example")
    model = world.model(owner)
    world.accept(person, model)
    answer = await post(
        site, BLOCKS, token, email="Mallory@lab.example", reason="sold copies", until="2099-01-31"
    )
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["person"], made["reason"], made["live"]) == (str(person.person_id), "sold copies", True)
    assert made["until"].startswith("2099-02-01T00:00:00")
    assert isinstance(world.decide(person, model), Denial)
    ended = await post(site, f"{BLOCKS}/{made['id']}/end", token)
    assert (ended.status_code, ended.json()["live"]) == (200, False)
    assert isinstance(world.decide(person, model), Permit)
    again = await post(site, f"{BLOCKS}/{made['id']}/end", token)
    assert (again.status_code, again.json()["code"]) == (404, "block-unknown")


async def test_a_block_that_two_end_at_once_ends_once(site: Site, owner: Principal) -> None:
    token = site.world.token(owner, Scope.REVIEW)
    made = (await post(site, BLOCKS, token, email="a@b.example", reason="spam")).json()
    answers = await asyncio.gather(*(post(site, f"{BLOCKS}/{made['id']}/end", token) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200, *[404] * 7]


async def test_the_list_is_paged_newest_first_names_no_address_and_the_look_is_recorded(
    site: Site, owner: Principal
) -> None:
    token = site.world.token(owner, Scope.REVIEW)
    for name in ("first", "second", "third"):
        assert (await post(site, BLOCKS, token, email=f"{name}@lab.example", reason=name)).status_code == 201
    page = await site.api(BLOCKS, token, limit=2)
    assert [one["reason"] for one in page.json()["blocks"]] == ["third", "second"]
    assert "@" not in page.text
    rest = await site.api(page.json()["next"], token)
    assert ([one["reason"] for one in rest.json()["blocks"]], rest.json()["next"]) == (["first"], None)
    publisher = site.world.read(catalog.find_publisher, name="quarry")
    looks = site.world.read(catalog.list_looks, publisher_id=publisher.id)
    assert [look.what for look in looks] == [catalog.Looked.BLOCKS]


@pytest.mark.parametrize("scope", [one for one in Scope if one is not Scope.REVIEW])
async def test_no_other_scope_opens_the_deny_list(site: Site, owner: Principal, scope: Scope) -> None:
    token = site.world.token(owner, scope)
    for answer in (
        await site.api(BLOCKS, token),
        await post(site, BLOCKS, token, email="a@b.example", reason="spam"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "scope-missing")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"email": "nobody@", "reason": "x"}, "invalid-email"),
        ({"email": "owner@quarry.example", "reason": "x"}, "invalid-block"),
        ({"email": "a@b.example", "reason": "two\nlines"}, "invalid-block"),
        ({"email": "a@b.example", "reason": " "}, "invalid-block"),
        ({"email": "a@b.example", "reason": "x", "until": "2001-01-01"}, "invalid-block"),
        ({"email": "a@b.example", "reason": "x", "until": "tomorrow"}, "malformed-request"),
    ],
)
async def test_what_cannot_stand_blocks_nobody(
    site: Site, owner: Principal, body: dict[str, str], code: str
) -> None:
    token = site.world.token(owner, Scope.REVIEW)
    answer = await post(site, BLOCKS, token, **body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert (await site.api(BLOCKS, token)).json()["blocks"] == []
