"""What becomes due about webhooks: messages go out, each receiver's at its own pace, and leave the log in the end."""

import asyncio

import structlog

from registry.kernel.clock import Clock
from registry.kernel.database import Database
from registry.kernel.outcomes import GatehouseError
from registry.kernel.periodic import run_periodically
from registry.webhooks import store
from registry.webhooks.delivering import Deliverer, Parcel
from registry.webhooks.domain import KEPT

POLL_SECONDS = 1.0
AT_ONCE = 8
"""How many messages one worker sends at the same moment, each to another webhook."""
SWEEP_SECONDS = 3600.0
SWEEP_LOCK = 0x6761_7465_7765_6262
ROWS_PER_STEP = 200
_log = structlog.get_logger()


async def run_delivering(deliverer: Deliverer) -> None:
    """Send what is due, until cancelled; a receiver that is slow takes one place of several."""
    running: set[asyncio.Task[None]] = set()
    try:
        while True:
            parcels = await _claim(deliverer, AT_ONCE - len(running))
            running |= {asyncio.create_task(_deliver(deliverer, parcel)) for parcel in parcels}
            if running:
                _, running = await asyncio.wait(
                    running, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
            else:
                await asyncio.sleep(POLL_SECONDS)
    finally:
        for task in running:
            task.cancel()


async def _claim(deliverer: Deliverer, most: int) -> list[Parcel]:
    if not most:
        return []
    try:
        return list(await deliverer.claim(most))
    except Exception as error:  # noqa: BLE001 - edge of a background loop: it must outlive every defect
        _note(error)
        return []


async def _deliver(deliverer: Deliverer, parcel: Parcel) -> None:
    try:
        await deliverer.deliver(parcel)
    except Exception as error:  # noqa: BLE001 - the lease ends, and the message is sent once more
        _note(error)


def _note(error: Exception) -> None:
    known = isinstance(error, GatehouseError)
    _log.error("webhooks.failed", kind=type(error).__name__, exc_info=None if known else error)


async def run_clearing(database: Database, *, clock: Clock) -> None:
    """Take what is old out of the logs, until cancelled."""
    await run_periodically(
        database,
        lambda session: store.delete_deliveries(session, before=clock.now() - KEPT, limit=ROWS_PER_STEP),
        what="webhooks.clearing",
        seconds=SWEEP_SECONDS,
        lock=SWEEP_LOCK,
    )
