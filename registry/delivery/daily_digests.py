"""Daily digests of the download records: closing a day, its tree, its entry in the log, proofs of single records.

1. A day is closed an hour after its end: from then on no process inserts a record of it (`closed_days`).
2. What was under way then has ended `DIGEST_AFTER` later; only now the records are read, in pages, and their tree is built.
3. Root, count and the log's entry are one transaction; the day is the key, so that one worker of many brings it in.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import func, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from registry import ledger
from registry.delivery.record_leaves import DAY_DIGEST, RecordFacts, day_leaf, day_of, first_id, record_leaf
from registry.delivery.tables import (
    DownloadDay,
    DownloadDigest,
    DownloadDigestTile,
    DownloadRecord,
    DownloadRecordAcceptance,
)
from registry.kernel.database import Database
from registry.ledger import tree

CLOSE_AFTER = timedelta(hours=1)
"""How long after its end a day is closed: a machine's clock may be behind by that much."""
DIGEST_AFTER = timedelta(minutes=30)
"""How long after that it is read: longer than `closed_days` remembers, and than a transaction may idle and end."""
RECORDS_PER_READ = 16 * tree.TILE_WIDTH_HASHES
ID_BYTES = 16

_COLUMNS = [col(getattr(DownloadRecord, name)) for name in RecordFacts.__dataclass_fields__]
_KEEP_TILE = text(
    "INSERT INTO download_digest_tile (day, level, number, hashes, record_ids) "
    "VALUES (:day, :level, :number, :hashes, :record_ids) ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedDay:
    """A day that no record is added to."""

    day: date
    salt: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Hashed:
    """Records of a day in their order, as leaves of its tree."""

    ids: Sequence[UUID]
    hashes: Sequence[bytes]
    orphans: Sequence[UUID] = ()
    """Ids of records that are not there, though acceptances are noted for them."""


def close_due(session: Session, *, now: datetime) -> int:
    """Close the next day if its time has come, from the day of the first record on; return how many were closed."""
    newest = session.exec(select(func.max(DownloadDay.day))).one_or_none()
    if not newest:
        oldest = session.exec(select(DownloadRecord.id).order_by(col(DownloadRecord.id)).limit(1)).first()
        if oldest is None:
            return 0
        day = day_of(oldest)
    else:
        day = date.fromisoformat(newest) + timedelta(days=1)
    if now < datetime.combine(day, time(), UTC) + timedelta(days=1) + CLOSE_AFTER:
        return 0
    session.add(DownloadDay(day=day.isoformat(), salt=os.urandom(32), closed_at=now))
    return 1


def find_due(session: Session, *, now: datetime) -> ClosedDay | None:
    """Return the earliest closed day that may be read now and has no digest yet."""
    row = session.exec(
        select(DownloadDay)
        .outerjoin(DownloadDigest, col(DownloadDigest.day) == col(DownloadDay.day))
        .where(col(DownloadDigest.day).is_(None), col(DownloadDay.closed_at) <= now - DIGEST_AFTER)
        .order_by(col(DownloadDay.day))
        .limit(1)
    ).first()
    return ClosedDay(day=date.fromisoformat(row.day), salt=row.salt) if row else None


async def digest_due(database: Database, *, now: datetime) -> bool:
    """Bring the digest of the next day that is due into the log; return whether there was one."""
    due = await database.read(lambda session: find_due(session, now=now))
    if due is None:
        return False
    growing = DayTree()
    after: UUID | None = None
    while True:
        part = await database.read(partial(hash_records, closed=due, after=after, limit=RECORDS_PER_READ))
        await database.write(partial(_keep, day=due.day, tiles=growing.add(part.ids, part.hashes)))
        if len(part.ids) < RECORDS_PER_READ:
            break
        after = part.ids[-1]
    await database.write(lambda session: record_digest(session, due.day, growing, now=now))
    return True


class DayTree:
    """The tree of a day while it grows: its right edge is all that is kept in memory."""

    def __init__(self) -> None:
        self.size = 0
        self._edge: dict[tuple[int, int], bytes] = {}
        self._ids: list[UUID] = []
        """Of the last tile of level 0, as long as it is not full."""

    def add(self, ids: Sequence[UUID], hashes: Sequence[bytes]) -> list[Mapping[str, object]]:
        """Let records follow, and return the tiles that are full now."""
        start = self.size - len(self._ids)
        known = [*self._ids, *ids]
        changed = tree.grow(self.size, hashes, read_tile=self._read)
        self.size += len(hashes)
        full = {place: tile for place, tile in changed.items() if len(tile) == tree.TILE_BYTES}
        self._edge = {place: tile for place, tile in {**self._edge, **changed}.items() if place not in full}
        rest = self.size % tree.TILE_WIDTH_HASHES
        self._ids = known[len(known) - rest :] if rest else []
        return [self._row(place, tile, known, start) for place, tile in full.items()]

    def rest(self) -> list[Mapping[str, object]]:
        """Return the tiles at the right edge."""
        start = self.size - len(self._ids)
        return [self._row(place, tile, self._ids, start) for place, tile in self._edge.items()]

    def root(self) -> bytes:
        """Return the root over all records (RFC 6962 §2.1)."""
        return tree.root_at(self.size, read_tile=self._read)

    def _read(self, level: int, number: int) -> bytes:
        return self._edge.get((level, number), b"")

    @staticmethod
    def _row(place: tuple[int, int], tile: bytes, known: Sequence[UUID], start: int) -> Mapping[str, object]:
        level, number = place
        at = number * tree.TILE_WIDTH_HASHES - start
        ids = known[at : at + len(tile) // tree.HASH_BYTES] if level == 0 else ()
        return {
            "level": level,
            "number": number,
            "hashes": tile,
            "record_ids": b"".join(one.bytes for one in ids),
        }


def hash_records(session: Session, closed: ClosedDay, *, after: UUID | None, limit: int) -> Hashed:
    """Return the next records of a day as leaves."""
    low, high = first_id(closed.day), first_id(closed.day + timedelta(days=1))
    statement = select(*_COLUMNS).where(
        col(DownloadRecord.id) > after if after else col(DownloadRecord.id) >= low, DownloadRecord.id < high
    )
    records = [
        RecordFacts(**row._mapping)  # noqa: SLF001 - the public name for a row's columns by name
        for row in session.exec(statement.order_by(col(DownloadRecord.id)).limit(limit))
    ]
    link, is_last = DownloadRecordAcceptance, len(records) < limit
    links = session.exec(
        select(link.record_id, link.acceptance_id)
        .where(
            col(link.record_id) > after if after else col(link.record_id) >= low,
            col(link.record_id) < high if is_last else col(link.record_id) <= records[-1].id,
        )
        .order_by(col(link.record_id), col(link.position))
    )
    further: dict[UUID, list[UUID]] = {}
    for record_id, acceptance_id in links:
        further.setdefault(record_id, []).append(acceptance_id)
    hashes = [
        tree.hash_leaf(record_leaf(record, further.pop(record.id, ()), day_salt=closed.salt))
        for record in records
    ]
    return Hashed(ids=[record.id for record in records], hashes=hashes, orphans=list(further))


def record_digest(session: Session, day: date, growing: DayTree, *, now: datetime) -> bool:
    """Bring a day's root and count into the log; return False where another worker was faster."""
    _keep(session, day, growing.rest())
    root = growing.root()
    try:
        # The savepoint takes the entry back with the row, where another worker has brought it in.
        with session.begin_nested():
            entry_id = ledger.append(
                session,
                kind=DAY_DIGEST,
                leaf=day_leaf(day, count=growing.size, root=root, at=now),
                now=now,
            )
            session.add(
                DownloadDigest(
                    day=day.isoformat(), count=growing.size, root=root, made_at=now, entry_id=entry_id
                )
            )
    except IntegrityError:
        return False
    return True


def _keep(session: Session, day: date, tiles: Sequence[Mapping[str, object]]) -> None:
    """Store tiles; a worker that was cut off, or another one, may have stored the very same."""
    if tiles:
        session.connection().execute(_KEEP_TILE, [{"day": day.isoformat(), **tile} for tile in tiles])


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordProof:
    """All that shows that a record is one of those of its day, as the log has bound them."""

    leaf: bytes
    day: str
    index: int
    count: int
    path: Sequence[bytes]
    root: bytes
    day_leaf: bytes
    entry: ledger.EntryProof | None
    """None until a checkpoint commits to the day's entry."""


def prove_record(session: Session, record: DownloadRecord, further: Sequence[UUID]) -> RecordProof | None:
    """Return the proof of a record; None as long as its day has no digest, or if it is not in that."""
    day = day_of(record.id).isoformat()
    digest, closed = session.get(DownloadDigest, day), session.get(DownloadDay, day)
    if digest is None or closed is None:
        return None
    index = _find_index(session, record.id, digest)
    facts = RecordFacts(**{name: getattr(record, name) for name in RecordFacts.__dataclass_fields__})
    leaf = record_leaf(facts, further, day_salt=closed.salt)
    read = _Tiles(session, day)
    if index is None or read.leaf_hash(index) != tree.hash_leaf(leaf):
        return None
    entry_leaf = ledger.find_leaf(session, digest.entry_id)
    return RecordProof(
        leaf=leaf,
        day=day,
        index=index,
        count=digest.count,
        path=tree.prove_inclusion(index, digest.count, read_tile=read.hashes),
        root=digest.root,
        day_leaf=entry_leaf or b"",
        entry=ledger.prove_entry(session, digest.entry_id),
    )


@dataclass(slots=True)
class _Tiles:
    """The stored tiles of a day; each is asked for once."""

    session: Session
    day: str
    known: dict[tuple[int, int], DownloadDigestTile | None] = field(default_factory=dict)

    def get(self, level: int, number: int) -> DownloadDigestTile | None:
        place = level, number
        if place not in self.known:
            self.known[place] = self.session.get(DownloadDigestTile, (self.day, level, number))
        return self.known[place]

    def hashes(self, level: int, number: int) -> bytes:
        tile = self.get(level, number)
        return tile.hashes if tile else b""

    def leaf_hash(self, index: int) -> bytes:
        number, at = divmod(index, tree.TILE_WIDTH_HASHES)
        return self.hashes(0, number)[at * tree.HASH_BYTES : (at + 1) * tree.HASH_BYTES]


def _find_index(session: Session, record_id: UUID, digest: DownloadDigest) -> int | None:
    """Return the place of a record in its day, by halving over the tiles' first ids."""
    tiles = _Tiles(session, digest.day)
    low, high = 0, -(-digest.count // tree.TILE_WIDTH_HASHES)
    while high - low > 1:
        middle = (low + high) // 2
        tile = tiles.get(0, middle)
        if tile is not None and tile.record_ids[:ID_BYTES] <= record_id.bytes:
            low = middle
        else:
            high = middle
    tile = tiles.get(0, low)
    ids = split_ids(tile.record_ids) if tile else []
    return low * tree.TILE_WIDTH_HASHES + ids.index(record_id) if record_id in ids else None


def split_ids(data: bytes) -> list[UUID]:
    """Return the ids of a tile."""
    return [UUID(bytes=data[at : at + ID_BYTES]) for at in range(0, len(data) - ID_BYTES + 1, ID_BYTES)]
