"""What the pages of programs that sign in are given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from registry.identity.domain import Scope
from registry.identity.oauth_domain import (
    DEVICE_LIFETIME,
    Client,
    EndReason,
    LoginSummary,
    WaitingDevice,
    read_user_code,
    show_user_code,
)
from registry.kernel.page_parts import Badge, Shape, Tone

SCOPE_DETAILS = {
    Scope.READ: "see models and download files you have the right to",
    Scope.PUBLISH: "publish releases and licenses where you are a maintainer",
    Scope.AUDIT: "read who accepted and who downloaded, where you may",
    Scope.REVIEW: "decide about requests for access, where you are a reviewer",
}
_END_WORDS = {
    "revoked": "Revoked",
    "signed-out": "Signed out",
    "token-reused": "Ended",
}
REUSED = "a token of it was used twice, so somebody may have copied it"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeView:
    """`identity/device_code.html`."""

    code: str
    error: str | None
    minutes: int = int(DEVICE_LIFETIME.total_seconds()) // 60
    post_url: str = "/device"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskingProgram:
    """Who asks, from where, for what: what a person checks before allowing."""

    name: str
    program: str
    network: str
    same_network: bool
    asked_at: datetime
    may: Sequence[str]
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    """`identity/device_check.html`."""

    code: str
    asks: AskingProgram
    post_url: str = "/device/decide"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedView:
    """`identity/device_done.html`."""

    allowed: bool
    name: str
    tokens_url: str = "/settings/tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentView:
    """`identity/consent.html`."""

    asks: AskingProgram
    goes_to: str
    fields: Mapping[str, str]
    """The program's request, sent back with the button and judged anew."""
    post_url: str = "/authorize"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnView:
    """`identity/return.html`."""

    allowed: bool
    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRow:
    """A signed-in program in the list."""

    name: str
    how: str
    network: str | None
    scopes: Sequence[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    state: Badge
    note: str | None
    revoke_url: str | None


def code_view(typed: str, *, error: str | None = None) -> CodeView:
    """Return the form for a code; what was typed stays, put into the usual form where it is a code."""
    code = read_user_code(typed)
    return CodeView(code=show_user_code(code) if code else typed[:20], error=error)


def check_view(waiting: WaitingDevice, *, typed: str, network: str) -> CheckView:
    """Return the page where a person allows or refuses; nothing on it is chosen beforehand."""
    return CheckView(
        code=show_user_code(read_user_code(typed) or ""),
        asks=asking_program(
            waiting.client,
            waiting.scopes,
            program=waiting.program,
            network=waiting.network,
            same_network=waiting.network == network,
            asked_at=waiting.created_at,
        ),
    )


def asking_program(
    client: Client,
    scopes: Sequence[Scope],
    *,
    program: str,
    network: str,
    same_network: bool,
    asked_at: datetime,
) -> AskingProgram:
    """Return who asks, in the words of the page."""
    return AskingProgram(
        name=client.name,
        program=program or "it does not say",
        network=network,
        same_network=same_network,
        asked_at=asked_at,
        may=[SCOPE_DETAILS[scope] for scope in scopes],
        days=client.refresh_lifetime.days,
    )


def login_row(login: LoginSummary, *, now: datetime) -> LoginRow:
    """Return a signed-in program as the token page lists it."""
    live = login.ended_at is None and (login.expires_at is None or now < login.expires_at)
    if live:
        state = Badge(word="In force", shape=Shape.DONE, tone=Tone.OK)
    elif login.ended_at is not None:
        state = Badge(word=_END_WORDS.get(login.end_reason or "", "Ended"), shape=Shape.ENDED)
    else:
        state = Badge(word="Expired", shape=Shape.ENDED)
    return LoginRow(
        name=login.name,
        how="by code" if login.kind == "device" else "in the browser",
        network=login.network,
        scopes=[scope.value for scope in login.scopes],
        created_at=login.created_at,
        expires_at=login.expires_at,
        last_used_at=login.last_used_at,
        state=state,
        note=REUSED if login.end_reason == EndReason.REUSED.value else None,
        revoke_url=f"/settings/logins/{login.id}/revoke" if live else None,
    )
