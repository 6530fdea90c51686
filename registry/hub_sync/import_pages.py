"""`/manage/{publisher}/hub`: a gated repository of the Hub becomes a model here; looked at first, then done."""

from typing import Any
from urllib.parse import quote

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from registry import access, ledger
from registry.hub_sync import service, views
from registry.hub_sync.api import importer
from registry.hub_sync.importing import HubImport, ImportOrder
from registry.identity.domain import not_signed_in
from registry.identity.visits import Desk, Form, Visit
from registry.kernel.outcomes import Refusal
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse


class HubImportPages(Controller):
    """The form that names a repository, what would come of it, and the button."""

    path = "/manage/{publisher:str}/hub"
    include_in_schema = False

    @get("/", operation_id="show_hub_import")
    async def show(
        self, request: AnyRequest, desk: NamedDependency[Desk], publisher: FromPath[str]
    ) -> Response[Any]:
        """Show the form; the Hub is not asked."""
        visit = await desk.visits.begin(request)
        order = ImportOrder(publisher=publisher, name="", repository="")
        return await _show(request, desk, visit, order, None)

    @post("/{act:str}", operation_id="import_hub_repository_by_form", status_code=200)
    async def act(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        keys: NamedDependency[ledger.KeyRing],
        publisher: FromPath[str],
        act: FromPath[str],
    ) -> Response[Any]:
        """Say what would come of it (`look`), or do it (`import`) and lead to the pairing."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if visit.principal.session_id is None:
            return refuse(request, not_signed_in(f"/manage/{publisher}/hub"))
        if isinstance(form, Refusal):
            return refuse(request, form)
        order = _order(publisher, form)
        found = await importer(desk, keys).run(order, principal=visit.principal, dry_run=act != "import")
        if isinstance(found, Refusal):
            return refuse(request, found)
        if act == "import":
            page = f"/manage/{quote(order.publisher)}/models/{quote(order.name)}/hub"
            return Redirect(page, status_code=303)
        return await _show(request, desk, visit, order, found)


def _order(publisher: str, form: Form) -> ImportOrder:
    repository = form.text("repository").strip()
    return ImportOrder(
        publisher=publisher,
        name=form.text("name").strip() or repository.partition("/")[2],
        repository=repository,
        license=form.text("license").strip(),
        invite=form.text("invite") == "on",
    )


async def _show(
    request: AnyRequest, desk: Desk, visit: Visit, order: ImportOrder, found: HubImport | None
) -> Response[Any]:
    principal = visit.principal
    if principal.session_id is None:
        return refuse(request, not_signed_in(visit.page.path))

    def load(session: Any) -> Any:
        publisher = service.authorise_publisher(session, order.publisher, principal=principal)
        if isinstance(publisher, Refusal):
            return publisher
        roles = access.roles_at(session, publisher, principal=principal)
        return access.publisher_head(publisher, roles, is_operator=principal.is_operator)

    head = await desk.database.read(load)
    if isinstance(head, Refusal):
        return refuse(request, head)
    view = views.import_view(head, order, found)
    return respond(desk.pages.render("manage/hub_import.html", page=visit.page, view=view))
