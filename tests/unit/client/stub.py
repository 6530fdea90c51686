"""A registry and its object store on loopback, in threads of the test: enough of both to answer the client.

The store can be made to misbehave (`Fault`): cut a body, answer 403 or 500, send other bytes, ignore ranges, or stall
until the test lets it go on. Every request is kept, so that tests can look at who was sent what.
"""

import base64
import hashlib
import json
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

TOKEN = "gatehouse_stubtoken"
MODEL = "tarn/otter"
BLOCK = 64 << 10


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
                "detail": "",
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


class _Handler(BaseHTTPRequestHandler):
    """What both servers share."""

    protocol_version = "HTTP/1.1"
    server_name = ""
    stub: Stub

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""

    def note(self) -> str:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.stub.requests.append(Request(self.server_name, self.command, parts.path, parts.query, headers))
        return parts.path

    def read_json(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))) or b"{}")

    def answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        given = {"Content-Length": str(len(data))} | (headers or {})
        for name, value in given.items():
            self.send_header(name, value)
        self.end_headers()
        # A stated length that is not kept is seen only when the connection ends.
        self.close_connection = given["Content-Length"] != str(len(data))
        self.wfile.write(data)

    def problem(self, status: int, code: str, title: str, **more: Any) -> None:
        body = {"type": f"/problems/{code}", "title": title, "status": status, "detail": "", "code": code}
        self.answer(status, body | more, {"Content-Type": "application/problem+json"})


class _API(_Handler):
    server_name = "api"

    def do_GET(self) -> None:
        path = self.note()
        stub = self.stub
        if path.startswith("/objects/"):
            serve_object(self)
            return
        if self._special(path):
            return
        if "/resolve/" in path:
            self._resolve(path)
        elif path == "/api/v1/whoami":
            self._whoami()
        elif path == "/api/v1/keys":
            self.answer(200, {"keys": [stub.key.jwk]})
        elif path == f"/api/v1/models/{MODEL}":
            self.answer(200, stub.model())
        elif path == f"/api/v1/models/{MODEL}/access":
            self.answer(200, stub.poll_access())
        elif path.endswith("/manifest"):
            manifest = stub.manifest()
            digest = "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()
            signature = stub.key.sign(manifest.encode())
            self.answer(
                200, {"manifest": manifest, "digest": digest, "signature": signature, "keys": [stub.key.jwk]}
            )
        elif path.startswith("/api/v1/uploads/"):
            self.answer(200, self._upload_view(stub.uploads[path.rsplit("/", 1)[-1]]))
        elif path.startswith("/api/v1/licenses/") and path.count("/") == 5:
            found = stub.licenses.get("@".join(path.split("/")[-2:]))
            if found is None:
                self.problem(404, "license-version-unknown", "There is no such version of this license")
            else:
                self.answer(200, found)
        else:
            self.problem(404, "not-found", "There is nothing here")

    def do_POST(self) -> None:
        path = self.note()
        stub = self.stub
        body = self.read_json()
        if self._special(path):
            return
        if path.endswith("/uploads"):
            self.answer(200, {"uploads": [self._plan(one) for one in body["files"]]})
        elif path.endswith("/parts"):
            upload = stub.uploads[path.split("/")[-2]]
            parts = [
                {"number": number, "url": stub.presign(f"/parts/{upload.id}/{number}")}
                for number in body["numbers"]
            ]
            self.answer(200, {"parts": parts})
        elif path.endswith("/complete"):
            upload = stub.uploads[path.split("/")[-2]]
            data = b"".join(upload.parts[number] for number in sorted(upload.parts))
            upload.problem = stub.verify(upload, data)
            if upload.problem is None and hashlib.sha256(data).hexdigest() != upload.sha256:
                upload.problem = "The bytes are not the bytes that were stated; nothing was kept."
            upload.state = "failed" if upload.problem else "stored"
            if not upload.problem:
                stub.objects[upload.sha256] = data
            self.answer(202, self._upload_view(upload))
        elif path.endswith("/releases"):
            stub.releases.append(body)
            self.answer(
                201, {"commit": "c" * 40, "url": f"/{MODEL}", "manifest_digest": "sha256:" + "1" * 64}
            )
        elif path == "/api/v1/licenses":
            digest = "sha256:" + hashlib.sha256(body["text"].encode()).hexdigest()
            made = body | {"sha256": digest, "url": f"/licenses/{body['slug']}/{body['number']}"}
            stub.licenses[f"{body['slug']}@{body['number']}"] = made
            self.answer(201, made)
        else:
            self.problem(404, "not-found", "There is nothing here")

    def _special(self, path: str) -> bool:
        for at, (start, status, headers, body) in enumerate(self.stub.api_answers):
            if path.startswith(start):
                del self.stub.api_answers[at]
                self.answer(status, body, headers)
                return True
        return False

    def _whoami(self) -> None:
        given = self.headers.get("Authorization")
        if given is None:
            self.answer(200, {"person": None, "channel": "anonymous", "scopes": [], "publishers": []})
        elif given != f"Bearer {TOKEN}":
            self.problem(401, "token-unknown", "This registry does not know the token")
        else:
            person = {"id": "p1", "email": "ada@example.org", "display_name": "Ada"}
            publishers = [{"name": "tarn", "role": "owner"}]
            self.answer(
                200,
                {
                    "person": person,
                    "channel": "token",
                    "scopes": ["read"],
                    "publishers": publishers,
                    "operator": False,
                },
            )

    def _resolve(self, path: str) -> None:
        stub = self.stub
        name = unquote(path.split("/resolve/", 1)[1].split("/", 1)[1])
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.problem(401, "not-signed-in", "You are not signed in")
        elif not stub.count_resolve():
            decision = stub.decision() | {
                "code": "license-withdrawn",
                "title": "The acceptance was withdrawn",
            }
            self.problem(403, decision["code"], decision["title"], remedy=decision.get("remedy"))
        elif name in stub.inline:
            self.answer(200, stub.files[name])
        else:
            digest = hashlib.sha256(stub.files[name]).hexdigest()
            stub.objects.setdefault(digest, stub.files[name])
            self.answer(302, b"", {"Location": stub.presign(f"/objects/{digest}")})

    def _plan(self, file: dict[str, Any]) -> dict[str, Any]:
        stub = self.stub
        if file["sha256"] in stub.objects or file["size"] == 0:
            return {
                "sha256": file["sha256"],
                "size": file["size"],
                "state": "stored",
                "id": None,
                "part_size": 0,
                "parts": [],
            }
        live = next(
            (row for row in stub.uploads.values() if row.sha256 == file["sha256"] and row.state != "failed"),
            None,
        )
        if live is None:
            live = UploadRow(id=f"u{len(stub.uploads)}", sha256=file["sha256"], size=file["size"])
            stub.uploads[live.id] = live
        return self._upload_view(live)

    def _upload_view(self, upload: UploadRow) -> dict[str, Any]:
        return {
            "id": upload.id,
            "sha256": upload.sha256,
            "size": upload.size,
            "state": upload.state,
            "part_size": self.stub.part_size,
            "parts": [{"number": number, "size": len(data)} for number, data in upload.parts.items()],
            "problem": upload.problem,
        }


class _Store(_Handler):
    server_name = "store"

    def do_GET(self) -> None:
        self.note()
        serve_object(self)

    def do_PUT(self) -> None:
        path = self.note()
        stub = self.stub
        fault = stub.take_fault("PUT")
        length = int(self.headers["Content-Length"])
        if not self._is_signed() or (fault is not None and fault.status is not None):
            self.close_connection = True
            self.answer(fault.status or 403 if fault else 403, b"<Error/>")
            return
        if fault is not None and fault.cut_after is not None:
            self.rfile.read(min(length, fault.cut_after))
            self.close_connection = True
            return
        data = self.rfile.read(length)
        if fault is not None and fault.stall_after is not None:
            stub.stalled.set()
            stub.go_on.wait(20)
        _, _, upload_id, number = path.split("/")
        stub.uploads[upload_id].parts[int(number)] = data
        self.answer(200, b"", {"ETag": '"x"'})

    def _is_signed(self) -> bool:
        return parse_qs(urlsplit(self.path).query).get("X-Amz-Signature", [""])[0] in self.stub.signatures


def serve_object(handler: _Handler) -> None:
    """Answer a presigned GET, with a range or whole."""
    stub = handler.stub
    parts = urlsplit(handler.path)
    signature = parse_qs(parts.query).get("X-Amz-Signature", [""])[0]
    fault = stub.take_fault("GET") or Fault(times=0)
    if fault.status is not None or signature not in stub.signatures:
        if fault.status == 403:
            stub.signatures.discard(signature)
        handler.answer(fault.status or 403, b"<Error><Code>AccessDenied</Code></Error>")
        return
    data = stub.objects[parts.path.rsplit("/", 1)[-1]]
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
    start, end = 0, len(data)
    if match and not fault.ignore_range:
        start, end = int(match[1]), min(len(data), int(match[2]) + 1) if match[2] else len(data)
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
    else:
        handler.send_response(200)
    handler.send_header("Content-Length", str(end - start))
    handler.end_headers()
    with suppress(ConnectionError):
        _send_body(handler, memoryview(data)[start:end], fault)


def _send_body(handler: _Handler, body: memoryview, fault: Fault) -> None:
    if fault.flip_first_byte:
        body = memoryview(bytes([body[0] ^ 1]) + bytes(body[1:]))
    for at in range(0, len(body), BLOCK):
        if fault.cut_after is not None and at >= fault.cut_after:
            handler.close_connection = True
            handler.wfile.flush()
            handler.connection.shutdown(2)
            return
        if fault.stall_after is not None and at >= fault.stall_after:
            handler.stub.stalled.set()
            handler.stub.go_on.wait(20)
        handler.wfile.write(body[at : at + BLOCK])


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """Clients that break off are what these tests are about."""


@contextmanager
def running_stub() -> Iterator[Stub]:
    """Give a stub whose two servers run until the block ends."""
    stub = Stub()
    servers = []
    for handler, attribute in ((_API, "api_url"), (_Store, "store_url")):
        bound = type(handler.__name__, (handler,), {"stub": stub})
        server = _Server(("127.0.0.1", 0), bound)
        setattr(stub, attribute, f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
    try:
        yield stub
    finally:
        stub.go_on.set()
        for server in servers:
            server.shutdown()
            server.server_close()
