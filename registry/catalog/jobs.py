"""Background work of the catalog: verifying what was uploaded, giving up what nobody completed."""

import asyncio
import contextlib

import structlog
from sqlmodel import Session

from registry.catalog import upload_store, uploads
from registry.catalog.domain import UploadView
from registry.catalog.storage import ObjectStore
from registry.kernel.clock import Clock
from registry.kernel.database import Database
from registry.kernel.outcomes import GatehouseError, Unavailable

VERIFIED_AT_ONCE = 2
"""Hashing takes a core each."""
LOOK_INTERVAL_SECONDS = 0.5
STALE_INTERVAL_SECONDS = 3600.0
LONGEST_PAUSE_SECONDS = 30.0
_log = structlog.get_logger()


async def run_verification(
    database: Database, objects: ObjectStore, *, clock: Clock, poke: asyncio.Event | None = None
) -> None:
    """Verify completed uploads until cancelled; any number of these loops may run, also in other processes.

    Looks every `LOOK_INTERVAL_SECONDS`, or at once when `poke` is set. An outage leaves the upload waiting.
    """
    failures = 0
    swept_at: float | None = None
    loop = asyncio.get_running_loop()
    while True:
        try:
            if swept_at is None or loop.time() - swept_at > STALE_INTERVAL_SECONDS:
                swept_at = loop.time()
                await uploads.abandon_stale(database, objects, now=clock.now())
            done = await verify_waiting(database, objects, clock=clock)
        except Unavailable as error:
            failures += 1
            _log.warning("uploads.verification_waits", part=error.part, reason=error.reason, attempt=failures)
            await asyncio.sleep(min(0.5 * 2**failures, LONGEST_PAUSE_SECONDS))
        except Exception as error:  # noqa: BLE001  # Edge of a background loop: it must outlive every defect.
            failures += 1
            _log.error(
                "uploads.verification_stuck", kind=type(error).__name__, attempt=failures, exc_info=error
            )
            await asyncio.sleep(min(0.5 * 2**failures, LONGEST_PAUSE_SECONDS))
        else:
            failures = 0
            if not done:
                await _rest(poke)


async def verify_waiting(database: Database, objects: ObjectStore, *, clock: Clock) -> int:
    """Verify the uploads that wait now, as many at once as is good; return how many were tried."""
    now = clock.now()
    if not await database.read(upload_store.has_waiting):
        return 0
    claimed = await database.write(
        lambda session: upload_store.claim(session, now=now, most=VERIFIED_AT_ONCE)
    )
    await asyncio.gather(*(_verify(database, objects, upload, clock=clock) for upload in claimed))
    return len(claimed)


async def _verify(database: Database, objects: ObjectStore, upload: UploadView, *, clock: Clock) -> None:
    try:
        await uploads.verify_upload(database, objects, upload, clock=clock)
    except GatehouseError as error:
        _log.warning("upload.not_verified_yet", upload=str(upload.id), reason=type(error).__name__)


async def _rest(poke: asyncio.Event | None) -> None:
    if poke is None:
        await asyncio.sleep(LOOK_INTERVAL_SECONDS)
        return
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(poke.wait(), LOOK_INTERVAL_SECONDS)
    poke.clear()


def count_waiting(session: Session) -> int:
    """Return how many uploads wait for their verification."""
    return upload_store.count_waiting(session)
