"""Download records for programs, with the scope `audit`."""

from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Stream
from sqlmodel import Session

from registry import access, catalog
from registry.delivery import reading, record_proofs, schemas
from registry.delivery.reading import Downloads, DownloadsAsked, NamedDownload
from registry.delivery.schemas import DownloadRecordsOut
from registry.identity.domain import Principal
from registry.identity.visits import Desk
from registry.kernel.exports import MEDIA_TYPES, ExportFormat
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest, Problem, refuse

PAGE_MAX_RECORDS = 200
QUERY_PARAMETERS = frozenset(
    {"publisher", "model", "license", "receipt", "search", "since", "until", "after", "limit", "format"}
)
Text = Annotated[str, QueryParameter(max_length=1024)]
_PROBLEM = ResponseSpec(
    Problem, media_type="application/problem+json", description="Refused; says what to do."
)


class DownloadsAuditApi(Controller):
    """Who was given which file."""

    path = "/api/v1/audit/downloads"
    tags = ("audit",)

    @get(
        "/",
        operation_id="audit_downloads",
        responses={401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM},
    )
    async def downloads(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        publisher: Annotated[str, QueryParameter(min_length=1, max_length=96)],
        model: Text = "",
        license: Text = "",  # noqa: A002 - the parameter's public name
        receipt: Text = "",
        search: Text = "",
        since: Text = "",
        until: Text = "",
        after: FromQuery[UUID | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX_RECORDS)] = 50,
        format: FromQuery[ExportFormat] = ExportFormat.JSON,  # noqa: A002 - the parameter's public name
    ) -> Response[Any]:
        """Answer a page of download records as JSON, or all of them as JSONL or CSV that streams."""
        if unknown := access.check_parameters(request.query_params, QUERY_PARAMETERS):
            return refuse(request, unknown)
        asked = DownloadsAsked(
            publisher=publisher,
            search=search,
            model=model,
            license=license,
            receipt=receipt,
            since=since,
            until=until,
        )

        def load(session: Session) -> tuple[Downloads, list[NamedDownload]] | Refusal:
            found = reading.open_downloads(session, asked, principal=principal, sealer=desk.sealer)
            if isinstance(found, Refusal):
                return found
            if format is not ExportFormat.JSON:
                return found, []
            rows = reading.list_named(session, found, sealer=desk.sealer, after=after, limit=limit + 1)
            return found, list(rows)

        loaded = await desk.database.read(load)
        if isinstance(loaded, Refusal):
            return refuse(request, loaded)
        found, rows = loaded
        await note_downloads_look(desk, found, principal, export=format is not ExportFormat.JSON)
        if format is not ExportFormat.JSON:
            return export_response(desk, found, format)
        following = None
        if len(rows) > limit:
            given = {key: value for key, value in request.query_params.items() if key != "after"}
            following = f"{desk.settings.base_url}{request.url.path}?" + urlencode(
                {**given, "after": rows[limit - 1].record.id}
            )
        items = [schemas.view_download(row.record, row.email, row.account) for row in rows[:limit]]
        return Response(
            DownloadRecordsOut(items=items, next=following), headers={"Cache-Control": "private, no-store"}
        )

    @get(
        "/{record_id:uuid}/proof",
        operation_id="prove_download",
        responses={401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM},
    )
    async def prove(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        record_id: FromPath[UUID],
        publisher: Annotated[str, QueryParameter(min_length=1, max_length=96)],
    ) -> Response[Any]:
        """Answer the proof that the record is one of its day's, as the log has bound them; names nobody but by ids."""
        if unknown := access.check_parameters(request.query_params, frozenset({"publisher"})):
            return refuse(request, unknown)
        outcome = await desk.database.read(
            lambda session: record_proofs.prove_download(
                session,
                record_id,
                publisher=publisher,
                base_url=desk.settings.base_url,
                principal=principal,
            )
        )
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        found, file = outcome
        now = desk.clock.now()
        await desk.database.write(
            lambda session: catalog.record_look(
                session,
                catalog.Looked.DOWNLOADS,
                principal=principal,
                publisher_id=found.publisher.id,
                subject_id=found.person_id,
                export=True,
                now=now,
            )
        )
        return Response(file, headers={"Cache-Control": "private, no-store"})


async def note_downloads_look(desk: Desk, found: Downloads, principal: Principal, *, export: bool) -> None:
    """Record that somebody looks at the download records; durable when this returns."""
    now = desk.clock.now()
    await desk.database.write(
        lambda session: catalog.record_look(
            session,
            catalog.Looked.DOWNLOADS,
            principal=principal,
            publisher_id=found.publisher.id,
            subject_id=found.subject_id,
            export=export,
            now=now,
        )
    )


def export_response(desk: Desk, found: Downloads, kind: ExportFormat) -> Stream:
    """Return all of the records as a file that streams."""
    pages = reading.stream_named(desk.database, found, sealer=desk.sealer)
    name = f"downloads-{found.publisher.name}.{kind.value}"
    return Stream(
        schemas.write_downloads(pages, kind),
        media_type=MEDIA_TYPES[kind],
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )
