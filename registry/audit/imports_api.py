"""Who accepted elsewhere, for programs, with the scope `audit`: apart from acceptances, and labelled as weak."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery, QueryParameter
from litestar.response import Stream
from sqlmodel import Session

from registry import acceptances, access, catalog
from registry.acceptances import ImportFilter, OpenedImport
from registry.acceptances.domain import Grade
from registry.catalog.domain import Command
from registry.identity.domain import Principal
from registry.identity.visits import Desk
from registry.kernel.clock import iso
from registry.kernel.exports import MEDIA_TYPES, ROWS_PER_READ, ExportFormat, pages_of, write_rows
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest, Problem, refuse

PAGE_MAX_RECORDS = 200
QUERY_PARAMETERS = frozenset({"publisher", "model", "after", "limit", "format"})
_PROBLEM = ResponseSpec(
    Problem, media_type="application/problem+json", description="Refused; says what to do."
)


class ImportRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An import: no acceptance, and no access by it. Name, address and account are null once deleted."""

    import_id: str
    imported_at: str
    model: str
    grade: str
    text: str
    source: str
    name: str | None
    email: str | None
    account: str | None
    stated_at: str | None
    invited_at: str | None
    upgraded_by: str | None
    upgraded_at: str | None
    erased: bool
    log_index: int | None


class ImportRecords(msgspec.Struct, frozen=True, kw_only=True):
    """A page of imports, newest first; `next` is the address of the following one."""

    items: list[ImportRecord]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Imports:
    """The imports that were asked for, for somebody who may read them."""

    publisher: catalog.PublisherView
    models: Sequence[catalog.OwnModel]
    wanted: ImportFilter


class ImportsAuditApi(Controller):
    """Who accepted elsewhere, as reports said."""

    path = "/api/v1/audit/imports"
    tags = ("audit",)

    @get(
        "/",
        operation_id="audit_imports",
        responses={401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM},
    )
    async def imports(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        publisher: Annotated[str, QueryParameter(min_length=1, max_length=96)],
        model: Annotated[str, QueryParameter(max_length=200)] = "",
        after: FromQuery[UUID | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX_RECORDS)] = 50,
        format: FromQuery[ExportFormat] = ExportFormat.JSON,  # noqa: A002 - the parameter's public name
    ) -> Response[Any]:
        """Answer a page as JSON, or everything as JSONL or CSV that streams; the look is recorded."""
        if unknown := access.check_parameters(request.query_params, QUERY_PARAMETERS):
            return refuse(request, unknown)
        found = await desk.database.read(
            lambda session: open_imports(session, publisher, model, principal=principal)
        )
        if isinstance(found, Refusal):
            return refuse(request, found)
        await note_imports_look(desk, found.publisher.id, principal, export=format is not ExportFormat.JSON)
        if format is not ExportFormat.JSON:
            return export_imports(desk, found, format)
        rows = await desk.database.read(
            lambda session: acceptances.list_imports(
                session, found.wanted, sealer=desk.sealer, after=after, limit=limit + 1
            )
        )
        following = None
        if len(rows) > limit:
            given = {key: value for key, value in request.query_params.items() if key != "after"}
            query = urlencode({**given, "after": rows[limit - 1].id})
            following = f"{desk.settings.base_url}{request.url.path}?{query}"
        records = ImportRecords(items=[view_import(row) for row in rows[:limit]], next=following)
        return Response(records, headers={"Cache-Control": "private, no-store"})


def open_imports(session: Session, publisher: str, model: str, *, principal: Principal) -> Imports | Refusal:
    """Return what is imported for a publisher's models, or why this principal may not read it."""
    found = catalog.authorise(session, publisher, Command.READ_RECORDS, principal=principal)
    if isinstance(found, Refusal):
        return found
    models = catalog.list_own_models(session, publisher_id=found.id)
    chosen = access.choose_models(models, found.name, model)
    if isinstance(chosen, Refusal):
        return chosen
    return Imports(
        publisher=found, models=models, wanted=ImportFilter(model_ids=[one.model_id for one in chosen])
    )


async def note_imports_look(desk: Desk, publisher_id: UUID, principal: Principal, *, export: bool) -> None:
    """Record that somebody looks at who accepted elsewhere; durable when this returns."""
    now = desk.clock.now()
    await desk.database.write(
        lambda session: catalog.record_look(
            session,
            catalog.Looked.IMPORTS,
            principal=principal,
            publisher_id=publisher_id,
            export=export,
            now=now,
        )
    )


def export_imports(desk: Desk, found: Imports, kind: ExportFormat) -> Stream:
    """Return all that is asked for as a file that streams."""
    return Stream(
        write_rows(_rows(desk, found.wanted), kind, record=ImportRecord, cells=lambda row: [*row.values()]),
        media_type=MEDIA_TYPES[kind],
        headers={
            "Content-Disposition": f'attachment; filename="imports-{found.publisher.name}.{kind.value}"',
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


async def _rows(desk: Desk, wanted: ImportFilter) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
    async def read(after: UUID | None) -> Sequence[OpenedImport]:
        return await desk.database.read(
            lambda session: acceptances.list_imports(
                session, wanted, sealer=desk.sealer, after=after, limit=ROWS_PER_READ
            )
        )

    async for rows in pages_of(read, lambda row: row.id):
        yield [msgspec.structs.asdict(view_import(row)) for row in rows]


def view_import(row: OpenedImport) -> ImportRecord:
    """Return an import as it goes out."""
    return ImportRecord(
        import_id=str(row.id),
        imported_at=iso(row.imported_at),
        model=f"{row.publisher}/{row.model}",
        grade=Grade.IMPORTED.value,
        text=acceptances.TEXT_UNKNOWN,
        source=row.source.value,
        name=row.name,
        email=row.email,
        account=row.account,
        stated_at=iso(row.stated_at) if row.stated_at else None,
        invited_at=iso(row.invited_at) if row.invited_at else None,
        upgraded_by=str(row.upgraded_by) if row.upgraded_by else None,
        upgraded_at=iso(row.upgraded_at) if row.upgraded_at else None,
        erased=row.is_erased,
        log_index=row.entry_index,
    )
