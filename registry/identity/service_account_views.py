"""What the pages of service accounts show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from registry.identity.domain import TOKEN_LIFETIMES_DAYS, Scope, TokenSummary
from registry.identity.organisation_domain import OrganisationView
from registry.identity.service_account_domain import (
    ACCOUNT_SCOPES,
    NAME_MAX_CHARACTERS,
    PAGE,
    SERVICE_PREFIX,
    AccountView,
)
from registry.identity.views import CreatedToken, TokenRow, token_row
from registry.kernel.page_parts import Badge, Command, FieldKind, FormField, Option, Shape, Tone

ONESELF = "oneself"
"""Value of the owner's field where the account stands on its sponsor alone."""
_MAY = {
    Scope.READ: "download what the account is covered for",
    Scope.PUBLISH: "publish releases where you are a maintainer",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A form as it was sent."""

    fields: Mapping[str, str] = field(default_factory=dict)
    scopes: frozenset[Scope] = frozenset({Scope.READ})
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLine:
    """A service account in the list."""

    name: str
    url: str
    whose: str
    created_at: datetime
    state: Badge


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsView:
    """`identity/service_accounts.html`."""

    accounts: Sequence[AccountLine]
    name: FormField
    owner: FormField
    post_url: str = PAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPageView:
    """`identity/service_account.html`."""

    name: str
    id: str
    whose: str
    state: Badge
    stands_on: str
    created: CreatedToken | None
    tokens: Sequence[TokenRow]
    may_make: bool
    token_name: FormField
    scopes: Sequence[Option]
    scopes_error: str | None
    expiry: FormField
    commands: Sequence[Command]
    token_url: str
    suspend_url: str | None
    resume_url: str | None
    take_over_url: str | None
    end_url: str | None


def list_view(
    accounts: Sequence[AccountView], organisations: Sequence[OrganisationView], draft: Draft
) -> AccountsView:
    """Return the accounts that somebody manages, and the form of a new one."""
    owners = [
        Option(value=ONESELF, label="Me alone: what I accepted counts", chosen=False),
        *(
            Option(value=str(one.id), label=f"{one.name}: what its officers accept counts", chosen=False)
            for one in organisations
            if one.is_officer
        ),
    ]
    return AccountsView(
        accounts=[
            AccountLine(
                name=one.name,
                url=f"{PAGE}/{one.id}",
                whose=one.organisation or "Yours alone",
                created_at=one.created_at,
                state=state_of(one),
            )
            for one in accounts
        ],
        name=FormField(
            name="name",
            label="Name",
            value=draft.fields.get("name", "")[:NAME_MAX_CHARACTERS],
            why="Small letters, digits and “-”, such as “training-cluster”. Records show it.",
            error=draft.errors.get("name"),
            max_characters=NAME_MAX_CHARACTERS,
        ),
        owner=FormField(
            name="owner",
            label="Whose is it?",
            kind=FieldKind.SELECT,
            value=draft.fields.get("owner", ONESELF if len(owners) == 1 else ""),
            why="It downloads what that one’s acceptances cover, as long as they do.",
            error=draft.errors.get("owner"),
            options=owners,
        ),
    )


def account_view(
    account: AccountView,
    tokens: Sequence[TokenSummary],
    draft: Draft,
    *,
    created: tuple[TokenSummary, str] | None,
    base_url: str,
    now: datetime,
) -> AccountPageView:
    """Return one account with its tokens and what may be done to it."""
    here = f"{PAGE}/{account.id}"
    live = account.ended_at is None
    days = draft.fields.get("days", "90")
    return AccountPageView(
        name=account.name,
        id=str(account.id),
        whose=account.organisation or "Yours alone",
        state=state_of(account),
        stands_on=(
            f"It downloads what an officer of {account.organisation} has accepted for the organisation, and stops at "
            "once when that ends."
            if account.organisation
            else "It downloads what you have accepted, and stops at once when you take that back."
        ),
        created=_created(created),
        tokens=[token_row(row, now, prefix=SERVICE_PREFIX, page=f"{here}/tokens") for row in tokens],
        may_make=account.is_sponsor and account.works,
        token_name=FormField(
            name="name",
            label="Name",
            value=draft.fields.get("name", "")[:60],
            why="Where it is used, such as “cluster”.",
            error=draft.errors.get("name"),
            max_characters=60,
        ),
        scopes=[
            Option(value=scope.value, label=scope.value, detail=_MAY[scope], chosen=scope in draft.scopes)
            for scope in ACCOUNT_SCOPES
        ],
        scopes_error=draft.errors.get("scopes"),
        expiry=FormField(
            name="days",
            label="Lifetime",
            kind=FieldKind.SELECT,
            value=days,
            error=draft.errors.get("days"),
            options=[
                Option(value=str(one), label=f"{one} days", chosen=str(one) == days)
                for one in TOKEN_LIFETIMES_DAYS
            ],
        ),
        commands=[
            Command(label="Any tool made for the Hub", text=f"export HF_ENDPOINT={base_url} HF_TOKEN=…"),
        ],
        token_url=f"{here}/tokens",
        suspend_url=f"{here}/suspend" if live and account.suspended_at is None else None,
        resume_url=f"{here}/resume" if live and account.suspended_at is not None else None,
        take_over_url=f"{here}/take-over" if live and not account.is_sponsor else None,
        end_url=f"{here}/end" if live else None,
    )


def state_of(account: AccountView) -> Badge:
    """Return how an account stands."""
    if account.ended_at is not None:
        return Badge(word="Ended", shape=Shape.ENDED)
    if account.organisation_stopped:
        return Badge(word="Its organisation is stopped", shape=Shape.CLOSED, tone=Tone.STOP)
    if account.suspended_at is not None:
        return Badge(word="Suspended", shape=Shape.CLOSED, tone=Tone.STOP)
    if account.orphaned:
        return Badge(word="Its sponsor has left", shape=Shape.WARNING, tone=Tone.STOP)
    return Badge(word="In force", shape=Shape.DONE, tone=Tone.OK)


def _created(created: tuple[TokenSummary, str] | None) -> CreatedToken | None:
    if created is None:
        return None
    summary, secret = created
    return CreatedToken(name=summary.name, token=secret, scopes=summary.scopes, expires_at=summary.expires_at)
