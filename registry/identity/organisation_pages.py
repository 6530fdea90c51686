"""`/organisations`: the bodies that one belongs to, their domains and members; the proof of a domain."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect
from sqlmodel import Session

from registry.identity import organisation_views as views
from registry.identity import organisations, service
from registry.identity.domain import not_signed_in
from registry.identity.organisation_domain import RECORD_NOT_SEEN, Act, OrganisationView
from registry.identity.organisation_ending import change_organisation
from registry.identity.record_checker import RecordChecker
from registry.identity.visits import Desk, Form, Visit
from registry.kernel.outcomes import Refusal
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse


class OrganisationPages(Controller):
    """What members see of their organisations, and officers do."""

    path = "/organisations"
    include_in_schema = False

    @get("/", operation_id="show_organisations")
    async def index(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Show the organisations that one belongs to, and the form to found one."""
        visit = await desk.visits.begin(request)
        if visit.principal.person_id is None:
            return refuse(request, not_signed_in(visit.page.path))
        return await _show_list(desk, visit, views.Draft())

    @post("/", operation_id="found_organisation", status_code=303)
    async def found(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Found an organisation."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        now = desk.clock.now()
        outcome = await desk.database.write(
            lambda session: organisations.found_organisation(
                session, name=form.text("name"), principal=visit.principal, now=now
            )
        )
        if isinstance(outcome, Refusal):
            if outcome.status == 422:
                return await _show_list(desk, visit, views.Draft(fields=form.fields, errors=outcome.errors))
            return refuse(request, outcome)
        return Redirect(f"/organisations/{outcome.id}", status_code=303)

    @get("/{organisation_id:uuid}", operation_id="show_organisation")
    async def show(
        self, request: AnyRequest, desk: NamedDependency[Desk], organisation_id: FromPath[UUID]
    ) -> Response[Any]:
        """Show one organisation: what it has proved and, to officers, who belongs to it."""
        visit = await desk.visits.begin(request)
        return await _show(request, desk, visit, organisation_id, views.Draft())

    @post("/{organisation_id:uuid}/domains", operation_id="claim_domain", status_code=303)
    async def claim(
        self, request: AnyRequest, desk: NamedDependency[Desk], organisation_id: FromPath[UUID]
    ) -> Response[Any]:
        """Mail the link that proves a domain, or name the record that does."""
        now = desk.clock.now()
        return await _change(
            request,
            desk,
            organisation_id,
            lambda session, visit, form: organisations.claim_domain(
                session,
                organisation_id=organisation_id,
                domain=form.text("domain"),
                mailbox=None if form.text("how") == views.BY_RECORD else form.text("how"),
                principal=visit.principal,
                base_url=desk.settings.base_url,
                sealer=desk.sealer,
                now=now,
            ),
        )

    @post(
        "/{organisation_id:uuid}/domains/{domain_id:uuid}/check", operation_id="check_record", status_code=303
    )
    async def check(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        record_checker: NamedDependency[RecordChecker],
        organisation_id: FromPath[UUID],
        domain_id: FromPath[UUID],
    ) -> Response[Any]:
        """Look for the record that proves a domain; where it is not there yet, say so on the page."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        outcome = await record_checker.check(
            organisation_id=organisation_id, domain_id=domain_id, principal=visit.principal
        )
        if isinstance(outcome, Refusal):
            if outcome.code in RECORD_NOT_SEEN:
                return await _show(request, desk, visit, organisation_id, views.Draft(), refusal=outcome)
            return refuse(request, outcome)
        return Redirect(f"/organisations/{organisation_id}", status_code=303)

    @post("/{organisation_id:uuid}/members", operation_id="name_member", status_code=303)
    async def name(
        self, request: AnyRequest, desk: NamedDependency[Desk], organisation_id: FromPath[UUID]
    ) -> Response[Any]:
        """Make somebody a member or an officer."""
        now = desk.clock.now()
        return await _change(
            request,
            desk,
            organisation_id,
            lambda session, visit, form: organisations.name_member(
                session,
                organisation_id=organisation_id,
                email=form.text("email"),
                is_officer=form.text("officer") == "on",
                principal=visit.principal,
                sealer=desk.sealer,
                now=now,
            ),
        )

    @post(
        "/{organisation_id:uuid}/members/{person_id:uuid}/end", operation_id="end_membership", status_code=303
    )
    async def end(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        organisation_id: FromPath[UUID],
        person_id: FromPath[UUID],
    ) -> Response[Any]:
        """End a membership."""
        now = desk.clock.now()
        return await _change(
            request,
            desk,
            organisation_id,
            lambda session, visit, _form: organisations.end_membership(
                session,
                organisation_id=organisation_id,
                person_id=person_id,
                principal=visit.principal,
                now=now,
            ),
        )

    @post("/{organisation_id:uuid}/{act:str}", operation_id="change_organisation", status_code=303)
    async def stop(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        organisation_id: FromPath[UUID],
        act: FromPath[Act],
    ) -> Response[Any]:
        """Suspend, resume or end the organisation."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        now = desk.clock.now()
        outcome = await desk.database.write(
            lambda session: change_organisation(
                session, organisation_id, act=act, principal=visit.principal, now=now
            )
        )
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        ended = act is Act.END
        return Redirect("/organisations" if ended else f"/organisations/{organisation_id}", status_code=303)

    @get("/prove", operation_id="show_domain_proof")
    async def prove(
        self, request: AnyRequest, desk: NamedDependency[Desk], secret: FromQuery[str] = ""
    ) -> Response[Any]:
        """Say what the link would prove; opening it changes nothing."""
        visit = await desk.visits.begin(request)
        now = desk.clock.now()
        found = await desk.database.read(
            lambda session: organisations.find_claim(session, secret=secret, now=now)
        )
        if isinstance(found, Refusal):
            return refuse(request, found)
        view = views.ProofView(domain=found[0], organisation=found[1], secret=secret, done=False)
        return respond(desk.pages.render("identity/prove.html", page=visit.page, view=view))

    @post("/prove", operation_id="prove_domain", status_code=200)
    async def confirm(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Record that whoever reads the domain's mail confirms the claim."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        now = desk.clock.now()
        found = await desk.database.write(
            lambda session: organisations.prove_domain(session, secret=form.text("secret"), now=now)
        )
        if isinstance(found, Refusal):
            return refuse(request, found)
        view = views.ProofView(domain=found[0], organisation=found[1], secret="", done=True)
        return respond(desk.pages.render("identity/prove.html", page=visit.page, view=view))


async def _change(
    request: AnyRequest,
    desk: Desk,
    organisation_id: UUID,
    work: Callable[[Session, Visit, Form], OrganisationView | Refusal],
) -> Response[Any]:
    """Do what an officer's form asks, and show the organisation again."""
    visit = await desk.visits.begin(request)
    form = await desk.visits.read_form(request, visit)
    if isinstance(form, Refusal):
        return refuse(request, form)
    outcome = await desk.database.write(lambda session: work(session, visit, form))
    if isinstance(outcome, Refusal):
        if outcome.status == 422:
            draft = views.Draft(fields=form.fields, errors=outcome.errors)
            return await _show(request, desk, visit, organisation_id, draft)
        return refuse(request, outcome)
    return Redirect(f"/organisations/{organisation_id}", status_code=303)


async def _show_list(desk: Desk, visit: Visit, draft: views.Draft) -> Response[Any]:
    now = desk.clock.now()
    found = await desk.database.read(
        lambda session: organisations.list_organisations(session, principal=visit.principal, now=now)
    )
    html = desk.pages.render(
        "identity/organisations.html", page=visit.page, view=views.list_view(found, draft, now=now)
    )
    return respond(html, status_code=422 if draft.errors else 200)


async def _show(
    request: AnyRequest,
    desk: Desk,
    visit: Visit,
    organisation_id: UUID,
    draft: views.Draft,
    *,
    refusal: Refusal | None = None,
) -> Response[Any]:
    now = desk.clock.now()

    def load(session: Session) -> views.OneView | Refusal:
        found = organisations.get_organisation(session, organisation_id, principal=visit.principal, now=now)
        if isinstance(found, Refusal):
            return found
        members = (
            organisations.list_members(session, organisation_id, principal=visit.principal, now=now)
            if found.is_officer and visit.principal.session_id
            else ()
        )
        if isinstance(members, Refusal):
            return members
        people = service.open_shown(
            session, person_ids=[member.person_id for member in members], sealer=desk.sealer
        )
        may_stop = visit.principal.session_id is not None and (
            found.is_officer or visit.principal.is_operator
        )
        return views.one_view(
            found,
            members,
            people,
            draft,
            now=now,
            own=visit.principal.person_id,
            may_stop=may_stop,
            refusal=refusal,
        )

    view = await desk.database.read(load)
    if isinstance(view, Refusal):
        return refuse(request, view)
    html = desk.pages.render("identity/organisation.html", page=visit.page, view=view)
    return respond(html, status_code=refusal.status if refusal else 422 if draft.errors else 200)
