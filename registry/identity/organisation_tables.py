"""Tables of organisations: domains they have proved, and members."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field

from registry.kernel.database import Table, UTCDateTime


class Organisation(Table, table=True):
    """A body that can accept for its members; it may be suspended and resumed, and ends once."""

    id: UUID = Field(primary_key=True)
    name: str = Field(max_length=200)
    """Its legal name, public."""
    created_by: UUID = Field(foreign_key="person.id")
    created_at: datetime = Field(sa_type=UTCDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    suspended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    suspended_by_operator: bool = False
    """Then only an operator resumes it."""
    members_until: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """Suspended or ended: until when its covers still count for members."""


class OrganisationDomain(Table, table=True):
    """A mail domain that an organisation claims; proved by a mail to its postmaster, for a year at a time."""

    __table_args__ = (
        Index("ix_organisation_domain_organisation", "organisation_id"),
        Index("ix_organisation_domain_name", "domain"),
    )

    id: UUID = Field(primary_key=True)
    organisation_id: UUID = Field(foreign_key="organisation.id")
    domain: str = Field(max_length=253)
    mailbox: str = Field(max_length=20)
    """Where the proof was mailed to: `postmaster`, `hostmaster` …"""
    secret_digest: str = Field(unique=True, max_length=64)
    claimed_by: UUID = Field(foreign_key="person.id")
    claimed_at: datetime = Field(sa_type=UTCDateTime)
    proved_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    valid_until: datetime | None = Field(default=None, sa_type=UTCDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class OrganisationMember(Table, table=True):
    """A person belongs to an organisation, by name or by the domain of their verified address."""

    __table_args__ = (
        Index(
            "uq_organisation_member_live",
            "organisation_id",
            "person_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_organisation_member_person", "person_id"),
    )

    id: UUID = Field(primary_key=True)
    organisation_id: UUID = Field(foreign_key="organisation.id")
    person_id: UUID = Field(foreign_key="person.id")
    is_officer: bool
    """May accept for the organisation and say who belongs to it."""
    domain_id: UUID | None = Field(default=None, foreign_key="organisation_domain.id")
    """None: named by an officer."""
    since: datetime = Field(sa_type=UTCDateTime)
    until: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """By domain: as long as the proof of the domain is valid."""
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
