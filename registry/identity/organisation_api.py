"""Suspension and end of an organisation over the JSON API, by the use case of the pages: in a web session alone."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from registry.identity.domain import Principal
from registry.identity.organisation_domain import Act
from registry.identity.organisation_ending import change_organisation
from registry.identity.visits import Desk
from registry.kernel.clock import iso
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest, Problem, refuse

_PROBLEM = ResponseSpec(
    Problem, media_type="application/problem+json", description="Refused; says what to do."
)


class OrganisationOut(msgspec.Struct, frozen=True, kw_only=True):
    """How an organisation stands."""

    id: str
    name: str
    suspended_at: str | None
    suspended_by_operator: bool
    ended_at: str | None
    members_until: str | None
    """Until when what was accepted covers members; null while it goes on."""


class OrganisationsApi(Controller):
    """Organisations as a whole."""

    path = "/api/v1/organisations"
    tags = ("organisations",)

    @post(
        "/{organisation_id:uuid}/{act:str}",
        operation_id="stop_organisation",
        status_code=200,
        responses=dict.fromkeys((401, 403, 404, 409), _PROBLEM),
    )
    async def stop(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        organisation_id: FromPath[UUID],
        act: FromPath[Act],
    ) -> Response[Any]:
        """Suspend, resume or end the organisation, as an officer or operator in a web session."""
        now = desk.clock.now()
        outcome = await desk.database.write(
            lambda session: change_organisation(
                session, organisation_id, act=act, principal=principal, now=now
            )
        )
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        said = OrganisationOut(
            id=str(outcome.id),
            name=outcome.name,
            suspended_at=iso(outcome.suspended_at) if outcome.suspended_at else None,
            suspended_by_operator=outcome.suspended_by_operator,
            ended_at=iso(outcome.ended_at) if outcome.ended_at else None,
            members_until=iso(outcome.members_until) if outcome.members_until else None,
        )
        return Response(said, headers={"cache-control": "private, no-store"})
