"""Pages of accepting: the text beside the form, the receipt, withdrawal."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect
from markupsafe import Markup
from sqlmodel import Session

from registry import catalog, ledger
from registry.acceptances import service, views
from registry.acceptances.accept_page import Shown, load, load_again
from registry.acceptances.acceptor import Acceptor, PostedForm
from registry.acceptances.domain import (
    AcceptLicense,
    Capacity,
    Context,
    Ticket,
    judge_actor,
    judge_readiness,
    read_ticket,
    write_ticket,
)
from registry.acceptances.receipt_page import receipt_view
from registry.acceptances.sd_jwt import TYP
from registry.catalog import markdown
from registry.catalog.cards import GatePrompt
from registry.catalog.domain import GateMode, ModelView, model_url
from registry.identity.domain import how_signed_in, not_signed_in
from registry.identity.visits import Desk, Form, Visit
from registry.kernel.clock import parse_iso
from registry.kernel.outcomes import CorruptRecord, Refusal
from registry.kernel.page_parts import Difference
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse
from registry.kernel.telemetry import ACCEPTANCES
from registry.licenses import reading


class AcceptPages(Controller):
    """`/{publisher}/{model}/accept`: the most important page of the product."""

    include_in_schema = False

    @get("/{publisher:str}/{model:str}/accept", operation_id="show_acceptance_form")
    async def show(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        model: FromPath[str],
        license: FromQuery[str] = "",  # noqa: A002 - the name in the address
        organisation: FromQuery[UUID | None] = None,
    ) -> Response[Any]:
        """Show the whole text beside an empty form, for the person or for an organisation of theirs."""
        visit = await desk.visits.begin(request)
        now = desk.clock.now()
        loaded = await desk.database.read(
            lambda session: load(
                session,
                visit,
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
        if judge_actor(visit.principal, loaded.offer) is not None:
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
        return _page(desk, visit, loaded, views.Draft())

    @post("/{publisher:str}/{model:str}/accept", operation_id="accept_license_by_form", status_code=303)
    async def accept(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        keys: NamedDependency[ledger.KeyRing],
        acceptor: NamedDependency[Acceptor],
        publisher: FromPath[str],
        model: FromPath[str],
    ) -> Response[Any]:
        """Record the acceptance and lead to its receipt, or show the form again with what to mend."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        reviewed = False

        def read(found: ModelView) -> AcceptLicense:
            nonlocal reviewed
            reviewed = found.gate.mode is GateMode.MANUAL
            return read_command(form, found, request)

        outcome = await acceptor.accept(
            PostedForm(
                publisher=publisher,
                model=model,
                principal=visit.principal,
                sign=lambda payload: keys.sign_jws(payload, {"typ": TYP}),
                read=read,
            )
        )
        if not isinstance(outcome, Refusal):
            ACCEPTANCES.inc()
            if reviewed:
                return Redirect(
                    f"{model_url(publisher, model)}/request?accepted={outcome.id}", status_code=303
                )
            return Redirect(f"/records/{outcome.id}?new=1", status_code=303)
        return await self._again(request, desk, visit, form, outcome, publisher, model)

    async def _again(
        self,
        request: AnyRequest,
        desk: Desk,
        visit: Visit,
        form: Form,
        refusal: Refusal,
        publisher: str,
        model: str,
    ) -> Response[Any]:
        """Show the form again; what was typed stays."""
        if refusal.status not in {409, 422}:
            return refuse(request, refusal)
        ticket = read_ticket(form.text("ticket"), desk.sealer.derive_secret(service.TICKET_SECRET))
        capacity, now = read_capacity(form), desk.clock.now()
        loaded = await desk.database.read(
            lambda session: load_again(
                session,
                visit,
                publisher=publisher,
                name=model,
                ticket=ticket,
                refusal=refusal,
                organisation_id=capacity.organisation_id if capacity else None,
                now=now,
                contact=desk.settings.contact,
            )
        )
        if isinstance(loaded, Refusal):
            return refuse(request, refusal)
        command = read_command(form, loaded.model, request)
        draft = views.Draft(
            typed_name=command.typed_name,
            answers=command.answers,
            officer_title=capacity.title if capacity else "",
            refusal=refusal,
        )
        return _page(desk, visit, loaded, draft, status=refusal.status)


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
    ) -> Response[Any]:
        """Show the statement, its evidence and where it stands in the log."""
        visit = await desk.visits.begin(request)
        now = desk.clock.now()
        view = await desk.database.read(
            lambda session: receipt_view(
                session,
                acceptance_id,
                visit,
                sealer=desk.sealer,
                new=bool(new),
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
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        if visit.principal.session_id is None:
            return refuse(request, not_signed_in(f"/records/{acceptance_id}"))
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


def read_command(form: Form, model: ModelView, request: AnyRequest) -> AcceptLicense:
    """Return the act that a posted form states."""
    return AcceptLicense(
        ticket=form.text("ticket"),
        text_sha256=form.text("text_sha256"),
        agreed=form.text("declaration") == "on",
        typed_name=form.text("typed_name"),
        answers={
            question.key: form.text(views.answer_name(index))
            for index, question in enumerate(model.gate.fields)
            if views.answer_name(index) in form.fields
        },
        context=Context(
            ip_address=request.client.host if request.client else "",
            user_agent=request.headers.get("user-agent", ""),
            request_id=str(request.scope.get("request_id", "")),
        ),
        capacity=read_capacity(form),
        end_reached_ms=_milliseconds(form.text("end_reached_ms")),
        client_at=_moment(form.text("client_at")),
    )


def read_capacity(form: Form) -> Capacity | None:
    """Return for which organisation the form was sent; None: for the person themself."""
    try:
        organisation_id = UUID(form.text("capacity"))
    except ValueError:
        return None
    return Capacity(
        organisation_id=organisation_id,
        authorised=form.text("authorised") == "on",
        title=form.text("officer_title"),
    )


def _milliseconds(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None


def _moment(text: str) -> datetime | None:
    try:
        return parse_iso(text[:40])
    except (ValueError, OverflowError):
        return None


def _page(desk: Desk, visit: Visit, shown: Shown, draft: views.Draft, *, status: int = 200) -> Response[Any]:
    principal = visit.principal
    now = desk.clock.now()
    assert principal.person_id is not None  # noqa: S101 - judge_actor has seen to it
    ticket = Ticket(
        person_id=principal.person_id,
        session_id=principal.session_id or "",
        gate_revision_id=shown.offer.gate_revision_id,
        license_version_id=shown.version.id,
        text_sha256=shown.version.sha256,
        presented_at=now,
    )
    view = views.accept_view(
        offer=shown.offer,
        version=shown.version,
        text=reading.document_text(shown.version),
        policies=[
            views.PolicyShown(
                title=policy.title, url=policy.url, sha256=policy.sha256, text=reading.policy_text(policy)
            )
            for policy in shown.policies
        ],
        earlier=_difference(shown),
        person=views.Signer(
            label=visit.email or "",
            through=how_signed_in(principal.proof.amr, principal.proof.provider)
            if principal.proof
            else "a link sent by e-mail",
            since=principal.signed_in_at or now,
        ),
        prompt=views.prompt_of(shown.gating, _prompt_html(shown.gating)),
        questions=shown.model.gate.fields,
        is_reviewed=shown.model.gate.mode is GateMode.MANUAL,
        hidden=views.Hidden(
            ticket=write_ticket(ticket, desk.sealer.derive_secret(service.TICKET_SECRET)),
            text_sha256=shown.version.sha256,
            form_digest=shown.model.gate.form_digest,
        ),
        draft=draft,
        organisation=shown.organisation,
        others=shown.others,
    )
    html = desk.pages.render("acceptances/accept.html", page=visit.page, view=view)
    return respond(html, status_code=status)


def _difference(shown: Shown) -> tuple[str, Difference] | None:
    if shown.earlier is None:
        return None
    return shown.earlier_says, reading.difference(shown.earlier, shown.version)


def _prompt_html(gating: GatePrompt) -> Markup | None:
    texts = [text for text in (gating.description, gating.prompt) if text]
    if not texts:
        return None
    return Markup(markdown.render("\n\n".join(texts), top_level=4).html)  # noqa: S704 - sanitised by render
