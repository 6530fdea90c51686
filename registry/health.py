"""Whether this process lives, and whether it may be sent requests."""

import asyncio
import ipaddress
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from registry.identity.authentication import bearer_token
from registry.identity.domain import not_signed_in
from registry.kernel.outcomes import Unavailable
from registry.kernel.problems import AnyRequest, refuse
from registry.kernel.telemetry import METRICS
from registry.parts import Parts
from registry.schema import is_current
from registry.settings import Settings

CHECK_TIMEOUT_S = 3.0
OK = "ok"


METRICS_TYPE = CONTENT_TYPE_LATEST.partition("; charset=")[0]
"""The framework adds the charset to every text."""


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Which parts answer; `ready` is true only if all do."""

    ready: bool
    parts: dict[str, str]


class HealthChecks:
    """Asks each part whether it answers; one question to each part at a time, on threads of its own."""

    def __init__(self, parts: Parts) -> None:
        self._questions: Mapping[str, Callable[[], str]] = {
            "database": lambda: OK if is_current(parts.database) else "migration needed",
            "object store": lambda: OK if parts.store.is_ready() else "does not serve our links",
        }
        self._threads = ThreadPoolExecutor(len(self._questions), thread_name_prefix="health")
        self._asked: dict[str, asyncio.Future[str]] = {}

    async def check(self) -> Readiness:
        """Return what answers now; a part that is slow counts as one that does not."""
        found = await asyncio.gather(*map(self._ask, self._questions))
        named = dict(zip(self._questions, found, strict=True))
        return Readiness(ready=all(word == OK for word in named.values()), parts=named)

    async def _ask(self, part: str) -> str:
        asked = self._asked.get(part)
        if asked is None or asked.done():
            # A part that hangs is not asked again before it has answered, so questions do not pile up.
            asked = asyncio.get_running_loop().run_in_executor(self._threads, _word, self._questions[part])
            self._asked[part] = asked
        try:
            return await asyncio.wait_for(asyncio.shield(asked), CHECK_TIMEOUT_S)
        except TimeoutError:
            return "slow"


def _word(question: Callable[[], str]) -> str:
    try:
        return question()
    except Unavailable:
        return "unavailable"
    except Exception as error:  # noqa: BLE001 - whatever it is, the part does not answer
        return type(error).__name__


class HealthApi(Controller):
    """For load balancers and monitoring."""

    include_in_schema = False

    @get("/health/live", operation_id="get_liveness", sync_to_thread=False)
    def live(self) -> dict[str, bool]:
        """Answer that the process runs."""
        return {"live": True}

    @get("/health/ready", operation_id="get_readiness")
    async def ready(self, health: NamedDependency[HealthChecks]) -> Response[Readiness]:
        """Answer 200 if every part answers, else 503."""
        readiness = await health.check()
        return Response(readiness, status_code=200 if readiness.ready else 503)

    @get("/metrics", operation_id="get_metrics", sync_to_thread=False)
    def metrics(self, request: AnyRequest, settings: NamedDependency[Settings]) -> Response[bytes]:
        """Answer the metrics of this process to whoever may read them."""
        if settings.metrics_token:
            given = bearer_token(request.headers) or ""
            allowed = secrets.compare_digest(given, settings.metrics_token)
        else:
            allowed = request.client is not None and _is_loopback(request.client.host)
        if not allowed:
            return refuse(request, not_signed_in("/metrics"))
        return Response(generate_latest(METRICS), media_type=METRICS_TYPE)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
