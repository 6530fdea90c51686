"""Work that is due now and then: digests, and what officers are told about proofs that run out.

A digest is one mail a day at most of what is told to a person again and again.
"""

from registry.identity import domain_telling, notices
from registry.kernel.clock import Clock
from registry.kernel.database import Database
from registry.kernel.periodic import run_periodically
from registry.kernel.sealing import Sealer

DIGEST_SECONDS = 300.0
DIGEST_LOCK = 7_254_004
"""Key of the PostgreSQL advisory lock that lets one worker do this at a time; any constant will do."""
PROOFS_SECONDS = 600.0
PROOFS_LOCK = 7_254_005
"""The same for proofs of domains."""


async def run_digests(database: Database, *, sealer: Sealer, base_url: str, clock: Clock) -> None:
    """Send each person the digest that is due, until cancelled."""
    await run_periodically(
        database,
        lambda session: notices.send_digests(session, sealer=sealer, base_url=base_url, now=clock.now()),
        what="digests",
        seconds=DIGEST_SECONDS,
        lock=DIGEST_LOCK,
    )


async def run_telling_of_proofs(database: Database, *, sealer: Sealer, base_url: str, clock: Clock) -> None:
    """Tell officers of proofs that run out soon, or have, until cancelled."""
    await run_periodically(
        database,
        lambda session: domain_telling.tell_of_ends(
            session, sealer=sealer, base_url=base_url, now=clock.now()
        ),
        what="proofs",
        seconds=PROOFS_SECONDS,
        lock=PROOFS_LOCK,
    )
