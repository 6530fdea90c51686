"""Transactions: what is confirmed is durable, what fails undoes itself and nothing else."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from registry.kernel.database import Batch, Database, UTCDateTime
from registry.kernel.outcomes import GatehouseError, Refusal, Unavailable


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "kernel.db"


@pytest.fixture
def kernel(file: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{file}")
    database.write_now(
        lambda session: session.exec(
            text("CREATE TABLE word (id INTEGER PRIMARY KEY, said TEXT UNIQUE, bulk BLOB)")
        )
    )
    yield database
    database.close()


def say(word: str, bulk: int = 0) -> Callable[[Any], str]:
    def work(session: Any) -> str:
        session.connection().execute(
            text("INSERT INTO word (said, bulk) VALUES (:said, zeroblob(:bulk))"),
            {"said": word, "bulk": bulk},
        )
        return word

    return work


def said(file: Path) -> list[str]:
    """What another process would read from the file."""
    connection = sqlite3.connect(file)
    try:
        return [row[0] for row in connection.execute("SELECT said FROM word ORDER BY id")]
    finally:
        connection.close()


def together(database: Database, *works: Callable[[Any], Any]) -> list[Future[Any]]:
    """Hand over works while the writer is busy, so that they share one commit."""
    busy, go = threading.Event(), threading.Event()

    def hold(_session: Any) -> None:
        busy.set()
        assert go.wait(10)

    first = database.submit(hold)
    assert busy.wait(10)
    futures = [database.submit(work) for work in works]
    go.set()
    first.result(10)
    return futures


def count_commits(database: Database) -> list[None]:
    commits: list[None] = []
    event.listen(database.engine, "commit", lambda _connection: commits.append(None))
    return commits


def test_a_confirmed_write_is_in_the_file(kernel: Database, file: Path) -> None:
    assert kernel.write_now(say("one")) == "one"
    assert said(file) == ["one"]


def test_a_refusal_commits_and_an_exception_rolls_back(kernel: Database, file: Path) -> None:
    refusal = Refusal(code="no", status=403, title="No", detail="No.")

    def refuse(session: Any) -> Refusal:
        say("recorded")(session)
        return refusal

    def fail(session: Any) -> None:
        say("undone")(session)
        raise KeyError("defect")

    assert kernel.write_now(refuse) is refusal
    with pytest.raises(KeyError):
        kernel.write_now(fail)
    assert said(file) == ["recorded"]


def test_work_that_waits_together_commits_together(kernel: Database, file: Path) -> None:
    commits = count_commits(kernel)
    futures = together(kernel, *(say(f"w{number}") for number in range(20)))
    assert [future.result(10) for future in futures] == [f"w{number}" for number in range(20)]
    assert len(commits) == 2
    assert said(file) == [f"w{number}" for number in range(20)]


def test_one_failing_piece_of_work_does_not_undo_its_neighbours(kernel: Database, file: Path) -> None:
    def breaks(session: Any) -> None:
        say("half")(session)
        raise ZeroDivisionError

    before, defect, double, after = together(kernel, say("before"), breaks, say("before"), say("after"))
    assert before.result(10) == "before"
    assert isinstance(defect.exception(10), ZeroDivisionError)
    assert isinstance(double.exception(10), IntegrityError)
    assert after.result(10) == "after"
    assert said(file) == ["before", "after"]


def test_raw_work_and_session_work_share_one_commit(kernel: Database, file: Path) -> None:
    def raw(connection: Any) -> int:
        connection.execute("INSERT INTO word (said) VALUES ('raw')")
        return 1

    def raw_breaks(connection: Any) -> None:
        connection.execute("INSERT INTO word (said) VALUES ('half')")
        raise LookupError

    busy, go = threading.Event(), threading.Event()
    first = kernel.submit(lambda _session: (busy.set(), go.wait(10)))
    assert busy.wait(10)
    futures = [kernel.submit_raw(raw), kernel.submit_raw(raw_breaks), kernel.submit(say("session"))]
    go.set()
    first.result(10)
    assert futures[0].result(10) == 1
    assert isinstance(futures[1].exception(10), LookupError)
    assert futures[2].result(10) == "session"
    assert said(file) == ["raw", "session"]


def test_a_failed_commit_fails_all_of_its_work_and_leaves_nothing(kernel: Database, file: Path) -> None:
    def fail_once(_connection: Any) -> None:
        event.remove(kernel.engine, "commit", fail_once)
        raise sqlite3.OperationalError("disk I/O error")

    def arm(_session: Any) -> None:
        event.listen(kernel.engine, "commit", fail_once)

    futures = together(kernel, say("one"), arm, say("two"))
    for future in futures:
        assert isinstance(future.exception(10), Unavailable)
    assert said(file) == []
    assert kernel.write_now(say("later")) == "later"
    assert said(file) == ["later"]


def test_a_full_database_confirms_nothing_that_it_did_not_keep(kernel: Database, file: Path) -> None:
    # SQLite may end the whole transaction by itself on SQLITE_FULL (https://sqlite.org/lang_transaction.html).
    with kernel.engine.begin() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 3}")
    works = [say("small"), say("huge", bulk=1_000_000), say("small after"), say("smaller", bulk=1)]
    futures = together(kernel, *works)
    confirmed = [future.result(10) for future in futures if future.exception(10) is None]
    refused = [future for future in futures if future.exception(10) is not None]
    assert said(file) == confirmed
    assert refused
    assert {type(future.exception(10)) for future in refused} == {Unavailable}
    with kernel.engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=1073741823")
    assert kernel.write_now(say("recovered")) == "recovered"
    assert said(file) == [*confirmed, "recovered"]


def test_work_that_ends_the_transaction_itself_fails_the_whole_commit(kernel: Database, file: Path) -> None:
    def rolls_back(connection: Any) -> None:
        connection.execute("ROLLBACK")

    busy, go = threading.Event(), threading.Event()
    first = kernel.submit(lambda _session: (busy.set(), go.wait(10)))
    assert busy.wait(10)
    futures = [
        kernel.submit(say("one")),
        kernel.submit_raw(rolls_back),
        kernel.submit(say("two")),
    ]
    go.set()
    first.exception(10)
    outcomes = [future.exception(10) for future in futures]
    assert said(file) == [
        word for word, outcome in zip(("one", None, "two"), outcomes, strict=True) if word and outcome is None
    ]


def test_work_that_waits_for_other_work_raises_instead_of_hanging(kernel: Database) -> None:
    with pytest.raises(GatehouseError, match="only writer"):
        kernel.write_now(lambda _session: kernel.write_now(say("inner")))


def test_reading_cannot_write(kernel: Database, file: Path) -> None:
    with pytest.raises(Exception, match="readonly"):
        kernel.read_now(say("no"))
    assert said(file) == []


def test_a_closed_database_refuses_work(file: Path) -> None:
    database = Database(f"sqlite:///{file}")
    database.close()
    with pytest.raises(Unavailable):
        database.write_now(say("late"))


def test_work_handed_over_before_closing_is_done(file: Path) -> None:
    database = Database(f"sqlite:///{file}")
    database.write_now(
        lambda session: session.exec(
            text("CREATE TABLE word (id INTEGER PRIMARY KEY, said TEXT UNIQUE, bulk BLOB)")
        )
    )
    futures = [database.submit(say(f"w{number}")) for number in range(600)]
    database.close()
    assert [future.result(10) for future in futures] == [f"w{number}" for number in range(600)]
    assert len(said(file)) == 600


def test_many_threads_lose_nothing(kernel: Database, file: Path) -> None:
    with ThreadPoolExecutor(16) as threads:
        confirmed = list(threads.map(lambda number: kernel.write_now(say(f"t{number}")), range(300)))
    assert sorted(said(file)) == sorted(confirmed)


async def test_cancelled_work_in_the_queue_is_not_done(kernel: Database, file: Path) -> None:
    busy, go = threading.Event(), threading.Event()
    first = asyncio.ensure_future(kernel.write(lambda _session: (busy.set(), go.wait(10))))
    await asyncio.to_thread(busy.wait, 10)
    waiting = asyncio.ensure_future(kernel.write(say("cancelled")))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go.set()
    await first
    await kernel.write(say("after"))
    assert said(file) == ["after"]


def test_an_unknown_kind_of_database_is_refused() -> None:
    with pytest.raises(GatehouseError, match="mysql"):
        Database("mysql://localhost/x")


def test_a_mistake_in_a_statement_is_a_defect_and_no_outage(kernel: Database) -> None:
    for statement in ("SELECT * FROM nothing", "SELECT nothing FROM word", "SELEC"):
        with pytest.raises(Exception) as caught:
            kernel.read_now(lambda session, sql=statement: session.exec(text(sql)))
        assert not isinstance(caught.value, Unavailable)


# Batches of the hot path.


async def test_a_batch_gives_each_item_its_own_result_in_order(kernel: Database) -> None:
    sizes: list[int] = []

    def handle(_connection: Any, items: Any) -> list[int]:
        sizes.append(len(items))
        return [item * 10 for item in items]

    batch = Batch(kernel.submit_raw, handle, most=16)
    got = await asyncio.gather(*(batch.submit(number) for number in range(100)))
    assert got == [number * 10 for number in range(100)]
    assert sum(sizes) == 100
    assert max(sizes) <= 16
    assert len(sizes) < 100


async def test_a_defect_in_one_item_of_a_batch_fails_that_item_alone(kernel: Database, file: Path) -> None:
    sizes: list[int] = []

    def handle(connection: Any, items: Any) -> list[str]:
        sizes.append(len(items))
        for item in items:
            connection.execute("INSERT INTO word (said) VALUES (?)", [item])
        if "bad" in items:
            raise ValueError("one is bad")
        return list(items)

    batch = Batch(kernel.submit_raw, handle)
    outcomes = await asyncio.gather(*map(batch.submit, ("a", "bad", "b")), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [str, ValueError, str]
    assert await batch.submit("c") == "c"
    assert said(file) == ["a", "b", "c"]
    assert sizes == [3, 1, 1, 1, 1]


async def test_an_outage_fails_each_item_of_a_batch_at_once(kernel: Database) -> None:
    sizes: list[int] = []

    def handle(_connection: Any, items: Any) -> list[str]:
        sizes.append(len(items))
        raise Unavailable("database", "it is away")

    batch = Batch(kernel.submit_raw, handle)
    outcomes = await asyncio.gather(*map(batch.submit, ("a", "b", "c")), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 3
    assert sizes == [3]


async def test_an_item_whose_caller_has_gone_does_not_hurt_the_others(kernel: Database) -> None:
    batch = Batch(kernel.submit_raw, lambda _connection, items: list(items))
    gone = asyncio.ensure_future(batch.submit("gone"))
    stays = asyncio.ensure_future(batch.submit("stays"))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == "stays"
    assert await batch.submit("next") == "next"


async def test_a_batch_over_a_closed_database_fails_and_does_not_hang(file: Path) -> None:
    database = Database(f"sqlite:///{file}")
    batch = Batch(database.submit_raw, lambda _connection, items: list(items))
    database.close()
    for _ in range(2):
        with pytest.raises(Unavailable):
            await asyncio.wait_for(batch.submit("late"), 5)


# Moments.

moments = st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9990, 1, 1)).map(  # noqa: DTZ001
    lambda naive: naive.replace(tzinfo=UTC)
)
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(moment=moments, offset=offsets)
def test_a_moment_comes_back_equal_and_in_utc(moment: datetime, offset: timezone) -> None:
    column = UTCDateTime()
    for dialect in (sqlite.dialect(), postgresql.dialect()):
        stored = column.process_bind_param(moment.astimezone(offset), dialect)
        back = column.process_result_value(stored, dialect)
        assert back == moment
        assert back is not None
        assert back.utcoffset() == timedelta(0)


def test_a_naive_moment_cannot_be_stored() -> None:
    with pytest.raises(ValueError, match="naive"):
        UTCDateTime().process_bind_param(datetime(2026, 1, 1), sqlite.dialect())  # noqa: DTZ001
    assert UTCDateTime().process_bind_param(None, sqlite.dialect()) is None
    assert UTCDateTime().process_result_value(None, sqlite.dialect()) is None


def test_a_long_export_on_sqlite_may_not_fill_the_memory(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'gatehouse.db'}")
    try:
        for run in (database.read_now, database.write_now):
            mapped, cached = (
                run(
                    lambda session, name=name: session.connection().exec_driver_sql(f"PRAGMA {name}").scalar()
                )
                for name in ("mmap_size", "cache_size")
            )
            assert mapped == 0
            assert -16 * 1024 <= cached < 0
    finally:
        database.close()
