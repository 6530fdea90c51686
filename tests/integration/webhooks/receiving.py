"""A receiver of webhooks on loopback, and a publisher whose news it is sent."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

from standardwebhooks.webhooks import Webhook as Verifier

from registry.access import requesting
from registry.access.request_views import Office
from registry.access.transitions import GRAVE, Cause, Move, RequestEvent
from registry.catalog.domain import ModelView
from registry.identity.domain import Principal
from registry.kernel import news, outbox
from registry.kernel.outbound import Reach
from registry.kernel.outcomes import Refusal
from registry.webhooks import announcing, service
from registry.webhooks.delivering import Deliverer
from registry.webhooks.domain import Answer
from registry.webhooks.service import WebhookView, Wish
from tests.world import ANSWERS, BASE_URL, World, run


@dataclass
class Got:
    """A request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    def verified(self, secret: str) -> Any:
        """What the body says, if it is signed by this secret; by a verifier that is not ours."""
        return Verifier(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """Answers what the test wants."""

    url: str = ""
    status: int = 204
    got: list[Got] = field(default_factory=list)
    before: Callable[[], None] = lambda: None
    """Runs before it answers."""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["content-length"]))
        self.got.append(Got(handler.path, {k.lower(): v for k, v in handler.headers.items()}, body))
        self.before()
        handler.send_response(self.status)
        if 300 <= self.status < 400:
            handler.send_header("Location", self.url + "/elsewhere")
        handler.send_header("Content-Length", "0")
        handler.end_headers()


@contextmanager
def receiving(wrap: Callable[[Any], Any] | None = None) -> Iterator[Receiver]:
    """A receiver that listens; `wrap` puts TLS around its socket."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            receiver.answer(self)

        def do_GET(self) -> None:
            receiver.answer(self)

        def log_message(self, *_: Any) -> None: ...

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None: ...

    server = Server(("127.0.0.1", 0), Handler)
    if wrap is not None:
        server.socket = wrap(server.socket)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield receiver
    server.shutdown()
    server.server_close()


@dataclass
class Publisher:
    """A reviewed gate of quarry, its owner, and somebody who asks there."""

    world: World
    model: ModelView
    owner: Principal
    anna: Principal
    webhooks: list[WebhookView] = field(default_factory=list)

    @property
    def webhook(self) -> WebhookView:
        """The first that was added."""
        return self.webhooks[0]

    @property
    def secret(self) -> str:
        """What signs for it."""
        assert self.webhook.secret is not None
        return self.webhook.secret

    def listen(self, receiver: "Receiver") -> None:
        """Let the receiver hear of everything."""
        self.add(receiver.url)

    def desk(self, who: Principal | None = None) -> service.Desk:
        return service.Desk(
            principal=who or self.owner,
            sealer=self.world.sealer,
            reach=Reach.LOOPBACK,
            now=self.world.now,
        )

    def do(self, work: Callable[..., Any], **given: Any) -> Any:
        """A use case of webhooks, done by the owner."""
        outcome = self.world.write(work, desk=self.desk(), publisher="quarry", **given)
        assert not isinstance(outcome, Refusal), outcome
        return outcome

    def add(self, url: str, **wish: Any) -> WebhookView:
        view: WebhookView = self.do(service.add_webhook, wish=Wish(url=f"{url}/hook", **wish))
        self.webhooks.append(view)
        return view

    def find(self, webhook: WebhookView) -> WebhookView:
        view: WebhookView = self.do(service.find_webhook, webhook_id=webhook.row.id)
        return view

    def log(self, webhook: WebhookView) -> list[service.DeliveryView]:
        views: list[service.DeliveryView] = self.do(service.list_deliveries, webhook_id=webhook.row.id)
        return views

    def test(self, webhook: WebhookView) -> UUID:
        queued: service.DeliveryView = self.do(service.try_webhook, webhook_id=webhook.row.id)
        return queued.row.id

    def office(self, who: Principal) -> Office:
        return Office(principal=who, sealer=self.world.sealer, base_url=BASE_URL, now=self.world.now)

    def ask(self) -> Any:
        request = self.world.write(
            requesting.ask,
            office=self.office(self.anna),
            publisher="quarry",
            model="quarry-15b",
            answers=ANSWERS,
            note="for my thesis",
        )
        assert not isinstance(request, Refusal), request
        return request

    def move(self, request: Any, event: RequestEvent, by: Principal | None = None) -> None:
        reason = Cause.OUT_OF_SCOPE if event in GRAVE else None
        moved = self.world.write(
            requesting.move,
            office=self.office(by or self.owner),
            request_id=request.id,
            wanted=Move(event=event, note="because of the thesis", reason=reason),
        )
        assert not isinstance(moved, Refusal), moved

    def announce(self) -> int:
        """Make messages of the news that wait, as the worker does; how much news that was."""
        now = self.world.now
        waiting = [
            one for one in self.world.write(outbox.claim, now=now, most=1_000) if one.topic == news.TOPIC
        ]
        for message in waiting:
            self.world.write(
                announcing.announce, news=news.decode(message.payload), base_url=BASE_URL, now=now
            )
            self.world.write(outbox.complete, message=message, now=now)
        return len(waiting)

    def deliverer(self, reach: Reach = Reach.LOOPBACK) -> Deliverer:
        return Deliverer(
            database=self.world.database,
            sealer=self.world.sealer,
            clock=self.world.clock,
            base_url=BASE_URL,
            reach=reach,
        )

    def deliver(self, reach: Reach = Reach.LOOPBACK) -> list[Answer]:
        """Send what is due, until nothing is."""
        return run(_deliver_all(self.deliverer(reach)))


async def _deliver_all(deliverer: Deliverer) -> list[Answer]:
    answers = []
    while parcels := await deliverer.claim(8):
        answers += [await deliverer.deliver(parcel) for parcel in parcels]
    return answers
