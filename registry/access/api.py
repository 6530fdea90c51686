"""The model with what the caller may have of it, the decision with its reasons, and who the caller is."""

from typing import Annotated

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter
from sqlmodel import Session

from registry import catalog, identity
from registry.access import service
from registry.access.domain import Denial, Permit
from registry.access.schemas import AccessOut, access_out
from registry.catalog.api import load_detail
from registry.catalog.refusals import no_such_model
from registry.catalog.schemas import ModelDetail
from registry.identity.domain import Principal
from registry.identity.visits import Desk
from registry.kernel.clock import iso
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest, Problem, refuse

Revision = Annotated[str, QueryParameter(min_length=1, max_length=100)]
_PROBLEM = ResponseSpec(
    Problem, media_type="application/problem+json", description="Refused; says what to do."
)


class ModelWithAccess(ModelDetail, frozen=True, kw_only=True):
    """A model, one of its releases, and the decision about the caller."""

    access: AccessOut


class PersonOut(msgspec.Struct, frozen=True, kw_only=True):
    """The person behind the caller's credential."""

    id: str
    email: str | None


class TokenOut(msgspec.Struct, frozen=True, kw_only=True):
    """The access token that the caller used."""

    name: str
    expires_at: str


class PublisherRoleOut(msgspec.Struct, frozen=True, kw_only=True):
    """A role of the caller."""

    name: str
    role: str


class WhoAmI(msgspec.Struct, frozen=True, kw_only=True):
    """Who the caller is to this registry."""

    person: PersonOut | None
    channel: str
    scopes: list[str]
    token: TokenOut | None
    publishers: list[PublisherRoleOut]
    operator: bool


class AccessApi(Controller):
    """What the caller may have."""

    path = "/api/v1"
    tags = ("access",)

    @get("/models/{publisher:str}/{name:str}", operation_id="get_model", responses={404: _PROBLEM})
    async def model(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        publisher: FromPath[str],
        name: FromPath[str],
        revision: Revision = "main",
    ) -> Response[ModelWithAccess]:
        """Answer a model with one of its releases and the decision about the caller."""
        now, base_url = desk.clock.now(), desk.settings.base_url

        def work(session: Session) -> ModelWithAccess | Refusal:
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
            verdict = service.explain(session, principal, publisher=publisher, model=name, now=now)
            if verdict is None:
                return no_such_model(publisher, name)
            detail = {field: getattr(loaded[1], field) for field in ModelDetail.__struct_fields__}
            return ModelWithAccess(**detail, access=access_out(verdict, base_url))

        found = await desk.database.read(work)
        return refuse(request, found) if isinstance(found, Refusal) else Response(found)

    @get(
        "/models/{publisher:str}/{name:str}/access", operation_id="explain_access", responses={404: _PROBLEM}
    )
    async def explain(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        publisher: FromPath[str],
        name: FromPath[str],
    ) -> Response[AccessOut]:
        """Answer the decision about the caller with its reasons; 200 also when it is a no."""
        now = desk.clock.now()
        verdict: Permit | Denial | None = await desk.database.read(
            lambda session: service.explain(session, principal, publisher=publisher, model=name, now=now)
        )
        if verdict is None:
            return refuse(request, no_such_model(publisher, name))
        return Response(access_out(verdict, desk.settings.base_url))

    @get("/whoami", operation_id="whoami")
    async def whoami(
        self, desk: NamedDependency[Desk], principal: NamedDependency[Principal]
    ) -> Response[WhoAmI]:
        """Answer who the caller is, anonymous callers too."""
        return Response(await desk.database.read(lambda session: _who(session, principal, desk)))


def _who(session: Session, principal: Principal, desk: Desk) -> WhoAmI:
    person_id = principal.person_id
    person: PersonOut | None = None
    token: TokenOut | None = None
    roles: list[PublisherRoleOut] = []
    if person_id is not None:
        profile = identity.open_profile(session, person_id=person_id, sealer=desk.sealer)
        person = PersonOut(id=str(person_id), email=profile.email if profile else None)
        roles = [
            PublisherRoleOut(name=role.publisher, role=role.role.value)
            for role in catalog.list_roles_of(session, person_id=person_id)
            if role.ended_at is None
        ]
        used = next(
            (
                item
                for item in identity.list_tokens(session, person_id=person_id)
                if item.id == principal.token_id
            ),
            None,
        )
        token = TokenOut(name=used.name, expires_at=iso(used.expires_at)) if used else None
    return WhoAmI(
        person=person,
        channel=principal.channel.value,
        scopes=sorted(scope.value for scope in principal.scopes),
        token=token,
        publishers=roles,
        operator=principal.is_operator,
    )
