"""The object store refuses, fails, stalls or breaks off: what needs it is refused plainly, the rest goes on."""

import hashlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlmodel import select

from registry.acceptances import AcceptanceSummary
from registry.catalog import uploads
from registry.catalog.domain import LEASE, PlannedFile, UploadState
from registry.catalog.jobs import verify_waiting
from registry.catalog.tables import Blob, Upload
from registry.delivery.presign import Addressing
from registry.delivery.s3 import S3ObjectStore
from registry.delivery.seaweedfs import StoreAddress
from registry.delivery.tables import DownloadRecord
from registry.identity.domain import Principal, Scope
from registry.kernel.clock import SystemClock
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from tests.clock import SettableClock
from tests.e2e.hub.scene import HubWorld
from tests.faults.serving import Service, cookie_of, is_outage, served, started
from tests.faults.tap import Fault, Tap, Trouble
from tests.world import World

TROUBLES = [
    Trouble(Fault.REFUSE),
    Trouble(Fault.ANSWER, status=500),
    Trouble(Fault.ANSWER, status=503),
    Trouble(Fault.STALL),
    Trouble(Fault.CUT),
]
MODEL = "quarry/quarry-15b"
ONE_PART = b"the only part of an upload that was begun before the outage\n"
ANSWER_WITHIN_S = 15
"""Three tries of one second of silence each, and the pauses between them."""


@dataclass
class Scene:
    """A served registry over the tapped store, a publisher with an upload under way, and a user who accepted."""

    service: Service
    tap: Tap
    world: HubWorld
    owner: Principal
    publisher_token: str
    user_token: str
    outsider_token: str
    upload: dict[str, Any]

    def records(self) -> int:
        return len(self.world.read(lambda session: session.exec(select(DownloadRecord.id)).all()))


@pytest.fixture(scope="module")
def scene(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, tapped_store: tuple[Tap, StoreAddress]
) -> Iterator[Scene]:
    tap, address = tapped_store
    folder = tmp_path_factory.mktemp("store-faults")
    (folder / "gatehouse.db").write_bytes(sqlite_template.read_bytes())
    url = f"sqlite:///{folder / 'gatehouse.db'}"
    with served(folder, url, address, s3_timeout_seconds=1) as service:
        database = Database(url)
        world = HubWorld(database=database, clock=SystemClock(), store=through(address))
        world.keeps_bytes = True
        model = world.gated_model()
        owner, user = world.person("owner@quarry.example"), world.person()
        assert isinstance(world.accept(user, model), AcceptanceSummary)
        token = world.token(owner, Scope.READ, Scope.PUBLISH)
        with service.program(token) as client:
            upload = plan(client, ONE_PART).json()["uploads"][0]
            signed = client.post(f"/api/v1/uploads/{upload['id']}/parts", json={"numbers": [1]}).json()
            sent = httpx2.put(signed["parts"][0]["url"], content=ONE_PART, trust_env=False)
            assert sent.status_code == 200
        yield Scene(
            service=service,
            tap=tap,
            world=world,
            owner=owner,
            publisher_token=token,
            user_token=world.token(user),
            outsider_token=world.token(world.person("outsider@elsewhere.example")),
            upload=upload,
        )
        database.close()


def through(address: StoreAddress, *, prefix: str = "") -> S3ObjectStore:
    return S3ObjectStore(
        endpoint=address.endpoint,
        bucket=address.bucket,
        region=address.region,
        access_key=address.access_key,
        secret_key=address.secret_key,
        addressing=Addressing.PATH,
        clock=SystemClock(),
        prefix=prefix,
        timeout_s=0.5,
    )


def plan(client: httpx2.Client, content: bytes) -> httpx2.Response:
    file = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    return client.post(f"/api/v1/models/{MODEL}/uploads", json={"files": [file]})


@pytest.mark.parametrize("trouble", TROUBLES, ids=str)
def test_an_outage_is_told_plainly_and_ends_by_itself(scene: Scene, trouble: Trouble) -> None:
    scene.service.wait_until_ready()
    upload_id = scene.upload["id"]
    with scene.service.program(scene.publisher_token) as client, ThreadPoolExecutor(6) as threads:
        new = plan(client, f"begun during {trouble}".encode()).json()["uploads"][0]["id"]
        with scene.tap.failing(trouble):
            started_at = time.monotonic()
            asked = [
                threads.submit(plan, client, ONE_PART),
                threads.submit(client.get, f"/api/v1/uploads/{upload_id}"),
                threads.submit(client.post, f"/api/v1/uploads/{upload_id}/complete"),
                threads.submit(client.post, f"/api/v1/uploads/{new}/parts", json={"numbers": [1]}),
            ]
            ready = threads.submit(scene.service.readiness)
            for answer in asked:
                is_outage(answer.result())
            status, parts = ready.result()
            assert time.monotonic() - started_at < ANSWER_WITHIN_S
            assert status == 503
            assert parts["database"] == "ok"
            assert parts["object store"] != "ok"
            assert client.get("/health/live").status_code == 200
        scene.service.wait_until_ready()
        opened = client.get(f"/api/v1/uploads/{upload_id}").json()
        assert opened["state"] == "open"
        assert [part["size"] for part in opened["parts"]] == [len(ONE_PART)]


@pytest.mark.parametrize("trouble", TROUBLES, ids=str)
def test_files_go_on_since_neither_gate_nor_record_nor_signature_needs_the_store(
    scene: Scene, trouble: Trouble
) -> None:
    path = f"/{MODEL}/resolve/main"
    before = scene.records()
    with (
        scene.tap.failing(trouble),
        scene.service.program(scene.user_token) as user,
        scene.service.program(scene.outsider_token) as outsider,
    ):
        assert user.head(f"{path}/model.safetensors").status_code == 200
        link = user.get(f"{path}/model.safetensors")
        assert link.status_code == 302
        assert link.headers["location"].startswith(scene.tap.url)
        small = user.get(f"{path}/config.json")
        assert (small.status_code, small.content) == (200, b'{"hidden_size": 8}\n')
        refused = outsider.get(f"{path}/model.safetensors")
        assert (refused.status_code, refused.headers["x-error-code"]) == (403, "GatedRepo")
        assert "location" not in refused.headers
    assert scene.records() == before + 2
    given = httpx2.get(link.headers["location"], trust_env=False)
    assert given.status_code == 200, "the link is good as soon as the store is"


def test_a_stalled_store_holds_up_no_page_and_no_check(scene: Scene) -> None:
    scene.service.wait_until_ready()
    with scene.service.program(scene.publisher_token) as client, ThreadPoolExecutor(24) as threads:
        with scene.tap.failing(Trouble(Fault.STALL)):
            waiting = [threads.submit(plan, client, ONE_PART) for _ in range(24)]
            with scene.service.client(Accept="text/html") as visitor:
                for page in ("/", f"/{MODEL}", "/licenses/sample-openrail-m/1.0"):
                    assert visitor.get(page).status_code == 200
            assert not any(one.done() for one in waiting)
            assert scene.service.readiness()[1]["database"] == "ok"
            for one in waiting:
                is_outage(one.result())
        scene.service.wait_until_ready()


def test_the_publishers_page_shows_what_it_knows_without_the_store(scene: Scene) -> None:
    with (
        scene.tap.failing(Trouble(Fault.REFUSE)),
        scene.service.client(Accept="text/html", Cookie=cookie_of(scene.world, scene.owner)) as browser,
    ):
        page = browser.get("/manage/quarry")
    assert page.status_code == 200
    assert "quarry-15b" in page.text


@pytest.mark.parametrize("trouble", [Trouble(Fault.REFUSE), Trouble(Fault.STALL)], ids=str)
def test_the_service_does_not_start_over_a_store_that_it_cannot_check(
    tmp_path: Path, tapped_store: tuple[Tap, StoreAddress], trouble: Trouble
) -> None:
    tap, address = tapped_store
    with tap.failing(trouble), started(tmp_path, "", address, s3_timeout_seconds=1) as service:
        assert service.process.wait(30) == 1
    said = service.log.read_text()
    assert "gatehouse serve: object store is unavailable" in said
    assert "Traceback" not in said
    assert address.secret_key not in said
    assert not (tmp_path / "gatehouse.db").exists(), "nothing is migrated before the store has been checked"


# Verification


class Uploading:
    """A publisher whose upload waits for its verification, over the tapped store."""

    CONTENT = bytes(range(256)) * 4096

    def __init__(self, database: Database, clock: SettableClock, store: S3ObjectStore) -> None:
        self.world = World(database=database, clock=clock)
        self.store = store
        self.owner = self.world.person("owner@quarry.example")
        self.world.publisher(self.owner)

    async def wait_for_verification(self) -> None:
        world, database = self.world, self.world.database
        file = PlannedFile(sha256=hashlib.sha256(self.CONTENT).hexdigest(), size=len(self.CONTENT))
        (planned,) = world.write(
            uploads.plan_uploads,
            publisher="quarry",
            name="quarry-15b",
            files=[file],
            principal=self.owner,
            now=world.now,
        )
        signed = await uploads.sign_parts(database, self.store, planned.upload.id, [1], principal=self.owner)
        assert not isinstance(signed, Refusal)
        assert httpx2.put(signed[0][1], content=self.CONTENT, trust_env=False).status_code == 200
        done = await uploads.complete_upload(database, self.store, planned.upload.id, principal=self.owner)
        assert not isinstance(done, Refusal)

    async def verify(self) -> None:
        """One look of the worker, after every pause and lease has passed."""
        self.world.clock.advance(LEASE)
        await verify_waiting(self.world.database, self.store, clock=self.world.clock)

    @property
    def state(self) -> UploadState:
        found: UploadState = self.world.read(lambda session: session.exec(select(Upload.state)).one())
        return found

    @property
    def blobs(self) -> list[str]:
        return list(self.world.read(lambda session: session.exec(select(Blob.sha256)).all()))


@pytest.mark.parametrize("trouble", [*TROUBLES, Trouble(Fault.CUT, after_bytes=300_000)], ids=str)
async def test_verification_waits_for_the_store_and_never_takes_half_for_whole(
    database: Database,
    clock: SettableClock,
    tapped_store: tuple[Tap, StoreAddress],
    trouble: Trouble,
    tmp_path: Path,
) -> None:
    tap, address = tapped_store
    uploading = Uploading(database, clock, through(address, prefix=f"{tmp_path.name}{database.dialect}/"))
    await uploading.wait_for_verification()
    with tap.failing(trouble):
        await uploading.verify()
        assert uploading.state is UploadState.VERIFYING
        assert uploading.blobs == []
    await uploading.verify()
    assert uploading.state is UploadState.STORED
    assert uploading.blobs == [hashlib.sha256(uploading.CONTENT).hexdigest()]
