"""People, a license and an object store for the catalog's tests."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from registry import catalog, identity, ledger, licenses
from registry.catalog import jobs, uploads
from registry.catalog.domain import PlannedFile, StatedFile
from registry.catalog.storage import StoredPart
from registry.identity.domain import Channel, Principal, Scope
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal, Unavailable
from registry.kernel.sealing import Sealer
from tests.clock import SettableClock

CARD = b"""---
license: openrail
extra_gated_fields:
  Company: text
  I agree: checkbox
---
# Tarn

A small model that the tests publish again and again.
"""


@dataclass
class MemoryStore:
    """An object store in memory; parts are sent by calling `send`."""

    objects: dict[str, bytes] = field(default_factory=dict)
    multiparts: dict[str, dict[int, bytes]] = field(default_factory=dict)
    threads: Executor = field(default_factory=ThreadPoolExecutor)
    down: bool = False
    chunk: int = 64 * 1024
    before_read: Callable[[str], None] | None = None

    def _reach(self) -> None:
        if self.down:
            raise Unavailable("object store", "ConnectTimeout")

    def start_multipart(self, key: str) -> str:
        self._reach()
        multipart_id = uuid4().hex
        self.multiparts[multipart_id] = {}
        return multipart_id

    def presign_part(self, key: str, multipart_id: str, number: int, *, expires_s: int = 900) -> str:
        return f"memory://{key}?id={multipart_id}&part={number}"

    def send(self, url: str, data: bytes) -> None:
        query = dict(pair.split("=") for pair in url.partition("?")[2].split("&"))
        self.multiparts[query["id"]][int(query["part"])] = data

    def list_parts(self, key: str, multipart_id: str) -> list[StoredPart] | None:
        self._reach()
        parts = self.multiparts.get(multipart_id)
        if parts is None:
            return None
        return [
            StoredPart(number=number, size=len(data), etag=hashlib.md5(data).hexdigest())
            for number, data in sorted(parts.items())
        ]

    def complete_multipart(self, key: str, multipart_id: str, parts: Sequence[StoredPart]) -> None:
        self._reach()
        sent = self.multiparts.pop(multipart_id)
        self.objects[key] = b"".join(sent[part.number] for part in parts)

    def abort_multipart(self, key: str, multipart_id: str) -> None:
        self._reach()
        self.multiparts.pop(multipart_id, None)

    def put(self, key: str, content: bytes) -> None:
        self._reach()
        self.objects[key] = content

    def open(self, key: str) -> Iterator[bytes]:
        self._reach()
        if self.before_read is not None:
            self.before_read(key)
        data = self.objects[key]
        for start in range(0, len(data), self.chunk):
            yield data[start : start + self.chunk]

    def read_range(self, key: str, start: int, length: int) -> bytes:
        self._reach()
        return self.objects[key][start : start + length]

    def head(self, key: str) -> int | None:
        self._reach()
        return len(self.objects[key]) if key in self.objects else None

    def copy(self, source: str, target: str) -> None:
        self._reach()
        self.objects[target] = self.objects[source]

    def delete(self, key: str) -> None:
        self._reach()
        self.objects.pop(key, None)


@dataclass
class World:
    """A registry's catalog with helpers that do what clients do."""

    database: Database
    clock: SettableClock
    store: MemoryStore
    sealer: Sealer
    keys: ledger.KeyRing

    def now(self) -> datetime:
        return self.clock.now()

    def do(self, function: Callable[..., Any], **arguments: Any) -> Any:
        return self.database.write_now(lambda session: function(session, **arguments))

    def look(self, function: Callable[..., Any], **arguments: Any) -> Any:
        return self.database.read_now(lambda session: function(session, **arguments))

    def person(self, name: str) -> UUID:
        email = f"{name}@example.org"
        found: UUID = self.do(identity.ensure_person, email=email, sealer=self.sealer, now=self.now())
        return found

    def signed_in(self, name: str, **changes: Any) -> Principal:
        facts: dict[str, Any] = {
            "person_id": self.person(name),
            "channel": Channel.SESSION,
            "scopes": frozenset(Scope),
            "signed_in_at": self.now(),
        }
        return Principal(**(facts | changes))

    def publisher(self, name: str, owner: Principal) -> catalog.PublisherView:
        created = self.do(
            catalog.create_publisher, name=name, display_name="", principal=owner, now=self.now()
        )
        assert not isinstance(created, Refusal), created
        return created

    def license(self, slug: str = "tarn-openrail-m", number: str = "1.0", text: bytes | None = None) -> None:
        command = licenses.PublishVersion(
            slug=slug,
            number=number,
            change_class=licenses.ChangeClass.INITIAL if number == "1.0" else licenses.ChangeClass.MATERIAL,
            text=text or f"Terms {slug} {number}\n\nYou may use it. You may not do harm.\n".encode(),
            title="Tarn OpenRAIL-M",
        )
        by = self.person("licensor")
        made = self.do(licenses.publish_version, command=command, now=self.now(), by=by)
        assert not isinstance(made, Refusal), made

    async def upload(
        self, files: dict[str, bytes], principal: Principal, *, publisher: str = "tarn", name: str = "tarn-7b"
    ) -> tuple[StatedFile, ...]:
        stated = tuple(
            StatedFile(path=path, sha256=hashlib.sha256(data).hexdigest(), size=len(data))
            for path, data in files.items()
        )
        by_digest = {file.sha256: files[file.path] for file in stated}
        planned = self.do(
            uploads.plan_uploads,
            publisher=publisher,
            name=name,
            files=[PlannedFile(sha256=file.sha256, size=file.size) for file in stated],
            principal=principal,
            now=self.now(),
        )
        assert not isinstance(planned, Refusal), planned
        for plan in planned:
            if plan.upload is not None:
                await self.send(plan.upload, by_digest[plan.file.sha256], principal)
        await self.verify()
        return stated

    async def send(self, upload: Any, data: bytes, principal: Principal) -> None:
        count = -(-len(data) // upload.part_size)
        signed = await uploads.sign_parts(
            self.database, self.store, upload.id, list(range(1, count + 1)), principal=principal
        )
        assert not isinstance(signed, Refusal), signed
        for number, url in signed:
            self.store.send(url, data[(number - 1) * upload.part_size : number * upload.part_size])
        done = await uploads.complete_upload(self.database, self.store, upload.id, principal=principal)
        assert not isinstance(done, Refusal), done

    async def verify(self) -> None:
        while await jobs.verify_waiting(self.database, self.store, clock=self.clock):
            pass

    def sign(self, data: bytes) -> str:
        return self.keys.sign_jws(data, {"typ": "gatehouse-release"})

    def publish(self, principal: Principal, files: tuple[StatedFile, ...], **changes: Any) -> Any:
        facts: dict[str, Any] = {
            "publisher": "tarn",
            "name": "tarn-7b",
            "files": files,
            "message": "First",
            "licenses": (),
            "create": True,
        }
        command = catalog.PublishRelease(**(facts | changes))
        return self.do(
            catalog.publish_release, command=command, principal=principal, sign=self.sign, now=self.now()
        )

    def integrate(self) -> None:
        self.do(ledger.integrate, keys=self.keys, origin="example.org/ledger", now=self.now())

    def discrepancies(self) -> list[ledger.Discrepancy]:
        return self.database.read_now(lambda session: list(catalog.find_discrepancies(session)))


@pytest.fixture
def world(database: Database, clock: SettableClock) -> World:
    sealer = Sealer(b"k" * 32)
    keys = database.write_now(lambda session: ledger.ensure_key_ring(session, sealer=sealer, now=clock.now()))
    return World(database=database, clock=clock, store=MemoryStore(), sealer=sealer, keys=keys)


@pytest.fixture
def owner(world: World) -> Principal:
    """The owner of the publisher `tarn`."""
    principal = world.signed_in("owner")
    world.publisher("tarn", principal)
    return principal
