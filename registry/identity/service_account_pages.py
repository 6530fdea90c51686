"""The settings pages of service accounts: for sponsors, and for officers of their organisation."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from registry.identity import organisations
from registry.identity import service_account_views as views
from registry.identity import service_accounts as service
from registry.identity.device_pages import to_sign_in
from registry.identity.domain import Channel, Principal, Scope, TokenSummary
from registry.identity.service_account_domain import PAGE, AccountView, NewToken, malformed_account
from registry.identity.visits import Desk, Visit
from registry.kernel.outcomes import Refusal
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse

Act = Callable[..., AccountView | Refusal]


class ServiceAccountPages(Controller):
    """Making accounts and their tokens, and ending them."""

    path = PAGE
    include_in_schema = False

    @get("/", operation_id="show_service_accounts")
    async def index(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """List the accounts that one manages, beside the form for a new one."""
        visit = await desk.visits.begin(request)
        if visit.principal.channel is not Channel.SESSION:
            return to_sign_in(visit)
        return await _show_list(request, desk, visit, views.Draft())

    @post("/", operation_id="make_service_account", status_code=303)
    async def make(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Make an account."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if visit.principal.channel is not Channel.SESSION:
            return to_sign_in(visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        owner = _read_owner(form.text("owner"))
        now = desk.clock.now()
        made = (
            owner
            if isinstance(owner, Refusal)
            else await desk.database.write(
                lambda session: service.make_account(
                    session,
                    name=form.text("name"),
                    organisation_id=owner,
                    principal=visit.principal,
                    now=now,
                )
            )
        )
        if isinstance(made, Refusal):
            if made.status != 422:
                return refuse(request, made)
            draft = views.Draft(fields=form.fields, errors=made.errors)
            return await _show_list(request, desk, visit, draft)
        return Redirect(f"{PAGE}/{made.id}", status_code=303)

    @get("/{account_id:uuid}", operation_id="show_service_account")
    async def show(
        self, request: AnyRequest, desk: NamedDependency[Desk], account_id: FromPath[UUID]
    ) -> Response[Any]:
        """Show one account with its tokens."""
        visit = await desk.visits.begin(request)
        if visit.principal.channel is not Channel.SESSION:
            return to_sign_in(visit)
        return await _show_one(request, desk, visit, account_id, views.Draft())

    @post("/{account_id:uuid}/tokens", operation_id="make_service_token", status_code=200)
    async def make_token(
        self, request: AnyRequest, desk: NamedDependency[Desk], account_id: FromPath[UUID]
    ) -> Response[Any]:
        """Make a token and show it this once."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if visit.principal.channel is not Channel.SESSION:
            return to_sign_in(visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        scopes = frozenset(Scope(word) for word in form.lists.get("scopes", ()) if word in set(Scope))
        days = form.text("days")
        asked = NewToken(
            name=form.text("name"),
            scopes=scopes,
            days=int(days) if days.isdecimal() and len(days) < 5 else 0,
        )
        now = desk.clock.now()
        made = await desk.database.write(
            lambda session: service.create_token(
                session, account_id, asked=asked, principal=visit.principal, now=now
            )
        )
        if isinstance(made, Refusal):
            if made.status != 422:
                return refuse(request, made)
            draft = views.Draft(fields=form.fields, scopes=scopes, errors=made.errors)
            return await _show_one(request, desk, visit, account_id, draft)
        return await _show_one(request, desk, visit, account_id, views.Draft(), created=made)

    @post(
        "/{account_id:uuid}/tokens/{token_id:uuid}/revoke",
        operation_id="revoke_service_token",
        status_code=303,
    )
    async def revoke_token(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        account_id: FromPath[UUID],
        token_id: FromPath[UUID],
    ) -> Response[Any]:
        """End one token at once."""

        def act(session: Session, account: UUID, **given: Any) -> AccountView | Refusal:
            return service.revoke_token(session, account, token_id=token_id, **given)

        return await _change(request, desk, account_id, act)

    @post("/{account_id:uuid}/{act:str}", operation_id="change_service_account_page", status_code=303)
    async def change(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        account_id: FromPath[UUID],
        act: FromPath[service.Act],
    ) -> Response[Any]:
        """Suspend, resume, take over or end the account."""

        def work(session: Session, account: UUID, **given: Any) -> AccountView | Refusal:
            return service.change(session, account, act=act, **given)

        return await _change(request, desk, account_id, work)


def _read_owner(text: str) -> UUID | Refusal | None:
    """Return the organisation that the form names; None where the sponsor alone stands for the account."""
    if text == views.ONESELF:
        return None
    try:
        return UUID(text)
    except ValueError:
        return malformed_account({"owner": "Choose whose it is"})


async def _change(request: AnyRequest, desk: Desk, account_id: UUID, act: Act) -> Response[Any]:
    """Do what a form about an account asks, and show the account again."""
    visit = await desk.visits.begin(request)
    form = await desk.visits.read_form(request, visit)
    if visit.principal.channel is not Channel.SESSION:
        return to_sign_in(visit)
    if isinstance(form, Refusal):
        return refuse(request, form)
    now = desk.clock.now()
    outcome = await desk.database.write(
        lambda session: act(session, account_id, principal=visit.principal, now=now)
    )
    if isinstance(outcome, Refusal):
        return refuse(request, outcome)
    return Redirect(f"{PAGE}/{account_id}", status_code=303)


async def _show_list(request: AnyRequest, desk: Desk, visit: Visit, draft: views.Draft) -> Response[Any]:
    now, principal = desk.clock.now(), visit.principal

    def load(session: Session) -> views.AccountsView | Refusal:
        accounts = service.list_accounts(session, principal=principal, now=now)
        if isinstance(accounts, Refusal):
            return accounts
        own = organisations.list_organisations(session, principal=principal, now=now)
        return views.list_view(accounts, own, draft)

    view = await desk.database.read(load)
    if isinstance(view, Refusal):
        return refuse(request, view)
    html = desk.pages.render("identity/service_accounts.html", page=visit.page, view=view)
    return respond(html, status_code=422 if draft.errors else 200)


async def _show_one(
    request: AnyRequest,
    desk: Desk,
    visit: Visit,
    account_id: UUID,
    draft: views.Draft,
    *,
    created: tuple[TokenSummary, str] | None = None,
) -> Response[Any]:
    now, principal = desk.clock.now(), visit.principal
    loaded = await desk.database.read(
        lambda session: _load_one(session, account_id, principal=principal, desk=desk)
    )
    if isinstance(loaded, Refusal):
        return refuse(request, loaded)
    account, tokens = loaded
    view = views.account_view(
        account, tokens, draft, created=created, base_url=desk.settings.base_url, now=now
    )
    html = desk.pages.render("identity/service_account.html", page=visit.page, view=view)
    return respond(html, status_code=422 if draft.errors else 200)


def _load_one(
    session: Session, account_id: UUID, *, principal: Principal, desk: Desk
) -> tuple[AccountView, list[TokenSummary]] | Refusal:
    now = desk.clock.now()
    account = service.get_account(session, account_id, principal=principal, now=now)
    tokens = service.list_tokens(session, account_id, principal=principal, now=now)
    if isinstance(account, Refusal):
        return account
    return tokens if isinstance(tokens, Refusal) else (account, list(tokens))
