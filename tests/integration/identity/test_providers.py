"""Signing in with providers: what each lie of a provider comes to, and what an honest one opens.

Every test runs the whole application against a real HTTP server on loopback.
"""

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from sqlmodel import select

from registry.identity.tables import ExternalIdentity, Person, WebSession
from registry.kernel import outbound
from tests.clock import SettableClock
from tests.integration.identity.conftest import EMAIL, Browser, Registry
from tests.servers.providers import (
    CLIENT_ID,
    Account,
    LoopbackProvider,
    drip,
    new_key,
    send,
    send_json,
    signed_with_public_key,
    unsigned,
)

METADATA_SERVICE = "http://169.254.169.254/latest/meta-data"


@pytest.fixture
def provider(clock: SettableClock) -> Iterator[LoopbackProvider]:
    running = LoopbackProvider(clock)
    yield running
    running.close()


@pytest.fixture
def other(clock: SettableClock) -> Iterator[LoopbackProvider]:
    running = LoopbackProvider(clock, account=Account(sub="other", email=None))
    yield running
    running.close()


@pytest.fixture
def providers_file(provider: LoopbackProvider, other: LoopbackProvider, tmp_path: Path) -> str:
    file = tmp_path / "providers.toml"
    file.write_text(
        provider.settings("acme")
        + other.settings("other", trust_email=False)
        + provider.settings(
            "hub",
            issuer=f"{provider.issuer}/login/oauth",
            protocol="oauth2",
            scopes=["read:user"],
            can_ask_again=False,
            authorization_endpoint=f"{provider.issuer}/authorize",
            token_endpoint=f"{provider.issuer}/token",
            user_endpoint=f"{provider.issuer}/user",
            emails_endpoint=f"{provider.issuer}/user/emails",
        )
    )
    return str(file)


def rows(registry: Registry, table: Any) -> list[Any]:
    return registry.world.read(lambda session: list(session.exec(select(table)).all()))


async def leave(browser: Browser, provider_id: str, *, next_path: str = "/", at: str = "/sign-in") -> str:
    """Press the button of a provider; return where the page leads."""
    path = f"/sign-in/provider/{provider_id}" if at == "/sign-in" else f"{at}/add/{provider_id}"
    # The page of one's identities names no way on: one comes back to it.
    answer = await browser.send(path, seen_on=at, next=next_path if at == "/sign-in" else "")
    assert answer.status_code == 200, answer.text[-2000:]
    assert html.escape(leads_to(answer)) in answer.text
    return leads_to(answer)


def leads_to(answer: Any) -> str:
    """Where the page leads that stands between the registry and a provider."""
    assert "refresh" in answer.headers, answer.text[-2000:]
    return str(answer.headers["refresh"]).removeprefix("0; url=")


async def approve(url: str) -> str:
    """Go to the provider, which agrees; return the path that it sends the browser back to."""
    async with httpx2.AsyncClient() as client:
        answer = await client.get(url)
    assert answer.status_code == 302
    parts = urlsplit(answer.headers["location"])
    return f"{parts.path}?{parts.query}"


async def round_trip(browser: Browser, provider_id: str = "acme", **given: Any) -> Any:
    return await browser.get(await approve(await leave(browser, provider_id, **given)))


async def code_of(browser: Browser, provider_id: str = "acme", **given: Any) -> str:
    """Go round and return the code of the refusal."""
    return refusal_code(await round_trip(browser, provider_id, **given))


def refusal_code(answer: Any) -> str:
    found = re.search(r"/problems/([a-z0-9-]+)", answer.text)
    assert answer.status_code >= 400, answer.headers.get("location")
    assert found, answer.text[-2000:]
    assert "session" not in answer.headers.get("set-cookie", "")
    return found.group(1)


async def test_a_provider_signs_in_and_what_it_said_is_kept(registry: Registry, provider: LoopbackProvider):
    browser = await registry.open_browser()
    url = await leave(browser, "acme", next_path="/records")
    asked = parse_qs(urlsplit(url).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["scope"] == ["openid profile email"]
    assert asked["redirect_uri"] == ["https://registry.example/sign-in/callback/acme"]
    assert len(asked["state"][0]) >= 43 <= len(asked["nonce"][0])
    answer = await browser.get(await approve(url))
    assert (answer.status_code, answer.headers["location"]) == (303, "/records")
    assert (await browser.whoami())["person"]["email"] == EMAIL
    (kept,) = rows(registry, WebSession)
    assert (kept.method, kept.provider, kept.acr) == ("provider", provider.issuer, "urn:tests:silver")
    assert kept.amr == "pwd otp mfa"
    assert kept.time_stated
    assert kept.authenticated_at == registry.world.now - timedelta(seconds=1)
    # The second time it is the same person.
    await round_trip(await registry.open_browser())
    assert len(rows(registry, Person)) == 1


async def test_nothing_of_the_account_is_readable_in_the_database(registry: Registry):
    await round_trip(await registry.open_browser())
    (row,) = rows(registry, ExternalIdentity)
    assert b"subject-1" not in row.sealed_account + row.subject_index
    assert b"mara" not in row.sealed_account


async def test_a_plain_oauth_provider_is_asked_by_its_user_api(
    registry: Registry, provider: LoopbackProvider
):
    browser = await registry.open_browser()
    assert await code_of(browser, "hub") == "provider-mixed-up"
    provider.callback = {"iss": f"{provider.issuer}/login/oauth"}
    assert (await round_trip(browser, "hub")).status_code == 303
    assert (await browser.whoami())["person"]["email"] == EMAIL
    assert {"/user", "/user/emails"} <= {path for path, _ in provider.requests}
    (kept,) = rows(registry, WebSession)
    assert not kept.time_stated


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"iss": "https://evil.example"}, "id-token-issuer"),
        ({"iss": ...}, "id-token-issuer"),
        ({"aud": "somebody-else"}, "id-token-audience"),
        ({"aud": [CLIENT_ID, "somebody-else"]}, "id-token-audience"),
        ({"azp": "somebody-else"}, "id-token-audience"),
        ({"nonce": "swapped"}, "id-token-nonce"),
        ({"nonce": ...}, "id-token-nonce"),
        ({"exp": ...}, "id-token-malformed"),
        ({"iat": ...}, "id-token-malformed"),
        ({"iat": "now"}, "id-token-malformed"),
        ({"sub": ""}, "id-token-malformed"),
        ({"sub": ...}, "id-token-malformed"),
        ({"sub": "x" * 256}, "id-token-malformed"),
    ],
)
async def test_a_token_with_a_wrong_claim_signs_nobody_in(
    registry: Registry, provider: LoopbackProvider, claims: dict[str, Any], code: str
):
    provider.claims = claims
    assert await code_of(await registry.open_browser()) == code
    assert rows(registry, WebSession) == []


async def test_several_audiences_are_fine_if_the_token_was_made_at_our_request(
    registry: Registry, provider: LoopbackProvider
):
    provider.claims = {"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID}
    assert (await round_trip(await registry.open_browser())).status_code == 303


@pytest.mark.parametrize(
    ("field", "seconds", "code"),
    [
        ("iat", 115, None),
        ("iat", -115, None),
        ("iat", 130, "provider-clock-wrong"),
        ("iat", -130, "provider-clock-wrong"),
        ("exp", -115, None),
        ("exp", -130, "id-token-expired"),
        ("auth_time", 130, "provider-clock-wrong"),
    ],
)
async def test_two_minutes_between_the_clocks_are_tolerated_and_no_more(
    registry: Registry, provider: LoopbackProvider, field: str, seconds: int, code: str | None
):
    provider.claims = {field: int(registry.world.now.timestamp()) + seconds}
    answer = await round_trip(await registry.open_browser())
    if code is None:
        assert answer.status_code == 303
    else:
        assert refusal_code(answer) == code
        assert "2026-11-23T12:00:00" in answer.text
        assert "wo minutes" in answer.text


async def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(
    registry: Registry, provider: LoopbackProvider
):
    provider.sign = signed_with_public_key(provider.key)
    assert await code_of(await registry.open_browser()) == "id-token-algorithm"


async def test_a_token_without_signature_is_refused(registry: Registry, provider: LoopbackProvider):
    provider.sign = unsigned
    assert await code_of(await registry.open_browser()) == "id-token-algorithm"


async def test_a_token_of_a_key_that_is_not_published_is_refused_whatever_it_brings_along(
    registry: Registry, provider: LoopbackProvider
):
    stranger = new_key("one")
    provider.published = [provider.key]
    provider.key = stranger
    assert await code_of(await registry.open_browser()) == "id-token-signature"
    provider.header = {"jku": "https://evil.example/keys"}
    assert await code_of(await registry.open_browser()) == "id-token-signature"
    provider.header = {"jwk": stranger.as_dict(private=False)}
    assert await code_of(await registry.open_browser()) == "id-token-malformed"


async def test_keys_that_are_swapped_at_once_are_looked_up_once_a_minute_at_most(
    registry: Registry, provider: LoopbackProvider, clock: SettableClock
):
    assert (await round_trip(await registry.open_browser())).status_code == 303
    provider.key, before = new_key("two"), provider.count("/jwks")
    assert await code_of(await registry.open_browser()) == "id-token-signature"
    assert provider.count("/jwks") == before
    clock.advance(timedelta(minutes=2))
    assert (await round_trip(await registry.open_browser())).status_code == 303
    assert provider.count("/jwks") == before + 1


async def test_a_code_counts_once(registry: Registry, provider: LoopbackProvider):
    browser = await registry.open_browser()
    back = await approve(await leave(browser, "acme"))
    assert (await browser.get(back)).status_code == 303
    before = provider.count("/token")
    assert refusal_code(await browser.get(back)) == "sign-in-used"
    assert provider.count("/token") == before


async def test_a_code_of_another_sign_in_is_not_redeemed(registry: Registry):
    """Code injection: PKCE ties the code to the browser that asked for it."""
    thief, victim = await registry.open_browser(), await registry.open_browser()
    stolen = parse_qs(urlsplit(await approve(await leave(victim, "acme"))).query)["code"][0]
    own = await approve(await leave(thief, "acme"))
    assert (
        refusal_code(await thief.get(re.sub(r"code=\w+", f"code={stolen}", own))) == "provider-code-refused"
    )


async def test_an_answer_counts_only_in_the_browser_that_asked(registry: Registry):
    """Login CSRF: nobody is signed in as somebody else by following a link."""
    back = await approve(await leave(await registry.open_browser(), "acme"))
    victim = await registry.open_browser()
    await victim.get("/sign-in")
    assert refusal_code(await victim.get(back)) == "sign-in-other-browser"


@pytest.mark.parametrize("change", ["state=unknown", "state="])
async def test_an_answer_that_nobody_asked_for_is_refused(registry: Registry, change: str):
    browser = await registry.open_browser()
    back = await approve(await leave(browser, "acme"))
    assert refusal_code(await browser.get(re.sub(r"state=[\w-]+", change, back))) == "sign-in-unknown"


async def test_an_answer_with_a_parameter_twice_is_refused(registry: Registry):
    browser = await registry.open_browser()
    back = await approve(await leave(browser, "acme"))
    assert refusal_code(await browser.get(back + "&code=another")) == "sign-in-unknown"


async def test_an_answer_after_a_quarter_of_an_hour_is_refused(registry: Registry, clock: SettableClock):
    browser = await registry.open_browser()
    back = await approve(await leave(browser, "acme"))
    clock.advance(timedelta(minutes=15))
    assert refusal_code(await browser.get(back)) == "sign-in-expired"


async def test_the_answer_of_one_provider_is_not_taken_to_another(
    registry: Registry, provider: LoopbackProvider, other: LoopbackProvider
):
    """Mix-up: neither by the address that it comes back to, nor by the issuer that it names."""
    browser = await registry.open_browser()
    back = await approve(await leave(browser, "acme"))
    assert refusal_code(await browser.get(back.replace("/acme?", "/other?"))) == "provider-mixed-up"
    provider.callback = {"iss": other.issuer}
    assert await code_of(browser) == "provider-mixed-up"
    assert other.count("/token") == 0


async def test_an_answer_that_should_name_its_issuer_and_does_not_is_refused(registry: Registry):
    browser = await registry.open_browser()
    back = await approve(await leave(browser, "acme"))
    assert refusal_code(await browser.get(re.sub(r"&iss=[^&]+", "", back))) == "provider-mixed-up"


async def test_who_stops_at_the_provider_is_told_so(registry: Registry):
    browser = await registry.open_browser()
    back = await approve(await leave(browser, "acme"))
    answer = await browser.get(re.sub(r"code=\w+", "error=access_denied", back))
    assert refusal_code(answer) == "provider-declined"


async def test_a_user_api_that_speaks_of_somebody_else_is_refused(
    registry: Registry, provider: LoopbackProvider
):
    provider.claims = {"email": ..., "email_verified": ...}
    provider.answers["/userinfo"] = lambda handler: send_json(handler, {"sub": "another", "email": EMAIL})
    assert await code_of(await registry.open_browser()) == "id-token-subject"


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/jwks", "/token"])
@pytest.mark.parametrize("lie", ["huge", "slow", "redirect", "packed", "garbage"])
async def test_answers_that_are_no_answers_end_in_time_and_in_words(
    registry: Registry, provider: LoopbackProvider, monkeypatch: pytest.MonkeyPatch, path: str, lie: str
):
    monkeypatch.setattr(outbound, "WHOLE_SECONDS", 1.0)
    lies: dict[str, Any] = {
        "huge": lambda handler: send(handler, b'{"a": "' + b"a" * 600_000 + b'"}'),
        "slow": drip,
        "redirect": lambda handler: send(handler, b"", status=302, Location=METADATA_SERVICE),
        "packed": lambda handler: send(handler, b"\x1f\x8b", Content_Encoding="gzip"),
        "garbage": lambda handler: send(handler, b"<html>"),
    }
    provider.answers[path] = lies[lie]
    browser = await registry.open_browser()
    if path.startswith("/.well"):
        answer = await browser.send("/sign-in/provider/acme", seen_on="/sign-in", next="/")
        assert answer.status_code == 503
        assert "was not read" in answer.text
        assert 'name="email"' in answer.text  # the other ways in stand on the same page
    else:
        assert await code_of(browser) in {"provider-answer-refused", "provider-code-refused"}


@pytest.mark.parametrize("key", ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"])
@pytest.mark.parametrize(
    "url", [METADATA_SERVICE, "file:///etc/passwd", "https://10.0.0.1/x", "http://u@127.0.0.1/"]
)
async def test_a_provider_cannot_send_us_into_the_network_behind(
    registry: Registry, provider: LoopbackProvider, key: str, url: str
):
    provider.discovery = {key: url}
    browser = await registry.open_browser()
    answer = await browser.send("/sign-in/provider/acme", seen_on="/sign-in", next="/")
    if answer.status_code == 200:  # nothing has been asked there yet
        if key == "authorization_endpoint":
            return
        provider.claims = {"email": ..., "email_verified": ...}
        assert await code_of(browser) == "provider-answer-refused"
    else:
        assert "was not read" in answer.text


async def test_a_description_of_another_issuer_is_refused(registry: Registry, provider: LoopbackProvider):
    provider.discovery = {"issuer": "https://accounts.example"}
    answer = await (await registry.open_browser()).send(
        "/sign-in/provider/acme", seen_on="/sign-in", next="/"
    )
    assert answer.status_code == 503


async def test_while_a_provider_is_down_sessions_go_on_and_the_page_says_so(
    registry: Registry, provider: LoopbackProvider, clock: SettableClock
):
    browser = await registry.open_browser()
    await round_trip(browser)
    clock.advance(timedelta(hours=2))
    provider.answers["/.well-known/openid-configuration"] = lambda handler: send(handler, b"", status=502)
    back_soon = await approve(await leave(await registry.open_browser(), "acme"))
    assert "code=" in back_soon  # what was remembered serves on
    registry.parts.relying_party._metadata.clear()
    visitor = await registry.open_browser()
    answer = await visitor.send("/sign-in/provider/acme", seen_on="/sign-in", next="/records")
    assert answer.status_code == 503
    assert "does not answer" in answer.text
    assert 'value="/records"' in answer.text
    assert "did not answer a moment ago" in (await visitor.get("/sign-in")).text
    assert (await browser.whoami())["person"]["email"] == EMAIL
    clock.advance(timedelta(minutes=2))
    assert "did not answer a moment ago" not in (await visitor.get("/sign-in")).text


async def test_sign_ins_are_limited_for_each_network(registry: Registry, clock: SettableClock):
    browser = await registry.open_browser("198.51.100.7")
    token = await browser.form_token("/sign-in")
    for _ in range(60):
        data = {"_csrf": token, "next": "/"}
        answer = await browser.client.post("/sign-in/provider/acme", data=data, headers=browser.headers)
        assert answer.status_code == 200
    answer = await browser.client.post("/sign-in/provider/acme", data=data, headers=browser.headers)
    assert refusal_code(answer) == "too-many-sign-ins"
    assert await leave(await registry.open_browser("198.51.100.8"), "acme")
    clock.advance(timedelta(minutes=16))
    assert await leave(browser, "acme")


async def test_an_unknown_provider_is_refused(registry: Registry):
    browser = await registry.open_browser()
    answer = await browser.send("/sign-in/provider/nobody", seen_on="/sign-in", next="/")
    assert refusal_code(answer) == "provider-unknown"
    assert refusal_code(await browser.get("/sign-in/callback/nobody?code=1&state=2")) == "provider-unknown"


async def test_a_session_of_before_ends_at_the_sign_in(registry: Registry):
    browser = await registry.open_browser()
    await round_trip(browser)
    first = browser.session_cookie
    await round_trip(browser)
    assert first != browser.session_cookie
    sessions = rows(registry, WebSession)
    assert sorted(row.revoked_at is None for row in sessions) == [False, True]
