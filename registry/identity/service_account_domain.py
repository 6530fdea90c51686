"""Words and rules of service accounts: who makes them, what ends them, refusals."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from registry.identity.domain import TOKEN_LIFETIMES_DAYS, TOKEN_PREFIX, Scope
from registry.kernel.outcomes import Refusal, Remedy

SERVICE_PREFIX = TOKEN_PREFIX + "service_"
NAME_MAX_CHARACTERS = 40
ACCOUNTS_PER_OWNER = 50
TOKENS_PER_ACCOUNT = 20
ACCOUNT_SCOPES = (Scope.READ, Scope.PUBLISH)
"""Looking at people's data and deciding about them takes a person."""
PAGE = "/settings/service-accounts"

_NAME = re.compile(rf"[a-z0-9](?:[a-z0-9-]{{0,{NAME_MAX_CHARACTERS - 2}}}[a-z0-9])?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """A service account, as those who manage it see it."""

    id: UUID
    name: str
    organisation_id: UUID | None
    organisation: str | None
    sponsor_id: UUID
    created_at: datetime
    suspended_at: datetime | None
    ended_at: datetime | None
    orphaned: bool
    """Whether its sponsor belongs to its organisation no more."""
    organisation_stopped: bool
    """Whether its organisation is suspended or has ended."""
    is_sponsor: bool
    """Whether who asked is its sponsor."""

    @property
    def works(self) -> bool:
        """Whether its tokens are taken."""
        stands = self.ended_at is None and self.suspended_at is None
        return stands and not self.orphaned and not self.organisation_stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token of an account as it was asked for."""

    name: str
    scopes: frozenset[Scope]
    days: int


def judge_account(name: str, existing: int) -> Refusal | None:
    """Return why a service account may not be made as asked; None if it may."""
    errors = {}
    if not _NAME.match(name):
        errors["name"] = f"Use small letters, digits and “-”, at most {NAME_MAX_CHARACTERS}"
    if existing >= ACCOUNTS_PER_OWNER:
        errors["name"] = f"There are {existing} already; end one that is no longer needed first"
    return malformed_account(errors) if errors else None


def judge_token(token: NewToken, existing: int) -> Refusal | None:
    """Return why an account may not have a token as asked; None if it may."""
    errors = {}
    if not 1 <= len(token.name.strip()) <= 60 or not token.name.isprintable():
        errors["name"] = "Give it a name of 1 to 60 characters, such as “cluster”"
    if not token.scopes or not token.scopes <= set(ACCOUNT_SCOPES):
        errors["scopes"] = "Choose read, publish or both"
    if token.days not in TOKEN_LIFETIMES_DAYS:
        errors["days"] = "Choose one of the offered lifetimes"
    if existing >= TOKENS_PER_ACCOUNT:
        errors["name"] = f"It has {existing} tokens; revoke one that is no longer needed first"
    return malformed_account(errors) if errors else None


def malformed_account(errors: Mapping[str, str]) -> Refusal:
    """Return the refusal of a form about a service account with fields to mend."""
    return Refusal(
        code="service-account-malformed",
        status=422,
        title="Nothing was changed",
        detail="Some fields need mending.",
        remedy=Remedy(text="Mend the marked fields, then send the form again"),
        decider="You do",
        errors=dict(errors),
    )


def account_unknown() -> Refusal:
    """Return the refusal of an account that does not exist, or that the caller does not manage."""
    return Refusal(
        code="service-account-unknown",
        status=404,
        title="There is no such service account, or you do not manage it",
        detail="An organisation's accounts are managed by its officers, others by their sponsor.",
        remedy=Remedy(text="Look at your service accounts", url=PAGE),
    )


def sponsor_needed(account: AccountView) -> Refusal:
    """Return the refusal of somebody else who makes a token of an account."""
    return Refusal(
        code="sponsor-needed",
        status=403,
        title=f"Only the sponsor of {account.name} makes its tokens",
        detail="The account stands on what its sponsor may, so nobody else gets a token of it. Nothing was made.",
        remedy=Remedy(text="Become its sponsor first: take the account over", url=f"{PAGE}/{account.id}"),
        decider="The sponsor of the account",
    )


def account_stopped(account: AccountView) -> Refusal:
    """Return the refusal of a new token for an account whose tokens are not taken."""
    return Refusal(
        code="service-account-stopped",
        status=409,
        title=f"The service account {account.name} does not work now",
        detail="It or its organisation is suspended or has ended, or its sponsor has left. No token was made.",
        remedy=Remedy(text="Read how it stands", url=f"{PAGE}/{account.id}"),
        decider="Its sponsor, or the officers of its organisation",
    )


def person_needed() -> Refusal:
    """Return the refusal of a service account where only a person may act."""
    return Refusal(
        code="person-needed",
        status=403,
        title="This takes a person, and a service account is none",
        detail="Service accounts download, and publish if their sponsor may. They accept nothing and ask for "
        "nothing. Nothing happened.",
        remedy=Remedy(text="Let its sponsor do it in a browser", url="/sign-in"),
        decider="The sponsor of the service account",
    )


class Stop(StrEnum):
    """Why the tokens of an account are not taken."""

    ENDED = "ended"
    SUSPENDED = "suspended"
    ORPHANED = "orphaned"
    ORGANISATION_ENDED = "organisation-ended"
    ORGANISATION_SUSPENDED = "organisation-suspended"


def stopped_token(name: str, why: Stop, *, since: datetime | None = None) -> Refusal:
    """Return the refusal of a token whose account does not work: by an end, a suspension or a leave."""
    officers, anybody = "The officers of its organisation", "Whoever runs this job"
    if why is Stop.ENDED:
        code, title, decider = "service-account-ended", f"The service account {name} has ended", anybody
        text = "Make another one, with a token of its own"
    elif why is Stop.SUSPENDED:
        code, title = "service-account-suspended", f"The service account {name} is suspended"
        text = "Ask its sponsor or an officer to let it go on"
        decider = "Its sponsor, or the officers of its organisation"
    elif why is Stop.ORPHANED:
        code, title = "service-account-orphaned", f"The sponsor of the service account {name} has left"
        text, decider = "Ask an officer of its organisation to take the account over", officers
    elif why is Stop.ORGANISATION_SUSPENDED:
        code, title = "organisation-suspended", f"The organisation of the service account {name} is suspended"
        text = "Ask its officers, or the operators of this registry, to let it go on"
        decider = "Its officers, or the operators of this registry"
    else:
        code, title = "organisation-ended", f"The organisation of the service account {name} has ended here"
        text, decider = "Accept as a person, and use a service account that you sponsor", anybody
    return Refusal(
        code=code,
        status=403,
        title=title,
        detail="No file was sent, and nothing was changed.",
        remedy=Remedy(text=text, url=PAGE),
        decider=decider,
        since=since,
    )
