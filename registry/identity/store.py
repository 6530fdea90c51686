"""Queries and inserts of the identity tables; no rules."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, insert, or_, update
from sqlalchemy import select as select_columns
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from registry.identity.restriction_tables import Restriction
from registry.identity.service_account_tables import ServiceToken
from registry.identity.tables import AccessToken, EmailLink, Person, WebSession
from registry.kernel.among import is_among


def find_person_by_email(session: Session, email_indexes: Sequence[bytes]) -> Person | None:
    """Return the person with this address, stored under any of the master keys."""
    return session.exec(
        select(Person).where(col(Person.email_index).in_(email_indexes)).limit(1)
    ).one_or_none()


def find_person(session: Session, person_id: UUID) -> Person | None:
    """Return the person."""
    return session.get(Person, person_id)


def list_people(session: Session, person_ids: Sequence[UUID]) -> Sequence[Person]:
    """Return the people with these ids, in no particular order."""
    return session.exec(select(Person).where(col(Person.id).in_(person_ids)).order_by(col(Person.id))).all()


def list_restricted_among(session: Session, person_ids: Sequence[UUID]) -> Sequence[UUID]:
    """Return whose data may only be stored, of these people."""
    marked = select(Person.id).where(col(Person.restricted_at).is_not(None))
    return session.exec(marked.where(is_among(session, Person.id, person_ids)).order_by(col(Person.id))).all()


def list_restricted_at(session: Session, person_ids: Sequence[UUID], at: datetime) -> Sequence[UUID]:
    """Return about whom a restriction stood at a moment, of these people."""
    stood = (
        select(Restriction.person_id)
        .where(is_among(session, Restriction.person_id, person_ids), col(Restriction.placed_at) <= at)
        .where(or_(col(Restriction.ended_at).is_(None), col(Restriction.ended_at) > at))
    )
    return session.exec(stood.order_by(col(Restriction.person_id))).all()


_LOCK_PEOPLE = (
    select_columns(
        col(Person.id),
        col(Person.sealed_email),
        col(Person.verified_at),
        col(Person.created_at),
        col(Person.restricted_at),
    )
    .order_by(col(Person.id))
    .with_for_update(key_share=True)
)


def lock_people(session: Session, person_ids: Sequence[UUID]) -> Sequence[Row[Any]]:
    """Return id, sealed address and dates of these people by id; their rows stay locked until the commit.

    Other transactions that lock one of them wait. SQLite needs no lock: its writers exclude each other.
    """
    found = _LOCK_PEOPLE.where(is_among(session, Person.id, person_ids))
    return [*session.connection().execute(found)]


def insert_person(session: Session, person: Person) -> bool:
    """Insert `person`; False if somebody else inserted the same address first."""
    try:
        with session.begin_nested():
            session.exec(insert(Person).values(**person.model_dump()))
    except IntegrityError:
        return False
    return True


def update_person(
    session: Session, person_id: UUID, *, verified_at: datetime | None = None, is_operator: bool | None = None
) -> None:
    """Note a verification or the operator's mark."""
    values: dict[str, object] = {}
    if verified_at is not None:
        values["verified_at"] = verified_at
    if is_operator is not None:
        values["is_operator"] = is_operator
    session.exec(update(Person).where(col(Person.id) == person_id).values(**values))


def insert_link(session: Session, link: EmailLink) -> None:
    """Insert a sign-in link."""
    session.exec(insert(EmailLink).values(**link.model_dump()))


def find_link(session: Session, digest: str) -> EmailLink | None:
    """Return the sign-in link; on PostgreSQL its row stays locked until the commit."""
    return session.exec(select(EmailLink).where(EmailLink.digest == digest).with_for_update()).one_or_none()


def peek_link(session: Session, digest: str) -> EmailLink | None:
    """Return the sign-in link without the intent to use it."""
    return session.get(EmailLink, digest)


def use_link(session: Session, digest: str, *, now: datetime) -> None:
    """Mark the link as used."""
    session.exec(update(EmailLink).where(col(EmailLink.digest) == digest).values(used_at=now))


def count_links(
    session: Session, *, email_index: bytes, network_index: bytes, since: datetime
) -> tuple[int, int]:
    """Return how many links this address and this network asked for since then."""
    by_address = session.exec(
        select(func.count())
        .select_from(EmailLink)
        .where(EmailLink.email_index == email_index, EmailLink.created_at >= since)
    ).one()
    by_network = session.exec(
        select(func.count())
        .select_from(EmailLink)
        .where(EmailLink.network_index == network_index, EmailLink.created_at >= since)
    ).one()
    return by_address, by_network


def insert_session(session: Session, web_session: WebSession) -> None:
    """Insert a web session."""
    session.exec(insert(WebSession).values(**web_session.model_dump()))


def find_session(session: Session, digest: str) -> tuple[WebSession, Person] | None:
    """Return the web session and its person."""
    return session.exec(
        select(WebSession, Person)
        .join(Person, col(Person.id) == col(WebSession.person_id))
        .where(WebSession.digest == digest, col(Person.erased_at).is_(None))
    ).one_or_none()


def list_people_after(session: Session, *, after: UUID | None, limit: int) -> Sequence[UUID]:
    """Return people by id, strictly after `after`."""
    statement = select(Person.id)
    if after is not None:
        statement = statement.where(Person.id > after)
    return session.exec(statement.order_by(col(Person.id)).limit(limit)).all()


def list_sessions(session: Session, person_id: UUID) -> Sequence[WebSession]:
    """Return the person's sessions, newest first."""
    return session.exec(
        select(WebSession)
        .where(WebSession.person_id == person_id)
        .order_by(col(WebSession.created_at).desc())
        .limit(100)
    ).all()


def revoke_session(session: Session, digest: str, *, person_id: UUID, now: datetime) -> bool:
    """End one session of the person; False if there is none to end."""
    result = session.exec(
        update(WebSession)
        .where(col(WebSession.digest) == digest, col(WebSession.person_id) == person_id)
        .where(col(WebSession.revoked_at).is_(None))
        .values(revoked_at=now)
    )
    return result.rowcount == 1


def insert_token(session: Session, values: Mapping[str, object]) -> None:
    """Insert an access token."""
    session.exec(insert(AccessToken).values(**values))


def find_token(session: Session, digest: str) -> tuple[AccessToken, Person] | None:
    """Return the access token and its person."""
    return session.exec(
        select(AccessToken, Person)
        .join(Person, col(Person.id) == col(AccessToken.person_id))
        .where(AccessToken.digest == digest, col(Person.erased_at).is_(None))
    ).one_or_none()


def find_token_by_id(session: Session, token_id: UUID) -> AccessToken | None:
    """Return the access token."""
    return session.get(AccessToken, token_id)


def list_tokens(session: Session, person_id: UUID) -> Sequence[AccessToken]:
    """Return the person's own tokens, newest first, revoked ones too; those of programs are not among them."""
    return session.exec(
        select(AccessToken)
        .where(AccessToken.person_id == person_id, col(AccessToken.login_id).is_(None))
        .order_by(col(AccessToken.created_at).desc(), col(AccessToken.id).desc())
        .limit(200)
    ).all()


def count_live_tokens(session: Session, person_id: UUID, *, now: datetime) -> int:
    """Return how many of the person's own tokens still work."""
    return session.exec(
        select(func.count())
        .select_from(AccessToken)
        .where(AccessToken.person_id == person_id, AccessToken.expires_at > now)
        .where(col(AccessToken.revoked_at).is_(None), col(AccessToken.login_id).is_(None))
    ).one()


def revoke_token(session: Session, token_id: UUID, *, person_id: UUID, now: datetime) -> bool:
    """End one token of the person; False if there is none to end."""
    result = session.exec(
        update(AccessToken)
        .where(col(AccessToken.id) == token_id, col(AccessToken.person_id) == person_id)
        .where(col(AccessToken.revoked_at).is_(None))
        .values(revoked_at=now)
    )
    return result.rowcount == 1


def touch_token(session: Session, token_id: UUID, *, now: datetime) -> None:
    """Note when the token of a person or of a service account was last used."""
    session.exec(update(AccessToken).where(col(AccessToken.id) == token_id).values(last_used_at=now))
    session.exec(update(ServiceToken).where(col(ServiceToken.id) == token_id).values(last_used_at=now))


def list_operators(session: Session) -> Sequence[UUID]:
    """Return who operates the registry, as far as they have signed in here."""
    return session.exec(select(Person.id).where(col(Person.is_operator)).order_by(col(Person.id))).all()


def find_proven(session: Session, email_indexes: Sequence[bytes]) -> Mapping[bytes, UUID]:
    """Return by the digest of an address the person who has proved that it is theirs."""
    rows = session.exec(
        select(Person.email_index, Person.id).where(
            col(Person.email_index).in_(email_indexes), col(Person.verified_at).is_not(None)
        )
    )
    return {index: person_id for index, person_id in rows if index is not None}
