"""Pages of records: one's own, a publisher's downloads, and the publishers one works for."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Redirect, Stream
from sqlmodel import Session

from registry import acceptances, access, catalog, identity, licenses
from registry.acceptances.domain import AcceptanceState, AcceptanceSummary
from registry.catalog.domain import Command, Role, may_any
from registry.delivery import reading, store
from registry.delivery import record_views as views
from registry.delivery.api import export_response, note_downloads_look
from registry.delivery.personal_export import write_personal_data
from registry.delivery.reading import COUNTED_MOST, Downloads, DownloadsAsked
from registry.delivery.store import Filter
from registry.identity.domain import Channel, Principal, not_signed_in
from registry.identity.visits import Desk, Visit
from registry.identity.ways import address_needed
from registry.kernel.exports import ExportFormat
from registry.kernel.outcomes import Refusal
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse

RECENT = timedelta(days=7)
Text = Annotated[str, QueryParameter(max_length=1024)]


class RecordsPages(Controller):
    """`/records`: what one accepted, downloaded, and what the registry knows."""

    include_in_schema = False

    @get("/records", operation_id="show_records")
    async def index(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        after: FromQuery[UUID | None] = None,
        downloads_after: FromQuery[UUID | None] = None,
    ) -> Response[Any]:
        """Show the person's own records."""
        visit = await desk.visits.begin(request)
        if visit.principal.channel is not Channel.SESSION:
            return refuse(request, not_signed_in(visit.page.path))
        view = await desk.database.read(
            lambda session: load_records(session, desk, visit.principal, after, downloads_after)
        )
        if isinstance(view, Refusal):
            return refuse(request, view)
        return respond(desk.pages.render("records/index.html", page=visit.page, view=view))

    @get("/records/export.json", operation_id="export_records")
    async def export(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Send all that is held about the person, as one document."""
        visit = await desk.visits.begin(request)
        if visit.principal.channel is not Channel.SESSION or visit.principal.person_id is None:
            return refuse(request, not_signed_in("/records"))
        return Stream(
            write_personal_data(desk, visit.principal),
            media_type="application/json",
            headers={
                "Content-Disposition": 'attachment; filename="gatehouse-my-data.json"',
                "Cache-Control": "private, no-store",
                "X-Content-Type-Options": "nosniff",
            },
        )


class ManagePages(Controller):
    """`/manage`: the publishers one works for, and who downloaded what of theirs."""

    include_in_schema = False

    @get("/manage", operation_id="show_manage")
    async def index(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Show the publishers where the visitor has a role."""
        visit = await desk.visits.begin(request)
        if visit.principal.person_id is None:
            return refuse(request, not_signed_in(visit.page.path))
        return await _show_publishers(desk, visit, fields={}, errors={})

    @post("/manage", operation_id="create_publisher_by_form", status_code=303)
    async def create(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Create a publisher; who creates it owns it."""
        visit, form = await desk.visits.read_own_form(request, back_to="/manage")
        if isinstance(form, Refusal):
            return refuse(request, form)
        created = await desk.database.write(
            lambda session: catalog.create_publisher(
                session,
                name=form.text("name"),
                display_name=form.text("display_name"),
                principal=visit.principal,
                now=desk.clock.now(),
            )
        )
        if isinstance(created, Refusal) and created.status in {409, 422}:
            errors = created.errors or {"name": f"{created.title}. Choose another name."}
            return await _show_publishers(desk, visit, fields=form.fields, errors=errors)
        if isinstance(created, Refusal):
            return refuse(request, created)
        return Redirect(f"/manage/{quote(created.name)}", status_code=303)

    @get("/manage/{publisher:str}/downloads", operation_id="show_downloads")
    async def downloads(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        search: Text = "",
        model: Text = "",
        license: Text = "",  # noqa: A002 - the name in the address
        receipt: Text = "",
        since: Text = "",
        until: Text = "",
        after: FromQuery[UUID | None] = None,
    ) -> Response[Any]:
        """Show the download records, newest first; the look is recorded."""
        asked = DownloadsAsked(
            publisher=publisher,
            search=search.strip(),
            model=model,
            license=license.strip(),
            receipt=receipt.strip(),
            since=since,
            until=until,
        )
        visit = await desk.visits.begin(request)
        if visit.principal.person_id is None:
            return refuse(request, not_signed_in(visit.page.path))
        loaded = await desk.database.read(lambda session: load_downloads(session, desk, visit, asked, after))
        if isinstance(loaded, Refusal):
            return refuse(request, loaded)
        found, view = loaded
        await note_downloads_look(desk, found, visit.principal, export=False)
        return respond(desk.pages.render("manage/downloads.html", page=visit.page, view=view))

    @get("/manage/{publisher:str}/downloads.csv", operation_id="export_downloads_csv")
    async def csv(
        self, request: AnyRequest, desk: NamedDependency[Desk], publisher: FromPath[str]
    ) -> Response[Any]:
        """Send exactly the records that the page lists, as CSV."""
        return await _export(request, desk, publisher, ExportFormat.CSV)

    @get("/manage/{publisher:str}/downloads.jsonl", operation_id="export_downloads_jsonl")
    async def jsonl(
        self, request: AnyRequest, desk: NamedDependency[Desk], publisher: FromPath[str]
    ) -> Response[Any]:
        """Send exactly the records that the page lists, one JSON text a line."""
        return await _export(request, desk, publisher, ExportFormat.JSONL)

    @get("/manage/{publisher:str}/downloads.parquet", operation_id="export_downloads_parquet")
    async def parquet(
        self, request: AnyRequest, desk: NamedDependency[Desk], publisher: FromPath[str]
    ) -> Response[Any]:
        """Send exactly the records that the page lists, as Apache Parquet."""
        return await _export(request, desk, publisher, ExportFormat.PARQUET)


async def _show_publishers(
    desk: Desk, visit: Visit, *, fields: Mapping[str, str], errors: Mapping[str, str]
) -> Response[Any]:
    lines = await desk.database.read(lambda session: load_publishers(session, visit.principal))
    view = views.publishers_view(
        lines,
        operates=visit.principal.is_operator,
        base_url=desk.settings.base_url,
        fields=fields,
        errors=errors,
    )
    html = desk.pages.render("manage/index.html", page=visit.page, view=view)
    return respond(html, status_code=422 if errors else 200)


async def _export(request: AnyRequest, desk: Desk, publisher: str, kind: ExportFormat) -> Response[Any]:
    visit = await desk.visits.begin(request)
    principal = visit.principal
    if principal.person_id is None:
        return refuse(request, not_signed_in(visit.page.path))
    names = DownloadsAsked.__dataclass_fields__.keys() - {"publisher"}
    if unknown := access.check_parameters(request.query_params, names):
        return refuse(request, unknown)
    given = {name: request.query_params.get(name, "")[:1024] for name in names}
    asked = DownloadsAsked(publisher=publisher, **given)
    found = await desk.database.read(
        lambda session: reading.open_downloads(session, asked, principal=principal, sealer=desk.sealer)
    )
    if isinstance(found, Refusal):
        return refuse(request, found)
    await note_downloads_look(desk, found, principal, export=True)
    return export_response(desk, found, kind)


def load_records(
    session: Session, desk: Desk, principal: Principal, after: UUID | None, downloads_after: UUID | None
) -> SimpleNamespace | Refusal:
    """Return the page of one's own records."""
    person_id = principal.person_id
    profile = identity.open_profile(session, person_id=person_id, sealer=desk.sealer) if person_id else None
    if person_id is None:
        return not_signed_in("/records")
    if profile is None:
        return address_needed("/records")
    now = desk.clock.now()
    accepted = acceptances.list_acceptances(
        session, acceptances.Filter(person_id=person_id), after=after, limit=views.PAGE_OWN + 1
    )
    newest = acceptances.list_opened(
        session, acceptances.Filter(person_id=person_id), sealer=desk.sealer, reader=person_id, limit=1
    )
    tokens = identity.list_tokens(session, person_id=person_id)
    sessions = identity.list_sessions(session, person_id=person_id)
    return views.records_view(
        profile=profile,
        name=newest[0].name if newest else None,
        acceptances=accepted,
        outdated=find_outdated(session, accepted, principal),
        downloads=reading.list_downloads(
            session, Filter(person_id=person_id), after=downloads_after, limit=views.PAGE_OWN + 1
        ),
        tokens=sum(one.revoked_at is None and now < one.expires_at for one in tokens),
        sessions=sum(one.revoked_at is None and now < one.expires_at for one in sessions),
        after=after,
        downloads_after=downloads_after,
    )


def find_outdated(
    session: Session, accepted: Sequence[AcceptanceSummary], principal: Principal
) -> dict[UUID, str]:
    """Return standing acceptances that no longer suffice at their gate, with the version asked for now."""
    standing = {
        (row.gate_id, row.slug, licenses.get_version_by_id(session, row.license_version_id).series)
        for row in accepted
        if row.state is AcceptanceState.STANDING
    }
    outdated: dict[UUID, str] = {}
    for row in accepted:
        if row.state is not AcceptanceState.STANDING:
            continue
        model = catalog.find_model(session, publisher=row.publisher, name=row.model, principal=principal)
        if isinstance(model, Refusal) or model.gate.id != row.gate_id:
            continue
        asked = [
            licenses.get_version_by_id(session, version_id) for version_id in model.gate.license_version_ids
        ]
        needed = next((version for version in asked if version.slug == row.slug), None)
        if needed is not None and (row.gate_id, row.slug, needed.series) not in standing:
            outdated[row.id] = needed.number
    return outdated


def load_publishers(session: Session, principal: Principal) -> Sequence[SimpleNamespace]:
    """Return the publishers where the principal has a role, with their figures."""
    held: dict[str, list[Role]] = {}
    for role in catalog.list_roles_of(session, person_id=principal.person_id or UUID(int=0)):
        held.setdefault(role.publisher, []).append(role.role)
    lines = []
    for name, roles in held.items():
        found = catalog.find_publisher(session, name)
        if isinstance(found, Refusal):
            continue
        models = catalog.list_own_models(session, publisher_id=found.id)
        gates = list(dict.fromkeys(gate for model in models for gate in model.gate_ids))
        may_read = may_any(roles, Command.READ_RECORDS)
        lines.append(
            SimpleNamespace(
                name=found.name,
                display_name=found.display_name,
                url=f"/manage/{quote(found.name)}",
                role=min(roles, key=list(Role).index).value,
                models=views.counted(len(models)),
                acceptances=views.counted(
                    acceptances.count_up_to(session, gates, most=COUNTED_MOST + 1) if may_read else 0
                ),
                downloads=views.counted(_count(session, models) if may_read else 0),
            )
        )
    return lines


def load_downloads(
    session: Session, desk: Desk, visit: Visit, asked: DownloadsAsked, after: UUID | None
) -> tuple[Downloads, SimpleNamespace] | Refusal:
    """Return the download records and their page, or why the visitor may not read them."""
    principal = visit.principal
    found = reading.open_downloads(session, asked, principal=principal, sealer=desk.sealer)
    if isinstance(found, Refusal):
        return found
    rows = reading.list_named(session, found, sealer=desk.sealer, after=after, limit=views.PAGE_RECORDS + 1)
    view = views.downloads_view(
        found,
        asked,
        rows,
        roles=access.roles_at(session, found.publisher, principal=principal),
        ever=_count(session, found.models),
        counted_old=store.sum_counted(session, [model.model_id for model in found.models]),
        recent=_count(session, found.models, since=desk.clock.now() - RECENT),
        after=after,
    )
    return found, view


def _count(session: Session, models: Sequence[catalog.OwnModel], since: datetime | None = None) -> int:
    ids = [model.model_id for model in models]
    return store.count_up_to(session, ids, most=COUNTED_MOST + 1, since=since) if ids else 0
