"""Rules of the authorization server: clients, codes and their lifetimes, redirect addresses, errors."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit
from uuid import UUID

from registry.identity.domain import TOKEN_PREFIX, Scope, new_secret
from registry.kernel.outcomes import Refusal, Remedy

ACCESS_PREFIX = TOKEN_PREFIX + "oauth_"
CI_PREFIX = TOKEN_PREFIX + "ci_"
REFRESH_PREFIX = TOKEN_PREFIX + "refresh_"

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
CODE_GRANT = "authorization_code"
REFRESH_GRANT = "refresh_token"
EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"

DEVICE_LIFETIME = timedelta(minutes=10)
POLL_INTERVAL = timedelta(seconds=5)
POLL_STEP = timedelta(seconds=5)
"""By how much a program that polls too fast must slow down (RFC 8628 §3.5)."""
POLL_TOLERANCE = timedelta(seconds=1)
CODE_LIFETIME = timedelta(minutes=2)
CI_TOKEN_LIFETIME = timedelta(hours=1)
DEVICES_PER_NETWORK = 120
CODE_MISSES_PER_PERSON = 10
CODE_MISSES_PER_NETWORK = 50
RATE_WINDOW = timedelta(minutes=15)
KEPT_AFTER_END = timedelta(days=1)
"""How long codes that are over stay, so that a late second use is still told from a wrong code."""

USER_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so that no words arise, and no letter that looks like a digit (RFC 8628 §6.1)."""
USER_CODE_LENGTH = 8
_USER_CODE_NOISE = re.compile(r"[\s.\-\u2010-\u2015]+")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")
"""Base64url of a SHA-256 (RFC 7636 §4.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A program that may ask for tokens. All are public: none keeps a secret."""

    id: str
    name: str
    grants: frozenset[str]
    scopes: frozenset[Scope]
    access_lifetime: timedelta
    refresh_lifetime: timedelta = timedelta(days=30)
    redirect_path: str | None = None
    """Path on loopback that its browser sign-in comes back to; None where it has none."""


GATEHOUSE_CLIENT = Client(
    id="gatehouse-cli",
    name="gatehouse command line",
    grants=frozenset({DEVICE_GRANT, CODE_GRANT, REFRESH_GRANT}),
    scopes=frozenset(Scope),
    access_lifetime=timedelta(hours=8),
    redirect_path="/callback",
)
HUB_CLIENT = Client(
    id="26be6b09-91c5-47da-9861-d2d2bb7a7e36",  # huggingface_hub `DEVICE_CODE_OAUTH_CLIENT_ID`
    name="hf command line",
    grants=frozenset({DEVICE_GRANT, REFRESH_GRANT}),
    scopes=frozenset({Scope.READ}),
    # It refreshes whenever less than a day is left, so a shorter life would mean a refresh at each start.
    access_lifetime=timedelta(days=7),
)
_CLIENTS: Mapping[str, Client] = {client.id: client for client in (GATEHOUSE_CLIENT, HUB_CLIENT)}


def find_client(client_id: str | None) -> Client | None:
    """Return the client of this id."""
    return _CLIENTS.get(client_id or "")


class DeviceState(StrEnum):
    """What a poll is answered."""

    PENDING = "authorization_pending"
    APPROVED = "approved"
    DENIED = "access_denied"
    EXPIRED = "expired_token"
    USED = "invalid_grant"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingDevice:
    """A program that asks to be allowed, as the person who decides sees it."""

    client: Client
    scopes: tuple[Scope, ...]
    program: str
    network: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginSummary:
    """A program that a person has signed in."""

    id: UUID
    client_id: str
    name: str
    scopes: tuple[Scope, ...]
    kind: str
    network: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    ended_at: datetime | None
    end_reason: str | None


class EndReason(StrEnum):
    """Why the tokens of a login ended before their time."""

    REVOKED = "revoked"
    SIGNED_OUT = "signed-out"
    REUSED = "token-reused"


def new_user_code() -> str:
    """Return eight random letters: one in 25 thousand million."""
    return "".join(secrets.choice(USER_CODE_LETTERS) for _ in range(USER_CODE_LENGTH))


def show_user_code(code: str) -> str:
    """Return the code as people read it: `BCDF-GHJK`."""
    return f"{code[:4]}-{code[4:]}"


def read_user_code(text: str) -> str | None:
    """Return what was typed as a code; case, blanks and hyphens do not matter. None if it is none."""
    code = _USER_CODE_NOISE.sub("", text[:40]).upper()
    return code if len(code) == USER_CODE_LENGTH and set(code) <= set(USER_CODE_LETTERS) else None


def new_access_token(prefix: str = ACCESS_PREFIX) -> str:
    """Return an access token that its holder and secret scanners know by its prefix."""
    return prefix + new_secret()


def read_scopes(text: str | None, client: Client) -> tuple[Scope, ...] | None:
    """Return the scopes asked for, `read` where none are named; None if one may not be given to the client."""
    words = (text or "").split() or [Scope.READ.value]
    if any(word not in {scope.value for scope in client.scopes} for word in words):
        return None
    return tuple(sorted({Scope(word) for word in words}))


def is_loopback_redirect(uri: str, client: Client) -> bool:
    """Whether `uri` is the client's own address on this machine, at any port (RFC 8252 §7.3)."""
    if client.redirect_path is None or len(uri) > 300 or not uri.isascii():
        return False
    if any(ord(letter) <= 0x20 for letter in uri) or "\\" in uri:
        return False
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return False
    host = f"[{parts.hostname}]" if parts.hostname == "::1" else parts.hostname
    return (
        host in {"127.0.0.1", "[::1]"}
        and port is not None
        # Written out again: whatever a lenient parser let through differs here.
        and uri == f"http://{host}:{port}{client.redirect_path}"
    )


def is_s256_challenge(challenge: str, method: str) -> bool:
    """Whether the proof key is the digest of a verifier; a plain one would tell the code's reader all."""
    return method == "S256" and _CHALLENGE.match(challenge) is not None


def judge_device(
    *,
    expires_at: datetime,
    approved: bool | None,
    consumed_at: datetime | None,
    now: datetime,
) -> DeviceState:
    """Return where a device authorization stands."""
    if consumed_at is not None:
        return DeviceState.USED
    if now >= expires_at:
        return DeviceState.EXPIRED
    if approved is None:
        return DeviceState.PENDING
    return DeviceState.APPROVED if approved else DeviceState.DENIED


# --- refusals on pages --------------------------------------------------------------------------------------


def user_code_unknown() -> Refusal:
    """Return the refusal of a code for which nobody waits: mistyped, expired, decided or never given out."""
    return Refusal(
        code="user-code-unknown",
        status=404,
        title="No program waits with this code",
        detail="It may be mistyped, older than 10 minutes, or used already. Nothing was allowed.",
        remedy=Remedy(
            text="Compare it with what the program shows, or start the program again", url="/device"
        ),
        decider="You do",
        errors={"user_code": "No program waits with this code"},
    )


def too_many_codes(until: datetime) -> Refusal:
    """Return the refusal of more codes than a person mistypes."""
    return Refusal(
        code="too-many-user-codes",
        status=429,
        title="Too many wrong codes were typed",
        detail="To keep codes from being guessed, wrong ones are counted. Nothing was allowed.",
        remedy=Remedy(text="Wait a quarter of an hour, then type the code that the program shows then"),
        until=until,
    )


def too_many_devices(until: datetime) -> Refusal:
    """Return the refusal of more waiting programs than one network needs."""
    return Refusal(
        code="too-many-device-requests",
        status=429,
        title="Too many programs of this network wait to be allowed",
        detail="Sign-ins by code are limited per network. No code was given out.",
        remedy=Remedy(text="Wait a few minutes, or sign in with a token", url="/settings/tokens"),
        until=until,
    )


def authorization_refused(title: str) -> Refusal:
    """Return the refusal of a program's request that must not be sent back: its address is not proven."""
    return Refusal(
        code="authorization-request-invalid",
        status=400,
        title=title,
        detail="The program that sent you here asked in a way that this registry does not allow. "
        "Nothing was given to it, and you were not sent back.",
        remedy=Remedy(text="Go back to the program and report it to its makers"),
    )


# --- answers of the token endpoint (RFC 6749 §5.2) -----------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthAnswer:
    """What an OAuth endpoint answers."""

    status: int
    body: Mapping[str, object]

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers: nothing of it may be kept by caches (RFC 6749 §5.1)."""
        return {"Cache-Control": "no-store", "Pragma": "no-cache"}


_SAID = {
    "authorization_pending": "Nobody has decided yet; ask again after the interval",
    "slow_down": "Ask less often: five seconds more between two requests",
    "expired_token": "The code is older than 10 minutes; start again",
    "access_denied": "The person refused",
    "invalid_grant": "The code or token is unknown, used, expired or revoked; sign in again",
    "invalid_client": "No program of this client_id is known here",
    "invalid_scope": "The scope is unknown, or not for this program",
}


def oauth_error(error: str, said: str | None = None, *, status: int = 400) -> OAuthAnswer:
    """Return an error in the form of RFC 6749 §5.2."""
    described = said or _SAID.get(error)
    body: dict[str, object] = {"error": error}
    if described:
        body["error_description"] = described
    return OAuthAnswer(status=status, body=body)


def bearer_answer(
    *, access_token: str, lifetime: timedelta, scopes: Sequence[Scope], refresh_token: str | None = None
) -> dict[str, object]:
    """Return the successful answer of RFC 6749 §5.1."""
    body: dict[str, object] = {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": int(lifetime.total_seconds()),
        "scope": " ".join(sorted(scopes)),
    }
    if refresh_token is not None:
        body["refresh_token"] = refresh_token
    return body
