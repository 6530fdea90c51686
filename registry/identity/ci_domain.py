"""Rules of CI jobs that exchange their identity for a token (RFC 8693): issuers, claims, trust rules."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from registry.identity.domain import Scope
from registry.identity.service_account_domain import ACCOUNT_SCOPES
from registry.kernel.outcomes import GatehouseError, Refusal, Remedy

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384")
"""Signatures that are taken; none that a public key could be taken for the secret of."""
CLOCK_SKEW = timedelta(minutes=2)
ASSERTION_LIFE_MAX = timedelta(days=1)
RULES_PER_PERSON = 50

_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+\Z")
_REF = re.compile(r"refs/(?:heads|tags)/[A-Za-z0-9._/+@-]+\*?\Z")
"""With something before the star: a bare one would be every branch of everybody who may push."""


class IssuerKind(StrEnum):
    """Whose claims an issuer's tokens carry."""

    GITHUB = "github"
    GITLAB = "gitlab"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """A CI system that vouches for its jobs."""

    kind: IssuerKind
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a verified identity token says of a job."""

    issuer: str
    repository: str
    repository_id: str
    ref: str
    token_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSummary:
    """A person's trust in the jobs of one repository and ref."""

    id: UUID
    name: str
    issuer: str
    repository: str
    ref: str
    repository_id: str | None
    scopes: tuple[Scope, ...]
    created_at: datetime
    last_used_at: datetime | None
    ended_at: datetime | None
    account: str | None = None
    """The service account that its jobs act as; None: the person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRule:
    """A trust rule as it was asked for."""

    name: str
    issuer: str
    repository: str
    ref: str
    scopes: frozenset[Scope]
    account_id: UUID | None = None
    """The service account that its jobs act as; None: the person."""


def read_issuers(settings: Sequence[str]) -> tuple[Issuer, ...]:
    """Return the issuers of the setting: `github=https://…`, `gitlab=https://…`.

    Raises:
        GatehouseError: one has another form.
    """
    issuers = []
    for text in settings:
        kind, _, url = text.partition("=")
        parts = urlsplit(url)
        on_loopback = parts.hostname in {"127.0.0.1", "::1", "localhost"}
        secure = parts.scheme == "https" or (parts.scheme == "http" and on_loopback)
        if (
            kind not in set(IssuerKind)
            or not secure
            or not parts.hostname
            or parts.query
            or url.endswith("/")
        ):
            raise GatehouseError(
                f"GATEHOUSE_CI_ISSUERS names {text!r}; expected github=https://… or gitlab=https://… without a slash at the end"
            )
        issuers.append(Issuer(kind=IssuerKind(kind), url=url))
    return tuple(issuers)


def read_job(issuer: Issuer, claims: Mapping[str, Any], *, audience: str, now: datetime) -> Job | str:
    """Return the job that verified claims speak of, or why they count for nothing here."""
    aud = claims.get("aud")
    if aud not in (audience, [audience]):
        return "the token is for another audience"
    expires_at, issued_at = _moment(claims.get("exp")), _moment(claims.get("iat"))
    not_before = _moment(claims["nbf"]) if "nbf" in claims else issued_at
    if expires_at is None or issued_at is None or not_before is None:
        return "the token does not say when it was made and when it ends"
    if now >= expires_at + CLOCK_SKEW:
        return "the token has expired; if it is fresh, the clocks differ by more than two minutes"
    if max(issued_at, not_before) > now + CLOCK_SKEW:
        return "the token is of the future; the clocks differ by more than two minutes"
    if expires_at - issued_at > ASSERTION_LIFE_MAX:
        return "the token lives longer than a day"
    token_id = claims.get("jti")
    named = _named(issuer.kind, claims)
    if not isinstance(token_id, str) or not 1 <= len(token_id) <= 300 or named is None:
        return "the token does not name its job"
    repository, repository_id, ref = named
    return Job(
        issuer=issuer.url,
        repository=repository.lower(),
        repository_id=repository_id,
        ref=ref,
        token_id=token_id,
        expires_at=expires_at,
    )


def _named(kind: IssuerKind, claims: Mapping[str, Any]) -> tuple[str, str, str] | None:
    if kind is IssuerKind.GITHUB:
        found = (claims.get("repository"), claims.get("repository_id"), claims.get("ref"))
        # Such a run belongs to the base branch, but somebody else's change started it.
        if claims.get("event_name") == "pull_request_target":
            return None
    else:
        folder = {"branch": "refs/heads/", "tag": "refs/tags/"}.get(str(claims.get("ref_type")))
        ref = claims.get("ref")
        full = f"{folder}{ref}" if folder and isinstance(ref, str) else None
        found = (claims.get("project_path"), claims.get("project_id"), full)
    if not all(isinstance(text, str) and 1 <= len(text) <= 300 for text in found):
        return None
    repository, number, ref = (str(text) for text in found)
    return (repository, number, ref) if len(number) <= 64 else None


def _moment(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e11:
        return None
    return datetime.fromtimestamp(value, UTC)


def fits(rule_ref: str, ref: str) -> bool:
    """Whether a rule's ref covers a job's: the same, or what stands before a final star."""
    return ref.startswith(rule_ref[:-1]) if rule_ref.endswith("*") else ref == rule_ref


def judge_new_rule(rule: NewRule, *, issuers: Sequence[Issuer], existing: int) -> Refusal | None:
    """Return why a trust rule may not be made as asked; None if it may."""
    errors = {}
    if not 1 <= len(rule.name.strip()) <= 60 or any(ord(letter) < 0x20 for letter in rule.name):
        errors["name"] = "Give it a name of 1 to 60 characters"
    if rule.issuer not in {issuer.url for issuer in issuers}:
        errors["issuer"] = "Choose one of the offered CI systems"
    if len(rule.repository) > 300 or not _REPOSITORY.match(rule.repository):
        errors["repository"] = "Write it as owner/name"
    if len(rule.ref) > 300 or not _REF.match(rule.ref):
        errors["ref"] = (
            "Write it in full: refs/heads/main, refs/tags/v1.0, or refs/tags/v* for all that begin so"
        )
    if not rule.scopes:
        errors["scopes"] = "Choose at least one scope"
    elif rule.account_id is not None and not rule.scopes <= set(ACCOUNT_SCOPES):
        errors["scopes"] = "A service account may read and publish, no more"
    if existing >= RULES_PER_PERSON:
        errors["name"] = f"You have {existing} rules; end one you no longer need first"
    if not errors:
        return None
    return Refusal(
        code="invalid-trust-rule",
        status=422,
        title="The rule was not made",
        detail="Some fields need mending.",
        remedy=Remedy(text="Mend the marked fields, then send the form again"),
        errors=errors,
    )
