"""What a stub of a registry and its object store knows and does; `stub_servers` puts it on loopback.

The store can be made to misbehave (`Fault`): cut a body, answer 403 or 500, send other bytes, ignore ranges, or stall
until the test lets it go on. Every request is kept, so that tests can look at who was sent what.
"""

import base64
import hashlib
import json
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

TOKEN = "gatehouse_stubtoken"
MODEL = "tarn/otter"


@dataclass(frozen=True)
class Request:
    """What a server was asked."""

    server: str
    method: str
    path: str
    query: str
    headers: dict[str, str]


@dataclass
class Fault:
    """What the store does instead of answering well; used up after `times` requests."""

    times: int = 1
    status: int | None = None
    cut_after: int | None = None
    stall_after: int | None = None
    flip_first_byte: bool = False
    ignore_range: bool = False
    method: str = "GET"


@dataclass
class UploadRow:
    """An upload as the registry keeps it."""

    id: str
    sha256: str
    size: int
    state: str = "open"
    problem: str | None = None
    parts: dict[int, bytes] = field(default_factory=dict)


def b64u(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """A signing key of the stub."""

    def __init__(self, word: str) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(word.encode()).digest())
        x = b64u(self.private.public_key().public_bytes_raw())
        thumbprint = hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest()
        self.kid = b64u(thumbprint)
        self.jwk = {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": x,
            "kid": self.kid,
            "use": "statement",
            "valid_from": "2026-01-01T00:00:00.000Z",
            "valid_until": None,
        }

    def sign(self, payload: bytes, **header: Any) -> str:
        head = {"alg": "Ed25519", "kid": self.kid, "typ": "gatehouse-release"} | header
        message = f"{b64u(json.dumps(head).encode())}.{b64u(payload)}"
        return f"{message}.{b64u(self.private.sign(message.encode()))}"


class Stub:
    """State and doings of both servers."""

    part_size = 5 << 20

    def __init__(self) -> None:
        self.key = Key("stub statement key")
        self.files: dict[str, bytes] = {}
        self.inline: set[str] = set()
        self.flags: list[dict[str, str]] = []
        self.entries: list[dict[str, Any]] | None = None
        """Manifest entries instead of those of `files`, for hostile manifests."""
        self.objects: dict[str, bytes] = {}
        self.permitted = True
        self.until: str | None = None
        self.permit_after: int | None = None
        self.refuse_resolve_after: int | None = None
        self.faults: list[Fault] = []
        self.api_answers: list[tuple[str, int, dict[str, str], Any]] = []
        """Path start, status, headers and body of answers that come once instead of the usual ones."""
        self.requests: list[Request] = []
        self.stalled = threading.Event()
        self.go_on = threading.Event()
        self.signatures: set[str] = set()
        self.uploads: dict[str, UploadRow] = {}
        self.verify: Callable[[UploadRow, bytes], str | None] = lambda _row, _data: None
        self.releases: list[dict[str, Any]] = []
        self.licenses: dict[str, dict[str, Any]] = {}
        self.plans: list[dict[str, Any]] = []
        self.publishers: list[dict[str, Any]] = []
        self.same_origin_store = False
        self._lock = threading.Lock()
        self._access_polls = 0
        self._resolves = 0
        self.api_url = ""
        self.store_url = ""

    # What is published

    def manifest(self) -> str:
        entries = self.entries
        if entries is None:
            entries = [
                {
                    "path": path,
                    "size": len(data),
                    "sha256": hashlib.sha256(data).hexdigest(),
                    "git_oid": "0" * 40,
                }
                for path, data in sorted(self.files.items())
            ]
        document = {
            "format": "gatehouse-release/1",
            "model": {"id": "0193f5a0-0000-7000-8000-00000000000a", "name": MODEL},
            "parent": None,
            "released_at": "2026-11-20T10:00:00.000Z",
            "message": "first",
            "licenses": [{"slug": "tarn-openrail-m", "number": "1.1", "sha256": "sha256:" + "0" * 64}],
            "files": entries,
        }
        return json.dumps(document, separators=(",", ":"), sort_keys=True)

    def commit(self) -> str:
        data = b"gatehouse-release-commit/1\0" + self.manifest().encode()
        return hashlib.sha256(data).hexdigest()[:40]

    def decision(self) -> dict[str, Any]:
        if self.permitted:
            return {
                "permitted": True,
                "code": "permitted",
                "title": "You may download",
                "detail": "Until 24 December 2026, unless the license as it is now is accepted before."
                if self.until
                else "",
                "until": self.until,
                "remedy": None,
            }
        return {
            "permitted": False,
            "code": "license-not-accepted",
            "title": "Tarn OpenRAIL-M 1.1 is not accepted",
            "detail": "Nothing was downloaded",
            "remedy": {"text": "Read and accept Tarn OpenRAIL-M 1.1", "url": f"/{MODEL}/accept"},
            "decider": "You do; no review follows",
            "since": None,
            "until": None,
            "reasons": [],
        }

    def model(self) -> dict[str, Any]:
        manifest = self.manifest()
        return {
            "id": "0193f5a0-0000-7000-8000-00000000000a",
            "publisher": "tarn",
            "name": "otter",
            "private": False,
            "summary": "An otter",
            "gate": {
                "mode": "auto",
                "requirements": [
                    {
                        "slug": "tarn-openrail-m",
                        "title": "Tarn OpenRAIL-M",
                        "number": "1.1",
                        "sha256": "sha256:" + "0" * 64,
                        "url": "/licenses/tarn-openrail-m/1.1",
                    }
                ],
                "form_fields": [],
            },
            "release": {
                "commit": self.commit(),
                "message": "first",
                "published_at": "2026-11-20T10:00:00.000Z",
                "manifest_digest": "sha256:" + hashlib.sha256(manifest.encode()).hexdigest(),
                "files": [{**entry, "flags": self.flags} for entry in json.loads(manifest)["files"]],
            },
            "refs": [{"name": "main", "kind": "branch", "commit": self.commit()}],
            "access": self.decision(),
        }

    # Looking back

    def paths(self, server: str, method: str | None = None) -> list[str]:
        return [
            request.path
            for request in list(self.requests)
            if request.server == server and method in {None, request.method}
        ]

    def ranges(self) -> list[tuple[int, int]]:
        found = []
        for request in list(self.requests):
            match = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
            if request.server == "store" and match:
                found.append((int(match[1]), int(match[2]) + 1))
        return found

    # Presigned addresses

    def presign(self, target: str) -> str:
        signature = secrets.token_hex(8)
        self.signatures.add(signature)
        base = self.api_url if self.same_origin_store else self.store_url
        return f"{base}{target}?X-Amz-Signature={signature}"

    def take_fault(self, method: str) -> Fault | None:
        with self._lock:
            for fault in self.faults:
                if fault.method == method and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def poll_access(self) -> dict[str, Any]:
        with self._lock:
            self._access_polls += 1
            if self.permit_after is not None and self._access_polls >= self.permit_after:
                self.permitted = True
        return self.decision()

    def count_resolve(self) -> bool:
        with self._lock:
            self._resolves += 1
            limit = self.refuse_resolve_after
            return self.permitted and (limit is None or self._resolves <= limit)
