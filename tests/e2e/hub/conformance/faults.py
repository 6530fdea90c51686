"""Faults that each client meets once: what lies ready for it, and what the proxies do to it."""

import hashlib
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from registry.catalog.domain import blob_key
from registry.delivery.presign import Addressing, Presigner
from registry.delivery.seaweedfs import StoreAddress
from tests.e2e.hub.conformance.ground import accept_page, shard
from tests.e2e.hub.conftest import Registry, Scene, Stage
from tests.e2e.hub.proxy import Fault, Seen
from tests.world import CARD

SIZE = 12 * 1024 * 1024
CUT_BYTES = 11 * 1024 * 1024
"""More than the ten that the Hub's client writes at a time."""
BUSY = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
DOWN = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass
class Faults:
    """The files that faults happen to."""

    registry: Registry
    store: StoreAddress
    told: dict[str, Any]
    planned: dict[str, Fault] = field(default_factory=dict)
    expired_link: str = ""

    def happened(self, name: str) -> bool:
        """Whether the fault of this name was met."""
        return self.planned[name] not in {*self.registry.front.faults, *self.registry.storage.faults}

    def is_refused_as_expired(self) -> bool:
        """Whether the store itself refuses the link that took the place of the others."""
        try:
            urllib.request.urlopen(self.expired_link, timeout=20).close()
        except urllib.error.HTTPError as error:
            return error.code == 403 and b"xpired" in error.read()
        return False

    def expire(self, sha256: str) -> None:
        """Let every link to this file that was handed out until now have expired; the store refuses it."""
        storage = self.registry.storage
        presigner = Presigner(
            endpoint=storage.url,
            bucket=self.store.bucket,
            region=self.store.region,
            access_key=self.store.access_key,
            secret_key=self.store.secret_key,
            addressing=Addressing.PATH,
        )
        now = self.registry.world.now
        self.expired_link = presigner.get(blob_key(sha256), now=now - timedelta(hours=1), expires_s=60)
        old = urlsplit(self.expired_link)
        for seen in storage.seen:
            if sha256 in seen.target:
                storage.instead[seen.target] = f"{old.path}?{old.query}"
        # A link is the same all through a second; the next one must be another.
        time.sleep(1 - now.microsecond / 1_000_000)

    def resumed(self, name: str) -> bool:
        """Whether the store was asked for the rest of a file."""
        sha256 = self.told[name]["sha256"]
        asked = [seen for seen in self.registry.storage.seen if sha256 in seen.path]
        return any(start_of(seen) > 0 for seen in asked)


def start_of(seen: Seen) -> int:
    """The first byte that a request asks for."""
    first = seen.headers.get("range", "bytes=0-").removeprefix("bytes=").partition("-")[0]
    return int(first or 0)


def lay_faults(stage: Stage, registry: Registry, store: StoreAddress) -> Faults:
    """Let each fault happen to the first request for its file."""
    word = stage.scene().repo  # like no other
    sizes = {"cut": SIZE, "cut-next-call": SIZE, "link-expired": SIZE, "busy": 4096, "maintenance": 4096}
    files = {f"{name}.safetensors": shard(f"{word} {name}", size) for name, size in sizes.items()}
    scene = stage.scene(files={"README.md": CARD} | files)
    scene.accept()
    last = {"README.md": CARD, "midway.safetensors": shard(f"{word} midway", SIZE)}
    ending = stage.scene(files=last)
    acceptance = ending.accept()
    told = {name: told_of(scene, f"{name}.safetensors", files) for name in sizes}
    told["withdrawn-midway"] = told_of(ending, "midway.safetensors", last) | {
        "url": accept_page(ending),
        "words": "withdrew",
    }
    faults = Faults(registry=registry, store=store, told=told)
    front, storage, digests = registry.front, registry.storage, {name: told[name]["sha256"] for name in told}

    def cut(name: str, then: Any = lambda: None) -> Fault:
        return Fault(part=digests[name], method="GET", cut_after_bytes=CUT_BYTES, then=then)

    def refuse_next() -> None:
        front.faults.append(
            Fault(part=f"/{scene.repo}/resolve/main/cut-next-call.safetensors", method="GET", answer=DOWN)
        )

    stored = {
        "cut": cut("cut"),
        "cut-next-call": cut("cut-next-call", refuse_next),
        "link-expired": cut("link-expired", lambda: faults.expire(digests["link-expired"])),
        "withdrawn-midway": cut(
            "withdrawn-midway", lambda: registry.world.withdraw(ending.person, acceptance.id)
        ),
    }
    asked = {
        "busy": Fault(part=f"/{scene.repo}/resolve/main/busy.safetensors", answer=BUSY),
        "maintenance": Fault(part=f"/{scene.repo}/resolve/main/maintenance.safetensors", answer=DOWN),
    }
    storage.faults += stored.values()
    front.faults += asked.values()
    faults.planned = stored | asked
    return faults


def told_of(scene: Scene, path: str, files: dict[str, bytes]) -> dict[str, Any]:
    """What a client needs to ask for a file."""
    sha256 = hashlib.sha256(files[path]).hexdigest()
    return {"repo": scene.repo, "token": scene.token, "path": path, "sha256": sha256}
