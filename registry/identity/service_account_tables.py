"""Tables of service accounts and their tokens; secrets are digests."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field

from registry.kernel.database import Table, UTCDateTime


class ServiceAccount(Table, table=True):
    """A service account: of an organisation, or of the person who sponsors it alone."""

    id: UUID = Field(primary_key=True)
    name: str = Field(max_length=40)
    organisation_id: UUID | None = Field(default=None, foreign_key="organisation.id", index=True)
    """Whose covers let it in; None: the acceptances of its sponsor do."""
    sponsor_id: UUID = Field(foreign_key="person.id", index=True)
    """Who answers for it; in an organisation, an officer may take it over."""
    created_by: UUID = Field(foreign_key="person.id")
    created_at: datetime = Field(sa_type=UTCDateTime)
    suspended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class ServiceToken(Table, table=True):
    """An access token of a service account; apart from people's, so that no query takes one for the other."""

    id: UUID = Field(primary_key=True)
    digest: str = Field(unique=True, max_length=64)
    account_id: UUID = Field(foreign_key="service_account.id", index=True)
    name: str = Field(max_length=60)
    scopes: str = Field(max_length=60)
    created_by: UUID = Field(foreign_key="person.id")
    created_at: datetime = Field(sa_type=UTCDateTime)
    expires_at: datetime = Field(sa_type=UTCDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    login_id: UUID | None = Field(default=None, foreign_key="program_login.id", index=True)
    """The trust rule that a CI job got it by."""
