"""legal holds: what must not be destroyed for now

Revision: 0025
Follows: 0024
Made: 2026-11-26 19:20:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hold",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("publisher_id", sa.Uuid(), nullable=True),
        sa.Column("model_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("ordered_by", sa.String(length=120), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(person_id IS NOT NULL AND publisher_id IS NULL AND model_id IS NULL)"
            " OR (person_id IS NULL AND publisher_id IS NOT NULL AND model_id IS NULL)"
            " OR (person_id IS NULL AND publisher_id IS NULL AND model_id IS NOT NULL)",
            name=op.f("ck_hold_of_one_thing"),
        ),
        sa.CheckConstraint(
            "lifted_at IS NULL OR lifted_at >= placed_at", name=op.f("ck_hold_lifted_after_it_was_placed")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_hold_person_id")),
        sa.ForeignKeyConstraint(["publisher_id"], ["publisher.id"], name=op.f("fk_hold_publisher_id")),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_hold_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
    )
    op.create_index(
        "ix_hold_person",
        "hold",
        ["person_id"],
        sqlite_where=sa.text("lifted_at IS NULL"),
        postgresql_where=sa.text("lifted_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_hold_person", table_name="hold")
    op.drop_table("hold")
