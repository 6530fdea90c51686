"""Which accounts belong to one person, accounts without an address, and signing in again."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlmodel import select

from registry.identity.tables import ExternalIdentity, Person, WebSession
from tests.clock import SettableClock
from tests.integration.identity.conftest import EMAIL, Browser, Registry
from tests.integration.identity.test_providers import (
    approve,
    leads_to,
    leave,
    refusal_code,
    round_trip,
    rows,
)
from tests.servers.providers import Account, LoopbackProvider
from tests.world import claims_of

IDENTITIES = "/settings/identities"


@pytest.fixture
def provider(clock: SettableClock) -> Iterator[LoopbackProvider]:
    running = LoopbackProvider(clock)
    yield running
    running.close()


@pytest.fixture
def orcid(clock: SettableClock) -> Iterator[LoopbackProvider]:
    """A provider that never gives an address."""
    running = LoopbackProvider(clock, account=Account(sub="0000-0002-1825-0097", email=None, name="josiah"))
    yield running
    running.close()


@pytest.fixture
def providers_file(provider: LoopbackProvider, orcid: LoopbackProvider, tmp_path: Path) -> str:
    file = tmp_path / "providers.toml"
    file.write_text(
        provider.settings("acme") + orcid.settings("orcid", preset="orcid", name="ORCID", trust_email=False)
    )
    return str(file)


async def link(browser: Browser, provider_id: str) -> Any:
    return await browser.get(await approve(await leave(browser, provider_id, at=IDENTITIES)))


async def remove_first(browser: Browser) -> Any:
    page = (await browser.get(IDENTITIES)).text
    (path, *_) = re.findall(r'action="(/settings/identities/[^"]+/remove)"', page)
    return await browser.send(path, seen_on=IDENTITIES)


def people(registry: Registry) -> int:
    return len(rows(registry, Person))


async def test_an_equal_verified_address_joins_nothing_and_the_way_to_join_works(registry: Registry):
    await registry.signed_in(EMAIL)
    stranger = await registry.open_browser()
    answer = await round_trip(stranger, "acme")
    assert refusal_code(answer) == "email-has-account"
    assert "/sign-in?next=/settings/identities" in answer.text
    assert stranger.session_cookie is None
    owner = await registry.signed_in(EMAIL)
    assert (await link(owner, "acme")).headers["location"] == IDENTITIES
    assert "The acme" in (await owner.get(IDENTITIES)).text
    assert (await round_trip(stranger, "acme")).status_code == 303
    assert (await stranger.whoami())["person"]["id"] == (await owner.whoami())["person"]["id"]
    assert people(registry) == 1


@pytest.mark.parametrize("verified", [False, "true", None])
async def test_an_unverified_address_counts_for_nothing(
    registry: Registry, provider: LoopbackProvider, verified: object
):
    provider.account.email_verified = verified
    owner = await registry.signed_in(EMAIL)
    stranger = await registry.open_browser()
    assert (await round_trip(stranger, "acme")).status_code == 303
    assert (await stranger.whoami())["person"]["id"] != (await owner.whoami())["person"]["id"]
    assert (await stranger.whoami())["person"]["email"] is None


async def test_an_address_of_a_provider_that_is_not_trusted_is_not_taken(
    registry: Registry, orcid: LoopbackProvider
):
    orcid.account.email = EMAIL
    browser = await registry.open_browser()
    assert (await round_trip(browser, "orcid")).status_code == 303
    assert (await browser.whoami())["person"]["email"] is None


async def test_a_provider_never_makes_an_operator_and_the_mark_goes_with_the_setting(
    registry: Registry, provider: LoopbackProvider
):
    provider.account.email = "operator@registry.example"
    browser = await registry.open_browser()
    await round_trip(browser, "acme")
    (person,) = rows(registry, Person)
    assert not person.is_operator


async def test_an_account_of_somebody_else_is_not_added(registry: Registry):
    await round_trip(await registry.open_browser(), "acme")
    second = await registry.signed_in("second@nordlab.example")
    assert refusal_code(await link(second, "acme")) == "account-linked-elsewhere"


async def test_an_account_that_stood_alone_without_address_moves_to_who_proves_both(registry: Registry):
    alone = await registry.open_browser()
    await round_trip(alone, "orcid")
    owner = await registry.signed_in(EMAIL)
    assert (await link(owner, "orcid")).status_code == 303
    again = await registry.open_browser()
    await round_trip(again, "orcid")
    assert (await again.whoami())["person"]["email"] == EMAIL
    assert (await alone.client.get("/api/v1/whoami")).json().get("person") is None


async def test_adding_takes_the_session_that_began_it(registry: Registry):
    owner = await registry.signed_in(EMAIL)
    back = await approve(await leave(owner, "acme", at=IDENTITIES))
    await owner.ask_link("second@nordlab.example")
    await owner.follow(await registry.mailed_link())
    assert refusal_code(await owner.get(back)) == "sign-in-other-person"
    assert rows(registry, ExternalIdentity) == []


async def test_the_last_way_in_stays(registry: Registry):
    browser = await registry.open_browser()
    await round_trip(browser, "orcid")
    assert refusal_code(await remove_first(browser)) == "last-way-in"
    assert (await link(browser, "acme")).status_code == 303
    assert (await remove_first(browser)).status_code == 303
    assert refusal_code(await remove_first(browser)) == "last-way-in"
    assert len(rows(registry, ExternalIdentity)) == 1


async def test_ways_in_are_changed_only_after_a_fresh_sign_in(registry: Registry, clock: SettableClock):
    browser = await registry.signed_in(EMAIL)
    await link(browser, "acme")
    clock.advance(timedelta(hours=1, minutes=1))
    page = (await browser.get(IDENTITIES)).text
    assert "/sign-in/again?next=/settings/identities" in page
    assert "/remove" not in page
    answer = await browser.send(f"{IDENTITIES}/add/acme", seen_on="/settings/tokens")
    assert refusal_code(answer) == "sign-in-too-old"


async def confirm_address(registry: Registry, browser: Browser, email: str, next_path: str) -> Any:
    await browser.send("/settings/email", seen_on="/settings/email", email=email, next=next_path)
    (link_url,) = re.findall(r"https?://\S+", (await registry.letters())[-1].text)
    parts = urlsplit(link_url)
    assert parts.path == "/settings/email/link"
    # Such a link signs nobody in.
    other = await registry.open_browser()
    await other.get("/sign-in")
    token = parse_qs(parts.query)["token"][0]
    assert (await other.send("/sign-in/link", seen_on="/sign-in", token=token)).status_code == 404
    page = await browser.get(f"{parts.path}?{parts.query}")
    assert email in page.text
    return await browser.send(parts.path, seen_on=f"{parts.path}?{parts.query}", token=token)


async def test_somebody_without_an_address_gives_one_and_comes_back(registry: Registry):
    registry.world.gated_model()
    browser = await registry.open_browser()
    await round_trip(browser, "orcid")
    assert "josiah" in (await browser.get("/")).text
    assert refusal_code(await browser.get("/records")) == "email-address-needed"
    path = "/quarry/quarry-15b/accept"
    answer = await browser.get(path)
    assert answer.headers["location"] == f"/settings/email?next={path}"
    answer = await confirm_address(registry, browser, "josiah@brown.example", path)
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    assert (await browser.whoami())["person"]["email"] == "josiah@brown.example"
    assert (await browser.get(path)).status_code == 200


async def test_an_address_of_another_account_is_not_taken_over(registry: Registry):
    await registry.signed_in(EMAIL)
    browser = await registry.open_browser()
    await round_trip(browser, "orcid")
    assert refusal_code(await confirm_address(registry, browser, EMAIL, "/")) == "email-address-taken"
    assert (await browser.whoami())["person"]["email"] is None


async def filled_in(browser: Browser, path: str = "/quarry/quarry-15b/accept") -> Any:
    page = (await browser.get(path)).text
    fields = dict(re.findall(r'name="(ticket|text_sha256|form_digest|_csrf)" value="([^"]*)"', page))
    return fields | {
        "declaration": "on",
        "typed_name": "Mara Lindqvist",
        "answer-0": "Nordlab Institute",
        "answer-1": "NO",
    }


async def test_an_old_sign_in_is_made_anew_before_accepting_and_the_evidence_says_how(
    registry: Registry, provider: LoopbackProvider, clock: SettableClock
):
    registry.world.gated_model()
    path = "/quarry/quarry-15b/accept"
    browser = await registry.open_browser()
    await round_trip(browser, "acme")
    form = await filled_in(browser)
    clock.advance(timedelta(hours=12, minutes=1))
    # Neither the page nor a form that was opened in time gets through.
    answer = await browser.get(path)
    assert answer.headers["location"] == f"/sign-in/again?next={path}"
    posted = await browser.client.post(path, data=form, headers=browser.headers)
    assert refusal_code(posted) == "sign-in-too-old"
    page = await browser.get(answer.headers["location"])
    assert "Sign in again with" in page.text
    url = await again(browser, "acme", path)
    asked = parse_qs(urlsplit(url).query)
    assert (asked["prompt"], asked["max_age"]) == (["login"], ["0"])
    answer = await browser.get(await approve(url))
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    posted = await browser.client.post(path, data=await filled_in(browser), headers=browser.headers)
    assert posted.status_code == 303, posted.text[-3000:]
    receipt = await browser.client.get(
        posted.headers["location"].partition("?")[0].replace("/records/", "/api/v1/receipts/")
    )
    identity = claims_of(statement_of(receipt.json()))["identity"]
    assert identity["provider"] == provider.issuer
    assert identity["amr"] == ["pwd", "otp", "mfa"]
    assert identity["acr"] == "urn:tests:silver"
    assert identity["second_factor"] is True
    assert identity["auth_time_by"] == "provider"
    assert identity["auth_time"].startswith("2026-11-24T00:00:59")


def statement_of(receipt: dict[str, Any]) -> str:
    return str(receipt["sd_jwt"]).partition("~")[0]


async def again(browser: Browser, provider_id: str, next_path: str) -> str:
    seen = f"/sign-in/again?next={next_path}"
    answer = await browser.send(f"/sign-in/again/provider/{provider_id}", seen_on=seen, next=next_path)
    return leads_to(answer)


@pytest.mark.parametrize("claims", [{"auth_time": ...}, {"auth_time": 1_700_000_000}])
async def test_a_provider_that_answers_from_an_earlier_sign_in_does_not_make_it_new(
    registry: Registry, provider: LoopbackProvider, claims: dict[str, Any]
):
    browser = await registry.open_browser()
    await round_trip(browser, "acme")
    provider.claims = claims
    answer = await browser.get(await approve(await again(browser, "acme", "/")))
    assert refusal_code(answer) == "provider-did-not-ask-again"
    assert (await browser.whoami())["person"]["email"] == EMAIL


async def test_signing_in_again_takes_the_same_person(registry: Registry, provider: LoopbackProvider):
    browser = await registry.open_browser()
    await round_trip(browser, "acme")
    provider.account = Account(sub="somebody-else", email="else@nordlab.example")
    answer = await browser.get(await approve(await again(browser, "acme", "/")))
    assert refusal_code(answer) == "sign-in-other-person"
    assert people(registry) == 1


async def test_an_earlier_sign_in_at_the_provider_counts_from_then(
    registry: Registry, provider: LoopbackProvider
):
    provider.claims = {"auth_time": int((registry.world.now - timedelta(hours=13)).timestamp())}
    registry.world.gated_model()
    browser = await registry.open_browser()
    await round_trip(browser, "acme")
    answer = await browser.get("/quarry/quarry-15b/accept")
    assert answer.headers["location"].startswith("/sign-in/again")


async def test_the_account_keeps_the_name_that_it_has_now(registry: Registry, provider: LoopbackProvider):
    browser = await registry.open_browser()
    await round_trip(browser, "acme")
    provider.account.name = "renamed"
    await round_trip(browser, "acme")
    assert "renamed" in (await browser.get(IDENTITIES)).text


async def test_a_mailed_link_still_says_email_in_the_evidence(registry: Registry):
    await registry.signed_in(EMAIL)
    (kept,) = registry.world.read(lambda session: list(session.exec(select(WebSession)).all()))
    assert (kept.method, kept.amr, kept.provider) == ("email-link", "email", None)


async def test_two_sign_ins_of_one_new_account_make_one_person(registry: Registry):
    first, second = await registry.open_browser(), await registry.open_browser()
    paths = [await approve(await leave(browser, "orcid")) for browser in (first, second)]
    assert (await first.get(paths[0])).status_code == 303
    assert (await second.get(paths[1])).status_code == 303
    assert people(registry) == 1
