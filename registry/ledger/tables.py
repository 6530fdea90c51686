"""Tables of the ledger. Nothing is updated but the growing right edge of the tiles and the end of a key."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, text
from sqlmodel import Field

from registry.kernel.database import Table, UTCDateTime, enum_column
from registry.ledger.domain import KeyPurpose

_POSITION = BigInteger().with_variant(Integer(), "sqlite")
"""Counts of entries: 64 bits on both databases; on SQLite the row id itself."""


class LedgerEntry(Table, table=True):
    """A fact that was appended: the bytes of its leaf, and their RFC 6962 leaf hash."""

    id: UUID = Field(primary_key=True)
    kind: str = Field(max_length=64)
    leaf: bytes
    leaf_hash: bytes
    recorded_at: datetime = Field(sa_type=UTCDateTime)


class LedgerPending(Table, table=True):
    """The queue of entries without an index; the row goes when the entry gets one."""

    entry_id: UUID = Field(primary_key=True, foreign_key="ledger_entry.id")


class LedgerLeaf(Table, table=True):
    """The index of an entry: contiguous from 0, never given again, never changed."""

    __table_args__ = (CheckConstraint('"index" >= 0', name="index_not_negative"),)

    index: int = Field(sa_column=Column(_POSITION, primary_key=True, autoincrement=False))
    entry_id: UUID = Field(sa_column=Column(ForeignKey("ledger_entry.id"), nullable=False, unique=True))


class LedgerTile(Table, table=True):
    """Hashes of the tree as in C2SP tlog-tiles; derived from the leaves, kept for proofs."""

    level: int = Field(primary_key=True)
    number: int = Field(sa_column=Column(_POSITION, primary_key=True, autoincrement=False))
    hashes: bytes


class LedgerCheckpoint(Table, table=True):
    """A signed tree head; each one follows exactly one smaller one, so that the log cannot fork."""

    __table_args__ = (CheckConstraint("size > previous_size AND previous_size >= 0", name="only_grows"),)

    size: int = Field(sa_column=Column(_POSITION, primary_key=True, autoincrement=False))
    previous_size: int = Field(sa_column=Column(_POSITION, nullable=False, unique=True))
    root: bytes
    note: str
    signed_at: datetime = Field(sa_type=UTCDateTime)


class LedgerCosignature(Table, table=True):
    """A witness has cosigned a tree head (C2SP tlog-cosignature)."""

    size: int = Field(
        sa_column=Column(
            _POSITION, ForeignKey("ledger_checkpoint.size"), primary_key=True, autoincrement=False
        )
    )
    witness: str = Field(primary_key=True, max_length=400)
    """The verifier key, `name+id+key`."""
    line: str = Field(max_length=500)
    """The signature line, as it stands under the checkpoint."""
    cosigned_at: datetime = Field(sa_type=UTCDateTime)
    """As the witness says."""


class LedgerTimestamp(Table, table=True):
    """A time stamping authority has stamped the note of a tree head (RFC 3161)."""

    size: int = Field(
        sa_column=Column(
            _POSITION, ForeignKey("ledger_checkpoint.size"), primary_key=True, autoincrement=False
        )
    )
    authority: str = Field(primary_key=True, max_length=200)
    """Its address."""
    response: bytes
    """The TimeStampResp, DER."""
    stamped_at: datetime = Field(sa_type=UTCDateTime)
    """As the authority says."""


class SigningKey(Table, table=True):
    """An Ed25519 key; the private part is sealed. Only the end of its use is ever written later."""

    __table_args__ = (
        # Two processes that start at once cannot both make the current key.
        Index(
            "uq_signing_key_current",
            "purpose",
            unique=True,
            sqlite_where=text("retired_at IS NULL"),
            postgresql_where=text("retired_at IS NULL"),
        ),
        CheckConstraint("compromised_at IS NULL OR retired_at IS NOT NULL", name="compromised_is_retired"),
    )

    kid: str = Field(primary_key=True, max_length=64)
    purpose: KeyPurpose = Field(sa_column=Column(enum_column(KeyPurpose), nullable=False))
    public: bytes
    sealed_private: bytes
    created_at: datetime = Field(sa_type=UTCDateTime)
    retired_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    compromised_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
