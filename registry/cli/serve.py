"""`gatehouse serve`: the object store, the migrations, then the web server."""

import os
import signal
import sys
from argparse import Namespace
from contextlib import ExitStack
from dataclasses import replace
from types import FrameType
from urllib.parse import urlsplit

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from registry.delivery.seaweedfs import EmbeddedStore
from registry.kernel.clock import SystemClock
from registry.kernel.database import Database
from registry.kernel.outcomes import GatehouseError
from registry.kernel.telemetry import configure_logging
from registry.licenses import load_bundled
from registry.parts import connect_store
from registry.schema import is_current, migrate
from registry.settings import PREFIX, Settings, load_settings

APP = "registry.app:serve_app"
HEADERS_MAX_BYTES = 64 * 1024
"""Largest head of a request; the server refuses a larger one before it reaches the application."""


def run(args: Namespace) -> int:
    """Serve until stopped; leave no process behind."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        settings = load_settings()
        configure_logging(level=settings.log_level, console=settings.log_format == "console")
        address = urlsplit(settings.base_url)
        host = args.host or address.hostname or "127.0.0.1"
        port = args.port or address.port or 8400
        if warning := mail_warning(settings):
            print(f"gatehouse serve: {warning}", file=sys.stderr)
        with ExitStack() as stack:
            settings = start_parts(settings, stack)
            print(f"Gatehouse serves {settings.base_url}", file=sys.stderr, flush=True)
            serve(host=host, port=port, workers=args.workers or 1, settings=settings)
    except GatehouseError as error:
        print(f"gatehouse serve: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def mail_warning(settings: Settings) -> str | None:
    """Return why nobody can sign in by mail; None if mail is sent, or is read on this machine."""
    if settings.smtp_host or settings.keeps_mail_here:
        return None
    return (
        f"warning: no mail server is set, and {settings.base_url} is not on this machine only: sign-in mail reaches "
        "nobody. Set GATEHOUSE_SMTP_HOST"
    )


def start_parts(settings: Settings, stack: ExitStack) -> Settings:
    """Start the embedded store, migrate, import the bundled licenses; return the settings in full.

    The settings also stand in the environment, from which the server's workers read them.
    """
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if settings.embedded_store:
        store = stack.enter_context(EmbeddedStore(settings.data_dir / "store"))
        settings = replace(
            settings,
            s3_endpoint=store.endpoint,
            s3_bucket=store.bucket,
            s3_region=store.region,
            s3_access_key=store.access_key,
            s3_secret_key=store.secret_key,
            s3_path_style=True,
        )
        for name in ("s3_endpoint", "s3_bucket", "s3_region", "s3_access_key", "s3_secret_key"):
            os.environ[PREFIX + name.upper()] = getattr(settings, name)
    settings.master_secrets()
    connect_store(settings).probe()
    prepare_database(settings)
    return settings


def prepare_database(settings: Settings) -> None:
    """Bring the database to the newest schema where that is done at start, and import the bundled licenses.

    Raises:
        GatehouseError: the schema is not the newest, and migrations are not applied at start.
    """
    database = Database(settings.resolved_database_url())
    try:
        at_start = (
            settings.embedded_database if settings.migrate_on_start is None else settings.migrate_on_start
        )
        if at_start:
            migrate(database)
        elif not is_current(database):
            raise GatehouseError("the database needs migrations; run `gatehouse migrate` first")
        now = SystemClock().now()
        database.write_now(lambda session: load_bundled(session, now=now))
    finally:
        database.close()


def serve(*, host: str, port: int, workers: int, settings: Settings, target: str = APP) -> None:
    """Run the web server in this process until it is told to stop."""
    server = Granian(
        target,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        # Version 2 has limits of its own; the proxies in front of us speak version 1.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=settings.request_seconds * 1000, max_buffer_size=HEADERS_MAX_BYTES
        ),
        workers=workers,
        factory=True,
        log_level=LogLevels(settings.log_level),
        websockets=False,
        backpressure=1024,
        workers_kill_timeout=10,
    )
    server.serve()


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
