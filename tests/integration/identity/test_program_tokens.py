"""Tokens of signed-in programs: refresh, reuse, end, introspection (RFC 6749 §6, 7009, 7662, 9700 §4.14)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

from registry.identity.domain import Scope
from registry.identity.oauth_domain import GATEHOUSE_CLIENT, HUB_CLIENT, REFRESH_PREFIX
from tests.clock import SettableClock
from tests.integration.identity.conftest import HTTPS_URL, Browser, Registry
from tests.integration.identity.test_device_login import CLI, bearer, decide, poll, signed_in_program, start
from tests.world import asker, file_request, run


async def refresh(browser: Browser, token: str, *, client_id: str = CLI, **fields: str) -> Any:
    data = {"grant_type": "refresh_token", "refresh_token": token, "client_id": client_id, **fields}
    return await browser.client.post("/oauth/token", data=data)


async def works(browser: Browser, token: str) -> bool:
    answer = await browser.client.get("/api/v1/whoami", headers=bearer(token))
    assert answer.status_code in {200, 401}
    hub = await browser.client.get("/api/whoami-v2", headers=bearer(token))
    assert hub.status_code == answer.status_code
    return bool(answer.status_code == 200)


async def test_a_refresh_token_gives_new_tokens_and_the_old_access_token_runs_out_by_itself(
    registry: Registry, clock: SettableClock
) -> None:
    browser = await registry.open_browser()
    first = await signed_in_program(registry, scope="read audit")
    clock.advance(timedelta(hours=7))
    second = (await refresh(browser, first["refresh_token"])).json()
    assert second["scope"] == "audit read"
    assert len({first["access_token"], second["access_token"], second["refresh_token"]}) == 3
    assert await works(browser, first["access_token"])
    clock.advance(timedelta(hours=1))
    assert not await works(browser, first["access_token"])
    assert await works(browser, second["access_token"])


async def test_a_refresh_token_that_comes_twice_ends_the_whole_login(registry: Registry) -> None:
    browser = await registry.open_browser()
    first = await signed_in_program(registry)
    second = (await refresh(browser, first["refresh_token"])).json()
    other = await signed_in_program(registry)
    again = await refresh(browser, first["refresh_token"])
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert not await works(browser, first["access_token"])
    assert not await works(browser, second["access_token"])
    assert (await refresh(browser, second["refresh_token"])).json()["error"] == "invalid_grant"
    assert await works(browser, other["access_token"]), "another login of the same person goes on"


async def test_of_many_refreshes_at_once_none_leaves_a_living_token(registry: Registry) -> None:
    browser = await registry.open_browser()
    first = await signed_in_program(registry)
    answers = await asyncio.gather(*(refresh(browser, first["refresh_token"]) for _ in range(12)))
    won = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    assert not await works(browser, won[0]["access_token"])
    assert (await refresh(browser, won[0]["refresh_token"])).status_code == 400


async def test_a_chain_replayed_while_its_newest_token_is_used_leaves_nothing(registry: Registry) -> None:
    """The replay of an old token and the use of the newest race; whoever is first, nothing lives on."""
    browser = await registry.open_browser()
    for _ in range(5):
        first = await signed_in_program(registry)
        second = (await refresh(browser, first["refresh_token"])).json()
        _, newest = await asyncio.gather(
            refresh(browser, first["refresh_token"]), refresh(browser, second["refresh_token"])
        )
        tokens = [second["access_token"], newest.json().get("access_token", "gatehouse_none")]
        assert [await works(browser, token) for token in tokens] == [False, False]


async def test_scopes_can_be_narrowed_and_never_widened(registry: Registry) -> None:
    browser = await registry.open_browser()
    first = await signed_in_program(registry, scope="read publish")
    wider = await refresh(browser, first["refresh_token"], scope="read audit")
    assert (wider.status_code, wider.json()["error"]) == (400, "invalid_scope")
    narrow = await refresh(browser, first["refresh_token"], scope="read")
    assert narrow.json()["scope"] == "read"
    who = await browser.client.get("/api/v1/whoami", headers=bearer(narrow.json()["access_token"]))
    assert who.json()["scopes"] == ["read"]


@pytest.mark.parametrize("client_id", [HUB_CLIENT.id, "nobody", ""])
async def test_another_program_cannot_use_a_refresh_token(registry: Registry, client_id: str) -> None:
    browser = await registry.open_browser()
    first = await signed_in_program(registry)
    stolen = await refresh(browser, first["refresh_token"], client_id=client_id)
    assert stolen.json()["error"] in {"invalid_grant", "invalid_client"}
    assert (await refresh(browser, first["refresh_token"])).status_code == 200


async def test_a_refresh_token_is_no_access_token_nor_the_other_way_round(registry: Registry) -> None:
    browser = await registry.open_browser()
    tokens = await signed_in_program(registry)
    assert tokens["refresh_token"].startswith(REFRESH_PREFIX)
    assert not await works(browser, tokens["refresh_token"])
    assert (await refresh(browser, tokens["access_token"])).json()["error"] == "invalid_grant"
    assert await works(browser, tokens["access_token"])


async def test_a_login_that_is_not_used_ends(registry: Registry, clock: SettableClock) -> None:
    browser = await registry.open_browser()
    tokens = await signed_in_program(registry)
    clock.advance(GATEHOUSE_CLIENT.refresh_lifetime)
    assert (await refresh(browser, tokens["refresh_token"])).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
async def test_signing_out_ends_every_token_of_the_login(registry: Registry, which: str) -> None:
    browser = await registry.open_browser()
    tokens = await signed_in_program(registry)
    newer = (await refresh(browser, tokens["refresh_token"])).json()
    wrong = await browser.client.post(
        "/oauth/revoke", data={"token": newer[which], "client_id": HUB_CLIENT.id}
    )
    assert wrong.status_code == 400
    assert await works(browser, newer["access_token"])
    answer = await browser.client.post("/oauth/revoke", data={"token": newer[which], "client_id": CLI})
    assert (answer.status_code, answer.json()) == (200, {})
    assert not await works(browser, tokens["access_token"])
    assert not await works(browser, newer["access_token"])
    assert (await refresh(browser, newer["refresh_token"])).status_code == 400
    again = await browser.client.post("/oauth/revoke", data={"token": "gatehouse_unknown", "client_id": CLI})
    assert again.status_code == 200


async def test_who_holds_a_personal_token_can_end_it(registry: Registry) -> None:
    browser = await registry.open_browser()
    token = registry.world.token(registry.world.person())
    assert await works(browser, token)
    answer = await browser.client.post("/oauth/revoke", data={"token": token, "client_id": CLI})
    assert answer.status_code == 200
    assert not await works(browser, token)


async def test_the_person_sees_the_program_and_ends_it(registry: Registry) -> None:
    browser = await registry.signed_in()
    started = await start(browser.client)
    await decide(browser, started["user_code"])
    tokens = (await poll(browser.client, started)).json()
    await works(browser, tokens["access_token"])
    page = await browser.get("/settings/tokens")
    assert "Programs you signed in" in page.text
    assert "gatehouse command line" in page.text
    (path,) = {part.split('"')[0] for part in page.text.split('action="')[1:] if "/settings/logins/" in part}
    stranger = await registry.signed_in("mallory@nordlab.example")
    assert (await stranger.send(path, seen_on="/settings/tokens")).status_code == 303
    assert await works(browser, tokens["access_token"])
    assert (await browser.send(path, seen_on="/settings/tokens")).status_code == 303
    assert not await works(browser, tokens["access_token"])
    assert "Revoked" in (await browser.get("/settings/tokens")).text


async def test_introspection_tells_the_person_and_operators_only(
    registry: Registry, clock: SettableClock
) -> None:
    browser = await registry.open_browser()
    tokens = await signed_in_program(registry, scope="read audit")
    access = tokens["access_token"]

    async def ask(token: str, by: str | None) -> Any:
        headers = bearer(by) if by else {}
        return await browser.client.post("/oauth/introspect", data={"token": token}, headers=headers)

    assert (await ask(access, None)).status_code == 401
    found = (await ask(access, access)).json()
    assert (found["active"], found["scope"], found["client_id"]) == (True, "audit read", CLI)
    assert found["exp"] - found["iat"] == 8 * 3600
    assert (await ask(tokens["refresh_token"], access)).json()["active"] is True
    world = registry.world
    stranger = world.token(world.person("stranger@nordlab.example"), Scope.AUDIT)
    assert (await ask(access, stranger)).json() == {"active": False}
    assert (await ask("gatehouse_oauth_unknown", stranger)).json() == {"active": False}
    operator = await registry.signed_in("operator@registry.example")
    data = {"token": access}
    seen = await operator.client.post("/oauth/introspect", data=data, headers={"Origin": HTTPS_URL})
    assert seen.json()["active"] is True
    clock.advance(timedelta(hours=8))
    seen = await operator.client.post("/oauth/introspect", data=data, headers={"Origin": HTTPS_URL})
    assert seen.json() == {"active": False}


async def test_the_metadata_is_that_of_rfc_8414_and_every_address_answers(registry: Registry) -> None:
    browser = await registry.open_browser()
    answer = await browser.client.get("/.well-known/oauth-authorization-server")
    metadata = answer.json()
    AuthorizationServerMetadata(metadata).validate()
    assert metadata["issuer"] == HTTPS_URL
    for name, url in metadata.items():
        if name.endswith("_endpoint") and name != "authorization_endpoint":
            assert (await browser.client.post(url)).status_code in {400, 401}, name


async def test_the_file_route_takes_the_token_until_it_ends(registry: Registry) -> None:
    world = registry.world
    model = world.gated_model()
    browser = await registry.open_browser()
    tokens = await signed_in_program(registry)
    person = world.person()
    world.accept(person, model)

    def ask() -> str:
        resolver = world.resolver()
        outcome = run(resolver.resolve(file_request(), asker(tokens["access_token"])))
        refusal = getattr(outcome, "refusal", None)
        return refusal.code if refusal is not None else type(outcome).__name__

    assert await asyncio.to_thread(ask) == "UrlIssued"
    await browser.client.post("/oauth/revoke", data={"token": tokens["refresh_token"], "client_id": CLI})
    assert await asyncio.to_thread(ask) == "token-unknown"
