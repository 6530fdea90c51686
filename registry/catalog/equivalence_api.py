"""Use restrictions beside those of the bases, and decisions that they are equivalent, over the JSON API."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody
from sqlmodel import Session

from registry import licenses
from registry.catalog import equivalence_store, equivalences, inherited_terms, lineage
from registry.catalog.domain import ModelView
from registry.catalog.equivalence_store import Decision
from registry.catalog.equivalences import (
    NAME_MAX_CHARACTERS,
    PAGE_DECISIONS,
    REASON_MAX_CHARACTERS,
    Claim,
)
from registry.catalog.inherited_terms import BaseTerms
from registry.identity.domain import Principal
from registry.identity.visits import Desk
from registry.kernel.clock import iso
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest, Problem, refuse
from registry.kernel.sealing import Sealer

CARD_MAX_CHARACTERS = 1 << 20
LICENSE_MAX_CHARACTERS = 1 << 20
SLUGS_MOST = 100
_PROBLEM = ResponseSpec(
    Problem, media_type="application/problem+json", description="Refused; says what to do."
)
_REFUSED = {401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM}
_DECIDED = {**_REFUSED, 409: _PROBLEM, 422: _PROBLEM}
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_MAX_CHARACTERS)]
Reference = Annotated[str, msgspec.Meta(min_length=3, max_length=200)]


class ComparedOut(msgspec.Struct, frozen=True, kw_only=True):
    """One use restriction: how the base's license has it, and how the model's own licenses have it."""

    slug: str
    says: str
    """In words."""
    base: str | None
    """Its strictness in the base's license; null: it is not there."""
    own: str | None
    carried: str
    """`same`, `stricter`, `added`, `weaker`, `missing` or `unknown`."""
    equivalent: bool
    """Whether it counts as carried on by a decision in force."""


class DecisionOut(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that a license carries on what a base's license restricts."""

    id: str
    base: str
    base_license: str
    model: str
    own_license: str
    restrictions: list[str]
    """Empty: the text as a whole."""
    reason: str
    decided_by: str | None
    """Null once the person is erased."""
    decided_at: str
    ended_at: str | None
    end_reason: str | None


class BaseTermsOut(msgspec.Struct, frozen=True, kw_only=True):
    """A license that comes with a base, beside the model's own."""

    base: str
    license: str
    carried: str
    """The gravest of its restrictions; `unknown` where the registry does not know what a license restricts."""
    publishable: bool
    """Whether nothing of it stands against a release."""
    restrictions: list[ComparedOut]
    decisions: list[DecisionOut]


class BaseTermsItems(msgspec.Struct, frozen=True, kw_only=True):
    """What comes with the bases that you may see; empty where the model has no license of its own."""

    items: list[BaseTermsOut]


class NewLicenseInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new license that would be published with the release."""

    slug: Annotated[str, msgspec.Meta(max_length=64)]
    number: Annotated[str, msgspec.Meta(max_length=32)]
    title: Annotated[str, msgspec.Meta(max_length=200)]
    text: Annotated[str, msgspec.Meta(max_length=LICENSE_MAX_CHARACTERS)]


class PlanInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A card and the licenses that a release would have."""

    card: Annotated[str, msgspec.Meta(max_length=CARD_MAX_CHARACTERS)]
    licenses: Annotated[list[Reference], msgspec.Meta(max_length=20)] = []
    """Of a new model; without any, those of the model's gate."""
    new_license: NewLicenseInput | None = None
    """One more, which is not published yet: it is judged by its text, and nothing is stored."""


class NewLicenseOut(msgspec.Struct, frozen=True, kw_only=True):
    """What the registry knows of a license that is not published yet."""

    recognised_as: str | None
    """Id of the known license whose text it is."""
    restrictions: list[str] | None
    """Slugs; null: nobody has said what it restricts."""


class PlanOut(msgspec.Struct, frozen=True, kw_only=True):
    """What comes with the bases that the card names, and those that the model has already."""

    items: list[BaseTermsOut]
    unknown_bases: list[str]
    """Names in the card that are no model here, as far as you may see: nothing is known of them."""
    new_license: NewLicenseOut | None


class ClaimInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is decided to be equivalent, in whose name and why; shown to everybody who sees the model."""

    model: Reference
    base_license: Reference
    own_license: Reference
    restrictions: Annotated[list[Reference], msgspec.Meta(max_length=SLUGS_MOST)] = []
    """Slugs; none where nobody has said what the base's license restricts."""
    reason: Reason
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_MAX_CHARACTERS)]


class WithdrawalInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a decision is withdrawn; kept for ever, its digest stands in the log."""

    reason: Reason


class DecisionsOut(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions made at a base, newest first."""

    items: list[DecisionOut]
    next: str | None


class RestrictionsApi(Controller):
    """What a model's licenses carry on of its bases' licenses."""

    path = "/api/v1/models/{publisher:str}/{name:str}/bases/restrictions"
    tags = ("models",)

    @get("/", operation_id="compare_restrictions_of_bases", responses=_REFUSED)
    async def restrictions(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        name: FromPath[str],
        principal: NamedDependency[Principal],
        desk: NamedDependency[Desk],
    ) -> Response[BaseTermsItems]:
        """Compare the use restrictions of the model's licenses with those of its bases."""

        def load(session: Session) -> BaseTermsItems | Refusal:
            found = inherited_terms.compare_terms(
                session, publisher=publisher, name=name, principal=principal
            )
            if isinstance(found, Refusal):
                return found
            return BaseTermsItems(items=_view_terms(session, found, desk.sealer))

        found = await desk.database.read(load)
        return refuse(request, found) if isinstance(found, Refusal) else Response(found)

    @post("/plan", operation_id="plan_restrictions_of_bases", status_code=200, responses=_DECIDED)
    async def plan(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        name: FromPath[str],
        data: JSONBody[PlanInput],
        principal: NamedDependency[Principal],
        desk: NamedDependency[Desk],
    ) -> Response[PlanOut]:
        """Compare what a release with this card would have to carry on, before anything is uploaded."""

        def load(session: Session) -> PlanOut | Refusal:
            planned = lineage.plan_restrictions(
                session,
                publisher=publisher,
                name=name,
                card=data.card.encode(),
                references=data.licenses,
                principal=principal,
                now=desk.clock.now(),
                new_license=_read_license(data.new_license) if data.new_license else None,
            )
            if isinstance(planned, Refusal):
                return planned
            return PlanOut(
                items=_view_terms(session, planned.terms, desk.sealer),
                unknown_bases=list(planned.unknown_bases),
                new_license=_view_draft(planned.draft) if planned.draft else None,
            )

        found = await desk.database.read(load)
        return refuse(request, found) if isinstance(found, Refusal) else Response(found)


class EquivalencesApi(Controller):
    """Decisions at a base that other licenses carry its own on."""

    path = "/api/v1/models/{publisher:str}/{name:str}/equivalences"
    tags = ("models",)

    @get("/", operation_id="list_equivalences", responses=_REFUSED)
    async def given(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        name: FromPath[str],
        principal: NamedDependency[Principal],
        desk: NamedDependency[Desk],
        before: FromQuery[UUID | None] = None,
    ) -> Response[DecisionsOut]:
        """List the decisions made at this base, newest first, to its staff."""

        def load(session: Session) -> tuple[ModelView, list[Decision]] | Refusal:
            return equivalences.list_given(
                session,
                publisher=publisher,
                name=name,
                principal=principal,
                sealer=desk.sealer,
                before=before,
            )

        found = await desk.database.read(load)
        if isinstance(found, Refusal):
            return refuse(request, found)
        page = found[1][:PAGE_DECISIONS]
        following = str(page[-1].id) if len(found[1]) > PAGE_DECISIONS else None
        return Response(DecisionsOut(items=[_view(one) for one in page], next=following))

    @post("/", operation_id="decide_equivalence", responses=_DECIDED)
    async def decide(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        name: FromPath[str],
        data: JSONBody[ClaimInput],
        principal: NamedDependency[Principal],
        desk: NamedDependency[Desk],
    ) -> Response[DecisionOut]:
        """Decide that a license is equivalent; needs a maintainer of the base with a fresh sign-in."""
        claim = Claim(
            model=data.model,
            base_license=data.base_license,
            own_license=data.own_license,
            restrictions=tuple(data.restrictions),
            reason=data.reason,
            name=data.name,
        )
        decided = await desk.database.write(
            lambda session: equivalences.decide(
                session,
                publisher=publisher,
                name=name,
                claim=claim,
                principal=principal,
                sealer=desk.sealer,
                now=desk.clock.now(),
            )
        )
        return refuse(request, decided) if isinstance(decided, Refusal) else Response(_view(decided))

    @post("/{decision_id:uuid}/end", operation_id="withdraw_equivalence", status_code=200, responses=_DECIDED)
    async def withdraw(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        name: FromPath[str],
        decision_id: FromPath[UUID],
        data: JSONBody[WithdrawalInput],
        principal: NamedDependency[Principal],
        desk: NamedDependency[Desk],
    ) -> Response[DecisionOut]:
        """Withdraw a decision for releases to come; needs a maintainer of the base with a fresh sign-in."""
        ended = await desk.database.write(
            lambda session: equivalences.withdraw(
                session,
                publisher=publisher,
                name=name,
                decision_id=decision_id,
                reason=data.reason,
                principal=principal,
                sealer=desk.sealer,
                now=desk.clock.now(),
            )
        )
        return refuse(request, ended) if isinstance(ended, Refusal) else Response(_view(ended))


def _read_license(stated: NewLicenseInput) -> licenses.PublishVersion:
    return licenses.PublishVersion(
        slug=stated.slug,
        number=stated.number,
        change_class=licenses.ChangeClass.INITIAL,
        title=stated.title,
        # A lone surrogate, which JSON can carry, stays what it is: bytes that are not UTF-8, refused by their check.
        text=stated.text.encode("utf-8", "surrogatepass"),
    )


def _view_draft(draft: licenses.Draft) -> NewLicenseOut:
    return NewLicenseOut(
        recognised_as=draft.version.recognised_as,
        restrictions=None if draft.restrictions is None else sorted({one.slug for one in draft.restrictions}),
    )


def _view_terms(session: Session, compared: Sequence[BaseTerms], sealer: Sealer) -> list[BaseTermsOut]:
    return [
        BaseTermsOut(
            base=one.base.repo_id,
            license=one.version.reference,
            carried=one.carried.value,
            publishable=not one.is_open,
            restrictions=[
                ComparedOut(
                    slug=row.slug,
                    says=licenses.describe_restriction(row.slug),
                    base=row.asked,
                    own=row.found,
                    carried=row.carried.value,
                    equivalent=row.carried in licenses.GAPS and row not in one.gaps,
                )
                for row in one.rows
            ],
            decisions=[
                _view(decision)
                for decision in equivalence_store.describe(
                    session, [decision.id for decision in one.decisions], sealer
                )
            ],
        )
        for one in compared
    ]


def _view(one: Decision) -> DecisionOut:
    return DecisionOut(
        id=str(one.id),
        base=one.base,
        base_license=one.base_license,
        model=one.model,
        own_license=one.own_license,
        restrictions=list(one.restrictions),
        reason=one.reason,
        decided_by=one.name,
        decided_at=iso(one.decided_at),
        ended_at=iso(one.ended_at) if one.ended_at else None,
        end_reason=one.end_reason,
    )
