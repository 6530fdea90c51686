"""The catalog and the pages of a model, for everybody who may look."""

import base64
from datetime import timedelta

import pytest

from registry import acceptances, access, catalog
from registry.catalog import GateDemand
from registry.client.verify import verify_receipt
from registry.kernel.outcomes import Refusal
from tests.api.conftest import CONTACT, Site
from tests.world import TEXT_10, TEXT_11

PAGES = ("", "/files", "/license", "/releases")
MODEL = "/quarry/quarry-15b"


@pytest.mark.parametrize("page", PAGES)
async def test_every_page_of_a_model_is_open_to_read(site: Site, page: str) -> None:
    site.world.gated_model()
    assert "quarry-15b" in await site.anonymous.page(f"{MODEL}{page}")


async def test_an_anonymous_visitor_is_led_to_sign_in_and_back(site: Site) -> None:
    site.world.gated_model()
    text = await site.anonymous.page(MODEL)
    assert "Not signed in" in text
    assert f'href="/sign-in?next={MODEL}"' in text


async def test_the_panel_shows_each_state_in_its_turn(site: Site) -> None:
    world = site.world
    model = world.gated_model()
    person, owner = world.person(), world.person("owner@quarry.example")
    browser = site.browser(person)
    assert "License not accepted yet" in await browser.page(MODEL)
    assert 'href="/quarry/quarry-15b/accept?license=sample-openrail-m@1.0"' in await browser.page(MODEL)

    acceptance = world.accept(person, model)
    text = await browser.page(MODEL)
    assert "You may download" in text
    assert f"/records/{acceptance.id}" in text
    assert "hf download quarry/quarry-15b" in text

    world.license("1.1", TEXT_11, "material")
    demand = GateDemand(mode=catalog.GateMode.AUTO, licenses=("sample-openrail-m@1.1",))
    changed = world.write(
        catalog.change_gate,
        publisher="quarry",
        name="quarry-15b",
        demand=demand,
        principal=owner,
        now=world.now,
    )
    assert not isinstance(changed, Refusal)
    text = await browser.page(MODEL)
    assert "The terms have changed. You may download until" in text
    assert "See what changed, then accept" in text
    site.world.clock.advance(timedelta(days=30))
    browser = site.browser(person)
    assert "The license has changed" in await browser.page(MODEL)
    assert "from=1.0&amp;to=1.1" in await browser.page("/records")

    world.withdraw(person, acceptance.id)
    assert "You withdrew your acceptance" in await browser.page(MODEL)

    world.write(
        access.block_person,
        publisher="quarry",
        person_id=person.person_id,
        reason="Resold the weights",
        until=None,
        principal=owner,
        now=world.now,
    )
    text = await browser.page(MODEL)
    assert "You are blocked" in text
    assert "Resold the weights" in text
    assert CONTACT in text


async def test_a_gate_that_lets_nobody_through_says_so(site: Site) -> None:
    world = site.world
    world.gated_model()
    demand = GateDemand(mode=catalog.GateMode.CLOSED, licenses=("sample-openrail-m@1.0",))
    world.write(
        catalog.change_gate,
        publisher="quarry",
        name="quarry-15b",
        demand=demand,
        principal=world.person("owner@quarry.example"),
        now=world.now,
    )
    assert "Closed" in await site.browser(world.person()).page(MODEL)


async def test_a_private_model_is_nowhere_for_outsiders(site: Site) -> None:
    world = site.world
    world.license("1.0", TEXT_10, "initial")
    owner = world.person("owner@quarry.example")
    world.release(owner, world.publisher(owner), name="outcrop", private=True)
    world.accept(owner, world.model(owner, "quarry", "outcrop"))
    world.integrate()
    outsider = site.browser(world.person())
    for browser in (site.anonymous, outsider):
        assert "outcrop" not in await browser.page("/")
        for page in PAGES:
            private = await browser.get(f"/quarry/outcrop{page}")
            absent = await browser.get(f"/quarry/absent{page}")
            assert private.status_code == absent.status_code == 404
        assert "quarry/outcrop" not in await browser.page("/log")
    assert "outcrop" in await site.browser(owner).page("/")
    assert "Private" in await site.browser(owner).page("/quarry/outcrop")


async def test_the_public_log_never_names_a_private_model(site: Site) -> None:
    world = site.world
    world.license("1.0", TEXT_10, "initial")
    owner = world.person("owner@quarry.example")
    model = world.release(owner, world.publisher(owner), name="outcrop", private=True)
    receipt = world.accept(owner, model)
    world.integrate()
    size = len((await site.api("/api/v1/ledger/entries?limit=200")).json()["items"])
    bundle = await site.anonymous.client.get(f"/ledger/tile/entries/000.p/{size}")
    assert bundle.status_code == 200
    said = bundle.content + b"".join(
        [(await site.anonymous.client.get(f"/log/{index}/leaf")).content for index in range(size)]
    )
    for part in said.replace(b".", b"\x00").split(b"\x00"):
        padded = part + b"=" * (-len(part) % 4)
        assert b"outcrop" not in part + binascii_or_nothing(padded)
    assert "outcrop" not in await site.anonymous.page(f"/log/{size - 1}")
    assert "quarry/outcrop" in await site.browser(owner).page(f"/log/{size - 1}")
    # Who accepted knows for which model, and can show it.
    assert "quarry/outcrop" in await site.browser(owner).page(f"/records/{receipt.id}")
    assert world.read(acceptances.get_acceptance, acceptance_id=receipt.id).model == "outcrop"
    kept = (await site.browser(owner).get(f"/api/v1/receipts/{receipt.id}")).content
    outcome = verify_receipt(kept)
    assert outcome.is_verified, outcome.failure
    assert outcome.statement["scope"]["model"] == "quarry/outcrop"


def binascii_or_nothing(text: bytes) -> bytes:
    """Return what base64url text says; nothing where it is none."""
    try:
        return base64.urlsafe_b64decode(text)
    except ValueError:
        return b""


async def test_the_list_narrows_by_words_gate_and_license_and_goes_on(site: Site) -> None:
    world = site.world
    world.license("1.0", TEXT_10, "initial")
    owner = world.person("owner@quarry.example")
    publisher = world.publisher(owner)
    for number in range(32):
        world.release(
            owner, publisher, name=f"model-{number}", requires=() if number % 2 else ("sample-openrail-m",)
        )
    browser = site.anonymous
    assert "No model matches" in await browser.page("/", search="nothing-like-it")
    assert "model-31" in await browser.page("/", search="MODEL-31")
    text = await browser.page("/", gate="open")
    assert "model-31<" in text
    assert "model-30<" not in text
    text = await browser.page("/", license="sample-openrail-m")
    assert "model-30<" in text
    assert "model-31<" not in text
    first = await browser.page("/")
    assert "model-31<" in first
    assert "model-1<" not in first
    following = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    second = await browser.page(following)
    assert "model-1<" in second
    assert "model-31<" not in second


async def test_lists_show_each_visitor_how_they_stand(site: Site) -> None:
    world = site.world
    model = world.gated_model()
    person = world.person()
    world.accept(person, model)
    assert "You may download" in await site.browser(person).page("/")
    assert "Not accepted yet" in await site.browser(world.person("new@nordlab.example")).page("/")
    assert "You may download" not in await site.anonymous.page("/")


async def test_files_are_links_only_for_who_may_have_them(site: Site) -> None:
    world = site.world
    model = world.gated_model()
    person = world.person()
    before = await site.browser(person).page(f"{MODEL}/files")
    assert "/README.md" in before
    assert "/model.safetensors" not in before
    world.accept(person, model)
    after = await site.browser(person).page(f"{MODEL}/files")
    link = next(part for part in after.split('href="') if part.split('"')[0].endswith("/model.safetensors"))
    answer = await site.browser(person).get(link.split('"')[0])
    assert answer.status_code == 302


async def test_a_broken_card_is_reported_in_plain_words(site: Site) -> None:
    world = site.world
    owner = world.person("owner@quarry.example")
    card = b"---\nlicense: [mit\n---\n# Card <script>alert(1)</script>\n\n![x](https://evil.example/x.png)\n"
    world.release(owner, world.publisher(owner), requires=(), files={"README.md": card, "a.json": b"{}"})
    text = await site.anonymous.page(MODEL)
    assert "could not be read as meant" in text
    assert "<script>alert" not in text
    assert 'src="https://evil.example' not in text


async def test_an_unknown_revision_is_refused(site: Site) -> None:
    site.world.gated_model()
    assert (await site.anonymous.get(MODEL, revision="nope")).status_code == 404
    commit = (await site.api("/api/v1/models/quarry/quarry-15b")).json()["release"]["commit"]
    assert commit[:8] in await site.anonymous.page(f"{MODEL}/files", revision=commit)


async def test_the_api_gives_the_same_decision_as_the_page(site: Site) -> None:
    world = site.world
    model = world.gated_model()
    person = world.person()
    token = world.token(person)
    nobody = (await site.api(f"/api/v1/models{MODEL}/access")).json()
    assert nobody["permitted"] is False
    assert nobody["code"] == "sign-in-needed"
    before = await site.api(f"/api/v1/models{MODEL}/access", token)
    assert before.status_code == 200
    assert before.json()["code"] == "license-not-accepted"
    assert before.json()["remedy"]["url"].startswith("http://gatehouse.test:8400/quarry/quarry-15b/accept")
    world.accept(person, model)
    detail = (await site.api(f"/api/v1/models{MODEL}", token)).json()
    assert detail["access"]["permitted"] is True
    assert detail["gate"]["requirements"][0]["number"] == "1.0"
    assert {file["path"] for file in detail["release"]["files"]} == {
        "README.md",
        "config.json",
        "model.safetensors",
    }
    assert (await site.api("/api/v1/models/quarry/absent/access", token)).status_code == 404


async def test_whoami_says_who_and_what_for(site: Site) -> None:
    world = site.world
    world.gated_model()
    assert (await site.api("/api/v1/whoami")).json()["person"] is None
    me = (await site.api("/api/v1/whoami", world.token(world.person("owner@quarry.example")))).json()
    assert me["person"]["email"] == "owner@quarry.example"
    assert me["publishers"] == [{"name": "quarry", "role": "owner"}]
    assert me["scopes"] == ["read"]
    assert me["token"]["name"] == "laptop"
    assert (await site.api("/api/v1/whoami", "gatehouse_nobody")).status_code == 401


async def test_a_session_that_has_ended_makes_an_anonymous_visitor(site: Site, clock) -> None:
    site.world.gated_model()
    browser = site.browser(site.world.person())
    clock.advance(timedelta(days=2))
    assert "Not signed in" in await browser.page(MODEL)
