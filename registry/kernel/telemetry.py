"""Logs, request ids and metrics, with redaction in one place.

Logs name events, ids and codes: never tokens, cookies, query strings, presigned URLs or contact data.
"""

import logging
import re
import sys
import time
from collections.abc import MutableMapping
from typing import Any
from uuid import uuid4

import structlog
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

METRICS = CollectorRegistry()
REQUESTS = Counter(
    "gatehouse_requests_total", "Requests answered.", ["route", "method", "status"], registry=METRICS
)
REQUEST_SECONDS = Histogram(
    "gatehouse_request_seconds", "Time to the first byte of the answer.", ["route"], registry=METRICS
)
DECISIONS = Counter(
    "gatehouse_decisions_total", "Decisions of the gate by outcome code.", ["code"], registry=METRICS
)
ACCEPTANCES = Counter("gatehouse_acceptances_total", "Acceptances recorded.", registry=METRICS)
URLS_ISSUED = Counter("gatehouse_urls_issued_total", "Presigned URLs issued.", registry=METRICS)
PDF_CERTIFICATE_ENDS = Gauge(
    "gatehouse_pdf_certificate_ends",
    "When the certificate that signs receipts as PDF ends, POSIX seconds; 0 if none is set.",
    registry=METRICS,
)
LEDGER_SIZE = Gauge("gatehouse_ledger_size", "Entries in the last published checkpoint.", registry=METRICS)
COSIGNATURES = Counter(
    "gatehouse_cosignatures_total",
    "Requests to witnesses by what came of them: `kept` or `failed`.",
    ["outcome"],
    registry=METRICS,
)
TIMESTAMPS = Counter(
    "gatehouse_timestamps_total",
    "Requests to the time stamping authority by what came of them: `kept` or `failed`.",
    ["outcome"],
    registry=METRICS,
)
OUTBOX_FAILURES = Counter(
    "gatehouse_outbox_failures_total",
    "Failed attempts to deliver an outbox message.",
    ["topic"],
    registry=METRICS,
)
DESTROYED = Counter(
    "gatehouse_destroyed_rows_total",
    "Rows whose personal part was destroyed because its time was over.",
    ["what"],
    registry=METRICS,
)
BACKLOG = CollectorRegistry()
"""What waits in the database, looked up at each request; of `gatehouse worker` only."""
OUTBOX_WAITING = Gauge("gatehouse_outbox_waiting", "Outbox messages not delivered yet.", registry=BACKLOG)
OUTBOX_OLDEST = Gauge(
    "gatehouse_outbox_oldest_seconds", "Age of the oldest outbox message not delivered yet.", registry=BACKLOG
)
LEDGER_LAG = Gauge(
    "gatehouse_ledger_lag_seconds", "Age of the oldest entry that has no index yet.", registry=BACKLOG
)
UPLOADS_VERIFYING = Gauge(
    "gatehouse_uploads_verifying", "Uploads that wait for their verification.", registry=BACKLOG
)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}\Z")
_SECRETS = re.compile(
    r"gatehouse_[A-Za-z0-9_-]{8,}"  # our tokens
    r"|hf_[A-Za-z0-9]{8,}"  # tokens of the Hub sent to us by mistake
    r"|(?i:bearer)\s+\S+"
    r"|X-Amz-[A-Za-z-]+=[^&\s\"']+"  # presigned queries
    r"|[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,253}\.[A-Za-z]{2,24}"  # mail addresses
)
_FULL_URL_LOGGERS = (
    "alembic",
    "httpx",
    "httpx2",
    "httpcore",
    "httpcore2",
    "boto3",
    "botocore",
    "urllib3",
    "authlib",
    "fido2",
    "s3transfer",
)


def configure_logging(*, level: str, console: bool) -> None:
    """Log every event as one line on standard error, redacted."""
    renderer = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_level(level)),
        logger_factory=structlog.WriteLoggerFactory(file=_stderr()),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact,
                renderer,
            ],
        )
    )
    logging.basicConfig(level=_level(level), handlers=[handler], force=True)
    for name in _FULL_URL_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace whatever looks like a secret or an address in the values of a log event."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = scrub(value)
    return event


def scrub(text: str) -> str:
    """Return `text` without tokens, presigned queries and mail addresses."""
    return _SECRETS.sub("[redacted]", text)


class RequestTelemetry(ASGIMiddleware):
    """Gives each request an id, counts it by route, and logs one line without its query or headers."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Answer the request and take note of it."""
        started = time.perf_counter()
        request_id = _request_id(scope)
        scope["request_id"] = request_id  # type: ignore[typeddict-unknown-key] # our own key in an open dict
        status = 500
        given = str(scope.get("method", "GET"))
        method = given if given in _METHODS else "other"  # whatever a client invents makes no series

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
                route = _route(scope)
                REQUESTS.labels(route, method, str(status)).inc()
                REQUEST_SECONDS.labels(route).observe(time.perf_counter() - started)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await next_app(scope, receive, note)
            finally:
                if not scope["path"].startswith(("/health/", "/static/", "/metrics")):
                    structlog.get_logger().info(
                        "request",
                        method=method,
                        route=_route(scope),
                        status=status,
                        milliseconds=round((time.perf_counter() - started) * 1000, 1),
                    )


def head_as_get(next_app: ASGIApp) -> ASGIApp:
    """Return an application that answers HEAD like GET without the body (RFC 9110 §9.3.2)."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] != "HEAD":
            await next_app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                if not message.get("more_body"):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            await send(message)

        scope["method"] = "GET"
        await next_app(scope, receive, send_head)

    return answer


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name in {b"x-request-id", b"x-amzn-trace-id"}:
            text: str = value.decode("latin-1")
            if _REQUEST_ID.match(text):
                return text
    return uuid4().hex


def _route(scope: Scope) -> str:
    """Return the path template of the route, so that paths do not become series or log data."""
    template = scope.get("path_template")
    return str(template) if template else "unrouted"


def _level(name: str) -> int:
    return logging.getLevelNamesMapping()[name.upper()]


def _stderr() -> Any:

    return sys.stderr
