"""Deliveries go out: each attempt lies between two transactions, one that takes it and one that records what came of it.

A worker that dies in between leaves a lease behind; after its end the message is sent once more, under the same id.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlmodel import Session

from registry import catalog, identity
from registry.catalog.domain import Command
from registry.identity.domain import Message
from registry.kernel.clock import Clock
from registry.kernel.database import Database
from registry.kernel.identifiers import new_id
from registry.kernel.outbound import Reach
from registry.kernel.outcomes import CorruptRecord
from registry.kernel.sealing import Sealer
from registry.settings import Settings
from registry.webhooks import receiver, refusals, service, store
from registry.webhooks.domain import (
    Answer,
    DeliveryState,
    OffReason,
    Target,
    headers_of,
    judge_failure,
    pause_after,
    rest_after,
)
from registry.webhooks.tables import Webhook, WebhookAttempt

LEASE = timedelta(seconds=60)
"""Longer than an attempt can take."""
_WHY = {
    OffReason.GONE: "Its receiver answered that it is gone (410).",
    OffReason.FAILING: "For five days nothing that was sent to it arrived.",
}
_chance = random.SystemRandom().random
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A message that was taken to be sent."""

    delivery_id: UUID
    webhook_id: UUID
    target: Target = field(repr=False)
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliverer:
    """Sends what is due to webhooks."""

    database: Database
    sealer: Sealer
    clock: Clock
    base_url: str
    reach: Reach

    @classmethod
    def of(cls, settings: Settings, *, database: Database, sealer: Sealer, clock: Clock) -> "Deliverer":
        """Return the deliverer of an installation."""
        return cls(
            database=database,
            sealer=sealer,
            clock=clock,
            base_url=settings.base_url,
            reach=Reach(settings.webhook_reach),
        )

    async def claim(self, most: int) -> Sequence[Parcel]:
        """Take messages that are due, each of another webhook; nobody else sends them before the lease ends."""
        now = self.clock.now()
        return await self.database.write(lambda session: self._claim(session, most, now))

    async def deliver(self, parcel: Parcel) -> Answer:
        """Send a message once, and record what came of it."""
        begun = self.clock.now()
        headers = headers_of(parcel.target, message_id=str(parcel.delivery_id), body=parcel.body, now=begun)
        answer = await receiver.post(parcel.target.url, headers=headers, body=parcel.body, reach=self.reach)
        now = self.clock.now()
        await self.database.write(lambda session: self._settle(session, parcel, answer, begun, now))
        return answer

    def _claim(self, session: Session, most: int, now: datetime) -> list[Parcel]:
        parcels = []
        for delivery_id in store.claim(session, now=now, until=now + LEASE, limit=most):
            row = store.get_delivery(session, delivery_id)
            webhook = store.get_webhook(session, row.webhook_id)
            try:
                target = service.open_target(webhook, self.sealer)
            except CorruptRecord:
                # Nobody can send it; the lease lets the others of this worker go on.
                _log.error("webhook.unreadable", webhook=str(webhook.id))
                continue
            parcels.append(Parcel(delivery_id=row.id, webhook_id=webhook.id, target=target, body=row.body))
        return parcels

    def _settle(
        self, session: Session, parcel: Parcel, answer: Answer, begun: datetime, now: datetime
    ) -> None:
        webhook = store.lock_webhook(session, parcel.webhook_id)
        row = store.get_delivery(session, parcel.delivery_id)
        attempt = WebhookAttempt(
            id=new_id(),
            delivery_id=row.id,
            begun_at=begun,
            duration_ms=answer.duration_ms,
            status=answer.status,
            trouble=answer.trouble,
        )
        store.insert_attempt(session, attempt)
        if answer.trouble is None:
            store.change_delivery(
                session,
                row.id,
                state=DeliveryState.DELIVERED,
                settled_at=now,
                leased_until=now,
                attempts=row.attempts + 1,
            )
            if webhook.failures:
                store.change_webhook(session, webhook.id, failures=0, failing_since=None, rests_until=now)
            return
        values: dict[str, object] = {"attempts": row.attempts + 1, "leased_until": now}
        if row.state is DeliveryState.PENDING:
            pause = pause_after(row.attempts + 1, chance=_chance())
            values |= (
                {"state": DeliveryState.FAILED, "settled_at": now}
                if pause is None
                else {"next_at": now + pause}
            )
        store.change_delivery(session, row.id, **values)
        self._note_failure(session, webhook, answer, now)

    def _note_failure(self, session: Session, webhook: Webhook, answer: Answer, now: datetime) -> None:
        if webhook.ended_at is not None or webhook.disabled_at is not None:
            return
        since = webhook.failing_since or now
        webhook.failures += 1
        webhook.failing_since, webhook.rests_until = since, now + rest_after(webhook.failures)
        session.add(webhook)
        reason = judge_failure(answer, failing_since=since, now=now)
        if reason is not None:
            service.switch_off(session, webhook, reason, now=now)
            self._tell(session, webhook, reason, now)

    def _tell(self, session: Session, webhook: Webhook, reason: OffReason, now: datetime) -> None:
        """Tell who keeps the publisher's webhooks; the address is left out, it may hold a secret."""
        _log.warning("webhook.disabled", webhook=str(webhook.id), reason=reason.value)
        publisher = catalog.get_publisher(session, webhook.publisher_id)
        keepers = catalog.list_people_who_may(
            session, publisher_id=webhook.publisher_id, command=Command.KEEP_WEBHOOK
        )
        message = Message(
            kind="webhook-disabled",
            subject=f"A webhook of {publisher.name} was switched off",
            text=f"The webhook {webhook.id} of {publisher.name} was switched off. {_WHY[reason]}\n"
            "Nothing is sent to it any more. Once its receiver works, switch it on again; what was missed can be sent"
            " anew from its log for 30 days.",
            page=refusals.page_of(publisher.name, webhook.id),
        )
        identity.notify(session, keepers, message, base_url=self.base_url, sealer=self.sealer, now=now)
