"""Acceptances and withdrawals: facts, inserted once, never updated or deleted."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field

from registry.kernel.database import Table, UTCDateTime


class Acceptance(Table, table=True):
    """A person accepted a text at a gate. The statement is the evidence; the columns repeat it for queries."""

    __table_args__ = (
        Index(
            "uq_acceptance_own",
            "person_id",
            "gate_id",
            "license_version_id",
            "sequence",
            unique=True,
            sqlite_where=text("organisation_id IS NULL"),
            postgresql_where=text("organisation_id IS NULL"),
        ),
        Index(
            "uq_acceptance_cover",
            "organisation_id",
            "gate_id",
            "license_version_id",
            "sequence",
            unique=True,
            sqlite_where=text("organisation_id IS NOT NULL"),
            postgresql_where=text("organisation_id IS NOT NULL"),
        ),
        Index("ix_acceptance_standing", "person_id", "gate_id", "license_id", "series"),
        Index("ix_acceptance_gate", "gate_id", "id"),
        Index("ix_acceptance_version", "license_version_id", "id"),
        # Counts by week read this index alone (`figures.count_by_week`).
        Index("ix_acceptance_week", "gate_id", "license_version_id", "accepted_at"),
    )

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(foreign_key="person.id")
    organisation_id: UUID | None = Field(default=None, foreign_key="organisation.id")
    """Whom the person accepted for: an organisation and so its members, or None: themself."""
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


class Acknowledgement(Table, table=True):
    """A member has acknowledged what was accepted for their organisation."""

    __table_args__ = (Index("ix_acknowledgement_person", "person_id", "acceptance_id"),)

    acceptance_id: UUID = Field(primary_key=True, foreign_key="acceptance.id")
    person_id: UUID = Field(primary_key=True, foreign_key="person.id")
    acknowledged_at: datetime = Field(sa_type=UTCDateTime)
    statement: bytes
    """Canonical JSON of the fact: the leaf of the ledger."""
    entry_id: UUID = Field(foreign_key="ledger_entry.id", unique=True)


class ReceiptCopy(Table, table=True):
    """Something happened to the acceptor's copy: a fact beside the statement, recorded the first time."""

    acceptance_id: UUID = Field(primary_key=True, foreign_key="acceptance.id")
    event: str = Field(primary_key=True, max_length=16)
    happened_at: datetime = Field(sa_type=UTCDateTime)


class Withdrawal(Table, table=True):
    """The acceptor took an acceptance back, for the future."""

    acceptance_id: UUID = Field(primary_key=True, foreign_key="acceptance.id")
    withdrawn_at: datetime = Field(sa_type=UTCDateTime)
    members_until: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """Of an organisation's acceptance: until when its members keep access."""
    statement: bytes
    """Canonical JSON of the fact: the leaf of the ledger."""
    entry_id: UUID = Field(foreign_key="ledger_entry.id", unique=True)
