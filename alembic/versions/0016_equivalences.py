"""decisions that a license carries on what a base's license restricts

Revision: 0016
Follows: 0015
Made: 2026-11-26 12:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_STANDING = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "equivalence",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("base_model_id", sa.Uuid(), nullable=False),
        sa.Column("base_version_id", sa.Uuid(), nullable=False),
        sa.Column("publisher_id", sa.Uuid(), nullable=False),
        sa.Column("model_name", sa.String(length=96), nullable=False),
        sa.Column("model_key", sa.String(length=96), nullable=False),
        sa.Column("own_version_id", sa.Uuid(), nullable=False),
        sa.Column("slugs", sa.String(length=4000), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=False),
        sa.Column("sealed_name", sa.LargeBinary(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.Column("end_reason", sa.String(length=300), nullable=True),
        sa.Column("end_entry_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["base_model_id"], ["model.id"], name=op.f("fk_equivalence_base_model_id")),
        sa.ForeignKeyConstraint(
            ["base_version_id"], ["license_version.id"], name=op.f("fk_equivalence_base_version_id")
        ),
        sa.ForeignKeyConstraint(["publisher_id"], ["publisher.id"], name=op.f("fk_equivalence_publisher_id")),
        sa.ForeignKeyConstraint(
            ["own_version_id"], ["license_version.id"], name=op.f("fk_equivalence_own_version_id")
        ),
        sa.ForeignKeyConstraint(["decided_by"], ["person.id"], name=op.f("fk_equivalence_decided_by")),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name=op.f("fk_equivalence_entry_id")),
        sa.ForeignKeyConstraint(["ended_by"], ["person.id"], name=op.f("fk_equivalence_ended_by")),
        sa.ForeignKeyConstraint(
            ["end_entry_id"], ["ledger_entry.id"], name=op.f("fk_equivalence_end_entry_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_equivalence")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_equivalence_entry_id")),
        sa.UniqueConstraint("end_entry_id", name=op.f("uq_equivalence_end_entry_id")),
    )
    op.create_index(
        "uq_equivalence_standing",
        "equivalence",
        ["publisher_id", "model_key", "base_model_id", "base_version_id", "own_version_id"],
        unique=True,
        sqlite_where=_STANDING,
        postgresql_where=_STANDING,
    )
    op.create_index("ix_equivalence_base", "equivalence", ["base_model_id", "id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_equivalence_base", table_name="equivalence")
    op.drop_index("uq_equivalence_standing", table_name="equivalence")
    op.drop_table("equivalence")
