"""Measure 2: acceptances a second (statement, sealing, entry, commit) beside a bare insert and commit of one row.

Both sides run in processes of their own, each process with its share of the callers: one process on SQLite, which has
one writer, and one for each core on PostgreSQL, as the service is run there.
"""

import asyncio
import contextlib
import os
import pickle
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from registry import acceptances
from registry.acceptances.domain import AcceptLicense
from registry.catalog.domain import ModelView
from registry.identity.domain import Principal
from registry.kernel.clock import SystemClock
from registry.kernel.database import Database
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import Refusal
from registry.kernel.sealing import Sealer
from tests.bench.ground import Ground, add_people, open_scene
from tests.bench.results import Result
from tests.servers.processes import ROOT
from tests.world import BASE_URL, MASTER_SECRET, World

CALLERS = 64
BOUND = 0.40
COST = (
    "Acts that arrive together share one transaction, rows go in as arrays and in one trip. What is left is our own "
    "Python, about 0.4 ms an act: half of it builds, hashes and signs the statement and seals the details, half is "
    "the query layer's part of the eleven statements of a batch. The bare insert has none of it, and no row but one."
)
_BARE_TABLE = "CREATE TABLE bench_row (id {key} PRIMARY KEY, said text)"

Acts = Sequence[tuple[Principal, AcceptLicense]]


def measure(ground: Ground) -> Iterator[Result]:
    """Yield one row per database."""
    for kind in ("SQLite", "PostgreSQL"):
        with ground.database(kind) as url:
            yield _measure_one(ground, kind, url)


def _measure_one(ground: Ground, kind: str, url: str) -> Result:
    per_caller, rounds = ground.scale.accepts_per_caller, ground.scale.rounds
    processes = 1 if kind == "SQLite" else len(os.sched_getaffinity(0))
    database = Database(url)
    try:
        scene = open_scene(database)
        pairs = []
        make_bare_table(url)
        for number in range(rounds + 1):
            people, _ = add_people(scene, CALLERS * per_caller, prefix=f"a{number}-", accept=False)
            acts = [(person, scene.world.act(person, scene.model)) for person in people]
            shares = [(scene.model, acts[part::processes]) for part in range(processes)]
            bare = _rate(ground.folder, url, [4 * per_caller] * processes, CALLERS * 4 * per_caller)
            pairs.append((bare, _rate(ground.folder, url, shares, len(acts))))
    finally:
        database.close()
    pairs = pairs[1:]  # the first pair warms up
    ratio = median(accepted / bare for bare, accepted in pairs)
    driver = "sqlite3, WAL, synchronous=FULL" if kind == "SQLite" else "psycopg, synchronous_commit=on"
    return Result(
        measure="acceptance",
        measured=f"{kind}: {median(pair[1] for pair in pairs):,.0f}/s",
        compared_with=f"insert and commit of one row ({driver}): {median(pair[0] for pair in pairs):,.0f}/s",
        value=f"{ratio:.2f}",
        bound=f"≥ {BOUND:.2f}",
        met=ratio >= BOUND,
        cost=COST,
        remarks=(
            (
                f"{kind}: {CALLERS} callers at once in {processes} process(es), on both sides; {len(pairs)} rounds of "
                f"{CALLERS * per_caller:,} people by turns. The bare insert runs on the plain driver with one "
                "connection per caller, the database's own rate."
            ),
        ),
    )


def _rate(folder: Path, url: str, shares: Sequence[object], acts: int) -> float:
    """Return how many acts a second all processes together did, from the first start to the last end."""
    callers = CALLERS // len(shares)
    with contextlib.ExitStack() as running:
        processes = []
        for number, share in enumerate(shares):
            file = folder / f"share-{number}"
            file.write_bytes(pickle.dumps((url, callers, share)))
            processes.append(running.enter_context(_process(file)))
        for process in processes:
            _answer(process)
        started = time.perf_counter()
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in processes:
            _answer(process)
        return acts / (time.perf_counter() - started)


@contextlib.contextmanager
def _process(file: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.accepting", str(file)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _answer(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    if not process.stdout.readline():
        raise RuntimeError("a process of the measure ended before its work; what it said stands above")


def main() -> None:
    """Do one share of one side: get ready, wait for the word, do it, and say so."""
    url, callers, share = pickle.loads(Path(sys.argv[1]).read_bytes())
    with contextlib.ExitStack() as opened:
        work = (
            _bare_work(url, callers, share)
            if isinstance(share, int)
            else _accept_work(url, callers, *share, opened=opened)
        )
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        work()
        sys.stdout.write("done\n")
        sys.stdout.flush()


def _accept_work(
    url: str, callers: int, model: ModelView, acts: Acts, *, opened: contextlib.ExitStack
) -> Callable[[], None]:
    database = opened.enter_context(contextlib.closing(Database(url)))
    world = World(database=database, clock=SystemClock(), sealer=Sealer(MASTER_SECRET))
    assert world.keys  # read before the measure begins
    return lambda: accept_all(world, model, acts, callers)


def accept_all(world: World, model: ModelView, acts: Acts, callers: int) -> None:
    """Let callers accept by the page's own way, each waiting for its own act before the next."""
    acceptor = acceptances.Acceptor(
        database=world.database, clock=world.clock, sealer=world.sealer, issuer=BASE_URL
    )

    async def one(person: Principal, command: AcceptLicense) -> None:
        outcome: Any = await acceptor.accept(
            acceptances.PostedForm(
                publisher=model.publisher,
                model=model.name,
                principal=person,
                sign=world.sign,
                read=lambda _model, _asking: [command],
            )
        )
        assert not isinstance(outcome, Refusal), outcome

    async def caller(mine: Acts) -> None:
        for person, command in mine:
            await one(person, command)

    async def everybody() -> None:
        await asyncio.gather(*(caller(acts[number::callers]) for number in range(callers)))

    asyncio.run(everybody())


def make_bare_table(url: str) -> None:
    """Create the table of the bare inserts."""
    connection, _ = _bare_connection(url)
    connection.execute(_BARE_TABLE.format(key="blob" if url.startswith("sqlite") else "uuid"))
    connection.close()


def _bare_work(url: str, callers: int, per_caller: int) -> Callable[[], None]:
    """Let callers insert single rows, each in a transaction of its own."""

    def caller(_number: int) -> None:
        connection, insert = _bare_connection(url)
        for _ in range(per_caller):
            insert()
        connection.close()

    def everybody() -> None:
        with ThreadPoolExecutor(callers) as threads:
            list(threads.map(caller, range(callers)))

    return everybody


def _bare_connection(url: str) -> tuple[Any, Callable[[], object]]:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        lite = sqlite3.connect(str(parsed.database), isolation_level=None, timeout=60)
        lite.execute("PRAGMA journal_mode=WAL")
        lite.execute("PRAGMA synchronous=FULL")
        return lite, lambda: lite.execute("INSERT INTO bench_row VALUES (?, ?)", (new_id().bytes, "said"))
    postgres = psycopg.connect(parsed.render_as_string(hide_password=False), autocommit=True)
    return postgres, lambda: postgres.execute("INSERT INTO bench_row VALUES (%s, %s)", (new_id(), "said"))


if __name__ == "__main__":
    main()
