"""The command line: what can be typed, how fast it answers, and that nothing of it accepts a license."""

import argparse
import ast
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry import cli
from registry.cli.grammar import build_parser
from registry.client.errors import ExitCode
from tests.unit.client.stub import MODEL, Stub

DASHED = "-hdMw8c7U1tgFeJY1pc0zbRNoLd32-uPoCZk_mB6emY"
ROOT = Path(__file__).resolve().parents[3]
VECTORS = ROOT / "tests" / "vectors" / "receipt"
GOOD = VECTORS / "good" / "all-disclosed.json"
USER_MODULES = (
    "account",
    "audit",
    "connection",
    "license",
    "models",
    "publish",
    "pull",
    "receipt",
    "terminal",
    "verify",
)


def commands(
    parser: argparse.ArgumentParser, path: str = "gatehouse"
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield every parser of the command line with how it is typed."""
    yield path, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from commands(below, f"{path} {name}")


COMMANDS = dict(commands(build_parser()))


def run(*words: str) -> int:
    return cli.main(words)


# Start


def test_help_answers_in_less_than_200_milliseconds() -> None:
    durations = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "registry.cli", "--help"], cwd=ROOT, check=True, capture_output=True
        )
        durations.append(time.perf_counter() - started)
    # The quickest of a few: what it takes, without what else this machine does.
    assert min(durations) < 0.2


def test_help_loads_nothing_but_the_grammar() -> None:
    code = "import sys, registry.cli as c; c.build_parser(); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    heavy = {
        "litestar",
        "rich",
        "httpx2",
        "cryptography",
        "sqlalchemy",
        "msgspec",
        "boto3",
        "http.client",
        "ssl",
    }
    assert heavy.isdisjoint(loaded.stdout.split())


def test_user_commands_import_only_the_client() -> None:
    allowed = ("registry.client", "registry.cli")
    files = [ROOT / "registry" / "cli" / f"{name}.py" for name in USER_MODULES]
    for file in (*files, *(ROOT / "registry" / "client").glob("*.py")):
        own = ("registry.client",) if file.parent.name == "client" else allowed
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert not name.startswith("registry") or name.startswith(own), (file.name, name)


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_help_and_a_handler(path: str) -> None:
    parser = COMMANDS[path]
    assert parser.description
    leads_on = any(isinstance(action, argparse._SubParsersAction) for action in parser._actions)
    handler = parser.get_default("handler")
    assert leads_on is (handler is None)
    if handler is not None:
        module, _, function = handler.partition(":")
        file = ROOT / (module.replace(".", "/") + ".py")
        if file.stem in USER_MODULES:
            names = [
                node.name for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)
            ]
            assert function in names


def test_help_documents_every_exit_code() -> None:
    text = COMMANDS["gatehouse"].format_help()
    for code in ExitCode:
        assert f"  {code.value}" in text or f", {code.value} " in text, code


# No flag and no environment variable accepts a license


@pytest.mark.parametrize("path", COMMANDS)
def test_no_option_accepts_a_license(path: str) -> None:
    for action in COMMANDS[path]._actions:
        if isinstance(action, argparse._SubParsersAction):
            continue  # The name of a command further down, which is looked at itself.
        words = {*action.option_strings, action.dest}
        for forbidden in ("accept", "agree", "consent", "yes", "force", "assume"):
            assert not any(forbidden in word for word in words if word != "acceptances"), words
        assert "-y" not in words
    if path != "gatehouse publish":
        for action in COMMANDS[path]._actions:
            # Elsewhere `--license` is a filter: it takes a value and does nothing without one.
            assert "--license" not in action.option_strings or action.nargs is None


def test_environment_is_read_for_nothing_but_address_token_and_folder() -> None:
    read = set()
    for file in (
        *(ROOT / "registry/client").glob("*.py"),
        *(ROOT / f"registry/cli/{m}.py" for m in USER_MODULES),
    ):
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "get"
            ):
                target = ast.unparse(node.func.value)
                if target in {"os.environ", "environment"}:
                    assert isinstance(node.args[0], ast.Constant), file.name
                    read.add(node.args[0].value)
            assert not (isinstance(node, ast.Attribute) and node.attr == "getenv"), file.name
            assert not (isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ"), (
                file.name
            )
    display = {"DISPLAY", "WAYLAND_DISPLAY"}  # whether there is a screen for a browser
    assert read == {"GATEHOUSE_ENDPOINT", "GATEHOUSE_TOKEN", "XDG_CONFIG_HOME"} | display


def test_client_knows_no_address_where_a_license_could_be_accepted() -> None:
    for file in (ROOT / "registry/client").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "/api/" in node.value:
                assert "accept" not in node.value


@pytest.mark.parametrize(
    "name", ["ACCEPT_LICENSE", "GATEHOUSE_ACCEPT", "GATEHOUSE_ACCEPT_LICENSE", "GATEHOUSE_YES", "CI"]
)
def test_environment_variable_does_not_open_a_gate(
    signed_in: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    signed_in.files = {"weights.bin": b"x"}
    signed_in.permitted = False
    monkeypatch.setenv(name, "1")
    assert run("pull", MODEL, "--to", str(tmp_path / "to")) == ExitCode.REFUSED
    assert not signed_in.paths("api", "POST")


@pytest.mark.parametrize(
    "given",
    [["keys", "compromised", DASHED, "--since", "x"], ["keys", "compromised", "--since", "x", DASHED]],
)
def test_the_id_of_a_key_that_begins_with_a_dash_is_no_option(
    given: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr("registry.cli.keys.compromised", lambda args: seen.append(args.kid) or 0)
    assert cli.main(given) == 0
    assert seen == [DASHED]
