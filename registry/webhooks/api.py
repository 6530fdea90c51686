"""A publisher's webhooks over the JSON API, for its maintainers."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, TypeVar
from uuid import UUID

from litestar import Controller, Response, get, post, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from sqlmodel import Session

from registry.identity.domain import Principal
from registry.identity.visits import Desk
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest, Problem, refuse
from registry.webhooks import schemas, service

_PROBLEM = ResponseSpec(
    Problem, media_type="application/problem+json", description="Refused; says what to do."
)
_REFUSED = {401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM}
_PRIVATE = {"Cache-Control": "private, no-store"}
T = TypeVar("T")
Work = Callable[[Session, service.Desk], T | Refusal]
Limit = Annotated[int, QueryParameter(ge=1, le=service.PAGE_MOST)]


class WebhooksApi(Controller):
    """Addresses that hear of what happens at a publisher."""

    path = "/api/v1/publishers/{publisher:str}/webhooks"
    tags = ("webhooks",)

    @get("/", operation_id="list_webhooks", responses=_REFUSED)
    async def index(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        principal: NamedDependency[Principal],
        desk: NamedDependency[Desk],
    ) -> Response[schemas.WebhooksOut]:
        """List the publisher's webhooks, without their secrets."""
        work = partial(service.list_webhooks, publisher=publisher)
        return await _read(request, desk, principal, work, schemas.view_webhooks)

    @post("/", operation_id="add_webhook", responses=_REFUSED)
    async def add(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        data: JSONBody[schemas.WebhookInput],
        principal: NamedDependency[Principal],
        desk: NamedDependency[Desk],
    ) -> Response[schemas.WebhookOut]:
        """Add a webhook; the answer holds its secret, which is never shown again."""
        work = partial(service.add_webhook, publisher=publisher, wish=data.wish)
        return await _write(request, desk, principal, work, schemas.view_webhook, status_code=201)

    @get("/{webhook_id:uuid}", operation_id="get_webhook", responses=_REFUSED)
    async def show(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        webhook_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        desk: NamedDependency[Desk],
    ) -> Response[schemas.WebhookOut]:
        """Say how a webhook stands."""
        work = partial(service.find_webhook, publisher=publisher, webhook_id=webhook_id)
        return await _read(request, desk, principal, work, schemas.view_webhook)

    @put("/{webhook_id:uuid}", operation_id="change_webhook", responses=_REFUSED)
    async def change(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        webhook_id: FromPath[UUID],
        data: JSONBody[schemas.WebhookChange],
        principal: NamedDependency[Principal],
        desk: NamedDependency[Desk],
    ) -> Response[schemas.WebhookOut]:
        """Change parts of a webhook, or switch it off and on."""
        work = partial(service.change_webhook, publisher=publisher, webhook_id=webhook_id, wish=data.wish)
        return await _write(request, desk, principal, work, schemas.view_webhook)

    @post("/{webhook_id:uuid}/end", operation_id="end_webhook", status_code=200, responses=_REFUSED)
    async def end(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        webhook_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        desk: NamedDependency[Desk],
    ) -> Response[schemas.WebhookOut]:
        """Delete a webhook; what waits for it is dropped, its address and secrets are forgotten."""
        work = partial(service.end_webhook, publisher=publisher, webhook_id=webhook_id)
        return await _write(request, desk, principal, work, schemas.view_webhook)

    @post("/{webhook_id:uuid}/rotate", operation_id="rotate_webhook", status_code=200, responses=_REFUSED)
    async def rotate(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        webhook_id: FromPath[UUID],
        data: JSONBody[schemas.RotationInput],
        principal: NamedDependency[Principal],
        desk: NamedDependency[Desk],
    ) -> Response[schemas.WebhookOut]:
        """Make a new secret, in the answer and never again; the one before signs as well for a while."""
        work = partial(
            service.rotate_secret,
            publisher=publisher,
            webhook_id=webhook_id,
            overlap_hours=data.overlap_hours,
        )
        return await _write(request, desk, principal, work, schemas.view_webhook)

    @post("/{webhook_id:uuid}/test", operation_id="test_webhook", status_code=202, responses=_REFUSED)
    async def test(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        webhook_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        desk: NamedDependency[Desk],
    ) -> Response[schemas.DeliveryOut]:
        """Queue a message that says nothing but that it arrives."""
        work = partial(service.try_webhook, publisher=publisher, webhook_id=webhook_id)
        return await _write(request, desk, principal, work, schemas.view_delivery, status_code=202)

    @get("/{webhook_id:uuid}/deliveries", operation_id="list_webhook_deliveries", responses=_REFUSED)
    async def deliveries(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        webhook_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        desk: NamedDependency[Desk],
        after: FromQuery[UUID | None] = None,
        limit: Limit = service.PAGE_MOST,
    ) -> Response[schemas.DeliveriesOut]:
        """List what was sent in the last 30 days and what came of it, newest first."""
        work = partial(
            service.list_deliveries, publisher=publisher, webhook_id=webhook_id, after=after, limit=limit
        )
        return await _read(request, desk, principal, work, partial(schemas.view_page, limit=limit))

    @post(
        "/{webhook_id:uuid}/deliveries/{delivery_id:uuid}/replay",
        operation_id="replay_webhook_delivery",
        status_code=202,
        responses=_REFUSED,
    )
    async def replay(
        self,
        request: AnyRequest,
        publisher: FromPath[str],
        webhook_id: FromPath[UUID],
        delivery_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        desk: NamedDependency[Desk],
    ) -> Response[schemas.DeliveryOut]:
        """Send a message anew under the same id."""
        work = partial(service.replay, publisher=publisher, webhook_id=webhook_id, delivery_id=delivery_id)
        return await _write(request, desk, principal, work, schemas.view_delivery, status_code=202)


async def _read(
    request: AnyRequest, desk: Desk, principal: Principal, work: Work[T], view: Callable[[T], Any]
) -> Response[Any]:
    """Answer with what a use case reads."""
    given = _given(desk, principal)
    return _answer(request, await desk.database.read(lambda session: work(session, given)), view)


async def _write(
    request: AnyRequest,
    desk: Desk,
    principal: Principal,
    work: Work[T],
    view: Callable[[T], Any],
    *,
    status_code: int = 200,
) -> Response[Any]:
    """Answer with what a use case has done, once it is durable."""
    given = _given(desk, principal)
    done = await desk.database.write(lambda session: work(session, given))
    return _answer(request, done, view, status_code=status_code)


def _given(desk: Desk, principal: Principal) -> service.Desk:
    return service.Desk.of(desk.settings, principal=principal, sealer=desk.sealer, clock=desk.clock)


def _answer(
    request: AnyRequest, outcome: T | Refusal, view: Callable[[T], Any], *, status_code: int = 200
) -> Response[Any]:
    if isinstance(outcome, Refusal):
        return refuse(request, outcome)
    return Response(view(outcome), status_code=status_code, headers=_PRIVATE)
