"""Who held access at a moment, for programs, with the scope `audit`."""

from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery, QueryParameter
from litestar.response import Stream
from sqlmodel import Session

from registry import access, catalog
from registry.audit import holders
from registry.audit.holders import Question
from registry.identity.domain import Principal
from registry.identity.visits import Desk
from registry.kernel.exports import MEDIA_TYPES, ExportFormat
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest, Problem, refuse

PAGE_MAX_RECORDS = 200
QUERY_PARAMETERS = frozenset({"publisher", "model", "revision", "at", "after", "limit", "format"})
_PROBLEM = ResponseSpec(
    Problem, media_type="application/problem+json", description="Refused; says what to do."
)


class HoldersApi(Controller):
    """Who held access to a model at a moment, and by which facts."""

    path = "/api/v1/audit/holders"
    tags = ("audit",)

    @get(
        "/",
        operation_id="audit_holders",
        responses={401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM},
    )
    async def holders(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        publisher: Annotated[str, QueryParameter(min_length=1, max_length=96)],
        model: Annotated[str, QueryParameter(min_length=1, max_length=200)],
        revision: Annotated[str, QueryParameter(max_length=200)] = "",
        at: Annotated[str, QueryParameter(max_length=40)] = "",
        after: FromQuery[UUID | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX_RECORDS)] = 50,
        format: FromQuery[ExportFormat] = ExportFormat.JSON,  # noqa: A002 - the parameter's public name
    ) -> Response[Any]:
        """Answer a page as JSON, with what is not on record, or all people as JSONL or CSV that streams."""
        if unknown := access.check_parameters(request.query_params, QUERY_PARAMETERS):
            return refuse(request, unknown)
        now = desk.clock.now()

        def load(session: Session) -> tuple[Question, holders.HoldersAt | None] | Refusal:
            question = holders.open_question(
                session,
                publisher=publisher,
                model=model,
                revision=revision,
                at=at,
                principal=principal,
                now=now,
            )
            if isinstance(question, Refusal) or format is not ExportFormat.JSON:
                return question if isinstance(question, Refusal) else (question, None)
            given = {key: value for key, value in request.query_params.items() if key != "after"}
            given["at"] = question.moment.at.isoformat()
            address = f"{desk.settings.base_url}{request.url.path}?" + urlencode(given)
            return question, holders.answer(session, question, after=after, limit=limit, address=address)

        loaded = await desk.database.read(load)
        if isinstance(loaded, Refusal):
            return refuse(request, loaded)
        question, page = loaded
        await note_look(desk, question, principal, export=page is None)
        if page is not None:
            return Response(page, headers={"Cache-Control": "private, no-store"})
        name = f"holders-{question.publisher.name}-{question.moment.model.name}.{format.value}"
        return Stream(
            holders.stream(desk.database, question, format),
            media_type=MEDIA_TYPES[format],
            headers={
                "Content-Disposition": f'attachment; filename="{name}"',
                "Cache-Control": "private, no-store",
                "X-Content-Type-Options": "nosniff",
            },
        )


async def note_look(desk: Desk, question: Question, principal: Principal, *, export: bool) -> None:
    """Record that somebody looks at who held access; durable when this returns."""
    now = desk.clock.now()
    await desk.database.write(
        lambda session: catalog.record_look(
            session,
            catalog.Looked.ACCEPTANCES,
            principal=principal,
            publisher_id=question.publisher.id,
            subject_id=None,
            export=export,
            now=now,
        )
    )
