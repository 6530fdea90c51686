"""`/organisations/<id>/groups`: groups at identity providers that make members."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from registry.identity import organisation_group_views as views
from registry.identity import organisation_groups as groups
from registry.identity.oidc import RelyingParty
from registry.identity.organisation_group_domain import group_page
from registry.identity.organisation_views import Draft
from registry.identity.visits import Desk, Form, Visit
from registry.kernel.outcomes import Refusal
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse


class OrganisationGroupPages(Controller):
    """An officer asks for a group, an operator confirms it, either ends it."""

    path = "/organisations/{organisation_id:uuid}/groups"
    include_in_schema = False

    @get("/", operation_id="show_organisation_groups")
    async def show(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        relying_party: NamedDependency[RelyingParty],
        organisation_id: FromPath[UUID],
    ) -> Response[Any]:
        """Show the groups, to officers and operators."""
        visit = await desk.visits.begin(request)
        return await _show(request, desk, visit, relying_party, organisation_id, Draft())

    @post("/", operation_id="ask_for_group", status_code=303)
    async def ask(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        relying_party: NamedDependency[RelyingParty],
        organisation_id: FromPath[UUID],
    ) -> Response[Any]:
        """Ask that a group makes members."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        now = desk.clock.now()
        outcome = await desk.database.write(
            lambda session: groups.ask_for_group(
                session,
                organisation_id,
                provider=relying_party.find(form.text("provider")),
                name=form.text("group"),
                principal=visit.principal,
                base_url=desk.settings.base_url,
                sealer=desk.sealer,
                now=now,
            )
        )
        if isinstance(outcome, Refusal):
            if outcome.status != 422:
                return refuse(request, outcome)
            draft = Draft(fields=form.fields, errors=outcome.errors)
            return await _show(request, desk, visit, relying_party, organisation_id, draft)
        return Redirect(group_page(organisation_id), status_code=303)

    @post("/{group_id:uuid}/confirm", operation_id="confirm_group", status_code=303)
    async def confirm(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        organisation_id: FromPath[UUID],
        group_id: FromPath[UUID],
    ) -> Response[Any]:
        """Confirm a group, as an operator."""
        now = desk.clock.now()
        return await _change(
            request,
            desk,
            organisation_id,
            lambda session, visit, _form: groups.confirm_group(
                session, organisation_id, group_id, principal=visit.principal, now=now
            ),
        )

    @post("/{group_id:uuid}/end", operation_id="end_group", status_code=303)
    async def end(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        organisation_id: FromPath[UUID],
        group_id: FromPath[UUID],
    ) -> Response[Any]:
        """End a group and the memberships by it."""
        now = desk.clock.now()
        return await _change(
            request,
            desk,
            organisation_id,
            lambda session, visit, _form: groups.end_group(
                session, organisation_id, group_id, principal=visit.principal, now=now
            ),
        )


async def _change(
    request: AnyRequest,
    desk: Desk,
    organisation_id: UUID,
    work: Callable[[Session, Visit, Form], object],
) -> Response[Any]:
    visit = await desk.visits.begin(request)
    form = await desk.visits.read_form(request, visit)
    if isinstance(form, Refusal):
        return refuse(request, form)
    outcome = await desk.database.write(lambda session: work(session, visit, form))
    if isinstance(outcome, Refusal):
        return refuse(request, outcome)
    return Redirect(group_page(organisation_id), status_code=303)


async def _show(
    request: AnyRequest,
    desk: Desk,
    visit: Visit,
    relying_party: RelyingParty,
    organisation_id: UUID,
    draft: Draft,
) -> Response[Any]:
    now = desk.clock.now()
    found = await desk.database.read(
        lambda session: groups.list_groups(session, organisation_id, principal=visit.principal, now=now)
    )
    if isinstance(found, Refusal):
        return refuse(request, found)
    organisation, listed = found
    view = views.groups_view(
        organisation, listed, relying_party.providers, draft, operates=visit.principal.is_operator
    )
    html = desk.pages.render("identity/organisation_groups.html", page=visit.page, view=view)
    return respond(html, status_code=422 if draft.errors else 200)
