"""Table of erasures: who asked to be erased, and what became of it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Index, text
from sqlmodel import Field

from registry.identity.erasure_domain import ErasureState
from registry.kernel.database import Table, UTCDateTime, enum_column


class Erasure(Table, table=True):
    """A person is to be erased, or was. Nothing in it names anybody; an operator's words stand sealed by the key."""

    __table_args__ = (
        Index(
            "uq_erasure_open",
            "person_id",
            unique=True,
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
        Index("ix_erasure_person", "person_id", "id"),
        Index(
            "ix_erasure_due",
            "due_at",
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
        Index(
            "ix_erasure_swept",
            "decided_at",
            sqlite_where=text("state = 'done' AND swept_at IS NULL"),
            postgresql_where=text("state = 'done' AND swept_at IS NULL"),
        ),
        CheckConstraint("(state = 'waiting') = (decided_at IS NULL)", name="decided_once"),
        CheckConstraint("(state = 'done') = (entry_id IS NOT NULL)", name="done_in_the_log"),
    )

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(foreign_key="person.id")
    by_operator: bool
    asked_at: datetime = Field(sa_type=UTCDateTime)
    due_at: datetime = Field(sa_type=UTCDateTime)
    """When it is carried out unless somebody takes it back or it is held."""
    state: ErasureState = Field(sa_column=Column(enum_column(ErasureState), nullable=False))
    decided_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    sealed_reason: bytes | None = None
    """Why an operator refused it, in words for the person; sealed by the person's key."""
    entry_id: UUID | None = Field(default=None, foreign_key="ledger_entry.id", unique=True)
    swept_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """When it was looked after once more, for what requests that ran beside it may have written."""
