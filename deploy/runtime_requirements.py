"""Print the part of requirements.lock that the service needs to run, hashes included, without development tools.

The lock names under each package who asked for it (`# via`). What the project itself asks for, and whatever
that asks for in turn, is kept; what only the development group asks for is left out.

    python deploy/runtime_requirements.py > runtime.lock
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"
PROJECT = "gatehouse (pyproject.toml)"

_PIN = re.compile(r"[a-z0-9]")
_VIA = re.compile(r"    #(?: via)? +(?P<name>\S.*)")


def entries(lines: Sequence[str]) -> dict[str, tuple[list[str], set[str]]]:
    """Return, by package, the lines of its pin and the names of those who asked for it."""
    found: dict[str, tuple[list[str], set[str]]] = {}
    name = ""
    for line in lines:
        if _PIN.match(line):
            name = line.partition("==")[0].partition("[")[0]
            found.setdefault(name, ([], set()))[0].append(line)
        elif line.startswith("    --hash"):
            found[name][0].append(line)
        elif asker := _VIA.match(line):
            found[name][1].add(asker["name"])
    return found


def runtime(lines: Sequence[str]) -> list[str]:
    """Return the lines of the lock that running the service needs."""
    known = entries(lines)
    wanted = {PROJECT}
    while more := {name for name, (_, askers) in known.items() if askers & wanted} - wanted:
        wanted |= more
    return [line for name, (pin, _) in known.items() if name in wanted for line in pin]


if __name__ == "__main__":
    sys.stdout.write("\n".join(runtime(LOCK.read_text("utf-8").splitlines())) + "\n")
