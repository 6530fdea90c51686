"""What was handed out and what was refused: facts, inserted once."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, Index
from sqlmodel import Field

from registry.delivery.domain import UpdateAnswered
from registry.kernel.database import Table, UTCDateTime, enum_column


class DownloadRecord(Table, table=True):
    """A presigned URL was issued, or a gated small file sent; durable before it left (P5)."""

    __table_args__ = (
        Index("ix_download_record_model", "model_id", "id"),
        Index("ix_download_record_person", "person_id", "id"),
        Index("ix_download_record_acceptance", "acceptance_id", "id"),
    )

    id: UUID = Field(primary_key=True)
    issued_at: datetime = Field(sa_type=UTCDateTime)
    person_id: UUID | None = Field(default=None, foreign_key="person.id")
    """None for models that are open to all, and for a service account."""
    token_id: UUID | None = Field(default=None, foreign_key="access_token.id")
    model_id: UUID = Field(foreign_key="model.id")
    release_id: UUID = Field(foreign_key="release.id")
    path: str = Field(max_length=1024)
    sha256: str = Field(max_length=64)
    size: int = Field(sa_type=BigInteger)
    acceptance_id: UUID | None = Field(default=None, foreign_key="acceptance.id")
    """The acceptance that the right rested on; the first one where the gate requires several
    (see `DownloadRecordAcceptance`)."""
    resumed_from: int | None = Field(default=None, sa_type=BigInteger)
    """First byte asked for, where the client resumed or fetched a part."""
    channel: str = Field(max_length=16)
    client: str = Field(default="", max_length=120)
    request_id: str = Field(default="", max_length=64)
    account_id: UUID | None = None
    """The service account that asked. Without a foreign key: the table would have to be written anew for it."""
    service_token_id: UUID | None = None
    """Its token."""


class DownloadRecordAcceptance(Table, table=True):
    """A further acceptance that the right rested on; written only where the gate requires several."""

    __table_args__ = (Index("ix_download_record_acceptance_acceptance", "acceptance_id", "record_id"),)

    record_id: UUID = Field(primary_key=True)
    """Without a foreign key, so that the records can be partitioned by time."""
    position: int = Field(primary_key=True)
    """1 for the second acceptance; the first one stands in the record."""
    acceptance_id: UUID = Field(foreign_key="acceptance.id")


class RefusedRequest(Table, table=True):
    """A known person asked for a file and was refused."""

    __table_args__ = (
        Index("ix_refused_request_model", "model_id", "id"),
        Index("ix_refused_request_person", "person_id", "id"),
    )

    id: UUID = Field(primary_key=True)
    refused_at: datetime = Field(sa_type=UTCDateTime)
    person_id: UUID = Field(foreign_key="person.id")
    model_id: UUID = Field(foreign_key="model.id")
    path: str = Field(max_length=1024)
    code: str = Field(max_length=64)
    request_id: str = Field(default="", max_length=64)


class UpdateNotice(Table, table=True):
    """A person was told that a release they have, or may have, is to be given up."""

    __table_args__ = (Index("ix_update_notice_person", "person_id", "must_update_id"),)

    must_update_id: UUID = Field(foreign_key="must_update.id", primary_key=True)
    person_id: UUID = Field(foreign_key="person.id", primary_key=True)
    told_at: datetime = Field(sa_type=UTCDateTime)
    downloaded: bool
    """They had been given files of it by then; otherwise they hold a right to it."""


class UpdateAnswer(Table, table=True):
    """What a person said to such a notice; each state once, never changed."""

    must_update_id: UUID = Field(foreign_key="must_update.id", primary_key=True)
    person_id: UUID = Field(foreign_key="person.id", primary_key=True)
    state: UpdateAnswered = Field(
        sa_column=Column(enum_column(UpdateAnswered), primary_key=True, nullable=False)
    )
    answered_at: datetime = Field(sa_type=UTCDateTime)


class DownloadDay(Table, table=True):
    """A UTC day is over: no download record of it, nor of any day before, is inserted any more."""

    day: str = Field(primary_key=True, max_length=10)
    """As `2026-11-25`."""
    salt: bytes
    """What the salts of the day's records are derived from; empty once all of them are counted and gone."""
    closed_at: datetime = Field(sa_type=UTCDateTime)
    counted_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """Since when its records may be gone, counted in `DownloadCount`."""
    counted_entry_id: UUID | None = Field(default=None, foreign_key="ledger_entry.id", unique=True)


class DownloadCount(Table, table=True):
    """How many records of a day and a file were counted and deleted."""

    __table_args__ = (Index("ix_download_count_model", "model_id", "day"),)

    day: str = Field(primary_key=True, max_length=10, foreign_key="download_day.day")
    release_id: UUID = Field(primary_key=True, foreign_key="release.id")
    path: str = Field(primary_key=True, max_length=1024)
    model_id: UUID = Field(foreign_key="model.id")
    downloads: int = Field(sa_type=BigInteger)


class DownloadDigest(Table, table=True):
    """The tree over all download records of a day; its root and count are an entry of the log."""

    day: str = Field(primary_key=True, max_length=10, foreign_key="download_day.day")
    count: int = Field(sa_type=BigInteger)
    root: bytes
    made_at: datetime = Field(sa_type=UTCDateTime)
    entry_id: UUID = Field(foreign_key="ledger_entry.id", unique=True)


class DownloadDigestTile(Table, table=True):
    """Hashes of that tree as in C2SP tlog-tiles; those of level 0 with the ids of their records."""

    day: str = Field(primary_key=True, max_length=10)
    level: int = Field(primary_key=True)
    number: int = Field(primary_key=True)
    hashes: bytes
    record_ids: bytes
    """16 bytes for each record, in order; empty above level 0."""
