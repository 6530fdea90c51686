"""What the measures stand on: durable databases, the service in a process of its own, people who have accepted."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unittest.mock import patch
from urllib.request import ProxyHandler, build_opener
from uuid import uuid4

import psycopg
from sqlalchemy.engine import make_url
from sqlmodel import Session

from registry import acceptances, catalog, identity
from registry.catalog.domain import ModelView
from registry.delivery.seaweedfs import StoreAddress
from registry.identity.domain import Principal, Scope
from registry.kernel.clock import SystemClock
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from registry.kernel.sealing import Sealer
from registry.settings import PREFIX
from tests.bench.service import BARE_PATH
from tests.servers import postgres
from tests.servers.processes import ROOT
from tests.servers.schema import migrate
from tests.world import BASE_URL, MASTER_SECRET, World

DURABLE = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "autovacuum": "on",
    "shared_buffers": "256MB",
    "log_min_messages": "panic",
}
"""PostgreSQL as it runs in earnest; the tests' server is not durable."""
PEOPLE_PER_TRANSACTION = 100
READY_TIMEOUT_S = 60
NOWHERE = StoreAddress(
    endpoint="http://127.0.0.1:9",
    bucket="gatehouse",
    region="us-east-1",
    access_key="AKEXAMPLE",
    secret_key="secret",
)
"""A store that is only signed for, where no byte of it is fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is measured."""

    people: int
    rounds: int
    load_seconds: int
    accepts_per_caller: int
    file_bytes: int
    exported: int
    few: int
    many: int


FULL = Scale(
    people=1_000,
    rounds=5,
    load_seconds=5,
    accepts_per_caller=50,
    file_bytes=1 << 30,
    exported=100_000,
    few=10_000,
    many=1_000_000,
)
QUICK = Scale(
    people=500,
    rounds=3,
    load_seconds=2,
    accepts_per_caller=20,
    file_bytes=128 << 20,
    exported=3_000,
    few=1_000,
    many=20_000,
)


class Ground:
    """One run: its folder, and the servers that were started for it."""

    def __init__(self, scale: Scale) -> None:
        self.scale = scale
        self.folder = Path(tempfile.mkdtemp(prefix="gatehouse-bench-"))
        self._postgres: tuple[postgres.PostgresServer, str] | None = None

    def close(self) -> None:
        """End what was started and remove every file."""
        if self._postgres is not None:
            self._postgres[0].stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextlib.contextmanager
    def database(self, kind: str) -> Iterator[str]:
        """Give the URL of a migrated, durable database; it goes when the measure is done.

        Raises:
            ServerUnavailable: PostgreSQL is not installed.
        """
        name = f"bench_{uuid4().hex[:12]}"
        if kind == "SQLite":
            folder = self.folder / name
            folder.mkdir()
            url = f"sqlite:///{folder / 'gatehouse.db'}"
            migrate(url)
            yield url
            shutil.rmtree(folder)
            return
        server = self._postgres_url()
        url = make_url(server).set(database=name).render_as_string(hide_password=False)
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
            migrate(url)
            yield url
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _postgres_url(self) -> str:
        if self._postgres is None:
            server = postgres.PostgresServer(self.folder)
            with patch.dict(postgres.SETTINGS, DURABLE):
                self._postgres = (server, server.start()["url"])
        return self._postgres[1]

    @contextlib.contextmanager
    def service(self, database_url: str, *, store: StoreAddress = NOWHERE) -> Iterator["Service"]:
        """Run the service over this database, ended on the way out."""
        port = free_port()
        base_url = f"http://127.0.0.1:{port}"
        environment = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
        given = {
            "base_url": base_url,
            "data_dir": str(self.folder / "data"),
            "database_url": database_url,
            "master_key": MASTER_SECRET.hex(),
            "s3_endpoint": store.endpoint,
            "s3_bucket": store.bucket,
            "s3_region": store.region,
            "s3_access_key": store.access_key,
            "s3_secret_key": store.secret_key,
        }
        environment |= {PREFIX + key.upper(): value for key, value in given.items()}
        with (self.folder / f"service-{port}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.bench.service", str(port)],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                wait_until_ready(f"{base_url}{BARE_PATH}", process, Path(log.name))
                yield Service(base_url=base_url, process_id=process.pid)
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The running service."""

    base_url: str
    process_id: int

    def worker_ids(self) -> list[int]:
        """Return the processes that answer requests: the children of the server's own."""
        children = Path(f"/proc/{self.process_id}/task/{self.process_id}/children").read_text().split()
        return [int(child) for child in children if "resource_tracker" not in _command(int(child))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A gated model with one large file, in a database."""

    world: World
    model: ModelView
    owner: Principal
    path: str
    commit: str

    @property
    def file_path(self) -> str:
        """Path of the large file under its 40-hex commit, as the Hub's client asks after its first request."""
        return f"/{self.model.repo_id}/resolve/{self.commit}/{self.path}"


def open_scene(database: Database) -> Scene:
    """Publish a license and a gated model with a large file that only its presigned URL gives."""
    world = World(database=database, clock=SystemClock(), sealer=Sealer(MASTER_SECRET))
    model = world.gated_model()
    release = world.read(lambda session: catalog.find_current_release(session, model.id))
    return Scene(
        world=world,
        model=model,
        owner=world.person("owner@quarry.example"),
        path="model.safetensors",
        commit=release.commit,
    )


def add_people(
    scene: Scene, count: int, *, prefix: str, accept: bool, scopes: Sequence[Scope] = (Scope.READ,)
) -> tuple[list[Principal], list[str]]:
    """Return `count` people and a token of each; with `accept` each has accepted the license, by the real use case."""
    world, people, tokens = scene.world, [], []

    def add(session: Session, numbers: range) -> None:
        for number in numbers:
            person_id = identity.ensure_person(
                session, email=f"{prefix}{number}@nordlab.example", sealer=world.sealer, now=world.now
            )
            created = identity.create_token(
                session, person_id=person_id, name="bench", scopes=frozenset(scopes), days=30, now=world.now
            )
            assert not isinstance(created, Refusal)
            people.append(signed_in(person_id, world))
            tokens.append(created[1])

    for first in range(0, count, PEOPLE_PER_TRANSACTION):
        numbers = range(first, min(count, first + PEOPLE_PER_TRANSACTION))
        world.database.write_now(partial(add, numbers=numbers))
    if accept:
        for first in range(0, count, PEOPLE_PER_TRANSACTION):
            accept_all(scene, people[first : first + PEOPLE_PER_TRANSACTION])
    return people, tokens


def accept_all(scene: Scene, people: Sequence[Principal]) -> None:
    """Let everybody accept, in one transaction."""
    world = scene.world
    commands = [(person, world.act(person, scene.model)) for person in people]

    def work(session: Session) -> None:
        for person, command in commands:
            outcome = acceptances.accept(
                session,
                command,
                principal=person,
                model=scene.model,
                issuer=BASE_URL,
                sign=world.sign,
                sealer=world.sealer,
                now=world.now,
            )
            assert not isinstance(outcome, Refusal), outcome

    world.database.write_now(work)


def signed_in(person_id: object, world: World) -> Principal:
    """Return the person as signed in in a browser."""
    return Principal(
        person_id=person_id,  # type: ignore[arg-type] # a UUID
        channel=identity.domain.Channel.SESSION,
        scopes=frozenset(Scope),
        session_id=uuid4().hex * 2,
        signed_in_at=world.now,
    )


def resident_bytes(process_id: int) -> int:
    """Return how much memory a process holds now."""
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the process has no memory: it has ended")


def _command(process_id: int) -> str:
    return Path(f"/proc/{process_id}/cmdline").read_text().replace("\0", " ")


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the process answers there; raise with its log if it ends, or takes too long."""
    opener = build_opener(ProxyHandler({}))
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), opener.open(url, timeout=5) as answer:
            answer.read()
            return
        time.sleep(0.05)
    raise RuntimeError(f"the service did not start:\n{log.read_text(errors='replace')[-4000:]}")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
