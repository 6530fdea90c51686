"""the bases that releases declare, and every ancestor of a model

Revision: 0010
Follows: 0009
Made: 2026-11-25 22:40:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_LIVE = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "model_base",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("base_model_id", sa.Uuid(), nullable=False),
        sa.Column("relation", sa.String(length=32), nullable=True),
        sa.Column("release_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.Column("end_reason", sa.String(length=300), nullable=True),
        sa.Column("end_entry_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_model_base_model_id")),
        sa.ForeignKeyConstraint(["base_model_id"], ["model.id"], name=op.f("fk_model_base_base_model_id")),
        sa.ForeignKeyConstraint(["release_id"], ["release.id"], name=op.f("fk_model_base_release_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name=op.f("fk_model_base_entry_id")),
        sa.ForeignKeyConstraint(["ended_by"], ["person.id"], name=op.f("fk_model_base_ended_by")),
        sa.ForeignKeyConstraint(
            ["end_entry_id"], ["ledger_entry.id"], name=op.f("fk_model_base_end_entry_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_base")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_model_base_entry_id")),
        sa.UniqueConstraint("end_entry_id", name=op.f("uq_model_base_end_entry_id")),
    )
    op.create_index(
        "uq_model_base_live",
        "model_base",
        ["model_id", "base_model_id"],
        unique=True,
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    )
    op.create_table(
        "model_lineage",
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("ancestor_id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_model_lineage_model_id")),
        sa.ForeignKeyConstraint(["ancestor_id"], ["model.id"], name=op.f("fk_model_lineage_ancestor_id")),
        sa.PrimaryKeyConstraint("model_id", "ancestor_id", name=op.f("pk_model_lineage")),
    )
    op.create_index("ix_model_lineage_ancestor", "model_lineage", ["ancestor_id"], unique=False)


def downgrade() -> None:
    op.drop_table("model_lineage")
    op.drop_table("model_base")
