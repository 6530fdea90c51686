"""Signing a program in through the browser that it opens (RFC 6749 §4.1, 7636, 8252), on both databases."""

import asyncio
import base64
import hashlib
import html
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from registry.identity.oauth_domain import CODE_LIFETIME, GATEHOUSE_CLIENT, HUB_CLIENT
from tests.clock import SettableClock
from tests.integration.identity.conftest import HTTPS_URL, Browser, Registry
from tests.integration.identity.test_program_tokens import refresh, works

CLI = GATEHOUSE_CLIENT.id
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
REDIRECT = "http://127.0.0.1:43210/callback"
ASKED = {
    "response_type": "code",
    "client_id": CLI,
    "redirect_uri": REDIRECT,
    "scope": "read publish",
    "state": "a state & more",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


async def decide(browser: Browser, asked: dict[str, str], decision: str = "allow") -> dict[str, str]:
    """Press a button on the consent page; return what goes back to the program."""
    page = f"/authorize?{urlencode(asked)}"
    answer = await browser.send("/authorize", seen_on=page, decision=decision, **asked)
    assert answer.status_code == 200, answer.text
    return sent_back(answer, asked["redirect_uri"])


def sent_back(answer: Any, redirect: str) -> dict[str, str]:
    url = answer.headers["refresh"].removeprefix("0; url=")
    assert url.startswith(f"{redirect}?")
    assert html.escape(url) in answer.text
    return dict(parse_qsl(urlsplit(url).query))


async def exchange(browser: Browser, code: str, **changes: str) -> Any:
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": CLI,
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
    }
    return await browser.client.post("/oauth/token", data=fields | changes)


async def test_the_program_gets_tokens_for_the_code_that_came_back(registry: Registry) -> None:
    browser = await registry.signed_in()
    page = await browser.get(f"/authorize?{urlencode(ASKED)}")
    for said in ("gatehouse command line", REDIRECT, "publish releases"):
        assert said in page.text
    answer = await decide(browser, ASKED)
    assert (answer["state"], answer["iss"]) == (ASKED["state"], HTTPS_URL)
    tokens = (await exchange(browser, answer["code"])).json()
    assert tokens["scope"] == "publish read"
    assert await works(browser, tokens["access_token"])
    assert (await refresh(browser, tokens["refresh_token"])).status_code == 200
    assert "in the browser" in (await browser.get("/settings/tokens")).text


async def test_the_answer_reaches_a_program_that_listens_on_this_machine(registry: Registry) -> None:
    browser = await registry.signed_in()
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readline())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        asked = ASKED | {"redirect_uri": f"http://127.0.0.1:{port}/callback"}
        answer = await decide(browser, asked)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /callback?code={answer['code']} HTTP/1.1\r\n\r\n".encode())
        await reader.read()
        writer.close()
    found = re.search(rb"code=(\S+)", heard[0])
    assert found is not None
    tokens = await exchange(browser, found[1].decode(), redirect_uri=asked["redirect_uri"])
    assert tokens.status_code == 200


async def test_refusing_sends_the_refusal_and_no_code(registry: Registry) -> None:
    browser = await registry.signed_in()
    for decision in ("refuse", ""):
        answer = await decide(browser, ASKED, decision)
        assert answer == {"error": "access_denied", "state": ASKED["state"], "iss": HTTPS_URL}


async def test_who_is_not_signed_in_signs_in_first(registry: Registry) -> None:
    browser = await registry.open_browser()
    answer = await browser.get(f"/authorize?{urlencode(ASKED)}")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?next=/authorize%3F")


@pytest.mark.parametrize(
    "redirect",
    [
        "http://localhost:43210/callback",
        "http://127.0.0.1/callback",
        "http://127.0.0.1:43210/other",
        "http://127.0.0.1:43210/callback/",
        "http://127.0.0.1:43210/callback?x=1",
        "http://127.0.0.1:43210/callback#x",
        "https://127.0.0.1:43210/callback",
        "http://user@127.0.0.1:43210/callback",
        "http://127.0.0.1:43210@evil.example/callback",
        "http://127.0.0.1.evil.example:43210/callback",
        "http://0x7f000001:43210/callback",
        "http://[::1%25lo]:43210/callback",
        "http://[::ffff:127.0.0.1]:43210/callback",
        "http://127.0.0.1:043210/callback",
        "http://127.0.0.1:99999/callback",
        "http://127.0.0.1:43210\\@evil.example/callback",
        "http://127.0.0.1:43210/callback\r\nX: y",
        "javascript:alert(1)",
        "",
    ],
)
async def test_an_address_that_is_not_the_programs_own_is_never_sent_to(
    registry: Registry, redirect: str
) -> None:
    browser = await registry.signed_in()
    answer = await browser.get(f"/authorize?{urlencode(ASKED | {'redirect_uri': redirect})}")
    assert answer.status_code == 400
    assert "refresh" not in answer.headers
    assert "location" not in answer.headers


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
async def test_any_port_of_this_machine_will_do(registry: Registry, host: str) -> None:
    browser = await registry.signed_in()
    for port in (1024, 65535):
        redirect = f"http://{host}:{port}/callback"
        answer = await decide(browser, ASKED | {"redirect_uri": redirect})
        assert (await exchange(browser, answer["code"], redirect_uri=redirect)).status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "read everything"}, "invalid_scope"),
    ],
)
async def test_other_mistakes_are_told_to_the_program(
    registry: Registry, changes: dict[str, str], error: str
) -> None:
    browser = await registry.signed_in()
    answer = await browser.get(f"/authorize?{urlencode(ASKED | changes)}")
    assert sent_back(answer, REDIRECT)["error"] == error


@pytest.mark.parametrize("client_id", [HUB_CLIENT.id, "nobody", ""])
async def test_programs_without_a_browser_login_are_refused(registry: Registry, client_id: str) -> None:
    browser = await registry.signed_in()
    answer = await browser.get(f"/authorize?{urlencode(ASKED | {'client_id': client_id})}")
    assert answer.status_code == 400
    twice = f"/authorize?{urlencode(ASKED)}&redirect_uri=http%3A%2F%2Fevil.example%2F"
    assert (await browser.get(twice)).status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "http://127.0.0.1:43211/callback"},
        {"redirect_uri": ""},
        {"code_verifier": "w" * 64},
        {"code_verifier": CHALLENGE},
        {"code_verifier": ""},
    ],
)
async def test_a_code_with_a_wrong_address_or_verifier_is_used_up(
    registry: Registry, changes: dict[str, str]
) -> None:
    browser = await registry.signed_in()
    answer = await decide(browser, ASKED)
    wrong = await exchange(browser, answer["code"], **changes)
    assert wrong.status_code == 400
    assert wrong.json()["error"] in {"invalid_grant", "invalid_request"}
    assert (await exchange(browser, answer["code"])).json()["error"] == "invalid_grant"


async def test_a_code_that_comes_twice_ends_what_came_of_it(registry: Registry) -> None:
    browser = await registry.signed_in()
    answer = await decide(browser, ASKED)
    answers = await asyncio.gather(*(exchange(browser, answer["code"]) for _ in range(6)))
    won = [one.json() for one in answers if one.status_code == 200]
    assert len(won) == 1
    assert not await works(browser, won[0]["access_token"])
    assert (await refresh(browser, won[0]["refresh_token"])).status_code == 400


async def test_another_program_cannot_use_the_code_and_a_late_one_neither(
    registry: Registry, clock: SettableClock
) -> None:
    browser = await registry.signed_in()
    answer = await decide(browser, ASKED)
    assert (await exchange(browser, answer["code"], client_id=HUB_CLIENT.id)).status_code == 400
    clock.advance(CODE_LIFETIME - timedelta(seconds=1))
    late = await decide(browser, ASKED)
    assert (await exchange(browser, answer["code"])).status_code == 200
    clock.advance(CODE_LIFETIME)
    assert (await exchange(browser, late["code"])).json()["error"] == "invalid_grant"


async def test_a_form_that_was_not_made_here_allows_nothing(registry: Registry) -> None:
    browser = await registry.signed_in()
    fields = ASKED | {"decision": "allow", "_csrf": "forged"}
    answer = await browser.client.post("/authorize", data=fields, headers={"Accept": "text/html"})
    assert answer.status_code == 403
    tampered = {**ASKED, "redirect_uri": "http://127.0.0.1:1/other"}
    sent = await browser.send(
        "/authorize", seen_on=f"/authorize?{urlencode(ASKED)}", decision="allow", **tampered
    )
    assert sent.status_code == 400
