"""Rows of the ledger exactly as they are stored, for the check that distrusts them.

Whoever edits a SQLite database by hand can leave text where bytes belong, and times that are none. The
ordinary readers would fail on these; here each value comes back as something that can be compared.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, String, cast, false, or_, text, type_coerce
from sqlalchemy import select as sa_select
from sqlmodel import Session, col

from registry.ledger.tables import (
    LedgerCheckpoint,
    LedgerEntry,
    LedgerLeaf,
    LedgerPending,
    LedgerTile,
    SigningKey,
)

PAGE_ROWS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRow:
    """A row of `ledger_entry`; a time that cannot be read is None."""

    id: str
    kind: str
    leaf: bytes
    leaf_hash: bytes
    recorded_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafRow:
    """A row of `ledger_leaf` or `ledger_pending` with the entry that it points to, if that exists."""

    index: int
    entry_id: str
    entry: EntryRow | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointRow:
    """A row of `ledger_checkpoint`."""

    size: int
    previous_size: int
    root: bytes
    note: str
    signed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """A row of `signing_key`."""

    kid: str
    purpose: str
    public: bytes
    sealed_private: bytes
    created_at: datetime | None
    retired_at: datetime | None
    compromised_at: datetime | None


def hold_snapshot(session: Session) -> None:
    """Let every later query of this transaction see one state of the database; nothing may be read before.

    SQLite does so by itself; PostgreSQL has to be told.
    """
    if session.get_bind().dialect.name != "postgresql":
        return
    connection = session.connection()
    if connection.execute(text("SHOW transaction_isolation")).scalar() != "repeatable read":
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))


def list_keys(session: Session) -> list[KeyRow]:
    """Return every signing key, oldest first."""
    columns = (
        SigningKey.kid,
        SigningKey.purpose,
        SigningKey.public,
        SigningKey.sealed_private,
        SigningKey.created_at,
        SigningKey.retired_at,
        SigningKey.compromised_at,
    )
    statement = sa_select(*(_raw(session, column) for column in columns))
    return [
        KeyRow(
            kid=_text(kid),
            purpose=_text(purpose),
            public=_bytes(public),
            sealed_private=_bytes(sealed),
            created_at=_moment(created),
            retired_at=_moment(retired),
            compromised_at=_moment(compromised),
        )
        for kid, purpose, public, sealed, created, retired, compromised in session.connection().execute(
            statement.order_by(col(SigningKey.created_at), col(SigningKey.kid))
        )
    ]


def list_checkpoints(session: Session) -> Iterator[CheckpointRow]:
    """Give every checkpoint, smallest first."""
    after = -1
    while True:
        rows = (
            session.connection()
            .execute(
                sa_select(
                    col(LedgerCheckpoint.size),
                    col(LedgerCheckpoint.previous_size),
                    _raw(session, LedgerCheckpoint.root),
                    _raw(session, LedgerCheckpoint.note),
                    _raw(session, LedgerCheckpoint.signed_at),
                )
                .where(col(LedgerCheckpoint.size) > after)
                .order_by(col(LedgerCheckpoint.size))
                .limit(PAGE_ROWS)
            )
            .all()
        )
        for size, previous, root, note, signed_at in rows:
            yield CheckpointRow(
                size=size,
                previous_size=previous,
                root=_bytes(root),
                note=_text(note),
                signed_at=_moment(signed_at),
            )
        if len(rows) < PAGE_ROWS:
            return
        after = rows[-1][0]


def list_leaves(session: Session) -> Iterator[LeafRow]:
    """Give every leaf by index, with its entry."""
    after = -1
    while True:
        rows = (
            session.connection()
            .execute(
                sa_select(col(LedgerLeaf.index), _raw(session, LedgerLeaf.entry_id), *_entry_columns(session))
                .outerjoin(LedgerEntry, col(LedgerEntry.id) == col(LedgerLeaf.entry_id))
                .where(col(LedgerLeaf.index) > after)
                .order_by(col(LedgerLeaf.index))
                .limit(PAGE_ROWS)
            )
            .all()
        )
        for index, entry_id, *entry in rows:
            yield LeafRow(index=index, entry_id=_uuid(entry_id), entry=_entry(entry))
        if len(rows) < PAGE_ROWS:
            return
        after = rows[-1][0]


def list_waiting(session: Session) -> Iterator[tuple[LeafRow, bool]]:
    """Give every row of the queue with its entry, and whether that entry has an index already."""
    for key, index, *entry in _by_id(
        session,
        LedgerPending.entry_id,
        sa_select(_key(session, LedgerPending.entry_id), col(LedgerLeaf.index), *_entry_columns(session))
        .outerjoin(LedgerLeaf, col(LedgerLeaf.entry_id) == col(LedgerPending.entry_id))
        .outerjoin(LedgerEntry, col(LedgerEntry.id) == col(LedgerPending.entry_id)),
    ):
        yield LeafRow(index=-1, entry_id=_uuid(key), entry=_entry(entry)), index is not None


def list_lost_entries(session: Session) -> Iterator[str]:
    """Give the id of every entry that neither waits nor has an index."""
    for key, index, pending in _by_id(
        session,
        LedgerEntry.id,
        sa_select(_key(session, LedgerEntry.id), col(LedgerLeaf.index), _raw(session, LedgerPending.entry_id))
        .outerjoin(LedgerLeaf, col(LedgerLeaf.entry_id) == col(LedgerEntry.id))
        .outerjoin(LedgerPending, col(LedgerPending.entry_id) == col(LedgerEntry.id)),
    ):
        if index is None and pending is None:
            yield _uuid(key)


def has_leaf_hash(session: Session, leaf_hash: bytes) -> bool:
    """Whether any entry has this leaf hash; reads the whole table."""
    statement = sa_select(col(LedgerEntry.kind)).where(col(LedgerEntry.leaf_hash) == leaf_hash).limit(1)
    return session.connection().execute(statement).first() is not None


def read_tile(session: Session, level: int, number: int) -> bytes:
    """Return the stored hashes of a tile; none if there is no such tile."""
    statement = sa_select(_raw(session, LedgerTile.hashes)).where(
        col(LedgerTile.level) == level, col(LedgerTile.number) == number
    )
    return _bytes(session.connection().execute(statement).scalar())


def list_tiles_beyond(session: Session, last: dict[int, int], *, limit: int) -> list[str]:
    """Return `level/number` of the tiles that no tree with the last tiles `last` (level to number) has."""
    level, number = col(LedgerTile.level), col(LedgerTile.number)
    beyond = or_(
        false(),
        level.not_in(list(last)),
        number < 0,
        *((level == known) & (number > largest) for known, largest in last.items()),
    )
    rows = session.connection().execute(
        sa_select(level, number).where(beyond).order_by(level, number).limit(limit)
    )
    return [f"{found_level}/{found_number}" for found_level, found_number in rows]


def _by_id(session: Session, column: Any, statement: Any) -> Iterator[Any]:
    """Give the rows of `statement` in the order of the id `column`, which it selects first."""
    key = _key(session, column)
    after = None
    while True:
        page = statement if after is None else statement.where(key > after)
        rows = session.connection().execute(page.order_by(key).limit(PAGE_ROWS)).all()
        yield from rows
        if len(rows) < PAGE_ROWS:
            return
        after = rows[-1][0]


def _entry_columns(session: Session) -> list[Any]:
    columns = (
        LedgerEntry.id,
        LedgerEntry.kind,
        LedgerEntry.leaf,
        LedgerEntry.leaf_hash,
        LedgerEntry.recorded_at,
    )
    return [_raw(session, column) for column in columns]


def _entry(values: list[Any]) -> EntryRow | None:
    entry_id, kind, leaf, leaf_hash, recorded_at = values
    if entry_id is None:
        return None
    return EntryRow(
        id=_uuid(entry_id),
        kind=_text(kind),
        leaf=_bytes(leaf),
        leaf_hash=_bytes(leaf_hash),
        recorded_at=_moment(recorded_at),
    )


def _raw(session: Session, column: Any) -> Any:
    """Return `column` so that reading it cannot fail: SQLite gives the bytes of whatever is there."""
    return cast(column, LargeBinary) if _is_sqlite(session) else col(column)


def _key(session: Session, column: Any) -> Any:
    """Return an id column as it sorts: text on SQLite, where ids are kept as 32 hex digits."""
    return type_coerce(column, String) if _is_sqlite(session) else col(column)


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def _bytes(value: Any) -> bytes:
    return b"" if value is None else bytes(value)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return "" if value is None else str(value)


def _uuid(value: Any) -> str:
    """Return an id in its usual spelling, or what is there instead of one."""
    try:
        return str(UUID(_text(value)))
    except ValueError:
        return _text(value)


def _moment(value: Any) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        moment = value
    else:
        try:
            moment = datetime.fromisoformat(_text(value))
        except ValueError:
            return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
