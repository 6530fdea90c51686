"""What a gate asks beforehand, on its page, on the person's pages, over the API and on the Hub's routes."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import AsyncTestClient

from registry.identity.domain import Principal
from registry.parts import build_parts
from registry.settings import Settings
from tests.addresses import write_country_database
from tests.api.conftest import Site
from tests.api.test_gate_page import GATE, confirm, form_of, press
from tests.applications import application
from tests.world import BASE_URL, MASTER_SECRET, World

DECLARE = "/settings/declarations"
MODEL = "/quarry/quarry-15b"
FILE = f"{MODEL}/resolve/main/model.safetensors"


@pytest.fixture
async def site(world: World, tmp_path: Path) -> AsyncIterator[Site]:
    """A registry whose operator has set a database of addresses, behind a proxy."""
    file = write_country_database(
        tmp_path / "countries.mmdb", {"192.0.2.0/24": "NO", "198.51.100.0/25": "DE"}
    )
    settings = Settings(
        base_url=BASE_URL,
        data_dir=tmp_path,
        master_key=MASTER_SECRET.hex(),
        worker_inline=False,
        contact="help@quarry.example",
        country_database=str(file),
        trusted_proxies=("*",),
    )
    assert world.store is not None
    parts = build_parts(settings, store=world.store, database=world.database, clock=world.clock)
    with application(parts) as app:
        async with AsyncTestClient(app, base_url=BASE_URL, raise_server_exceptions=False) as client:
            client.follow_redirects = False
            yield Site(world, client)


@pytest.fixture
def owner(world: World) -> Principal:
    world.gated_model()
    return world.person("owner@quarry.example")


async def test_a_maintainer_asks_beforehand_and_sees_who_loses(site: Site, owner: Principal) -> None:
    world = site.world
    model = world.model(owner)
    fit, unfit = world.person("fit@lab.example"), world.person("unfit@lab.example")
    for person in (fit, unfit):
        world.accept(person, model)
    assert (await site.browser(fit).post(DECLARE, seen_on=DECLARE, age="21")).status_code == 303
    browser = site.browser(owner)
    text = await browser.page(GATE)
    wrong = await browser.post(
        GATE,
        seen_on=GATE,
        token=form_of(text)["_csrf"],
        **_fields(text),
        **{"before-rule": "admit", "do": "preview"},
    )
    assert wrong.status_code == 422
    assert "Name at least one country by its two letters" in wrong.text
    stated = await press(browser, text, "preview", **{"before-minimum_age": "18"})
    assert "Asked beforehand from now on: Age of 18 or more, declared." in stated
    assert "1 person keeps access" in stated
    assert "1 person loses access" in stated
    assert (await confirm(browser, stated)).status_code == 303
    assert "Age of 18 or more, declared" in await browser.page(GATE)
    shown = await site.browser(unfit).page(MODEL)
    assert "Not declared to be 18 or older" in shown
    assert f"{DECLARE}?next={MODEL}" in shown
    assert "You may download" in await site.browser(fit).page(MODEL)
    # Leaving the rest as it is leaves this as it is.
    again = await press(browser, await browser.page(GATE), "preview", days="30")
    assert "The gate asks for exactly this already" in again


def _fields(text: str) -> dict[str, Any]:
    return {name: value for name, value in form_of(text).items() if name not in {"_csrf", "before-rule"}}


async def test_the_acceptance_page_names_what_is_missing_before_the_form(
    site: Site, owner: Principal
) -> None:
    await _change(site, owner, {"minimum_age": 18, "entities": ["academic"]})
    browser = site.browser(site.world.person())
    answer = await browser.get(f"{MODEL}/accept")
    assert answer.status_code in {303, 403}
    shown = answer.text
    assert "Not declared to be 18 or older" in shown
    assert "Also missing: Not declared to be a university or research institute" in shown
    assert "accept-form" not in shown
    asked = await browser.page(DECLARE, next=f"{MODEL}/accept")
    assert "The age that you have reached" in asked
    answer = await browser.post(DECLARE, seen_on=DECLARE, age="40", entity="academic")
    assert answer.status_code == 422
    answer = await browser.post(DECLARE, seen_on=DECLARE, age="18", entity="academic", next=f"{MODEL}/accept")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{MODEL}/accept")
    assert 'id="accept-form"' in await browser.page(f"{MODEL}/accept")


async def _change(site: Site, owner: Principal, prerequisites: dict[str, Any]) -> Any:
    browser = site.browser(owner)
    gate = (await site.client.get("/api/v1/models/quarry/quarry-15b")).json()["gate"]
    answer = await site.client.put(
        "/api/v1/models/quarry/quarry-15b/gate",
        json={
            "mode": "auto",
            "licenses": ["sample-openrail-m@1.0"],
            "form_fields": [
                {name: one[name] for name in ("label", "type", "required", "purpose")}
                for one in gate["form_fields"]
            ],
            "prerequisites": prerequisites,
        },
        headers=browser._headers,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_country_of_the_address_counts_on_every_surface(site: Site, owner: Principal) -> None:
    world = site.world
    person = world.person()
    world.accept(person, world.model(owner))
    told = await _change(site, owner, {"country": {"countries": ["NO"], "admits": True, "source": "network"}})
    assert told["prerequisites"]["country"] == {"countries": ["NO"], "admits": True, "source": "network"}
    token = world.token(person)
    explain = "/api/v1/models/quarry/quarry-15b/access"
    for address, said in (
        ("192.0.2.9", None),
        ("198.51.100.9", "This gate is closed to people from Germany"),
        ("203.0.113.9", "The country that you connect from is not known"),
    ):
        headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": address}
        got = await site.client.get(FILE, headers=headers)
        checked = await site.client.get("/api/models/quarry/quarry-15b/auth-check", headers=headers)
        decision = (await site.client.get(explain, headers=headers)).json()
        listed = (await site.client.get("/api/v1/whoami/models", headers=headers)).json()["items"]
        if said is None:
            assert (got.status_code, checked.status_code, decision["permitted"]) == (302, 200, True)
            assert len(listed) == 1
            continue
        assert (got.status_code, checked.status_code, decision["permitted"]) == (403, 403, False)
        assert got.headers["x-error-code"] == "GatedRepo"
        assert said in got.headers["x-error-message"]
        assert decision["code"] == "outside-the-gate"
        assert decision["remedy"]["text"] == "Write to help@quarry.example"
        assert "by the address" in decision["detail"] or "By your network address" in decision["detail"]
        assert listed == []
