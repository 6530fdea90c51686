"""Tables of mirrors: which model is paired with which repository of the Hub, by whose token, and what was done there."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field

from registry.hub_sync.domain import Deed
from registry.kernel.database import Table, UTCDateTime, enum_column


class IntentOutcome(StrEnum):
    """What became of a call to the Hub."""

    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """The process ended before the answer; the next pass read the Hub and went on from there."""


class HubCredential(Table, table=True):
    """The token by which repositories of a publisher are managed at the Hub."""

    publisher_id: UUID = Field(primary_key=True, foreign_key="publisher.id")
    account: str = Field(max_length=100)
    """Whose token it is, as the Hub said; an account for this purpose, no person's own."""
    role: str = Field(max_length=40)
    sealed_token: bytes
    """Sealed by the system key."""
    stored_by: UUID = Field(foreign_key="person.id")
    stored_at: datetime = Field(sa_type=UTCDateTime)


class HubMirror(Table, table=True):
    """The pairing of a model with a repository of the Hub, until it is ended."""

    __table_args__ = (
        Index(
            "uq_hub_mirror_model",
            "model_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index(
            "uq_hub_mirror_repository",
            "repository_key",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index(
            "ix_hub_mirror_due",
            "next_at",
            sqlite_where=text("ended_at IS NULL AND kept_since IS NOT NULL"),
            postgresql_where=text("ended_at IS NULL AND kept_since IS NOT NULL"),
        ),
        CheckConstraint("failures >= 0", name="failures_counted"),
    )

    id: UUID = Field(primary_key=True)
    model_id: UUID = Field(foreign_key="model.id")
    repository: str = Field(max_length=96)
    repository_key: str = Field(max_length=96)
    """In lower case: the Hub's names that differ only in case are one."""
    gating_group: str = Field(default="", max_length=60)
    """Repositories that the Hub gates as one collection; one decision counts for all of them."""
    linked_by: UUID = Field(foreign_key="person.id")
    linked_at: datetime = Field(sa_type=UTCDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    kept_since: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """Since when it is kept in step by itself; None: nothing was applied yet."""
    next_at: datetime = Field(sa_type=UTCDateTime)
    """When it is looked at again."""
    leased_until: datetime = Field(sa_type=UTCDateTime)
    """Until when somebody has it for a pass."""
    failures: int = 0
    """How many passes have failed since the last one that did not."""
    looked_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    settled_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    revision: str = Field(default="", max_length=64)
    """Commit of the repository when it was last settled."""
    trouble: str = Field(default="", max_length=32)
    trouble_words: str = Field(default="", max_length=300)
    findings: bytes = b"{}"
    """Figures of the last pass and kinds of drift, as JSON; it names nobody."""


class HubIntent(Table, table=True):
    """A call to the Hub that changes something, put on record before it leaves. It names nobody."""

    __table_args__ = (
        Index(
            "ix_hub_intent_open",
            "mirror_id",
            sqlite_where=text("outcome IS NULL"),
            postgresql_where=text("outcome IS NULL"),
        ),
        Index("ix_hub_intent_mirror", "mirror_id", "id"),
    )

    id: UUID = Field(primary_key=True)
    mirror_id: UUID = Field(foreign_key="hub_mirror.id")
    deed: Deed = Field(sa_type=enum_column(Deed))
    begun_at: datetime = Field(sa_type=UTCDateTime)
    answered_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    outcome: IntentOutcome | None = Field(default=None, sa_type=enum_column(IntentOutcome))
    trouble: str = Field(default="", max_length=32)
    hub_request_id: str = Field(default="", max_length=100)


class HubWeights(Table, table=True):
    """The large files of a repository that follows, as the Hub's list of one commit states them."""

    mirror_id: UUID = Field(primary_key=True, foreign_key="hub_mirror.id")
    revision: str = Field(default="", max_length=64)
    """The commit whose list was read last; empty: none was."""
    listing: bytes = b"[]"
    """Path, size and digest of each, as JSON."""
    trouble: str = Field(default="", max_length=300)
    """Why the list of a newer commit could not be read."""
    looked_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class HubCard(Table, table=True):
    """README and LICENSE of a repository that follows: what both sides were last seen to agree on."""

    mirror_id: UUID = Field(primary_key=True, foreign_key="hub_mirror.id")
    revision: str = Field(default="", max_length=64)
    """The commit that was looked at last; empty: it is looked at again."""
    wanted: str = Field(default="", max_length=71)
    """Digest of what the registry said then."""
    base: bytes = b"{}"
    """Parts of the card, each as both sides had it, as JSON."""
    report: bytes = b"{}"
    looked_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    begun_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """When the last commit was about to leave."""
    committed_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    committed: str = Field(default="", max_length=64)
    """The last commit that was made there."""
    hub_request_id: str = Field(default="", max_length=100)
