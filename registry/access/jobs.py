"""What becomes due about requests: those that lapse, and those whose applicants are warned."""

from registry.access import requesting
from registry.kernel.clock import Clock
from registry.kernel.database import Database
from registry.kernel.periodic import run_periodically
from registry.kernel.sealing import Sealer

LAPSE_SECONDS = 180.0
LAPSE_LOCK = 7_254_003
"""Key of the PostgreSQL advisory lock that lets one worker do this at a time; any constant will do."""


async def run_lapsing(database: Database, *, sealer: Sealer, base_url: str, clock: Clock) -> None:
    """Let requests lapse whose time has come, and warn before, until cancelled."""
    await run_periodically(
        database,
        lambda session: requesting.lapse_due(session, sealer=sealer, base_url=base_url, now=clock.now()),
        what="requests.lapsing",
        seconds=LAPSE_SECONDS,
        lock=LAPSE_LOCK,
    )
