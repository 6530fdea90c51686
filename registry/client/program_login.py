"""Signing this program in by a code that a person allows in a browser, and renewing its tokens (RFC 8628, 6749 §6).

The registry gives an access token of some hours and a refresh token that works once. Whoever renews holds a
lock, so that of several commands at the same time only one uses it.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import httpx2

from registry.client.credentials import Account, Choice, CredentialFile
from registry.client.errors import ClientError, Malformed, NotSignedIn, Refused, Unavailable, printable
from registry.client.transport import CONNECT_TIMEOUT_SECONDS, USER_AGENT
from registry.client.wire import Fields, parse_json

CLIENT_ID = "gatehouse-cli"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
ANSWER_TIMEOUT_SECONDS = 30.0
RENEW_WHEN_LEFT = timedelta(hours=1)
"""Renewed so early that a long pull does not outlive its token."""
SLOWER_SECONDS = 5
INTERVAL_MAX_SECONDS = 60

Pause = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What a person needs to allow this program, and what it asks with meanwhile."""

    url: str
    code: str
    device_code: str
    interval_seconds: int
    until: float
    """On the monotonic clock."""

    def __repr__(self) -> str:
        return f"Waiting(url={self.url!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What the registry gave."""

    access: str
    refresh: str | None
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Tokens(expires_at={self.expires_at!r})"


def start(endpoint: str, *, scopes: str) -> Waiting:
    """Ask the registry for a code that a person can allow.

    Raises:
        ClientError: it gives none, or cannot be reached.
    """
    status, answer = _post(endpoint, "/oauth/device", {"client_id": CLIENT_ID, "scope": scopes})
    if status != 200:
        raise _refused(answer, "the registry does not sign programs in by a code")
    complete = answer.maybe_text("verification_uri_complete") or answer.text("verification_uri")
    # Opened in a browser, so it must be the registry's own.
    if not complete.startswith(endpoint + "/"):
        raise Malformed("the registry names a page elsewhere for signing in")
    return Waiting(
        url=printable(complete, limit=500),
        code=printable(answer.text("user_code"), limit=40),
        device_code=answer.text("device_code"),
        interval_seconds=min(answer.maybe_number("interval") or 5, INTERVAL_MAX_SECONDS),
        until=time.monotonic() + answer.number("expires_in"),
    )


def wait(endpoint: str, waiting: Waiting, *, pause: Pause = time.sleep) -> Tokens:
    """Ask until the person has decided.

    Raises:
        Refused: they refused, or the code has ended.
    """
    interval = waiting.interval_seconds
    fields = {"grant_type": DEVICE_GRANT, "device_code": waiting.device_code, "client_id": CLIENT_ID}
    while time.monotonic() < waiting.until:
        pause(interval)
        try:
            status, answer = _post(endpoint, "/oauth/token", fields)
        except (Unavailable, Malformed):
            continue  # whatever stood in the way may be over at the next try, until the code ends
        if status == 200:
            return _tokens(answer)
        error = answer.maybe_text("error")
        if error == "slow_down":
            interval = min(interval + SLOWER_SECONDS, INTERVAL_MAX_SECONDS)
        elif error == "access_denied":
            raise Refused("the sign-in was refused in the browser", code="access_denied")
        elif error == "expired_token":
            break
        elif error != "authorization_pending" and status < 500:
            raise _refused(answer, "the registry did not go on with the sign-in")
    raise Refused("nobody allowed the sign-in in time", advice=("Run gatehouse login again.",))


def renewed(choice: Choice, file: CredentialFile, *, now: Callable[[], datetime] | None = None) -> Choice:
    """Return `choice` with a token that works for a while; a kept token that ends soon is renewed and kept.

    Raises:
        NotSignedIn: the registry does not renew it any more.
        Unavailable: the registry cannot be reached and the token has ended.
    """
    clock = now or (lambda: datetime.now(UTC))
    account = file.find(choice.endpoint)
    if account is None or not _ends_soon(account, clock()):
        return choice
    with file.locked():
        # Another process may have renewed it while this one waited for the lock.
        account = file.find(choice.endpoint)
        if account is not None and _ends_soon(account, clock()):
            account = _renew(account, file, now=clock())
    return replace(choice, token=None if account is None else account.token)


def sign_out(account: Account) -> bool:
    """End the program's sign-in at the registry; False for a token that a person made, which stays.

    Raises:
        ClientError: the registry cannot be reached.
    """
    if account.refresh_token is None:
        return False
    status, answer = _post(
        account.endpoint, "/oauth/revoke", {"token": account.refresh_token, "client_id": CLIENT_ID}
    )
    if status != 200:
        raise _refused(answer, "the registry did not end the sign-in")
    return True


def with_tokens(account: Account, tokens: Tokens) -> Account:
    """Return `account` with the tokens that were given."""
    return replace(account, token=tokens.access, refresh_token=tokens.refresh, expires_at=tokens.expires_at)


def _renew(account: Account, file: CredentialFile, *, now: datetime) -> Account:
    fields = {
        "grant_type": "refresh_token",
        "refresh_token": account.refresh_token or "",
        "client_id": CLIENT_ID,
    }
    try:
        status, answer = _post(account.endpoint, "/oauth/token", fields)
    except Unavailable:
        if account.expires_at is not None and now < account.expires_at:
            return account
        raise
    if status != 200 and answer.maybe_text("error") == "invalid_grant":
        file.forget_token(account.endpoint)
        raise NotSignedIn(
            f"the sign-in at {account.endpoint} has ended",
            advice=("Sign in again: gatehouse login",),
            code="invalid_grant",
        )
    if status != 200:
        raise _refused(answer, "the registry did not renew the sign-in")
    fresh = with_tokens(account, _tokens(answer))
    file.keep(fresh, make_default=False)
    return fresh


def _ends_soon(account: Account, now: datetime) -> bool:
    return (
        account.refresh_token is not None
        and account.expires_at is not None
        and now > account.expires_at - RENEW_WHEN_LEFT
    )


def _tokens(answer: Fields) -> Tokens:
    lifetime = timedelta(seconds=answer.number("expires_in"))
    return Tokens(
        access=answer.text("access_token"),
        refresh=answer.maybe_text("refresh_token"),
        expires_at=datetime.now(UTC) + lifetime,
    )


def _post(endpoint: str, path: str, fields: Mapping[str, str]) -> tuple[int, Fields]:
    """Return status and JSON object of a form's answer; no token of ours goes with it, no redirect is followed."""
    timeout = httpx2.Timeout(ANSWER_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS)
    try:
        response = httpx2.post(
            endpoint + path,
            data=dict(fields),
            headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
            timeout=timeout,
            follow_redirects=False,
        )
    except httpx2.TransportError:
        raise Unavailable(
            f"the registry at {endpoint} cannot be reached",
            advice=("Check the address and the network, then try again.",),
        ) from None
    if response.status_code >= 500:
        raise Unavailable(f"the registry at {endpoint} is out of order", advice=("Try again later.",))
    return response.status_code, Fields(
        parse_json(response.content, what=f"the answer of {path}"), where=f"the answer of {path}"
    )


def _refused(answer: Fields, otherwise: str) -> ClientError:
    said = answer.value.get("error_description") or answer.value.get("detail") or answer.value.get("error")
    message = printable(said) if isinstance(said, str) else otherwise
    return Refused(message, advice=("Or use a token: gatehouse login --token",))
