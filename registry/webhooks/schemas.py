"""What webhooks look like on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from registry.kernel.clock import iso
from registry.webhooks.domain import (
    HUB_SECRET_MOST_CHARACTERS,
    HUB_SECRET_PATTERN,
    MODELS_MOST,
    OVERLAP_HOURS,
    OVERLAP_MOST_HOURS,
)
from registry.webhooks.receiver import URL_MOST_CHARACTERS
from registry.webhooks.service import DeliveryView, WebhookView, Wish

Address = Annotated[str, msgspec.Meta(min_length=1, max_length=URL_MOST_CHARACTERS)]
Names = Annotated[
    list[Annotated[str, msgspec.Meta(min_length=1, max_length=96)]], msgspec.Meta(max_length=MODELS_MOST)
]
HubSecret = Annotated[str, msgspec.Meta(max_length=HUB_SECRET_MOST_CHARACTERS, pattern=HUB_SECRET_PATTERN)]


class WebhookInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A webhook to be."""

    url: Address
    events: Names = []
    """Names of events; empty: all of them, also those to come."""
    models: Names = []
    """Names of models, without their publisher's; empty: all of them, also those to come."""
    hub_secret: HubSecret = ""
    """Sent as it is in `X-Webhook-Secret`, for receivers made for the Hub; empty: the header is not sent."""

    def __repr__(self) -> str:
        """Return the name of the type alone; addresses and secrets are in no log and no traceback."""
        return "WebhookInput(…)"

    @property
    def wish(self) -> Wish:
        """What the webhook is to be."""
        return Wish(url=self.url, events=self.events, models=self.models, hub_secret=self.hub_secret)


class WebhookChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change of a webhook; null leaves a part as it is."""

    url: Address | None = None
    events: Names | None = None
    models: Names | None = None
    hub_secret: HubSecret | None = None
    """Empty: the header is not sent any more."""
    on: bool | None = None
    """False: nothing is sent to it, and what waits is dropped."""

    def __repr__(self) -> str:
        """Return the name of the type alone; addresses and secrets are in no log and no traceback."""
        return "WebhookChange(…)"

    @property
    def wish(self) -> Wish:
        """What of the webhook is to change."""
        return Wish(
            url=self.url, events=self.events, models=self.models, hub_secret=self.hub_secret, on=self.on
        )


class RotationInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a secret is replaced."""

    overlap_hours: Annotated[int, msgspec.Meta(ge=0, le=OVERLAP_MOST_HOURS)] = OVERLAP_HOURS
    """How long the secret before signs as well; 0: it is void at once."""


class WebhookOut(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook."""

    id: str
    url: str
    events: list[str]
    models: list[str]
    on: bool
    off_since: str | None
    off_reason: str | None
    """`by-hand`, `failing`: nothing got through for five days, or `gone`: the receiver answered 410."""
    failing_since: str | None
    last_arrived_at: str | None
    """Of the newest 50 messages, when one last arrived."""
    last_failed_at: str | None
    last_failure: str | None
    """`status`, `redirect`, `too-slow`, `unreachable`."""
    last_failure_status: int | None
    made_at: str
    has_hub_secret: bool
    previous_secret_until: str | None
    """Until when the secret before the last rotation signs as well."""
    secret: str | None
    """`whsec_…`; only in the answer that made it, and never again."""


class WebhooksOut(msgspec.Struct, frozen=True, kw_only=True):
    """A publisher's webhooks, oldest first."""

    items: list[WebhookOut]


class AttemptOut(msgspec.Struct, frozen=True, kw_only=True):
    """One try to deliver a message; nothing of the answer but its status is kept."""

    begun_at: str
    duration_ms: int
    status: int | None
    trouble: str | None
    """`status`, `redirect`, `too-slow`, `unreachable`; null: it was delivered."""


class DeliveryOut(msgspec.Struct, frozen=True, kw_only=True):
    """A message, and what came of it."""

    id: str
    """Also in its header `webhook-id`."""
    event: str
    made_at: str
    state: str
    """`pending`, `delivered`, `failed`, `dropped`."""
    next_at: str | None
    """When it is tried next."""
    attempts: list[AttemptOut]
    body: msgspec.Raw


class DeliveriesOut(msgspec.Struct, frozen=True, kw_only=True):
    """A page of what was sent to a webhook, newest first."""

    items: list[DeliveryOut]
    next: str | None


def view_webhook(view: WebhookView) -> WebhookOut:
    """Return a webhook as its keepers are told of it."""
    row, failure = view.row, view.last_failure
    return WebhookOut(
        id=str(row.id),
        url=view.url,
        events=list(view.events),
        models=list(view.models),
        on=row.disabled_at is None and row.ended_at is None,
        off_since=_moment(row.disabled_at),
        off_reason=row.off_reason.value if row.off_reason else None,
        failing_since=_moment(row.failing_since),
        last_arrived_at=_moment(view.last_arrived),
        last_failed_at=_moment(failure.begun_at) if failure else None,
        last_failure=failure.trouble.value if failure and failure.trouble else None,
        last_failure_status=failure.status if failure else None,
        made_at=iso(row.made_at),
        has_hub_secret=view.has_hub_secret,
        previous_secret_until=_moment(view.previous_until),
        secret=view.secret,
    )


def view_webhooks(views: list[WebhookView]) -> WebhooksOut:
    """Return a publisher's webhooks."""
    return WebhooksOut(items=[view_webhook(one) for one in views])


def view_delivery(view: DeliveryView) -> DeliveryOut:
    """Return a delivery as the keepers of its webhook are told of it."""
    row = view.row
    return DeliveryOut(
        id=str(row.id),
        event=row.event,
        made_at=iso(row.made_at),
        state=row.state.value,
        next_at=iso(row.next_at) if row.settled_at is None else None,
        attempts=[
            AttemptOut(
                begun_at=iso(one.begun_at),
                duration_ms=one.duration_ms,
                status=one.status,
                trouble=one.trouble.value if one.trouble else None,
            )
            for one in view.attempts
        ],
        body=msgspec.Raw(row.body),
    )


def view_page(views: list[DeliveryView], *, limit: int) -> DeliveriesOut:
    """Return a page of deliveries, and where the next one begins."""
    last: UUID | None = views[-1].row.id if len(views) == limit else None
    return DeliveriesOut(items=[view_delivery(one) for one in views], next=str(last) if last else None)


def _moment(moment: datetime | None) -> str | None:
    return iso(moment) if moment else None
