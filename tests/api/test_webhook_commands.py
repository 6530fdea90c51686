"""`gatehouse webhook` against the registry: what it writes where, and what it has done there."""

import asyncio
import io
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from typing import Any
from uuid import UUID

import pytest

from registry.cli import webhook as commands
from registry.cli.grammar import build_parser
from registry.client.api import Registry
from registry.client.errors import ClientError
from registry.client.wire import Fields
from registry.identity.domain import Scope
from registry.webhooks import store
from registry.webhooks.domain import TEST, Trouble
from registry.webhooks.service import new_delivery
from tests.api.conftest import Site
from tests.api.test_mirrors import Caller
from tests.api.test_webhook_pages import note

URL = "https://hooks.example/quarry?code=s3cret"


class OverTheSite:
    """What the client's session does, through the test's own connection to the registry."""

    def __init__(self, caller: Caller, loop: asyncio.AbstractEventLoop) -> None:
        self._caller, self._loop = caller, loop

    def get_json(self, path: str, *, query: dict[str, str] | None = None) -> Fields:
        return self._ask("GET", path, params=query)

    def post_json(self, path: str, body: object, *, idempotent: bool) -> Fields:
        assert not idempotent
        return self._ask("POST", path, json=body)

    def put_json(self, path: str, body: object) -> Fields:
        return self._ask("PUT", path, json=body)

    def _ask(self, method: str, path: str, **given: Any) -> Fields:
        asked = self._caller.site.client.request(method, path, headers=self._caller.headers, **given)
        with redirect_stdout(io.StringIO()):  # the registry, which is in this process, writes its log there
            answer = asyncio.run_coroutine_threadsafe(asked, self._loop).result()
        if not answer.is_success:
            raise ClientError(answer.json()["detail"])
        return Fields(answer.json(), where="answer")


Shell = Callable[..., Awaitable[tuple[str, str]]]


@pytest.fixture
async def shell(site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """Runs a command as the owner of quarry; what it wrote to stdout and to stderr."""
    site.world.gated_model()
    caller, loop = Caller(site, Scope.PUBLISH), asyncio.get_running_loop()

    @contextmanager
    def connected(_choice: object) -> Iterator[Registry]:
        session: Any = OverTheSite(caller, loop)
        yield Registry(session)

    monkeypatch.setattr(commands, "choose_registry", lambda _args: None)
    monkeypatch.setattr(commands, "connected", connected)
    monkeypatch.setattr(commands, "POLL_SECONDS", 0.01)

    async def run(*words: str, stdin: str = "") -> tuple[str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        args = build_parser().parse_args(["webhook", *words])
        module, _, function = args.handler.partition(":")
        capsys.readouterr()
        assert await asyncio.to_thread(getattr(import_module(module), function), args) == 0
        said = capsys.readouterr()
        return said.out, said.err

    return run


async def the_id(shell: Shell) -> str:
    out, _ = await shell("list", "quarry", "--json")
    (one,) = json.loads(out)
    found: str = one["id"]
    return found


async def test_the_secret_alone_goes_to_stdout_and_is_shown_once(shell: Shell) -> None:
    assert "has no webhook" in (await shell("list", "quarry"))[1]
    out, err = await shell(
        "add", "quarry", "-", "--event", "access.revoked", "--hub-secret", stdin=f"{URL}\nfixed\n"
    )
    assert out.startswith("whsec_")
    assert out.count("\n") == 1
    assert "shown this once" in err
    listed, _ = await shell("list", "quarry")
    assert listed.split("\t")[1:5] == ["on", "hooks.example", "access.revoked", "all models"]
    for word in ("s3cret", out.strip(), "fixed"):
        assert word not in listed + err
    found = await the_id(shell)
    rotated, err = await shell("rotate", "quarry", found, "--overlap-hours", "2")
    assert rotated.startswith("whsec_")
    assert rotated != out
    assert "signs as well until" in err
    assert "is void" in (await shell("rotate", "quarry", found, "--overlap-hours", "0"))[1]


async def test_parts_are_changed_and_the_others_stay(shell: Shell) -> None:
    await shell("add", "quarry", URL, "--model", "quarry-15b")
    found = await the_id(shell)
    out, err = await shell("change", "quarry", found, "--event", "model.moved", "--off")
    assert out == f"{found} off (by-hand)\n"
    assert "was dropped" in err
    await shell("change", "quarry", found, "--on", "--all-models", "--hub-secret", stdin="fixed\n")
    (one,) = json.loads((await shell("list", "quarry", "--json"))[0])
    assert (one["url"], one["on"], one["events"], one["models"]) == (URL, True, ["model.moved"], [])
    assert one["has_hub_secret"]
    await shell(
        "change", "quarry", found, "--all-events", "--no-hub-secret", "--url", "https://other.example/x"
    )
    (one,) = json.loads((await shell("list", "quarry", "--json"))[0])
    assert (one["url"], one["events"], one["has_hub_secret"]) == ("https://other.example/x", [], False)
    with pytest.raises(ClientError, match="nothing was said to change"):
        await shell("change", "quarry", found)
    with pytest.raises(ClientError, match="there is no event"):
        await shell("change", "quarry", found, "--event", "no.such")


async def test_waiting_for_a_test_message_ends_with_what_came_of_it(site: Site, shell: Shell) -> None:
    await shell("add", "quarry", URL)
    found = await the_id(shell)
    waiting = asyncio.ensure_future(shell("test", "quarry", found, "--wait"))
    tried = False
    while not (tried or waiting.done()):
        await asyncio.sleep(0)
        for sent in site.world.read(store.list_deliveries, webhook_id=UUID(found), after=None, limit=1):
            note(site, sent.id, trouble=Trouble.STATUS, status=503)
            tried = True
    with pytest.raises(ClientError, match="did not arrive: answered 503"):
        await waiting
    assert "answered 503" in (await shell("list", "quarry"))[0]


async def test_what_was_sent_is_listed_and_sent_again(site: Site, shell: Shell) -> None:
    await shell("add", "quarry", URL)
    found = await the_id(shell)
    assert "Nothing was sent" in (await shell("deliveries", "quarry", found))[1]
    assert (await shell("test", "quarry", found))[0].endswith(" not tried yet\n")
    (message, event, *_, state, attempts, last) = (
        (await shell("deliveries", "quarry", found))[0].strip().split("\t")
    )
    assert (event, state, attempts, last) == ("webhook.test", "pending", "0", "not tried yet")
    assert (await shell("replay", "quarry", found, message))[0] == f"{message} pending\n"
    more = [new_delivery(UUID(found), TEST, b"{}", now=site.world.now) for _ in range(60)]
    site.world.write(store.insert_deliveries, rows=more)
    out, _ = await shell("deliveries", "quarry", found, "--limit", "55")
    assert len(set(out.splitlines())) == 55, "the second page follows the first"
    out, err = await shell("end", "quarry", found)
    assert out == f"{found} deleted\n"
    assert "hooks.example" in err
    assert (await shell("list", "quarry"))[0] == ""
