"""`gatehouse worker`: background work beside the web processes."""

import asyncio
import signal
import sys
from argparse import Namespace
from contextlib import ExitStack

from registry.cli.installation import require_files
from registry.kernel.outcomes import GatehouseError
from registry.kernel.telemetry import configure_logging
from registry.parts import Parts, build_parts, connect_store
from registry.settings import load_settings
from registry.worker import Worker
from registry.worker_status import serve_status


def run(args: Namespace) -> int:
    """Work until stopped."""
    try:
        settings = load_settings()
        configure_logging(level=settings.log_level, console=settings.log_format == "console")
        require_files(settings)
        parts = build_parts(settings, store=connect_store(settings))
    except GatehouseError as error:
        print(f"gatehouse worker: {error}", file=sys.stderr)
        return 1
    try:
        asyncio.run(_work(parts, host=args.metrics_host, port=args.metrics_port))
    except GatehouseError as error:
        print(f"gatehouse worker: {error}", file=sys.stderr)
        return 1
    finally:
        parts.database.close()
    return 0


async def _work(parts: Parts, *, host: str, port: int | None) -> None:
    worker = Worker(parts)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    with ExitStack() as stack:
        if port is not None:
            stack.enter_context(serve_status(parts, host=host, port=port))
        await worker.start()
        await stopped.wait()
        await worker.stop()
