"""Acceptances and withdrawals: facts, inserted once, never updated or deleted."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from registry.kernel.database import Table, UTCDateTime


class Acceptance(Table, table=True):
    """A person accepted a text at a gate. The statement is the evidence; the columns repeat it for queries."""

    __table_args__ = (
        UniqueConstraint("person_id", "gate_id", "license_version_id", "sequence"),
        Index("ix_acceptance_standing", "person_id", "gate_id", "license_id", "series"),
        Index("ix_acceptance_gate", "gate_id", "id"),
        Index("ix_acceptance_version", "license_version_id", "id"),
    )

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(foreign_key="person.id")
    gate_id: UUID = Field(foreign_key="gate.id")
    gate_revision_id: UUID = Field(foreign_key="gate_revision.id")
    license_id: UUID = Field(foreign_key="license.id")
    license_version_id: UUID = Field(foreign_key="license_version.id")
    series: int
    sequence: int
    """How many times the person had withdrawn this version at this gate before."""
    language: str = Field(max_length=35)
    grade: str = Field(max_length=1)
    accepted_at: datetime = Field(sa_type=UTCDateTime)
    statement: str
    """Issuer-signed JWT of the SD-JWT (RFC 9901), without disclosures: the leaf of the ledger."""
    sealed_disclosures: bytes
    """The disclosures, sealed by the person's key."""
    entry_id: UUID = Field(foreign_key="ledger_entry.id", unique=True)


class Withdrawal(Table, table=True):
    """The acceptor took an acceptance back, for the future."""

    acceptance_id: UUID = Field(primary_key=True, foreign_key="acceptance.id")
    withdrawn_at: datetime = Field(sa_type=UTCDateTime)
    statement: bytes
    """Canonical JSON of the fact: the leaf of the ledger."""
    entry_id: UUID = Field(foreign_key="ledger_entry.id", unique=True)
