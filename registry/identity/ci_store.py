"""Queries and inserts of trust rules and of identity tokens that were exchanged; no rules."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, insert, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from registry.identity.oauth_tables import ProgramLogin, SeenAssertion, TrustRule
from registry.identity.service_account_tables import ServiceAccount


def insert_rule(session: Session, values: Mapping[str, object]) -> None:
    """Insert a trust rule."""
    session.exec(insert(TrustRule).values(**values))


def find_rule(session: Session, rule_id: UUID) -> TrustRule | None:
    """Return the trust rule."""
    return session.get(TrustRule, rule_id)


def list_rules(session: Session, person_id: UUID) -> Sequence[tuple[TrustRule, ProgramLogin, str | None]]:
    """Return the person's rules with their logins and the service accounts they act as, newest first."""
    return session.exec(
        select(TrustRule, ProgramLogin, ServiceAccount.name)
        .join(ProgramLogin, col(ProgramLogin.id) == col(TrustRule.login_id))
        .outerjoin(ServiceAccount, col(ServiceAccount.id) == col(ProgramLogin.account_id))
        .where(ProgramLogin.person_id == person_id)
        .order_by(col(ProgramLogin.created_at).desc(), col(ProgramLogin.id).desc())
        .limit(200)
    ).all()


def count_rules(session: Session, person_id: UUID) -> int:
    """Return how many rules of the person are in force."""
    return session.exec(
        select(func.count())
        .select_from(TrustRule)
        .join(ProgramLogin, col(ProgramLogin.id) == col(TrustRule.login_id))
        .where(ProgramLogin.person_id == person_id, col(ProgramLogin.ended_at).is_(None))
    ).one()


def note_rule_use(session: Session, rule_id: UUID, *, repository_id: str, now: datetime) -> None:
    """Note when the rule was used, and by which repository."""
    session.exec(
        update(TrustRule)
        .where(col(TrustRule.login_id) == rule_id)
        .values(last_used_at=now, repository_id=repository_id)
    )


def note_assertion(session: Session, digest: str, *, expires_at: datetime) -> bool:
    """Note that the identity token was exchanged; False if it was before."""
    try:
        with session.begin_nested():
            session.exec(insert(SeenAssertion).values(digest=digest, expires_at=expires_at))
    except IntegrityError:
        return False
    return True


def forget_old_assertions(session: Session, *, before: datetime) -> None:
    """Delete what is known of identity tokens that ended before then; they are refused by their age alone."""
    session.exec(delete(SeenAssertion).where(col(SeenAssertion.expires_at) < before))
