"""`create_app`: the only place that mounts routes and wires them to the real parts."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from granian.utils.proxies import wrap_asgi_with_proxy_headers
from litestar import Litestar, Response
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from registry import __version__, catalog, hub_api
from registry.acceptances import Acceptor
from registry.delivery.resolving import Resolver
from registry.fixed_pages import page_beginner, problem_page
from registry.health import HealthChecks
from registry.identity.authentication import Authentication, principal_of
from registry.identity.ci_domain import read_issuers
from registry.identity.ci_issuers import CIIssuers
from registry.identity.device_polling import DevicePolls
from registry.identity.oauth_api import OAuthDesk
from registry.identity.poll_route import polls_first
from registry.identity.standing_domain import Reach
from registry.identity.visits import Desk
from registry.kernel.deadlines import bodies_in_time
from registry.kernel.edge import GuardedRequest, refuse_nul, with_headers
from registry.kernel.outcomes import Refusal, Unavailable, UnfitValue
from registry.kernel.pages import transport_headers
from registry.kernel.problems import (
    AnyRequest,
    handle_defect,
    handle_http_exception,
    handle_unavailable,
    handle_unfit_value,
    refuse,
)
from registry.kernel.telemetry import RequestTelemetry, configure_logging, head_as_get
from registry.kernel.typesetting import Typesetter
from registry.licenses.pages import LicenseUses
from registry.parts import Parts, build_parts, connect_store
from registry.routes import ROUTES
from registry.settings import load_settings
from registry.worker import Worker

REQUEST_MAX_BYTES = 8 * 1024 * 1024
"""Largest body of a request; weights never pass through here."""
COLLECT_AFTER_OBJECTS = 20_000
"""How many new objects may come before garbage is looked for among the young ones."""
HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}


class MountedRoutes:
    """The routes of the registry, and the parts that answer them.

    Mounting them takes four tenths of a second. `bind` exchanges the parts without mounting
    again; a process that serves binds once, tests bind the parts of each test.
    """

    def __init__(self, parts: Parts, *, extra_routes: tuple[Any, ...] = ()) -> None:
        self._parts = parts
        self._given = _dependencies(parts)
        self._authentication = Authentication(
            database=parts.database,
            clock=parts.clock,
            cookies=parts.cookies,
            base_url=parts.settings.base_url,
            countries=parts.countries,
        )
        self.app = Litestar(
            route_handlers=[*ROUTES, *hub_api.routes(), *extra_routes],
            dependencies={
                **{name: self._provide(name) for name in self._given},
                "keys": Provide(lambda: self._parts.keys.ring, sync_to_thread=False),
                "principal": Provide(_principal, sync_to_thread=False),
            },
            middleware=[self._authentication],
            exception_handlers={
                HTTPException: _refuse_in_kind,
                Unavailable: handle_unavailable,
                UnfitValue: handle_unfit_value,
                Exception: handle_defect,
            },
            response_headers=HEADERS,
            request_class=GuardedRequest,
            request_max_body_size=REQUEST_MAX_BYTES,
            lifespan=[self._live],
            openapi_config=OpenAPIConfig(
                title="Gatehouse",
                version=__version__,
                path="/api/v1/schema",
                render_plugins=[JsonRenderPlugin(path="/openapi.json")],
            ),
            logging_config=None,
        )
        self._mounted = self.app.asgi_handler
        self.bind(parts)

    def bind(self, parts: Parts) -> None:
        """From now on these parts answer every request; none may be under way."""
        settings = parts.settings
        self._parts = parts
        self._given = given = _dependencies(parts)
        self._authentication.database = parts.database
        self._authentication.clock = parts.clock
        self._authentication.cookies = parts.cookies
        self._authentication.countries = parts.countries
        self._authentication.base_url = settings.base_url
        desk = given["desk"]
        self.app.state = State(
            {
                "settings": settings,
                "render_problem": problem_page(desk),
                "begin_page": page_beginner(desk),
            }
        )
        # Outside the framework, so that requests without a route are counted and named too.
        files = hub_api.FileRoute(resolver=given["resolver"], desk=desk)
        guarded = head_as_get(refuse_nul(_refuse_nul_in_kind, self._mounted))
        polled = polls_first(given["oauth"].polls, HEADERS, guarded)
        handler = RequestTelemetry()(hub_api.files_first(files, polled))
        handler = bodies_in_time(handler, seconds=settings.request_seconds)
        if headers := transport_headers(settings.base_url):
            handler = with_headers(handler, headers)
        if settings.trusted_proxies:
            handler = wrap_asgi_with_proxy_headers(handler, list(settings.trusted_proxies))
        self.app.asgi_handler = handler

    def _provide(self, name: str) -> Provide:
        return Provide(lambda: self._given[name], sync_to_thread=False)

    @asynccontextmanager
    async def _live(self, _app: Litestar) -> AsyncIterator[None]:
        parts = self._parts
        worker = Worker(parts)
        if parts.settings.worker_inline:
            await worker.start()
        try:
            yield
        finally:
            await worker.stop()
            parts.database.close()


def create_app(parts: Parts, *, extra_routes: tuple[Any, ...] = ()) -> Litestar:
    """Return the application over these parts. `extra_routes` are for measuring only."""
    return MountedRoutes(parts, extra_routes=extra_routes).app


def serve_app() -> Litestar:
    """Return the application of this process, from the environment; what the server's workers call."""
    settings = load_settings()
    configure_logging(level=settings.log_level, console=settings.log_format == "console")
    spare_the_collector()
    return create_app(build_parts(settings, store=connect_store(settings)))


def spare_the_collector() -> None:
    """Keep what was loaded at the start out of garbage collections, and collect less often.

    Each full collection walked every imported module; it took a fifth of the time of an acceptance.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS, 20, 20)


def _refuse_in_kind(request: AnyRequest, error: HTTPException) -> Response[Any]:
    """Answer what the framework refused in the shape that the client reads."""
    if hub_api.is_hub_path(request.scope["raw_path"]):
        return hub_api.handle_http_exception(request, error)
    return handle_http_exception(request, error)


def _refuse_nul_in_kind(request: AnyRequest, refusal: Refusal) -> Response[Any]:
    """Answer an address with a NUL character in the shape that the client reads."""
    if hub_api.is_hub_path(request.scope["raw_path"]):
        return hub_api.refuse_nul(request, refusal)
    return refuse(request, refusal)


def _reach(parts: Parts) -> Reach:
    return Reach(
        issuers={one.issuer: one.name for one in parts.relying_party.providers}, network=parts.countries.name
    )


def _desk(parts: Parts) -> Desk:
    return Desk(
        settings=parts.settings,
        clock=parts.clock,
        database=parts.database,
        sealer=parts.sealer,
        pages=parts.pages,
        cookies=parts.cookies,
        visits=parts.visits,
        reach=_reach(parts),
        countries=parts.countries,
    )


def _dependencies(parts: Parts) -> dict[str, Any]:
    settings = parts.settings
    return {
        "acceptor": Acceptor(
            database=parts.database,
            clock=parts.clock,
            sealer=parts.sealer,
            issuer=settings.base_url,
            sign_in_age=timedelta(hours=settings.acceptance_sign_in_hours),
        ),
        "clock": parts.clock,
        "database": parts.database,
        "desk": _desk(parts),
        "health": HealthChecks(parts),
        "license_uses": LicenseUses(count_models=catalog.count_models_by_license),
        "oauth": _oauth_desk(parts),
        "reach": _reach(parts),
        "record_checker": parts.record_checker,
        "relying_party": parts.relying_party,
        "resolver": Resolver(
            database=parts.database,
            store=parts.store,
            clock=parts.clock,
            url_ttl_seconds=settings.url_ttl_seconds,
            contact=settings.contact,
        ),
        "sealer": parts.sealer,
        "settings": settings,
        "store": parts.store,
        "typesetter": Typesetter(parts.certificate),
        "webauthn": parts.webauthn,
    }


def _oauth_desk(parts: Parts) -> OAuthDesk:
    return OAuthDesk(
        polls=DevicePolls(database=parts.database, clock=parts.clock),
        issuers=CIIssuers(read_issuers(parts.settings.ci_issuers)),
    )


def _principal(request: AnyRequest) -> Any:
    return principal_of(request.scope)
