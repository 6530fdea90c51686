"""Servers shared by all workers of one test run.

The first worker that needs a server starts a *keeper* process for it; the others find its address in the run
folder. A keeper ends its server when the run's first process (the controller under pytest-xdist) says so or
is gone, however it went.
"""

import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 90
STOP_TIMEOUT_S = 20


class ServerUnavailable(Exception):
    """The server cannot run on this machine; the text says why, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One test run: its folder and the process whose end is the end of the run."""

    folder: Path
    root_pid: int

    @contextlib.contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Let one worker at a time do `name`."""
        with (self.folder / f"{name}.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def server(self, kind: str) -> dict[str, Any]:
        """Return the address of the shared server; start it if this is the first call of the run."""
        with self.locked(kind):
            record = self.folder / f"{kind}.json"
            if not record.exists():
                record.write_text(json.dumps(self._start(kind)))
            address = json.loads(record.read_text())
        if "unavailable" in address:
            raise ServerUnavailable(address["unavailable"])
        return address

    def stop_servers(self) -> None:
        """End every keeper that this run started."""
        keepers = []
        for record in self.folder.glob("*.json"):
            address = json.loads(record.read_text())
            if "keeper_pid" in address:
                with contextlib.suppress(ProcessLookupError):
                    keepers.append(os.pidfd_open(address["keeper_pid"]))
        for keeper in keepers:
            signal.pidfd_send_signal(keeper, signal.SIGTERM)
        for keeper in keepers:
            select.select([keeper], [], [], STOP_TIMEOUT_S)
            os.close(keeper)

    def _start(self, kind: str) -> dict[str, Any]:
        with (self.folder / f"{kind}.log").open("ab") as log:
            keeper = subprocess.Popen(
                [sys.executable, "-m", "tests.servers.keeper", kind, str(self.folder), str(self.root_pid)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches the test run, which ends the keeper
            )
        assert keeper.stdout is not None
        readable, _, _ = select.select([keeper.stdout], [], [], START_TIMEOUT_S)
        line = keeper.stdout.readline() if readable else b""
        keeper.stdout.close()
        if not line:
            keeper.kill()
            keeper.wait()
            tail = (self.folder / f"{kind}.log").read_text(errors="replace")[-4000:]
            raise RuntimeError(f"the test server {kind} did not start:\n{tail}")
        # The keeper outlives this object on purpose; without a code, its end would be a ResourceWarning.
        keeper.returncode = 0
        return json.loads(line)
