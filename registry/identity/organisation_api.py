"""Organisations over the JSON API, by the use cases of the pages: in a web session alone."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from registry.identity import organisations
from registry.identity.domain import Principal
from registry.identity.organisation_domain import Act, DomainView, OrganisationView
from registry.identity.organisation_ending import change_organisation
from registry.identity.record_checker import RecordChecker
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
    acknowledge_from: str | None
    """From when what was accepted covers members only who have acknowledged it; null where nobody has to."""


class ClaimInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A domain that is claimed."""

    domain: Annotated[str, Meta(min_length=1, max_length=253)]
    mailbox: Annotated[str, Meta(max_length=20)] | None = None
    """Who reads the mailed proof, such as `postmaster`; null: a DNS record is the proof."""


class RecordOut(msgspec.Struct, frozen=True, kw_only=True):
    """The TXT record that proves a domain."""

    name: str
    value: str


class DomainOut(msgspec.Struct, frozen=True, kw_only=True):
    """A domain that an organisation claims."""

    id: str
    domain: str
    mailbox: str | None
    record: RecordOut | None
    claimed_at: str
    proved_at: str | None
    valid_until: str | None
    missing_since: str | None
    """Since when its record is known to be gone."""


class DomainsOut(msgspec.Struct, frozen=True, kw_only=True):
    """The domains of an organisation, oldest claim first."""

    items: list[DomainOut]


class OrganisationsApi(Controller):
    """Organisations: their domains, and acts on them as a whole."""

    path = "/api/v1/organisations"
    tags = ("organisations",)

    @post(
        "/{organisation_id:uuid}/domains",
        operation_id="claim_organisation_domain",
        responses=dict.fromkeys((401, 403, 404, 422), _PROBLEM),
    )
    async def claim(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        organisation_id: FromPath[UUID],
        data: JSONBody[ClaimInput],
    ) -> Response[Any]:
        """Claim a domain: a mail is sent, or the answer names the record to set."""
        now = desk.clock.now()
        outcome = await desk.database.write(
            lambda session: organisations.claim_domain(
                session,
                organisation_id=organisation_id,
                domain=data.domain,
                mailbox=data.mailbox,
                principal=principal,
                base_url=desk.settings.base_url,
                sealer=desk.sealer,
                now=now,
            )
        )
        return _answer(request, outcome, status_code=201)

    @post(
        "/{organisation_id:uuid}/domains/{domain_id:uuid}/check",
        operation_id="check_organisation_domain",
        status_code=200,
        responses=dict.fromkeys((401, 403, 404, 409, 503), _PROBLEM),
    )
    async def check(
        self,
        request: AnyRequest,
        record_checker: NamedDependency[RecordChecker],
        principal: NamedDependency[Principal],
        organisation_id: FromPath[UUID],
        domain_id: FromPath[UUID],
    ) -> Response[Any]:
        """Look for the record of a domain now; where it is there, the domain is proved."""
        outcome = await record_checker.check(
            organisation_id=organisation_id, domain_id=domain_id, principal=principal
        )
        return _answer(request, outcome)

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
        """Suspend, resume or end the organisation, or let each member acknowledge, in a web session."""
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
            acknowledge_from=iso(outcome.acknowledge_from) if outcome.acknowledge_from else None,
        )
        return Response(said, headers={"cache-control": "private, no-store"})


def _answer(
    request: AnyRequest, outcome: OrganisationView | Refusal, *, status_code: int = 200
) -> Response[Any]:
    if isinstance(outcome, Refusal):
        return refuse(request, outcome)
    said = DomainsOut(items=[_domain(one) for one in outcome.domains])
    return Response(said, status_code=status_code, headers={"cache-control": "private, no-store"})


def _domain(one: DomainView) -> DomainOut:
    return DomainOut(
        id=str(one.id),
        domain=one.domain,
        mailbox=one.mailbox,
        record=RecordOut(name=one.record.name, value=one.record.value) if one.record else None,
        claimed_at=iso(one.claimed_at),
        proved_at=iso(one.proved_at) if one.proved_at else None,
        valid_until=iso(one.valid_until) if one.valid_until else None,
        missing_since=iso(one.missing_since) if one.missing_since else None,
    )
