"""Digests: what is told to a person again and again reaches them as one mail a day at most."""

from registry.identity import notices
from registry.kernel.clock import Clock
from registry.kernel.database import Database
from registry.kernel.periodic import run_periodically
from registry.kernel.sealing import Sealer

DIGEST_SECONDS = 300.0
DIGEST_LOCK = 7_254_004
"""Key of the PostgreSQL advisory lock that lets one worker do this at a time; any constant will do."""


async def run_digests(database: Database, *, sealer: Sealer, base_url: str, clock: Clock) -> None:
    """Send each person the digest that is due, until cancelled."""
    await run_periodically(
        database,
        lambda session: notices.send_digests(session, sealer=sealer, base_url=base_url, now=clock.now()),
        what="digests",
        seconds=DIGEST_SECONDS,
        lock=DIGEST_LOCK,
    )
