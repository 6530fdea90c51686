"""Tables' base, and transactions: a plain function that the database runs on a thread of its own.

`await database.write(work)` and `await database.read(work)` hand `work` a session and give back what it
returns. `work` is not a coroutine, so no network call can happen while a transaction is open. A returned
value (also a `Refusal`) commits, a raised exception rolls back. When `write` has returned, the commit is
durable: nothing is confirmed before.

SQLite has one writer thread per process; all work that waits for it shares one commit (group commit), each
piece in a savepoint of its own. PostgreSQL runs every piece of work in its own transaction.
"""

import asyncio
import queue
import re
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

import psycopg
from sqlalchemy import Connection, DateTime, Dialect, Engine, Enum, MetaData, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import declared_attr
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session, SQLModel

from registry.kernel.outcomes import GatehouseError, Unavailable, UnfitValue

T = TypeVar("T")
Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Session], T]

BUSY_TIMEOUT_MS = 5_000
"""How long SQLite waits for another process's write lock before the request is refused."""
GROUP_COMMIT_MOST = 256
"""How many pieces of work may share one SQLite commit."""
SQLITE_CACHE_KIB = 8 * 1024
"""Page cache of each of the five connections. The file is not mapped into memory and the system caches it anyway: a
mapping of 1 GiB counted as the process's own memory, a cache of 64 MiB each as 224 MB after one long export."""
READER_THREADS = 4
POSTGRESQL_THREADS = 12
POSTGRESQL_STATEMENT_TIMEOUT_MS = 30_000
POSTGRESQL_IDLE_TIMEOUT_MS = 300_000
POSTGRESQL_CONNECT_TIMEOUT_S = 5

_CAMEL = re.compile(r"(?<!^)(?=[A-Z])")


class Table(SQLModel):
    """Base of every table; the class name in snake case is the table's name."""

    metadata: ClassVar[MetaData] = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )

    @declared_attr.directive
    def __tablename__(cls) -> str:  # noqa: N805 - declared_attr passes the class
        return _CAMEL.sub("_", cls.__name__).lower()


class UTCDateTime(TypeDecorator[datetime]):
    """A moment: refuses naive values, always returns UTC, on both databases."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return `value` in UTC as the database stores it."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive time cannot be stored")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the stored moment, aware, in UTC."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def enum_column(enum: type[StrEnum]) -> Enum:
    """Return the column type that stores the values of `enum` as text with a CHECK."""
    return Enum(
        enum,
        native_enum=False,
        create_constraint=True,
        values_callable=lambda members: [member.value for member in members],
        name=_CAMEL.sub("_", enum.__name__).lower(),
        length=32,
    )


class Database:
    """Runs work in transactions on SQLite or PostgreSQL; safe to share between tasks and threads."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self.dialect = parsed.get_backend_name()
        if self.dialect == "sqlite":
            self._reader = _sqlite_engine(url, begin="BEGIN", query_only=True, pool_size=READER_THREADS)
            self.engine = _sqlite_engine(url, begin="BEGIN IMMEDIATE", query_only=False, pool_size=1)
            self._threads = ThreadPoolExecutor(READER_THREADS, thread_name_prefix="database-read")
            self._writer: _SQLiteWriter | None = _SQLiteWriter(self.engine)
        elif self.dialect == "postgresql":
            self.engine = create_engine(
                parsed.set(drivername="postgresql+psycopg"),
                pool_size=POSTGRESQL_THREADS,
                max_overflow=2,
                pool_pre_ping=True,
                pool_timeout=10,
                connect_args={
                    "connect_timeout": POSTGRESQL_CONNECT_TIMEOUT_S,
                    "options": _postgresql_options(parsed),
                },
            )
            self._reader = self.engine.execution_options(postgresql_readonly=True)
            self._threads = ThreadPoolExecutor(POSTGRESQL_THREADS, thread_name_prefix="database")
            self._writer = None
        else:
            raise GatehouseError(f"database of kind {self.dialect!r}; expected sqlite or postgresql")

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a transaction; when this returns, its commit is durable.

        Raises:
            Unavailable: the database cannot be reached, is locked or full. Nothing was written.
        """
        return await asyncio.wrap_future(self.submit(work))

    async def read(self, work: Work[T]) -> T:
        """Run `work` in a transaction that cannot write."""
        return await asyncio.wrap_future(self._on_thread(self._read, work))

    def write_now(self, work: Work[T]) -> T:
        """Do as `write`, for callers without an event loop."""
        return self.submit(work).result()

    def read_now(self, work: Work[T]) -> T:
        """Do as `read`, for callers without an event loop."""
        return self._read(work)

    def submit(self, work: Work[T]) -> Future[T]:
        """Start `write`; the future is done when the commit is durable."""
        if self._writer is not None:
            return self._writer.submit(_SessionJob(work))
        return self._on_thread(self._write, work)

    def submit_raw(self, work: Callable[[Any], T]) -> Future[T]:
        """Run `work` on the bare driver connection in one write transaction (the hot path)."""
        if self._writer is not None:
            return self._writer.submit(_RawJob(work))
        return self._on_thread(self._write_raw, work)

    def close(self) -> None:
        """Let running work end, then close every connection."""
        if self._writer is not None:
            self._writer.close()
        self._threads.shutdown()
        self._reader.dispose()
        self.engine.dispose()

    def _on_thread(self, run: Callable[[Callable[[Any], T]], T], work: Callable[[Any], T]) -> Future[T]:
        try:
            return self._threads.submit(run, work)
        except RuntimeError:  # the executor's word for having been shut down
            raise Unavailable("database", "it is being closed") from None

    def _write(self, work: Work[T]) -> T:
        with _translated(), Session(self.engine, expire_on_commit=False) as session, session.begin():
            return work(session)

    def _write_raw(self, work: Callable[[Any], T]) -> T:
        with _translated(), self.engine.begin() as connection:
            return work(connection.connection.driver_connection)

    def _read(self, work: Work[T]) -> T:
        with _translated(), Session(self._reader, expire_on_commit=False) as session, session.begin():
            return work(session)


class Batch(Generic[Item, Result]):
    """Gives concurrent items to one handler call and one commit.

    The items that arrive while a batch runs make up the next one. `submit` returns when the commit of the
    item's batch is durable. A batch that fails by a defect is undone and its items are handled one by one, so
    that only the one at fault raises; where the database is out of reach, each of them raises.

    `run` gives the handler its transaction: `Database.submit` with a session, `Database.submit_raw` bare.
    """

    def __init__(
        self,
        run: Callable[[Callable[[Any], Sequence[Result]]], "Future[Sequence[Result]]"],
        handler: Callable[[Any, Sequence[Item]], Sequence[Result]],
        *,
        most: int = GROUP_COMMIT_MOST,
        at_once: int = 1,
    ) -> None:
        self._run = run
        self._handler = handler
        self._most = most
        self._free = at_once
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._alone: list[tuple[Item, asyncio.Future[Result]]] = []
        """What was in a batch that failed; each is tried by itself, before anything else."""

    async def submit(self, item: Item) -> Result:
        """Return the handler's result for `item` after its commit."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((item, future))
        if self._free:
            self._free -= 1
            # The other requests of this turn of the loop join the batch.
            loop.call_soon(self._flush, loop)
        return await future

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._alone:
            batch = [self._alone.pop(0)]
        else:
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        if not batch:
            self._free += 1
            return
        items = [item for item, _ in batch]
        try:
            running = self._run(lambda transaction: self._handler(transaction, items))
        except Unavailable as error:
            running = Future()
            running.set_exception(error)
        running.add_done_callback(lambda done: loop.call_soon_threadsafe(self._deliver, loop, batch, done))

    def _deliver(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: list[tuple[Item, asyncio.Future[Result]]],
        done: Future[Sequence[Result]],
    ) -> None:
        error = done.exception()
        if error is not None and len(batch) > 1 and not isinstance(error, Unavailable):
            self._alone.extend(batch)
            self._flush(loop)
            return
        results: Sequence[Any] = [None] * len(batch) if error else done.result()
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():
                continue
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)
        self._flush(loop)


class _SessionJob(Generic[T]):
    """Work that wants a session."""

    def __init__(self, work: Work[T]) -> None:
        self._work = work
        self.future: Future[T] = Future()

    def run(self, connection: Connection) -> T:
        with Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as session:
            result = self._work(session)
            session.commit()
            return result


class _RawJob(Generic[T]):
    """Work that wants the bare driver connection."""

    def __init__(self, work: Callable[[Any], T]) -> None:
        self._work = work
        self.future: Future[T] = Future()

    def run(self, connection: Connection) -> T:
        with connection.begin_nested():
            return self._work(connection.connection.driver_connection)


class _SQLiteWriter:
    """The one thread that writes to SQLite; work that waits together commits together."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: queue.SimpleQueue[_SessionJob[Any] | _RawJob[Any] | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="database-write", daemon=True)
        self._thread.start()

    def submit(self, job: _SessionJob[T] | _RawJob[T]) -> Future[T]:
        if self._closed:
            raise Unavailable("database", "it is being closed")
        if threading.current_thread() is self._thread:
            raise GatehouseError("work may not wait for other work: it holds the only writer")
        self._queue.put(job)
        return job.future

    def close(self) -> None:
        self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            batch = [job]
            stop = False
            while len(batch) < GROUP_COMMIT_MOST and not self._queue.empty():
                following = self._queue.get()
                if following is None:
                    stop = True
                    break
                batch.append(following)
            self._commit_together(batch)
            if stop:
                return

    def _commit_together(self, batch: Sequence[_SessionJob[Any] | _RawJob[Any]]) -> None:
        outcomes: list[tuple[_SessionJob[Any] | _RawJob[Any], Any, BaseException | None]] = []
        try:
            with _translated(), self._engine.begin() as connection:
                for job in batch:
                    if not job.future.set_running_or_notify_cancel():
                        continue
                    try:
                        with _translated():
                            outcomes.append((job, job.run(connection), None))
                    except Exception as error:  # noqa: BLE001 # handed to the caller that waits for it
                        outcomes.append((job, None, error))
                    _require_open(connection)
        except Exception as error:  # noqa: BLE001 # the commit failed: nothing of the batch was confirmed
            for job in batch:
                future = job.future
                # A future that runs can no longer be cancelled, so setting it cannot race with that.
                if future.running() or (not future.done() and future.set_running_or_notify_cancel()):
                    future.set_exception(error)
            return
        for job, result, failure in outcomes:
            if failure is not None:
                job.future.set_exception(failure)
            else:
                job.future.set_result(result)


def _require_open(connection: Connection) -> None:
    """Raise unless the transaction that the batch began is still the one that its commit will end.

    SQLite rolls a whole transaction back by itself when the disk is full or fails, or memory is short
    (https://sqlite.org/lang_transaction.html §3). What earlier work of the batch wrote is gone then, and
    the commit at the end would find nothing to do and succeed.
    """
    driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment] # only SQLite has this writer
    if not driver.in_transaction:
        raise Unavailable("database", "it ended the transaction by itself")


class _translated:  # noqa: N801 # used as a statement: `with _translated():`
    """Turn the driver's outages into `Unavailable`, unfit values into `UnfitValue`; defects pass as they are."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, PoolTimeoutError):
            raise Unavailable("database", "no connection is free") from error
        if isinstance(error, (DataError, psycopg.DataError)) or _is_beyond_sqlite(error):
            raise UnfitValue(f"the database cannot hold it: {type(error).__name__}") from error
        if isinstance(error, DBAPIError) and not isinstance(error, IntegrityError):
            outage = isinstance(error, (OperationalError, InterfaceError)) or error.connection_invalidated
            if outage and not _is_defect(error):
                raise Unavailable("database", type(error.orig).__name__) from error
        if isinstance(error, sqlite3.OperationalError) and not _is_defect_text(str(error)):
            raise Unavailable("database", "OperationalError") from error
        if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
            raise Unavailable("database", type(error).__name__) from error


def _is_beyond_sqlite(error: BaseException | None) -> bool:
    """Whether a number has more than the 64 bits that SQLite holds; its driver has no error of its own for it."""
    return isinstance(error, OverflowError) and "SQLite" in str(error)


def _is_defect(error: DBAPIError) -> bool:
    """Whether an OperationalError of SQLite is really a mistake in a statement."""
    return _is_defect_text(str(error.orig))


def _is_defect_text(text: str) -> bool:
    return any(mark in text for mark in ("no such table", "no such column", "syntax error", "readonly"))


def _postgresql_options(url: URL) -> str:
    """Return the options of each connection; those of the URL come last, so that they win."""
    limits = (
        f"-c statement_timeout={POSTGRESQL_STATEMENT_TIMEOUT_MS} "
        f"-c idle_in_transaction_session_timeout={POSTGRESQL_IDLE_TIMEOUT_MS}"
    )
    ours, theirs = limits, url.query.get("options", ())
    return " ".join([ours, theirs] if isinstance(theirs, str) else [ours, *theirs])


def _sqlite_engine(url: str, *, begin: str, query_only: bool, pool_size: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        # The driver's own transaction handling would begin too late; `begin` below does it.
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            f"cache_size=-{SQLITE_CACHE_KIB}",
            "mmap_size=0",
            "secure_delete=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")
        if query_only:
            connection.execute("PRAGMA query_only=ON")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
