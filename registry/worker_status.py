"""The little HTTP server of a worker: its metrics, and whether it lives and can work."""

import asyncio
import ipaddress
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from registry.catalog import jobs as catalog_jobs
from registry.health import HealthChecks
from registry.kernel import outbox, telemetry
from registry.kernel.outcomes import GatehouseError, Unavailable
from registry.ledger import jobs as ledger_jobs
from registry.parts import Parts

LOOPBACK = "127.0.0.1"
REQUEST_TIMEOUT_S = 10.0
READINESS_TIMEOUT_S = 8.0


def measure_backlog(parts: Parts) -> None:
    """Bring the gauges of what waits in the database up to date.

    Raises:
        Unavailable: the database cannot be asked.
    """
    now = parts.clock.now()
    (messages, oldest), entry, uploads = parts.database.read_now(
        lambda session: (
            outbox.count_waiting(session),
            ledger_jobs.oldest_waiting(session),
            catalog_jobs.count_waiting(session),
        )
    )
    telemetry.OUTBOX_WAITING.set(messages)
    telemetry.OUTBOX_OLDEST.set((now - oldest).total_seconds() if oldest else 0)
    telemetry.LEDGER_LAG.set((now - entry).total_seconds() if entry else 0)
    telemetry.UPLOADS_VERIFYING.set(uploads)


@contextmanager
def serve_status(parts: Parts, *, host: str, port: int) -> Iterator[int]:
    """Answer on `host:port` from a thread until left; give the port. Call it inside the running event loop.

    Raises:
        GatehouseError: the port cannot be had.
    """
    handler = _handler(parts, HealthChecks(parts), asyncio.get_running_loop())
    try:
        server = ThreadingHTTPServer((host, port), handler)
    except OSError as error:
        raise GatehouseError(f"cannot listen on {host}:{port}: {error.strerror}") from None
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, name="status", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(
    parts: Parts, health: HealthChecks, loop: asyncio.AbstractEventLoop
) -> type[BaseHTTPRequestHandler]:
    class StatusHandler(BaseHTTPRequestHandler):
        timeout = REQUEST_TIMEOUT_S

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Log nothing: monitoring asks all the time."""

        def do_GET(self) -> None:
            if self.path == "/health/live":
                self._answer(200, b'{"live":true}')
            elif self.path == "/health/ready":
                self._ready()
            elif self.path == "/metrics":
                self._metrics()
            else:
                self._answer(404, b'{"error":"there is nothing here"}')

        def _ready(self) -> None:
            asked = asyncio.run_coroutine_threadsafe(health.check(), loop)
            try:
                readiness = asked.result(READINESS_TIMEOUT_S)
            except TimeoutError:
                self._answer(503, b'{"ready":false,"parts":{"worker":"slow"}}')
                return
            self._answer(200 if readiness.ready else 503, msgspec.json.encode(readiness))

        def _metrics(self) -> None:
            if not self._may_read():
                self._answer(401, b'{"error":"metrics ask for their token"}')
                return
            try:
                measure_backlog(parts)
            except Unavailable:
                self._answer(503, b'{"error":"the database cannot be asked"}')
                return
            text = generate_latest(telemetry.METRICS) + generate_latest(telemetry.BACKLOG)
            self._answer(200, text, kind=CONTENT_TYPE_LATEST)

        def _may_read(self) -> bool:
            token = parts.settings.metrics_token
            if token:
                given = self.headers.get("Authorization", "")
                return secrets.compare_digest(given.encode(), f"Bearer {token}".encode())
            return ipaddress.ip_address(self.client_address[0]).is_loopback

        def _answer(self, status: int, body: bytes, *, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return StatusHandler
