"""`gatehouse accept` against a running registry: a person on a real terminal, their SSH key, and what is refused."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from registry.client.errors import ExitCode
from registry.client.verify import verify_receipt
from registry.delivery.seaweedfs import StoreAddress
from registry.identity import ssh_keys
from registry.identity.domain import Principal
from registry.kernel.clock import SystemClock
from registry.kernel.database import Database
from tests import ssh
from tests.faults.serving import Service, served
from tests.servers.processes import ROOT
from tests.servers.terminal import Terminal, at_terminal
from tests.world import ANSWERS, TEXT_10, World

pytestmark = ssh.needed
PASSPHRASE = "correct horse"
SENTENCE = "I accept Sample OpenRAIL-M 1.0"
MODEL = "quarry/quarry-15b"


@dataclass
class Scene:
    """A registry with a gated model, and Mara's machine."""

    service: Service
    world: World
    mara: Principal
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("GATEHOUSE_", "SSH_"))
        }
        return kept | {
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "PYTHONPATH": str(ROOT),
            "GATEHOUSE_ENDPOINT": self.service.url,
            "GATEHOUSE_TOKEN": self.world.token(self.mara),
            "LINES": "100000",
        }

    def key(self, *kind: str, passphrase: str = "", register: bool = True) -> ssh.KeyPair:
        folder = self.home / ".ssh"
        folder.mkdir(exist_ok=True)
        pair = ssh.make_key(folder, *(kind or ("ed25519",)), passphrase=passphrase)
        if register:
            self.world.write(
                ssh_keys.add_ssh_key,
                person_id=self.mara.person_id,
                text=pair.public,
                name="laptop",
                sealer=self.world.sealer,
                base_url=self.service.url,
                now=self.world.now,
            )
        return pair

    def command(self, *more: str) -> list[str]:
        return [sys.executable, "-m", "registry.cli", "accept", MODEL, *more]

    def accepted(self) -> list[Any]:
        with self.service.program(self.world.token(self.mara)) as client:
            return list(client.get("/api/v1/receipts").json()["items"])


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, object_store_address: StoreAddress
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("terminal")
    shutil.copyfile(sqlite_template, folder / "gatehouse.db")
    with served(folder, f"sqlite:///{folder / 'gatehouse.db'}", object_store_address) as running:
        yield running


@pytest.fixture(scope="module")
def world(service: Service) -> Iterator[World]:
    database = Database(f"sqlite:///{service.log.parent / 'gatehouse.db'}")
    world = World(database=database, clock=SystemClock())
    world.gated_model()
    yield world
    database.close()


@pytest.fixture
def scene(service: Service, world: World, tmp_path: Path) -> Scene:
    mara = world.person(f"{tmp_path.name}@nordlab.example".replace("_", "-"))
    return Scene(service=service, world=world, mara=mara, home=tmp_path)


def read_all(terminal: Terminal) -> str:
    """Go through the text as a person does; gives what was shown."""
    terminal.wait_for("Enter: read the text. ")
    terminal.type("")
    shown = ""
    while True:
        shown += terminal.wait_for(r"(-- Sample OpenRAIL-M 1\.0: line \d+ of \d+.*-- |sha256:[0-9a-f]{64}\n)")
        if shown.endswith("\n"):
            return shown
        terminal.type("")


def fill_in(terminal: Terminal) -> None:
    terminal.wait_for("Affiliation")
    terminal.wait_for("To know who uses the model")
    terminal.wait_for("Your answer: ")
    terminal.type("")
    terminal.wait_for("That is needed")
    terminal.wait_for("Your answer: ")
    terminal.type(ANSWERS["Affiliation"])
    terminal.wait_for(r"Country[\s\S]*Your answer \(two letters, such as NO\): ")
    terminal.type("no")
    terminal.wait_for("Your full name: ")
    terminal.type("Mara Lindqvist")
    terminal.wait_for(r"type this sentence: " + SENTENCE + r"\n> ")


def test_person_reads_answers_types_and_signs(scene: Scene, tmp_path: Path) -> None:
    pair = scene.key(passphrase=PASSPHRASE)
    with at_terminal(scene.command("--to", str(tmp_path)), scene.environment, tmp_path) as terminal:
        shown = read_all(terminal)
        for line in TEXT_10.decode().splitlines():
            assert line in shown
        assert shown.count("-- Sample OpenRAIL-M 1.0: line") >= 2
        fill_in(terminal)
        terminal.type("I acept it")
        terminal.wait_for(r"That is not the sentence.*\n> ")
        terminal.type(SENTENCE)
        terminal.wait_for("(?i)passphrase")
        terminal.type(PASSPHRASE)
        terminal.wait_for("Your receipt: ")
        assert terminal.end() == 0, terminal.seen
    (kept,) = tmp_path.glob("receipt-sample-openrail-m-1.0-*.json")
    assert kept.stat().st_mode & 0o77 == 0
    outcome = verify_receipt(kept.read_bytes())
    assert outcome.failure is None, outcome.failure
    assert "the acceptor has signed this acceptance with the SSH key" in outcome.steps[-2].text
    own: Any = (outcome.statement or {})["own_signature"]
    assert ssh.tool_accepts(tmp_path, own["declaration"].encode(), own["signature"], pair.public)
    assert [one["grade"] for one in scene.accepted()] == ["A"]
    shown = tmp_path / "shown.json"
    asked = ("--audience", "lab.example.net", "--nonce", "n1")
    for command in (
        ("receipt", "disclose", str(kept), "--only", "email_domain", "--output", str(shown), *asked),
        ("verify", str(shown), *asked),
    ):
        ended = subprocess.run(
            [sys.executable, "-m", "registry.cli", *command],
            env=scene.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("Someone at nordlab.example accepted Sample OpenRAIL-M 1.0")
    assert "shown to 'lab.example.net' with your nonce" in ended.stdout


def test_key_of_the_agent_signs(scene: Scene, tmp_path: Path) -> None:
    pair = scene.key("ecdsa", "-b", "256")
    started = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    told = dict(
        part.split("=", 1) for part in started.replace("\n", "").split(";") if part.startswith("SSH_")
    )
    agent = scene.environment | told
    try:
        subprocess.run(["ssh-add", "-q", str(pair.path)], env=agent, check=True, capture_output=True)
        shutil.rmtree(scene.home / ".ssh")
        with at_terminal(scene.command("--to", str(tmp_path)), agent, tmp_path) as terminal:
            read_all(terminal)
            fill_in(terminal)
            terminal.type(SENTENCE)
            terminal.wait_for("Your receipt: ")
            assert terminal.end() == 0, terminal.seen
    finally:
        subprocess.run(["ssh-agent", "-k"], env=agent, check=False, capture_output=True)
    assert [one["grade"] for one in scene.accepted()] == ["A"]


def test_who_stops_or_types_another_sentence_accepts_nothing(scene: Scene, tmp_path: Path) -> None:
    scene.key()
    with at_terminal(scene.command(), scene.environment, tmp_path) as terminal:
        terminal.wait_for("Enter: read the text. ")
        terminal.type("")
        terminal.wait_for("q: stop -- ")
        terminal.type("q")
        terminal.wait_for("nothing was accepted: you stopped")
        assert terminal.end() == ExitCode.FAILURE
    with at_terminal(scene.command(), scene.environment, tmp_path) as terminal:
        read_all(terminal)
        fill_in(terminal)
        terminal.type("yes")
        terminal.wait_for("That is not the sentence.")
        terminal.type("")
        terminal.wait_for("nothing was accepted: the sentence was not typed")
        assert terminal.end() == ExitCode.FAILURE
    assert scene.accepted() == []


@pytest.mark.parametrize("piped", ["stdin", "stdout"])
def test_without_a_terminal_on_both_sides_nothing_begins(scene: Scene, tmp_path: Path, piped: str) -> None:
    scene.key()
    typed = b"\n\n\nNordlab\nNO\nMara Lindqvist\n" + SENTENCE.encode() + b"\n"
    command = " ".join(scene.command())
    if piped == "stdin":
        ended = subprocess.run(
            scene.command(),
            input=typed,
            env=scene.environment,
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )
        said, status = ended.stderr.decode(), ended.returncode
    else:
        with at_terminal(["sh", "-c", f"{command} | cat; exit 9"], scene.environment, tmp_path) as terminal:
            terminal.wait_for("accept in a browser")
            said, status = terminal.seen, ExitCode.USAGE
            terminal.end()
    assert status == ExitCode.USAGE
    assert "accepting takes a person at a terminal" in said
    assert f"{scene.service.url}/{MODEL}/accept" in said
    assert scene.accepted() == []


@pytest.mark.parametrize("option", ["--yes", "-y", "--accept", "--agree", "--name=Mara", "--sentence=x"])
def test_no_option_stands_in_for_the_person(scene: Scene, tmp_path: Path, option: str) -> None:
    ended = subprocess.run(
        scene.command(option), env=scene.environment, cwd=tmp_path, capture_output=True, check=False
    )
    assert ended.returncode == ExitCode.USAGE
    assert b"unrecognized arguments" in ended.stderr


def test_without_a_registered_key_the_way_is_told_before_anything_is_read(
    scene: Scene, tmp_path: Path
) -> None:
    with at_terminal(scene.command(), scene.environment, tmp_path) as terminal:
        terminal.wait_for("no SSH key is registered for you")
        terminal.wait_for("/settings/ssh-keys")
        terminal.wait_for("/accept")
        assert terminal.end() == ExitCode.REFUSED
    scene.key()
    shutil.rmtree(scene.home / ".ssh")
    with at_terminal(scene.command(), scene.environment, tmp_path) as terminal:
        terminal.wait_for("none of your registered SSH keys is on this machine")
        assert terminal.end() == ExitCode.REFUSED


def test_once_accepted_there_is_nothing_left(scene: Scene, tmp_path: Path) -> None:
    pair = scene.key()
    chosen = ("--key", str(pair.path), "--to", str(tmp_path))
    with at_terminal(scene.command(*chosen), scene.environment, tmp_path) as terminal:
        read_all(terminal)
        fill_in(terminal)
        terminal.type(f"  {SENTENCE.replace(' ', '  ')} ")
        terminal.wait_for("Your receipt: ")
        assert terminal.end() == 0
    with at_terminal(scene.command(*chosen), scene.environment, tmp_path) as terminal:
        terminal.wait_for("There is nothing for you to accept here")
        assert terminal.end() != 0
    (kept,) = tmp_path.glob("receipt-*.json")
    assert json.loads(kept.read_text())["format"] == "gatehouse-receipt/1"
