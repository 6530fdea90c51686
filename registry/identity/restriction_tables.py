"""Table of restrictions: who asked that their data is only stored, and what became of it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Index, text
from sqlmodel import Field

from registry.identity.restriction_domain import Ground, RestrictionState
from registry.kernel.database import Table, UTCDateTime, enum_column

_IS_OPEN = text("state IN ('waiting', 'standing', 'ending')")
_ENDS = text("state = 'ending'")


class Restriction(Table, table=True):
    """The data of a person is to be stored only, or was. Nothing in it names anybody; words stand sealed by the key."""

    __table_args__ = (
        Index(
            "uq_restriction_open", "person_id", unique=True, sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN
        ),
        Index("ix_restriction_person", "person_id", "id"),
        Index("ix_restriction_lifted_from", "lifted_from", sqlite_where=_ENDS, postgresql_where=_ENDS),
        CheckConstraint(
            "(state IN ('waiting', 'standing', 'ending')) = (ended_at IS NULL)", name="ended_once"
        ),
        CheckConstraint("state <> 'ending' OR lifted_from IS NOT NULL", name="told_before_it_ends"),
        CheckConstraint("(placed_at IS NULL) = (entry_id IS NULL)", name="placed_in_the_log"),
        CheckConstraint(
            "(end_entry_id IS NOT NULL) = (placed_at IS NOT NULL AND ended_at IS NOT NULL)",
            name="ended_in_the_log",
        ),
    )

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(foreign_key="person.id")
    ground: Ground | None = Field(default=None, sa_column=Column(enum_column(Ground), nullable=True))
    """None: operators placed it of their own accord."""
    sealed_words: bytes | None = None
    """What the person said about it; sealed by the person's key."""
    asked_at: datetime = Field(sa_type=UTCDateTime)
    state: RestrictionState = Field(sa_column=Column(enum_column(RestrictionState), nullable=False))
    placed_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """Since when it stands, or stood; None where it never did."""
    lifted_from: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """When operators lift it; the person was told."""
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    sealed_reason: bytes | None = None
    """Why operators refused or lift it, in words for the person; sealed by the person's key."""
    entry_id: UUID | None = Field(default=None, foreign_key="ledger_entry.id", unique=True)
    end_entry_id: UUID | None = Field(default=None, foreign_key="ledger_entry.id", unique=True)
