"""Pages of access requests: ask for access, one's own requests, the trail of one request and its moves."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect
from sqlmodel import Session

from registry import acceptances, identity
from registry.access import request_page_views as views
from registry.access import request_reading, requesting, templates
from registry.access.reading import read_span, record_request_look
from registry.access.request_page_views import Act, AskShown
from registry.access.request_refusals import no_such_request
from registry.access.request_views import Office, RequestView
from registry.access.transitions import SENDS, Actor, Cause, Move, RequestEvent, RequestState
from registry.catalog.domain import ModelView, model_url
from registry.catalog.refusals import malformed
from registry.identity.domain import Channel, Principal, not_signed_in
from registry.identity.visits import Desk, Form, Visit
from registry.kernel.outcomes import Refusal
from registry.kernel.page_parts import Option
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse

_TO_ACCEPT = frozenset(
    {"license-not-accepted", "acceptance-outdated", "acceptance-withdrawn", "cover-not-acknowledged"}
)
_UNDER_REVIEW = frozenset({RequestState.SUBMITTED, RequestState.IN_REVIEW})


def office_of(desk: Desk, principal: Principal) -> Office:
    """Return what the use cases of requests work with, for this caller and moment."""
    return Office(
        principal=principal, sealer=desk.sealer, base_url=desk.settings.base_url, now=desk.clock.now()
    )


class AskPages(Controller):
    """`/{publisher}/{model}/request`: what a review is, and the form of a request."""

    include_in_schema = False

    @get("/{publisher:str}/{model:str}/request", operation_id="show_request_form")
    async def show(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        model: FromPath[str],
        kept: FromQuery[int] = 0,
        accepted: FromQuery[UUID | None] = None,
    ) -> Response[Any]:
        """Show the form, filled in with what the person wrote before."""
        visit = await desk.visits.begin(request)
        office = office_of(desk, visit.principal)
        loaded = await desk.database.read(lambda session: load_ask(session, office, publisher, model))
        if isinstance(loaded, Refusal):
            return _elsewhere(request, visit, loaded)
        found, asked, shown = loaded
        if asked is not None and asked.state in _UNDER_REVIEW:
            return Redirect(f"/requests/{asked.id}", status_code=303)
        filled = AskShown(
            answers=shown.answers, note=shown.note, source=shown.source, kept=bool(kept), accepted=accepted
        )
        return _ask_page(desk, visit, found, asked, filled)

    @post("/{publisher:str}/{model:str}/request", operation_id="ask_by_form", status_code=303)
    async def ask(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        model: FromPath[str],
    ) -> Response[Any]:
        """Send the request or keep it as a draft; show the form again with what to mend."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        office, as_draft = office_of(desk, visit.principal), form.text("do") == "draft"

        def work(session: Session) -> RequestView | tuple[ModelView, RequestView | None, AskShown] | Refusal:
            opened = requesting.open_asking(session, office, publisher=publisher, model=model)
            if isinstance(opened, Refusal):
                return opened
            answers = _read_answers(form, opened[0])
            outcome = requesting.ask(
                session,
                office,
                publisher=publisher,
                model=model,
                answers=answers,
                note=form.text("note"),
                as_draft=as_draft,
            )
            if not isinstance(outcome, Refusal) or outcome.status != 422:
                return outcome
            return (*opened, AskShown(answers=answers, note=form.text("note"), refusal=outcome))

        outcome = await desk.database.write(work)
        if isinstance(outcome, Refusal):
            return _elsewhere(request, visit, outcome)
        if isinstance(outcome, RequestView):
            kept = f"{model_url(publisher, model)}/request?kept=1"
            return Redirect(kept if as_draft else f"/requests/{outcome.id}", status_code=303)
        return _ask_page(desk, visit, *outcome, status=422)


class RequestPages(Controller):
    """`/requests`: one's own, and the trail of one."""

    include_in_schema = False

    @get("/requests", operation_id="show_requests")
    async def index(
        self, request: AnyRequest, desk: NamedDependency[Desk], after: FromQuery[UUID | None] = None
    ) -> Response[Any]:
        """Show the person's own requests, newest first."""
        visit = await desk.visits.begin(request)
        if visit.principal.channel is not Channel.SESSION:
            return refuse(request, not_signed_in(visit.page.path))
        office = office_of(desk, visit.principal)
        lines = await desk.database.read(
            lambda session: request_reading.list_own(
                session, office, after=after, limit=views.PAGE_REQUESTS + 1
            )
        )
        if isinstance(lines, Refusal):
            return refuse(request, lines)
        view = views.own_view(lines, after=after)
        return respond(desk.pages.render("requests/index.html", page=visit.page, view=view))

    @get("/requests/{request_id:uuid}", operation_id="show_request")
    async def show(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        request_id: FromPath[UUID],
        event: FromQuery[str] = "",
        template: FromQuery[UUID | None] = None,
    ) -> Response[Any]:
        """Show what happened to a request and what may be done; a reviewer's look is recorded."""
        visit = await desk.visits.begin(request)
        if visit.principal.channel is not Channel.SESSION:
            return refuse(request, not_signed_in(visit.page.path))
        office = office_of(desk, visit.principal)
        act = None
        if event in set(RequestEvent):
            text = ""
            if template is not None:
                text = await desk.database.read(
                    lambda session: templates.find_text(session, office, request_id, template)
                )
            act = Act(event=RequestEvent(event), fields={"note": text})
        return await _show(request, desk, visit, request_id, act)

    @post("/requests/{request_id:uuid}/{event:str}", operation_id="move_request_by_form", status_code=303)
    async def move(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        request_id: FromPath[UUID],
        event: FromPath[str],
    ) -> Response[Any]:
        """Do with the request what its table allows, and show it again."""
        visit, form = await desk.visits.read_own_form(request, back_to=f"/requests/{request_id}")
        if isinstance(form, Refusal):
            return refuse(request, form)
        wanted = read_move(event, form.fields)
        if wanted is None:
            return refuse(request, no_such_request())
        office = office_of(desk, visit.principal)
        if isinstance(wanted, Refusal):
            outcome: RequestView | Refusal = wanted
        else:
            given = wanted
            outcome = await desk.database.write(
                lambda session: requesting.move(session, office, request_id=request_id, wanted=given)
            )
        if isinstance(outcome, Refusal) and outcome.status == 422:
            act = Act(event=RequestEvent(event), fields=form.fields, errors=outcome.errors)
            return await _show(request, desk, visit, request_id, act)
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        return Redirect(f"/requests/{request_id}", status_code=303)


def read_move(event: str, fields: Mapping[str, str]) -> Move | Refusal | None:
    """Return the move that a form or a body states; None if there is no such event."""
    if event not in set(RequestEvent):
        return None
    named = RequestEvent(event)
    moment: datetime | None = None
    if text := fields.get("until", "").strip():
        # A last day counts whole; a first day from its beginning.
        ends = named is RequestEvent.APPROVE
        span = read_span("", text) if ends else read_span(text, "")
        if isinstance(span, Refusal):
            return malformed("The day cannot be read", {"until": "Write a day, such as 2027-01-31"})
        moment = span[1] if ends else span[0]
    reason = fields.get("reason", "")
    return Move(
        event=named,
        note=fields.get("note", ""),
        reason=Cause(reason) if reason in set(Cause) else None,
        until=moment,
    )


def load_ask(
    session: Session, office: Office, publisher: str, name: str
) -> tuple[ModelView, RequestView | None, AskShown] | Refusal:
    """Return the model, the open request there, and what the form is filled in with."""
    opened = requesting.open_asking(session, office, publisher=publisher, model=name)
    if isinstance(opened, Refusal):
        return opened
    model, asked = opened
    if asked is not None and asked.draft is not None:
        shown = AskShown(
            answers=asked.draft.answers, note=asked.draft.note, source="Filled in with your draft."
        )
        return model, asked, shown
    sent = next((step for step in reversed(asked.steps) if step.event in SENDS), None) if asked else None
    if sent is not None:
        shown = AskShown(answers=sent.answers, note=sent.note, source="Filled in with what you sent before.")
        return model, asked, shown
    wanted = acceptances.Filter(gate_ids=[model.gate.id], person_id=office.principal.person_id)
    newest = acceptances.list_opened(
        session, wanted, sealer=office.sealer, reader=office.principal.person_id, limit=1
    )
    if newest and newest[0].answers:
        source = (
            "Filled in with the answers of your newest acceptance here. Change what is not right any more."
        )
        return model, asked, AskShown(answers=newest[0].answers, source=source)
    return model, asked, AskShown()


def _read_answers(form: Form, model: ModelView) -> dict[str, str]:
    return {
        question.key: form.text(acceptances.answer_name(index))
        for index, question in enumerate(model.gate.fields)
        if acceptances.answer_name(index) in form.fields
    }


def _elsewhere(request: AnyRequest, visit: Visit, refusal: Refusal) -> Response[Any]:
    """Lead to what comes first: signing in, accepting; else say why there is nothing to ask."""
    if refusal.status == 401:
        return Redirect(f"/sign-in?next={quote(visit.page.path, safe='/')}", status_code=303)
    if refusal.code in _TO_ACCEPT and refusal.remedy is not None and refusal.remedy.url:
        return Redirect(refusal.remedy.url, status_code=303)
    return refuse(request, refusal)


def _ask_page(
    desk: Desk,
    visit: Visit,
    model: ModelView,
    asked: RequestView | None,
    shown: AskShown,
    *,
    status: int = 200,
) -> Response[Any]:
    policy = request_reading.policy_of(model)
    view = views.ask_view(
        model, asked, policy, shown, contact=desk.settings.contact, retention=desk.settings.retention
    )
    html = desk.pages.render("requests/ask.html", page=visit.page, view=view)
    return respond(html, status_code=status)


async def _show(
    request: AnyRequest, desk: Desk, visit: Visit, request_id: UUID, act: Act | None
) -> Response[Any]:
    office = office_of(desk, visit.principal)
    reader = visit.principal.person_id

    def load(session: Session) -> Any:
        found = request_reading.get_request(session, office, request_id)
        if isinstance(found, Refusal):
            return found
        reviews = Actor.REVIEWER in found.seen_as and reader != found.person_id
        named = (found.person_id, found.assigned_to, *(step.actor_id for step in found.steps))
        people = {person for person in named if person is not None}
        wanted = acceptances.Filter(gate_ids=[found.model.gate.id], person_id=found.person_id)
        accepted = acceptances.list_opened(session, wanted, sealer=desk.sealer, limit=5) if reviews else ()
        offered = templates.list_templates(session, found.model.publisher_id) if reviews else ()
        return found, views.request_view(
            found,
            reader=reader,
            people=identity.open_shown(
                session, person_ids=sorted(people) if reviews else [], sealer=desk.sealer
            ),
            accepted=accepted,
            templates=[Option(value=str(item.id), label=item.title) for item in offered],
            act=act,
            contact=desk.settings.contact,
        )

    loaded = await desk.database.read(load)
    if isinstance(loaded, Refusal):
        return refuse(request, loaded)
    found, view = loaded
    if reader != found.person_id:
        await record_request_look(
            desk,
            visit.principal,
            publisher_id=found.model.publisher_id,
            subject_id=found.person_id,
        )
    html = desk.pages.render("requests/show.html", page=visit.page, view=view)
    return respond(html, status_code=422 if act is not None and act.errors else 200)
