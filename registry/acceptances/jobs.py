"""What becomes due about imports: reports that were confirmed, and letters that invite people to accept here."""

from collections.abc import Callable

from registry import ledger
from registry.acceptances import inviting, report_staging
from registry.acceptances.import_statement import IMPORT_TYP
from registry.kernel.clock import Clock
from registry.kernel.database import Database
from registry.kernel.periodic import run_periodically
from registry.kernel.sealing import Sealer

INVITING_SECONDS = 60.0
INVITING_LOCK = 7_254_021
"""Key of the PostgreSQL advisory lock that lets one worker do this at a time; any constant will do."""
IMPORTING_SECONDS = 2.0
IMPORTING_LOCK = 7_254_022


async def run_importing(
    database: Database, *, keys: Callable[[], ledger.KeyRing], issuer: str, sealer: Sealer, clock: Clock
) -> None:
    """Import what was confirmed, part by part, until cancelled."""
    await run_periodically(
        database,
        lambda session: report_staging.import_due(
            session,
            issuer=issuer,
            sign=lambda payload: keys().sign_jws(payload, {"typ": IMPORT_TYP}),
            sealer=sealer,
            now=clock.now(),
        ),
        what="imports.importing",
        seconds=IMPORTING_SECONDS,
        lock=IMPORTING_LOCK,
    )


async def run_inviting(database: Database, *, sealer: Sealer, base_url: str, clock: Clock) -> None:
    """Write the letters that are due, at their pace, until cancelled."""
    await run_periodically(
        database,
        lambda session: inviting.invite_due(session, sealer=sealer, base_url=base_url, now=clock.now()),
        what="imports.inviting",
        seconds=INVITING_SECONDS,
        lock=INVITING_LOCK,
    )
