"""What of signing in goes when its time is over: used and expired links, codes and visits, ended sessions, addresses."""

from collections.abc import Collection
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any
from uuid import UUID

from sqlalchemy import delete, update
from sqlmodel import Session, SQLModel, col, select

from registry.identity.oauth_tables import (
    AuthorizationCode,
    DeviceAuthorization,
    ProgramLogin,
    RefreshToken,
    SeenAssertion,
    UserCodeMiss,
)
from registry.identity.tables import EmailLink, Notice, ProviderVisit, SpentChallenge, WebSession
from registry.kernel.retention import Spared, Walked

SPENT_AFTER = timedelta(days=1)
"""So long after their end links, codes and visits are of no more use; limits on them count hours."""
_SPENT: tuple[tuple[type[SQLModel], Any, Any], ...] = (
    (EmailLink, EmailLink.digest, EmailLink.expires_at),
    (ProviderVisit, ProviderVisit.digest, ProviderVisit.expires_at),
    (DeviceAuthorization, DeviceAuthorization.digest, DeviceAuthorization.expires_at),
    (AuthorizationCode, AuthorizationCode.digest, AuthorizationCode.expires_at),
    (SeenAssertion, SeenAssertion.digest, SeenAssertion.expires_at),
    (SpentChallenge, SpentChallenge.digest, SpentChallenge.expires_at),
    (RefreshToken, RefreshToken.digest, RefreshToken.expires_at),
    (UserCodeMiss, UserCodeMiss.id, UserCodeMiss.missed_at),
)


def delete_spent(session: Session, *, now: datetime, limit: int) -> int:
    """Delete what served one sign-in, or one try of it, and is over; return how many rows."""
    return sum(
        _delete(session, table, key, at, before=now - SPENT_AFTER, limit=limit) for table, key, at in _SPENT
    )


def delete_sessions(session: Session, *, before: datetime, but_of: Collection[UUID], limit: int) -> int:
    """Delete sessions of browsers that ran out up to `before`; return how many."""
    kept = col(WebSession.person_id).not_in(but_of)
    return _delete(
        session, WebSession, WebSession.digest, WebSession.expires_at, kept, before=before, limit=limit
    )


def delete_notices(
    session: Session, *, after: UUID | None, before: datetime, spared: Spared, limit: int
) -> Walked:
    """Delete notices from up to `before`, read or not, by their ids after `after`."""
    statement = select(Notice.id, Notice.person_id, Notice.created_at)
    if after is not None:
        statement = statement.where(Notice.id > after)
    rows = session.exec(statement.order_by(col(Notice.id)).limit(limit)).all()
    due = list(takewhile(lambda row: row[2] <= before, rows))
    stays = {row[0] for row in due if spared(row[1], None, None)}
    goes = [row[0] for row in due if row[0] not in stays]
    session.exec(delete(Notice).where(col(Notice.id).in_(goes)))
    return Walked(
        last=due[-1][0] if due else None,
        first_spared=min(stays, default=None),
        changed=len(goes),
        looked=len(due),
    )


def forget_networks(session: Session, *, before: datetime, but_of: Collection[UUID], limit: int) -> int:
    """Destroy the addresses that programs signed in from up to `before`; return of how many."""
    due = (
        select(ProgramLogin.id)
        .where(ProgramLogin.created_at <= before, col(ProgramLogin.sealed_network).is_not(None))
        .where(col(ProgramLogin.person_id).not_in(but_of))
        .order_by(col(ProgramLogin.created_at))
        .limit(limit)
    )
    found = session.exec(due).all()
    session.exec(update(ProgramLogin).where(col(ProgramLogin.id).in_(found)).values(sealed_network=None))
    return len(found)


def _delete(
    session: Session, table: type[SQLModel], key: Any, at: Any, *kept: Any, before: datetime, limit: int
) -> int:
    due = select(key).where(col(at) <= before, *kept).order_by(col(at)).limit(limit)
    found = session.exec(due).all()
    if found:
        session.exec(delete(table).where(col(key).in_(found)))
    return len(found)
