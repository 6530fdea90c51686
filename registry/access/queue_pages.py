"""`/manage/{publisher}/requests`: the requests that wait for a publisher's reviewers, and their kept texts."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Redirect
from sqlmodel import Session

from registry import identity
from registry.access import queue_views as views
from registry.access import request_reading, service, templates
from registry.access.queue_views import QueueAsked
from registry.access.reading import record_request_look
from registry.access.request_page_views import PAGE_REQUESTS
from registry.access.request_pages import office_of
from registry.access.request_store import QueueFilter
from registry.identity.domain import not_signed_in
from registry.identity.visits import Desk, Form, Visit
from registry.kernel.outcomes import Refusal
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse

Word = Annotated[str, QueryParameter(max_length=32)]
State = Annotated[str, QueryParameter(name="state", max_length=32)]


class QueuePages(Controller):
    """The queue of one publisher."""

    path = "/manage/{publisher:str}/requests"
    include_in_schema = False

    @get("/", operation_id="show_queue")
    async def show(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        shown: State = "waiting",
        assigned: Word = "",
        age: Word = "",
        after: FromQuery[UUID | None] = None,
    ) -> Response[Any]:
        """Show the requests that fit, oldest first; the look is recorded."""
        visit = await desk.visits.begin(request)
        if visit.principal.session_id is None:
            return refuse(request, not_signed_in(visit.page.path))
        asked = QueueAsked(publisher=publisher, state=shown, assigned=assigned, age=age, after=after)
        return await _show(request, desk, visit, asked, None)

    @post("/templates", operation_id="add_answer_template_by_form", status_code=303)
    async def add(
        self, request: AnyRequest, desk: NamedDependency[Desk], publisher: FromPath[str]
    ) -> Response[Any]:
        """Keep a text for answers."""
        visit, form = await desk.visits.read_own_form(request, back_to=f"/manage/{publisher}/requests")
        if isinstance(form, Refusal):
            return refuse(request, form)
        office = office_of(desk, visit.principal)
        outcome = await desk.database.write(
            lambda session: templates.add_template(
                session, office, publisher=publisher, title=form.text("title"), text=form.text("text")
            )
        )
        if isinstance(outcome, Refusal) and outcome.status == 422:
            return await _show(request, desk, visit, QueueAsked(publisher=publisher), (form, outcome))
        return _back(request, outcome, publisher)

    @post(
        "/templates/{template_id:uuid}/remove", operation_id="remove_answer_template_by_form", status_code=303
    )
    async def remove(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        template_id: FromPath[UUID],
    ) -> Response[Any]:
        """Remove a kept text."""
        visit, form = await desk.visits.read_own_form(request, back_to=f"/manage/{publisher}/requests")
        if isinstance(form, Refusal):
            return refuse(request, form)
        office = office_of(desk, visit.principal)
        outcome = await desk.database.write(
            lambda session: templates.remove_template(
                session, office, publisher=publisher, template_id=template_id
            )
        )
        return _back(request, outcome, publisher)


async def _show(
    request: AnyRequest, desk: Desk, visit: Visit, asked: QueueAsked, failed: tuple[Form, Refusal] | None
) -> Response[Any]:
    office = office_of(desk, visit.principal)

    def load(session: Session) -> Any:
        found = request_reading.open_queue(session, office, asked.publisher)
        if isinstance(found, Refusal):
            return found
        wanted = QueueFilter(
            publisher_id=found.id,
            states=views.states_of(asked.state),
            assigned_to=visit.principal.person_id if asked.assigned == "me" else None,
            unassigned=asked.assigned == "nobody",
            sent_before=office.now - timedelta(days=int(asked.age)) if asked.age in views.AGES else None,
        )
        lines = request_reading.list_queue(session, wanted, after=asked.after, limit=PAGE_REQUESTS + 1)
        named = {line.person_id for line in lines} | {line.assigned_to for line in lines if line.assigned_to}
        return found.id, views.queue_view(
            found,
            service.roles_at(session, found, principal=visit.principal),
            lines,
            asked=asked,
            people=identity.open_shown(session, person_ids=sorted(named), sealer=desk.sealer),
            kept=templates.list_templates(session, found.id),
            waiting=request_reading.count_waiting(session, found.id),
            reader=visit.principal.person_id,
            failed=failed,
            now=office.now,
        )

    loaded = await desk.database.read(load)
    if isinstance(loaded, Refusal):
        return refuse(request, loaded)
    publisher_id, view = loaded
    await record_request_look(desk, visit.principal, publisher_id=publisher_id)
    html = desk.pages.render("manage/requests.html", page=visit.page, view=view)
    return respond(html, status_code=422 if failed else 200)


def _back(request: AnyRequest, outcome: object, publisher: str) -> Response[Any]:
    if isinstance(outcome, Refusal):
        return refuse(request, outcome)
    return Redirect(f"/manage/{publisher}/requests#texts", status_code=303)
