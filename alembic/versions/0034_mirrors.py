"""models paired with repositories of the Hub, by whose token, and what was done there

Revision: 0034
Follows: 0033
Made: 2026-11-26 23:10:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

DEEDS = ("set-manual", "reject", "reset", "cancel", "accept", "grant")
STANDS = sa.text("ended_at IS NULL")
DUE = sa.text("ended_at IS NULL AND kept_since IS NOT NULL")
OPEN = sa.text("outcome IS NULL")


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "hub_credential",
        sa.Column("publisher_id", sa.Uuid(), nullable=False),
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("sealed_token", sa.LargeBinary(), nullable=False),
        sa.Column("stored_by", sa.Uuid(), nullable=False),
        sa.Column("stored_at", moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["publisher_id"], ["publisher.id"], name=op.f("fk_hub_credential_publisher_id")
        ),
        sa.ForeignKeyConstraint(["stored_by"], ["person.id"], name=op.f("fk_hub_credential_stored_by")),
        sa.PrimaryKeyConstraint("publisher_id", name=op.f("pk_hub_credential")),
    )
    op.create_table(
        "hub_mirror",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("repository", sa.String(length=96), nullable=False),
        sa.Column("repository_key", sa.String(length=96), nullable=False),
        sa.Column("gating_group", sa.String(length=60), nullable=False),
        sa.Column("linked_by", sa.Uuid(), nullable=False),
        sa.Column("linked_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("kept_since", moment, nullable=True),
        sa.Column("next_at", moment, nullable=False),
        sa.Column("leased_until", moment, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("looked_at", moment, nullable=True),
        sa.Column("settled_at", moment, nullable=True),
        sa.Column("revision", sa.String(length=64), nullable=False),
        sa.Column("trouble", sa.String(length=32), nullable=False),
        sa.Column("trouble_words", sa.String(length=300), nullable=False),
        sa.Column("findings", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_hub_mirror_failures_counted")),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_hub_mirror_model_id")),
        sa.ForeignKeyConstraint(["linked_by"], ["person.id"], name=op.f("fk_hub_mirror_linked_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hub_mirror")),
    )
    for name, columns, unique, where in (
        ("uq_hub_mirror_model", ["model_id"], True, STANDS),
        ("uq_hub_mirror_repository", ["repository_key"], True, STANDS),
        ("ix_hub_mirror_due", ["next_at"], False, DUE),
    ):
        op.create_index(
            name, "hub_mirror", columns, unique=unique, sqlite_where=where, postgresql_where=where
        )
    op.create_table(
        "hub_intent",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("mirror_id", sa.Uuid(), nullable=False),
        sa.Column(
            "deed",
            sa.Enum(*DEEDS, name="deed", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("begun_at", moment, nullable=False),
        sa.Column("answered_at", moment, nullable=True),
        sa.Column(
            "outcome",
            sa.Enum(
                "done",
                "failed",
                "unknown",
                name="intent_outcome",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("trouble", sa.String(length=32), nullable=False),
        sa.Column("hub_request_id", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["mirror_id"], ["hub_mirror.id"], name=op.f("fk_hub_intent_mirror_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hub_intent")),
    )
    op.create_index(
        "ix_hub_intent_open", "hub_intent", ["mirror_id"], sqlite_where=OPEN, postgresql_where=OPEN
    )
    op.create_index("ix_hub_intent_mirror", "hub_intent", ["mirror_id", "id"])


def downgrade() -> None:
    op.drop_table("hub_intent")
    op.drop_table("hub_mirror")
    op.drop_table("hub_credential")
