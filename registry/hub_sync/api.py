"""Mirrors of models at the Hub, over the JSON API, for the maintainers of their publisher."""

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody

from registry import ledger
from registry.acceptances.import_statement import IMPORT_TYP
from registry.catalog.api import MANIFEST_TYPE
from registry.hub_sync import schemas, service
from registry.hub_sync.cards import Side
from registry.hub_sync.importing import Importer, ImportOrder
from registry.hub_sync.keeping import Keeper
from registry.identity.domain import Principal
from registry.identity.visits import Desk
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest, Problem, refuse

_PROBLEM = ResponseSpec(
    Problem, media_type="application/problem+json", description="Refused; says what to do."
)
_REFUSED = {401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM}
_PRIVATE = {"Cache-Control": "private, no-store"}


class HubTokensApi(Controller):
    """The token by which a publisher's repositories at the Hub are managed."""

    path = "/api/v1/publishers/{publisher:str}/hub-token"
    tags = ("hub",)

    @post("/", operation_id="store_hub_token", status_code=200, responses=_REFUSED)
    async def store(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        data: JSONBody[schemas.TokenInput],
        principal: NamedDependency[Principal],
        desk: NamedDependency[Desk],
    ) -> Response[schemas.TokenOut]:
        """Store a token of the Hub in the place of the one before; it is asked first what it is for."""
        outcome = await _keeper(desk).store_token(publisher=publisher, token=data.token, principal=principal)
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        return Response(schemas.TokenOut(account=outcome.label, role=outcome.role), headers=_PRIVATE)


class MirrorsApi(Controller):
    """The repository of the Hub that a model is paired with."""

    path = "/api/v1/models/{publisher:str}/{name:str}/hub"
    tags = ("hub",)

    @get("/", operation_id="get_mirror", responses=_REFUSED)
    async def status(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        name: FromPath[str],
        principal: NamedDependency[Principal],
        desk: NamedDependency[Desk],
    ) -> Response[schemas.MirrorOut]:
        """Say how the mirror stands; the Hub is not asked."""
        outcome = await desk.database.read(
            lambda session: service.find_mirror(session, publisher=publisher, name=name, principal=principal)
        )
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        return Response(schemas.view_mirror(outcome), headers=_PRIVATE)

    @post("/", operation_id="link_mirror", status_code=200, responses=_REFUSED)
    async def link(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        name: FromPath[str],
        data: JSONBody[schemas.LinkInput],
        principal: NamedDependency[Principal],
        desk: NamedDependency[Desk],
    ) -> Response[schemas.MirrorOut]:
        """Pair the model with a repository; nothing is changed there before a plan is applied."""
        outcome = await _keeper(desk).link(
            publisher=publisher,
            name=name,
            repository=data.repository,
            group=data.group,
            principal=principal,
        )
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        return Response(schemas.view_mirror(outcome), headers=_PRIVATE)

    @post("/import", operation_id="import_hub_repository", status_code=200, responses=_REFUSED)
    async def import_repository(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        name: FromPath[str],
        data: JSONBody[schemas.ImportInput],
        principal: NamedDependency[Principal],
        desk: NamedDependency[Desk],
        keys: NamedDependency[ledger.KeyRing],
    ) -> Response[schemas.ImportedOut]:
        """Make the model out of a gated repository and pair the two; nothing is changed at the Hub."""
        order = ImportOrder(
            publisher=publisher,
            name=name,
            repository=data.repository,
            license=data.license,
            invite=data.invite,
        )
        outcome = await importer(desk, keys).run(order, principal=principal, dry_run=data.dry_run)
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        return Response(schemas.view_import(outcome, dry_run=data.dry_run), headers=_PRIVATE)

    @get("/plan", operation_id="plan_mirror", responses=_REFUSED)
    async def plan(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        name: FromPath[str],
        principal: NamedDependency[Principal],
        desk: NamedDependency[Desk],
    ) -> Response[schemas.PlanOut]:
        """Read the repository and say what would be done there; nothing is changed, the look is recorded."""
        outcome = await _keeper(desk).look(publisher=publisher, name=name, principal=principal)
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        return Response(schemas.view_plan(outcome), headers=_PRIVATE)

    @post("/apply", operation_id="apply_mirror", status_code=200, responses=_REFUSED)
    async def apply(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        name: FromPath[str],
        principal: NamedDependency[Principal],
        desk: NamedDependency[Desk],
        card: FromQuery[Side | None] = None,
    ) -> Response[schemas.AppliedOut]:
        """Bring the repository in line now, and keep it so; `card` says whose is taken where both sides changed it."""
        outcome = await _keeper(desk).apply(publisher=publisher, name=name, principal=principal, prefer=card)
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        return Response(schemas.view_pass(*outcome), headers=_PRIVATE)

    @post("/unlink", operation_id="unlink_mirror", status_code=200, responses=_REFUSED)
    async def unlink(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        name: FromPath[str],
        principal: NamedDependency[Principal],
        desk: NamedDependency[Desk],
    ) -> Response[schemas.MirrorOut]:
        """End the pairing; the repository stays as it is and is not changed any more."""
        outcome = await desk.database.write(
            lambda session: service.unlink(
                session, publisher=publisher, name=name, principal=principal, now=desk.clock.now()
            )
        )
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        return Response(schemas.view_mirror(outcome), headers=_PRIVATE)


def _keeper(desk: Desk) -> Keeper:
    return Keeper.of(desk.settings, database=desk.database, sealer=desk.sealer, clock=desk.clock)


def importer(desk: Desk, keys: ledger.KeyRing) -> Importer:
    """Return who imports repositories of the Hub of the settings."""
    return Importer(
        keeper=_keeper(desk),
        sign_release=lambda manifest: keys.sign_jws(manifest, {"typ": MANIFEST_TYPE}),
        sign_import=lambda payload: keys.sign_jws(payload, {"typ": IMPORT_TYP}),
    )
