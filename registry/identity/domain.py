"""Who is asking: principals, scopes, e-mail links, tokens, and the rules about them."""

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import quote
from uuid import UUID

from registry.kernel.outcomes import Refusal, Remedy

TOKEN_PREFIX = "gatehouse_"  # noqa: S105 - a public prefix, for secret scanners
SECRET_BYTES = 32
EMAIL_MAX_CHARACTERS = 254
LINK_LIFETIME = timedelta(minutes=15)
LINKS_PER_ADDRESS = 5
LINKS_PER_NETWORK = 30
LINK_RATE_WINDOW = timedelta(minutes=15)
SESSION_LIFETIME = timedelta(days=14)
TOKEN_LIFETIMES_DAYS = (7, 30, 90, 365)
TOKENS_PER_PERSON = 50
LAST_USE_PRECISION = timedelta(minutes=10)

_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z"
)


class Scope(StrEnum):
    """What a token may be used for; a web session may do all its person may."""

    READ = "read"
    PUBLISH = "publish"
    AUDIT = "audit"
    REVIEW = "review"


class Channel(StrEnum):
    """How the principal showed who they are."""

    ANONYMOUS = "anonymous"
    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - a word, not a secret


class Method(StrEnum):
    """Ways to sign in."""

    EMAIL_LINK = "email-link"
    PROVIDER = "provider"
    PASSKEY = "passkey"


MULTIPLE_FACTORS = "mfa"
"""RFC 8176: more than one factor was checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """How a person showed who they are; kept with the session and in what they accept."""

    method: Method
    provider: str | None
    """Issuer identifier of the provider; None where this registry checked by itself."""
    amr: tuple[str, ...]
    """Authentication method references (RFC 8176)."""
    acr: str | None
    """Authentication context class, as the provider stated it."""
    at: datetime
    """When the person was there: as the provider stated it (`auth_time`), else when it was checked here."""
    stated: bool = False
    """Whether the provider stated that time."""

    @property
    def second_factor(self) -> bool:
        """Whether more than one factor was checked."""
        return MULTIPLE_FACTORS in self.amr


@dataclass(frozen=True, slots=True, kw_only=True)
class ActingAccount:
    """A machine that asks: it has no person's rights of its own, and accepts nothing."""

    id: UUID
    name: str
    sponsor_id: UUID
    """The person who answers for it."""
    organisation_id: UUID | None = None
    """Whose covers let it in; None: the acceptances of its sponsor do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who is asking, and how they showed it; anonymous is a valid principal.

    A service account is no person: `person_id` is None, so that whatever needs a person refuses it.
    """

    person_id: UUID | None = None
    account: ActingAccount | None = None
    channel: Channel = Channel.ANONYMOUS
    scopes: frozenset[Scope] = frozenset()
    is_operator: bool = False
    session_id: str | None = None
    """Digest of the web session."""
    token_id: UUID | None = None
    signed_in_at: datetime | None = None
    """When the person last showed who they are in this session, not when the session began to be used."""
    proof: "Proof | None" = None
    """How they showed it; of a web session only."""
    country: str | None = None
    """Where the request comes from, by the operator's database of addresses; None: not known."""

    @property
    def answering_id(self) -> UUID | None:
        """Whose roles, grants and blocks count: the person's own, or those of the account's sponsor."""
        return self.account.sponsor_id if self.account else self.person_id

    def may(self, scope: Scope) -> bool:
        """Whether the credential reaches as far as `scope`; what the person may is another matter."""
        return scope in self.scopes


ANONYMOUS = Principal()


def how_signed_in(amr: Sequence[str], provider: str | None) -> str:
    """Return the ways in which somebody showed who they are, in words."""
    ways = []
    if provider is not None:
        ways.append(f"an account at {provider.partition('://')[2] or provider}")
    if "email" in amr and provider is None:
        ways.append("a link sent by e-mail")
    if {"hwk", "swk"} & set(amr) and "user" in amr:
        ways.append("a passkey")
    return " and ".join(ways) or "this registry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known of a person, opened for themself or for who may see it."""

    person_id: UUID
    email: str
    verified_at: datetime | None
    created_at: datetime
    restricted_at: datetime | None = None
    """Since when what is kept about them may only be stored."""


def nameless(person_id: UUID) -> str:
    """Return what others read in place of somebody who was erased, or whose data may only be stored."""
    return f"Person {str(person_id)[-12:]}, details not shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSummary:
    """An access token without its secret."""

    id: UUID
    name: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSummary:
    """A web session without its secret."""

    id: str
    created_at: datetime
    expires_at: datetime
    user_agent: str
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedLink:
    """A sign-in link that works here and now, as its page shows it."""

    email: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A fresh sign-in: the cookie's secret leaves once and is stored as a digest only."""

    person_id: UUID
    secret: str
    next_path: str
    waits_for_passkey: bool = False
    """Whether the session opens only after the person's passkey."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is to be told, in plain sentences; newlines never reach a header."""

    kind: str
    """Stable, kebab-case; names the template, so that a translation can take its place."""
    subject: str
    text: str
    page: str
    """Path on this registry where one acts or reads on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeView:
    """A notice, opened for its reader."""

    id: UUID
    message: Message
    at: datetime
    read_at: datetime | None


def new_secret() -> str:
    """Return 256 random bits, URL-safe."""
    return secrets.token_urlsafe(SECRET_BYTES)


def digest_of(secret: str) -> str:
    """Return the SHA-256 hex of a secret: what is stored and looked up in its place."""
    return hashlib.sha256(secret.encode()).hexdigest()


def normalise_email(text: str) -> str | None:
    """Return the address in the one form it is stored and compared in, or None if it is none.

    ASCII only, so that look-alike letters cannot pass for others; lower case throughout.
    """
    address = unicodedata.normalize("NFC", text.strip()).lower()
    local, _, _domain = address.rpartition("@")
    if len(address) > EMAIL_MAX_CHARACTERS or len(local) > 64 or not _EMAIL.match(address):
        return None
    return address


def safe_next(path: str | None) -> str:
    """Return `path` if it is a path of this site, else the start page (no open redirects)."""
    if not path or not path.startswith("/") or path.startswith(("//", "/\\")) or len(path) > 500:
        return "/"
    return "/" if any(ord(letter) < 0x21 or letter == "\\" for letter in path) else path


def judge_link(
    *,
    expires_at: datetime,
    used_at: datetime | None,
    bound_to: str | None,
    browser: str | None,
    now: datetime,
) -> Refusal | None:
    """Return why a sign-in link may not be used now, by this browser; None if it may."""
    if used_at is not None:
        return link_refusal("sign-in-link-used", "This sign-in link was already used")
    if now >= expires_at:
        return link_refusal("sign-in-link-expired", "This sign-in link has expired")
    if bound_to is not None and not (browser and secrets.compare_digest(bound_to, browser)):
        return Refusal(
            code="sign-in-link-other-browser",
            status=403,
            title="This link belongs to another browser",
            detail="A sign-in link works only in the browser that asked for it. You are not signed in here.",
            remedy=Remedy(text="Open the link in that browser, or ask for a new one here", url="/sign-in"),
        )
    return None


def link_refusal(code: str, title: str) -> Refusal:
    """Return the refusal of a link that cannot be used any more."""
    return Refusal(
        code=code,
        status=410 if code != "sign-in-link-unknown" else 404,
        title=title,
        detail="Links work once, within 15 minutes. You are not signed in.",
        remedy=Remedy(text="Ask for a new link", url="/sign-in"),
        decider="You do",
    )


def unknown_token() -> Refusal:
    """Return the refusal of a token that this registry did not issue, or not any more."""
    return Refusal(
        code="token-unknown",
        status=401,
        title="This token is not known to this registry",
        detail="It was never issued here, has expired or was revoked. A token of another site does not work here.",
        remedy=Remedy(text="Create a token of this registry, then use it", url="/settings/tokens"),
        decider="You do",
    )


def not_signed_in(next_path: str = "/") -> Refusal:
    """Return the refusal of an anonymous act that needs a person."""
    return Refusal(
        code="not-signed-in",
        status=401,
        title="You are not signed in here",
        detail="This takes a person who is signed in in a browser, or, where programs may do it, a token. Nothing happened.",
        remedy=Remedy(
            text="Sign in with a link sent to your e-mail address",
            url=f"/sign-in?next={quote(next_path, safe='/')}",
        ),
        decider="You do",
    )


def scope_missing(scope: Scope) -> Refusal:
    """Return the refusal of a token that does not reach far enough."""
    return Refusal(
        code="scope-missing",
        status=403,
        title=f"This token lacks the scope {scope.value}",
        detail="Tokens do only what they were created for. Nothing happened.",
        remedy=Remedy(text=f"Create a token with the scope {scope.value}", url="/settings/tokens"),
        decider="You do",
    )


def invalid_email(text: str) -> Refusal:
    """Return the refusal of something that is not an address; the text is not repeated."""
    del text
    return Refusal(
        code="invalid-email",
        status=422,
        title="That is not an e-mail address",
        detail="Expected something like name@example.org, in Latin letters without spaces.",
        remedy=Remedy(text="Check the address, then send the form again"),
        errors={"email": "Enter an address like name@example.org"},
    )


def too_many_links(until: datetime) -> Refusal:
    """Return the refusal of one more mail than is reasonable."""
    return Refusal(
        code="too-many-sign-in-links",
        status=429,
        title="Too many sign-in links were asked for",
        detail="To keep mailboxes usable, links are limited per address and per network. No mail was sent.",
        remedy=Remedy(text="Use the newest mail you have, or try again later"),
        until=until,
    )


def judge_new_token(name: str, scopes: frozenset[Scope], days: int, existing: int) -> Refusal | None:
    """Return why a token may not be created as asked; None if it may."""
    errors = {}
    if not 1 <= len(name.strip()) <= 60 or any(ord(letter) < 0x20 for letter in name):
        errors["name"] = "Give it a name of 1 to 60 characters, such as “laptop”"
    if not scopes:
        errors["scopes"] = "Choose at least one scope"
    if days not in TOKEN_LIFETIMES_DAYS:
        errors["days"] = "Choose one of the offered lifetimes"
    if existing >= TOKENS_PER_PERSON:
        errors["name"] = f"You have {existing} tokens; revoke one you no longer need first"
    if not errors:
        return None
    return Refusal(
        code="invalid-token-request",
        status=422,
        title="The token was not created",
        detail="Some fields need mending.",
        remedy=Remedy(text="Mend the marked fields, then send the form again"),
        errors=errors,
    )
