"""Measure 10: how soon an acceptance is under a published checkpoint while many accept, and how long fsck takes."""

import asyncio
import os
import threading
import time
from bisect import bisect_right
from collections.abc import Iterator
from multiprocessing import get_context
from typing import Any, Self

from registry import audit, ledger
from registry.kernel.clock import SystemClock
from registry.kernel.database import Database
from registry.kernel.sealing import Sealer
from registry.ledger import jobs
from tests.bench import bulk
from tests.bench.accepting import CALLERS, accept_all
from tests.bench.ground import Ground, add_people, open_scene
from tests.bench.pulling import highest_bytes
from tests.bench.results import Result
from tests.world import MASTER_SECRET, ORIGIN

DELAY_BOUND_S = 2.0
FSCK_BOUND_S = 300.0
MILLION = 1_000_000
PROCESSES = 2


def measure(ground: Ground) -> Iterator[Result]:
    """Yield two rows per database."""
    for kind in ("SQLite", "PostgreSQL"):
        with ground.database(kind) as url:
            yield _delay(ground, kind, url)
        with ground.database(kind) as url:
            yield _fsck(ground, kind, url)


def _delay(ground: Ground, kind: str, url: str) -> Result:
    """Accept as fast as may be while the sequencer runs in a thread of its own; compare commits with checkpoints."""
    database = Database(url)
    try:
        scene = open_scene(database)
        people, _ = add_people(
            scene, CALLERS * ground.scale.accepts_per_caller * 4, prefix="d-", accept=False
        )
        acts = [(person, scene.world.act(person, scene.model)) for person in people]
        scene.world.integrate()
        before = scene.world.read(ledger.latest_checkpoint)
        with _Sequencer(scene.world) as sequencer:
            started = time.perf_counter()
            accept_all(scene.world, scene.model, acts, CALLERS)
            rate = len(acts) / (time.perf_counter() - started)
            sequencer.wait_until(before.size + len(acts))
        delays = sorted(_delays(scene, sequencer.published, first=before.size))
    finally:
        database.close()
    worst = delays[int(len(delays) * 0.99)]
    return Result(
        measure="checkpoint",
        measured=f"{kind}: median {delays[len(delays) // 2] * 1000:,.0f} ms from recording to published checkpoint",
        compared_with=f"{len(delays):,} acceptances at {rate:,.0f}/s",
        value=f"p99 {worst:.2f} s",
        bound=f"< {DELAY_BOUND_S:.0f} s",
        met=worst < DELAY_BOUND_S,
    )


class _Sequencer:
    """The sequencer's own loop beside the acceptances, as in the service; notes when which size was published."""

    def __init__(self, world: Any) -> None:
        self._database = world.database
        self._world = world
        self.published: list[tuple[int, float]] = []
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def wait_until(self, size: int) -> None:
        """Return when a checkpoint of that size is published."""
        while not self.published or self.published[-1][0] < size:
            time.sleep(0.005)

    async def _run(self) -> None:
        loop = asyncio.create_task(
            jobs.run_sequencer(
                self._database, keys=lambda: self._world.keys, origin=ORIGIN, clock=SystemClock()
            )
        )
        while not self._stop.is_set():
            newest = await self._database.read(ledger.latest_checkpoint)
            if newest is not None and (not self.published or self.published[-1][0] < newest.size):
                self.published.append((newest.size, time.time()))
            await asyncio.sleep(0.005)
        loop.cancel()


def _delays(scene: Any, published: list[tuple[int, float]], *, first: int) -> Iterator[float]:
    """Yield for each entry how long after its recording a checkpoint covered it, in seconds."""
    sizes = [size for size, _ in published]
    before: int | None = None
    while page := scene.world.read(ledger.list_entries, before=before, limit=200):
        for entry in page:
            if entry.index < first:
                return
            yield published[bisect_right(sizes, entry.index)][1] - entry.recorded_at.timestamp()
        before = page[-1].index


def _fsck(ground: Ground, kind: str, url: str) -> Result:
    few, many = ground.scale.exported // 10, ground.scale.exported
    database = Database(url)
    try:
        scene = open_scene(database)
        bulk.load_whole(url, scene, few)
        small, small_peak = _checked(url)
        bulk.load_whole(url, scene, many - few)
        seconds, peak = _checked(url)
    finally:
        database.close()
    million = (seconds - small) / (many - few) * MILLION
    return Result(
        measure="fsck",
        measured=f"{kind}: {many:,} acceptances in {seconds:,.1f} s, peak of {peak:,} MB",
        compared_with=f"{few:,} acceptances in {small:,.1f} s, peak of {small_peak:,} MB",
        value=f"{million:,.0f} s a million",
        bound=f"< {FSCK_BOUND_S:.0f} s",
        met=million < FSCK_BOUND_S,
        remarks=(
            (
                f"Everything: rows, signatures, disclosures, tree and checkpoints, with {PROCESSES} processes for "
                "the signatures; the time for a million is that of the rows between the two sizes, extended."
            ),
        ),
    )


def _checked(url: str) -> tuple[float, int]:
    """Return seconds and peak memory in MB of a whole check in a process of its own."""
    context = get_context("spawn")
    answers: Any = context.Queue()
    process = context.Process(target=_check, args=(url, answers))
    process.start()
    seconds, peak, found = answers.get()
    process.join()
    assert not found, found
    return seconds, peak


def _check(url: str, answers: Any) -> None:
    database = Database(url)
    started = time.monotonic()
    found = database.read_now(
        lambda session: audit.find_discrepancies(session, sealer=Sealer(MASTER_SECRET), processes=PROCESSES)
    )
    peak = highest_bytes(os.getpid()) >> 20
    answers.put((time.monotonic() - started, peak, [str(item) for item in found[:3]]))
    database.close()
