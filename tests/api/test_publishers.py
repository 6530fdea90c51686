"""A publisher is created where people look for it: on the page, by the command, and as the refusal says."""

import pytest

from registry import cli
from tests.api.conftest import Site


async def test_anybody_who_is_signed_in_creates_a_publisher_and_owns_it(site: Site) -> None:
    browser = site.browser(site.world.person())
    answer = await browser.post("/manage", seen_on="/manage", name="Tarn", display_name="Tarn Lab")
    assert (answer.status_code, answer.headers["location"]) == (303, "/manage/Tarn")
    assert "Tarn Lab" in await browser.page("/manage/Tarn")
    assert "You are owner" in await browser.page("/manage")
    assert (await site.browser(site.world.person("other@lab.example")).get("/manage/Tarn")).status_code == 403


@pytest.mark.parametrize("name", ["", "no name", "-x", "api", "x" * 95, "TARN"])
async def test_a_name_that_cannot_stand_is_shown_again_with_what_is_wrong(site: Site, name: str) -> None:
    browser = site.browser(site.world.person())
    await browser.post("/manage", seen_on="/manage", name="tarn", display_name="")
    answer = await browser.post("/manage", seen_on="/manage", name=name, display_name="Tarn Two")
    assert answer.status_code == 422
    assert 'value="Tarn Two"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert "/manage/x" not in await browser.page("/manage")


async def test_nobody_creates_a_publisher_from_elsewhere(site: Site) -> None:
    browser = site.browser(site.world.person())
    assert (await browser.post("/manage", seen_on="", token="forged", name="tarn")).status_code == 403
    assert (await site.anonymous.post("/manage", seen_on="/sign-in", name="tarn")).status_code == 401
    assert "You work for no publisher" in await browser.page("/manage")


async def test_the_refusal_of_an_unknown_publisher_leads_to_where_one_is_created(site: Site) -> None:
    answer = await site.browser(site.world.person()).get("/manage/absent")
    assert answer.status_code == 404
    assert "gatehouse publisher add" in answer.text
    headers = {"Cookie": f"gatehouse_session={site.browser(site.world.person()).cookie}"}
    refused = await site.client.get("/manage/absent", headers=headers)
    assert refused.json()["remedy"]["url"].endswith("/manage")
    with pytest.raises(SystemExit) as caught:
        cli.main(["publisher", "add", "--help"])
    assert caught.value.code == 0
