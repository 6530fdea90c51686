"""The public side of the log: checkpoint, proofs, entries, keys. Open to everyone, no sign-in."""

from typing import Annotated, Any

from litestar import Controller, MediaType, Request, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal, Remedy
from registry.kernel.problems import Problem, refuse
from registry.ledger import attestations, service, signing
from registry.ledger.domain import PAGE_MAX_ENTRIES
from registry.ledger.notes import TREE_SIZE_MAX
from registry.ledger.schemas import (
    CheckpointsView,
    ConsistencyProofView,
    EntriesView,
    InclusionProofView,
    KeySetView,
    view_checkpoints,
    view_consistency,
    view_entries,
    view_inclusion,
    view_keys,
)

CHECKPOINT_MAX_AGE_SECONDS = 1
"""C2SP tlog-tiles: a checkpoint may be cached for a few seconds at most; ours for the merge delay."""

Position = Annotated[int, QueryParameter(ge=0, le=TREE_SIZE_MAX)]
_PROBLEM = ResponseSpec(
    Problem, media_type="application/problem+json", description="Refused; says what to do."
)


class TileLogApi(Controller):
    """The log as C2SP tlog-tiles serves it: signed tree head, hash tiles, bundles of entries."""

    path = "/ledger"

    @get(
        "/checkpoint",
        operation_id="get_checkpoint",
        media_type=MediaType.TEXT,
        responses={404: _PROBLEM},
        tags=["ledger"],
    )
    async def checkpoint(
        self, request: Request[Any, Any, Any], database: NamedDependency[Database]
    ) -> Response[str]:
        """Answer the newest checkpoint as a signed note."""
        checkpoint = await database.read(service.latest_checkpoint)
        if checkpoint is None:
            return refuse(request, _NO_CHECKPOINT)
        return Response(
            checkpoint.whole_note,
            media_type=MediaType.TEXT,
            headers={"Cache-Control": f"public, max-age={CHECKPOINT_MAX_AGE_SECONDS}"},
        )

    @get(
        "/tile/{address:path}",
        operation_id="get_ledger_tile",
        media_type="application/octet-stream",
        responses={404: _PROBLEM},
        tags=["ledger"],
    )
    async def tile(
        self, request: Request[Any, Any, Any], database: NamedDependency[Database], address: FromPath[str]
    ) -> Response[bytes]:
        """Answer a tile of hashes, `<level>/<number>`, or a bundle of entries, `entries/<number>`; whole or `.p/<width>`."""
        answer = await database.read(lambda session: service.answer_tile(session, address.removeprefix("/")))
        if isinstance(answer, Refusal):
            return refuse(request, answer)
        return Response(answer, media_type="application/octet-stream", headers=_FOR_EVER)


class LedgerApi(Controller):
    """Proofs and entries for programs that do not read tiles."""

    path = "/api/v1/ledger"
    tags = ("ledger",)

    @get("/proof", operation_id="prove_inclusion", responses={404: _PROBLEM})
    async def proof(
        self,
        request: Request[Any, Any, Any],
        database: NamedDependency[Database],
        index: Position,
        size: Position,
    ) -> Response[InclusionProofView]:
        """Answer the inclusion proof of the entry at `index` in the tree of `size` entries."""
        answer = await database.read(
            lambda session: service.answer_inclusion(session, index=index, tree_size=size)
        )
        if isinstance(answer, Refusal):
            return refuse(request, answer)
        return Response(view_inclusion(answer[0], answer[1], tree_size=size), headers=_FOR_EVER)

    @get("/consistency", operation_id="prove_consistency", responses={400: _PROBLEM, 404: _PROBLEM})
    async def consistency(
        self,
        request: Request[Any, Any, Any],
        database: NamedDependency[Database],
        old: Position,
        new: Position,
    ) -> Response[ConsistencyProofView]:
        """Answer the proof that the tree of `new` entries extends the tree of `old` entries."""
        answer = await database.read(lambda session: service.answer_consistency(session, old=old, new=new))
        if isinstance(answer, Refusal):
            return refuse(request, answer)
        return Response(view_consistency(answer, old=old, new=new), headers=_FOR_EVER)

    @get("/checkpoints", operation_id="list_attested_checkpoints")
    async def checkpoints(
        self,
        database: NamedDependency[Database],
        before: Annotated[int | None, QueryParameter(ge=0, le=TREE_SIZE_MAX)] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX_ENTRIES)] = 50,
    ) -> Response[CheckpointsView]:
        """Answer checkpoints that witnesses have cosigned or an authority has stamped, largest first."""
        found = await database.read(
            lambda session: attestations.list_attested(session, before=before, limit=limit)
        )
        return Response(view_checkpoints(found, limit=limit))

    @get("/entries", operation_id="list_entries")
    async def entries(
        self,
        database: NamedDependency[Database],
        before: Annotated[int | None, QueryParameter(ge=0, le=TREE_SIZE_MAX)] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX_ENTRIES)] = 50,
    ) -> Response[EntriesView]:
        """Answer a page of the log, newest first."""
        entries = await database.read(
            lambda session: service.list_entries(session, before=before, limit=limit)
        )
        return Response(view_entries(entries, limit=limit))


class KeysApi(Controller):
    """Every public key that statements and checkpoints were ever signed with."""

    path = "/api/v1/keys"

    @get(operation_id="list_keys", tags=["ledger"])
    async def keys(self, database: NamedDependency[Database]) -> Response[KeySetView]:
        """Answer the JWK set, retired keys included."""
        published = await database.read(signing.list_published_keys)
        return Response(view_keys(published), media_type="application/jwk-set+json")


# A proof between trees of given sizes never changes.
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}

_NO_CHECKPOINT = Refusal(
    code="ledger-empty",
    status=404,
    title="The log has no checkpoint yet",
    detail="Nothing has been recorded, or the first entry is still on its way.",
    remedy=Remedy(text="Ask again in a second"),
)
