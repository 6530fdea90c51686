"""Pages of accepting: the text beside the form, the receipt, withdrawal."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect
from sqlmodel import Session

from registry import catalog, ledger
from registry.acceptances import accept_views, service, views
from registry.acceptances.accept_form import (
    FORM_MAX_FIELDS,
    read_answers,
    read_capacity,
    read_commands,
    read_own_act,
    read_tickets,
)
from registry.acceptances.accept_page import Shown, load, load_again
from registry.acceptances.acceptor import Acceptor, PostedForm
from registry.acceptances.declaration import CHALLENGE_SECRET
from registry.acceptances.domain import AcceptanceSummary, AcceptLicense, Ticket, judge_actor, judge_readiness
from registry.acceptances.receipt_page import JustNow, receipt_view
from registry.acceptances.sd_jwt import TYP
from registry.acceptances.sharing import share_view
from registry.acceptances.together import merge_questions
from registry.catalog.domain import GateMode, ModelView, model_url
from registry.identity.domain import not_signed_in
from registry.identity.visits import Desk, Form, Visit
from registry.identity.webauthn import WebAuthn
from registry.kernel.outcomes import CorruptRecord, Refusal
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse
from registry.kernel.telemetry import ACCEPTANCES


class AcceptPages(Controller):
    """`/{publisher}/{model}/accept`: the most important page of the product."""

    include_in_schema = False

    @get("/{publisher:str}/{model:str}/accept", operation_id="show_acceptance_form")
    async def show(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        webauthn: NamedDependency[WebAuthn],
        publisher: FromPath[str],
        model: FromPath[str],
        license: FromQuery[str] = "",  # noqa: A002 - the name in the address
        organisation: FromQuery[UUID | None] = None,
    ) -> Response[Any]:
        """Show all that is missing beside an empty form, for the person or for an organisation of theirs."""
        visit = await desk.visits.begin(request)
        now = desk.clock.now()
        loaded = await desk.database.read(
            lambda session: load(
                session,
                visit.principal,
                publisher=publisher,
                name=model,
                wanted=license or None,
                organisation_id=organisation,
                now=now,
                contact=desk.settings.contact,
            )
        )
        if isinstance(loaded, Refusal):
            return refuse(request, loaded)
        if judge_actor(visit.principal, loaded.texts[0].offer) is not None:
            return Redirect(f"/sign-in?next={quote(visit.page.path, safe='/')}", status_code=303)
        most = timedelta(hours=desk.settings.acceptance_sign_in_hours)
        if not_ready := judge_readiness(
            visit.principal,
            has_email=visit.email is not None,
            most=most,
            page=visit.page.path,
            now=desk.clock.now(),
        ):
            assert not_ready.remedy is not None and not_ready.remedy.url is not None  # noqa: S101, PT018 - always there
            return Redirect(not_ready.remedy.url, status_code=303)
        return _page(desk, visit, loaded, views.Draft(), webauthn)

    @post("/{publisher:str}/{model:str}/accept", operation_id="accept_license_by_form", status_code=303)
    async def accept(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        keys: NamedDependency[ledger.KeyRing],
        acceptor: NamedDependency[Acceptor],
        webauthn: NamedDependency[WebAuthn],
        publisher: FromPath[str],
        model: FromPath[str],
    ) -> Response[Any]:
        """Record the acceptance of all texts shown and lead to a receipt, or show the form again with what to mend."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit, max_fields=FORM_MAX_FIELDS)
        if isinstance(form, Refusal):
            return refuse(request, form)
        reviewed = False
        own = read_own_act(form, desk.sealer.derive_secret(CHALLENGE_SECRET), webauthn)

        def read(found: ModelView, asking: Sequence[ModelView]) -> Sequence[AcceptLicense]:
            nonlocal reviewed
            reviewed = found.gate.mode is GateMode.MANUAL
            return read_commands(form, asking, request, signed=own is not None)

        tickets = read_tickets(form, desk.sealer.derive_secret(service.TICKET_SECRET))

        outcome = await acceptor.accept(
            PostedForm(
                publisher=publisher,
                model=model,
                principal=visit.principal,
                sign=lambda payload: keys.sign_jws(payload, {"typ": TYP}),
                read=read,
                tickets=tickets,
                own=own,
            )
        )
        if isinstance(outcome, Refusal):
            return await show_again(
                request, desk, visit, form, tickets, outcome, model_url(publisher, model), webauthn
            )
        ACCEPTANCES.inc(len(outcome))
        first, *rest = outcome
        if reviewed:
            return Redirect(f"{model_url(publisher, model)}/request?accepted={first.id}", status_code=303)
        also = "".join(f"&also={one.id}" for one in rest)
        towards = (
            ""
            if len(outcome) == 1 and _is_of(first, publisher, model)
            else f"&towards={quote(f'{publisher}/{model}', safe='/')}"
        )
        return Redirect(f"/records/{first.id}?new=1{also}{towards}", status_code=303)


class ReceiptPages(Controller):
    """`/records/{id}`: the receipt of one acceptance."""

    include_in_schema = False

    @get("/records/{acceptance_id:uuid}", operation_id="show_receipt")
    async def show(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        acceptance_id: FromPath[UUID],
        new: FromQuery[int] = 0,
        also: FromQuery[list[UUID] | None] = None,
        towards: FromQuery[str] = "",
    ) -> Response[Any]:
        """Show the statement, its evidence and where it stands in the log; after the act, what else it brought about."""
        visit = await desk.visits.begin(request)
        now = desk.clock.now()
        view = await desk.database.read(
            lambda session: receipt_view(
                session,
                acceptance_id,
                visit,
                sealer=desk.sealer,
                base_url=desk.settings.base_url,
                act=JustNow(also=also or (), towards=towards) if new else None,
                now=now,
            )
        )
        if isinstance(view, Refusal):
            if visit.principal.person_id is None:
                return refuse(request, not_signed_in(visit.page.path))
            return refuse(request, view)
        if not view.owner:
            await desk.database.write(lambda session: note_receipt_look(session, acceptance_id, visit, now))
        return respond(desk.pages.render("acceptances/receipt.html", page=visit.page, view=view))

    @get("/records/{acceptance_id:uuid}/share", operation_id="show_sharing")
    async def share(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        acceptance_id: FromPath[UUID],
        show: FromQuery[list[str] | None] = None,
        chosen: FromQuery[int] = 0,
    ) -> Response[Any]:
        """Let the acceptor choose what a proof shows, and say what it proves then."""
        visit = await desk.visits.begin(request)
        names = frozenset(show or ()) if chosen else None
        view = await desk.database.read(
            lambda session: share_view(session, acceptance_id, visit, sealer=desk.sealer, chosen=names)
        )
        if isinstance(view, Refusal):
            if visit.principal.person_id is None:
                return refuse(request, not_signed_in(visit.page.path))
            return refuse(request, view)
        return respond(desk.pages.render("acceptances/share.html", page=visit.page, view=view))

    @post(
        "/records/{acceptance_id:uuid}/withdraw", operation_id="withdraw_acceptance_by_form", status_code=303
    )
    async def withdraw(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        acceptance_id: FromPath[UUID],
    ) -> Response[Any]:
        """End the right that rests on the acceptance, at once."""
        visit, form = await desk.visits.read_own_form(request, back_to=f"/records/{acceptance_id}")
        if isinstance(form, Refusal):
            return refuse(request, form)
        now = desk.clock.now()
        outcome = await desk.database.write(
            lambda session: service.withdraw(
                session, acceptance_id=acceptance_id, principal=visit.principal, now=now
            )
        )
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        return Redirect(f"/records/{acceptance_id}", status_code=303)


def note_receipt_look(session: Session, acceptance_id: UUID, visit: Visit, now: datetime) -> None:
    """Record that somebody else than the acceptor looks at a receipt."""
    found = service.get_acceptance(session, acceptance_id)
    publisher = catalog.find_publisher(session, found.publisher) if found else None
    if found is None or publisher is None or isinstance(publisher, Refusal):
        raise CorruptRecord(f"acceptance {acceptance_id} has no publisher whose records it is in")
    catalog.record_look(
        session,
        catalog.Looked.RECEIPT,
        principal=visit.principal,
        publisher_id=publisher.id,
        subject_id=found.person_id,
        now=now,
    )


def _is_of(one: AcceptanceSummary, publisher: str, model: str) -> bool:
    return (one.publisher.lower(), one.model.lower()) == (publisher.lower(), model.lower())


def _page(
    desk: Desk, visit: Visit, shown: Shown, draft: views.Draft, webauthn: WebAuthn, *, status: int = 200
) -> Response[Any]:
    secret = desk.sealer.derive_secret(service.TICKET_SECRET)
    view = accept_views.accept_view(
        shown,
        visit,
        draft,
        retention=desk.settings.retention,
        secret=secret,
        now=desk.clock.now(),
        offers_passkeys=webauthn.offered,
    )
    html = desk.pages.render("acceptances/accept.html", page=visit.page, view=view)
    return respond(html, status_code=status)


async def show_again(
    request: AnyRequest,
    desk: Desk,
    visit: Visit,
    form: Form,
    tickets: Sequence[Ticket | None],
    refusal: Refusal,
    model: str,
    webauthn: WebAuthn,
) -> Response[Any]:
    """Show the form again; what was typed stays."""
    if refusal.status not in {409, 422}:
        return refuse(request, refusal)
    publisher, _, name = model.strip("/").partition("/")
    capacity, now = read_capacity(form), desk.clock.now()
    loaded = await desk.database.read(
        lambda session: load_again(
            session,
            visit.principal,
            publisher=publisher,
            name=name,
            tickets=tickets,
            refusal=refusal,
            organisation_id=capacity.organisation_id if capacity else None,
            now=now,
            contact=desk.settings.contact,
        )
    )
    if isinstance(loaded, Refusal):
        return refuse(request, refusal)
    draft = views.Draft(
        typed_name=form.text("typed_name"),
        answers=read_answers(form, merge_questions(loaded.asking)),
        officer_title=capacity.title if capacity else "",
        refusal=refusal,
    )
    return _page(desk, visit, loaded, draft, webauthn, status=refusal.status)
