"""The application with the Hub's routes, whether or not the composition root mounts them yet."""

from litestar import Litestar

from registry.app import create_app
from registry.kernel.telemetry import configure_logging
from registry.parts import Parts, build_parts, connect_store
from registry.settings import load_settings


def create_hub_app(parts: Parts) -> Litestar:
    return create_app(parts)


def serve() -> Litestar:
    """What the server's workers call."""
    settings = load_settings()
    configure_logging(level=settings.log_level, console=False)
    return create_hub_app(build_parts(settings, store=connect_store(settings)))
