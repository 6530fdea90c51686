"""Who one is, what a model is, and whether one may have it, over the JSON API."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, QueryParameter
from sqlmodel import Session

from registry import catalog, identity
from registry.access import for_others, service
from registry.access.domain import Denial, Permit, Reason
from registry.access.permitted import Narrowing, list_ending, list_permitted
from registry.catalog.api import Limit, Search, load_detail, next_page
from registry.catalog.domain import DEFAULT_BRANCH, GateMode
from registry.catalog.refusals import no_such_model
from registry.catalog.schemas import ModelDetail, ModelsOut, view_item
from registry.identity.domain import Principal
from registry.identity.visits import Desk
from registry.kernel.clock import iso
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest, Problem, RemedyView, absolute, refuse
from registry.licenses.domain import ChangeClass, Changes

REVISION_MAX_CHARACTERS = 120
ENDING_MOST = 20
"""How many models of which the download ends `whoami` names."""
Revision = Annotated[str, QueryParameter(min_length=1, max_length=REVISION_MAX_CHARACTERS)]
_PROBLEM = ResponseSpec(
    Problem, media_type="application/problem+json", description="Refused; says what to do."
)


class PersonOut(msgspec.Struct, frozen=True, kw_only=True):
    """The person behind the credential."""

    id: str
    email: str | None
    display_name: str | None = None


class TokenOut(msgspec.Struct, frozen=True, kw_only=True):
    """The access token that was sent."""

    name: str
    expires_at: str


class ServiceAccountOut(msgspec.Struct, frozen=True, kw_only=True):
    """The service account behind the credential."""

    id: str
    name: str
    organisation: str | None
    """Id of the organisation whose covers let it in; null: its sponsor's acceptances do."""


class OwnRoleOut(msgspec.Struct, frozen=True, kw_only=True):
    """A role that the caller has."""

    name: str
    role: str


class EndingOut(msgspec.Struct, frozen=True, kw_only=True):
    """A model that the caller may download until a moment."""

    model: str
    reaccept_by: str
    url: str
    """Where its licenses are read and accepted."""


class WhoamiOut(msgspec.Struct, frozen=True, kw_only=True):
    """Who is asking, and what the credential reaches."""

    person: PersonOut | None
    channel: str
    scopes: list[str]
    token: TokenOut | None
    publishers: list[OwnRoleOut]
    operator: bool
    service_account: ServiceAccountOut | None = None
    """Set where a service account asks; `person` is null then."""
    ending: list[EndingOut] = []
    """The first models whose download ends by itself unless their licenses, as they are now, are accepted before."""


class TermsChangedOut(msgspec.Struct, frozen=True, kw_only=True):
    """What changed in a license since the text that is known already, in figures."""

    slug: str
    old: str
    """Number of the version that was accepted: by the caller, or by an organisation of theirs."""
    new: str
    change_class: ChangeClass
    """The gravest among the versions between them."""
    changed: int
    """Clauses; `reworded` are those of which only wording or place differ in small things."""
    added: int
    removed: int
    reworded: int
    url: str
    """Where both stand side by side."""


class ReasonOut(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the decision looked at."""

    code: str
    met: bool
    title: str
    detail: str
    since: str | None
    until: str | None
    decider: str
    acceptance: str | None
    """Id of the acceptance that meets it."""
    grant: str | None
    """Id of the grant that meets it."""
    inherited_from: str | None
    """The base whose gate asks for the license, empty where that is private; null: the model's own gate."""
    remedy: RemedyView | None
    """What to do about it; null where the remedy of the whole says so."""
    changes: TermsChangedOut | None = None
    """Of a license that is not accepted, or only until a day: what changed since the text that was accepted before."""


class DecisionOut(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the caller may have the files; if not, what is missing and where to act (P10)."""

    permitted: bool
    code: str
    title: str
    detail: str
    remedy: RemedyView | None
    decider: str | None
    since: str | None
    until: str | None
    reasons: list[ReasonOut]


class ModelOut(ModelDetail, frozen=True, kw_only=True):
    """A model with one of its releases, and what the caller may have of it."""

    access: DecisionOut


class WhoamiApi(Controller):
    """The caller."""

    path = "/api/v1/whoami"
    tags = ("access",)

    @get("/", operation_id="whoami", responses={401: _PROBLEM})
    async def whoami(
        self, desk: NamedDependency[Desk], principal: NamedDependency[Principal]
    ) -> Response[WhoamiOut]:
        """Answer who the token or the session belongs to, and what it may be used for."""
        out = await desk.database.read(lambda session: load_whoami(session, desk, principal))
        return _private(out)

    @get("/models", operation_id="list_permitted_models", responses={401: _PROBLEM})
    async def models(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        search: Search = "",
        license: Annotated[str | None, QueryParameter(max_length=64)] = None,  # noqa: A002 # the parameter's public name
        gate: FromQuery[GateMode | None] = None,
        after: FromQuery[UUID | None] = None,
        limit: Limit = 30,
    ) -> Response[ModelsOut]:
        """List the models whose files you may download now, newest first; `after` comes from `next`."""
        base_url, now = desk.settings.base_url, desk.clock.now()
        narrowing = Narrowing(search=search, license_slugs=(license,) if license else (), mode=gate)

        def page(session: Session) -> ModelsOut:
            found = list_permitted(
                session, principal, narrowing=narrowing, before=after, limit=limit + 1, now=now
            )
            items = found[:limit]
            versions = [version for item in items for version in item.model.license_version_ids]
            requirements = catalog.describe_requirements(session, versions)
            return ModelsOut(
                items=[
                    view_item(item.model, requirements, base_url, reaccept_by=item.reaccept_by)
                    for item in items
                ],
                next=next_page(request, {"after": items[-1].model.model_id}) if len(found) > limit else None,
            )

        return _private(await desk.database.read(page))


class ModelAccessApi(Controller):
    """One model, and the decision about it."""

    path = "/api/v1/models"
    tags = ("models",)

    @get("/{publisher:str}/{name:str}", operation_id="get_model", responses={401: _PROBLEM, 404: _PROBLEM})
    async def model(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        publisher: FromPath[str],
        name: FromPath[str],
        revision: Revision = DEFAULT_BRANCH,
    ) -> Response[ModelOut]:
        """Answer a model at a revision, with the decision whether the caller may have it."""
        base_url, now = desk.settings.base_url, desk.clock.now()

        def load(session: Session) -> ModelOut | Refusal:
            loaded = load_detail(
                session,
                publisher=publisher,
                name=name,
                revision=revision,
                principal=principal,
                base_url=base_url,
            )
            if isinstance(loaded, Refusal):
                return loaded
            model, release, detail = loaded
            verdict = service.explain(
                session,
                principal,
                publisher=model.publisher,
                model=model.name,
                release_id=release.id if release else None,
                now=now,
                contact=desk.settings.contact,
            )
            if verdict is None:
                return no_such_model(publisher, name)
            fields = {field: getattr(detail, field) for field in detail.__struct_fields__}
            return ModelOut(**fields, access=view_decision(verdict, base_url))

        outcome = await desk.database.read(load)
        return refuse(request, outcome) if isinstance(outcome, Refusal) else _private(outcome)

    @get(
        "/{publisher:str}/{name:str}/access",
        operation_id="get_access",
        responses={401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM},
    )
    async def access(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        publisher: FromPath[str],
        name: FromPath[str],
        revision: Revision = DEFAULT_BRANCH,
        person: Annotated[str, QueryParameter(max_length=254)] = "",
    ) -> Response[DecisionOut]:
        """Answer whether the caller may have the files; a no is an answer too, with status 200.

        Operators, and who may read the publisher's records, may ask for the `person` of an e-mail address; that look
        is recorded.
        """
        now = desk.clock.now()

        def load(session: Session) -> Permit | Denial | Refusal:
            release_id = None
            if revision != DEFAULT_BRANCH:
                found = catalog.find_release(
                    session, publisher=publisher, name=name, revision=revision, principal=principal
                )
                if isinstance(found, Refusal):
                    return found
                release_id = found.release.id
            if person:
                return for_others.explain_for(
                    session,
                    principal,
                    publisher=publisher,
                    model=name,
                    email=person,
                    sealer=desk.sealer,
                    now=now,
                    contact=desk.settings.contact,
                )
            verdict = service.explain(
                session,
                principal,
                publisher=publisher,
                model=name,
                release_id=release_id,
                now=now,
                contact=desk.settings.contact,
            )
            return verdict or no_such_model(publisher, name)

        outcome = await (desk.database.write(load) if person else desk.database.read(load))
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        return _private(view_decision(outcome, desk.settings.base_url))


def load_whoami(session: Session, desk: Desk, principal: Principal) -> WhoamiOut:
    """Return the caller as the API shows them to themself."""
    person = token = held = None
    account = principal.account
    roles: list[OwnRoleOut] = []
    if account is not None and principal.token_id is not None:
        held = identity.find_service_token(session, token_id=principal.token_id)
    if principal.person_id is not None:
        profile = identity.open_profile(session, person_id=principal.person_id, sealer=desk.sealer)
        person = PersonOut(id=str(principal.person_id), email=profile.email if profile else None)
        roles = [
            OwnRoleOut(name=role.publisher, role=role.role.value)
            for role in catalog.list_roles_of(session, person_id=principal.person_id)
        ]
        held = identity.find_token(session, token_id=principal.token_id) if principal.token_id else None
    if held is not None:
        token = TokenOut(name=held.name, expires_at=iso(held.expires_at))
    return WhoamiOut(
        person=person,
        channel=principal.channel.value,
        scopes=sorted(scope.value for scope in principal.scopes),
        token=token,
        publishers=roles,
        operator=principal.is_operator,
        service_account=ServiceAccountOut(
            id=str(account.id),
            name=account.name,
            organisation=str(account.organisation_id) if account.organisation_id else None,
        )
        if account
        else None,
        ending=[
            EndingOut(
                model=one.model.repo_id,
                reaccept_by=iso(one.reaccept_by),
                url=f"{desk.settings.base_url}/{one.model.repo_id}/accept",
            )
            for one in list_ending(session, principal, limit=ENDING_MOST, now=desk.clock.now())
            if one.reaccept_by
        ],
    )


def view_decision(verdict: Permit | Denial, base_url: str) -> DecisionOut:
    """Return a decision as it goes out."""
    reasons = [_reason(reason, base_url) for reason in verdict.reasons]
    if isinstance(verdict, Permit):
        return DecisionOut(
            permitted=True,
            code="permitted",
            title="You may download",
            detail=" ".join(_say_ends(verdict)),
            remedy=None,
            decider=None,
            since=None,
            until=iso(min(ends)) if (ends := verdict.ends) else None,
            reasons=reasons,
        )
    refusal = verdict.refusal
    remedy = refusal.remedy
    return DecisionOut(
        permitted=False,
        code=refusal.code,
        title=refusal.title,
        detail=refusal.detail,
        remedy=RemedyView(text=remedy.text, url=absolute(remedy.url, base_url)) if remedy else None,
        decider=refusal.decider,
        since=iso(refusal.since) if refusal.since else None,
        until=iso(refusal.until) if refusal.until else None,
        reasons=reasons,
    )


def _say_ends(permit: Permit) -> list[str]:
    """Return until when the permit holds, and what to do before."""
    said = []
    if permit.reaccept_by is not None:
        said.append(
            f"Until {permit.reaccept_by:%-d %B %Y}, unless the license as it is now is accepted before."
        )
    if permit.update is not None:
        said.append(
            f"This release is to be given up by {permit.update.update_by:%-d %B %Y}: "
            f"use release {permit.update.replacement} instead."
        )
    return said


def _reason(reason: Reason, base_url: str) -> ReasonOut:
    since = reason.since if reason.since and reason.since.year > 1970 else None
    return ReasonOut(
        code=reason.code.value,
        met=reason.met,
        title=reason.title,
        detail=reason.detail,
        since=iso(since) if since else None,
        until=iso(reason.until) if reason.until else None,
        decider=reason.decider,
        acceptance=str(reason.acceptance_id) if reason.acceptance_id else None,
        grant=str(reason.grant_id) if reason.grant_id else None,
        inherited_from=reason.inherited_from,
        remedy=(
            RemedyView(text=reason.remedy.text, url=absolute(reason.remedy.url, base_url))
            if reason.remedy and not reason.met
            else None
        ),
        changes=_changes(reason.changes, base_url) if reason.changes else None,
    )


def _changes(changes: Changes, base_url: str) -> TermsChangedOut:
    figures = changes.figures
    return TermsChangedOut(
        slug=changes.slug,
        old=changes.old,
        new=changes.new,
        change_class=changes.change_class,
        changed=figures.changed,
        added=figures.added,
        removed=figures.removed,
        reworded=figures.reworded,
        url=f"{base_url}{changes.path}",
    )


def _private(out: Any) -> Response[Any]:
    return Response(out, headers={"Cache-Control": "private, no-store"})
