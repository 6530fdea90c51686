"""Queries and inserts of the ledger; no rules, no commit."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, delete, func, insert, text, update
from sqlalchemy import select as sa_select
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from registry.kernel.inserting import insert_many
from registry.kernel.outcomes import CorruptRecord
from registry.ledger import tree
from registry.ledger.domain import Entry, ListedEntry, SignedCheckpoint
from registry.ledger.tables import LedgerCheckpoint, LedgerEntry, LedgerLeaf, LedgerPending, LedgerTile

SEQUENCER_LOCK = 0x6761_7465_6C6F_6731
"""Key of the PostgreSQL advisory lock that lets one sequencer work at a time; any constant will do."""

_INSERT_LEAF = insert(LedgerEntry.metadata.tables["ledger_leaf"])
_TILES = LedgerTile.metadata.tables["ledger_tile"]
_SELECT_TILE = sa_select(_TILES.c.hashes).where(
    _TILES.c.level == bindparam("tile_level"), _TILES.c.number == bindparam("tile_number")
)


def insert_entries(session: Session, rows: Sequence[Mapping[str, object]]) -> None:
    """Store entries and put them in the queue of the sequencer."""
    insert_many(session, LedgerEntry, rows)
    insert_many(session, LedgerPending, [{"entry_id": row["id"]} for row in rows])


def lock_sequencer(session: Session) -> None:
    """Wait until no other sequencer works; lasts until the transaction ends.

    SQLite needs nothing: its write transactions exclude each other from their first statement on.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SEQUENCER_LOCK})


def has_pending(session: Session) -> bool:
    """Whether an entry waits for its index."""
    return session.exec(select(LedgerPending.entry_id).limit(1)).first() is not None


def oldest_pending(session: Session) -> datetime | None:
    """Return when the oldest entry was recorded that waits for its index."""
    return session.exec(
        select(func.min(LedgerEntry.recorded_at)).join(
            LedgerPending, col(LedgerPending.entry_id) == col(LedgerEntry.id)
        )
    ).one()


def list_pending(session: Session, *, limit: int) -> Sequence[tuple[UUID, bytes, bytes]]:
    """Return the id, leaf and leaf hash of the entries that wait longest."""
    statement = (
        select(LedgerEntry.id, LedgerEntry.leaf, LedgerEntry.leaf_hash)
        .join(LedgerPending, col(LedgerPending.entry_id) == col(LedgerEntry.id))
        .order_by(col(LedgerEntry.id))
        .limit(limit)
    )
    return session.exec(statement).all()


def insert_leaves(session: Session, first_index: int, entry_ids: Sequence[UUID]) -> None:
    """Give the entries their indices and take them out of the queue."""
    try:
        session.connection().execute(
            _INSERT_LEAF,
            [{"index": index, "entry_id": entry} for index, entry in enumerate(entry_ids, start=first_index)],
        )
    except IntegrityError as error:
        raise CorruptRecord("an entry in the ledger's queue has an index already") from error
    session.exec(delete(LedgerPending).where(col(LedgerPending.entry_id).in_(entry_ids)))


def count_leaves(session: Session) -> int:
    """Return how many indices have been given."""
    last = session.exec(select(func.max(LedgerLeaf.index))).one()
    return 0 if last is None else last + 1


def tile_reader(session: Session) -> tree.ReadTile:
    """Return a reader of stored tiles that asks for each once; it lives as long as one piece of work.

    A tile that is not stored reads as empty.
    """
    connection = session.connection()
    known: dict[tuple[int, int], bytes] = {}

    def read(level: int, number: int) -> bytes:
        tile = known.get((level, number))
        if tile is None:
            found = connection.execute(_SELECT_TILE, {"tile_level": level, "tile_number": number}).scalar()
            tile = known[level, number] = found or b""
        return tile

    return read


def write_tiles(
    session: Session, tiles: Mapping[tuple[int, int], bytes], *, growing: Mapping[tuple[int, int], int]
) -> None:
    """Store the tiles that are new, and lengthen those in `growing` (tile to its present width)."""
    for (level, number), hashes in sorted(tiles.items()):
        if (level, number) not in growing:
            session.exec(insert(LedgerTile).values(level=level, number=number, hashes=hashes))
            continue
        changed = session.exec(
            update(LedgerTile)
            .where(
                col(LedgerTile.level) == level,
                col(LedgerTile.number) == number,
                func.length(LedgerTile.hashes) < len(hashes),
            )
            .values(hashes=hashes)
        )
        if changed.rowcount != 1:
            raise CorruptRecord(f"ledger tile {level}/{number} is missing, or longer than the tree")


def insert_checkpoint(session: Session, checkpoint: SignedCheckpoint) -> None:
    """Store a signed tree head; a second one after the same predecessor is refused by the database."""
    session.exec(
        insert(LedgerCheckpoint).values(
            size=checkpoint.size,
            previous_size=checkpoint.previous_size,
            root=checkpoint.root,
            note=checkpoint.note,
            signed_at=checkpoint.signed_at,
        )
    )


def latest_checkpoint(session: Session) -> SignedCheckpoint | None:
    """Return the largest published tree head."""
    statement = select(LedgerCheckpoint).order_by(col(LedgerCheckpoint.size).desc()).limit(1)
    row = session.exec(statement).first()
    return None if row is None else _checkpoint(row)


def find_checkpoint(session: Session, size: int) -> SignedCheckpoint | None:
    """Return the tree head of exactly that size."""
    row = session.exec(select(LedgerCheckpoint).where(LedgerCheckpoint.size == size)).first()
    return None if row is None else _checkpoint(row)


def list_checkpoints(session: Session, *, after: int, limit: int) -> list[SignedCheckpoint]:
    """Return the tree heads larger than `after`, smallest first."""
    statement = (
        select(LedgerCheckpoint)
        .where(LedgerCheckpoint.size > after)
        .order_by(col(LedgerCheckpoint.size))
        .limit(limit)
    )
    return [_checkpoint(row) for row in session.exec(statement)]


def find_index(session: Session, entry_id: UUID) -> tuple[bool, int | None]:
    """Return whether the entry exists, and its index if it has one."""
    row = session.exec(
        select(LedgerEntry.id, LedgerLeaf.index)
        .outerjoin(LedgerLeaf, col(LedgerLeaf.entry_id) == col(LedgerEntry.id))
        .where(LedgerEntry.id == entry_id)
    ).first()
    return (False, None) if row is None else (True, row[1])


def find_indices(session: Session, entry_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return the index of each entry that has one."""
    rows = session.exec(
        select(LedgerLeaf.entry_id, LedgerLeaf.index)
        .where(col(LedgerLeaf.entry_id).in_(entry_ids))
        .order_by(col(LedgerLeaf.index))
    )
    return dict(rows.all())


def find_entry(session: Session, index: int) -> Entry | None:
    """Return the entry at `index`."""
    row = session.exec(
        select(LedgerEntry)
        .join(LedgerLeaf, col(LedgerLeaf.entry_id) == col(LedgerEntry.id))
        .where(LedgerLeaf.index == index)
    ).first()
    if row is None:
        return None
    return Entry(
        id=row.id,
        index=index,
        kind=row.kind,
        leaf=row.leaf,
        leaf_hash=row.leaf_hash,
        recorded_at=row.recorded_at,
    )


def read_tile(session: Session, level: int, number: int) -> bytes:
    """Return the hashes of a tile, as many as are stored; empty where there are none."""
    found = session.connection().execute(_SELECT_TILE, {"tile_level": level, "tile_number": number})
    return bytes(found.scalar() or b"")


def list_leaves_from(session: Session, first_index: int, *, limit: int) -> Sequence[bytes]:
    """Return the leaves with an index, from `first_index` on, in their order."""
    return session.exec(
        select(LedgerEntry.leaf)
        .join(LedgerLeaf, col(LedgerLeaf.entry_id) == col(LedgerEntry.id))
        .where(LedgerLeaf.index >= first_index, LedgerLeaf.index < first_index + limit)
        .order_by(col(LedgerLeaf.index))
    ).all()


def list_entries(session: Session, *, before: int | None, limit: int) -> list[ListedEntry]:
    """Return the newest sequenced entries with an index below `before`."""
    statement = (
        select(LedgerLeaf.index, LedgerEntry.kind, LedgerEntry.leaf_hash, LedgerEntry.recorded_at)
        .join(LedgerEntry, col(LedgerEntry.id) == col(LedgerLeaf.entry_id))
        .order_by(col(LedgerLeaf.index).desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(LedgerLeaf.index < before)
    return [
        ListedEntry(index=index, kind=kind, leaf_hash=leaf_hash, recorded_at=recorded_at)
        for index, kind, leaf_hash, recorded_at in session.exec(statement)
    ]


def _checkpoint(row: LedgerCheckpoint) -> SignedCheckpoint:
    return SignedCheckpoint(
        size=row.size,
        previous_size=row.previous_size,
        root=row.root,
        note=row.note,
        signed_at=row.signed_at,
    )


def find_leaf(session: Session, entry_id: UUID) -> bytes | None:
    """Return the leaf of an entry, sequenced or not."""
    return session.exec(select(LedgerEntry.leaf).where(LedgerEntry.id == entry_id)).one_or_none()


def list_leaves(
    session: Session, *, other_than: Sequence[str], after: UUID | None, limit: int
) -> Sequence[tuple[UUID, str, bytes]]:
    """Return id, kind and leaf of entries of other kinds than these by id, strictly after `after`."""
    statement = select(LedgerEntry.id, LedgerEntry.kind, LedgerEntry.leaf).where(
        col(LedgerEntry.kind).not_in(other_than)
    )
    if after is not None:
        statement = statement.where(LedgerEntry.id > after)
    return session.exec(statement.order_by(col(LedgerEntry.id)).limit(limit)).all()
