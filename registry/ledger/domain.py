"""The words of the ledger: entry states, positions, discrepancies, limits."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

MAX_MERGE_DELAY_SECONDS = 1.0
"""An appended entry is under a signed checkpoint within this time while the sequencer runs."""
SEQUENCER_INTERVAL_SECONDS = 0.25
"""How often the sequencer looks for entries when nobody pokes it; well below the merge delay."""
BATCH_MAX_ENTRIES = 256
"""Entries that one transaction of the sequencer takes, so that it never holds the writer for long."""
LEAF_MAX_BYTES = 65_535
"""Longest leaf: entry bundles of C2SP tlog-tiles count its bytes in 16 bits."""
PAGE_MAX_ENTRIES = 200
"""Entries that one page of the log may list."""
DISCREPANCIES_MAX = 100
"""Discrepancies after which a check of the log stops: more of them say nothing new."""


class EntryState(StrEnum):
    """How far an entry has come; it never goes back."""

    UNSEQUENCED = "unsequenced"
    """Durable, without an index."""
    SEQUENCED = "sequenced"
    """Has its final index."""
    INTEGRATED = "integrated"
    """Its leaf hash is in the tree."""
    PUBLISHED = "published"
    """A signed checkpoint commits to it."""


class KeyPurpose(StrEnum):
    """What a signing key may sign."""

    STATEMENT = "statement"
    CHECKPOINT = "checkpoint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where an entry stands; the index is None exactly as long as it is unsequenced."""

    index: int | None
    state: EntryState


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedEntry:
    """A line of the public log; it tells what kind of fact was recorded when, not about whom."""

    index: int
    kind: str
    leaf_hash: bytes
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A sequenced entry with the bytes of its leaf."""

    id: UUID
    index: int
    kind: str
    leaf: bytes
    leaf_hash: bytes
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Timestamp:
    """A time stamp over the note of a tree head, without cosignatures (RFC 3161)."""

    authority: str
    response: bytes
    stamped_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCheckpoint:
    """A published tree head."""

    size: int
    previous_size: int
    root: bytes
    note: str
    """The C2SP checkpoint as it is served."""
    signed_at: datetime
    cosignatures: tuple[str, ...] = ()
    """Signature lines of witnesses, without line ends."""
    timestamps: tuple[Timestamp, ...] = ()

    @property
    def whole_note(self) -> str:
        """Return the note with the cosignatures of witnesses under the log's own."""
        return self.note + "".join(f"{line}\n" for line in self.cosignatures)

    @property
    def origin(self) -> str:
        """Return the log's name, the first line of the note."""
        return self.note.partition("\n")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inclusion:
    """Where an entry stands, and its audit path to a tree head that is named elsewhere."""

    index: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryProof:
    """All that shows, together with its leaf, that an entry is in the log."""

    index: int
    leaf_hash: bytes
    inclusion_proof: tuple[bytes, ...]
    checkpoint: SignedCheckpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrated:
    """What one batch of the sequencer has done."""

    first_index: int
    count: int
    tree_size: int
    root: bytes

    @property
    def is_full(self) -> bool:
        """Whether more entries may be waiting."""
        return self.count >= BATCH_MAX_ENTRIES


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """A row that does not fit what it must be; found by a check of stored records."""

    table: str
    row_id: str
    problem: str
