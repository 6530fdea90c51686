"""Use cases of service accounts: make, suspend, end, take over; make and revoke their tokens."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, assert_never
from uuid import UUID

from sqlalchemy import Row
from sqlmodel import Session

from registry.identity import organisations
from registry.identity import service_account_store as store
from registry.identity.domain import (
    Channel,
    Principal,
    Scope,
    TokenSummary,
    digest_of,
    new_secret,
    not_signed_in,
    scope_missing,
)
from registry.identity.service_account_domain import (
    PAGE,
    SERVICE_PREFIX,
    AccountView,
    NewToken,
    account_stopped,
    account_unknown,
    judge_account,
    judge_token,
    person_needed,
    sponsor_needed,
)
from registry.identity.service_account_tables import ServiceAccount, ServiceToken
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import Refusal


class Act(StrEnum):
    """What may be done to an account."""

    SUSPEND = "suspend"
    RESUME = "resume"
    TAKE_OVER = "take-over"
    END = "end"


TAKEN_OVER, ENDED = "taken-over", "account-ended"
"""Why a trust rule of an account ended."""


def make_account(
    session: Session, *, name: str, organisation_id: UUID | None, principal: Principal, now: datetime
) -> AccountView | Refusal:
    """Return a new service account, sponsored by who makes it: an officer for the organisation, or anybody alone."""
    if refusal := _needs_browser(principal):
        return refusal
    assert principal.person_id is not None  # noqa: S101 - a session has its person
    if organisation_id is not None:
        found = organisations.get_organisation(
            session, organisation_id, principal=principal, now=now, as_officer=True
        )
        if isinstance(found, Refusal):
            return found
    existing = store.count_live(session, organisation_id=organisation_id, sponsor_id=principal.person_id)
    if refusal := judge_account(name.strip(), existing):
        return refusal
    row = ServiceAccount(
        id=new_id(),
        name=name.strip(),
        organisation_id=organisation_id,
        sponsor_id=principal.person_id,
        created_by=principal.person_id,
        created_at=now,
    )
    store.insert_account(session, row)
    return get_account(session, row.id, principal=principal, now=now)


def get_account(
    session: Session, account_id: UUID, *, principal: Principal, now: datetime
) -> AccountView | Refusal:
    """Return the account for its sponsor, or for an officer of its organisation."""
    if principal.account is not None:
        return person_needed()
    if principal.person_id is None:
        return not_signed_in(PAGE)
    row = store.find_managed(session, account_id, person_id=principal.person_id, now=now)
    return _view(row, principal.person_id) if row is not None else account_unknown()


def list_accounts(
    session: Session, *, principal: Principal, now: datetime
) -> Sequence[AccountView] | Refusal:
    """Return the accounts that the caller manages, newest first, ended ones too."""
    if principal.account is not None:
        return person_needed()
    if principal.person_id is None:
        return not_signed_in(PAGE)
    if not principal.may(Scope.READ):
        return scope_missing(Scope.READ)
    person_id = principal.person_id
    return [_view(row, person_id) for row in store.list_managed(session, person_id=person_id, now=now)]


def list_sponsored(session: Session, *, person_id: UUID, now: datetime) -> Sequence[AccountView]:
    """Return the accounts that a person answers for, whether they may manage them or not."""
    return [_view(row, person_id) for row in store.list_sponsored(session, person_id=person_id, now=now)]


def create_token(
    session: Session, account_id: UUID, *, asked: NewToken, principal: Principal, now: datetime
) -> tuple[TokenSummary, str] | Refusal:
    """Create a token of the account; its secret is returned this once, to the sponsor alone."""
    account = _changeable(session, account_id, principal=principal, now=now)
    if isinstance(account, Refusal):
        return account
    if refusal := _needs_browser(principal) or _judge_maker(account):
        return refusal
    existing = store.count_live_tokens(session, account_id, now=now)
    if refusal := judge_token(asked, existing):
        return refusal
    expires_at = now + timedelta(days=asked.days)
    return issue_token(
        session,
        account_id=account_id,
        name=asked.name.strip(),
        scopes=asked.scopes,
        made_by=account.sponsor_id,
        expires_at=expires_at,
        now=now,
    )


def issue_token(
    session: Session,
    *,
    account_id: UUID,
    name: str,
    scopes: frozenset[Scope],
    made_by: UUID,
    expires_at: datetime,
    now: datetime,
    login_id: UUID | None = None,
) -> tuple[TokenSummary, str]:
    """Store a new token of the account; what is returned leaves this once."""
    secret = SERVICE_PREFIX + new_secret()
    row = ServiceToken(
        id=new_id(),
        digest=digest_of(secret),
        account_id=account_id,
        name=name,
        scopes=" ".join(sorted(scopes)),
        created_by=made_by,
        created_at=now,
        expires_at=expires_at,
        login_id=login_id,
    )
    store.insert_token(session, row.model_dump())
    return _summary(row), secret


def judge_maker(
    session: Session, account_id: UUID, *, principal: Principal, now: datetime
) -> AccountView | Refusal:
    """Return the account for its sponsor, who alone lets something act as it."""
    account = get_account(session, account_id, principal=principal, now=now)
    return account if isinstance(account, Refusal) else _judge_maker(account) or account


def list_tokens(
    session: Session, account_id: UUID, *, principal: Principal, now: datetime
) -> Sequence[TokenSummary] | Refusal:
    """Return the account's tokens, newest first, for who manages it."""
    account = get_account(session, account_id, principal=principal, now=now)
    if isinstance(account, Refusal):
        return account
    if not principal.may(Scope.READ):
        return scope_missing(Scope.READ)
    return [_summary(row) for row in store.list_tokens(session, account_id)]


def revoke_token(
    session: Session, account_id: UUID, *, token_id: UUID, principal: Principal, now: datetime
) -> AccountView | Refusal:
    """End one token of the account at once."""
    account = _changeable(session, account_id, principal=principal, now=now)
    if not isinstance(account, Refusal):
        store.revoke_token(session, token_id, account_id=account_id, now=now)
    return account


def suspend(
    session: Session, account_id: UUID, *, principal: Principal, now: datetime
) -> AccountView | Refusal:
    """Refuse the account's tokens from now on, until it is resumed."""
    account = _changeable(session, account_id, principal=principal, now=now)
    if isinstance(account, Refusal):
        return account
    if account.suspended_at is None:
        store.update_account(session, account_id, {"suspended_at": now})
    return get_account(session, account_id, principal=principal, now=now)


def resume(
    session: Session, account_id: UUID, *, principal: Principal, now: datetime
) -> AccountView | Refusal:
    """Take the account's tokens again."""
    account = _changeable(session, account_id, principal=principal, now=now)
    if isinstance(account, Refusal):
        return account
    if refusal := _needs_browser(principal):
        return refusal
    store.update_account(session, account_id, {"suspended_at": None})
    return get_account(session, account_id, principal=principal, now=now)


def end(session: Session, account_id: UUID, *, principal: Principal, now: datetime) -> AccountView | Refusal:
    """End the account and all its tokens for good."""
    account = _changeable(session, account_id, principal=principal, now=now)
    if isinstance(account, Refusal):
        return account
    if account.ended_at is None:
        store.update_account(session, account_id, {"ended_at": now})
        store.revoke_all(session, account_id, reason=ENDED, now=now)
    return get_account(session, account_id, principal=principal, now=now)


def take_over(
    session: Session, account_id: UUID, *, principal: Principal, now: datetime
) -> AccountView | Refusal:
    """Make an officer the sponsor; whatever was made while another one answered for it ends."""
    account = _changeable(session, account_id, principal=principal, now=now)
    if isinstance(account, Refusal):
        return account
    if refusal := _needs_browser(principal):
        return refusal
    if not account.is_sponsor and account.ended_at is None:
        # In this order: no token outlives the sponsor whose rights it was made for.
        store.revoke_all(session, account_id, reason=TAKEN_OVER, now=now)
        store.update_account(session, account_id, {"sponsor_id": principal.person_id})
    return get_account(session, account_id, principal=principal, now=now)


def change(
    session: Session, account_id: UUID, *, act: Act, principal: Principal, now: datetime
) -> AccountView | Refusal:
    """Return the account after the act."""
    match act:
        case Act.SUSPEND:
            return suspend(session, account_id, principal=principal, now=now)
        case Act.RESUME:
            return resume(session, account_id, principal=principal, now=now)
        case Act.TAKE_OVER:
            return take_over(session, account_id, principal=principal, now=now)
        case Act.END:
            return end(session, account_id, principal=principal, now=now)
        case _:
            assert_never(act)


def find_sponsors(session: Session, account_ids: Sequence[UUID]) -> Mapping[UUID, UUID]:
    """Return who answers for each of these accounts now."""
    return store.find_sponsors(session, account_ids)


def name_accounts(session: Session, account_ids: Sequence[UUID]) -> Mapping[UUID, str]:
    """Return how lists name these accounts: the name, and whose it is."""
    return {
        account_id: f"{name} (service account of {organisation})"
        if organisation
        else f"{name} (service account)"
        for account_id, (name, organisation) in store.name_accounts(session, account_ids).items()
    }


def find_token(session: Session, *, token_id: UUID) -> TokenSummary | None:
    """Return a token of a service account, without its secret."""
    row = store.find_token(session, token_id)
    return _summary(row) if row is not None else None


def _changeable(
    session: Session, account_id: UUID, *, principal: Principal, now: datetime
) -> AccountView | Refusal:
    """Return the account to one who manages it, locked until the commit; a token needs the scope publish."""
    if principal.channel is Channel.TOKEN and not principal.may(Scope.PUBLISH):
        return scope_missing(Scope.PUBLISH)
    store.lock_account(session, account_id)
    return get_account(session, account_id, principal=principal, now=now)


def _needs_browser(principal: Principal) -> Refusal | None:
    """Return the refusal of who is not in a web session: no credential makes another, or more room for one."""
    if principal.account is not None:
        return person_needed()
    return None if principal.session_id is not None else not_signed_in(PAGE)


def _judge_maker(account: AccountView) -> Refusal | None:
    if not account.is_sponsor:
        return sponsor_needed(account)
    return None if account.works else account_stopped(account)


def _view(row: Row[Any], person_id: UUID) -> AccountView:
    return AccountView(
        id=row.id,
        name=row.name,
        organisation_id=row.organisation_id,
        organisation=row.organisation,
        sponsor_id=row.sponsor_id,
        created_at=row.created_at,
        suspended_at=row.suspended_at,
        ended_at=row.ended_at,
        orphaned=not row.sponsor_belongs,
        organisation_stopped=row.organisation_members_until is not None,
        is_sponsor=row.sponsor_id == person_id,
    )


def _summary(row: ServiceToken) -> TokenSummary:
    return TokenSummary(
        id=row.id,
        name=row.name,
        scopes=tuple(Scope(word) for word in row.scopes.split()),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
