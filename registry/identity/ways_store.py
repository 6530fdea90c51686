"""Queries and inserts of the ways to sign in: accounts at providers, visits to them, passkeys; no rules."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, insert, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from registry.identity.tables import (
    ExternalIdentity,
    Passkey,
    Person,
    ProviderVisit,
    SpentChallenge,
)
from registry.kernel.among import is_among


def lock_person(session: Session, person_id: UUID) -> Person:
    """Return the person, who must exist; other changes of their ways in wait until the commit."""
    return session.exec(select(Person).where(Person.id == person_id).with_for_update()).one()


def insert_visit(session: Session, visit: ProviderVisit) -> None:
    """Insert a visit to a provider."""
    session.exec(insert(ProviderVisit).values(**visit.model_dump()))


def find_visit(session: Session, digest: str) -> ProviderVisit | None:
    """Return the visit; on PostgreSQL its row stays locked until the commit."""
    return session.exec(
        select(ProviderVisit).where(ProviderVisit.digest == digest).with_for_update()
    ).one_or_none()


def use_visit(session: Session, digest: str, *, now: datetime) -> None:
    """Mark the visit as over."""
    session.exec(update(ProviderVisit).where(col(ProviderVisit.digest) == digest).values(used_at=now))


def count_visits(session: Session, *, network_index: bytes, since: datetime) -> int:
    """Return how many visits began from this network since then."""
    return session.exec(
        select(func.count())
        .select_from(ProviderVisit)
        .where(ProviderVisit.network_index == network_index, ProviderVisit.created_at >= since)
    ).one()


def forget_visits(session: Session, *, before: datetime) -> None:
    """Delete visits that ended before then."""
    session.exec(delete(ProviderVisit).where(col(ProviderVisit.expires_at) < before))


def find_identity(session: Session, subject_indexes: Sequence[bytes]) -> ExternalIdentity | None:
    """Return the account at a provider, stored under any of the master keys; locked until the commit."""
    return session.exec(
        select(ExternalIdentity)
        .where(col(ExternalIdentity.subject_index).in_(subject_indexes))
        .limit(1)
        .with_for_update()
    ).one_or_none()


def insert_identity(session: Session, identity: ExternalIdentity) -> bool:
    """Insert an account at a provider; False if somebody else inserted the same one first."""
    try:
        with session.begin_nested():
            session.exec(insert(ExternalIdentity).values(**identity.model_dump()))
    except IntegrityError:
        return False
    return True


def update_identity(
    session: Session, identity_id: UUID, *, person_id: UUID, sealed_account: bytes, now: datetime
) -> None:
    """Note a use of the account, how it is called now and whose it is."""
    session.exec(
        update(ExternalIdentity)
        .where(col(ExternalIdentity.id) == identity_id)
        .values(person_id=person_id, sealed_account=sealed_account, last_used_at=now)
    )


def list_identities(session: Session, person_id: UUID) -> Sequence[ExternalIdentity]:
    """Return the person's accounts at providers, oldest first."""
    return session.exec(
        select(ExternalIdentity)
        .where(ExternalIdentity.person_id == person_id)
        .order_by(col(ExternalIdentity.created_at), col(ExternalIdentity.id))
        .limit(100)
    ).all()


def list_identities_at(
    session: Session, person_ids: Sequence[UUID], *, issuer: str
) -> Sequence[ExternalIdentity]:
    """Return the accounts of several people at one provider."""
    return session.exec(
        select(ExternalIdentity)
        .where(is_among(session, ExternalIdentity.person_id, person_ids), ExternalIdentity.issuer == issuer)
        .order_by(col(ExternalIdentity.id))
    ).all()


def delete_identity(session: Session, identity_id: UUID, *, person_id: UUID) -> bool:
    """Delete an account of the person; False if there is none."""
    result = session.exec(
        delete(ExternalIdentity)
        .where(col(ExternalIdentity.id) == identity_id)
        .where(col(ExternalIdentity.person_id) == person_id)
    )
    return result.rowcount == 1


def set_address(
    session: Session, person_id: UUID, *, email_index: bytes, sealed_email: bytes, now: datetime
) -> bool:
    """Give the person a verified address; False if it is somebody else's."""
    try:
        with session.begin_nested():
            session.exec(
                update(Person)
                .where(col(Person.id) == person_id)
                .values(email_index=email_index, sealed_email=sealed_email, verified_at=now)
            )
    except IntegrityError:
        return False
    return True


def set_asks_passkey(session: Session, person_id: UUID, *, asks: bool) -> None:
    """Note whether other sign-ins of the person also take a passkey."""
    session.exec(update(Person).where(col(Person.id) == person_id).values(asks_passkey=asks))


def insert_passkey(session: Session, passkey: Passkey) -> bool:
    """Insert a passkey; False if the same one is there already."""
    try:
        with session.begin_nested():
            session.exec(insert(Passkey).values(**passkey.model_dump()))
    except IntegrityError:
        return False
    return True


def find_passkey(session: Session, credential_id: bytes) -> tuple[Passkey, Person] | None:
    """Return the passkey and its person; on PostgreSQL the passkey stays locked until the commit."""
    return session.exec(
        select(Passkey, Person)
        .join(Person, col(Person.id) == col(Passkey.person_id))
        .where(Passkey.credential_id == credential_id)
        .with_for_update(of=Passkey)
    ).one_or_none()


def list_passkeys(session: Session, person_id: UUID) -> Sequence[Passkey]:
    """Return the person's passkeys, oldest first."""
    return session.exec(
        select(Passkey)
        .where(Passkey.person_id == person_id)
        .order_by(col(Passkey.created_at), col(Passkey.id))
        .limit(100)
    ).all()


def use_passkey(
    session: Session, passkey_id: UUID, *, sign_count: int, backed_up: bool, now: datetime
) -> None:
    """Note a use of the passkey."""
    session.exec(
        update(Passkey)
        .where(col(Passkey.id) == passkey_id)
        .values(sign_count=sign_count, backed_up=backed_up, last_used_at=now)
    )


def delete_passkey(session: Session, passkey_id: UUID, *, person_id: UUID) -> bool:
    """Delete a passkey of the person; False if there is none."""
    result = session.exec(
        delete(Passkey).where(col(Passkey.id) == passkey_id, col(Passkey.person_id) == person_id)
    )
    return result.rowcount == 1


def spend_challenge(session: Session, digest: str, *, expires_at: datetime, now: datetime) -> bool:
    """Note that a challenge was answered; False if it was before. Those that nobody can answer any more go."""
    session.exec(delete(SpentChallenge).where(col(SpentChallenge.expires_at) < now))
    try:
        with session.begin_nested():
            session.exec(insert(SpentChallenge).values(digest=digest, expires_at=expires_at))
    except IntegrityError:
        return False
    return True
