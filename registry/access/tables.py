"""The deny list: blocks and their ends, facts both."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field

from registry.kernel.database import Table, UTCDateTime


class Block(Table, table=True):
    """A person is barred from a publisher's gates, or from all."""

    __table_args__ = (Index("ix_block_person", "person_id", "publisher_id"),)

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(foreign_key="person.id")
    publisher_id: UUID | None = Field(default=None, foreign_key="publisher.id")
    """None: barred from every gate of the registry, by an operator."""
    reason: str = Field(max_length=300)
    """Shown to the person."""
    blocked_by: UUID = Field(foreign_key="person.id")
    blocked_at: datetime = Field(sa_type=UTCDateTime)
    until: datetime | None = Field(default=None, sa_type=UTCDateTime)
    entry_id: UUID = Field(foreign_key="ledger_entry.id", unique=True)


class BlockLift(Table, table=True):
    """A block ended before its time."""

    block_id: UUID = Field(primary_key=True, foreign_key="block.id")
    lifted_by: UUID = Field(foreign_key="person.id")
    lifted_at: datetime = Field(sa_type=UTCDateTime)
    entry_id: UUID = Field(foreign_key="ledger_entry.id", unique=True)
