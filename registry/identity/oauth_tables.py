"""Tables of the authorization server; codes and tokens are digests, addresses of networks are sealed."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field

from registry.kernel.database import Table, UTCDateTime, enum_column


class LoginKind(StrEnum):
    """How a program came to its tokens."""

    DEVICE = "device"
    BROWSER = "browser"
    CI = "ci"


class ProgramLogin(Table, table=True):
    """A person's permission for one program; all tokens that follow from it end with it."""

    __table_args__ = (
        Index(
            "ix_program_login_network",
            "created_at",
            sqlite_where=text("sealed_network IS NOT NULL"),
            postgresql_where=text("sealed_network IS NOT NULL"),
        ),
    )

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(foreign_key="person.id", index=True)
    kind: LoginKind = Field(sa_type=enum_column(LoginKind))
    client_id: str = Field(max_length=100)
    name: str = Field(max_length=60)
    scopes: str = Field(max_length=60)
    sealed_network: bytes | None = None
    """Address that asked, sealed; None for CI."""
    created_at: datetime = Field(sa_type=UTCDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """When the last refresh token ends; None for a trust rule, which lasts until it is ended."""
    account_id: UUID | None = Field(default=None, foreign_key="service_account.id", index=True)
    """The service account that the jobs of a trust rule act as; None: the person."""
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    end_reason: str | None = Field(default=None, max_length=32)


class RefreshToken(Table, table=True):
    """A refresh token, good for one use; kept after it, so that a second use is noticed."""

    digest: str = Field(primary_key=True, max_length=64)
    login_id: UUID = Field(foreign_key="program_login.id", index=True)
    created_at: datetime = Field(sa_type=UTCDateTime)
    expires_at: datetime = Field(sa_type=UTCDateTime, index=True)
    used_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class DeviceAuthorization(Table, table=True):
    """A program that waits for a person to allow it (RFC 8628)."""

    __table_args__ = (
        CheckConstraint("(decided_at IS NULL) = (person_id IS NULL)", name="decided_by_a_person"),
        CheckConstraint("(decided_at IS NULL) = (approved IS NULL)", name="decided_one_way"),
        CheckConstraint("consumed_at IS NULL OR approved", name="consumed_when_approved"),
        Index("ix_device_authorization_network", "network_index", "created_at"),
    )

    digest: str = Field(primary_key=True, max_length=64)
    user_code_index: bytes = Field(unique=True)
    """Keyed digest: a user code is too short for a plain one."""
    client_id: str = Field(max_length=100)
    scopes: str = Field(max_length=60)
    program: str = Field(default="", max_length=200)
    network_index: bytes
    sealed_network: bytes
    created_at: datetime = Field(sa_type=UTCDateTime)
    expires_at: datetime = Field(sa_type=UTCDateTime, index=True)
    person_id: UUID | None = Field(default=None, foreign_key="person.id")
    decided_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    approved: bool | None = None
    consumed_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class UserCodeMiss(Table, table=True):
    """A user code that was typed and waits for nobody; counted against guessing."""

    __table_args__ = (
        Index("ix_user_code_miss_person", "person_id", "missed_at"),
        Index("ix_user_code_miss_network", "network_index", "missed_at"),
    )

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(foreign_key="person.id")
    network_index: bytes
    missed_at: datetime = Field(sa_type=UTCDateTime)


class AuthorizationCode(Table, table=True):
    """A code on its way through the browser (RFC 6749 §4.1, RFC 7636); good for one use."""

    digest: str = Field(primary_key=True, max_length=64)
    client_id: str = Field(max_length=100)
    person_id: UUID = Field(foreign_key="person.id")
    redirect_uri: str = Field(max_length=300)
    scopes: str = Field(max_length=60)
    code_challenge: str = Field(max_length=128)
    sealed_network: bytes
    created_at: datetime = Field(sa_type=UTCDateTime)
    expires_at: datetime = Field(sa_type=UTCDateTime, index=True)
    used_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    login_id: UUID | None = Field(default=None, foreign_key="program_login.id")


class TrustRule(Table, table=True):
    """Which CI jobs get tokens of a person; its login carries person, name, scopes and end."""

    __table_args__ = (Index("ix_trust_rule_job", "issuer", "repository"),)

    login_id: UUID = Field(primary_key=True, foreign_key="program_login.id")
    issuer: str = Field(max_length=300)
    repository: str = Field(max_length=300)
    ref: str = Field(max_length=300)
    repository_id: str | None = Field(default=None, max_length=64)
    """Number of the repository at its first use; another one under the same name is refused later."""
    last_used_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class SeenAssertion(Table, table=True):
    """An identity token that was exchanged; it is not taken again while it lives."""

    digest: str = Field(primary_key=True, max_length=64)
    expires_at: datetime = Field(sa_type=UTCDateTime, index=True)
