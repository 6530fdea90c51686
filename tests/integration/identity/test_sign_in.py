"""Signing in by a mailed link (threats I1, I2, I8), on both databases."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from registry.identity.domain import LINKS_PER_ADDRESS, LINKS_PER_NETWORK, SESSION_LIFETIME
from tests.clock import SettableClock
from tests.integration.identity.conftest import EMAIL, HTTPS_URL, Registry


async def count(registry: Registry, table: str) -> int:
    found = registry.world.read(
        lambda session: session.connection().execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
    )
    return int(found)


async def test_a_mailed_link_signs_in_and_leads_on(registry: Registry) -> None:
    browser = await registry.open_browser()
    sent = await browser.ask_link(" Mara@NordLab.example", next_path="/quarry/quarry-15b?x=1")
    assert sent.status_code == 200
    link = await registry.mailed_link()
    assert link.startswith(f"{HTTPS_URL}/sign-in/link?token=")
    answer = await browser.follow(link)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/quarry/quarry-15b?x=1"
    assert (await browser.whoami())["person"]["email"] == EMAIL


async def test_a_link_works_once(registry: Registry) -> None:
    browser = await registry.signed_in()
    link = await registry.mailed_link()
    other = await browser.get(link)
    assert other.status_code == 410
    token = link.partition("token=")[2]
    again = await browser.send("/sign-in/link", seen_on="/sign-in", token=token)
    assert again.status_code == 410
    assert await count(registry, "web_session") == 1


async def test_of_many_presses_at_once_one_signs_in(registry: Registry) -> None:
    browser = await registry.open_browser()
    await browser.ask_link()
    link = await registry.mailed_link()
    answers = await asyncio.gather(*(browser.follow(link) for _ in range(8)), return_exceptions=True)
    statuses = [getattr(answer, "status_code", None) for answer in answers]
    assert statuses.count(303) == 1
    assert await count(registry, "web_session") == 1


async def test_a_link_expires(registry: Registry, clock: SettableClock) -> None:
    browser = await registry.open_browser()
    await browser.ask_link()
    link = await registry.mailed_link()
    clock.advance(timedelta(minutes=15))
    assert (await browser.get(link)).status_code == 410
    token = link.partition("token=")[2]
    answer = await browser.send("/sign-in/link", seen_on="/sign-in", token=token)
    assert answer.status_code == 410
    assert "expired" in answer.text


async def test_a_link_works_only_in_the_browser_that_asked(registry: Registry) -> None:
    browser, thief = await registry.open_browser(), await registry.open_browser()
    await browser.ask_link()
    link = await registry.mailed_link()
    page = await thief.get(link)
    assert page.status_code == 403
    assert EMAIL not in page.text
    token = link.partition("token=")[2]
    answer = await thief.send("/sign-in/link", seen_on="/sign-in", token=token)
    assert answer.status_code == 403
    assert thief.session_cookie is None
    assert (await browser.follow(link)).status_code == 303


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_a_scanner_that_opens_the_link_does_not_use_it_up(registry: Registry, method: str) -> None:
    browser, scanner = await registry.open_browser(), await registry.open_browser("203.0.113.9")
    await browser.ask_link()
    link = await registry.mailed_link()
    for visitor in (scanner, browser):
        for _ in range(3):
            await visitor.client.request(method, link)
    assert scanner.session_cookie is None
    assert (await browser.follow(link)).status_code == 303


@pytest.mark.parametrize(
    "token", ["", "x", "A" * 43, "%00", "../..", "é", "A" * 5_000, "'; DROP TABLE person"]
)
async def test_a_guessed_link_is_unknown(registry: Registry, token: str) -> None:
    browser = await registry.open_browser()
    page = await browser.get("/sign-in/link", params={"token": token})
    assert page.status_code == 404
    answer = await browser.send("/sign-in/link", seen_on="/sign-in", token=token)
    assert answer.status_code == 404


async def test_known_and_unknown_addresses_get_the_same_answer(registry: Registry) -> None:
    await registry.signed_in()
    pages = []
    for email in (EMAIL, "nobody@nordlab.example"):
        browser = await registry.open_browser()
        answer = await browser.ask_link(email)
        csrf = re.compile(r'name="_csrf" value="[^"]+"')
        pages.append((answer.status_code, csrf.sub("", answer.text.replace(email, "…"))))
    assert pages[0] == pages[1]
    assert await count(registry, "person") == 1


@pytest.mark.parametrize("email", ["", "mara", "mara@@x", "a@b\r\nBcc: c@d.example", "mаra@nordlab.example"])
async def test_what_is_no_address_is_shown_again_with_a_hint(registry: Registry, email: str) -> None:
    browser = await registry.open_browser()
    answer = await browser.ask_link(email)
    assert answer.status_code == 422
    assert "name@example.org" in answer.text
    assert await registry.letters() == []


async def test_links_are_limited_per_address_whatever_network_asks(
    registry: Registry, clock: SettableClock
) -> None:
    for number in range(LINKS_PER_ADDRESS):
        browser = await registry.open_browser(f"192.0.2.{number}")
        assert (await browser.ask_link()).status_code == 200
    browser = await registry.open_browser("203.0.113.1")
    refused = await browser.ask_link("MARA@nordlab.example")
    assert refused.status_code == 429
    assert len(await registry.letters()) == LINKS_PER_ADDRESS
    assert (await browser.ask_link("other@nordlab.example")).status_code == 200
    clock.advance(timedelta(minutes=16))
    assert (await browser.ask_link()).status_code == 200


async def test_links_are_limited_per_network(registry: Registry) -> None:
    browser = await registry.open_browser("198.51.100.4")
    for number in range(LINKS_PER_NETWORK):
        assert (await browser.ask_link(f"p{number}@nordlab.example")).status_code == 200
    assert (await browser.ask_link("one-more@nordlab.example")).status_code == 429
    elsewhere = await registry.open_browser("198.51.100.5")
    assert (await elsewhere.ask_link("one-more@nordlab.example")).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example"},
        {"Forwarded": "host=evil.example;proto=http"},
        {"X-Original-URL": "http://evil.example/"},
    ],
)
async def test_a_poisoned_host_does_not_reach_the_mail(registry: Registry, headers: dict[str, str]) -> None:
    browser = await registry.open_browser()
    answer = await browser.ask_link(**headers)
    assert "evil.example" not in answer.text
    (letter,) = await registry.letters()
    assert letter.text.count(f"{HTTPS_URL}/sign-in/link?token=") == 1
    assert "evil" not in letter.text + letter.subject


@pytest.mark.parametrize(
    "way", ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example"]
)
async def test_signing_in_never_leads_to_another_site(registry: Registry, way: str) -> None:
    browser = await registry.open_browser()
    await browser.ask_link(next_path=way)
    answer = await browser.follow(await registry.mailed_link())
    assert answer.headers["location"] == "/"


async def test_signing_in_gives_a_new_session_and_ends_the_old_one(registry: Registry) -> None:
    browser = await registry.signed_in()
    first = browser.session_cookie
    await browser.ask_link()
    await browser.follow(await registry.mailed_link())
    second = browser.session_cookie
    assert second
    assert second != first
    stale = await registry.open_browser()
    stale.client.cookies.set("__Host-gatehouse_session", str(first), domain="registry.example")
    assert (await stale.whoami())["person"] is None


async def test_a_session_that_somebody_else_planted_is_not_taken_over(registry: Registry) -> None:
    browser = await registry.open_browser()
    browser.client.cookies.set("__Host-gatehouse_session", "planted", domain="registry.example")
    await browser.ask_link()
    await browser.follow(await registry.mailed_link())
    other = await registry.open_browser()
    other.client.cookies.set("__Host-gatehouse_session", "planted", domain="registry.example")
    assert (await other.whoami())["person"] is None


async def test_signing_out_ends_the_session_for_every_copy_of_its_cookie(registry: Registry) -> None:
    browser = await registry.signed_in()
    copy = browser.session_cookie
    answer = await browser.send("/sign-out", seen_on="/settings/tokens")
    assert answer.status_code == 303
    thief = await registry.open_browser()
    thief.client.cookies.set("__Host-gatehouse_session", str(copy), domain="registry.example")
    assert (await thief.whoami())["person"] is None


async def test_a_session_ends_by_itself(registry: Registry, clock: SettableClock) -> None:
    browser = await registry.signed_in()
    clock.advance(SESSION_LIFETIME)
    assert (await browser.whoami())["person"] is None


async def test_other_sessions_can_be_ended_from_one(registry: Registry) -> None:
    laptop, phone = await registry.signed_in(), await registry.signed_in()
    answer = await laptop.send("/settings/sessions/others/revoke", seen_on="/settings/sessions")
    assert answer.status_code == 303
    assert (await phone.whoami())["person"] is None
    assert (await laptop.whoami())["person"]["email"] == EMAIL


async def test_nobody_can_end_another_persons_session(registry: Registry) -> None:
    mara, noor = await registry.signed_in(), await registry.signed_in("noor@nordlab.example")
    ids = registry.world.read(
        lambda session: session.connection().execute(text("SELECT digest FROM web_session")).scalars().all()
    )
    for session_id in ids:
        if session_id:
            answer = await noor.send(f"/settings/sessions/{session_id}/revoke", seen_on="/settings/tokens")
            assert answer.status_code in {303, 401}
        if (await noor.whoami())["person"] is None:
            noor = await registry.signed_in("noor@nordlab.example")
    assert (await mara.whoami())["person"]["email"] == EMAIL


async def test_cookies_are_for_this_host_over_https_and_not_for_scripts(registry: Registry) -> None:
    browser = await registry.open_browser()
    shown = await browser.get("/sign-in")
    await browser.ask_link()
    signed_in = await browser.follow(await registry.mailed_link())
    cookies = [*shown.headers.get_list("set-cookie"), *signed_in.headers.get_list("set-cookie")]
    assert {cookie.partition("=")[0] for cookie in cookies} == {
        "__Host-gatehouse_browser",
        "__Host-gatehouse_session",
    }
    for cookie in cookies:
        words = {word.strip().lower() for word in cookie.split(";")[1:]}
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= words
        assert not any(word.startswith("domain") for word in words)


async def test_a_cookie_without_the_host_prefix_is_not_read(registry: Registry) -> None:
    browser = await registry.signed_in()
    tossed = await registry.open_browser()
    tossed.client.cookies.set("gatehouse_session", str(browser.session_cookie), domain="registry.example")
    assert (await tossed.whoami())["person"] is None


@pytest.mark.parametrize(
    "cookie",
    ["\x00", "a=b; a=c", "=;;;=", '"', "__Host-gatehouse_session=\xff", "x=" + "A" * 20_000, "$Version=1"],
)
async def test_strange_cookies_make_an_anonymous_visitor(registry: Registry, cookie: str) -> None:
    browser = await registry.open_browser()
    answer = await browser.client.get("/api/v1/whoami", headers=[(b"cookie", cookie.encode("latin-1"))])
    assert answer.status_code == 200
    assert answer.json()["person"] is None


FOREIGN: list[dict[str, str]] = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": HTTPS_URL},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://registry.example"},
]


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/sign-in", {"email": EMAIL}),
        ("/sign-out", {}),
        ("/settings/tokens", {"name": "x", "scopes": "read"}),
    ],
)
async def test_forms_of_other_sites_are_refused(
    registry: Registry, headers: dict[str, str], path: str, fields: dict[str, str]
) -> None:
    browser = await registry.signed_in()
    letters = len(await registry.letters())
    answer = await browser.send(path, seen_on="/settings/tokens", headers=headers, **fields)
    assert answer.status_code == 403
    assert (await browser.whoami())["person"]["email"] == EMAIL
    assert len(await registry.letters()) == letters
    assert await count(registry, "access_token") == 0


@pytest.mark.parametrize("token", ["", "x", "A" * 64])
async def test_a_form_without_our_own_token_is_refused(registry: Registry, token: str) -> None:
    browser = await registry.signed_in()
    answer = await browser.client.post("/sign-out", data={"_csrf": token}, headers=browser.headers)
    assert answer.status_code == 403
    assert (await browser.whoami())["person"]["email"] == EMAIL


async def test_a_form_token_of_another_person_is_refused(registry: Registry) -> None:
    mara, noor = await registry.signed_in(), await registry.signed_in("noor@nordlab.example")
    theirs = await noor.form_token("/settings/tokens")
    answer = await mara.client.post("/sign-out", data={"_csrf": theirs}, headers=mara.headers)
    assert answer.status_code == 403


async def test_login_csrf_is_refused(registry: Registry) -> None:
    attacker, victim = await registry.open_browser(), await registry.open_browser()
    await attacker.ask_link("attacker@evil.example")
    link = await registry.mailed_link()
    token = link.partition("token=")[2]
    csrf = await attacker.form_token("/sign-in")
    answer = await victim.client.post("/sign-in/link", data={"_csrf": csrf, "token": token})
    assert answer.status_code == 403
    assert victim.session_cookie is None


async def test_the_operator_is_who_the_settings_name(registry: Registry) -> None:
    operator, mara = await registry.signed_in("operator@registry.example"), await registry.signed_in()
    assert (await operator.whoami())["operator"] is True
    assert (await mara.whoami())["operator"] is False


async def test_no_secret_of_a_sign_in_is_stored_in_the_clear(registry: Registry) -> None:
    browser = await registry.signed_in()
    secrets = [(await registry.mailed_link()).partition("token=")[2], str(browser.session_cookie), EMAIL]
    rows: list[Any] = []
    for table in ("email_link", "web_session", "person", "outbox_message"):
        found = registry.world.read(
            lambda session, name=table: session.connection().execute(text(f"SELECT * FROM {name}")).all()
        )
        rows += [value for row in found for value in row]
    kept = b"\n".join(bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for v in rows)
    for secret in secrets:
        assert secret.encode() not in kept
