"""The sequencer's loop: publishes what was appended, within the maximum merge delay."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import datetime

import structlog
from sqlmodel import Session

from registry.kernel.clock import Clock
from registry.kernel.database import Database
from registry.kernel.outcomes import GatehouseError, Unavailable
from registry.kernel.telemetry import LEDGER_SIZE
from registry.ledger import service, store
from registry.ledger.domain import MAX_MERGE_DELAY_SECONDS, SEQUENCER_INTERVAL_SECONDS, Integrated
from registry.ledger.signing import KeyRing

LONGEST_PAUSE_SECONDS = 30.0
"""Longest wait between attempts while the database cannot be reached or the log cannot be extended."""
_log = structlog.get_logger()


async def run_sequencer(
    database: Database,
    *,
    keys: Callable[[], KeyRing],
    origin: str,
    clock: Clock,
    poke: asyncio.Event | None = None,
    reload_keys: Callable[[], object] | None = None,
) -> None:
    """Publish waiting entries until cancelled; any number of these loops may run, also in other processes.

    Looks every `SEQUENCER_INTERVAL_SECONDS`, or at once when `poke` is set. Survives outages, and a log that
    may not be extended, with growing pauses and a log line each. `reload_keys` is run, on a thread, when the
    checkpoint key has been rotated.
    """
    failures = 0
    while True:
        try:
            done = await _integrate_once(database, keys=keys(), origin=origin, clock=clock)
        except service.StaleKeyRing:
            _log.info("ledger.keys_rotated")
            if reload_keys is not None and not failures:
                failures += 1
                await _reload(reload_keys)
                continue
            failures += 1
            await asyncio.sleep(_pause(failures))
        except Unavailable as error:
            failures += 1
            _log.warning("ledger.sequencer_waits", part=error.part, reason=error.reason, attempt=failures)
            await asyncio.sleep(_pause(failures))
        except Exception as error:  # noqa: BLE001 # edge of a background loop: it must outlive every defect
            failures += 1
            _log.error(
                "ledger.sequencer_stuck",
                kind=type(error).__name__,
                problem=str(error) if isinstance(error, GatehouseError) else None,
                attempt=failures,
                exc_info=None if isinstance(error, GatehouseError) else error,
            )
            await asyncio.sleep(_pause(failures))
        else:
            failures = 0
            if done is None or not done.is_full:
                await _rest(poke)


async def _integrate_once(
    database: Database, *, keys: KeyRing, origin: str, clock: Clock
) -> Integrated | None:
    # A look costs no write lock; nearly always there is nothing to do.
    if not await database.read(service.has_pending):
        return None
    started = time.perf_counter()
    done = await database.write(
        lambda session: service.integrate(session, keys=keys, origin=origin, now=clock.now())
    )
    if done is not None:
        seconds = time.perf_counter() - started
        LEDGER_SIZE.set(done.tree_size)
        report = _log.warning if seconds > MAX_MERGE_DELAY_SECONDS else _log.debug
        report(
            "ledger.published", size=done.tree_size, entries=done.count, milliseconds=round(seconds * 1000, 1)
        )
    return done


async def _reload(reload_keys: Callable[[], object]) -> None:
    try:
        await asyncio.to_thread(reload_keys)
    except GatehouseError as error:
        _log.warning("ledger.keys_unavailable", kind=type(error).__name__)


async def _rest(poke: asyncio.Event | None) -> None:
    if poke is None:
        await asyncio.sleep(SEQUENCER_INTERVAL_SECONDS)
        return
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(poke.wait(), SEQUENCER_INTERVAL_SECONDS)
    poke.clear()


def _pause(failures: int) -> float:
    """Return how long to wait after so many failures in a row, in seconds."""
    return float(min(SEQUENCER_INTERVAL_SECONDS * 2 ** min(failures, 20), LONGEST_PAUSE_SECONDS))


def oldest_waiting(session: Session) -> datetime | None:
    """Return since when the oldest entry waits for its index; None if none does."""
    return store.oldest_pending(session)
