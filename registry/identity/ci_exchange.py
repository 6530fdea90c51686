"""Use cases of CI: trust rules of people, and jobs that exchange their identity for a token (RFC 8693)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry.identity import ci_store as store
from registry.identity import oauth_store, service_accounts
from registry.identity.ci_domain import (
    CLOCK_SKEW,
    Issuer,
    Job,
    NewRule,
    RuleSummary,
    fits,
    judge_new_rule,
)
from registry.identity.domain import Principal, Scope, digest_of, not_signed_in
from registry.identity.oauth_domain import (
    CI_PREFIX,
    CI_TOKEN_LIFETIME,
    EndReason,
    OAuthAnswer,
    bearer_answer,
    new_access_token,
    oauth_error,
)
from registry.identity.oauth_tables import LoginKind, ProgramLogin
from registry.identity.store import insert_token
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import Refusal

CLIENT_ID = "ci"
ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name of RFC 8693
NO_RULE = "No trust rule of this registry fits: check its id (resource), issuer, repository and ref"


def create_rule(
    session: Session, *, principal: Principal, rule: NewRule, issuers: Sequence[Issuer], now: datetime
) -> UUID | Refusal:
    """Let jobs of a repository and ref act from now on, for the person or as a service account they sponsor."""
    person_id = principal.person_id
    if person_id is None:
        return not_signed_in("/settings/ci")
    if rule.account_id is not None:
        account = service_accounts.judge_maker(session, rule.account_id, principal=principal, now=now)
        if isinstance(account, Refusal):
            return account
    existing = store.count_rules(session, person_id)
    if refusal := judge_new_rule(rule, issuers=issuers, existing=existing):
        return refusal
    login_id = new_id()
    oauth_store.insert_login(
        session,
        {
            "id": login_id,
            "person_id": person_id,
            "kind": LoginKind.CI,
            "client_id": CLIENT_ID,
            "name": rule.name.strip(),
            "scopes": " ".join(sorted(rule.scopes)),
            "created_at": now,
            "account_id": rule.account_id,
        },
    )
    values = {"issuer": rule.issuer, "repository": rule.repository.lower(), "ref": rule.ref}
    store.insert_rule(session, {"login_id": login_id, **values})
    return login_id


def list_rules(session: Session, *, person_id: UUID) -> Sequence[RuleSummary]:
    """Return the person's trust rules, newest first, ended ones too."""
    return [
        RuleSummary(
            id=login.id,
            name=login.name,
            issuer=rule.issuer,
            repository=rule.repository,
            ref=rule.ref,
            repository_id=rule.repository_id,
            scopes=tuple(Scope(word) for word in login.scopes.split()),
            created_at=login.created_at,
            last_used_at=rule.last_used_at,
            ended_at=login.ended_at,
            account=account,
        )
        for rule, login, account in store.list_rules(session, person_id)
    ]


def end_rule(session: Session, *, person_id: UUID, rule_id: UUID, now: datetime) -> bool:
    """End a trust rule and every token that jobs got by it; False if the person has no such rule in force."""
    login = oauth_store.lock_login(session, rule_id)
    if login is None or login.person_id != person_id or login.kind is not LoginKind.CI:
        return False
    return oauth_store.end_login(session, rule_id, reason=EndReason.REVOKED.value, now=now)


def exchange(session: Session, *, rule_id: UUID, job: Job, now: datetime) -> OAuthAnswer:
    """Give a job a token of the rule's person, once for each identity token."""
    # The identity token is used up whatever comes of it, so that one that leaked cannot be tried around.
    store.forget_old_assertions(session, before=now)
    digest = digest_of(f"{job.issuer}\n{job.token_id}")
    if not store.note_assertion(session, digest, expires_at=job.expires_at + CLOCK_SKEW):
        return oauth_error(
            "invalid_grant", "This identity token was exchanged already; let the job ask for a new one"
        )
    # Locked, so that no token is made after the rule has ended.
    login = oauth_store.lock_login(session, rule_id)
    rule = store.find_rule(session, rule_id)
    if (
        login is None
        or rule is None
        or login.ended_at is not None
        or rule.issuer != job.issuer
        or rule.repository != job.repository
        or not fits(rule.ref, job.ref)
    ):
        return oauth_error("invalid_target", NO_RULE)
    if rule.repository_id not in {None, job.repository_id}:
        # Somebody else may have taken the name since.
        return oauth_error("invalid_target", "The repository of this name is another one than before")
    store.note_rule_use(session, rule_id, repository_id=job.repository_id, now=now)
    scopes = [Scope(word) for word in login.scopes.split()]
    access = _issue(session, login, now=now)
    body = bearer_answer(access_token=access, lifetime=CI_TOKEN_LIFETIME, scopes=scopes)
    return OAuthAnswer(status=200, body={**body, "issued_token_type": ACCESS_TOKEN_TYPE})


def _issue(session: Session, login: ProgramLogin, *, now: datetime) -> str:
    """Store the job's token, of the rule's person or of its service account, and return it."""
    expires_at = now + CI_TOKEN_LIFETIME
    if login.account_id is not None:
        _, secret = service_accounts.issue_token(
            session,
            account_id=login.account_id,
            name=login.name,
            scopes=frozenset(Scope(word) for word in login.scopes.split()),
            made_by=login.person_id,
            expires_at=expires_at,
            now=now,
            login_id=login.id,
        )
        return secret
    access = new_access_token(CI_PREFIX)
    insert_token(
        session,
        {
            "id": new_id(),
            "digest": digest_of(access),
            "person_id": login.person_id,
            "name": login.name,
            "scopes": login.scopes,
            "created_at": now,
            "expires_at": expires_at,
            "login_id": login.id,
        },
    )
    return access
