"""The application with the Hub's routes, whether or not the composition root mounts them yet."""

from litestar import Litestar

from registry import hub_api
from registry.app import create_app
from registry.delivery.resolving import Resolver
from registry.identity.visits import Desk
from registry.kernel.telemetry import configure_logging
from registry.parts import Parts, build_parts, connect_store
from registry.settings import load_settings


def create_hub_app(parts: Parts) -> Litestar:
    app = create_app(parts)
    if any(route.path == "/api/whoami-v2" for route in app.routes):
        return app
    desk = Desk(
        settings=parts.settings,
        clock=parts.clock,
        database=parts.database,
        sealer=parts.sealer,
        pages=parts.pages,
        cookies=parts.cookies,
        visits=parts.visits,
    )
    resolver = Resolver(
        database=parts.database,
        store=parts.store,
        clock=parts.clock,
        url_ttl_seconds=parts.settings.url_ttl_seconds,
        contact=parts.settings.contact,
    )
    return create_app(parts, extra_routes=hub_api.routes(resolver=resolver, desk=desk))


def serve() -> Litestar:
    """What the server's workers call."""
    settings = load_settings()
    configure_logging(level=settings.log_level, console=False)
    return create_hub_app(build_parts(settings, store=connect_store(settings)))
