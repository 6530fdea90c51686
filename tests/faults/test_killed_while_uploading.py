"""`kill -9` while the Hub's own client uploads: nothing half-published is seen, and the same command completes it."""

import contextlib
import hashlib
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import update
from sqlmodel import select

from registry import audit, catalog
from registry.catalog.tables import Model, ModelDraft, Release, Upload
from registry.delivery.seaweedfs import StoreAddress
from registry.identity.domain import Scope
from registry.kernel.clock import SystemClock
from registry.kernel.database import Database
from tests.e2e.hub.conftest import HubClient
from tests.e2e.hub.proxy import Fault, Proxy
from tests.e2e.hub.scene import HubWorld, safetensors
from tests.faults.serving import Service, free_port, started, wait_until, wait_until_up
from tests.world import TEXT_10

REPO = "quarry/new"
LARGE_BYTES = 17 * 1024 * 1024
"""More than one part, so that the upload has a completion."""
CARD = b"---\nlicense_name: sample-openrail-m@1.0\n---\n# New\n"


@dataclass
class Killer:
    """Kills the served registry when it asks the store for something, and starts it again."""

    folder: Path
    database_url: str
    store: StoreAddress
    storage: Proxy
    port: int = field(default_factory=free_port)
    service: Service | None = None
    kills: int = 0

    @contextlib.contextmanager
    def serving(self) -> Iterator[Service]:
        """A registry on the same port as before."""
        settings: dict[str, Any] = {"s3_public_endpoint": self.store.endpoint}
        behind = replace(self.store, endpoint=self.storage.url)
        with started(self.folder, self.database_url, behind, port=self.port, **settings) as service:
            wait_until_up(service)
            self.service = service
            yield service

    def kill_at(self, method: str, part: str) -> None:
        """Let the next such request to the store be the registry's last, and never reach the store."""
        self.storage.faults.append(Fault(part=part, method=method, before_asking=True, then=self.kill))

    def kill(self) -> None:
        assert self.service is not None
        for process in [self.service.process.pid, *self.service.worker_ids()]:
            os.kill(process, signal.SIGKILL)
        self.kills += 1


@pytest.fixture
def killer(tmp_path: Path, sqlite_template: Path, object_store_address: StoreAddress) -> Iterator[Killer]:
    address = urlsplit(object_store_address.endpoint)
    assert address.hostname is not None
    assert address.port is not None
    storage = Proxy((address.hostname, address.port))
    (tmp_path / "gatehouse.db").write_bytes(sqlite_template.read_bytes())
    url = f"sqlite:///{tmp_path / 'gatehouse.db'}"
    yield Killer(folder=tmp_path, database_url=url, store=object_store_address, storage=storage)
    storage.close()


@pytest.fixture
def world(killer: Killer) -> Iterator[HubWorld]:
    database = Database(killer.database_url)
    made = HubWorld(database=database, clock=SystemClock())
    _ = made.keys
    made.license("1.0", TEXT_10, "initial")
    made.publisher(made.person("owner@quarry.example"))
    yield made
    database.close()


def published(world: HubWorld) -> int:
    def count(session: Any) -> int:
        models, releases = session.exec(select(Model.id)).all(), session.exec(select(Release.id)).all()
        assert bool(models) is bool(releases)
        return len(releases)

    found: int = world.read(count)
    return found


def let_leases_end(world: HubWorld) -> None:
    """As if a minute had passed: what a killed worker had taken to verify is free, and whoever asks now need not wait."""
    ended = world.now - timedelta(seconds=1)
    world.write(lambda session: session.exec(update(Upload).values(lease_until=ended)))


@pytest.mark.hub
@pytest.mark.timeout(300)
def test_an_upload_survives_every_kill(killer: Killer, world: HubWorld, tmp_path: Path) -> None:
    """While an upload in parts is completed, and in the middle of the commit (threat C4)."""
    folder = tmp_path / "folder"
    folder.mkdir()
    files = {
        "README.md": CARD,
        "tiny.bin": b"\x00tiny" + os.urandom(64),
        "model.safetensors": safetensors(LARGE_BYTES)[:-16] + os.urandom(16),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    token = world.token(world.person("owner@quarry.example"), Scope.READ, Scope.PUBLISH)

    def client_of(service: Service) -> HubClient:
        client = HubClient(Path(sys.prefix), tmp_path / "home", service.url)
        client.environment |= {"HF_TOKEN": token, "HF_HUB_DISABLE_XET": "1"}
        return client

    tiny = hashlib.sha256(files["tiny.bin"]).hexdigest()
    for method, part in (("GET", "uploadId="), ("PUT", tiny)):
        with killer.serving() as service:
            killer.kill_at(method, part)
            # The client goes with it: it would ask for half a minute more.
            with client_of(service).started("upload", REPO, str(folder), "."):
                wait_until(lambda: service.process.poll() is not None, f"not killed at {method} {part}")
        assert published(world) == 0
        let_leases_end(world)
    assert killer.kills == 2
    with killer.serving() as service:
        done = client_of(service).hf("upload", REPO, str(folder), ".")
        assert done.code == 0, done.text
    assert published(world) == 1
    assert world.read(lambda session: session.exec(select(ModelDraft.id)).all()) == []
    release = world.read(catalog.find_current_release, model_id=world.model(world.person(), name="new").id)
    listed = world.read(catalog.list_files, release_id=release.id)
    assert {file.path: file.sha256 for file in listed} == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items()
    }
    world.integrate()
    assert world.read(audit.find_discrepancies, sealer=world.sealer) == []
