"""The layout that every file keeps: layers, whose tables are whose, file names, sizes."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.extra_files import EXTRA_FILES
from tests.shared_modules import SHARED_MODULES

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "registry"

CONTEXTS = (
    *("acceptances", "access", "audit", "catalog", "delivery"),
    *("hub_api", "hub_sync", "identity", "ledger", "licenses", "webhooks"),
)
STANDARD_FILES = {"__init__", "domain", "tables", "store", "service", "schemas", "api", "pages", "jobs"}

RECURRING_FILES = {
    # Names that any context may use besides the standard ones.
    "fsck": "derives the context's rows anew and names those that were altered behind our back",
    "reading": "use cases that only read",
    "retention": "what goes when its time is over",
    "refusals": "the context's refusals and their wording",
    "views": "what its pages show",
}


MEANINGLESS_WORDS = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
FILE_MAX_LINES = 450
FUNCTION_MAX_LINES = 60


def _modules(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(folder.rglob("*.py"))


def _context_of(file: Path) -> str | None:
    parts = file.relative_to(PACKAGE).parts
    return parts[0] if parts[0] in CONTEXTS else None


def _imported_modules(file: Path) -> Iterator[str]:
    """The dotted names of every module of ours that `file` imports, however it is written."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                is_module = (ROOT / Path(*name.split("."))).with_suffix(".py").exists()
                is_package = (ROOT / Path(*name.split("."))).is_dir()
                yield name if is_module or is_package else str(node.module)


def test_layers_and_pure_rules_are_kept():
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run(
        [linter, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_context_is_known_here():
    folders = {folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").exists()}
    assert folders - {"kernel", "client", "cli"} <= set(CONTEXTS)


@pytest.mark.parametrize("context", CONTEXTS)
def test_context_takes_of_others_only_what_they_offer(context):
    """Another context's rows are reached through its package, never through its tables or store."""
    wrong = []
    for file in _modules(PACKAGE / context):
        for name in _imported_modules(file):
            parts = name.split(".")
            foreign = (
                parts[0] == "registry" and len(parts) > 2 and parts[1] in CONTEXTS and parts[1] != context
            )
            if foreign and parts[2] != "domain" and ".".join(parts[:3]) not in SHARED_MODULES:
                wrong.append(f"{file.relative_to(ROOT)} imports {name}")
    assert wrong == []


@pytest.mark.parametrize("context", CONTEXTS)
def test_context_uses_the_usual_file_names(context):
    names = {file.stem for file in (PACKAGE / context).glob("*.py")}
    strange = names - STANDARD_FILES - set(RECURRING_FILES) - set(EXTRA_FILES.get(context, ()))
    assert strange == set(), "use a standard name, or state the file's duty in EXTRA_FILES"


def test_file_names_say_something():
    files = list(_modules(PACKAGE, ROOT / "tests"))
    assert [file for file in files if MEANINGLESS_WORDS & set(file.stem.split("_"))] == []


def test_no_module_shadows_the_standard_library():
    shadows = [file for file in _modules(PACKAGE) if file.stem in sys.stdlib_module_names - {"__future__"}]
    assert shadows == []


def test_no_file_is_too_long_to_read():
    sizes = {file: len(file.read_text().splitlines()) for file in _modules(PACKAGE, ROOT / "tests")}
    assert {str(file.relative_to(ROOT)): size for file, size in sizes.items() if size > FILE_MAX_LINES} == {}


def test_no_function_is_too_long_to_read():
    too_long = [
        f"{file.relative_to(ROOT)}:{node.lineno} {node.name}"
        for file in _modules(PACKAGE)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_MAX_LINES
    ]
    assert too_long == []


def test_only_settings_and_the_client_read_the_environment():
    readers = [
        str(file.relative_to(ROOT))
        for file in _modules(PACKAGE)
        if any(
            isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
            for node in ast.walk(ast.parse(file.read_text()))
        )
    ]
    allowed = ("registry/settings.py", "registry/client/", "registry/cli/")
    assert [reader for reader in readers if not reader.startswith(allowed)] == []
