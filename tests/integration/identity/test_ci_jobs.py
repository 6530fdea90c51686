"""CI jobs exchange their identity for a token (RFC 8693), vouched for by a real issuer over HTTP."""

import asyncio
import base64
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from registry.identity.ci_issuers import KEYS_KEPT, KEYS_PAUSE
from registry.identity.oauth_domain import CI_PREFIX, CI_TOKEN_LIFETIME, EXCHANGE_GRANT
from tests.applications import application
from tests.clock import SettableClock
from tests.integration.identity.conftest import HTTPS_URL, Browser, Registry
from tests.integration.identity.test_program_tokens import works

ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"


@dataclass
class CI:
    """A CI system: its keys, what it is asked, and the identity tokens of its jobs."""

    url: str
    keys: list[Any] = field(default_factory=lambda: [rsa("first")])
    asked: list[str] = field(default_factory=list)
    down: bool = False
    issuer: str | None = None

    def claims(self, now: datetime, **changes: Any) -> dict[str, Any]:
        given = {
            "iss": self.url,
            "aud": HTTPS_URL,
            "sub": "repo:acme/train:ref:refs/heads/main",
            "jti": f"job-{len(self.asked)}-{id(changes)}",
            "repository": "Acme/train",
            "repository_id": "42",
            "ref": "refs/heads/main",
            "event_name": "push",
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "exp": int((now + timedelta(minutes=5)).timestamp()),
        }
        return {name: value for name, value in {**given, **changes}.items() if value is not None}

    def token(self, claims: dict[str, Any], *, key: Any = None, alg: str = "RS256", **header: str) -> str:
        key = key or self.keys[0]
        return jwt.encode({"alg": alg, "kid": key.kid, **header}, claims, key, algorithms=[alg])


def b64u(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def rsa(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, parameters={"kid": kid})


@pytest.fixture(scope="module")
def server() -> Iterator[CI]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            ci.asked.append(self.path)
            bodies = {
                "/.well-known/openid-configuration": {
                    "issuer": ci.issuer or ci.url,
                    "jwks_uri": f"{ci.url}/keys",
                },
                "/keys": {"keys": [key.as_dict(private=False) for key in ci.keys]},
            }
            self.send_response(503 if ci.down else 200)
            self.end_headers()
            self.wfile.write(json.dumps(bodies.get(self.path, {})).encode())

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ci = CI(url=f"http://127.0.0.1:{http.server_port}")
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield ci
    http.shutdown()
    http.server_close()


@pytest.fixture
def ci(server: CI) -> CI:
    """The CI system as it starts; its first key is made once."""
    server.keys, server.asked, server.down, server.issuer = server.keys[:1], [], False, None
    return server


@pytest.fixture
def registry(registry: Registry, ci: CI, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """The registry that trusts this CI system."""
    settings = replace(
        registry.parts.settings, ci_issuers=(f"github={ci.url}", "gitlab=https://gitlab.invalid")
    )
    parts = replace(registry.parts, settings=settings)
    with application(parts) as app:

        async def open_browser(address: str = "192.0.2.7") -> Browser:
            browser: Browser = await registry.open_browser(address)
            browser.client._transport.app = app  # type: ignore[attr-defined]
            return browser

        yield Registry(world=registry.world, parts=parts, mail=registry.mail, open_browser=open_browser)


async def trust(registry: Registry, ci: CI, **changes: str) -> tuple[Browser, str]:
    """A signed-in person, and the id of the rule they made."""
    browser = await registry.signed_in()
    form = {"name": "nightly", "issuer": ci.url, "repository": "acme/train", "ref": "refs/heads/main"}
    answer = await browser.send(
        "/settings/ci", seen_on="/settings/ci", **({"scopes": "read"} | form | changes)
    )
    assert answer.status_code == 303, answer.text
    page = await browser.get("/settings/ci")
    rule = page.text.partition("/settings/ci/")[2].partition("/end")[0]
    assert len(rule) == 36, page.text
    return browser, rule


async def exchange(browser: Browser, token: str, rule: str) -> Any:
    body = {
        "grant_type": EXCHANGE_GRANT,
        "subject_token_type": ID_TOKEN,
        "subject_token": token,
        "resource": rule,
    }
    return await browser.client.post("/oauth/token", json=body)


async def test_a_job_gets_a_token_of_the_person_for_an_hour(
    registry: Registry, ci: CI, clock: SettableClock
) -> None:
    browser, rule = await trust(registry, ci)
    answer = await exchange(browser, ci.token(ci.claims(clock.now())), rule)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["access_token"].startswith(CI_PREFIX)
    assert (body["expires_in"], body["scope"]) == (3600, "read")
    assert body["issued_token_type"] == "urn:ietf:params:oauth:token-type:access_token"
    assert "refresh_token" not in body
    assert await works(browser, body["access_token"])
    clock.advance(CI_TOKEN_LIFETIME)
    assert not await works(browser, body["access_token"])


async def test_ending_the_rule_ends_its_tokens_and_gives_no_more(
    registry: Registry, ci: CI, clock: SettableClock
) -> None:
    browser, rule = await trust(registry, ci)
    token = (await exchange(browser, ci.token(ci.claims(clock.now())), rule)).json()["access_token"]
    stranger = await registry.signed_in("mallory@nordlab.example")
    await stranger.send(f"/settings/ci/{rule}/end", seen_on="/settings/ci")
    assert await works(browser, token)
    await browser.send(f"/settings/ci/{rule}/end", seen_on="/settings/ci")
    assert not await works(browser, token)
    again = await exchange(browser, ci.token(ci.claims(clock.now(), jti="later")), rule)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_target")


async def test_a_job_acts_as_a_service_account_of_who_made_the_rule(
    registry: Registry, ci: CI, clock: SettableClock
) -> None:
    browser = await registry.signed_in()
    page = "/settings/service-accounts"
    made = await browser.send(page, seen_on=page, name="nightly", owner="oneself")
    account = made.headers["location"].rpartition("/")[2]
    rule_form = {"name": "nightly", "issuer": ci.url, "repository": "acme/train", "ref": "refs/heads/main"}
    for scope, chosen, status in (("read", "nobody", 422), ("audit", account, 422), ("read", account, 303)):
        answer = await browser.send(
            "/settings/ci", seen_on="/settings/ci", **rule_form, scopes=scope, account=chosen
        )
        assert answer.status_code == status, answer.text
    rule = (await browser.get("/settings/ci")).text.partition("/settings/ci/")[2].partition("/end")[0]
    token = (await exchange(browser, ci.token(ci.claims(clock.now())), rule)).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    me = (await browser.client.get("/api/v1/whoami", headers=headers)).json()
    assert (me["person"], me["service_account"]["id"]) == (None, account)
    await browser.send(f"{page}/{account}/end", seen_on=f"{page}/{account}")
    assert (await browser.client.get("/api/v1/whoami", headers=headers)).status_code == 401
    again = await exchange(browser, ci.token(ci.claims(clock.now(), jti="later")), rule)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_target")


async def test_an_identity_token_is_exchanged_once(registry: Registry, ci: CI, clock: SettableClock) -> None:
    browser, rule = await trust(registry, ci)
    token = ci.token(ci.claims(clock.now()))
    answers = await asyncio.gather(*(exchange(browser, token, rule) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 5
    assert {answer.json().get("error") for answer in answers} == {None, "invalid_grant"}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"repository": "acme/other"}, "invalid_target"),
        ({"repository": "acme/train/x"}, "invalid_target"),
        ({"ref": "refs/heads/maintenance"}, "invalid_target"),
        ({"ref": "refs/pull/7/merge"}, "invalid_target"),
        ({"event_name": "pull_request_target"}, "invalid_grant"),
        ({"aud": "https://github.com/acme"}, "invalid_grant"),
        ({"aud": [HTTPS_URL, "https://evil.example"]}, "invalid_grant"),
        ({"aud": None}, "invalid_grant"),
        ({"iss": "https://evil.example"}, "invalid_grant"),
        ({"iss": "https://gitlab.invalid/"}, "invalid_grant"),
        ({"jti": None}, "invalid_grant"),
        ({"exp": None}, "invalid_grant"),
        ({"iat": None, "nbf": None}, "invalid_grant"),
        ({"repository_id": None}, "invalid_grant"),
        ({"exp": 4_000_000_000}, "invalid_grant"),
    ],
)
async def test_other_jobs_get_nothing(
    registry: Registry, ci: CI, clock: SettableClock, changes: dict[str, Any], error: str
) -> None:
    browser, rule = await trust(registry, ci)
    answer = await exchange(browser, ci.token(ci.claims(clock.now(), **changes)), rule)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_clocks_may_differ_by_two_minutes_and_no_more(
    registry: Registry, ci: CI, clock: SettableClock
) -> None:
    browser, rule = await trust(registry, ci)
    for number, (minutes, status) in enumerate(((1.9, 200), (2.1, 400), (-6.9, 200), (-7.1, 400))):
        now = clock.now() + timedelta(minutes=minutes)
        answer = await exchange(browser, ci.token(ci.claims(now, jti=f"skew-{number}")), rule)
        assert answer.status_code == status, (minutes, answer.text)
        if status == 400:
            assert "clocks differ" in answer.json()["error_description"]


async def test_forged_signatures_are_refused(registry: Registry, ci: CI, clock: SettableClock) -> None:
    browser, rule = await trust(registry, ci)
    claims, good = ci.claims(clock.now()), ci.keys[0]
    head, body, signature = ci.token(claims).split(".")
    stranger = rsa("first")
    public = good.as_pem(private=False)
    confused = f"{b64u(json.dumps({'alg': 'HS256', 'kid': 'first'}).encode())}.{body}"
    forged = [
        ci.token(claims, key=stranger),
        f"{confused}.{b64u(hmac.digest(public, confused.encode(), 'sha256'))}",
        f"{b64u(json.dumps({'alg': 'none', 'kid': 'first'}).encode())}.{body}.",
        f"{head}.{body}.{'A' * len(signature)}",
        f"{head}.{body}.",
        "a.b.c",
        "no token",
        "x" * 20_000,
    ]
    for token in forged:
        answer = await exchange(browser, token, rule)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant"), token[:60]
    assert (await exchange(browser, ci.token(claims), rule)).status_code == 200


async def test_rotated_keys_are_fetched_but_not_at_every_unknown_one(
    registry: Registry, ci: CI, clock: SettableClock
) -> None:
    browser, rule = await trust(registry, ci)
    assert (await exchange(browser, ci.token(ci.claims(clock.now(), jti="1")), rule)).status_code == 200
    fresh = ECKey.generate_key("P-256", parameters={"kid": "second"})
    ci.keys = [ci.keys[0], fresh]
    clock.advance(KEYS_PAUSE)
    token = ci.token(ci.claims(clock.now(), jti="2"), key=fresh, alg="ES256")
    assert (await exchange(browser, token, rule)).status_code == 200
    asked = len(ci.asked)
    for number in range(5):
        unknown = ci.token(ci.claims(clock.now(), jti=f"u{number}"), kid=f"unknown-{number}")
        assert (await exchange(browser, unknown, rule)).status_code == 400
    assert len(ci.asked) == asked
    ci.keys = [ci.keys[0]]
    clock.advance(KEYS_KEPT + KEYS_PAUSE)
    gone = ci.token(ci.claims(clock.now(), jti="3"), key=fresh, alg="ES256")
    assert (await exchange(browser, gone, rule)).status_code == 400, (
        "a key that was taken back counts no more"
    )


async def test_kept_keys_go_on_while_the_issuer_is_down(
    registry: Registry, ci: CI, clock: SettableClock
) -> None:
    browser, rule = await trust(registry, ci)
    ci.down = True
    first = await exchange(browser, ci.token(ci.claims(clock.now(), jti="1")), rule)
    assert first.status_code == 503
    ci.down = False
    clock.advance(KEYS_PAUSE)
    assert (await exchange(browser, ci.token(ci.claims(clock.now(), jti="2")), rule)).status_code == 200
    ci.down = True
    clock.advance(KEYS_KEPT * 2)
    assert (await exchange(browser, ci.token(ci.claims(clock.now(), jti="3")), rule)).status_code == 200


async def test_configuration_of_another_issuer_is_not_believed(
    registry: Registry, ci: CI, clock: SettableClock
) -> None:
    browser, rule = await trust(registry, ci)
    ci.issuer = "https://evil.example"
    assert (await exchange(browser, ci.token(ci.claims(clock.now())), rule)).status_code == 503


async def test_a_repository_that_took_the_name_later_gets_nothing(
    registry: Registry, ci: CI, clock: SettableClock
) -> None:
    browser, rule = await trust(registry, ci)
    assert (await exchange(browser, ci.token(ci.claims(clock.now(), jti="1")), rule)).status_code == 200
    taken = ci.token(ci.claims(clock.now(), jti="2", repository_id="43"))
    answer = await exchange(browser, taken, rule)
    assert "another one than before" in answer.json()["error_description"]


async def test_a_star_covers_what_begins_so(registry: Registry, ci: CI, clock: SettableClock) -> None:
    browser, rule = await trust(registry, ci, ref="refs/tags/v*")
    for ref, status in (("refs/tags/v1.0", 200), ("refs/tags/x", 400), ("refs/heads/v1", 400)):
        answer = await exchange(browser, ci.token(ci.claims(clock.now(), jti=ref, ref=ref)), rule)
        assert answer.status_code == status, ref


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://evil.example"},
        {"repository": "train"},
        {"repository": "acme/*"},
        {"ref": "main"},
        {"ref": "*"},
        {"ref": "refs/heads/*"},
        {"name": ""},
        {"scopes": "admin"},
    ],
)
async def test_rules_that_trust_too_much_are_not_made(
    registry: Registry, ci: CI, changes: dict[str, str]
) -> None:
    browser = await registry.signed_in()
    form = {"name": "n", "issuer": ci.url, "repository": "acme/train", "ref": "refs/heads/main"}
    answer = await browser.send(
        "/settings/ci", seen_on="/settings/ci", **({"scopes": "read"} | form | changes)
    )
    assert answer.status_code == 422
    assert "No rules yet" in (await browser.get("/settings/ci")).text


async def test_a_rule_of_nobody_and_a_wrong_one_look_the_same(
    registry: Registry, ci: CI, clock: SettableClock
) -> None:
    browser, rule = await trust(registry, ci)
    said = []
    for number, target in enumerate((rule, "0191e2f0-0000-7000-8000-000000000000")):
        token = ci.token(ci.claims(clock.now(), jti=f"t{number}", repository="evil/train"))
        said.append((await exchange(browser, token, target)).json())
    assert said[0] == said[1]
    assert (await exchange(browser, "x", "acme/train")).json()["error"] == "invalid_target"
