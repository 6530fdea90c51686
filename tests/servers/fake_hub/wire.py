"""How calls travel: HTTP on a thread for each connection, and webhooks the other way."""

import json
import urllib.request
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeAlias
from urllib.error import HTTPError

from tests.servers.fake_hub.exchange import Answer
from tests.servers.fake_hub.faults import Trouble

Answering: TypeAlias = Callable[[str, str, Mapping[str, str], bytes], tuple[Answer, Trouble | None]]


class Listener(ThreadingHTTPServer):
    """Hands every call to one function."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, answering: Answering, waiting: Callable[[], object]) -> None:
        super().__init__(("127.0.0.1", port), _handler(answering, waiting))

    def handle_error(self, *_: object) -> None:
        """Clients that end a call early are part of the tests."""


def _handler(answering: Answering, waiting: Callable[[], object]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = _read_body(self.rfile.read, self.rfile.readline, headers)
            answer, trouble = answering(self.command, self.path, headers, body)
            if trouble is Trouble.SILENT:
                waiting()
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command == "HEAD":
                return
            if trouble is Trouble.CUT:
                self.wfile.write(answer.body[: len(answer.body) // 2])
                self.close_connection = True
                return
            self.wfile.write(answer.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = _serve  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            return

    return Handler


def _read_body(read: Callable[[int], bytes], line: Callable[[], bytes], headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return read(int(headers.get("content-length") or 0))
    found = bytearray()
    while size := int(line().strip() or b"0", 16):
        found += read(size)
        line()
    line()
    return bytes(found)


def post(url: str, body: object, secret: str | None) -> int:
    """Tell a webhook; return what it answered, 0 for nothing."""
    headers = {"Content-Type": "application/json"}
    if secret is not None:
        headers["X-Webhook-Secret"] = secret
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return int(response.status)
    except HTTPError as error:
        return error.code
    except OSError:
        return 0
