"""Tables of licenses. Rows are only ever added; nothing here is updated or deleted."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint, false
from sqlmodel import Field

from registry.kernel.database import Table, UTCDateTime, enum_column
from registry.licenses.domain import ChangeClass, Outcome, Strictness


class License(Table, table=True):
    """Terms under one name; their texts are its versions."""

    id: UUID = Field(primary_key=True)
    slug: str = Field(max_length=64, unique=True)
    title: str = Field(max_length=200)
    publisher: str | None = Field(default=None, max_length=200)
    created_at: datetime = Field(sa_type=UTCDateTime)


class LicenseVersion(Table, table=True):
    """One frozen text."""

    __table_args__ = (
        UniqueConstraint("license_id", "number"),
        UniqueConstraint("license_id", "ordinal"),
        CheckConstraint("ordinal >= 1 AND series >= 1 AND series <= ordinal", name="series_within"),
        CheckConstraint("(ordinal = 1) = (change_class = 'initial')", name="first_is_initial"),
        CheckConstraint(
            "(change_class IN ('initial', 'material')) = (series = ordinal)", name="series_begins_with_change"
        ),
        CheckConstraint(
            "NOT asks_second OR (series < ordinal AND published_by IS NOT NULL)",
            name="second_person_of_class",
        ),
        Index("ix_license_version_normalised_digest", "normalised_digest"),
        Index("ix_license_version_sha256", "sha256"),
    )

    id: UUID = Field(primary_key=True)
    license_id: UUID = Field(foreign_key="license.id")
    number: str = Field(max_length=32)
    ordinal: int
    series: int
    change_class: ChangeClass = Field(sa_type=enum_column(ChangeClass))
    text: bytes = Field(sa_type=LargeBinary)
    sha256: str = Field(max_length=71)
    normalised_digest: str = Field(max_length=80)
    language: str = Field(max_length=16)
    effective_at: datetime = Field(sa_type=UTCDateTime)
    published_at: datetime = Field(sa_type=UTCDateTime)
    published_by: UUID | None = Field(default=None, foreign_key="person.id")
    recognised_as: str | None = Field(default=None, max_length=64)
    entry_id: UUID = Field(foreign_key="ledger_entry.id", unique=True)
    asks_second: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """False of an editorial or compatible version by a person: from before two persons were asked for."""


class LicenseVerdict(Table, table=True):
    """What a second person said of the change class of a version; said once and for good."""

    __table_args__ = (
        CheckConstraint("(outcome = 'objected') = (reason IS NOT NULL)", name="objection_has_reason"),
        CheckConstraint("license_version_id <> compared_with", name="compared_with_another"),
    )

    license_version_id: UUID = Field(primary_key=True, foreign_key="license_version.id")
    outcome: Outcome = Field(sa_type=enum_column(Outcome))
    compared_with: UUID = Field(foreign_key="license_version.id")
    given_by: UUID = Field(foreign_key="person.id")
    given_at: datetime = Field(sa_type=UTCDateTime)
    reason: str | None = Field(default=None, max_length=300)
    entry_id: UUID = Field(foreign_key="ledger_entry.id", unique=True)


class IncludedPolicy(Table, table=True):
    """A policy that a version includes by reference."""

    license_version_id: UUID = Field(primary_key=True, foreign_key="license_version.id")
    position: int = Field(primary_key=True)
    title: str = Field(max_length=200)
    url: str | None = Field(default=None, max_length=2000)
    sha256: str | None = Field(default=None, max_length=71)
    text: bytes | None = Field(default=None, sa_type=LargeBinary)


class LicenseRestriction(Table, table=True):
    """A use restriction of the taxonomy that a version holds."""

    license_version_id: UUID = Field(primary_key=True, foreign_key="license_version.id")
    slug: str = Field(primary_key=True, max_length=64)
    strictness: Strictness = Field(sa_type=enum_column(Strictness))
    clause: str = Field(max_length=120)
