"""`gatehouse worker`: background work beside the web processes."""

import asyncio
import signal
import sys
from argparse import Namespace

from registry.kernel.outcomes import GatehouseError
from registry.kernel.telemetry import configure_logging
from registry.parts import build_parts, connect_store
from registry.settings import load_settings
from registry.worker import Worker


def run(_args: Namespace) -> int:
    """Work until stopped."""
    settings = load_settings()
    configure_logging(level=settings.log_level, console=settings.log_format == "console")
    try:
        parts = build_parts(settings, store=connect_store(settings))
    except GatehouseError as error:
        print(f"gatehouse worker: {error}", file=sys.stderr)
        return 1
    asyncio.run(_work(Worker(parts)))
    parts.database.close()
    return 0


async def _work(worker: Worker) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await worker.start()
    await stopped.wait()
    await worker.stop()
