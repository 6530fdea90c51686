"""What of this context goes when a person is erased: their key, address, ways in, sessions, and the names of things.

What stays holds no more of them than a random id: ended tokens, memberships and logins, acceptances, log entries.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, update
from sqlmodel import Session, SQLModel, col, select

from registry.identity import ending_store, service, store
from registry.identity.erasure_domain import Office
from registry.identity.oauth_tables import (
    AuthorizationCode,
    DeviceAuthorization,
    ProgramLogin,
    RefreshToken,
    TrustRule,
    UserCodeMiss,
)
from registry.identity.organisation_domain import EndedBy
from registry.identity.organisation_tables import Organisation, OrganisationMember
from registry.identity.service_account_tables import ServiceAccount, ServiceToken
from registry.identity.tables import (
    AccessToken,
    Declaration,
    EmailLink,
    ExternalIdentity,
    Notice,
    Passkey,
    Person,
    PersonKey,
    ProviderVisit,
    WebSession,
)
from registry.kernel.canonical import canonical_bytes
from registry.kernel.clock import iso
from registry.kernel.sealing import Sealer

PERSON_ERASED = "person.erased"
"""Kind of the log's entries about it."""
ERASED = "erased"
"""In place of a name that somebody gave; and why a program's login ended."""
_GONE: tuple[type[SQLModel], ...] = (
    AuthorizationCode,
    Declaration,
    DeviceAuthorization,
    EmailLink,
    ExternalIdentity,
    Notice,
    Passkey,
    PersonKey,
    ProviderVisit,
    UserCodeMiss,
    WebSession,
)
"""Tables whose rows about the person are deleted."""


def erase_person(session: Session, person_id: UUID, *, sealer: Sealer, now: datetime) -> str | None:
    """Destroy the person's key and all that identifies them here; return the address that was theirs.

    Acts of the person that run beside it wait, or find no key. Doing it again takes what came in between.
    """
    store.lock_people(session, [person_id])
    profile = service.open_profile(session, person_id=person_id, sealer=sealer)
    if profile is not None:
        indexes = sealer.blind_indexes(profile.email, "email")
        session.exec(delete(EmailLink).where(col(EmailLink.email_index).in_(indexes)))
    for table in _GONE:
        session.exec(delete(table).where(table.person_id == person_id))  # type: ignore[attr-defined] # each has one
    _end_logins(session, person_id, now=now)
    ending_store.end_service_tokens(session, person_id, now=now)
    _end_accounts(session, person_id, now=now)
    session.exec(
        update(OrganisationMember)
        .where(col(OrganisationMember.person_id) == person_id, col(OrganisationMember.ended_at).is_(None))
        .values(ended_at=now, ended_by=EndedBy.SELF.value)
    )
    sealer.destroy_subject_key(session, person_id)
    session.exec(
        update(Person)
        .where(col(Person.id) == person_id)
        .values(
            email_index=None,
            sealed_email=None,
            verified_at=None,
            is_operator=False,
            mail_refused_at=None,
            digest_sent_at=None,
            asks_passkey=False,
            restricted_at=None,
            erased_at=func.coalesce(col(Person.erased_at), now),
        )
    )
    return profile.email if profile else None


def _end_logins(session: Session, person_id: UUID, *, now: datetime) -> None:
    """End programs' logins and tokens for good; their rows stay, since download records name them."""
    logins = select(ProgramLogin.id).where(
        ProgramLogin.person_id == person_id, col(ProgramLogin.account_id).is_(None)
    )
    session.exec(delete(RefreshToken).where(col(RefreshToken.login_id).in_(logins)))
    session.exec(delete(TrustRule).where(col(TrustRule.login_id).in_(logins)))
    session.exec(
        update(ProgramLogin)
        .where(col(ProgramLogin.id).in_(logins))
        .values(
            name=ERASED,
            sealed_network=None,
            ended_at=func.coalesce(col(ProgramLogin.ended_at), now),
            end_reason=func.coalesce(col(ProgramLogin.end_reason), ERASED),
        )
    )
    session.exec(
        update(AccessToken)
        .where(col(AccessToken.person_id) == person_id)
        .values(name=ERASED, revoked_at=func.coalesce(col(AccessToken.revoked_at), now))
    )


def _end_accounts(session: Session, person_id: UUID, *, now: datetime) -> None:
    """End the service accounts that the person alone answers for; an organisation's wait for another officer."""
    own = select(ServiceAccount.id).where(
        ServiceAccount.sponsor_id == person_id, col(ServiceAccount.organisation_id).is_(None)
    )
    session.exec(update(ServiceToken).where(col(ServiceToken.account_id).in_(own)).values(name=ERASED))
    session.exec(
        update(ServiceAccount)
        .where(col(ServiceAccount.id).in_(own))
        .values(name=ERASED, ended_at=func.coalesce(col(ServiceAccount.ended_at), now))
    )


def list_sole_offices(session: Session, person_id: UUID) -> Sequence[Office]:
    """Return the organisations that have no officer but this person."""
    officers = select(OrganisationMember.organisation_id).where(
        col(OrganisationMember.is_officer), col(OrganisationMember.ended_at).is_(None)
    )
    rows = session.exec(
        select(Organisation.id, Organisation.name)
        .where(col(Organisation.id).in_(officers.where(OrganisationMember.person_id == person_id)))
        .where(col(Organisation.id).not_in(officers.where(OrganisationMember.person_id != person_id)))
        .where(col(Organisation.ended_at).is_(None))
        .order_by(Organisation.name)
    )
    return [Office(what=f"the only officer of {name}", url=f"/organisations/{one}") for one, name in rows]


def erasure_leaf(person_id: UUID, *, now: datetime) -> bytes:
    """Return the ledger leaf of an erasure; the id means nothing to anybody from now on."""
    return canonical_bytes({"v": 1, "kind": PERSON_ERASED, "at": iso(now), "person": str(person_id)})
