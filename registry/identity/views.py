"""What the identity templates are given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from registry.identity.domain import (
    TOKEN_LIFETIMES_DAYS,
    TOKEN_PREFIX,
    OfferedLink,
    Scope,
    SessionSummary,
    TokenSummary,
)
from registry.identity.oauth_domain import LoginSummary
from registry.identity.oauth_views import SCOPE_DETAILS, LoginRow, login_row
from registry.identity.way_views import PasskeyAsk, ProviderButton
from registry.kernel.outcomes import Refusal
from registry.kernel.page_parts import Badge, Command, FieldKind, FormField, Notice, Option, Shape, Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInView:
    """`identity/sign_in.html`."""

    email: FormField
    next: str
    notice: Notice | None
    minutes: int
    providers: Sequence[ProviderButton]
    passkey: PasskeyAsk | None
    post_url: str = "/sign-in"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSentView:
    """`identity/link_sent.html`."""

    email: str
    minutes: int
    again_url: str
    outbox_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmView:
    """`identity/confirm_link.html`."""

    state: str
    token: str | None
    email: str | None = None
    expires_at: datetime | None = None
    post_url: str = "/sign-in/link"
    again_url: str = "/sign-in"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenDraft:
    """The form for a new token as it was sent."""

    name: str = ""
    scopes: frozenset[Scope] = frozenset({Scope.READ})
    days: str = "90"
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedToken:
    """A new token, shown this once."""

    name: str
    token: str
    scopes: Sequence[str]
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """A token in the list."""

    name: str
    prefix: str
    scopes: Sequence[str]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    state: Badge
    revoke_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensView:
    """`identity/tokens.html`."""

    created: CreatedToken | None
    tokens: Sequence[TokenRow]
    logins: Sequence[LoginRow]
    name: FormField
    scopes: Sequence[Option]
    scopes_error: str | None
    expiry: FormField
    commands: Sequence[Command]
    post_url: str = "/settings/tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A web session in the list."""

    browser: str
    started_at: datetime
    expires_at: datetime
    current: bool
    revoke_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsView:
    """`identity/sessions.html`."""

    sessions: Sequence[SessionRow]
    revoke_others_url: str | None


def sign_in_view(
    *,
    email: str,
    next_path: str,
    minutes: int,
    error: str | None,
    notice: Notice | None,
    providers: Sequence[ProviderButton],
    passkey: PasskeyAsk | None,
) -> SignInView:
    """Return the sign-in form; what was typed stays."""
    return SignInView(
        email=FormField(
            name="email",
            label="Your e-mail address",
            kind=FieldKind.EMAIL,
            value=email[:254],
            error=error,
            autocomplete="email",
        ),
        next=next_path,
        notice=notice,
        minutes=minutes,
        providers=providers,
        passkey=passkey,
    )


def confirm_view(*, token: str, found: OfferedLink | Refusal) -> ConfirmView:
    """Return the page behind a mailed link, by what the link is worth here and now."""
    if isinstance(found, OfferedLink):
        return ConfirmView(state="ready", token=token, email=found.email, expires_at=found.expires_at)
    return ConfirmView(state=found.code.removeprefix("sign-in-link-"), token=None)


def tokens_view(
    rows: Sequence[TokenSummary],
    *,
    draft: TokenDraft,
    logins: Sequence[LoginSummary],
    created: tuple[TokenSummary, str] | None,
    base_url: str,
    now: datetime,
) -> TokensView:
    """Return the token page."""
    shown = None
    if created is not None:
        summary, secret = created
        shown = CreatedToken(
            name=summary.name, token=secret, scopes=summary.scopes, expires_at=summary.expires_at
        )
    return TokensView(
        created=shown,
        tokens=[token_row(row, now) for row in rows],
        logins=[login_row(login, now=now) for login in logins],
        name=FormField(
            name="name",
            label="Name",
            value=draft.name[:60],
            why="So that you recognise it later, such as “laptop”.",
            error=draft.errors.get("name"),
            max_characters=60,
        ),
        scopes=[
            Option(value=scope.value, label=scope.value, detail=detail, chosen=scope in draft.scopes)
            for scope, detail in SCOPE_DETAILS.items()
        ],
        scopes_error=draft.errors.get("scopes"),
        expiry=FormField(
            name="days",
            label="Lifetime",
            kind=FieldKind.SELECT,
            value=draft.days,
            error=draft.errors.get("days"),
            options=[
                Option(value=str(days), label=f"{days} days", chosen=str(days) == draft.days)
                for days in TOKEN_LIFETIMES_DAYS
            ],
        ),
        commands=[
            Command(label="Gatehouse's own client", text=f"gatehouse login --endpoint {base_url}"),
            Command(label="Any tool made for the Hub", text=f"export HF_ENDPOINT={base_url} HF_TOKEN=…"),
        ],
    )


def token_row(
    row: TokenSummary, now: datetime, *, prefix: str = TOKEN_PREFIX, page: str = "/settings/tokens"
) -> TokenRow:
    """Return a token as the list of a page shows it."""
    live = row.revoked_at is None and now < row.expires_at
    if live:
        state = Badge(word="In force", shape=Shape.DONE, tone=Tone.OK)
    elif row.revoked_at is not None:
        state = Badge(word="Revoked", shape=Shape.ENDED)
    else:
        state = Badge(word="Expired", shape=Shape.ENDED)
    return TokenRow(
        name=row.name,
        prefix=prefix,
        scopes=[scope.value for scope in row.scopes],
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        state=state,
        revoke_url=f"{page}/{row.id}/revoke" if live else None,
    )


def sessions_view(rows: Sequence[SessionSummary], *, current: str, now: datetime) -> SessionsView:
    """Return the sessions that are open; this browser's first."""
    live = [row for row in rows if row.revoked_at is None and now < row.expires_at]
    live.sort(key=lambda row: row.id != current)
    return SessionsView(
        sessions=[
            SessionRow(
                browser=row.user_agent or "unknown browser",
                started_at=row.created_at,
                expires_at=row.expires_at,
                current=row.id == current,
                revoke_url=None if row.id == current else f"/settings/sessions/{row.id}/revoke",
            )
            for row in live
        ],
        revoke_others_url="/settings/sessions/others/revoke" if len(live) > 1 else None,
    )
