"""Rules about the ways in: how fresh a sign-in must be, what may be removed, and what is said when not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import quote
from uuid import UUID

from registry.identity.domain import Principal
from registry.kernel.outcomes import Refusal, Remedy
from registry.kernel.sshsig import SSHPublicKey

VISIT_LIFETIME = timedelta(minutes=15)
VISITS_PER_NETWORK = 60
VISIT_RATE_WINDOW = timedelta(minutes=15)
WAYS_CHANGE_AGE = timedelta(hours=1)
"""How old a sign-in may be that adds or removes a way in: a stolen session must not become a stolen account."""
IDENTITIES_PER_PERSON = 20
PASSKEYS_PER_PERSON = 20
SSH_KEYS_PER_PERSON = 20
PASSKEYS_TO_ASK_FOR = 2
"""Whoever asks for a passkey at each sign-in has a second one, for the day the first is lost."""
AGAIN_PATH = "/sign-in/again"


class Purpose(StrEnum):
    """Why a browser is sent to a provider."""

    SIGN_IN = "sign-in"
    LINK = "link"
    AGAIN = "again"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedAccount:
    """An account at a provider that signs the person in."""

    id: UUID
    issuer: str
    subject: str
    name: str
    created_at: datetime
    last_used_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeySummary:
    """A passkey as its owner sees it."""

    id: UUID
    name: str
    backed_up: bool
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredKey:
    """An SSH key that signs acceptances, as its owner sees it."""

    id: UUID
    name: str
    key: SSHPublicKey
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """All the ways in that one person has."""

    email: str | None
    accounts: Sequence[LinkedAccount]
    passkeys: Sequence[PasskeySummary]
    asks_passkey: bool


def judge_freshness(principal: Principal, *, most: timedelta, back_to: str, now: datetime) -> Refusal | None:
    """Return why this sign-in is too old for the act; None if it is fresh enough, or none of a browser."""
    if principal.signed_in_at is None or now - principal.signed_in_at <= most:
        return None
    hours = most.total_seconds() / 3600
    return Refusal(
        code="sign-in-too-old",
        status=403,
        title="You signed in too long ago for this",
        detail=f"This is done only within {hours:g} {'hour' if hours == 1 else 'hours'} after you showed who you "
        "are. Nothing was changed.",
        remedy=Remedy(text="Sign in again; you come back to the same page", url=again_url(back_to)),
        decider="You do",
        since=principal.signed_in_at,
    )


def again_url(back_to: str) -> str:
    """Return where one signs in again and comes back from."""
    return f"{AGAIN_PATH}?next={quote(back_to, safe='/')}"


def judge_removal(*, has_email: bool, accounts: int, passkeys: int) -> Refusal | None:
    """Return why one account or passkey may not go, by how many ways in would be left; None if it may."""
    if has_email or accounts + passkeys > 1:
        return None
    return Refusal(
        code="last-way-in",
        status=409,
        title="This is the only way in that you have",
        detail="Without it nobody could sign in to your account again. It stays.",
        remedy=Remedy(
            text="Add an e-mail address or another way to sign in first", url="/settings/identities"
        ),
        decider="You do",
    )


def judge_passkey_removal(*, asks_passkey: bool, passkeys: int) -> Refusal | None:
    """Return why a passkey may not go that each sign-in depends on; None if it may."""
    if not asks_passkey or passkeys > PASSKEYS_TO_ASK_FOR:
        return None
    return Refusal(
        code="passkeys-asked-for",
        status=409,
        title="Each of your sign-ins asks for a passkey",
        detail=f"That takes at least {PASSKEYS_TO_ASK_FOR} passkeys. Nothing was removed.",
        remedy=Remedy(text="Stop asking for a passkey first, or add another one", url="/settings/passkeys"),
        decider="You do",
    )


def too_few_passkeys() -> Refusal:
    """Return the refusal of asking for a passkey when one lost device would lock the person out."""
    return Refusal(
        code="too-few-passkeys",
        status=409,
        title=f"Asking for a passkey takes at least {PASSKEYS_TO_ASK_FOR} of them",
        detail="With one alone, a lost device would lock you out. Nothing was changed.",
        remedy=Remedy(text="Add another passkey, on another device", url="/settings/passkeys"),
        decider="You do",
    )


def too_many(what: str, most: int) -> Refusal:
    """Return the refusal of one more way in than is reasonable."""
    return Refusal(
        code="too-many-ways-in",
        status=409,
        title=f"You have {most} {what} already",
        detail="Nothing was added.",
        remedy=Remedy(text="Remove one that you no longer use first", url="/settings/identities"),
        decider="You do",
    )


def unknown_provider() -> Refusal:
    """Return the refusal of a provider that is not set here."""
    return Refusal(
        code="provider-unknown",
        status=404,
        title="There is no such provider here",
        detail="People sign in here with the providers that the sign-in page shows.",
        remedy=Remedy(text="Choose one on the sign-in page", url="/sign-in"),
    )


def too_many_visits(until: datetime) -> Refusal:
    """Return the refusal of one more visit to a provider than is reasonable."""
    return Refusal(
        code="too-many-sign-ins",
        status=429,
        title="Too many sign-ins were started",
        detail="Sign-ins are limited for each network, so that nobody floods the providers. Nothing was started.",
        remedy=Remedy(text="Try again later"),
        until=until,
    )


def judge_return(
    *,
    expires_at: datetime,
    used_at: datetime | None,
    same_browser: bool,
    same_provider: bool,
    same_session: bool,
    now: datetime,
) -> Refusal | None:
    """Return why a browser that comes back from a provider is not the one that was sent; None if it is."""
    if not same_browser:
        return return_refusal("sign-in-other-browser", "This answer belongs to another browser")
    if not same_provider:
        return return_refusal("provider-mixed-up", "The answer is of another provider")
    if used_at is not None:
        return return_refusal("sign-in-used", "This answer was already used")
    if now >= expires_at:
        return return_refusal("sign-in-expired", "This sign-in took too long")
    if not same_session:
        return return_refusal(
            "sign-in-other-person", "You are signed in as somebody else than when you started"
        )
    return None


def return_refusal(code: str, title: str) -> Refusal:
    """Return the refusal of a browser that comes back otherwise than it was sent."""
    return Refusal(
        code=code,
        status=403,
        title=title,
        detail="An answer of a provider counts once, within 15 minutes, in the browser that was sent there. "
        "Nothing was changed.",
        remedy=Remedy(text="Start again from the sign-in page", url="/sign-in"),
        decider="You do",
    )


def email_has_account(provider: str) -> Refusal:
    """Return the refusal to hand an account over on the strength of an equal address."""
    return Refusal(
        code="email-has-account",
        status=409,
        title="There is an account with this e-mail address already",
        detail=f"{provider} says the same address, but an address alone joins no accounts: whoever controlled it "
        "there could take over the account here. Nobody was signed in.",
        remedy=Remedy(
            text="Sign in with a link sent to that address, then add the provider on the page that opens",
            url="/sign-in?next=/settings/identities",
        ),
        decider="You do",
    )


def linked_elsewhere(provider: str) -> Refusal:
    """Return the refusal of an account that signs somebody else in."""
    return Refusal(
        code="account-linked-elsewhere",
        status=409,
        title=f"This account of {provider} signs in another person here",
        detail="One account signs in one person. Nothing was changed.",
        remedy=Remedy(
            text="Sign in with it and remove it there, then add it here", url="/settings/identities"
        ),
        decider="You do",
    )


def other_person(provider: str) -> Refusal:
    """Return the refusal of a repeated sign-in by somebody else."""
    return Refusal(
        code="sign-in-other-person",
        status=403,
        title=f"{provider} named somebody else than you",
        detail="To sign in again takes the same person. You stay signed in as before; nothing was changed.",
        remedy=Remedy(text="Sign in again as yourself, or sign out first", url=AGAIN_PATH),
        decider="You do",
    )


def unknown_way() -> Refusal:
    """Return the refusal of a removal of something that is not there."""
    return Refusal(
        code="way-in-unknown",
        status=404,
        title="You have no such way in",
        detail="It may have been removed already. Nothing was changed.",
        remedy=Remedy(text="Look at your ways to sign in", url="/settings/identities"),
    )


def address_needed(back_to: str) -> Refusal:
    """Return the refusal of an act that goes with an e-mail address, by somebody who has none."""
    return Refusal(
        code="email-address-needed",
        status=403,
        title="This takes an e-mail address",
        detail="Receipts and news about what you accept are sent there. You signed in without one. "
        "Nothing was changed.",
        remedy=Remedy(
            text="Add your address and confirm it; you come back to the same page",
            url=f"/settings/email?next={quote(back_to, safe='/')}",
        ),
        decider="You do",
    )


def address_stands() -> Refusal:
    """Return the refusal of a second address."""
    return Refusal(
        code="email-address-stands",
        status=409,
        title="You have an e-mail address already",
        detail="It is confirmed, and stays. Nothing was changed.",
        remedy=Remedy(text="Look at your ways to sign in", url="/settings/identities"),
    )


def address_taken() -> Refusal:
    """Return the refusal of an address that another account has; only its owner gets to read this."""
    return Refusal(
        code="email-address-taken",
        status=409,
        title="Another account has this e-mail address",
        detail="You have shown that the address is yours, so that account most likely is, too. Nothing was changed.",
        remedy=Remedy(
            text="Sign out, sign in with a link sent to that address, then add your provider there",
            url="/settings/identities",
        ),
        decider="You do",
    )
