"""Use cases of webhooks: adding, changing, ending, new secrets, what was sent, sending it anew. None uses the network."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlmodel import Session

from registry import catalog
from registry.catalog.domain import Command, PublisherView
from registry.identity.domain import Principal
from registry.kernel.clock import Clock
from registry.kernel.identifiers import new_id
from registry.kernel.outbound import Reach
from registry.kernel.outcomes import Refusal
from registry.kernel.sealing import Sealer
from registry.settings import Settings
from registry.webhooks import payloads, refusals, store
from registry.webhooks.domain import (
    EVENTS,
    HUB_SECRET_MOST_CHARACTERS,
    HUB_SECRET_PATTERN,
    MODELS_MOST,
    OVERLAP_HOURS,
    SECRET_BYTES,
    TEST,
    WEBHOOKS_MOST,
    DeliveryState,
    OffReason,
    Target,
    encode_secret,
)
from registry.webhooks.receiver import url_trouble
from registry.webhooks.tables import Webhook, WebhookAttempt, WebhookDelivery

PAGE_MOST = 50
ATTEMPTS_SHOWN_MOST = 1_000
_TARGET_CONTEXT = b"webhook:target:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a webhook is to be; None leaves a part as it is."""

    url: str | None = field(default=None, repr=False)
    events: Sequence[str] | None = None
    models: Sequence[str] | None = None
    """Names of models, without their publisher's."""
    hub_secret: str | None = field(default=None, repr=False)
    on: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookView:
    """A webhook, as those are told of it who keep it."""

    row: Webhook
    url: str = field(repr=False)
    events: tuple[str, ...]
    models: tuple[str, ...]
    previous_until: datetime | None
    has_hub_secret: bool
    last_arrived: datetime | None
    """When a message last arrived, of the newest ones that were sent."""
    last_failure: WebhookAttempt | None
    """The last attempt at one of them that did not succeed."""
    secret: str | None = field(default=None, repr=False)
    """Only where it was made just now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryView:
    """What was sent, and what came of it."""

    row: WebhookDelivery
    attempts: tuple[WebhookAttempt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """By whom, with what and when a webhook is kept."""

    principal: Principal
    sealer: Sealer
    reach: Reach
    now: datetime

    @classmethod
    def of(cls, settings: Settings, *, principal: Principal, sealer: Sealer, clock: Clock) -> "Desk":
        """Return the desk of an installation for somebody, now."""
        return cls(principal=principal, sealer=sealer, reach=Reach(settings.webhook_reach), now=clock.now())


def add_webhook(session: Session, desk: Desk, *, publisher: str, wish: Wish) -> WebhookView | Refusal:
    """Return the new webhook with its secret, which is shown this once."""
    found = _authorise(session, desk, publisher)
    if isinstance(found, Refusal):
        return found
    models = _check(session, desk, found, replace(wish, url=wish.url or ""))
    if isinstance(models, Refusal):
        return models
    catalog.lock_publisher(session, found.id)  # so that two at once do not pass the limit together
    if len(store.list_webhooks(session, publisher_id=found.id, limit=WEBHOOKS_MOST)) >= WEBHOOKS_MOST:
        return refusals.too_many(found.name)
    assert desk.principal.person_id is not None  # noqa: S101 - no service account may do this
    webhook_id = new_id()
    target = Target(url=wish.url or "", secret=_new_secret(), hub_secret=wish.hub_secret or "")
    row = Webhook(
        id=webhook_id,
        publisher_id=found.id,
        sealed_target=_seal(target, webhook_id, desk.sealer),
        events=" ".join(dict.fromkeys(wish.events or ())),
        model_ids=" ".join(models or ()),
        made_by=desk.principal.person_id,
        made_at=desk.now,
        rests_until=desk.now,
    )
    store.insert_webhook(session, row)
    return _view(session, row, desk.sealer, show_secret=True)


def list_webhooks(session: Session, desk: Desk, *, publisher: str) -> list[WebhookView] | Refusal:
    """Return a publisher's webhooks, oldest first."""
    found = _authorise(session, desk, publisher)
    if isinstance(found, Refusal):
        return found
    rows = store.list_webhooks(session, publisher_id=found.id, limit=WEBHOOKS_MOST)
    return [_view(session, row, desk.sealer) for row in rows]


def find_webhook(session: Session, desk: Desk, *, publisher: str, webhook_id: UUID) -> WebhookView | Refusal:
    """Return one webhook of a publisher."""
    found = _find(session, desk, publisher, webhook_id)
    return found if isinstance(found, Refusal) else _view(session, found[1], desk.sealer)


def change_webhook(
    session: Session, desk: Desk, *, publisher: str, webhook_id: UUID, wish: Wish
) -> WebhookView | Refusal:
    """Return the webhook as it is now; what it still had to be sent is dropped where it was switched off."""
    found = _find(session, desk, publisher, webhook_id, lock=True)
    if isinstance(found, Refusal):
        return found
    owner, row = found
    models = _check(session, desk, owner, wish)
    if isinstance(models, Refusal):
        return models
    target = open_target(row, desk.sealer)
    if wish.url is not None:
        target = replace(target, url=wish.url)
    if wish.hub_secret is not None:
        target = replace(target, hub_secret=wish.hub_secret)
    row.sealed_target = _seal(target, row.id, desk.sealer)
    if wish.events is not None:
        row.events = " ".join(dict.fromkeys(wish.events))
    if models is not None:
        row.model_ids = " ".join(models)
    session.add(row)
    if wish.on is True and row.disabled_at is not None:
        row.disabled_at, row.off_reason = None, None
        row.failures, row.failing_since, row.rests_until = 0, None, desk.now
    elif wish.on is False and row.disabled_at is None:
        switch_off(session, row, OffReason.BY_HAND, now=desk.now)
    return _view(session, row, desk.sealer)


def end_webhook(session: Session, desk: Desk, *, publisher: str, webhook_id: UUID) -> WebhookView | Refusal:
    """Return the webhook that was deleted: nothing is sent to it any more, its address and secrets are gone."""
    found = _find(session, desk, publisher, webhook_id, lock=True)
    if isinstance(found, Refusal):
        return found
    row = found[1]
    view = _view(session, row, desk.sealer)
    row.ended_at, row.sealed_target = desk.now, b""
    session.add(row)
    store.drop_pending(session, row.id, now=desk.now)
    return view


def rotate_secret(
    session: Session, desk: Desk, *, publisher: str, webhook_id: UUID, overlap_hours: int = OVERLAP_HOURS
) -> WebhookView | Refusal:
    """Return the webhook with a new secret, shown this once; for a while the one before signs as well."""
    found = _find(session, desk, publisher, webhook_id, lock=True)
    if isinstance(found, Refusal):
        return found
    row = found[1]
    target = open_target(row, desk.sealer)
    target = replace(
        target,
        secret=_new_secret(),
        previous_secret=target.secret if overlap_hours else "",
        previous_until=desk.now + timedelta(hours=overlap_hours) if overlap_hours else None,
    )
    row.sealed_target = _seal(target, row.id, desk.sealer)
    session.add(row)
    return _view(session, row, desk.sealer, show_secret=True)


def try_webhook(session: Session, desk: Desk, *, publisher: str, webhook_id: UUID) -> DeliveryView | Refusal:
    """Return a message to the webhook that says nothing but that it arrives."""
    found = _find(session, desk, publisher, webhook_id)
    if isinstance(found, Refusal):
        return found
    owner, row = found
    if row.disabled_at is not None:
        return refusals.switched_off(owner.name, row.id)
    body = payloads.compose_test(row.id, publisher=owner.name, now=desk.now)
    delivery = new_delivery(row.id, TEST, body, now=desk.now)
    store.insert_deliveries(session, [delivery])
    return DeliveryView(row=delivery, attempts=())


def list_deliveries(
    session: Session,
    desk: Desk,
    *,
    publisher: str,
    webhook_id: UUID,
    after: UUID | None = None,
    limit: int = PAGE_MOST,
) -> list[DeliveryView] | Refusal:
    """Return what was sent to the webhook, newest first, strictly older than `after`."""
    found = _find(session, desk, publisher, webhook_id)
    if isinstance(found, Refusal):
        return found
    rows = store.list_deliveries(session, webhook_id=webhook_id, after=after, limit=limit)
    attempts = store.list_attempts(session, [row.id for row in rows], limit=ATTEMPTS_SHOWN_MOST)
    return [
        DeliveryView(row=row, attempts=tuple(one for one in attempts if one.delivery_id == row.id))
        for row in rows
    ]


def replay(
    session: Session, desk: Desk, *, publisher: str, webhook_id: UUID, delivery_id: UUID
) -> DeliveryView | Refusal:
    """Return a delivery that is sent anew: the same message under the same id, signed now."""
    found = _find(session, desk, publisher, webhook_id, lock=True)
    if isinstance(found, Refusal):
        return found
    owner, webhook = found
    if webhook.disabled_at is not None:
        return refusals.switched_off(owner.name, webhook.id)
    row = store.find_delivery(session, delivery_id, webhook_id=webhook_id)
    if row is None:
        return refusals.no_such_delivery(owner.name, webhook.id)
    row.state, row.attempts, row.next_at, row.settled_at = DeliveryState.PENDING, 0, desk.now, None
    session.add(row)
    attempts = store.list_attempts(session, [row.id], limit=ATTEMPTS_SHOWN_MOST)
    return DeliveryView(row=row, attempts=tuple(attempts))


def new_delivery(webhook_id: UUID, event: str, body: bytes, *, now: datetime) -> WebhookDelivery:
    """Return a delivery that is due at once."""
    return WebhookDelivery(
        id=new_id(),
        webhook_id=webhook_id,
        event=event,
        body=body,
        made_at=now,
        state=DeliveryState.PENDING,
        next_at=now,
        leased_until=now,
    )


def switch_off(session: Session, row: Webhook, reason: OffReason, *, now: datetime) -> None:
    """Let nothing be sent to the webhook before somebody switches it on again."""
    row.disabled_at, row.off_reason = now, reason
    session.add(row)
    store.drop_pending(session, row.id, now=now)


def open_target(row: Webhook, sealer: Sealer) -> Target:
    """Return where a webhook leads and what signs for it.

    Raises:
        CorruptRecord: it does not open with this master key.
    """
    return msgspec.json.decode(
        sealer.open_system(row.sealed_target, _TARGET_CONTEXT + row.id.bytes), type=Target
    )


def reseal_targets(session: Session, *, sealer: Sealer, limit: int) -> int:
    """Seal some targets anew that an older master key seals; return how many, 0 when none is left."""
    rows = store.list_older_targets(session, sealer.is_older(Webhook.sealed_target), limit=limit)
    for row in rows:
        row.sealed_target = sealer.reseal_system(row.sealed_target, _TARGET_CONTEXT + row.id.bytes)
        session.add(row)
    return len(rows)


def _authorise(session: Session, desk: Desk, publisher: str) -> PublisherView | Refusal:
    return catalog.authorise(session, publisher, Command.KEEP_WEBHOOK, principal=desk.principal)


def _find(
    session: Session, desk: Desk, publisher: str, webhook_id: UUID, *, lock: bool = False
) -> tuple[PublisherView, Webhook] | Refusal:
    found = _authorise(session, desk, publisher)
    if isinstance(found, Refusal):
        return found
    row = store.find_webhook(session, webhook_id, publisher_id=found.id, lock=lock)
    return refusals.no_such_webhook(found.name) if row is None else (found, row)


def _check(
    session: Session, desk: Desk, publisher: PublisherView, wish: Wish
) -> tuple[str, ...] | Refusal | None:
    """Return the ids of the models that are wished for, None where they stay; or why the wish cannot be met."""
    errors = {}
    if wish.url is not None and (trouble := url_trouble(wish.url, desk.reach)):
        errors["url"] = trouble
    hub_secret = wish.hub_secret or ""
    if len(hub_secret) > HUB_SECRET_MOST_CHARACTERS or not re.fullmatch(HUB_SECRET_PATTERN, hub_secret):
        errors["hub_secret"] = (
            f"up to {HUB_SECRET_MOST_CHARACTERS} letters, digits and signs of ASCII, no spaces"
        )
    known = {event.value for event in EVENTS}
    if unknown := [one for one in wish.events or () if one not in known]:
        errors["events"] = f"there is no event {unknown[0][:40]!r}"
    models: tuple[str, ...] | None = None
    if wish.models is not None:
        wanted = list(dict.fromkeys(wish.models))
        owned = [
            catalog.find_model(session, publisher=publisher.name, name=name, principal=desk.principal)
            for name in wanted[:MODELS_MOST]
        ]
        models = tuple(str(one.id) for one in owned if not isinstance(one, Refusal))
        if len(wanted) > MODELS_MOST:
            errors["models"] = f"more than {MODELS_MOST}; leave it empty for all of them"
        elif len(models) < len(wanted):
            missing = next(name for name, one in zip(wanted, owned, strict=True) if isinstance(one, Refusal))
            errors["models"] = f"{publisher.name} has no model {missing[:96]!r}"
    return refusals.malformed(errors) if errors else models


def _view(session: Session, row: Webhook, sealer: Sealer, *, show_secret: bool = False) -> WebhookView:
    target = open_target(row, sealer)
    ids = [UUID(one) for one in row.model_ids.split()]
    names = catalog.name_models(session, ids) if ids else {}
    attempts = store.list_last_attempts(session, row.id, deliveries=PAGE_MOST, limit=ATTEMPTS_SHOWN_MOST)
    return WebhookView(
        row=row,
        url=target.url,
        events=tuple(row.events.split()),
        models=tuple(sorted(names[one][1] for one in ids)),
        previous_until=target.previous_until,
        has_hub_secret=bool(target.hub_secret),
        last_arrived=next((one.begun_at for one in attempts if one.trouble is None), None),
        last_failure=next((one for one in attempts if one.trouble is not None), None),
        secret=target.secret if show_secret else None,
    )


def _seal(target: Target, webhook_id: UUID, sealer: Sealer) -> bytes:
    return sealer.seal_system(msgspec.json.encode(target), _TARGET_CONTEXT + webhook_id.bytes)


def _new_secret() -> str:
    return encode_secret(secrets.token_bytes(SECRET_BYTES))
