"""Queries and inserts of the authorization server; no rules."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, insert, update
from sqlmodel import Session, col, select

from registry.identity.oauth_tables import (
    AuthorizationCode,
    DeviceAuthorization,
    ProgramLogin,
    RefreshToken,
    UserCodeMiss,
)
from registry.identity.service_account_tables import ServiceToken
from registry.identity.tables import AccessToken, Person

# --- programs that wait ---------------------------------------------------------------------------------------


def insert_device(session: Session, values: Mapping[str, object]) -> None:
    """Insert a program that waits."""
    session.exec(insert(DeviceAuthorization).values(**values))


def find_device(session: Session, digest: str) -> DeviceAuthorization | None:
    """Return the program that holds this device code."""
    return session.get(DeviceAuthorization, digest)


def find_waiting_device(
    session: Session, user_code_index: bytes, *, now: datetime
) -> DeviceAuthorization | None:
    """Return the undecided program with this user code; on PostgreSQL its row stays locked until the commit."""
    return session.exec(
        select(DeviceAuthorization)
        .where(DeviceAuthorization.user_code_index == user_code_index, DeviceAuthorization.expires_at > now)
        .where(col(DeviceAuthorization.decided_at).is_(None))
        .with_for_update()
    ).one_or_none()


def decide_device(session: Session, digest: str, *, person_id: UUID, approved: bool, now: datetime) -> bool:
    """Note the decision; False if there is one already."""
    result = session.exec(
        update(DeviceAuthorization)
        .where(col(DeviceAuthorization.digest) == digest, col(DeviceAuthorization.decided_at).is_(None))
        .values(person_id=person_id, approved=approved, decided_at=now)
    )
    return result.rowcount == 1


def consume_device(session: Session, digest: str, *, now: datetime) -> bool:
    """Use up an approved device code; False if somebody did before."""
    result = session.exec(
        update(DeviceAuthorization)
        .where(col(DeviceAuthorization.digest) == digest, col(DeviceAuthorization.consumed_at).is_(None))
        .where(col(DeviceAuthorization.approved).is_(True))
        .values(consumed_at=now)
    )
    return result.rowcount == 1


def count_devices(session: Session, *, network_index: bytes, since: datetime) -> int:
    """Return how many codes this network got since then."""
    return session.exec(
        select(func.count())
        .select_from(DeviceAuthorization)
        .where(DeviceAuthorization.network_index == network_index, DeviceAuthorization.created_at >= since)
    ).one()


def insert_code_miss(session: Session, values: Mapping[str, object]) -> None:
    """Note a user code that fits nobody."""
    session.exec(insert(UserCodeMiss).values(**values))


def count_code_misses(
    session: Session, *, person_id: UUID, network_index: bytes, since: datetime
) -> tuple[int, int]:
    """Return how many wrong codes this person and this network typed since then."""
    by_person = session.exec(
        select(func.count())
        .select_from(UserCodeMiss)
        .where(UserCodeMiss.person_id == person_id, UserCodeMiss.missed_at >= since)
    ).one()
    by_network = session.exec(
        select(func.count())
        .select_from(UserCodeMiss)
        .where(UserCodeMiss.network_index == network_index, UserCodeMiss.missed_at >= since)
    ).one()
    return by_person, by_network


def forget_old_devices(session: Session, *, before: datetime) -> None:
    """Delete programs that wait no more since then, and the count of wrong codes."""
    session.exec(delete(DeviceAuthorization).where(col(DeviceAuthorization.expires_at) < before))
    session.exec(delete(UserCodeMiss).where(col(UserCodeMiss.missed_at) < before))


# --- authorization codes ----------------------------------------------------------------------------------------


def insert_code(session: Session, values: Mapping[str, object]) -> None:
    """Insert an authorization code."""
    session.exec(insert(AuthorizationCode).values(**values))


def find_code(session: Session, digest: str) -> AuthorizationCode | None:
    """Return the authorization code; on PostgreSQL its row stays locked until the commit."""
    return session.exec(
        select(AuthorizationCode).where(AuthorizationCode.digest == digest).with_for_update()
    ).one_or_none()


def use_code(session: Session, digest: str, *, now: datetime) -> None:
    """Use up the code."""
    session.exec(update(AuthorizationCode).where(col(AuthorizationCode.digest) == digest).values(used_at=now))


def note_login_of_code(session: Session, digest: str, *, login_id: UUID) -> None:
    """Note what followed from the code, to end it should the code come again."""
    session.exec(
        update(AuthorizationCode).where(col(AuthorizationCode.digest) == digest).values(login_id=login_id)
    )


def forget_old_codes(session: Session, *, before: datetime) -> None:
    """Delete codes that ended before then."""
    session.exec(delete(AuthorizationCode).where(col(AuthorizationCode.expires_at) < before))


# --- logins and their tokens --------------------------------------------------------------------------------------


def insert_login(session: Session, values: Mapping[str, object]) -> None:
    """Insert a program's login."""
    session.exec(insert(ProgramLogin).values(**values))


def lock_login(session: Session, login_id: UUID) -> ProgramLogin | None:
    """Return the login; on PostgreSQL its row stays locked, so that refreshing and ending wait for each other."""
    return session.exec(
        select(ProgramLogin).where(ProgramLogin.id == login_id).with_for_update()
    ).one_or_none()


def find_login(session: Session, login_id: UUID) -> ProgramLogin | None:
    """Return the login."""
    return session.get(ProgramLogin, login_id)


def extend_login(session: Session, login_id: UUID, *, expires_at: datetime) -> None:
    """Note when the newest refresh token ends."""
    session.exec(update(ProgramLogin).where(col(ProgramLogin.id) == login_id).values(expires_at=expires_at))


def end_login(session: Session, login_id: UUID, *, reason: str, now: datetime) -> bool:
    """End the login and every token of it, also of a service account; False if it had ended before."""
    ended = session.exec(
        update(ProgramLogin)
        .where(col(ProgramLogin.id) == login_id, col(ProgramLogin.ended_at).is_(None))
        .values(ended_at=now, end_reason=reason)
    )
    session.exec(
        update(AccessToken)
        .where(col(AccessToken.login_id) == login_id, col(AccessToken.revoked_at).is_(None))
        .values(revoked_at=now)
    )
    session.exec(
        update(ServiceToken)
        .where(col(ServiceToken.login_id) == login_id, col(ServiceToken.revoked_at).is_(None))
        .values(revoked_at=now)
    )
    return ended.rowcount == 1


def list_logins(session: Session, person_id: UUID) -> Sequence[tuple[ProgramLogin, datetime | None]]:
    """Return the person's logins, newest first, each with when one of its tokens was last used."""
    last_used = (
        select(func.max(AccessToken.last_used_at))
        .where(AccessToken.login_id == ProgramLogin.id)
        .correlate(ProgramLogin)
        .scalar_subquery()
    )
    return session.exec(
        select(ProgramLogin, last_used)
        .where(ProgramLogin.person_id == person_id)
        .order_by(col(ProgramLogin.created_at).desc(), col(ProgramLogin.id).desc())
        .limit(200)
    ).all()


def insert_refresh_token(session: Session, values: Mapping[str, object]) -> None:
    """Insert a refresh token."""
    session.exec(insert(RefreshToken).values(**values))


def find_refresh_token(session: Session, digest: str) -> RefreshToken | None:
    """Return the refresh token."""
    return session.get(RefreshToken, digest)


def use_refresh_token(session: Session, digest: str, *, now: datetime) -> bool:
    """Use up the refresh token; False if it was used before."""
    result = session.exec(
        update(RefreshToken)
        .where(col(RefreshToken.digest) == digest, col(RefreshToken.used_at).is_(None))
        .values(used_at=now)
    )
    return result.rowcount == 1


def forget_old_refresh_tokens(session: Session, login_id: UUID, *, before: datetime) -> None:
    """Delete the login's refresh tokens that ended before then; they are refused by their age alone."""
    session.exec(
        delete(RefreshToken).where(
            col(RefreshToken.login_id) == login_id, col(RefreshToken.expires_at) < before
        )
    )


def find_any_token(session: Session, digest: str) -> tuple[AccessToken, Person] | None:
    """Return an access token of any kind, and its person."""
    return session.exec(
        select(AccessToken, Person)
        .join(Person, col(Person.id) == col(AccessToken.person_id))
        .where(AccessToken.digest == digest, col(Person.erased_at).is_(None))
    ).one_or_none()


def revoke_any_token(session: Session, token_id: UUID, *, now: datetime) -> None:
    """End one access token."""
    session.exec(
        update(AccessToken)
        .where(col(AccessToken.id) == token_id, col(AccessToken.revoked_at).is_(None))
        .values(revoked_at=now)
    )
