"""The real service under load: the server of `gatehouse serve`, with one more route that does nothing.

Run as `python -m tests.bench.service PORT`, with the settings in the environment.
"""

import sys

from litestar import Litestar, get

from registry.app import create_app
from registry.cli.serve import serve
from registry.identity.authentication import OWN_AUTHENTICATION
from registry.kernel.telemetry import configure_logging
from registry.parts import build_parts, connect_store
from registry.settings import load_settings

BARE_PATH = "/bench/bare"


@get(BARE_PATH, opt={OWN_AUTHENTICATION: True}, include_in_schema=False)
async def bare() -> dict[str, str]:
    """Answer a constant: what the server and the framework cost by themselves."""
    return {"status": "ok"}


def app() -> Litestar:
    """Return the service as `registry.app.serve_app` makes it, with the bare route."""
    settings = load_settings()
    configure_logging(level=settings.log_level, console=settings.log_format == "console")
    return create_app(build_parts(settings, store=connect_store(settings)), extra_routes=(bare,))


def main() -> None:
    """Serve with the options of `registry.cli.serve.serve` and one worker, its default."""
    serve(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        workers=1,
        settings=load_settings(),
        target="tests.bench.service:app",
    )


if __name__ == "__main__":
    main()
