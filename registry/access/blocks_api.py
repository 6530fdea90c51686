"""The deny list of a publisher over the JSON API: read it, add to it, end a block early."""

from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from sqlmodel import Session

from registry import catalog
from registry.access import service
from registry.access.blocks import REASON_MAX_CHARACTERS, BlockSummary
from registry.identity.domain import Principal
from registry.identity.visits import Desk
from registry.kernel.clock import iso
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest, Problem, refuse

PAGE_MOST = 200
_PROBLEM = ResponseSpec(
    Problem, media_type="application/problem+json", description="Refused; says what to do."
)
_REFUSED = {401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM}
Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MOST)]


class BlockInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom to keep out, why, and until when."""

    email: Annotated[str, msgspec.Meta(max_length=320)]
    """The address that the person signs in with, or will."""
    reason: Annotated[str, msgspec.Meta(max_length=REASON_MAX_CHARACTERS)]
    """One line; the person reads it."""
    until: Annotated[str, msgspec.Meta(max_length=10)] = ""
    """The last day, such as 2027-01-31; empty: until somebody ends it."""


class BlockOut(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the deny list."""

    id: str
    person: str
    reason: str
    blocked_by: str
    blocked_at: str
    until: str | None
    lifted_at: str | None
    live: bool


class BlockPageOut(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the deny list."""

    blocks: list[BlockOut]
    next: str | None


class BlocksApi(Controller):
    """Whom a publisher keeps out of all its gates: its maintainers, in a session or by a token with `review`."""

    path = "/api/v1/publishers/{publisher:str}/blocks"
    tags = ("publishers",)

    @get("/", operation_id="list_blocks", responses=_REFUSED)
    async def blocks(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        publisher: FromPath[str],
        after: FromQuery[UUID | None] = None,
        limit: Limit = 50,
    ) -> Response[BlockPageOut]:
        """List the blocks, newest first, ended ones too; the look is recorded."""
        now = desk.clock.now()

        def load(session: Session) -> Any:
            found = service.list_blocks(
                session, publisher=publisher, principal=principal, after=after, limit=limit + 1
            )
            if isinstance(found, Refusal):
                return found
            return found, catalog.find_publisher(session, publisher)

        loaded = await desk.database.read(load)
        if isinstance(loaded, Refusal):
            return refuse(request, loaded)
        found, owner = loaded
        await desk.database.write(
            lambda session: catalog.record_look(
                session, catalog.Looked.BLOCKS, principal=principal, publisher_id=owner.id, now=now
            )
        )
        shown = found[:limit]
        here = f"{desk.settings.base_url}/api/v1/publishers/{quote(publisher)}/blocks?limit={limit}"
        return _private(
            BlockPageOut(
                blocks=[_view(block, desk) for block in shown],
                next=f"{here}&after={shown[-1].id}" if len(found) > limit else None,
            )
        )

    @post("/", operation_id="block_person", responses=_REFUSED)
    async def block(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        publisher: FromPath[str],
        data: JSONBody[BlockInput],
    ) -> Response[BlockOut]:
        """Bar the person with an address, known or not, from every gate of the publisher, at once."""
        now = desk.clock.now()
        outcome = await desk.database.write(
            lambda session: service.block_address(
                session,
                publisher=publisher,
                email=data.email,
                reason=data.reason,
                last_day=data.until,
                principal=principal,
                sealer=desk.sealer,
                now=now,
            )
        )
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        return _private(_view(outcome, desk), status_code=201)

    @post("/{block_id:uuid}/end", operation_id="lift_block", status_code=200, responses=_REFUSED)
    async def lift(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        publisher: FromPath[str],
        block_id: FromPath[UUID],
    ) -> Response[BlockOut]:
        """End a block before its time; the record of it stays."""
        now = desk.clock.now()
        outcome = await desk.database.write(
            lambda session: service.lift_block(
                session, publisher=publisher, block_id=block_id, principal=principal, now=now
            )
        )
        return refuse(request, outcome) if isinstance(outcome, Refusal) else _private(_view(outcome, desk))


def _view(block: BlockSummary, desk: Desk) -> BlockOut:
    return BlockOut(
        id=str(block.id),
        person=str(block.person_id),
        reason=block.reason,
        blocked_by=str(block.blocked_by),
        blocked_at=iso(block.blocked_at),
        until=iso(block.until) if block.until else None,
        lifted_at=iso(block.lifted_at) if block.lifted_at else None,
        live=block.is_live(desk.clock.now()),
    )


def _private(out: Any, *, status_code: int = 200) -> Response[Any]:
    return Response(out, status_code=status_code, headers={"Cache-Control": "private, no-store"})
