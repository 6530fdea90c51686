"""`/manage/{publisher}/webhooks`: a publisher's webhooks, for its owners and maintainers."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect
from sqlmodel import Session

from registry import access
from registry.catalog.domain import Command
from registry.identity.domain import not_signed_in
from registry.identity.visits import Desk, Form, Visit
from registry.kernel.outcomes import Refusal
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse
from registry.webhooks import refusals, service, views
from registry.webhooks.service import WebhookView, Wish
from registry.webhooks.views import Draft

MALFORMED = "webhook-malformed"


class WebhookPages(Controller):
    """Addresses that hear of what happens at a publisher: how they stand, what was sent, and the buttons."""

    path = "/manage/{publisher:str}/webhooks"
    include_in_schema = False

    @get("/", operation_id="show_webhooks")
    async def index(
        self, request: AnyRequest, desk: NamedDependency[Desk], publisher: FromPath[str]
    ) -> Response[Any]:
        """List the webhooks, and show the form for another."""
        visit = await desk.visits.begin(request)
        return await _show_all(request, desk, visit, publisher, Draft())

    @post("/", operation_id="add_webhook_by_form", status_code=200)
    async def add(
        self, request: AnyRequest, desk: NamedDependency[Desk], publisher: FromPath[str]
    ) -> Response[Any]:
        """Add a webhook; the page that answers shows its secret, and no later one does."""
        visit, form = await desk.visits.read_own_form(request, back_to=refusals.page_of(publisher))
        if isinstance(form, Refusal):
            return refuse(request, form)
        draft = _draft(form)
        given = _given(desk, visit)
        made = await desk.database.write(
            lambda session: service.add_webhook(session, given, publisher=publisher, wish=draft.wish)
        )
        if isinstance(made, Refusal):
            if made.code != MALFORMED:
                return refuse(request, made)
            return await _show_all(request, desk, visit, publisher, _mend(draft, made))
        return await _show(request, desk, visit, publisher, made.row.id, secret=made.secret)

    @get("/{webhook_id:uuid}", operation_id="show_webhook")
    async def show(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        webhook_id: FromPath[UUID],
        after: FromQuery[UUID | None] = None,
    ) -> Response[Any]:
        """Say how a webhook stands, and what was sent to it."""
        visit = await desk.visits.begin(request)
        return await _show(request, desk, visit, publisher, webhook_id, after=after)

    @post("/{webhook_id:uuid}/{act:str}", operation_id="keep_webhook", status_code=200)
    async def act(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        webhook_id: FromPath[UUID],
        act: FromPath[str],
    ) -> Response[Any]:
        """Change it, switch it on or off, make a new secret, send a test message, or delete it."""
        page = refusals.page_of(publisher, webhook_id)
        visit, form = await desk.visits.read_own_form(request, back_to=page)
        if isinstance(form, Refusal):
            return refuse(request, form)
        work = _work(publisher, act, form)
        if isinstance(work, Refusal):
            return refuse(request, work)
        given = _given(desk, visit)
        outcome = await desk.database.write(
            lambda session: work(session, given, publisher=publisher, webhook_id=webhook_id)
        )
        if isinstance(outcome, Refusal):
            if outcome.code != MALFORMED or act != "change":
                return refuse(request, outcome)
            draft = _mend(_draft(form), outcome)
            return await _show(request, desk, visit, publisher, webhook_id, draft=draft)
        if isinstance(outcome, WebhookView) and outcome.secret is not None:
            return await _show(request, desk, visit, publisher, webhook_id, secret=outcome.secret)
        return Redirect(refusals.page_of(publisher) if act == "end" else page, status_code=303)

    @post(
        "/{webhook_id:uuid}/deliveries/{delivery_id:uuid}/replay",
        operation_id="replay_webhook_delivery_by_form",
        status_code=303,
    )
    async def replay(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        webhook_id: FromPath[UUID],
        delivery_id: FromPath[UUID],
    ) -> Response[Any]:
        """Send a message again."""
        page = refusals.page_of(publisher, webhook_id)
        visit, form = await desk.visits.read_own_form(request, back_to=page)
        if isinstance(form, Refusal):
            return refuse(request, form)
        given = _given(desk, visit)
        sent = await desk.database.write(
            lambda session: service.replay(
                session, given, publisher=publisher, webhook_id=webhook_id, delivery_id=delivery_id
            )
        )
        return refuse(request, sent) if isinstance(sent, Refusal) else Redirect(page, status_code=303)


def _given(desk: Desk, visit: Visit) -> service.Desk:
    return service.Desk.of(desk.settings, principal=visit.principal, sealer=desk.sealer, clock=desk.clock)


def _draft(form: Form) -> Draft:
    return Draft(
        url=form.text("url").strip(),
        events=form.lists.get("events", ()),
        models=form.text("models"),
        hub_secret=form.text("hub_secret"),
    )


def _mend(draft: Draft, refusal: Refusal) -> Draft:
    return replace(draft, errors=refusal.errors)


def _work(publisher: str, act: str, form: Form) -> Callable[..., object] | Refusal:
    """Return the use case behind a button; an address that is none of the page's buttons changes nothing."""
    match act:
        case "change":
            wish = _draft(form).wish
            # An empty field says nothing about a secret that is never shown.
            keeps = not wish.hub_secret and form.text("no_hub_secret") != "on"
            return partial(service.change_webhook, wish=replace(wish, hub_secret=None) if keeps else wish)
        case "on" | "off":
            return partial(service.change_webhook, wish=Wish(on=act == "on"))
        case "rotate":
            hours = form.text("overlap_hours")
            if hours not in {str(one) for one in views.OVERLAPS}:
                return refusals.malformed({"overlap_hours": "not one of the choices"})
            return partial(service.rotate_secret, overlap_hours=int(hours))
        case "test":
            return service.try_webhook
        case "end":
            return service.end_webhook
        case _:
            return refusals.no_such_webhook(publisher)


async def _show_all(
    request: AnyRequest, desk: Desk, visit: Visit, publisher: str, draft: Draft
) -> Response[Any]:
    if visit.principal.session_id is None:
        return refuse(request, not_signed_in(visit.page.path))
    given = _given(desk, visit)

    def load(session: Session) -> SimpleNamespace | Refusal:
        allowed = access.open_head(session, publisher, Command.KEEP_WEBHOOK, principal=visit.principal)
        if isinstance(allowed, Refusal):
            return allowed
        found = service.list_webhooks(session, given, publisher=publisher)
        return found if isinstance(found, Refusal) else views.webhooks_view(allowed[1], found, draft)

    view = await desk.database.read(load)
    if isinstance(view, Refusal):
        return refuse(request, view)
    page = desk.pages.render("manage/webhooks.html", page=visit.page, view=view)
    return respond(page, status_code=422 if draft.errors else 200)


async def _show(
    request: AnyRequest,
    desk: Desk,
    visit: Visit,
    publisher: str,
    webhook_id: UUID,
    *,
    draft: Draft | None = None,
    secret: str | None = None,
    after: UUID | None = None,
) -> Response[Any]:
    if visit.principal.session_id is None:
        return refuse(request, not_signed_in(visit.page.path))
    given = _given(desk, visit)

    def load(session: Session) -> SimpleNamespace | Refusal:
        allowed = access.open_head(session, publisher, Command.KEEP_WEBHOOK, principal=visit.principal)
        if isinstance(allowed, Refusal):
            return allowed
        found = service.find_webhook(session, given, publisher=publisher, webhook_id=webhook_id)
        if isinstance(found, Refusal):
            return found
        sent = service.list_deliveries(
            session, given, publisher=publisher, webhook_id=webhook_id, after=after
        )
        if isinstance(sent, Refusal):
            return sent
        return views.webhook_view(
            allowed[1], found, sent, secret=secret, draft=draft, after=after, limit=service.PAGE_MOST
        )

    view = await desk.database.read(load)
    if isinstance(view, Refusal):
        return refuse(request, view)
    page = desk.pages.render("manage/webhook.html", page=visit.page, view=view)
    return respond(page, status_code=422 if draft else 200)
