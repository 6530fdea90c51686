"""The clients that are put to the test: what they are called, and the process that asks for each."""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
DRIVERS = Path(__file__).parent / "drivers"
ENVIRONMENTS = ROOT / ".hub-clients"
DRIVER_TIMEOUT_S = 240
TOOLS = {"curl": "curl", "aria2": "aria2c"}


@dataclass(frozen=True)
class Outcome:
    """What one check came to, and what was seen."""

    result: str
    fact: str


@dataclass(frozen=True)
class Client:
    """A program and its version, as a column of the table."""

    name: str
    heading: str
    drivers: tuple[str, ...]
    environment: Path | None = None
    """A virtual environment of its own; None: another interpreter or none."""

    def missing(self) -> str | None:
        """Why it cannot be put to the test here, if so."""
        if self.environment is not None and not (self.environment / ".made").exists():
            return f"{self.environment.name} is absent (make hub-clients)"
        if self.name == "huggingface.js" and not (ROOT / "node_modules" / "@huggingface" / "hub").exists():
            return "@huggingface/hub is absent (make node-packages)"
        if self.name in TOOLS and not shutil.which(TOOLS[self.name]):
            return f"{self.name} is absent (make system-packages)"
        return None

    def run(self, ground: Path, *, home: Path, endpoint: str, token: str) -> dict[str, Outcome]:
        """Return what each check came to; one process for each driver."""
        found: dict[str, Outcome] = {}
        for driver in self.drivers:
            done = subprocess.run(
                [self._interpreter(driver), str(DRIVERS / driver), str(ground)],
                env=_environment(home, endpoint, token) | {"CLIENT": self.name},
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=DRIVER_TIMEOUT_S,
                check=False,
            )
            assert done.returncode == 0, done.stderr[-3000:]
            for line in done.stdout.splitlines():
                name, result, fact = line.split("\t")
                found[name] = Outcome(result, fact)
        return found

    def _interpreter(self, driver: str) -> str:
        if driver.endswith(".mjs"):
            return shutil.which("node") or "node"
        return str(self.environment / "bin" / "python") if self.environment else sys.executable


def _environment(home: Path, endpoint: str, token: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "TMPDIR"}}
    return kept | {
        "LANG": "C.UTF-8",
        "HOME": str(home),
        "HF_HOME": str(home),
        "HF_ENDPOINT": endpoint,
        "HF_TOKEN": token,
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        "HF_HUB_DISABLE_XET": "1",
        "NO_COLOR": "1",
        "COLUMNS": "1000",
    }


def hub_library(version: str) -> Client:
    """One version of the Hub's client library and its command, in an environment of their own."""
    return Client(
        name=f"huggingface_hub {version}",
        heading=f"hub {version}",
        drivers=("python_library.py", "faults_library.py", "uploads_library.py", "command_line.py"),
        environment=ENVIRONMENTS / version,
    )


def node_version(package: str) -> str:
    """Return the version of a package that the lock file pins."""
    lock = json.loads((ROOT / "package-lock.json").read_text())
    version: str = lock["packages"][f"node_modules/{package}"]["version"]
    return version


TRANSFORMERS = importlib.metadata.version("transformers")
CLIENTS = (
    *(hub_library(version) for version in ("0.24.7", "0.36.2", "1.29.0", "2.4.0")),
    Client("transformers", f"transformers {TRANSFORMERS}", ("transformers_library.py",)),
    Client("huggingface.js", f"huggingface.js {node_version('@huggingface/hub')}", ("huggingface_js.mjs",)),
    Client("curl", "curl", ("tool_curl.py", "faults_tools.py")),
    Client("aria2", "aria2", ("tool_aria2.py", "faults_tools.py")),
)
