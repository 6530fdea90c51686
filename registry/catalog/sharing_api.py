"""Putting a model behind another model's gate, and back behind one of its own, over the JSON API."""

from typing import Annotated

import msgspec
from litestar import Controller, Response, delete, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody, SkipValidation
from sqlmodel import Session

from registry.catalog import gate_schemas, reading, sharing
from registry.catalog.domain import ModelView
from registry.identity.domain import Principal
from registry.kernel.clock import Clock
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest, Problem, refuse

_PROBLEM = ResponseSpec(
    Problem, media_type="application/problem+json", description="Refused; says what to do."
)
_REFUSED = {401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM}


class SharedGateInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose gate a model is to share."""

    model: Annotated[str, msgspec.Meta(min_length=3, max_length=200)]
    """`publisher/model`, of the same publisher."""
    revision: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """The revision of the model's own gate that was looked at; where another is in force, nothing changes."""


class SharedGateOut(msgspec.Struct, frozen=True, kw_only=True):
    """A gate and every model behind it; one acceptance, and one request, opens them all."""

    gate: gate_schemas.GateOut
    models: list[str]


class SharingApi(Controller):
    """Which models share a gate."""

    path = "/api/v1/models/{publisher:str}/{name:str}/gate/sharing"
    tags = ("models",)

    @put("/", operation_id="share_gate", responses=_REFUSED)
    async def share(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        name: FromPath[str],
        data: JSONBody[SharedGateInput],
        principal: NamedDependency[Principal],
        database: NamedDependency[Database],
        clock: NamedDependency[SkipValidation[Clock]],
    ) -> Response[SharedGateOut]:
        """Put the model behind another model's gate; takes a fresh sign-in, is recorded for ever."""
        return await _move(
            request, database, principal, (publisher, name), data.model, clock=clock, revision=data.revision
        )

    @delete("/", operation_id="stop_sharing_gate", status_code=200, responses=_REFUSED)
    async def stop(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        name: FromPath[str],
        principal: NamedDependency[Principal],
        database: NamedDependency[Database],
        clock: NamedDependency[SkipValidation[Clock]],
    ) -> Response[SharedGateOut]:
        """Give the model a gate of its own that asks for the same; people accept there anew."""
        return await _move(request, database, principal, (publisher, name), None, clock=clock)


async def _move(
    request: AnyRequest,
    database: Database,
    principal: Principal,
    model: tuple[str, str],
    target: str | None,
    *,
    clock: Clock,
    revision: int | None = None,
) -> Response[SharedGateOut]:
    base_url: str = request.app.state.settings.base_url

    def work(session: Session) -> SharedGateOut | Refusal:
        moved: ModelView | Refusal = sharing.move_model(
            session,
            publisher=model[0],
            name=model[1],
            target=target,
            principal=principal,
            now=clock.now(),
            revision=revision,
        )
        if isinstance(moved, Refusal):
            return moved
        requirements = reading.describe_requirements(session, moved.gate.license_version_ids)
        return SharedGateOut(
            gate=gate_schemas.view_gate(moved.gate, requirements, base_url),
            models=sharing.list_models_of_gate(session, moved.gate.id),
        )

    outcome = await database.write(work)
    return refuse(request, outcome) if isinstance(outcome, Refusal) else Response(outcome)
