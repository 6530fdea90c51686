"""Tables of organisations: domains they have proved, and members."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field

from registry.identity.organisation_domain import Source
from registry.kernel.database import Table, UTCDateTime


class Organisation(Table, table=True):
    """A body that can accept for its members; it may be suspended and resumed, and ends once."""

    __table_args__ = (
        CheckConstraint(
            "(acknowledge_asked_at IS NULL) = (acknowledge_from IS NULL)", name="acknowledge_from_a_day"
        ),
    )

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
    acknowledge_asked_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """Since when each member has to acknowledge a cover before it counts for them; None: nobody has to."""
    acknowledge_from: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """From when it is so for those who were members when it was asked."""
    acknowledge_entry_id: UUID | None = Field(default=None, foreign_key="ledger_entry.id")
    """Log entry of the last change."""


class OrganisationDomain(Table, table=True):
    """A domain that an organisation claims; proved by a mail to its postmaster or a DNS record, for a year at a time."""

    __table_args__ = (
        CheckConstraint("(mailbox IS NULL) = (secret_digest IS NULL)", name="secret_is_mailed"),
        CheckConstraint("(mailbox IS NULL) <> (challenge IS NULL)", name="proved_one_way"),
        Index("ix_organisation_domain_organisation", "organisation_id"),
        Index("ix_organisation_domain_name", "domain"),
        Index(
            "uq_organisation_domain_record",
            "organisation_id",
            "domain",
            unique=True,
            sqlite_where=text("challenge IS NOT NULL AND ended_at IS NULL"),
            postgresql_where=text("challenge IS NOT NULL AND ended_at IS NULL"),
        ),
        Index("ix_organisation_domain_check", "check_at"),
        Index("ix_organisation_domain_end", "valid_until"),
    )

    id: UUID = Field(primary_key=True)
    organisation_id: UUID = Field(foreign_key="organisation.id")
    domain: str = Field(max_length=253)
    mailbox: str | None = Field(default=None, max_length=20)
    """Where the proof was mailed to: `postmaster`, `hostmaster` …"""
    secret_digest: str | None = Field(default=None, unique=True, max_length=64)
    challenge: str | None = Field(default=None, max_length=64)
    """What the DNS record says instead; anybody can read it there."""
    claimed_by: UUID = Field(foreign_key="person.id")
    claimed_at: datetime = Field(sa_type=UTCDateTime)
    proved_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    valid_until: datetime | None = Field(default=None, sa_type=UTCDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    check_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """When the worker looks for the record again."""
    missing_since: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """Since when the record of a proved domain is known to be gone."""
    warned_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """When officers were told that the proof will run out."""
    lapse_told_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """When they were told that it has run out."""


class OrganisationMember(Table, table=True):
    """One ground on which a person belongs to an organisation; who has several has a row for each."""

    __table_args__ = (
        Index(
            "uq_organisation_member_live",
            "organisation_id",
            "person_id",
            "source",
            unique=True,
            sqlite_where=text("ended_at IS NULL AND group_id IS NULL"),
            postgresql_where=text("ended_at IS NULL AND group_id IS NULL"),
        ),
        Index(
            "uq_organisation_member_group",
            "group_id",
            "person_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL AND group_id IS NOT NULL"),
            postgresql_where=text("ended_at IS NULL AND group_id IS NOT NULL"),
        ),
        Index("ix_organisation_member_organisation", "organisation_id", "id"),
        Index("ix_organisation_member_person", "person_id", "organisation_id"),
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="ended_by_somebody"),
        CheckConstraint("(source = 'group') = (group_id IS NOT NULL)", name="group_of_a_provider"),
    )

    id: UUID = Field(primary_key=True)
    organisation_id: UUID = Field(foreign_key="organisation.id")
    person_id: UUID = Field(foreign_key="person.id")
    is_officer: bool
    """May accept for the organisation and say who belongs to it."""
    source: str = Field(default=Source.NAMED.value, max_length=10)
    """By what they belong: a `Source`."""
    domain_id: UUID | None = Field(default=None, foreign_key="organisation_domain.id")
    group_id: UUID | None = Field(default=None, foreign_key="organisation_group.id")
    identity_id: UUID | None = None
    """By group: the account at the provider that showed it last; it may have been removed."""
    since: datetime = Field(sa_type=UTCDateTime)
    until: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """By domain: as long as the proof of the domain is valid. By group: until somebody should have signed in again."""
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    ended_by: str | None = Field(default=None, max_length=10)
    """An `EndedBy`."""


class OrganisationGroup(Table, table=True):
    """A group at an identity provider that makes members; asked for by an officer, confirmed by an operator."""

    __table_args__ = (
        Index(
            "uq_organisation_group_live",
            "issuer",
            "name",
            "organisation_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_organisation_group_organisation", "organisation_id", "id"),
        CheckConstraint("(confirmed_at IS NULL) = (confirmed_by IS NULL)", name="confirmed_by_somebody"),
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="ended_by_somebody"),
    )

    id: UUID = Field(primary_key=True)
    organisation_id: UUID = Field(foreign_key="organisation.id")
    issuer: str = Field(max_length=500)
    """Of the provider; a group of the same name at another provider is another group."""
    name: str = Field(max_length=200)
    """As the provider writes it, compared letter by letter."""
    salt: bytes
    """Keeps names of groups out of the log, which holds a digest."""
    asked_by: UUID = Field(foreign_key="person.id")
    asked_at: datetime = Field(sa_type=UTCDateTime)
    confirmed_by: UUID | None = Field(default=None, foreign_key="person.id")
    confirmed_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    entry_id: UUID | None = Field(default=None, foreign_key="ledger_entry.id", unique=True)
    ended_by: UUID | None = Field(default=None, foreign_key="person.id")
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    end_entry_id: UUID | None = Field(default=None, foreign_key="ledger_entry.id", unique=True)
    """Only of one that was confirmed; before, it changes nothing."""
