"""A member acknowledges what covers them: page, API and Hub route say the same, and no token does it."""

from registry.identity.organisation_domain import ACKNOWLEDGE_WITHIN
from tests.api.conftest import Site
from tests.api.test_organisation_story import pull
from tests.clock import SettableClock
from tests.integration.access.covers import cover_scene

MODEL = "/quarry/quarry-15b"
PAGE = f"{MODEL}/acknowledge"


async def test_a_member_reads_acknowledges_and_pulls(site: Site, clock: SettableClock) -> None:
    world = site.world
    scene = cover_scene(world.database, clock, world=world)
    member = scene.join()
    token, browser = world.token(member), site.browser(member)
    cover = scene.accept()
    nothing = await browser.get(PAGE)
    assert nothing.status_code == 409
    officer, here = site.browser(scene.officer), f"/organisations/{scene.organisation.id}"
    asked = await officer.post(f"{here}/ask-each", seen_on=here)
    assert asked.status_code == 303
    assert "Ask nobody to acknowledge" in await officer.page(here)
    assert "covers members who have acknowledged it" in await browser.page(here)

    # While members have time, everything goes on and says until when.
    warned = await pull(site, token)
    assert warned.status_code == 302
    assert "x-hf-warning" in warned.headers
    assert "acknowledge what your organisation accepted before" in await browser.page(MODEL)

    clock.advance(ACKNOWLEDGE_WITHIN)
    browser, officer = site.browser(member), site.browser(scene.officer)
    refused = await pull(site, token)
    assert (refused.status_code, refused.headers["x-error-code"]) == (403, "GatedRepo")
    assert refused.json()["code"] == "cover-not-acknowledged"
    assert refused.json()["remedy"]["url"].endswith(PAGE)
    explained = (await site.api(f"/api/v1/models{MODEL}/access", token)).json()
    assert explained["code"] == "cover-not-acknowledged"
    assert any("to be acknowledged by you" in reason["title"] for reason in explained["reasons"])
    assert "To be acknowledged by you" in await browser.page(MODEL)

    page = await browser.page(PAGE)
    assert "I am authorised to accept this license for Nordlab Institute" in page
    assert 'href="/licenses/sample-openrail-m/1.0"' in page
    assert (await site.client.get("/licenses/sample-openrail-m/1.0")).status_code == 200
    assert str(cover.id) in page

    # Neither another's form nor a token does it.
    by_token = await site.client.post(
        PAGE, data={"acceptance": str(cover.id)}, headers={"Authorization": f"Bearer {token}"}
    )
    assert by_token.status_code in {401, 403}
    stranger = site.browser(world.person("noor@else.example"))
    assert (await stranger.get(PAGE)).status_code == 409
    mixed = await browser.post(PAGE, seen_on=PAGE, acceptance="nonsense")
    assert mixed.status_code == 409
    assert (await pull(site, token)).status_code == 403

    done = await browser.post(PAGE, seen_on=PAGE, acceptance=str(cover.id))
    assert (done.status_code, done.headers["location"]) == (303, MODEL)
    assert (await pull(site, token)).status_code == 302
    assert "You may download" in await browser.page(MODEL)
    (kept,) = (await browser.get("/records/export.json")).json()["acknowledgements"]
    assert kept["acceptance"] == str(cover.id)
    ended = await officer.post(f"{here}/ask-nobody", seen_on=here)
    assert ended.status_code == 303
    assert "covers each member at once" in await officer.page(here)
