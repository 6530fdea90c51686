"""Tables of people and their credentials; addresses are sealed, secrets are digests."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field

from registry.kernel.database import Table, UTCDateTime


class Person(Table, table=True):
    """A human being. The address is sealed by the person's own key and found by a keyed digest."""

    id: UUID = Field(primary_key=True)
    email_index: bytes | None = Field(default=None, unique=True)
    sealed_email: bytes | None = None
    created_at: datetime = Field(sa_type=UTCDateTime)
    verified_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    is_operator: bool = False
    mail_refused_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """Since when the mail server refuses the address for good; None once a mail went through again."""
    digest_sent_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class EmailLink(Table, table=True):
    """A mailed way to sign in: single use, short-lived, bound to the browser that asked."""

    digest: str = Field(primary_key=True, max_length=64)
    email_index: bytes = Field(index=True)
    sealed_email: bytes
    browser_digest: str | None = Field(default=None, max_length=64)
    network_index: bytes = Field(index=True)
    next_path: str = Field(max_length=500)
    created_at: datetime = Field(sa_type=UTCDateTime)
    expires_at: datetime = Field(sa_type=UTCDateTime, index=True)
    used_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    reusable: bool = False
    """Only the demo, which listens on loopback alone, makes links that work more than once."""


class WebSession(Table, table=True):
    """A signed-in browser; the cookie's secret is stored as a digest."""

    digest: str = Field(primary_key=True, max_length=64)
    person_id: UUID = Field(foreign_key="person.id", index=True)
    method: str = Field(max_length=32)
    created_at: datetime = Field(sa_type=UTCDateTime)
    expires_at: datetime = Field(sa_type=UTCDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    user_agent: str = Field(default="", max_length=200)


class AccessToken(Table, table=True):
    """An access token, stored as a digest: a person's own, or one of a program's login."""

    id: UUID = Field(primary_key=True)
    digest: str = Field(unique=True, max_length=64)
    person_id: UUID = Field(foreign_key="person.id", index=True)
    name: str = Field(max_length=60)
    scopes: str = Field(max_length=60)
    created_at: datetime = Field(sa_type=UTCDateTime)
    expires_at: datetime = Field(sa_type=UTCDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    login_id: UUID | None = Field(default=None, foreign_key="program_login.id", index=True)
    """The program's login that it follows from; None for a personal access token."""


class Notice(Table, table=True):
    """Something that a person was told; sealed by their key."""

    __table_args__ = (
        Index("ix_notice_person", "person_id", "id"),
        Index(
            "ix_notice_unread",
            "person_id",
            "id",
            sqlite_where=text("read_at IS NULL"),
            postgresql_where=text("read_at IS NULL"),
        ),
        Index(
            "ix_notice_digest",
            "person_id",
            "id",
            sqlite_where=text("awaits_digest"),
            postgresql_where=text("awaits_digest"),
        ),
    )

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(foreign_key="person.id")
    created_at: datetime = Field(sa_type=UTCDateTime)
    read_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    awaits_digest: bool = False
    """To be named in the person's next digest."""
    sealed: bytes
