"""The catalog's JSON API: publishers, roles, models, gates, uploads, releases."""

from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter, SkipValidation
from sqlmodel import Session

from registry import ledger
from registry.catalog import gate_schemas, gates, inputs, publishing, reading, revisions, schemas, service
from registry.catalog.domain import (
    DEFAULT_BRANCH,
    PAGE_MAX_FILES,
    PAGE_MAX_MODELS,
    SEARCH_MAX_CHARACTERS,
    GateMode,
    ModelView,
    ReleaseView,
    StatedFile,
)
from registry.catalog.manifests import PATH_MAX_BYTES
from registry.identity.authentication import OPEN_TO_ACCOUNTS
from registry.identity.domain import Principal
from registry.identity.standing_domain import Reach
from registry.kernel.clock import Clock
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import Problem, refuse

RELEASE_BODY_MAX_BYTES = 48 * 1024 * 1024
"""A release of 100,000 files with long paths."""
MANIFEST_TYPE = "gatehouse-release"
"""`typ` of the signature over a manifest (RFC 7515 §4.1.9)."""
_PROBLEM = ResponseSpec(
    Problem, media_type="application/problem+json", description="Refused; says what to do."
)
_READ = {401: _PROBLEM, 404: _PROBLEM}
_WRITE = {401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM}

AnyRequest = Request[Any, Any, Any]
Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX_MODELS)]
FileLimit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX_FILES)]
Search = Annotated[str, QueryParameter(max_length=SEARCH_MAX_CHARACTERS)]


class PublishersApi(Controller):
    """Publishers and who may act for them."""

    path = "/api/v1/publishers"
    tags = ("publishers",)

    @post("/", operation_id="create_publisher", responses=_WRITE)
    async def create(
        self,
        request: AnyRequest,
        data: JSONBody[inputs.CreatePublisher],
        principal: NamedDependency[Principal],
        database: NamedDependency[Database],
        clock: NamedDependency[SkipValidation[Clock]],
    ) -> Response[schemas.PublisherOut]:
        """Create a publisher; who creates it owns it."""
        created = await database.write(
            lambda session: service.create_publisher(
                session,
                name=data.name,
                display_name=data.display_name,
                owner_id=data.owner,
                principal=principal,
                now=clock.now(),
            )
        )
        if isinstance(created, Refusal):
            return refuse(request, created)
        return Response(schemas.view_publisher(created), status_code=201)

    @get("/{publisher:str}/roles", operation_id="list_roles", responses=_WRITE)
    async def roles(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        principal: NamedDependency[Principal],
        database: NamedDependency[Database],
    ) -> Response[schemas.RolesOut]:
        """List every role that anybody has or had."""
        roles = await database.read(
            lambda session: service.list_roles(session, publisher=publisher, principal=principal)
        )
        if isinstance(roles, Refusal):
            return refuse(request, roles)
        return Response(schemas.RolesOut(items=[schemas.view_role(role) for role in roles]))

    @post("/{publisher:str}/roles", operation_id="add_role", responses=_WRITE)
    async def add_role(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        data: JSONBody[inputs.AddRole],
        principal: NamedDependency[Principal],
        database: NamedDependency[Database],
        clock: NamedDependency[SkipValidation[Clock]],
    ) -> Response[schemas.RoleOut]:
        """Give somebody a role."""
        role = await database.write(
            lambda session: service.add_role(
                session,
                publisher=publisher,
                person_id=data.person,
                role=data.role,
                principal=principal,
                now=clock.now(),
            )
        )
        if isinstance(role, Refusal):
            return refuse(request, role)
        return Response(schemas.view_role(role), status_code=201)

    @delete(
        "/{publisher:str}/roles/{role_id:uuid}", operation_id="end_role", status_code=200, responses=_WRITE
    )
    async def end_role(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        role_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        database: NamedDependency[Database],
        clock: NamedDependency[SkipValidation[Clock]],
    ) -> Response[schemas.RoleOut]:
        """End a role; the record of it stays."""
        role = await database.write(
            lambda session: service.end_role(
                session, publisher=publisher, role_id=role_id, principal=principal, now=clock.now()
            )
        )
        if isinstance(role, Refusal):
            return refuse(request, role)
        return Response(schemas.view_role(role))


class ModelsApi(Controller):
    """Models, their gates and releases."""

    path = "/api/v1/models"
    tags = ("models",)

    @get("/", operation_id="list_models", responses=_READ)
    async def models(
        self,
        request: AnyRequest,
        principal: NamedDependency[Principal],
        database: NamedDependency[Database],
        search: Search = "",
        license: Annotated[str | None, QueryParameter(max_length=64)] = None,  # noqa: A002 # the parameter's public name
        gate: FromQuery[GateMode | None] = None,
        after: FromQuery[UUID | None] = None,
        limit: Limit = 30,
    ) -> Response[schemas.ModelsOut]:
        """List the models that you may see, newest first; `after` comes from `next`."""
        base_url = _base_url(request)

        def page(session: Session) -> schemas.ModelsOut:
            found = reading.list_models(
                session,
                principal=principal,
                search=search,
                license_slug=license,
                mode=gate,
                before=after,
                limit=limit + 1,
            )
            items = found[:limit]
            versions = [version for item in items for version in item.license_version_ids]
            requirements = reading.describe_requirements(session, versions)
            return schemas.ModelsOut(
                items=[schemas.view_item(item, requirements, base_url) for item in items],
                next=next_page(request, {"after": items[-1].model_id}) if len(found) > limit else None,
            )

        return Response(await database.read(page))

    @put("/{publisher:str}/{name:str}/gate", operation_id="change_gate", responses=_WRITE)
    async def change_gate(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        name: FromPath[str],
        data: JSONBody[inputs.GateInput],
        principal: NamedDependency[Principal],
        database: NamedDependency[Database],
        clock: NamedDependency[SkipValidation[Clock]],
        reach: NamedDependency[SkipValidation[Reach]],
    ) -> Response[gate_schemas.GateOut]:
        """Change what a model demands; takes a fresh sign-in, is recorded for ever."""
        demand = gates.GateDemand(
            mode=data.mode,
            licenses=tuple(data.licenses),
            fields=inputs.read_fields(data.form_fields),
            review=inputs.read_review(data.review),
            prerequisites=inputs.read_prerequisites(data.prerequisites),
            reach=reach,
        )

        def change(session: Session) -> gate_schemas.GateOut | Refusal:
            gate = gates.change_gate(
                session,
                publisher=publisher,
                name=name,
                demand=demand,
                principal=principal,
                now=clock.now(),
                revision=data.revision,
            )
            if isinstance(gate, Refusal):
                return gate
            requirements = reading.describe_requirements(session, gate.license_version_ids)
            return gate_schemas.view_gate(gate, requirements, _base_url(request))

        changed = await database.write(change)
        return refuse(request, changed) if isinstance(changed, Refusal) else Response(changed)

    @post(
        "/{publisher:str}/{name:str}/releases",
        operation_id="publish_release",
        opt={OPEN_TO_ACCOUNTS: True},
        responses=_WRITE,
        request_max_body_size=RELEASE_BODY_MAX_BYTES,
    )
    async def publish(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        name: FromPath[str],
        data: JSONBody[inputs.ReleaseInput],
        principal: NamedDependency[Principal],
        database: NamedDependency[Database],
        clock: NamedDependency[SkipValidation[Clock]],
        keys: NamedDependency[ledger.KeyRing],
    ) -> Response[schemas.PublishedOut]:
        """Publish a release of uploaded files; the same files again give the release that stands."""
        command = publishing.PublishRelease(
            publisher=publisher,
            name=name,
            files=tuple(
                StatedFile(path=file.path, sha256=file.sha256, size=file.size) for file in data.files
            ),
            message=data.message,
            ref=data.ref,
            parent=data.parent,
            licenses=tuple(data.licenses),
            gate_mode=data.gate_mode,
            purposes=data.purposes,
            private=data.private,
            create=data.create,
        )
        published = await database.write(
            lambda session: publishing.publish_release(
                session,
                command,
                principal=principal,
                sign=lambda manifest: keys.sign_jws(manifest, {"typ": MANIFEST_TYPE}),
                now=clock.now(),
            )
        )
        if isinstance(published, Refusal):
            return refuse(request, published)
        return Response(schemas.view_published(published, _base_url(request)), status_code=201)

    @get(
        "/{publisher:str}/{name:str}/releases/{revision:str}/manifest",
        operation_id="get_manifest",
        responses=_READ,
    )
    async def manifest(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        name: FromPath[str],
        revision: FromPath[str],
        principal: NamedDependency[Principal],
        database: NamedDependency[Database],
    ) -> Response[schemas.ManifestOut]:
        """Answer what a release states about itself, with the signature and the keys to check it."""

        def load(session: Session) -> schemas.ManifestOut | Refusal:
            found = reading.find_release(
                session, publisher=publisher, name=name, revision=revision, principal=principal
            )
            if isinstance(found, Refusal):
                return found
            signed = reading.get_signed_manifest(session, release_id=found.release.id)
            return schemas.view_manifest(signed, [key.jwk() for key in ledger.list_published_keys(session)])

        loaded = await database.read(load)
        return refuse(request, loaded) if isinstance(loaded, Refusal) else Response(loaded)

    @get(
        "/{publisher:str}/{name:str}/releases/{revision:str}/files",
        operation_id="list_files",
        responses=_READ,
    )
    async def files(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        name: FromPath[str],
        revision: FromPath[str],
        principal: NamedDependency[Principal],
        database: NamedDependency[Database],
        after: Annotated[str | None, QueryParameter(max_length=PATH_MAX_BYTES)] = None,
        limit: FileLimit = PAGE_MAX_FILES,
    ) -> Response[schemas.FilesOut]:
        """List the files of a release by path, with what the inspection found."""

        def page(session: Session) -> schemas.FilesOut | Refusal:
            found = reading.find_release(
                session, publisher=publisher, name=name, revision=revision, principal=principal
            )
            if isinstance(found, Refusal):
                return found
            files = reading.list_files(session, release_id=found.release.id, after=after, limit=limit)
            more = len(files) == limit
            return schemas.FilesOut(
                items=[schemas.view_file(file) for file in files],
                next=next_page(request, {"after": files[-1].path}) if more else None,
            )

        listed = await database.read(page)
        return refuse(request, listed) if isinstance(listed, Refusal) else Response(listed)


def load_detail(
    session: Session, *, publisher: str, name: str, revision: str, principal: Principal, base_url: str
) -> tuple[ModelView, ReleaseView | None, schemas.ModelDetail] | Refusal:
    """Return a model with one of its releases, and as both go out, for the route that adds what the asker may have.

    A model without any release on its main branch has none to show.
    """
    model = service.find_model(session, publisher=publisher, name=name, principal=principal)
    if isinstance(model, Refusal):
        return model
    release: ReleaseView | Refusal | None = revisions.find_revision(session, model, revision)
    if isinstance(release, Refusal):
        if revision != DEFAULT_BRANCH:
            return release
        release = None
    detail = schemas.view_detail(
        model,
        release,
        files=reading.list_files(session, release_id=release.id) if release else (),
        refs=reading.list_refs(session, model_id=model.id),
        requirements=reading.describe_requirements(session, model.gate.license_version_ids),
        base_url=base_url,
    )
    return model, release, detail


def _base_url(request: AnyRequest) -> str:
    base_url: str = request.app.state.settings.base_url
    return base_url


def next_page(request: AnyRequest, position: dict[str, object]) -> str:
    """Return the address of the following page: this one's with another position."""
    query = {key: value for key, value in request.query_params.items() if key not in position}
    return f"{_base_url(request)}{request.url.path}?{urlencode({**query, **position})}"
