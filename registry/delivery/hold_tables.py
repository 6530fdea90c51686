"""Table of legal holds: what must not be destroyed for now, and why."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field

from registry.kernel.database import Table, UTCDateTime


class Hold(Table, table=True):
    """What is kept about one person, at one publisher or at one model stays, whatever would be due."""

    __table_args__ = (
        CheckConstraint(
            "(person_id IS NOT NULL AND publisher_id IS NULL AND model_id IS NULL)"
            " OR (person_id IS NULL AND publisher_id IS NOT NULL AND model_id IS NULL)"
            " OR (person_id IS NULL AND publisher_id IS NULL AND model_id IS NOT NULL)",
            name="of_one_thing",
        ),
        CheckConstraint("lifted_at IS NULL OR lifted_at >= placed_at", name="lifted_after_it_was_placed"),
        Index(
            "ix_hold_person",
            "person_id",
            sqlite_where=text("lifted_at IS NULL"),
            postgresql_where=text("lifted_at IS NULL"),
        ),
    )

    id: UUID = Field(primary_key=True)
    person_id: UUID | None = Field(default=None, foreign_key="person.id")
    publisher_id: UUID | None = Field(default=None, foreign_key="publisher.id")
    model_id: UUID | None = Field(default=None, foreign_key="model.id")
    reason: str = Field(max_length=300)
    """Shown to a person whose erasure it stands against."""
    ordered_by: str = Field(max_length=120)
    """An office or a file number, no private person."""
    placed_at: datetime = Field(sa_type=UTCDateTime)
    until: datetime | None = Field(default=None, sa_type=UTCDateTime)
    lifted_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
