"""Queries and inserts of service accounts and their tokens; no rules."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, Table, exists, func, insert, or_, update
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from registry.identity.oauth_tables import LoginKind, ProgramLogin
from registry.identity.organisation_tables import Organisation, OrganisationMember
from registry.identity.service_account_tables import ServiceAccount, ServiceToken

_ACCOUNT: Table = ServiceAccount.metadata.tables["service_account"]


def insert_account(session: Session, row: ServiceAccount) -> None:
    """Insert a service account."""
    session.exec(insert(ServiceAccount).values(**row.model_dump()))


def _manages(person_id: UUID, now: datetime) -> ColumnElement[bool]:
    """Return the condition that the person manages an account: its sponsor, or an officer of its organisation."""
    officer = exists().where(
        col(OrganisationMember.organisation_id) == col(ServiceAccount.organisation_id),
        col(OrganisationMember.person_id) == person_id,
        col(OrganisationMember.is_officer),
        col(OrganisationMember.ended_at).is_(None),
        or_(col(OrganisationMember.until).is_(None), col(OrganisationMember.until) > now),
    )
    own = (col(ServiceAccount.sponsor_id) == person_id) & col(ServiceAccount.organisation_id).is_(None)
    return or_(own, officer)


def _sponsor_belongs(now: datetime) -> Any:
    return or_(
        col(ServiceAccount.organisation_id).is_(None),
        exists().where(
            col(OrganisationMember.organisation_id) == col(ServiceAccount.organisation_id),
            col(OrganisationMember.person_id) == col(ServiceAccount.sponsor_id),
            col(OrganisationMember.ended_at).is_(None),
            or_(col(OrganisationMember.until).is_(None), col(OrganisationMember.until) > now),
        ),
    ).label("sponsor_belongs")


def _described(now: datetime) -> Select[Any]:
    """Return the statement for accounts with their organisation's name and whether their sponsor belongs there."""
    return select_columns(
        _ACCOUNT,
        col(Organisation.name).label("organisation"),
        col(Organisation.members_until).label("organisation_members_until"),
        _sponsor_belongs(now),
    ).outerjoin(Organisation, col(Organisation.id) == col(ServiceAccount.organisation_id))


def find_managed(session: Session, account_id: UUID, *, person_id: UUID, now: datetime) -> Row[Any] | None:
    """Return the account, if the person manages it."""
    statement = _described(now).where(col(ServiceAccount.id) == account_id, _manages(person_id, now))
    return session.connection().execute(statement).one_or_none()


def lock_account(session: Session, account_id: UUID) -> None:
    """Make other acts on the account wait until the commit."""
    session.exec(select(ServiceAccount.id).where(ServiceAccount.id == account_id).with_for_update()).all()


def list_managed(session: Session, *, person_id: UUID, now: datetime) -> Sequence[Row[Any]]:
    """Return the accounts that a person manages, newest first, ended ones too."""
    statement = _described(now).where(_manages(person_id, now))
    return session.connection().execute(statement.order_by(_ACCOUNT.c.id.desc()).limit(200)).all()


def list_sponsored(session: Session, *, person_id: UUID, now: datetime) -> Sequence[Row[Any]]:
    """Return the accounts that a person answers for, newest first."""
    statement = _described(now).where(col(ServiceAccount.sponsor_id) == person_id)
    return session.connection().execute(statement.order_by(_ACCOUNT.c.id.desc()).limit(1_000)).all()


def count_live(session: Session, *, organisation_id: UUID | None, sponsor_id: UUID) -> int:
    """Return how many accounts of an organisation, or of a person alone, have not ended."""
    owner = (
        col(ServiceAccount.organisation_id) == organisation_id
        if organisation_id is not None
        else (col(ServiceAccount.sponsor_id) == sponsor_id) & col(ServiceAccount.organisation_id).is_(None)
    )
    return session.exec(
        select(func.count()).select_from(ServiceAccount).where(owner, col(ServiceAccount.ended_at).is_(None))
    ).one()


def update_account(session: Session, account_id: UUID, values: Mapping[str, object]) -> None:
    """Change what may change of an account: suspension, end, sponsor."""
    session.exec(update(ServiceAccount).where(col(ServiceAccount.id) == account_id).values(**values))


def name_accounts(session: Session, account_ids: Sequence[UUID]) -> Mapping[UUID, tuple[str, str | None]]:
    """Return name and organisation of accounts."""
    rows = session.exec(
        select(ServiceAccount.id, ServiceAccount.name, Organisation.name)
        .outerjoin(Organisation, col(Organisation.id) == col(ServiceAccount.organisation_id))
        .where(col(ServiceAccount.id).in_(account_ids))
        .order_by(col(ServiceAccount.id))
    ).all()
    return {account_id: (name, organisation) for account_id, name, organisation in rows}


def insert_token(session: Session, values: Mapping[str, object]) -> None:
    """Insert a token of an account."""
    session.exec(insert(ServiceToken).values(**values))


def list_tokens(session: Session, account_id: UUID) -> Sequence[ServiceToken]:
    """Return the account's tokens, newest first, revoked ones too; those of CI jobs are not among them."""
    return session.exec(
        select(ServiceToken)
        .where(ServiceToken.account_id == account_id, col(ServiceToken.login_id).is_(None))
        .order_by(col(ServiceToken.id).desc())
        .limit(200)
    ).all()


def find_token(session: Session, token_id: UUID) -> ServiceToken | None:
    """Return a token of an account."""
    return session.get(ServiceToken, token_id)


def count_live_tokens(session: Session, account_id: UUID, *, now: datetime) -> int:
    """Return how many of the account's own tokens still work."""
    return session.exec(
        select(func.count())
        .select_from(ServiceToken)
        .where(ServiceToken.account_id == account_id, ServiceToken.expires_at > now)
        .where(col(ServiceToken.revoked_at).is_(None), col(ServiceToken.login_id).is_(None))
    ).one()


def revoke_token(session: Session, token_id: UUID, *, account_id: UUID, now: datetime) -> bool:
    """End one token of the account; False if there is none to end."""
    result = session.exec(
        update(ServiceToken)
        .where(col(ServiceToken.id) == token_id, col(ServiceToken.account_id) == account_id)
        .where(col(ServiceToken.revoked_at).is_(None))
        .values(revoked_at=now)
    )
    return result.rowcount == 1


def revoke_all(session: Session, account_id: UUID, *, reason: str, now: datetime) -> None:
    """End every token of the account, and every trust rule that makes some."""
    session.exec(
        update(ProgramLogin)
        .where(
            col(ProgramLogin.account_id) == account_id,
            col(ProgramLogin.kind) == LoginKind.CI,
            col(ProgramLogin.ended_at).is_(None),
        )
        .values(ended_at=now, end_reason=reason)
    )
    session.exec(
        update(ServiceToken)
        .where(col(ServiceToken.account_id) == account_id, col(ServiceToken.revoked_at).is_(None))
        .values(revoked_at=now)
    )


def find_sponsors(session: Session, account_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Return who answers for each of these accounts."""
    rows = session.exec(
        select(ServiceAccount.id, ServiceAccount.sponsor_id)
        .where(col(ServiceAccount.id).in_(account_ids))
        .order_by(col(ServiceAccount.id))
    )
    return {account_id: sponsor_id for account_id, sponsor_id in rows}  # noqa: C416 - rows are not pairs to mypy
