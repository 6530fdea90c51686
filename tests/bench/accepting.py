"""Measure 2: acceptances a second (statement, sealing, entry, commit) beside a bare insert and commit of one row."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from registry import acceptances
from registry.acceptances.domain import AcceptLicense
from registry.identity.domain import Principal
from registry.kernel.database import Database
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import Refusal
from tests.bench.ground import Ground, Scene, add_people, open_scene
from tests.bench.results import Result
from tests.world import BASE_URL

CALLERS = 16
BOUND = 0.30
COST = (
    "Acts that arrive together share one transaction, rows go in as arrays and in one trip. What is left is our own "
    "Python in one process, about 0.8 ms an act: half of it builds, hashes and signs the statement and seals the "
    "details, half is the query layer's part of the eleven statements of a batch of sixteen. The bare insert runs in "
    "sixteen threads of the driver without any of it."
)
_BARE_TABLE = "CREATE TABLE bench_row (id {key} PRIMARY KEY, said text)"


def measure(ground: Ground) -> Iterator[Result]:
    """Yield one row per database."""
    for kind in ("SQLite", "PostgreSQL"):
        with ground.database(kind) as url:
            yield _measure_one(ground, kind, url)


def _measure_one(ground: Ground, kind: str, url: str) -> Result:
    per_caller, rounds = ground.scale.accepts_per_caller, ground.scale.rounds
    database = Database(url)
    try:
        scene = open_scene(database)
        pairs = []
        make_bare_table(url)
        for number in range(rounds + 1):
            people, _ = add_people(scene, CALLERS * per_caller, prefix=f"a{number}-", accept=False)
            acts = [(person, scene.world.act(person, scene.model)) for person in people]
            bare = bare_rate(url, 4 * per_caller)
            pairs.append((bare, accept_rate(scene, acts)))
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
                f"{CALLERS} callers at once; {len(pairs)} rounds of {CALLERS * per_caller:,} people by turns. "
                "The bare insert runs on the plain driver with one connection per caller, the database's own rate."
            ),
        ),
    )


def accept_rate(scene: Scene, acts: list[tuple[Principal, AcceptLicense]]) -> float:
    """Return how many acceptances a second the page's own way takes from callers that each wait for theirs."""
    world = scene.world
    acceptor = acceptances.Acceptor(
        database=world.database, clock=world.clock, sealer=world.sealer, issuer=BASE_URL
    )

    async def one(person: Principal, command: AcceptLicense) -> None:
        outcome: Any = await acceptor.accept(
            acceptances.PostedForm(
                publisher=scene.model.publisher,
                model=scene.model.name,
                principal=person,
                sign=world.sign,
                read=lambda _model, _asking: [command],
            )
        )
        assert not isinstance(outcome, Refusal), outcome

    async def caller(mine: list[tuple[Principal, AcceptLicense]]) -> None:
        for person, command in mine:
            await one(person, command)

    async def everybody() -> float:
        started = time.perf_counter()
        await asyncio.gather(*(caller(acts[number::CALLERS]) for number in range(CALLERS)))
        return time.perf_counter() - started

    return len(acts) / asyncio.run(everybody())


def make_bare_table(url: str) -> None:
    """Create the table of the bare inserts."""
    connection, _ = _bare_connection(url)
    connection.execute(_BARE_TABLE.format(key="blob" if url.startswith("sqlite") else "uuid"))
    connection.close()


def bare_rate(url: str, per_caller: int) -> float:
    """Return how many single-row transactions a second the driver gives the same number of callers."""

    def caller(_number: int) -> None:
        connection, insert = _bare_connection(url)
        for _ in range(per_caller):
            insert()
        connection.close()

    with ThreadPoolExecutor(CALLERS) as threads:
        started = time.perf_counter()
        list(threads.map(caller, range(CALLERS)))
        return CALLERS * per_caller / (time.perf_counter() - started)


def _bare_connection(url: str) -> tuple[Any, Callable[[], object]]:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        lite = sqlite3.connect(str(parsed.database), isolation_level=None, timeout=60)
        lite.execute("PRAGMA journal_mode=WAL")
        lite.execute("PRAGMA synchronous=FULL")
        return lite, lambda: lite.execute("INSERT INTO bench_row VALUES (?, ?)", (new_id().bytes, "said"))
    postgres = psycopg.connect(parsed.render_as_string(hide_password=False), autocommit=True)
    return postgres, lambda: postgres.execute("INSERT INTO bench_row VALUES (%s, %s)", (new_id(), "said"))
