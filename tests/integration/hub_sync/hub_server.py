"""The owner's API of a Hub over HTTP, on loopback: a simulated repository, and answers that no honest Hub gives."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from registry.hub_sync.applying import Failed
from registry.hub_sync.domain import Action, Deed, HubGate
from tests.unit.hub_sync.simulated_hub import LISTED, SimulatedHub

TOKEN = "hf_" + "t" * 34
GATED = {HubGate.MANUAL: "manual", HubGate.AUTO: "auto", HubGate.OPEN: False}
DEEDS = {"accepted": Deed.ACCEPT, "rejected": Deed.REJECT, "pending": Deed.CANCEL, "reset": Deed.RESET}
Answer = tuple[int, dict[str, str], bytes]
Twist = Callable[[str, str], Answer | None]
"""Method and address to an answer instead of the honest one."""


@dataclass
class HubServer:
    hub: SimulatedHub
    endpoint: str = ""
    page_entries: int = 1_000
    twist: Twist | None = None
    token: str = TOKEN
    role: str = "write"
    requests: list[tuple[str, str, dict]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    extra: dict[str, str] = field(default_factory=dict)

    def answer(self, method: str, target: str, body: dict, headers: dict[str, str]) -> Answer:
        self.requests.append((method, target, body))
        self.headers.append(headers)
        if self.twist is not None and (twisted := self.twist(method, target)) is not None:
            return twisted
        if headers.get("authorization") != f"Bearer {self.token}":
            return self._json(401, {"error": "Invalid credentials in Authorization header"})
        parts = urlsplit(target)
        if parts.path == "/api/whoami-v2":
            return self._json(200, {"name": "release-bot", "auth": {"accessToken": {"role": self.role}}})
        if parts.path.startswith("/api/users/"):
            name = parts.path.split("/")[3]
            found = [one for one, called in self.hub.names.items() if called == name]
            return self._json(200, {"_id": found[0], "user": name}) if found else self._json(404, {})
        base = f"/api/models/{self.hub.repo_id}"
        if not parts.path.startswith(base):
            return self._json(404, {"error": "not found"}, {"X-Error-Code": "RepoNotFound"})
        rest = parts.path.removeprefix(base)
        if rest == "":
            return self._json(
                200, {"id": self.hub.repo_id, "gated": GATED[self.hub.gate], "sha": self.hub.revision}
            )
        if self.role == "read":
            return self._json(403, {"error": "write role needed"})
        if rest == "/settings":
            self.hub.do("", Action(deed=Deed.CLOSE, why=""))
            return self._json(200, {"gated": "manual"})
        if method == "GET":
            return self._list(parts.path, rest.rpartition("/")[2], parse_qs(parts.query))
        return self._change(rest, body)

    def _list(self, path: str, state: str, query: dict[str, list[str]]) -> Answer:
        start = int(query.get("cursor", ["0"])[0])
        size = min(self.page_entries, int(query["limit"][0]))
        entries = [
            {
                "user": {"_id": account, "user": self.hub.names[account], "email": "x@example.org"},
                "requestId": one.request_id,
                "status": state,
                "timestamp": "2026-11-01T00:00:00.000Z",
                "fields": {"Affiliation": "Nordlab"},
            }
            for account, one in self.hub.requests.items()
            if one.state == state and one.state in LISTED
        ]
        more = {}
        if len(entries) > start + size:
            address = f"{self.endpoint}{path}?limit={query['limit'][0]}&cursor={start + size}"
            more = {"Link": f'<{address}>; rel="next"'}
        return self._json(200, entries[start : start + size], more)

    def _change(self, rest: str, body: dict) -> Answer:
        who = {"user": body.get("user", ""), "request_id": body.get("requestId", "")}
        if rest.endswith("/grant"):
            ids = [one for one, name in self.hub.names.items() if name == body["user"]]
            done = self.hub.do("", Action(deed=Deed.GRANT, why="", user_id=ids[0] if ids else "-", **who))
            return self._json(400 if isinstance(done, Failed) else 200, {})
        done = self.hub.do("", Action(deed=DEEDS[body["status"]], why="", **who))
        return self._json(404 if isinstance(done, Failed) else 200, {})

    def _json(self, status: int, value: object, headers: dict[str, str] | None = None) -> Answer:
        given = {"Content-Type": "application/json", "X-Request-Id": f"Root=1-{len(self.requests)}"}
        return status, {**given, **self.extra, **(headers or {})}, json.dumps(value).encode()


@contextmanager
def serving(hub: SimulatedHub) -> Iterator[HubServer]:
    """A server over the repository until the block ends."""
    server = HubServer(hub)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            given = {name.lower(): value for name, value in self.headers.items()}
            status, headers, content = server.answer(self.command, self.path, body, given)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _serve  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            return

    class Listener(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that ends an answer early is part of the tests."""

    listener = Listener(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    server.endpoint = f"http://127.0.0.1:{listener.server_port}"
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
