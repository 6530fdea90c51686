"""What the embedded object store keeps in its folder: secrets, configuration, ports; and who may use it.

All files are readable by the owner only and replaced in one step.
"""

import contextlib
import fcntl
import json
import os
import random
import secrets
import socket
from dataclasses import asdict, astuple, dataclass, field
from pathlib import Path
from typing import IO

from registry.kernel.outcomes import GatehouseError, Unavailable

BUCKET = "gatehouse"

GRPC_OFFSET = 10_000
"""SeaweedFS opens `port + 10000` for gRPC beside each port; both stay below the ephemeral range."""

_PORT_FIRST, _PORT_LAST = 10_240, 21_999


@dataclass(frozen=True, slots=True, kw_only=True)
class StorePorts:
    """The ports of one store on 127.0.0.1; each has its gRPC port 10,000 above."""

    s3: int
    master: int
    volume: int
    filer: int
    admin: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCredentials:
    """Secrets of one store; made once, kept for its life."""

    access_key: str
    secret_key: str = field(repr=False)
    sse_passphrase: str = field(repr=False)


def take_folder(folder: Path) -> IO[bytes]:
    """Return the lock that keeps every other process off `folder` until it is closed."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    # The file is not inherited by the store, so the lock ends with this process at the latest.
    lock = open_private(folder / "lock", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise GatehouseError(f"another process uses the object store folder {folder}") from None
    return lock


def load_or_make_credentials(folder: Path) -> StoreCredentials:
    """Return the secrets of the store in `folder`; the first call makes them."""
    file = folder / "credentials.json"
    try:
        return StoreCredentials(**json.loads(file.read_bytes()))
    except FileNotFoundError:
        made = StoreCredentials(
            access_key="GATEHOUSE" + secrets.token_hex(6).upper(),
            secret_key=secrets.token_urlsafe(30),
            sse_passphrase=secrets.token_urlsafe(30),
        )
        write_private(file, json.dumps(asdict(made)))
        return made
    except (ValueError, TypeError):
        raise GatehouseError(
            f"{file} is not what the embedded store wrote; restore it from a backup"
        ) from None


def write_configuration(folder: Path, credentials: StoreCredentials) -> None:
    """Write what SeaweedFS reads at start: one identity for one bucket, and keys for its inner doors."""
    (folder / "data").mkdir(mode=0o700, exist_ok=True)
    identity = {
        "name": "gatehouse",
        "credentials": [{"accessKey": credentials.access_key, "secretKey": credentials.secret_key}],
        "actions": [f"Read:{BUCKET}", f"Write:{BUCKET}"],
    }
    write_private(folder / "identities.json", json.dumps({"identities": [identity]}))
    # The parts that use these keys run in one process, so new ones at every start do no harm.
    sections = ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")
    lines = [f'[{section}]\nkey = "{secrets.token_urlsafe(32)}"\n' for section in sections]
    lines.append("[access]\nui = false\n")
    write_private(folder / "security.toml", "\n".join(lines))


def choose_ports(folder: Path, *, fresh: bool = False) -> StorePorts:
    """Return the ports of the last run if they are free and not to be `fresh`, or else new ones; remember them."""
    file = folder / "ports.json"
    with contextlib.suppress(FileNotFoundError, ValueError, TypeError):
        known = StorePorts(**json.loads(file.read_bytes()))
        if not fresh and all(_is_free(port) for port in astuple(known)):
            return known
    candidates = random.SystemRandom().sample(range(_PORT_FIRST, _PORT_LAST), 200)
    free = (port for port in candidates if _is_free(port))
    try:
        chosen = StorePorts(
            s3=next(free), master=next(free), volume=next(free), filer=next(free), admin=next(free)
        )
    except StopIteration:
        raise Unavailable("object store", "no free ports on 127.0.0.1") from None
    write_private(file, json.dumps(asdict(chosen)))
    return chosen


def _is_free(port: int) -> bool:
    for number in (port, port + GRPC_OFFSET):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", number))
            except OSError:
                return False
    return True


def open_private(file: Path, flags: int) -> IO[bytes]:
    """Open `file` for appending or writing; if it is made, only the owner can read it."""
    return os.fdopen(os.open(file, flags | os.O_CLOEXEC, 0o600), "wb")


def write_private(file: Path, text: str) -> None:
    """Replace `file` in one step; only the owner can ever read it."""
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with open_private(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY) as sink:
        sink.write(text.encode())
        sink.flush()
        os.fsync(sink.fileno())
    draft.replace(file)
