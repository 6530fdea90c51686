"""Statements that end what a person holds: sessions, tokens, logins, links, power."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, update
from sqlmodel import Session, col, select

from registry.identity.oauth_tables import AuthorizationCode, DeviceAuthorization, ProgramLogin
from registry.identity.service_account_tables import ServiceAccount, ServiceToken
from registry.identity.tables import AccessToken, EmailLink, Person, WebSession


def demote_others(session: Session, *, keep: Sequence[bytes]) -> int:
    """Take the operator's power from everybody whose address is none of these; return from how many."""
    result = session.exec(
        update(Person)
        .where(col(Person.is_operator))
        .where(or_(col(Person.email_index).is_(None), col(Person.email_index).not_in(keep)))
        .values(is_operator=False)
    )
    return result.rowcount


def end_sessions(session: Session, person_id: UUID, *, now: datetime) -> int:
    """End every open web session of the person; return how many."""
    result = session.exec(
        update(WebSession)
        .where(col(WebSession.person_id) == person_id, col(WebSession.revoked_at).is_(None))
        .where(col(WebSession.expires_at) > now)
        .values(revoked_at=now)
    )
    return result.rowcount


def end_tokens(session: Session, person_id: UUID, *, now: datetime) -> int:
    """End every access token of the person that still works; return how many."""
    result = session.exec(
        update(AccessToken)
        .where(col(AccessToken.person_id) == person_id, col(AccessToken.revoked_at).is_(None))
        .where(col(AccessToken.expires_at) > now)
        .values(revoked_at=now)
    )
    return result.rowcount


def end_service_tokens(session: Session, person_id: UUID, *, now: datetime) -> int:
    """End every token of service accounts that the person answers for or has seen; return how many."""
    sponsored = select(ServiceAccount.id).where(ServiceAccount.sponsor_id == person_id)
    result = session.exec(
        update(ServiceToken)
        .where(or_(col(ServiceToken.created_by) == person_id, col(ServiceToken.account_id).in_(sponsored)))
        .where(col(ServiceToken.revoked_at).is_(None), col(ServiceToken.expires_at) > now)
        .values(revoked_at=now)
    )
    return result.rowcount


def end_logins(session: Session, person_id: UUID, *, reason: str, now: datetime) -> int:
    """End every program's login of the person, so that nothing of it is refreshed; return how many."""
    result = session.exec(
        update(ProgramLogin)
        .where(col(ProgramLogin.person_id) == person_id, col(ProgramLogin.ended_at).is_(None))
        .values(ended_at=now, end_reason=reason)
    )
    return result.rowcount


def use_up_pending(
    session: Session, person_id: UUID, *, email_indexes: Sequence[bytes], now: datetime
) -> None:
    """Use up what could still become a session or a token: mailed links, approved devices, codes."""
    session.exec(
        update(EmailLink)
        .where(col(EmailLink.email_index).in_(email_indexes), col(EmailLink.used_at).is_(None))
        .values(used_at=now)
    )
    session.exec(
        update(DeviceAuthorization)
        .where(
            col(DeviceAuthorization.person_id) == person_id, col(DeviceAuthorization.consumed_at).is_(None)
        )
        .values(consumed_at=now)
    )
    session.exec(
        update(AuthorizationCode)
        .where(col(AuthorizationCode.person_id) == person_id, col(AuthorizationCode.used_at).is_(None))
        .values(used_at=now)
    )
