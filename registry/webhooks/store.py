"""Queries and inserts of webhooks, deliveries and attempts; no rules."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, exists, func, insert, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from registry.kernel.inserting import insert_many
from registry.webhooks.domain import DeliveryState
from registry.webhooks.tables import Webhook, WebhookAttempt, WebhookDelivery


def insert_webhook(session: Session, row: Webhook) -> None:
    """Insert a webhook."""
    session.exec(insert(Webhook).values(**row.model_dump()))


def find_webhook(
    session: Session, webhook_id: UUID, *, publisher_id: UUID, lock: bool = False
) -> Webhook | None:
    """Return a publisher's webhook that was not deleted; with `lock`, nobody changes it before the commit."""
    wanted = select(Webhook).where(
        Webhook.id == webhook_id, Webhook.publisher_id == publisher_id, col(Webhook.ended_at).is_(None)
    )
    return session.exec(wanted.with_for_update() if lock else wanted).one_or_none()


def get_webhook(session: Session, webhook_id: UUID) -> Webhook:
    """Return the webhook, deleted or not."""
    return session.exec(select(Webhook).where(Webhook.id == webhook_id)).one()


def lock_webhook(session: Session, webhook_id: UUID) -> Webhook:
    """Return the webhook, deleted or not; nobody changes it before the commit."""
    return session.exec(select(Webhook).where(Webhook.id == webhook_id).with_for_update()).one()


def list_webhooks(session: Session, *, publisher_id: UUID, limit: int) -> Sequence[Webhook]:
    """Return a publisher's webhooks that were not deleted, oldest first."""
    return session.exec(
        select(Webhook)
        .where(Webhook.publisher_id == publisher_id, col(Webhook.ended_at).is_(None))
        .order_by(col(Webhook.id))
        .limit(limit)
    ).all()


def list_hearing_publishers(session: Session, *, after: UUID | None, limit: int) -> Sequence[UUID]:
    """Return publishers with a webhook that is on, by their ids, strictly after `after`."""
    wanted = (
        select(Webhook.publisher_id)
        .where(col(Webhook.ended_at).is_(None), col(Webhook.disabled_at).is_(None))
        .distinct()
    )
    if after is not None:
        wanted = wanted.where(Webhook.publisher_id > after)
    return session.exec(wanted.order_by(col(Webhook.publisher_id)).limit(limit)).all()


def list_older_targets(session: Session, older: Any, *, limit: int) -> Sequence[Webhook]:
    """Return webhooks whose target an older master key seals."""
    return session.exec(
        select(Webhook).where(col(Webhook.ended_at).is_(None), older).order_by(col(Webhook.id)).limit(limit)
    ).all()


def change_webhook(session: Session, webhook_id: UUID, **values: object) -> None:
    """Change a webhook."""
    session.exec(update(Webhook).where(col(Webhook.id) == webhook_id).values(**values))


def insert_deliveries(session: Session, rows: Sequence[WebhookDelivery]) -> None:
    """Insert deliveries."""
    insert_many(session, WebhookDelivery, [row.model_dump() for row in rows])


def find_delivery(session: Session, delivery_id: UUID, *, webhook_id: UUID) -> WebhookDelivery | None:
    """Return a delivery of a webhook; nobody changes it before the commit."""
    return session.exec(
        select(WebhookDelivery)
        .where(WebhookDelivery.id == delivery_id, WebhookDelivery.webhook_id == webhook_id)
        .with_for_update()
    ).one_or_none()


def get_delivery(session: Session, delivery_id: UUID) -> WebhookDelivery:
    """Return a delivery."""
    return session.exec(select(WebhookDelivery).where(WebhookDelivery.id == delivery_id)).one()


def list_deliveries(
    session: Session, *, webhook_id: UUID, after: UUID | None, limit: int
) -> Sequence[WebhookDelivery]:
    """Return a webhook's deliveries, newest first, strictly older than `after`."""
    wanted = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id)
    if after is not None:
        wanted = wanted.where(WebhookDelivery.id < after)
    return session.exec(wanted.order_by(col(WebhookDelivery.id).desc()).limit(limit)).all()


def list_attempts(session: Session, delivery_ids: Sequence[UUID], *, limit: int) -> Sequence[WebhookAttempt]:
    """Return the attempts of deliveries, oldest first."""
    return session.exec(
        select(WebhookAttempt)
        .where(col(WebhookAttempt.delivery_id).in_(delivery_ids))
        .order_by(col(WebhookAttempt.id))
        .limit(limit)
    ).all()


def list_last_attempts(
    session: Session, webhook_id: UUID, *, deliveries: int, limit: int
) -> Sequence[WebhookAttempt]:
    """Return the attempts at the newest deliveries of a webhook, newest first."""
    newest = (
        select(WebhookDelivery.id)
        .where(WebhookDelivery.webhook_id == webhook_id)
        .order_by(col(WebhookDelivery.id).desc())
        .limit(deliveries)
    )
    return session.exec(
        select(WebhookAttempt)
        .where(col(WebhookAttempt.delivery_id).in_(newest))
        .order_by(col(WebhookAttempt.id).desc())
        .limit(limit)
    ).all()


def insert_attempt(session: Session, row: WebhookAttempt) -> None:
    """Insert an attempt."""
    session.exec(insert(WebhookAttempt).values(**row.model_dump()))


def change_delivery(session: Session, delivery_id: UUID, **values: object) -> None:
    """Change a delivery."""
    session.exec(update(WebhookDelivery).where(col(WebhookDelivery.id) == delivery_id).values(**values))


def drop_pending(session: Session, webhook_id: UUID, *, now: datetime) -> int:
    """Give up what a webhook still had to be sent; return how much that was."""
    result = session.exec(
        update(WebhookDelivery)
        .where(
            col(WebhookDelivery.webhook_id) == webhook_id, col(WebhookDelivery.state) == DeliveryState.PENDING
        )
        .values(state=DeliveryState.DROPPED, settled_at=now)
    )
    return result.rowcount


def claim(session: Session, *, now: datetime, until: datetime, limit: int) -> Sequence[UUID]:
    """Take deliveries that are due, at most one of each webhook and none of one that is being sent to or rests."""
    other = aliased(WebhookDelivery)
    busy = exists().where(
        col(other.webhook_id) == col(WebhookDelivery.webhook_id),
        col(other.state) == DeliveryState.PENDING,
        col(other.leased_until) > now,
    )
    place = func.row_number().over(
        partition_by=col(WebhookDelivery.webhook_id),
        order_by=(col(WebhookDelivery.next_at), col(WebhookDelivery.id)),
    )
    due = (
        select(WebhookDelivery.id, WebhookDelivery.next_at, place.label("place"))
        .join(Webhook, col(Webhook.id) == col(WebhookDelivery.webhook_id))
        .where(WebhookDelivery.state == DeliveryState.PENDING, WebhookDelivery.next_at <= now, ~busy)
        .where(
            col(Webhook.ended_at).is_(None), col(Webhook.disabled_at).is_(None), Webhook.rests_until <= now
        )
        .subquery()
    )
    first = select(due.c.id).where(due.c.place == 1).order_by(due.c.next_at, due.c.id).limit(limit)
    taken = session.exec(
        update(WebhookDelivery)
        .where(col(WebhookDelivery.id).in_(first))
        # Who waited for another worker's commit sees here that the other one was faster.
        .where(col(WebhookDelivery.leased_until) <= now, col(WebhookDelivery.state) == DeliveryState.PENDING)
        .values(leased_until=until)
        .returning(col(WebhookDelivery.id))
    )
    return [row[0] for row in taken.all()]


def delete_deliveries(session: Session, *, before: datetime, limit: int) -> int:
    """Delete deliveries made before that moment, with their attempts; return how many."""
    ids = session.exec(
        select(WebhookDelivery.id)
        .where(WebhookDelivery.made_at < before)
        .order_by(col(WebhookDelivery.made_at))
        .limit(limit)
    ).all()
    session.exec(delete(WebhookAttempt).where(col(WebhookAttempt.delivery_id).in_(ids)))
    session.exec(delete(WebhookDelivery).where(col(WebhookDelivery.id).in_(ids)))
    return len(ids)
