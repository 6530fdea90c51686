"""A served registry with a real object store, asked by the Hub's own client in processes of its own.

Both are reached through proxies that take note of what passes. The scene is set in the registry's database
from here; the client knows nothing but `HF_ENDPOINT` and `HF_TOKEN`.
"""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from sqlmodel import select

from registry.acceptances import AcceptanceSummary
from registry.catalog.domain import ModelView
from registry.delivery.presign import Addressing
from registry.delivery.s3 import S3ObjectStore
from registry.delivery.seaweedfs import StoreAddress
from registry.delivery.tables import DownloadRecord
from registry.identity.domain import Principal
from registry.kernel.clock import SystemClock
from registry.kernel.database import Database
from registry.licenses import ChangeClass, PublishVersion, publish_version
from tests.e2e.hub.proxy import Proxy
from tests.e2e.hub.scene import HubWorld, same_weights_everywhere
from tests.servers.providers import Account, LoopbackProvider
from tests.world import MASTER_SECRET, TEXT_10

ROOT = Path(__file__).resolve().parents[3]
START_TIMEOUT_S = 180
CLIENT_TIMEOUT_S = 110
OLD_CLIENT = ROOT / ".hub-clients" / "0.36.2"
OLD_CLIENT_ABSENT = f"the environment of the older Hub client, {OLD_CLIENT}, is absent (make hub-clients)"


@dataclass
class Registry:
    """The served registry and the way to its database."""

    world: HubWorld
    front: Proxy
    storage: Proxy
    log: Path

    @property
    def url(self) -> str:
        return self.front.url

    def records(self, model: ModelView) -> list[DownloadRecord]:
        query = select(DownloadRecord).where(DownloadRecord.model_id == model.id).order_by("id")
        return list(self.world.read(lambda session: session.exec(query).all()))


@dataclass
class Scene:
    """A publisher of the test's own, with a gated model and a person who may accept."""

    registry: Registry
    owner: Principal
    publisher: Any
    slug: str
    person: Principal
    token: str
    model: ModelView

    @property
    def person_email(self) -> str:
        return f"user-{self.publisher.name}@nordlab.example"

    @property
    def repo(self) -> str:
        return self.model.repo_id

    @property
    def accept_url(self) -> str:
        return f"{self.registry.url}/{self.repo}/accept?license={self.slug}@1.0"

    def accept(self, **changes: Any) -> AcceptanceSummary:
        world = self.registry.world
        model = world.model(self.person, self.publisher.name, self.model.name)
        accepted = world.accept(self.person, model, **changes)
        assert isinstance(accepted, AcceptanceSummary), accepted
        return accepted


class Stage:
    """Makes scenes; each with names of its own."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def scene(self, *, files: dict[str, bytes] | None = None, private: bool = False) -> Scene:
        world = self._registry.world
        word = f"t{uuid4().hex[:10]}"
        owner = world.person(f"owner-{word}@quarry.example")
        publisher = world.publisher(owner, word)
        slug = f"{word}-openrail-m"
        command = PublishVersion(
            slug=slug,
            number="1.0",
            change_class=ChangeClass.INITIAL,
            text=TEXT_10 + word.encode() + b"\n",
            title=f"{word} OpenRAIL-M",
        )
        world.write(publish_version, command=command, now=world.now, by=None)
        model = world.release(
            owner, publisher, name="demo-model", requires=(f"{slug}@1.0",), files=files, private=private
        )
        person = world.person(f"user-{word}@nordlab.example")
        return Scene(
            registry=self._registry,
            owner=owner,
            publisher=publisher,
            slug=slug,
            person=person,
            token=world.token(person),
            model=model,
        )


@dataclass
class Outcome:
    """What a client's process came to."""

    code: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        return self.stdout + self.stderr


class Running:
    """A command of the client that goes on, and what it has said so far."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.said = ""

    def wait_for(self, pattern: str) -> str:
        """Return the first words that fit; the command must say them before it ends."""
        assert self._process.stdout is not None
        while not (found := re.search(pattern, self.said)):
            line = self._process.stdout.readline()
            assert line, self.said
            self.said += line
        return found.group(0)

    def finish(self) -> int:
        """Return the exit code, after the command's last words."""
        # Not `communicate`: it reads beside the buffer, in which more than one line may have come.
        assert self._process.stdout is not None
        with self._process.stdout as pipe:
            self.said += pipe.read()
        return self._process.wait(timeout=CLIENT_TIMEOUT_S)


class HubClient:
    """One version of the Hub's client with a home of its own."""

    def __init__(self, environment: Path, home: Path, endpoint: str, *, shows_warnings: bool = True) -> None:
        self.home = home
        self.shows_warnings = shows_warnings
        self.cache = home / "hub"
        self._bin = environment / "bin"
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "TMPDIR"}}
        self.environment = kept | {
            "HOME": str(home),
            "HF_HOME": str(home),
            "HF_ENDPOINT": endpoint,
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_UPDATE_CHECK": "1",
            "NO_COLOR": "1",
            "COLUMNS": "1000",
        }

    def hf(self, *arguments: str, token: str | None = None, **changes: str) -> Outcome:
        """Run the `hf` command."""
        return self._run([str(self._bin / "hf"), *arguments], token, changes)

    def python(self, expression: str, *, token: str | None = None, **changes: str) -> Any:
        """Return what an expression over `huggingface_hub` (imported as `hub`) comes to, or its error as a dict."""
        outcome = self._run([str(self._bin / "python"), "-c", _SCRIPT, expression], token, changes)
        assert outcome.code == 0, outcome.text
        return json.loads(outcome.stdout.splitlines()[-1]) | {"stderr": outcome.stderr}

    @contextlib.contextmanager
    def started(self, *arguments: str) -> Iterator["Running"]:
        """Give an `hf` command that runs, while it runs."""
        process = subprocess.Popen(
            [str(self._bin / "hf"), *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield Running(process)
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()

    def blobs(self, repo: str) -> Path:
        return self.cache / f"models--{repo.replace('/', '--')}" / "blobs"

    def _run(self, command: list[str], token: str | None, changes: dict[str, str]) -> Outcome:
        environment = self.environment | changes | ({"HF_TOKEN": token} if token else {})
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=CLIENT_TIMEOUT_S, check=False
        )
        return Outcome(done.returncode, done.stdout, done.stderr)


_SCRIPT = """
import json, sys
import huggingface_hub as hub
from huggingface_hub import HfApi
api = HfApi()
def plain(value):
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)) or hasattr(value, "__next__"):
        return [plain(item) for item in value]
    return plain(vars(value)) if hasattr(value, "__dict__") else str(value)
try:
    answer = {"value": plain(eval(sys.argv[1]))}
except Exception as error:
    answer = {"error": type(error).__name__, "text": str(error)}
print(json.dumps(answer))
"""


@pytest.fixture(scope="session")
def provider() -> Iterator[LoopbackProvider]:
    """Where people have an account that gives away a name and no address."""
    running = LoopbackProvider(clock=SystemClock(), account=Account(email=None, name="newcomer"))
    yield running
    running.close()


@pytest.fixture(scope="session")
def registry(
    tmp_path_factory: pytest.TempPathFactory,
    sqlite_template: Path,
    object_store_address: StoreAddress,
    provider: LoopbackProvider,
) -> Iterator[Registry]:
    """The registry, served as `gatehouse serve` serves it."""
    folder = tmp_path_factory.mktemp("registry")
    providers = folder / "providers.toml"
    providers.write_text(provider.preset("huggingface"))
    store = urlsplit(object_store_address.endpoint)
    assert store.hostname is not None
    assert store.port is not None
    storage = Proxy((store.hostname, store.port))
    port = _free_port()
    front = Proxy(("127.0.0.1", port))
    settings = {
        "BASE_URL": front.url,
        "DATA_DIR": str(folder),
        "PROVIDERS_FILE": str(providers),
        "MASTER_KEY": MASTER_SECRET.hex(),
        "S3_ENDPOINT": object_store_address.endpoint,
        "S3_PUBLIC_ENDPOINT": storage.url,
        "S3_BUCKET": object_store_address.bucket,
        "S3_REGION": object_store_address.region,
        "S3_ACCESS_KEY": object_store_address.access_key,
        "S3_SECRET_KEY": object_store_address.secret_key,
    }
    (folder / "gatehouse.db").write_bytes(sqlite_template.read_bytes())
    log = folder / "log"
    environment = os.environ | {f"GATEHOUSE_{name}": value for name, value in settings.items()}
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "registry.cli", "serve", "--host", "127.0.0.1", "--port", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}/health/ready", server, log)
        database = Database(f"sqlite:///{folder / 'gatehouse.db'}")
        world = HubWorld(database=database, clock=SystemClock(), store=_store(object_store_address))
        world.keeps_bytes = True
        yield Registry(world=world, front=front, storage=storage, log=log)
        database.close()
    finally:
        server.terminate()
        server.wait(timeout=30)
        front.close()
        storage.close()


def _store(address: StoreAddress) -> S3ObjectStore:
    return S3ObjectStore(
        endpoint=address.endpoint,
        bucket=address.bucket,
        region=address.region,
        access_key=address.access_key,
        secret_key=address.secret_key,
        addressing=Addressing.PATH,
        clock=SystemClock(),
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(0.1)
    raise RuntimeError(f"the registry did not start:\n{log.read_text(errors='replace')[-4000:]}")


@pytest.fixture
def stage(registry: Registry) -> Stage:
    """Makes scenes."""
    return Stage(registry)


@pytest.fixture(scope="session")
def ready_scene(registry: Registry) -> Scene:
    """A scene that no test changes: the person has accepted."""
    scene = Stage(registry).scene()
    scene.accept()
    return scene


@pytest.fixture(params=["2.4.0", "0.36"])
def client(request: pytest.FixtureRequest, registry: Registry, tmp_path: Path) -> HubClient:
    """Each supported version of the client."""
    if request.param == "0.36":
        if not (OLD_CLIENT / "bin" / "hf").exists():
            pytest.skip(OLD_CLIENT_ABSENT)
        return HubClient(OLD_CLIENT, tmp_path / "home", registry.url, shows_warnings=False)
    return HubClient(Path(sys.prefix), tmp_path / "home", registry.url)


@pytest.fixture
def new_client(registry: Registry, tmp_path: Path) -> HubClient:
    """The client of today, where only it behaves so."""
    return HubClient(Path(sys.prefix), tmp_path / "home", registry.url)


@pytest.fixture(autouse=True)
def shared_weights() -> Iterator[None]:
    """Gates change in some scenes; the weights behind them stand in all."""
    with same_weights_everywhere():
        yield
