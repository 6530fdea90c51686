"""Who looked at personal data of a publisher's records: facts, inserted once."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field

from registry.kernel.database import Table, UTCDateTime


class Look(Table, table=True):
    """Somebody looked at other people's data; looks of one person at one list within an hour are one row."""

    __table_args__ = (
        Index("ix_look_publisher", "publisher_id", "id"),
        Index("ix_look_looker", "looker_id", "publisher_id", "looked_at"),
        Index("ix_look_subject", "subject_id", "id"),
    )

    id: UUID = Field(primary_key=True)
    publisher_id: UUID | None = Field(default=None, foreign_key="publisher.id")
    """Whose records; None for those of all publishers, which operators alone look at."""
    looker_id: UUID = Field(foreign_key="person.id")
    token_id: UUID | None = Field(default=None, foreign_key="access_token.id")
    what: str = Field(max_length=32)
    subject_id: UUID | None = Field(default=None, foreign_key="person.id")
    """Whose data alone was looked at; None for a list."""
    export: bool
    reason: str | None = Field(default=None, max_length=500)
    """Why, where one had to be given; the person can read it."""
    looked_at: datetime = Field(sa_type=UTCDateTime)
    """The first look of the hour."""
