"""`gatehouse login` and `logout` against the served registry: by a code, renewed in silence, ended there."""

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from registry.client.errors import ExitCode
from tests.e2e.hub.conftest import ROOT, Registry, Running, Scene
from tests.e2e.hub.test_login import decide

pytestmark = [pytest.mark.hub, pytest.mark.slow]


class Terminal:
    """The command line of one user."""

    def __init__(self, home: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "TMPDIR"}}
        self._environment = kept | {"HOME": str(home), "XDG_CONFIG_HOME": str(home)}
        self.file = home / "gatehouse" / "credentials.json"

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "registry.cli", *words],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    @contextlib.contextmanager
    def started(self, *words: str) -> Iterator[Running]:
        process = subprocess.Popen(
            [sys.executable, "-m", "registry.cli", *words],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield Running(process)
        finally:
            process.kill()
            process.wait()

    @property
    def account(self) -> dict[str, Any]:
        (account,) = json.loads(self.file.read_text())["accounts"].values()
        found: dict[str, Any] = account
        return found

    def age(self) -> None:
        """Let the kept token seem to have ended."""
        text = re.sub(
            r'"expires_at": "[^"]+"', '"expires_at": "2026-01-01T00:00:00+00:00"', self.file.read_text()
        )
        self.file.write_text(text)


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


def sign_in(terminal: Terminal, registry: Registry, scene: Scene, *words: str) -> str:
    with terminal.started("login", "--endpoint", registry.url, *words) as login:
        code = login.wait_for(r"[B-Z]{4}-[B-Z]{4}")
        decide(registry, scene, code, approve=True)
        assert login.finish() == 0, login.said
    return login.said


def test_login_prints_address_and_code_and_goes_on_when_allowed(
    terminal: Terminal, registry: Registry, ready_scene: Scene
) -> None:
    said = sign_in(terminal, registry, ready_scene, "--scopes", "read", "publish")
    assert f"{registry.url}/device?user_code=" in said
    assert f"as {ready_scene.person_email}" in said
    account = terminal.account
    assert account["token"].startswith("gatehouse_oauth_")
    assert account["token"] not in said
    assert account["refresh_token"] not in said
    assert terminal.file.stat().st_mode & 0o777 == 0o600
    who = terminal.run("whoami")
    assert "may: publish, read" in who.stdout
    info = terminal.run("info", ready_scene.repo)
    assert info.returncode == 0, info.stderr


def test_a_refused_login_keeps_nothing(terminal: Terminal, registry: Registry, ready_scene: Scene) -> None:
    with terminal.started("login", "--endpoint", registry.url) as login:
        decide(registry, ready_scene, login.wait_for(r"[B-Z]{4}-[B-Z]{4}"), approve=False)
        assert login.finish() == ExitCode.REFUSED
    assert "refused" in login.said
    assert not terminal.file.exists()


def test_a_token_that_has_ended_is_renewed_once_by_many_commands_at_the_same_time(
    terminal: Terminal, registry: Registry, ready_scene: Scene
) -> None:
    sign_in(terminal, registry, ready_scene)
    before = terminal.account
    terminal.age()
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: terminal.run("whoami"), range(4)))
    assert [answer.returncode for answer in answers] == [0] * 4, [answer.stderr for answer in answers]
    after = terminal.account
    assert after["token"] != before["token"]
    assert after["refresh_token"] != before["refresh_token"]
    assert terminal.run("whoami").returncode == 0
    assert terminal.account == after


def test_logout_ends_the_sign_in_at_the_registry(
    terminal: Terminal, registry: Registry, ready_scene: Scene, tmp_path: Path
) -> None:
    sign_in(terminal, registry, ready_scene)
    copy = Terminal(tmp_path / "copy")
    copy.file.parent.mkdir(parents=True)
    copy.file.write_text(terminal.file.read_text())
    assert copy.run("whoami").returncode == 0
    out = terminal.run("logout")
    assert (out.returncode, "Signed out" in out.stderr) == (0, True)
    assert terminal.account["token"] is None
    assert terminal.run("whoami").returncode == ExitCode.NOT_SIGNED_IN
    assert copy.run("whoami").returncode == ExitCode.NOT_SIGNED_IN
    copy.age()
    ended = copy.run("whoami")
    assert ended.returncode == ExitCode.NOT_SIGNED_IN
    assert "has ended" in ended.stderr
    assert copy.account["token"] is None
