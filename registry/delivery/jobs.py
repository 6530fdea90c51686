"""What becomes due: days of download records are closed and go into the log, and people who asked for it are erased."""

import asyncio

import structlog
from sqlmodel import Session

from registry.delivery import daily_digests, erasing
from registry.identity import restrictions
from registry.kernel.clock import Clock
from registry.kernel.database import Database
from registry.kernel.outcomes import GatehouseError
from registry.kernel.periodic import run_periodically
from registry.kernel.sealing import Sealer

LOOK_SECONDS = 300.0
CLOSING_LOCK = 7_254_009
"""Key of the PostgreSQL advisory lock that lets one worker close days at a time; any constant will do."""
ERASING_LOCK = 7_254_010
"""The same for erasing people."""
_log = structlog.get_logger()


async def run_closing(database: Database, *, clock: Clock) -> None:
    """Close the days that are over, until cancelled."""
    await run_periodically(
        database,
        lambda session: daily_digests.close_due(session, now=clock.now()),
        what="downloads.closing",
        seconds=LOOK_SECONDS,
        lock=CLOSING_LOCK,
    )


async def run_digests(database: Database, *, clock: Clock) -> None:
    """Bring the digests of closed days into the log until cancelled; outages and defects are tried again."""
    while True:
        try:
            was_due = await daily_digests.digest_due(database, now=clock.now())
        except Exception as error:  # noqa: BLE001 - edge of a background loop: it must outlive every defect
            known = isinstance(error, GatehouseError)
            _log.error(
                "downloads.digest.failed", kind=type(error).__name__, exc_info=None if known else error
            )
            was_due = False
        if not was_due:
            await asyncio.sleep(LOOK_SECONDS)


async def run_erasing(database: Database, *, sealer: Sealer, base_url: str, clock: Clock) -> None:
    """Erase whose time has come, and lift restrictions whose end was announced, until cancelled."""

    def work(session: Session) -> int:
        now = clock.now()
        lifted = restrictions.lift_due(session, sealer=sealer, base_url=base_url, now=now)
        return lifted + erasing.erase_due(session, sealer=sealer, base_url=base_url, now=now)

    await run_periodically(
        database,
        work,
        what="erasures",
        seconds=LOOK_SECONDS,
        lock=ERASING_LOCK,
    )
