"""`/manage/{publisher}/models/{name}/hub`: the mirror of one model, for the maintainers of its publisher."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from registry import access, catalog
from registry.hub_sync import service, views
from registry.hub_sync.cards import Side
from registry.hub_sync.keeping import Keeper, Outlook
from registry.hub_sync.refusals import no_mirror
from registry.hub_sync.service import MirrorView
from registry.identity.domain import Principal, not_signed_in
from registry.identity.visits import Desk, Form, Visit
from registry.kernel.outcomes import Refusal
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """What every state of the page shows."""

    publisher: catalog.PublisherView
    roles: Any
    model: catalog.ModelView
    mirror: MirrorView | None


class HubManagePages(Controller):
    """The pairing of a model with a repository of the Hub: how it stands, what would be done, and the buttons."""

    include_in_schema = False

    @get("/manage/{publisher:str}/models/{name:str}/hub", operation_id="show_mirror")
    async def show(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        name: FromPath[str],
    ) -> Response[Any]:
        """Say how the mirror stands; the Hub is not asked."""
        visit = await desk.visits.begin(request)
        return await _show(request, desk, visit, publisher, name)

    @post(
        "/manage/{publisher:str}/models/{name:str}/hub/{act:str}", operation_id="keep_mirror", status_code=200
    )
    async def act(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        name: FromPath[str],
        act: FromPath[str],
    ) -> Response[Any]:
        """Pair, look at the plan, apply it, or end the pairing."""
        visit, form = await desk.visits.read_own_form(request)
        if isinstance(form, Refusal):
            return refuse(request, form)
        outcome = await _do(desk, visit.principal, publisher, name, act, form)
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        if isinstance(outcome, Outlook):
            return await _show(request, desk, visit, publisher, name, outlook=outcome)
        return Redirect(f"/manage/{quote(publisher)}/models/{quote(name)}/hub", status_code=303)


async def _do(
    desk: Desk, principal: Principal, publisher: str, name: str, act: str, form: Form
) -> object | Refusal:
    keeper = Keeper.of(desk.settings, database=desk.database, sealer=desk.sealer, clock=desk.clock)
    match act:
        case "link":
            return await keeper.link(
                publisher=publisher,
                name=name,
                repository=form.text("repository").strip(),
                group=form.text("group").strip(),
                principal=principal,
            )
        case "plan":
            return await keeper.look(publisher=publisher, name=name, principal=principal)
        case "apply":
            side = form.text("card")
            prefer = Side(side) if side in set(Side) else None
            return await keeper.apply(publisher=publisher, name=name, principal=principal, prefer=prefer)
        case _:
            # An address that is none of the page's buttons changes nothing.
            if act != "unlink":
                return no_mirror(f"{publisher}/{name}")
            now = desk.clock.now()
            return await desk.database.write(
                lambda session: service.unlink(
                    session, publisher=publisher, name=name, principal=principal, now=now
                )
            )


async def _show(
    request: AnyRequest,
    desk: Desk,
    visit: Visit,
    publisher: str,
    name: str,
    *,
    outlook: Outlook | None = None,
) -> Response[Any]:
    if visit.principal.session_id is None:
        return refuse(request, not_signed_in(visit.page.path))
    opened = await desk.database.read(lambda session: _open(session, publisher, name, visit.principal))
    if isinstance(opened, Refusal):
        return refuse(request, opened)
    head = access.publisher_head(opened.publisher, opened.roles, is_operator=visit.principal.is_operator)
    view = views.hub_view(head, opened.model, opened.mirror, outlook)
    return respond(desk.pages.render("manage/hub.html", page=visit.page, view=view))


def _open(session: Session, publisher: str, name: str, principal: Principal) -> _Opened | Refusal:
    model = service.authorise_model(session, publisher, name, principal=principal)
    if isinstance(model, Refusal):
        return model
    found = service.authorise_publisher(session, model.publisher, principal=principal)
    if isinstance(found, Refusal):
        return found
    mirror = service.find_mirror(session, publisher=publisher, name=name, principal=principal)
    return _Opened(
        publisher=found,
        roles=access.roles_at(session, found, principal=principal),
        model=model,
        mirror=None if isinstance(mirror, Refusal) else mirror,
    )
