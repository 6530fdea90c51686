"""The sequencer's loop: publishes by itself, survives outages and rotated keys."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from registry import ledger
from registry.kernel.database import Database
from registry.kernel.outcomes import Unavailable
from registry.ledger import jobs
from registry.ledger.domain import KeyPurpose
from tests.integration.ledger.conftest import ORIGIN, Log


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "SEQUENCER_INTERVAL_SECONDS", 0.002)


async def until(log: Log, size: int) -> None:
    async def published() -> None:
        while True:
            checkpoint = await log.database.read(ledger.latest_checkpoint)
            if checkpoint is not None and checkpoint.size >= size:
                return
            await asyncio.sleep(0.002)

    await asyncio.wait_for(published(), 20)


class Running:
    """The loop in the background, for the length of a `with`."""

    def __init__(self, log: Log, *, keys: Callable[[], ledger.KeyRing], **options: Any) -> None:
        self._work = jobs.run_sequencer(
            options.pop("database", log.database), keys=keys, origin=ORIGIN, clock=log.clock, **options
        )

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._work)

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        (outcome,) = await asyncio.gather(self._task, return_exceptions=True)
        assert isinstance(outcome, asyncio.CancelledError)


async def test_appended_entries_are_published_without_being_asked(log: Log) -> None:
    async with Running(log, keys=lambda: log.keys):
        log.append(2)
        await until(log, 2)
        log.append(1)
        await until(log, 3)


async def test_poke_publishes_at_once(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "SEQUENCER_INTERVAL_SECONDS", 3600)
    poke = asyncio.Event()
    async with Running(log, keys=lambda: log.keys, poke=poke):
        for size in (1, 2):
            await asyncio.to_thread(log.append)
            poke.set()
            await until(log, size)


async def test_more_than_a_batch_is_published_without_rest_between(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "SEQUENCER_INTERVAL_SECONDS", 3600)
    log.append(2_100)
    async with Running(log, keys=lambda: log.keys):
        await until(log, 2_100)


class Flaky:
    """A database that is away for the first few questions."""

    def __init__(self, database: Database, failures: int) -> None:
        self._database = database
        self._failures = failures

    async def read(self, work: Any) -> Any:
        if self._failures:
            self._failures -= 1
            raise Unavailable("database", "OperationalError")
        return await self._database.read(work)

    async def write(self, work: Any) -> Any:
        return await self._database.write(work)


async def test_outage_of_the_database_is_logged_and_survived(log: Log) -> None:
    log.append(3)
    with capture_logs() as lines:
        async with Running(log, keys=lambda: log.keys, database=Flaky(log.database, 3)):
            await until(log, 3)
    waits = [line for line in lines if line["event"] == "ledger.sequencer_waits"]
    assert [line["attempt"] for line in waits] == [1, 2, 3]


async def test_defect_is_logged_and_does_not_end_the_loop(log: Log) -> None:
    failing = [RuntimeError("a defect")]

    def keys() -> ledger.KeyRing:
        if failing:
            raise failing.pop()
        return log.keys

    log.append()
    with capture_logs() as lines:
        async with Running(log, keys=keys):
            await until(log, 1)
    assert [line["kind"] for line in lines if line["event"] == "ledger.sequencer_stuck"] == ["RuntimeError"]


async def test_rotated_checkpoint_key_is_taken_up_without_restart(log: Log) -> None:
    ring = [log.keys]

    def reload() -> None:
        ring[0] = log.database.read_now(lambda session: ledger.load_key_ring(session, sealer=log.sealer))

    log.append()
    async with Running(log, keys=lambda: ring[0], reload_keys=reload):
        await until(log, 1)
        await log.database.write(
            lambda session: ledger.rotate_key(
                session, KeyPurpose.CHECKPOINT, sealer=log.sealer, now=log.clock.now()
            )
        )
        await asyncio.to_thread(log.append)
        await until(log, 2)
    assert ring[0].checkpoint.kid != log.keys.checkpoint.kid
    assert log.read(lambda session: ledger.find_discrepancies(session, sealer=log.sealer)) == []


async def test_rotated_key_without_reload_stops_signing(log: Log) -> None:
    log.database.write_now(
        lambda session: ledger.rotate_key(
            session, KeyPurpose.CHECKPOINT, sealer=log.sealer, now=log.clock.now()
        )
    )
    log.append()
    tried = asyncio.Event()
    tries = []

    def keys() -> ledger.KeyRing:
        tries.append(1)
        if len(tries) == 4:
            tried.set()
        return log.keys

    with capture_logs() as lines:
        async with Running(log, keys=keys):
            await asyncio.wait_for(tried.wait(), 20)
    assert {line["event"] for line in lines} == {"ledger.keys_rotated"}
    assert log.read(ledger.latest_checkpoint) is None
