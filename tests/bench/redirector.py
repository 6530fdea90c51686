"""A bare redirector: gives what the registry answered to the first request like it, and decides nothing.

Run as `python -m tests.bench.redirector PORT REGISTRY`.
"""

import sys
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

Answer = tuple[int, list[tuple[str, str]], bytes]
_OF_THE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "date", "server"})


class Redirector(ThreadingHTTPServer):
    """Keeps the answers by method and address."""

    daemon_threads = True

    def __init__(self, port: int, registry: str) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self._registry = urlsplit(registry).netloc
        self._kept: dict[tuple[str, str], Answer] = {}
        self._lock = Lock()

    def find(self, method: str, path: str, authorization: str) -> Answer:
        """Return the answer; the registry is asked for it once."""
        with self._lock:
            if (method, path) not in self._kept:
                connection = HTTPConnection(self._registry, timeout=30)
                connection.request(method, path, headers={"Authorization": authorization})
                answer = connection.getresponse()
                named = [
                    (key, value)
                    for key, value in answer.getheaders()
                    if key.lower() not in _OF_THE_CONNECTION
                ]
                self._kept[method, path] = (answer.status, named, answer.read())
                connection.close()
            return self._kept[method, path]


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    server: Redirector

    def do_GET(self) -> None:
        """Answer what is kept."""
        status, headers, body = self.server.find(
            self.command, self.path, self.headers.get("Authorization", "")
        )
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the name that the library calls

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def main() -> None:
    """Serve until the process is ended."""
    with Redirector(int(sys.argv[1]), sys.argv[2]) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
