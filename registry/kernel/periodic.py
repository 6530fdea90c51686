"""Work that is due now and then: a loop that outlives outages and defects, on one worker at a time."""

import asyncio
from collections.abc import Callable

import structlog
from sqlalchemy import text
from sqlmodel import Session

from registry.kernel.database import Database
from registry.kernel.outcomes import GatehouseError

_log = structlog.get_logger()


async def run_periodically(
    database: Database, work: Callable[[Session], int], *, what: str, seconds: float, lock: int
) -> None:
    """Run `work` in a transaction of its own every `seconds` until cancelled, and at once while it finds something.

    `work` returns how much it did. Any number of these loops may run, also in other processes: who does not
    get the lock leaves it to the one that has it. An outage or a defect is logged and tried again next time.
    """
    while True:
        try:
            done = await database.write(lambda session: _run_once(session, work, lock))
        except Exception as error:  # noqa: BLE001 - edge of a background loop: it must outlive every defect
            known = isinstance(error, GatehouseError)
            _log.error(f"{what}.failed", kind=type(error).__name__, exc_info=None if known else error)
            done = 0
        if not done:
            await asyncio.sleep(seconds)


def wait_for_others(session: Session, lock: int) -> None:
    """Return once nobody is at the work with this lock; until the commit nobody begins it."""
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock})


def _run_once(session: Session, work: Callable[[Session], int], lock: int) -> int:
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        # SQLite has one writer anyway.
        free = connection.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": lock}).scalar_one()
        if not free:
            return 0
    return work(session)
