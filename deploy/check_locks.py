"""Says whether the lock files fit `pyproject.toml` and name no package index; needs no network.

A lock is fresh if every direct requirement is pinned to a version it allows, nothing is pinned as a direct
requirement that is none, and each pin has hashes. `make lock` writes the locks anew.
"""

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)")
DIRECT = re.compile(r"#\s+(?:via\s+)?(?:gatehouse \(pyproject\.toml|-r \S+\.in)")
INDEX = re.compile(r"https?://|^\s*-(?:-|i\b|f\b)(?!-hash=)", re.MULTILINE)


def main() -> int:
    """Print every fault; return 1 if there is one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    required = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    faults = check("requirements.lock", required)
    inputs = [ROOT / "requirements-demo.in", *sorted((ROOT / "deploy" / "hub-clients").glob("*.in"))]
    for path in inputs:
        faults += check(str(path.with_suffix(".lock").relative_to(ROOT)), read_inputs(path))
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    return 1 if faults else 0


def read_inputs(path: Path) -> list[str]:
    """Return the requirements of an input file."""
    lines = path.read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def check(lock: str, required: list[str]) -> list[str]:
    """Return what is wrong with the file `lock`."""
    text = (ROOT / lock).read_text()
    faults = [
        f"{lock}: names a package index: {match[0].strip()!r}" for match in INDEX.finditer(unhashed(text))
    ]
    pins, direct = read_pins(text)
    requirements = {canonicalize_name(Requirement(line).name): Requirement(line) for line in required}
    for name, requirement in requirements.items():
        if name not in pins:
            faults.append(f"{lock}: {name} is not pinned; run `make lock`")
        elif not requirement.specifier.contains(pins[name], prereleases=True):
            faults.append(f"{lock}: {name}=={pins[name]} does not satisfy {requirement}; run `make lock`")
    faults.extend(
        f"{lock}: {name} is no longer required; run `make lock`" for name in direct - set(requirements)
    )
    faults.extend(f"{lock}: {name} has no hash" for name in hashless(text))
    return faults


def read_pins(text: str) -> tuple[dict[str, str], set[str]]:
    """Return the version of each pin, and the names that are pinned because we asked for them."""
    pins: dict[str, str] = {}
    direct: set[str] = set()
    current = ""
    for line in text.splitlines():
        if found := PIN.match(line):
            current = canonicalize_name(found["name"])
            pins[current] = found["version"]
        elif DIRECT.search(line):
            direct.add(current)
    return pins, direct


def hashless(text: str) -> list[str]:
    """Return the pins without a hash."""
    blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)
    return [block.split("==")[0] for block in blocks if PIN.match(block) and "--hash=sha256:" not in block]


def unhashed(text: str) -> str:
    """Return `text` without its hash lines, which look like options."""
    return "\n".join(line for line in text.splitlines() if not line.strip().startswith("--hash="))


if __name__ == "__main__":
    sys.exit(main())
