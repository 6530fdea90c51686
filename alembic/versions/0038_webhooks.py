"""webhooks of publishers, what was sent to them, and what came of each attempt

Revision: 0038
Follows: 0037
Made: 2026-11-27 06:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

PENDING = sa.text("state = 'pending'")


def _enum(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "webhook",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("publisher_id", sa.Uuid(), nullable=False),
        sa.Column("sealed_target", sa.LargeBinary(), nullable=False),
        sa.Column("events", sa.String(length=1000), nullable=False),
        sa.Column("model_ids", sa.String(length=4000), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("disabled_at", moment, nullable=True),
        sa.Column("off_reason", _enum("off_reason", "by-hand", "failing", "gone"), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", moment, nullable=True),
        sa.Column("rests_until", moment, nullable=False),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_webhook_failures_counted")),
        sa.CheckConstraint(
            "(disabled_at IS NULL) = (off_reason IS NULL)", name=op.f("ck_webhook_off_for_a_reason")
        ),
        sa.ForeignKeyConstraint(["publisher_id"], ["publisher.id"], name=op.f("fk_webhook_publisher_id")),
        sa.ForeignKeyConstraint(["made_by"], ["person.id"], name=op.f("fk_webhook_made_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
    )
    op.create_index("ix_webhook_publisher_id", "webhook", ["publisher_id"])
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column(
            "state", _enum("delivery_state", "pending", "delivered", "failed", "dropped"), nullable=False
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", moment, nullable=False),
        sa.Column("leased_until", moment, nullable=False),
        sa.Column("settled_at", moment, nullable=True),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_webhook_delivery_attempts_counted")),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhook.id"], name=op.f("fk_webhook_delivery_webhook_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
    )
    op.create_index(
        "ix_webhook_delivery_due",
        "webhook_delivery",
        ["next_at"],
        sqlite_where=PENDING,
        postgresql_where=PENDING,
    )
    op.create_index("ix_webhook_delivery_made_at", "webhook_delivery", ["made_at"])
    op.create_index("ix_webhook_delivery_webhook", "webhook_delivery", ["webhook_id", "id"])
    op.create_table(
        "webhook_attempt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("begun_at", moment, nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column(
            "trouble", _enum("trouble", "status", "redirect", "too-slow", "unreachable"), nullable=True
        ),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["webhook_delivery.id"], name=op.f("fk_webhook_attempt_delivery_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_attempt")),
    )
    op.create_index("ix_webhook_attempt_delivery", "webhook_attempt", ["delivery_id", "id"])


def downgrade() -> None:
    op.drop_table("webhook_attempt")
    op.drop_table("webhook_delivery")
    op.drop_table("webhook")
