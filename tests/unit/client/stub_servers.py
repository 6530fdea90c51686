"""The stub on loopback: two HTTP servers in threads of the test."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.unit.client.stub import MODEL, TOKEN, Fault, Request, Stub, UploadRow

BLOCK = 64 << 10


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
        if path.endswith("/bases/restrictions/plan"):
            stub.plans.append(body)
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
        elif path == "/api/v1/publishers":
            stub.publishers.append(body)
            self.answer(201, body)
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
