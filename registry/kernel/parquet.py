"""Rows as an Apache Parquet file that streams: whole row groups leave while later ones are still read.

The writer (arrow-rs, by arro3) asks for rows and gives bytes, both in a thread of its own, so that its compression
does not hold up the event loop. Between it and the export stands one batch at most: memory is that of a row group.
"""

import asyncio
import queue
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime
from types import UnionType
from typing import Any, get_args, get_type_hints

import msgspec

PARQUET_TYPE = "application/vnd.apache.parquet"
ROW_GROUP_ROWS = 20_000
COMPRESSION = "zstd(3)"
OFFER_SECONDS = 0.005
"""How long the export waits before it offers a batch again."""
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00Z")

Rows = Sequence[Mapping[str, Any]]


async def parquet_pieces(record: type[msgspec.Struct], pages: AsyncIterator[Rows]) -> AsyncIterator[bytes]:
    """Yield a file whose columns are the fields of `record`: numbers, times (`…_at`), texts; the rest as JSON text."""
    table = _Table(record)
    writer = _Writer(table)
    try:
        async for page in pages:
            if page:
                await writer.offer(table.batch(page))
                if written := writer.take():
                    yield written
        await writer.offer(None)
        await asyncio.wrap_future(writer.done)
        yield writer.take()
    finally:
        writer.abandon()


class _Abandoned(Exception):
    """Nobody waits for the file any more."""


class _Table:
    """The columns of a record, and rows as a batch of them."""

    def __init__(self, record: type[msgspec.Struct]) -> None:
        # Loaded where a file is made: most processes never make one.
        from arro3 import core  # noqa: PLC0415

        self._core = core
        text, number = core.DataType.string(), core.DataType.int64()
        self._time = core.DataType.timestamp("ms", tz="UTC")
        self._number = number
        kinds = {name: self._kind(name, hint) for name, hint in get_type_hints(record).items()}
        self._kinds = {name: kinds[name] for name in record.__struct_fields__}
        types = {
            "number": number,
            "time": self._time,
            "truth": core.DataType.bool(),
            "text": text,
            "json": text,
        }
        self._types = types
        self.schema = core.Schema(
            [core.Field(name, types[kind], nullable=True) for name, kind in self._kinds.items()]
        )

    def batch(self, rows: Rows) -> Any:
        """Return rows as a batch."""
        arrays = [self._array(name, kind, rows) for name, kind in self._kinds.items()]
        return self._core.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _array(self, name: str, kind: str, rows: Rows) -> Any:
        values = [row[name] for row in rows]
        if kind == "time":
            moments = [None if value is None else _milliseconds(value) for value in values]
            return self._core.Array(moments, self._number).cast(self._time)
        if kind == "json":
            values = [None if value is None else msgspec.json.encode(value).decode() for value in values]
        return self._core.Array(values, self._types[kind])

    @staticmethod
    def _kind(name: str, hint: Any) -> str:
        plain = set(get_args(hint)) - {type(None)} if isinstance(hint, UnionType) else {hint}
        if plain == {int}:
            return "number"
        if plain == {bool}:
            return "truth"
        if plain == {str}:
            return "time" if name.endswith("_at") else "text"
        return "json"


class _Writer:
    """The thread that turns batches into the bytes of a file."""

    def __init__(self, table: _Table) -> None:
        self.done: Future[None] = Future()
        self._inbox: queue.Queue[Any] = queue.Queue(maxsize=1)
        self._written: deque[bytes] = deque()
        self._position = 0
        self._table = table
        threading.Thread(target=self._run, name="parquet", daemon=True).start()

    async def offer(self, batch: Any) -> None:
        """Hand over a batch, or None after the last one; waits until the one before was taken."""
        while not self.done.done():
            with suppress(queue.Full):
                self._inbox.put_nowait(batch)
                return
            await asyncio.sleep(OFFER_SECONDS)
        self.done.result()

    def take(self) -> bytes:
        """Return what was written since the last time."""
        pieces = []
        while self._written:
            pieces.append(self._written.popleft())
        return b"".join(pieces)

    def abandon(self) -> None:
        """Let the thread end, also in the middle."""
        while not self.done.done():
            with suppress(queue.Full):
                self._inbox.put_nowait(_Abandoned)
                return
            with suppress(queue.Empty):
                self._inbox.get_nowait()

    def _run(self) -> None:
        from arro3.io import write_parquet  # noqa: PLC0415

        sink: Any = self  # It asks a file for these four methods only.
        try:
            reader = self._table._core.RecordBatchReader.from_batches(self._table.schema, self._batches())  # noqa: SLF001
            write_parquet(reader, sink, compression=COMPRESSION, max_row_group_size=ROW_GROUP_ROWS)
        except BaseException as error:  # noqa: BLE001 - edge of the thread: whoever reads the file is told
            self.done.set_exception(error)
        else:
            self.done.set_result(None)

    def _batches(self) -> Iterator[Any]:
        while (batch := self._inbox.get()) is not None:
            if batch is _Abandoned:
                raise _Abandoned
            yield batch

    # What the library asks of a file that it writes to.

    def write(self, data: bytes) -> int:
        """Take bytes of the file."""
        self._written.append(bytes(data))
        self._position += len(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing: what was written is there."""

    def tell(self) -> int:
        """Return how much was written."""
        return self._position

    def seek(self, *_: object) -> int:
        """Refuse: the file only grows."""
        raise OSError("this file is written from its beginning to its end")


def _milliseconds(text: str) -> int:
    return round((datetime.fromisoformat(text) - _EPOCH).total_seconds() * 1000)
