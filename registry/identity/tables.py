"""Tables of people and their credentials; addresses are sealed, secrets are digests."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, text
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
    asks_passkey: bool = False
    """Whether each sign-in by other means also takes a passkey."""
    erased_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """Since when the row is a pseudonym: it has no key, no address and no way in any more."""
    restricted_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """Since when what is kept about the person may only be stored; None: it may be used."""


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
    person_id: UUID | None = Field(default=None, foreign_key="person.id")
    """Who wants this address as theirs; such a link signs nobody in."""


class WebSession(Table, table=True):
    """A signed-in browser; the cookie's secret is stored as a digest."""

    digest: str = Field(primary_key=True, max_length=64)
    person_id: UUID = Field(foreign_key="person.id", index=True)
    method: str = Field(max_length=32)
    created_at: datetime = Field(sa_type=UTCDateTime)
    expires_at: datetime = Field(sa_type=UTCDateTime, index=True)
    revoked_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    user_agent: str = Field(default="", max_length=200)
    provider: str | None = Field(default=None, max_length=300)
    amr: str = Field(default="", max_length=200)
    acr: str | None = Field(default=None, max_length=200)
    authenticated_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """When the person was there; None in sessions from before this was kept: then when it began."""
    time_stated: bool = False
    """Whether the provider stated that time."""
    waits_for_passkey: bool = False
    """Signed in by one factor of two: counts as nobody until the passkey was shown."""


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


class ExternalIdentity(Table, table=True):
    """An account at a provider that signs one person in; found by a keyed digest of issuer and subject."""

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(foreign_key="person.id", index=True)
    issuer: str = Field(max_length=300)
    subject_index: bytes = Field(unique=True)
    sealed_account: bytes
    """Subject and name there, sealed by the person's key."""
    created_at: datetime = Field(sa_type=UTCDateTime)
    last_used_at: datetime = Field(sa_type=UTCDateTime)


class ProviderVisit(Table, table=True):
    """A browser that was sent to a provider and is expected back, once."""

    digest: str = Field(primary_key=True, max_length=64)
    """Of the `state` parameter."""
    provider_id: str = Field(max_length=32)
    purpose: str = Field(max_length=16)
    browser_digest: str = Field(max_length=64)
    person_id: UUID | None = Field(default=None, foreign_key="person.id")
    session_digest: str | None = Field(default=None, max_length=64)
    network_index: bytes = Field(index=True)
    sealed_secrets: bytes
    """Nonce and PKCE verifier."""
    next_path: str = Field(max_length=500)
    created_at: datetime = Field(sa_type=UTCDateTime)
    expires_at: datetime = Field(sa_type=UTCDateTime, index=True)
    used_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class Passkey(Table, table=True):
    """A WebAuthn credential."""

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(foreign_key="person.id", index=True)
    credential_id: bytes = Field(unique=True)
    credential: bytes
    """Attested credential data with the public key (WebAuthn §6.5.2)."""
    name: str = Field(max_length=60)
    sign_count: int = Field(sa_type=BigInteger)
    backed_up: bool
    created_at: datetime = Field(sa_type=UTCDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class PersonKey(Table, table=True):
    """An SSH key that the person signs what they accept with; it signs nobody in."""

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(foreign_key="person.id", index=True)
    sealed_key: bytes
    """The public key and its name, sealed by the person's key: a public key names its owner."""
    created_at: datetime = Field(sa_type=UTCDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class SpentChallenge(Table, table=True):
    """A WebAuthn challenge that was answered; none is answered twice."""

    digest: str = Field(primary_key=True, max_length=64)
    expires_at: datetime = Field(sa_type=UTCDateTime, index=True)


class Declaration(Table, table=True):
    """What a person declared of themself, for gates that ask; the newest of its kind counts."""

    __table_args__ = (Index("ix_declaration_person", "person_id", "kind", "id"),)

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(foreign_key="person.id")
    kind: str = Field(max_length=16)
    value: str = Field(max_length=16)
    """A code out of a short list; empty: taken back."""
    declared_at: datetime = Field(sa_type=UTCDateTime)
