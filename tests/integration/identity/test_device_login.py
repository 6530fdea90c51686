"""Signing a program in by a code (RFC 8628; threats I4, I5), on both databases."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import text

from registry.identity.device_polling import _DEVICE_SQL
from registry.identity.oauth_domain import (
    ACCESS_PREFIX,
    CODE_MISSES_PER_PERSON,
    DEVICE_GRANT,
    DEVICE_LIFETIME,
    DEVICES_PER_NETWORK,
    GATEHOUSE_CLIENT,
    HUB_CLIENT,
    USER_CODE_LETTERS,
)
from tests.clock import SettableClock
from tests.integration.identity.conftest import EMAIL, HTTPS_URL, Browser, Registry

CLI = GATEHOUSE_CLIENT.id


async def start(client: AsyncClient, *, client_id: str = CLI, **fields: str) -> dict[str, Any]:
    """Start a program that waits."""
    answer = await client.post("/oauth/device", data={"client_id": client_id, **fields})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def poll(client: AsyncClient, started: dict[str, Any], *, client_id: str = CLI) -> Any:
    return await client.post(
        "/oauth/token",
        data={"grant_type": DEVICE_GRANT, "device_code": started["device_code"], "client_id": client_id},
    )


async def decide(browser: Browser, code: str, decision: str = "allow") -> Any:
    """Type the code, look at the page, press a button."""
    page = await browser.send("/device", seen_on="/device", user_code=code)
    assert page.status_code == 200, page.text
    return await browser.send("/device/decide", seen_on="/device", user_code=code, decision=decision)


async def signed_in_program(registry: Registry, **given: str) -> dict[str, Any]:
    """The tokens of a program that a person has allowed."""
    browser = await registry.signed_in()
    started = await start(browser.client, **given)
    await decide(browser, started["user_code"])
    answer = await poll(browser.client, started, client_id=given.get("client_id", CLI))
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_an_allowed_program_gets_a_token_that_acts_for_the_person(registry: Registry) -> None:
    browser = await registry.signed_in()
    program = await registry.open_browser("198.51.100.9")
    started = await start(program.client, scope="read publish")
    assert started["verification_uri"] == f"{HTTPS_URL}/device"
    assert started["verification_uri_complete"] == f"{HTTPS_URL}/device?user_code={started['user_code']}"
    assert (started["interval"], started["expires_in"]) == (5, 600)
    waits = await poll(program.client, started)
    assert (waits.status_code, waits.json()["error"]) == (400, "authorization_pending")
    done = await decide(browser, started["user_code"].lower().replace("-", " "))
    assert "The program is connected" in done.text
    answer = await poll(program.client, started)
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body["access_token"].startswith(ACCESS_PREFIX)
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 8 * 3600, "publish read")
    who = (await program.client.get("/api/v1/whoami", headers=bearer(body["access_token"]))).json()
    assert who["person"]["email"] == EMAIL
    assert (who["channel"], who["scopes"]) == ("token", ["publish", "read"])
    assert who["token"]["name"] == GATEHOUSE_CLIENT.name


async def test_the_page_shows_who_asks_from_where_and_for_what(registry: Registry) -> None:
    browser = await registry.signed_in()
    program = await registry.open_browser("198.51.100.9")
    answer = await program.client.post(
        "/oauth/device",
        data={"client_id": CLI, "scope": "read audit"},
        headers={"User-Agent": "gatehouse/1 <b>evil</b>"},
    )
    code = answer.json()["user_code"]
    filled = await browser.get(f"/device?user_code={code}")
    assert f'value="{code}"' in filled.text
    assert "198.51.100.9" not in filled.text
    page = await browser.send("/device", seen_on="/device", user_code=code)
    for said in ("gatehouse command line", "198.51.100.9", "not the address of this browser", code):
        assert said in page.text
    assert "gatehouse/1 &lt;b&gt;evil" in page.text
    assert "who accepted and who downloaded" in page.text
    assert page.headers["cache-control"] == "private, no-store"
    assert "checked" not in page.text
    again = await poll(program.client, answer.json())
    assert again.json()["error"] == "authorization_pending", "looking allows nothing"


async def test_who_is_not_signed_in_signs_in_first_and_comes_back(registry: Registry) -> None:
    stranger = await registry.open_browser()
    started = await start(stranger.client)
    page = await stranger.get(f"/device?user_code={started['user_code']}")
    assert page.status_code == 303
    assert page.headers["location"] == f"/sign-in?next=/device%3Fuser_code%3D{started['user_code']}"
    forged = await stranger.client.post(
        "/device/decide",
        data={"user_code": started["user_code"], "decision": "allow"},
        headers={"Origin": HTTPS_URL, "Accept": "text/html"},
    )
    assert forged.status_code == 303
    assert (await poll(stranger.client, started)).json()["error"] == "authorization_pending"


async def test_a_token_cannot_allow_another_program(registry: Registry) -> None:
    tokens = await signed_in_program(registry)
    program = await registry.open_browser()
    started = await start(program.client)
    answer = await program.client.post(
        "/device/decide",
        data={"user_code": started["user_code"], "decision": "allow"},
        headers=bearer(tokens["access_token"]),
    )
    assert answer.status_code == 303
    assert (await poll(program.client, started)).json()["error"] == "authorization_pending"


async def test_a_form_of_another_session_or_site_allows_nothing(registry: Registry) -> None:
    browser = await registry.signed_in()
    other = await registry.signed_in("mallory@nordlab.example")
    started = await start(other.client)
    fields = {"user_code": started["user_code"], "decision": "allow"}
    stolen = {"_csrf": await other.form_token("/device"), **fields}
    answer = await browser.client.post("/device/decide", data=stolen, headers={"Accept": "text/html"})
    assert answer.status_code == 403
    own = {"_csrf": await browser.form_token("/device"), **fields}
    answer = await browser.client.post(
        "/device/decide", data=own, headers={"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 403
    assert (await poll(other.client, started)).json()["error"] == "authorization_pending"


@pytest.mark.parametrize("decision", ["refuse", "", "maybe"])
async def test_a_refused_program_gets_nothing_and_is_told_so(registry: Registry, decision: str) -> None:
    browser = await registry.signed_in()
    started = await start(browser.client)
    await decide(browser, started["user_code"], decision)
    answer = await poll(browser.client, started)
    assert (answer.status_code, answer.json()["error"]) == (400, "access_denied")
    late = await browser.send(
        "/device/decide", seen_on="/device", user_code=started["user_code"], decision="allow"
    )
    assert late.status_code == 404
    assert (await poll(browser.client, started)).json()["error"] == "access_denied"


async def test_a_code_ends_after_ten_minutes_allowed_or_not(registry: Registry, clock: SettableClock) -> None:
    browser = await registry.signed_in()
    waiting, allowed = await start(browser.client), await start(browser.client)
    await decide(browser, allowed["user_code"])
    clock.advance(DEVICE_LIFETIME)
    for started in (waiting, allowed):
        assert (await poll(browser.client, started)).json()["error"] == "expired_token"
    late = await browser.send("/device", seen_on="/device", user_code=waiting["user_code"])
    assert late.status_code == 404


async def test_one_code_gives_tokens_once(registry: Registry) -> None:
    browser = await registry.signed_in()
    started = await start(browser.client)
    await decide(browser, started["user_code"])
    answers = await asyncio.gather(*(poll(browser.client, started) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7
    assert {answer.json().get("error") for answer in answers} == {None, "invalid_grant"}
    assert (await poll(browser.client, started)).json()["error"] == "invalid_grant"
    count = registry.world.read(
        lambda session: session.connection().execute(text("SELECT count(*) FROM access_token")).scalar_one()
    )
    assert count == 1


async def test_of_many_decisions_at_once_one_counts(registry: Registry) -> None:
    browser = await registry.signed_in()
    started = await start(browser.client)
    token = await browser.form_token("/device")

    async def press(decision: str) -> int:
        data = {"_csrf": token, "user_code": started["user_code"], "decision": decision}
        answer = await browser.client.post("/device/decide", data=data, headers=browser.headers)
        return int(answer.status_code)

    codes = await asyncio.gather(*(press(word) for word in ("allow", "refuse", "allow", "refuse")))
    assert sorted(codes) == [200, 404, 404, 404]


async def test_another_program_cannot_use_the_code(registry: Registry) -> None:
    browser = await registry.signed_in()
    started = await start(browser.client)
    await decide(browser, started["user_code"])
    for wrong in (HUB_CLIENT.id, "", "nobody"):
        answer = await poll(browser.client, started, client_id=wrong)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert (await poll(browser.client, started)).status_code == 200


async def test_a_program_that_asks_too_fast_is_told_and_must_wait_longer(
    registry: Registry, clock: SettableClock
) -> None:
    browser = await registry.open_browser()
    started = await start(browser.client)
    said = []
    for pause in (0, 5, 1, 5, 15):
        clock.advance(timedelta(seconds=pause))
        said.append((await poll(browser.client, started)).json()["error"])
    pending, too_fast = "authorization_pending", "slow_down"
    assert said == [pending, pending, too_fast, too_fast, pending]


async def test_wrong_codes_are_counted_and_end_in_a_wait(registry: Registry, clock: SettableClock) -> None:
    browser = await registry.signed_in()
    program = await registry.open_browser("198.51.100.9")
    started = await start(program.client)
    for number in range(CODE_MISSES_PER_PERSON):
        wrong = ("BCDF", "not a code")[number % 2] if number < 4 else "BBBB-BBBB"
        answer = await browser.send("/device", seen_on="/device", user_code=wrong)
        assert answer.status_code == 404
    for path in ("/device", "/device/decide"):
        answer = await browser.send(path, seen_on="/device", user_code=started["user_code"], decision="allow")
        assert answer.status_code == 429
    assert (await poll(program.client, started)).json()["error"] == "authorization_pending"
    clock.advance(timedelta(minutes=16))
    fresh = await start(program.client)
    assert (await decide(browser, fresh["user_code"])).status_code == 200


async def test_one_network_gets_a_limited_number_of_codes(registry: Registry) -> None:
    browser = await registry.open_browser("198.51.100.77")
    for _ in range(DEVICES_PER_NETWORK):
        await start(browser.client)
    refused = await browser.client.post("/oauth/device", data={"client_id": CLI})
    assert refused.status_code == 429
    assert refused.json()["error_uri"] == f"{HTTPS_URL}/problems/too-many-device-requests"
    elsewhere = await registry.open_browser("198.51.100.78")
    await start(elsewhere.client)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"client_id": "nobody"}, "invalid_client"),
        ({}, "invalid_client"),
        ({"client_id": CLI, "scope": "read admin"}, "invalid_scope"),
        ({"client_id": HUB_CLIENT.id, "scope": "publish"}, "invalid_scope"),
    ],
)
async def test_unknown_programs_and_scopes_get_no_code(
    registry: Registry, fields: dict[str, str], error: str
) -> None:
    browser = await registry.open_browser()
    answer = await browser.client.post("/oauth/device", data=fields)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"client_id=a&client_id=b", "application/x-www-form-urlencoded"),
        (b"client_id=%00&grant_type=x", "application/x-www-form-urlencoded"),
        (b'{"grant_type": ["x"]}', "application/json"),
        (b"[1]", "application/json"),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"a=" + b"x" * 70_000, "application/x-www-form-urlencoded"),
    ],
)
async def test_bodies_that_cannot_be_read_are_refused(registry: Registry, body: bytes, kind: str) -> None:
    browser = await registry.open_browser()
    for path in ("/oauth/device", "/oauth/token", "/oauth/revoke"):
        answer = await browser.client.post(path, content=body, headers={"Content-Type": kind})
        assert answer.status_code in {400, 413}, (path, answer.text)


async def test_unknown_grants_are_refused_in_the_words_of_the_rfc(registry: Registry) -> None:
    browser = await registry.open_browser()
    for grant in ("password", "client_credentials", ""):
        answer = await browser.client.post("/oauth/token", data={"grant_type": grant, "client_id": CLI})
        assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


async def test_nothing_that_opens_a_door_is_stored_in_the_clear(registry: Registry) -> None:
    browser = await registry.signed_in()
    program = await registry.open_browser("198.51.100.9")
    started = await start(program.client)
    await decide(browser, started["user_code"])
    tokens = (await poll(program.client, started)).json()

    def dump(session: Any) -> str:
        tables = ("device_authorization", "program_login", "refresh_token", "access_token", "user_code_miss")
        return "".join(
            repr([bytes(v) if isinstance(v, memoryview) else v for v in row])
            for table in tables
            for row in session.connection().execute(text(f"SELECT * FROM {table}"))
        )

    stored = registry.world.read(dump)
    code = started["user_code"].replace("-", "")
    secrets = (started["device_code"], code, tokens["access_token"], tokens["refresh_token"], "198.51.100.9")
    assert [secret for secret in secrets if secret in stored] == []


async def test_user_codes_are_short_and_unambiguous(registry: Registry) -> None:
    browser = await registry.open_browser()
    codes = {(await start(browser.client))["user_code"] for _ in range(20)}
    assert len(codes) == 20
    letters = f"[{USER_CODE_LETTERS}]{{4}}"
    assert all(re.fullmatch(f"{letters}-{letters}", code) for code in codes)
    assert not set("AEIOUY") & set(USER_CODE_LETTERS)


async def test_a_poll_reads_one_row_by_an_index_and_writes_nothing(registry: Registry) -> None:
    plan = registry.world.read(
        lambda session: [
            str(row)
            for row in session.connection().execute(
                text(
                    ("EXPLAIN QUERY PLAN " if session.get_bind().dialect.name == "sqlite" else "EXPLAIN ")
                    + _DEVICE_SQL
                ),
                {"digest": "x"},
            )
        ]
    )
    assert "device_authorization" in plan[0]
    assert "SCAN" not in plan[0].upper().replace("INDEX SCAN", "").replace("INDEX ONLY SCAN", ""), plan
