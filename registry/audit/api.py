"""The register of acceptances for programs, with the scope `audit`."""

from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery, QueryParameter
from litestar.response import Stream
from sqlmodel import Session

from registry import acceptances, access, catalog
from registry.acceptances import OpenedAcceptance
from registry.audit import reading, schemas
from registry.audit.reading import Register, RegisterAsked
from registry.audit.schemas import AcceptanceRecords
from registry.identity.domain import Principal
from registry.identity.visits import Desk
from registry.kernel.exports import MEDIA_TYPES, ExportFormat
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest, Problem, refuse

PAGE_MAX_RECORDS = 200
QUERY_PARAMETERS = frozenset(
    {
        "publisher",
        "model",
        "license",
        "search",
        "state",
        "grade",
        "since",
        "until",
        "after",
        "limit",
        "format",
    }
)
Text = Annotated[str, QueryParameter(max_length=200)]
_PROBLEM = ResponseSpec(
    Problem, media_type="application/problem+json", description="Refused; says what to do."
)


class AcceptancesAuditApi(Controller):
    """Who accepted which text."""

    path = "/api/v1/audit/acceptances"
    tags = ("audit",)

    @get(
        "/",
        operation_id="audit_acceptances",
        responses={401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM},
    )
    async def acceptances(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        publisher: Annotated[str, QueryParameter(min_length=1, max_length=96)],
        model: Text = "",
        license: Text = "",  # noqa: A002 - the parameter's public name
        search: Text = "",
        standing: Annotated[str, QueryParameter(name="state", max_length=20)] = "",
        grade: Annotated[str, QueryParameter(max_length=20)] = "",
        since: Text = "",
        until: Text = "",
        after: FromQuery[UUID | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX_RECORDS)] = 50,
        format: FromQuery[ExportFormat] = ExportFormat.JSON,  # noqa: A002 - the parameter's public name
    ) -> Response[Any]:
        """Answer a page of the register as JSON, or all of it as JSONL or CSV that streams."""
        if unknown := access.check_parameters(request.query_params, QUERY_PARAMETERS):
            return refuse(request, unknown)
        asked = RegisterAsked(
            publisher=publisher,
            search=search,
            model=model,
            license=license,
            state=standing,
            grade=grade,
            since=since,
            until=until,
        )

        def load(session: Session) -> tuple[Register, list[OpenedAcceptance]] | Refusal:
            register = reading.open_register(session, asked, principal=principal, sealer=desk.sealer)
            if isinstance(register, Refusal):
                return register
            if format is not ExportFormat.JSON:
                return register, []
            rows = reading.list_register(session, register, sealer=desk.sealer, after=after, limit=limit + 1)
            return register, list(rows)

        loaded = await desk.database.read(load)
        if isinstance(loaded, Refusal):
            return refuse(request, loaded)
        register, rows = loaded
        await note_register_look(desk, register, principal, export=format is not ExportFormat.JSON)
        if format is not ExportFormat.JSON:
            return export_response(desk, register, format)
        following = None
        if len(rows) > limit:
            given = {key: value for key, value in request.query_params.items() if key != "after"}
            following = f"{desk.settings.base_url}{request.url.path}?" + urlencode(
                {**given, "after": rows[limit - 1].summary.id}
            )
        records = [schemas.view_record(row) for row in rows[:limit]]
        return Response(
            AcceptanceRecords(items=records, next=following), headers={"Cache-Control": "private, no-store"}
        )


async def note_register_look(desk: Desk, register: Register, principal: Principal, *, export: bool) -> None:
    """Record that somebody looks at the register; durable when this returns."""
    now = desk.clock.now()

    def work(session: Session) -> None:
        subject_id = register.wanted.person_id
        if register.receipt_id is not None:
            found = acceptances.get_acceptance(session, register.receipt_id)
            subject_id = found.person_id if found else None
        catalog.record_look(
            session,
            catalog.Looked.ACCEPTANCES,
            principal=principal,
            publisher_id=register.publisher.id,
            subject_id=subject_id,
            export=export,
            now=now,
        )

    await desk.database.write(work)


def export_response(desk: Desk, register: Register, kind: ExportFormat) -> Stream:
    """Return the whole register as a file that streams."""
    pages = reading.stream_register(desk.database, register, sealer=desk.sealer)
    name = f"acceptances-{register.publisher.name}.{kind.value}"
    return Stream(
        schemas.write_records(pages, kind),
        media_type=MEDIA_TYPES[kind],
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )
