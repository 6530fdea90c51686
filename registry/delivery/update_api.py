"""Releases that are to be given up, over the JSON API: marks for maintainers, answers for holders."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter, SkipValidation
from litestar.response import Stream
from sqlmodel import Session

from registry import catalog
from registry.catalog import must_updates
from registry.catalog.domain import ModelView
from registry.catalog.must_updates import REASON_MAX_CHARACTERS, Demand, Mark
from registry.delivery import updates
from registry.delivery.domain import UpdateAnswered
from registry.delivery.updates import Figures, Mine, Told
from registry.identity.domain import Principal
from registry.identity.visits import Desk
from registry.kernel.clock import Clock, iso
from registry.kernel.database import Database
from registry.kernel.exports import MEDIA_TYPES, ROWS_PER_READ, ExportFormat, pages_of, write_rows
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest, Problem, refuse

PAGE_MAX_HOLDERS = 200
_PROBLEM = ResponseSpec(
    Problem, media_type="application/problem+json", description="Refused; says what to do."
)
_REFUSED = {401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM}
_PRIVATE = {"Cache-Control": "private, no-store"}
Commit = Annotated[str, msgspec.Meta(min_length=40, max_length=40)]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_MAX_CHARACTERS)]


class MustUpdateInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which release is to be given up for which, by when and why."""

    release: Commit
    replacement: Commit
    update_by: Annotated[datetime, msgspec.Meta(tz=True)]
    reason: Reason


class TakeBackInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a mark is taken back; kept for ever, its digest stands in the log."""

    reason: Reason


class AnswerInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a holder says."""

    state: UpdateAnswered


class MustUpdateOut(msgspec.Struct, frozen=True, kw_only=True):
    """A release that is to be given up."""

    id: str
    model: str
    release: str
    replacement: str
    update_by: str
    reason: str
    marked_at: str
    ended_at: str | None
    state: str | None = None
    """Of whoever asks: `notified`, `acknowledged` or `confirmed_deleted`; null in a model's list."""


class MustUpdatesOut(msgspec.Struct, frozen=True, kw_only=True):
    """Releases that are to be given up."""

    items: list[MustUpdateOut]


class HolderOut(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who was told, and how far they are."""

    person_id: str
    email: str | None
    state: str
    downloaded: bool
    notified_at: str
    acknowledged_at: str | None
    confirmed_deleted_at: str | None


class HoldersOut(msgspec.Struct, frozen=True, kw_only=True):
    """A page of those who were told, with figures over all of them."""

    told: int
    downloaded: int
    acknowledged: int
    confirmed_deleted: int
    items: list[HolderOut]
    next: str | None


class MustUpdatesApi(Controller):
    """Marks on the releases of a model."""

    path = "/api/v1/models/{publisher:str}/{name:str}/must-updates"
    tags = ("models",)

    @get("/", operation_id="list_must_updates", responses=_REFUSED)
    async def marks(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        name: FromPath[str],
        principal: NamedDependency[Principal],
        database: NamedDependency[Database],
    ) -> Response[MustUpdatesOut]:
        """List the releases of a model that are to be given up."""

        def load(session: Session) -> tuple[ModelView, list[Mark]] | Refusal:
            return must_updates.find_marks(session, publisher=publisher, name=name, principal=principal)

        found = await database.read(load)
        if isinstance(found, Refusal):
            return refuse(request, found)
        return Response(MustUpdatesOut(items=[_view(mark, found[0].repo_id) for mark in found[1]]))

    @post("/", operation_id="mark_must_update", responses=_REFUSED)
    async def mark(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        name: FromPath[str],
        data: JSONBody[MustUpdateInput],
        principal: NamedDependency[Principal],
        database: NamedDependency[Database],
        clock: NamedDependency[SkipValidation[Clock]],
    ) -> Response[MustUpdateOut]:
        """Mark a release and tell its holders; needs a maintainer with a fresh sign-in."""
        demand = Demand(
            commit=data.release, replacement=data.replacement, update_by=data.update_by, reason=data.reason
        )
        marked = await database.write(
            lambda session: must_updates.mark_release(
                session,
                publisher=publisher,
                name=name,
                demand=demand,
                principal=principal,
                now=clock.now(),
            )
        )
        if isinstance(marked, Refusal):
            return refuse(request, marked)
        return Response(_view(marked, f"{publisher}/{name}"))

    @post("/{mark_id:uuid}/end", operation_id="take_back_must_update", status_code=200, responses=_REFUSED)
    async def take_back(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        name: FromPath[str],
        mark_id: FromPath[UUID],
        data: JSONBody[TakeBackInput],
        principal: NamedDependency[Principal],
        database: NamedDependency[Database],
        clock: NamedDependency[SkipValidation[Clock]],
    ) -> Response[MustUpdateOut]:
        """Take a mark back; needs a maintainer with a fresh sign-in, is recorded for ever."""
        ended = await database.write(
            lambda session: must_updates.take_back(
                session,
                publisher=publisher,
                name=name,
                mark_id=mark_id,
                reason=data.reason,
                principal=principal,
                now=clock.now(),
            )
        )
        if isinstance(ended, Refusal):
            return refuse(request, ended)
        return Response(_view(ended, f"{publisher}/{name}"))

    @get("/{mark_id:uuid}/holders", operation_id="list_must_update_holders", responses=_REFUSED)
    async def holders(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        name: FromPath[str],
        mark_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        desk: NamedDependency[Desk],
        after: FromQuery[UUID | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX_HOLDERS)] = 50,
        format: FromQuery[ExportFormat] = ExportFormat.JSON,  # noqa: A002 - the parameter's public name
    ) -> Response[Any]:
        """Answer a page of those who were told as JSON, or all of them as JSONL or CSV; the look is recorded."""
        is_export = format is not ExportFormat.JSON

        def load(session: Session) -> tuple[Figures, list[Told]] | Refusal:
            found = updates.find_marked(
                session, publisher=publisher, name=name, mark_id=mark_id, principal=principal
            )
            if isinstance(found, Refusal):
                return found
            catalog.record_look(
                session,
                catalog.Looked.DOWNLOADS,
                principal=principal,
                publisher_id=found[0].publisher_id,
                export=is_export,
                now=desk.clock.now(),
            )
            page = updates.list_told(session, mark_id, sealer=desk.sealer, after=after, limit=limit + 1)
            return updates.count_told(session, mark_id), list(page)

        loaded = await desk.database.write(load)
        if isinstance(loaded, Refusal):
            return refuse(request, loaded)
        if is_export:
            return export_holders(desk, mark_id, format)
        figures, rows = loaded
        following = None
        if len(rows) > limit:
            query = urlencode({"limit": limit, "after": rows[limit - 1].person_id})
            following = f"{desk.settings.base_url}{request.url.path}?{query}"
        items = [_holder(row) for row in rows[:limit]]
        return Response(
            HoldersOut(
                told=figures.told,
                downloaded=figures.downloaded,
                acknowledged=figures.acknowledged,
                confirmed_deleted=figures.confirmed_deleted,
                items=items,
                next=following,
            ),
            headers=_PRIVATE,
        )


class UpdatesApi(Controller):
    """The releases that whoever asks is to give up."""

    path = "/api/v1/updates"
    tags = ("models",)

    @get("/", operation_id="list_updates", responses=_REFUSED)
    async def mine(
        self, request: AnyRequest, principal: NamedDependency[Principal], database: NamedDependency[Database]
    ) -> Response[MustUpdatesOut]:
        """List the releases that you were told to give up."""

        def load(session: Session) -> list[Mine] | Refusal:
            return updates.list_mine(session, principal)

        found = await database.read(load)
        if isinstance(found, Refusal):
            return refuse(request, found)
        items = [_view(one.mark, one.repo_id, state=one.told.state) for one in found]
        return Response(MustUpdatesOut(items=items), headers=_PRIVATE)

    @post("/{mark_id:uuid}/answers", operation_id="answer_update", status_code=200, responses=_REFUSED)
    async def answer(
        self,
        request: AnyRequest,
        mark_id: FromPath[UUID],
        data: JSONBody[AnswerInput],
        principal: NamedDependency[Principal],
        database: NamedDependency[Database],
        clock: NamedDependency[SkipValidation[Clock]],
    ) -> Response[HolderOut]:
        """Say that you have read it, or that you deleted your copies; what was said stays."""
        outcome = await database.write(
            lambda session: updates.answer(
                session, mark_id=mark_id, state=data.state, principal=principal, now=clock.now()
            )
        )
        return (
            refuse(request, outcome)
            if isinstance(outcome, Refusal)
            else Response(_holder(outcome), headers=_PRIVATE)
        )


def export_holders(desk: Desk, mark_id: UUID, kind: ExportFormat) -> Stream:
    """Return everybody who was told as a file that streams."""

    async def read(after: UUID | None) -> list[Told]:
        def load(session: Session) -> list[Told]:
            return list(
                updates.list_told(session, mark_id, sealer=desk.sealer, after=after, limit=ROWS_PER_READ)
            )

        return await desk.database.read(load)

    async def rows() -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        async for page in pages_of(read, lambda row: row.person_id):
            yield [msgspec.to_builtins(_holder(one)) for one in page]

    return Stream(
        write_rows(rows(), kind, record=HolderOut, cells=lambda row: [*row.values()]),
        media_type=MEDIA_TYPES[kind],
        headers={
            **_PRIVATE,
            "Content-Disposition": f'attachment; filename="holders-{mark_id}.{kind.value}"',
            "X-Content-Type-Options": "nosniff",
        },
    )


def _view(mark: Mark, repo_id: str, *, state: str | None = None) -> MustUpdateOut:
    return MustUpdateOut(
        id=str(mark.id),
        model=repo_id,
        release=mark.commit,
        replacement=mark.replacement,
        update_by=iso(mark.update_by),
        reason=mark.reason,
        marked_at=iso(mark.marked_at),
        ended_at=iso(mark.ended_at) if mark.ended_at else None,
        state=state,
    )


def _holder(told: Told) -> HolderOut:
    acknowledged = told.answers.get(UpdateAnswered.ACKNOWLEDGED)
    confirmed = told.answers.get(UpdateAnswered.CONFIRMED_DELETED)
    return HolderOut(
        person_id=str(told.person_id),
        email=told.email,
        state=told.state,
        downloaded=told.downloaded,
        notified_at=iso(told.told_at),
        acknowledged_at=iso(acknowledged) if acknowledged else None,
        confirmed_deleted_at=iso(confirmed) if confirmed else None,
    )
