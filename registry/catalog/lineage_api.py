"""The recorded bases of a model over the JSON API."""

from typing import Annotated

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody, SkipValidation
from sqlmodel import Session

from registry.catalog import lineage
from registry.identity.domain import Principal
from registry.kernel.clock import Clock, iso
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest, Problem, refuse

_PROBLEM = ResponseSpec(
    Problem, media_type="application/problem+json", description="Refused; says what to do."
)
_REFUSED = {401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM}


class BaseOut(msgspec.Struct, frozen=True, kw_only=True):
    """A model that this one was made from, as a release declared."""

    name: str | None
    """Null where you may not see it."""
    relation: str | None
    recorded_at: str


class BasesOut(msgspec.Struct, frozen=True, kw_only=True):
    """The recorded bases; what their gates ask for is asked of this model's users too."""

    items: list[BaseOut]


class BaseRemoval(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which base is taken out, and why; the reason is kept and its digest stands in the log."""

    base: Annotated[str, msgspec.Meta(min_length=3, max_length=200)]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=lineage.REASON_MAX_CHARACTERS)]


class LineageApi(Controller):
    """What a model was made from."""

    path = "/api/v1/models"
    tags = ("models",)

    @get("/{publisher:str}/{name:str}/bases", operation_id="list_bases", responses=_REFUSED)
    async def bases(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        name: FromPath[str],
        principal: NamedDependency[Principal],
        database: NamedDependency[Database],
    ) -> Response[BasesOut]:
        """List the recorded bases of a model."""

        def load(session: Session) -> list[lineage.Base] | Refusal:
            return lineage.find_recorded_bases(session, publisher=publisher, name=name, principal=principal)

        found = await database.read(load)
        return refuse(request, found) if isinstance(found, Refusal) else Response(_view(found))

    @post(
        "/{publisher:str}/{name:str}/bases/removals",
        operation_id="remove_base",
        status_code=200,
        responses=_REFUSED,
    )
    async def remove(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        name: FromPath[str],
        data: JSONBody[BaseRemoval],
        principal: NamedDependency[Principal],
        database: NamedDependency[Database],
        clock: NamedDependency[SkipValidation[Clock]],
    ) -> Response[BasesOut]:
        """Take a base out; needs a maintainer with a fresh sign-in, is recorded for ever."""
        left = await database.write(
            lambda session: lineage.remove_base(
                session,
                publisher=publisher,
                name=name,
                base=data.base,
                reason=data.reason,
                principal=principal,
                now=clock.now(),
            )
        )
        return refuse(request, left) if isinstance(left, Refusal) else Response(_view(left))


def _view(bases: list[lineage.Base]) -> BasesOut:
    return BasesOut(
        items=[
            BaseOut(name=base.shown_name, relation=base.relation, recorded_at=iso(base.recorded_at))
            for base in bases
        ]
    )
