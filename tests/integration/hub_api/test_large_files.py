"""Large files go to a real object store by links, and are files of nothing before their bytes are verified."""

import asyncio
import contextlib
import hashlib
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from registry.catalog import jobs
from registry.catalog.domain import PART_MIN_BYTES
from registry.delivery.s3 import S3ObjectStore
from registry.hub_api import commit_api, lfs_api
from registry.identity.domain import Principal, Scope
from registry.kernel.database import Database
from tests.clock import SettableClock
from tests.e2e.hub.scene import HubWorld
from tests.integration.hub_api.conftest import Client
from tests.integration.hub_api.test_commits import bearer, commit, files, head, large, small

LFS = "/quarry/quarry-15b.git/info/lfs/objects"
SMALL = b"\x00\x01small weights" * 1000
LARGE = bytes(range(256)) * 65_536 + b"and the last part"


@pytest.fixture
def world(database: Database, clock: SettableClock, object_store: S3ObjectStore) -> HubWorld:
    made = HubWorld(database=database, clock=clock, store=object_store)
    made.keeps_bytes = True
    return made


@pytest.fixture
def database_url(sqlite_template: Path, tmp_path: Path) -> str:
    """One database is enough: which one it is matters to none of this."""
    file = tmp_path / "gatehouse.db"
    shutil.copyfile(sqlite_template, file)
    return f"sqlite:///{file}"


@pytest.fixture
def owner(world: HubWorld) -> Principal:
    world.gated_model()
    return world.person("owner@quarry.example")


@pytest.fixture
def token(world: HubWorld, owner: Principal) -> str:
    return world.token(owner, Scope.READ, Scope.PUBLISH)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (commit_api, lfs_api):
        monkeypatch.setattr(module, "PATIENCE_S", 20.0)


@contextlib.contextmanager
def worker(world: HubWorld) -> Iterator[None]:
    """A worker on a thread and loop of its own: the client holds up the loop of the test until it is answered."""
    ended = threading.Event()

    async def verify() -> None:
        while not ended.is_set():
            assert world.store is not None
            if not await jobs.verify_waiting(world.database, world.store, clock=world.clock):
                await asyncio.sleep(0.05)

    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(asyncio.run, verify())
        try:
            yield
        finally:
            ended.set()
            running.result()


def oid(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def batch(client: Client, token: str, *objects: tuple[str, int], **more: Any) -> Any:
    asked = {
        "operation": "upload",
        "transfers": ["basic", "multipart"],
        "objects": [{"oid": digest, "size": size} for digest, size in objects],
        "hash_algo": "sha256",
        "ref": {"name": "main"},
        **more,
    }
    answer = await client.post(f"{LFS}/batch", json=asked, headers=bearer(token))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/vnd.git-lfs+json")
    return answer.json()["objects"]


async def put(url: str, content: bytes) -> None:
    async with httpx2.AsyncClient(trust_env=False) as http:
        assert (await http.put(url, content=content)).status_code == 200


async def test_a_file_in_one_part_is_verified_before_it_is_published(
    world: HubWorld, client: Client, token: str
) -> None:
    (offered,) = await batch(client, token, (oid(SMALL), len(SMALL)))
    early = await commit(client, token, large("w.bin", oid(SMALL), size=len(SMALL)))
    assert early.status_code == 409
    await put(offered["actions"]["upload"]["href"], SMALL)
    with worker(world):
        verified = await client.post(
            f"{LFS}/verify", json={"oid": oid(SMALL), "size": len(SMALL)}, headers=bearer(token)
        )
        done = await commit(client, token, large("w.bin", oid(SMALL), size=len(SMALL)))
    assert (verified.status_code, done.status_code) == (200, 200), done.text
    assert files(world)["w.bin"] == oid(SMALL)
    (again,) = await batch(client, token, (oid(SMALL), len(SMALL)))
    assert "actions" not in again


async def test_a_file_in_parts_is_completed_by_its_address_alone(
    world: HubWorld, client: Client, token: str
) -> None:
    (offered,) = await batch(client, token, (oid(LARGE), len(LARGE)))
    upload = offered["actions"]["upload"]
    assert upload["header"]["chunk_size"] == str(PART_MIN_BYTES)
    assert set(upload["header"]) == {"chunk_size", "1", "2"}
    await put(upload["header"]["1"], LARGE[:PART_MIN_BYTES])
    address = upload["href"]
    halfway = await client.post(address, json={"oid": oid(LARGE), "parts": []})
    assert halfway.status_code == 409
    await put(upload["header"]["2"], LARGE[PART_MIN_BYTES:])
    for wrong in (address[:-1] + ("0" if address[-1] != "0" else "1"), address.replace("ends=", "ends=9")):
        assert (await client.post(wrong)).status_code == 403
    assert (await client.post(address, json={"oid": oid(LARGE), "parts": []})).status_code == 200
    with worker(world):
        done = await commit(client, token, large("large.bin", oid(LARGE), size=len(LARGE)))
    assert done.status_code == 200, done.text
    assert files(world)["large.bin"] == oid(LARGE)


async def test_links_of_a_completion_end(
    world: HubWorld, client: Client, token: str, clock: SettableClock
) -> None:
    (offered,) = await batch(client, token, (oid(LARGE), len(LARGE)))
    clock.advance(timedelta(days=2))
    assert (await client.post(offered["actions"]["upload"]["href"])).status_code == 403


async def test_other_bytes_than_stated_are_published_by_nobody(
    world: HubWorld, client: Client, token: str
) -> None:
    """Threat C4."""
    before = head(world)
    (offered,) = await batch(client, token, (oid(SMALL), len(SMALL)))
    await put(offered["actions"]["upload"]["href"], SMALL[::-1])
    with worker(world):
        verified = await client.post(
            f"{LFS}/verify", json={"oid": oid(SMALL), "size": len(SMALL)}, headers=bearer(token)
        )
        refused = await commit(client, token, large("w.bin", oid(SMALL), size=len(SMALL)))
    assert (verified.status_code, refused.status_code) == (409, 409)
    assert "w.bin" in refused.headers["x-error-message"]
    assert "not the bytes that were stated" in refused.headers["x-error-message"]
    assert head(world) == before
    (anew,) = await batch(client, token, (oid(SMALL), len(SMALL)))
    assert "actions" in anew


async def test_a_client_that_was_killed_after_sending_goes_on(
    world: HubWorld, client: Client, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (offered,) = await batch(client, token, (oid(SMALL), len(SMALL)))
    await put(offered["actions"]["upload"]["href"], SMALL)
    (resumed,) = await batch(client, token, (oid(SMALL), len(SMALL)))
    assert "actions" not in resumed
    monkeypatch.setattr(commit_api, "PATIENCE_S", 0.0)
    waiting = await commit(client, token, large("w.bin", oid(SMALL), size=len(SMALL)))
    assert waiting.status_code == 503
    assert waiting.headers["retry-after"]
    monkeypatch.setattr(commit_api, "PATIENCE_S", 20.0)
    with worker(world):
        done = await commit(client, token, large("w.bin", oid(SMALL), size=len(SMALL)))
    assert done.status_code == 200


async def test_small_binaries_inside_a_commit_lie_in_the_store(
    world: HubWorld, client: Client, token: str
) -> None:
    assert (await commit(client, token, small("tiny.bin", SMALL))).status_code == 200
    broken = await commit(client, token, small("broken.safetensors", b"\x00" * 64))
    assert broken.status_code == 400
    assert files(world)["tiny.bin"] == oid(SMALL)
    assert world.store is not None
    assert world.store.head(f"blobs/{oid(SMALL)[:2]}/{oid(SMALL)}") == len(SMALL)


async def test_what_is_not_an_upload_is_refused(client: Client, token: str) -> None:
    sound = {"operation": "upload", "objects": [{"oid": oid(LARGE), "size": len(LARGE)}]}
    for change in (
        {"operation": "download"},
        {"objects": []},
        {"objects": [{"oid": "x", "size": 1}]},
        {"objects": [{"oid": oid(SMALL), "size": 50 * 10**9 + 1}]},
        {"hash_algo": "md5"},
        {},  # without multipart, a file of this size has no way in
    ):
        answer = await client.post(f"{LFS}/batch", json={**sound, **change}, headers=bearer(token))
        assert answer.status_code == 400, (change, answer.text)
    bare = await client.post(LFS.replace(".git", "") + "/batch", json=sound, headers=bearer(token))
    assert bare.status_code == 404
    assert (await client.post(f"{LFS}/batch", json=sound)).status_code == 401
