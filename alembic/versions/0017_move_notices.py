"""who was told that a model went behind another gate

Revision: 0017
Follows: 0016
Made: 2026-11-26 12:05:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "move_notice",
        sa.Column("move_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["move_id"], ["model_gate_move.id"], name=op.f("fk_move_notice_move_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_move_notice_person_id")),
        sa.PrimaryKeyConstraint("move_id", "person_id", name=op.f("pk_move_notice")),
    )


def downgrade() -> None:
    op.drop_table("move_notice")
