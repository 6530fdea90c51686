"""Tables of webhooks: where news of a publisher go, what was sent, and what came of each attempt."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field

from registry.kernel.database import Table, UTCDateTime, enum_column
from registry.webhooks.domain import DeliveryState, OffReason, Trouble


class Webhook(Table, table=True):
    """An address that hears of what happens at a publisher, until it is deleted."""

    __table_args__ = (
        CheckConstraint("failures >= 0", name="failures_counted"),
        CheckConstraint("(disabled_at IS NULL) = (off_reason IS NULL)", name="off_for_a_reason"),
        Index("ix_webhook_publisher_id", "publisher_id"),
    )

    id: UUID = Field(primary_key=True)
    publisher_id: UUID = Field(foreign_key="publisher.id")
    sealed_target: bytes
    """Address and secrets, sealed by the system key; empty once it was deleted."""
    events: str = Field(max_length=1000)
    """Names of events, separated by spaces; empty: all of them."""
    model_ids: str = Field(max_length=4000)
    """Ids of models, separated by spaces; empty: all of the publisher's."""
    made_by: UUID = Field(foreign_key="person.id")
    made_at: datetime = Field(sa_type=UTCDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    disabled_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    off_reason: OffReason | None = Field(default=None, sa_type=enum_column(OffReason))
    failures: int = 0
    """Failed attempts since the last one that succeeded."""
    failing_since: datetime | None = Field(default=None, sa_type=UTCDateTime)
    rests_until: datetime = Field(sa_type=UTCDateTime)
    """Until when it is left alone after a failure."""


class WebhookDelivery(Table, table=True):
    """One message for one webhook; its id is the message's."""

    __table_args__ = (
        Index(
            "ix_webhook_delivery_due",
            "next_at",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
        Index("ix_webhook_delivery_webhook", "webhook_id", "id"),
        Index("ix_webhook_delivery_made_at", "made_at"),
        CheckConstraint("attempts >= 0", name="attempts_counted"),
    )

    id: UUID = Field(primary_key=True)
    webhook_id: UUID = Field(foreign_key="webhook.id")
    event: str = Field(max_length=40)
    body: bytes
    """The same bytes at each attempt. They name nobody."""
    made_at: datetime = Field(sa_type=UTCDateTime)
    state: DeliveryState = Field(sa_type=enum_column(DeliveryState))
    attempts: int = 0
    """Since it was made, or sent anew by hand."""
    next_at: datetime = Field(sa_type=UTCDateTime)
    leased_until: datetime = Field(sa_type=UTCDateTime)
    """Until when a worker has it."""
    settled_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class WebhookAttempt(Table, table=True):
    """One try to deliver a message, and what came of it; of the answer nothing but its status is kept."""

    __table_args__ = (Index("ix_webhook_attempt_delivery", "delivery_id", "id"),)

    id: UUID = Field(primary_key=True)
    delivery_id: UUID = Field(foreign_key="webhook_delivery.id")
    begun_at: datetime = Field(sa_type=UTCDateTime)
    duration_ms: int
    status: int | None = None
    trouble: Trouble | None = Field(default=None, sa_type=enum_column(Trouble))
