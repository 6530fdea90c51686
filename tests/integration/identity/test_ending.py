"""What an operator ends ends at once: power that the setting no longer gives, sign-ins, tokens."""

import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from registry import cli, ledger
from registry.identity.domain import Scope
from registry.kernel.database import Database
from registry.parts import build_parts
from tests.clock import SettableClock
from tests.integration.identity.conftest import EMAIL, Registry
from tests.world import MASTER_SECRET, World

OPERATOR = "operator@registry.example"


def restart(registry: Registry, *operators: str) -> None:
    """Start another process with these operators."""
    settings = replace(registry.parts.settings, operators=operators)
    assert registry.world.store is not None
    build_parts(
        settings, store=registry.world.store, database=registry.world.database, clock=registry.world.clock
    )


@pytest.mark.parametrize("left", [(), ("other@registry.example",)])
async def test_the_power_of_an_operator_ends_with_the_setting(
    registry: Registry, left: tuple[str, ...]
) -> None:
    browser = await registry.signed_in(OPERATOR)
    person = registry.world.person(OPERATOR)
    token = {"Authorization": f"Bearer {registry.world.token(person, Scope.READ)}"}
    restart(registry, "OPERATOR@registry.example")
    assert (await browser.whoami())["operator"] is True
    restart(registry, *left)
    assert (await browser.whoami())["operator"] is False
    whoami = await browser.client.get("/api/v1/whoami", headers=token)
    assert (whoami.status_code, whoami.json()["operator"]) == (200, False)


async def test_naming_an_operator_gives_no_power_to_old_tokens(registry: Registry) -> None:
    browser = await registry.signed_in()
    restart(registry, EMAIL)
    assert (await browser.whoami())["operator"] is False


@pytest.fixture
def installation(
    database_url: str, clock: SettableClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The settings of a command that works on the database of the test."""
    monkeypatch.setenv("GATEHOUSE_DATABASE_URL", database_url)
    monkeypatch.setenv("GATEHOUSE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("GATEHOUSE_MASTER_KEY", MASTER_SECRET.hex())
    monkeypatch.setattr("registry.cli.installation.SystemClock", lambda: clock)


async def test_an_ended_person_is_out_at_once_and_can_sign_in_again(
    registry: Registry, installation: None
) -> None:
    world = registry.world
    browser, other = await registry.signed_in(), await registry.signed_in("noor@tarn.example")
    secret = world.token(world.person(), Scope.READ)
    token = {"Authorization": f"Bearer {secret}"}
    waiting = await registry.open_browser()
    await waiting.ask_link()
    link = await registry.mailed_link()
    assert (await browser.client.get("/api/v1/whoami", headers=token)).status_code == 200
    assert cli.main(["person", "end", "Mara@NordLab.example", "--unattended"]) == 0
    assert (await browser.whoami())["person"] is None
    assert (await other.whoami())["person"] is not None
    assert (await browser.client.get("/api/v1/whoami", headers=token)).status_code == 401
    assert (await waiting.get(link.removeprefix(registry.parts.settings.base_url))).status_code == 410
    assert (await waiting.whoami())["person"] is None
    assert (await (await registry.signed_in()).whoami())["person"]["email"] == EMAIL


async def test_the_log_holds_the_end_without_the_address(
    world_of_command: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world = world_of_command
    person = world.person()
    world.token(person, Scope.READ)
    assert cli.main(["person", "end", EMAIL, "--unattended", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown == {"person": str(person.person_id), "sessions": 1, "tokens": 1, "logins": 0}
    leaves = [
        leaf for kind, leaf in world.read(lambda s: list(ledger.iterate_leaves(s))) if kind == "person.ended"
    ]
    (leaf,) = map(json.loads, leaves)
    assert (leaf["person"], leaf["sessions"], leaf["tokens"]) == (str(person.person_id), 1, 1)
    assert EMAIL.encode() not in leaves[0]


@pytest.fixture
def world_of_command(database: Database, clock: SettableClock, installation: None) -> World:
    return World(database=database, clock=clock)


def test_nobody_is_ended_without_a_yes(
    world_of_command: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = world_of_command
    world.token(world.person(), Scope.READ)

    def live() -> int:
        query = text("SELECT count(*) FROM access_token WHERE revoked_at IS NULL")
        return int(world.read(lambda session: session.connection().execute(query).scalar_one()))

    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
    assert cli.main(["person", "end", EMAIL]) == 2
    assert "--unattended" in capsys.readouterr().err
    terminal = io.StringIO("no\n")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    assert cli.main(["person", "end", EMAIL]) == 1
    assert live() == 1
    terminal = io.StringIO("yes\n")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    assert cli.main(["person", "end", EMAIL]) == 0
    assert live() == 0


def test_an_unknown_address_ends_nothing(world_of_command: World, capsys: pytest.CaptureFixture[str]) -> None:
    for address in ("nobody@lab.example", "not an address"):
        assert cli.main(["person", "end", address, "--unattended"]) == 1
        assert "nobody" in capsys.readouterr().err
