"""Roles and blocks: what the forms of a publisher's staff do and refuse."""

import pytest

from registry.identity.domain import Principal
from tests.api.conftest import Site
from tests.world import World

ROLES, BLOCKS = "/manage/quarry/roles", "/manage/quarry/blocks"


@pytest.fixture
def owner(world: World) -> Principal:
    world.gated_model()
    return world.person("owner@quarry.example")


async def test_a_role_is_given_by_address_and_ended(site: Site, owner: Principal) -> None:
    browser = site.browser(owner)
    answer = await browser.post(ROLES, seen_on=ROLES, email="Aud@Lab.example", role="auditor")
    assert (answer.status_code, answer.headers["location"]) == (303, ROLES)
    auditor = site.browser(site.world.person("aud@lab.example"))
    assert "Acceptances" in await auditor.page("/manage/quarry/acceptances")
    assert (await auditor.get(BLOCKS)).status_code == 403
    text = await browser.page(ROLES)
    assert "aud@lab.example" in text
    end = next(part.split('"')[0] for part in text.split('action="') if "/end" in part.split('"')[0])
    assert (await browser.post(end, seen_on=ROLES)).status_code == 303
    assert (await auditor.get("/manage/quarry/acceptances")).status_code == 403


async def test_a_form_that_cannot_stand_is_shown_again_with_what_was_typed(
    site: Site, owner: Principal
) -> None:
    browser = site.browser(owner)
    answer = await browser.post(ROLES, seen_on=ROLES, email="nobody@", role="auditor")
    assert answer.status_code == 422
    assert 'value="nobody@"' in answer.text
    answer = await browser.post(ROLES, seen_on=ROLES, email="a@b.example", role="emperor")
    assert answer.status_code == 422
    answer = await browser.post(BLOCKS, seen_on=BLOCKS, email="a@b.example", reason="", until="2001-01-01")
    assert answer.status_code == 422
    assert "Choose a day in the future" in answer.text


async def test_a_form_without_our_token_is_refused(site: Site, owner: Principal) -> None:
    browser = site.browser(owner)
    for path in (ROLES, BLOCKS):
        answer = await browser.post(path, seen_on=path, token="forged", email="a@b.example", role="owner")
        assert answer.status_code == 403
        assert "form-not-yours" in answer.text
    other = site.browser(site.world.person())
    token = (await browser.get(ROLES)).text.split('name="_csrf" value="')[1].split('"')[0]
    assert (
        await other.post(ROLES, seen_on="", token=token, email="a@b.example", role="owner")
    ).status_code == 403
    assert "a@b.example" not in await browser.page(ROLES)


async def test_a_request_from_another_site_is_refused(site: Site, owner: Principal) -> None:
    browser = site.browser(owner)
    headers = {"Cookie": f"gatehouse_session={browser.cookie}", "Sec-Fetch-Site": "cross-site"}
    answer = await site.client.post(ROLES, data={}, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["code"] == "cross-origin"


async def test_roles_do_what_the_table_says(site: Site, owner: Principal) -> None:
    browser = site.browser(owner)
    await browser.post(ROLES, seen_on=ROLES, email="main@lab.example", role="maintainer")
    maintainer = site.browser(site.world.person("main@lab.example"))
    text = await maintainer.page(ROLES)
    assert "Give a role" not in text
    answer = await maintainer.post(ROLES, seen_on="/", email="x@lab.example", role="owner")
    assert answer.status_code == 403
    assert "The last owner stays" in await browser.page(ROLES)


async def test_a_block_ends_the_right_at_once_and_can_be_lifted(site: Site, owner: Principal) -> None:
    world = site.world
    person = world.person()
    world.accept(person, world.model(owner))
    browser, blocked = site.browser(owner), site.browser(person)
    answer = await browser.post(
        BLOCKS, seen_on=BLOCKS, email="mara@nordlab.example", reason="Resold the weights", until=""
    )
    assert answer.status_code == 303
    assert "You are blocked" in await blocked.page("/quarry/quarry-15b")
    text = await browser.page(BLOCKS)
    end = next(part.split('"')[0] for part in text.split('action="') if "/end" in part.split('"')[0])
    assert (await browser.post(end, seen_on=BLOCKS)).status_code == 303
    assert "You may download" in await blocked.page("/quarry/quarry-15b")
    assert "Lifted" in await browser.page(BLOCKS)
    assert (await browser.post(end, seen_on=BLOCKS)).status_code == 404


async def test_the_list_of_publishers_is_ones_own(site: Site, owner: Principal) -> None:
    assert "/manage/quarry" in await site.browser(owner).page("/manage")
    assert "You work for no publisher" in await site.browser(site.world.person()).page("/manage")
