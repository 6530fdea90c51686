"""who was told of a loss by a gate is noted by the entry in the log

Revision: 0021
Follows: 0020
Made: 2026-11-26 15:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "loss_notice",
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name=op.f("fk_loss_notice_entry_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_loss_notice_person_id")),
        sa.PrimaryKeyConstraint("entry_id", "person_id", name=op.f("pk_loss_notice")),
    )
    op.execute(
        "INSERT INTO loss_notice (entry_id, person_id, told_at) SELECT m.entry_id, n.person_id, n.told_at"
        " FROM move_notice n JOIN model_gate_move m ON m.id = n.move_id"
    )
    op.drop_table("move_notice")


def downgrade() -> None:
    op.create_table(
        "move_notice",
        sa.Column("move_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["move_id"], ["model_gate_move.id"], name=op.f("fk_move_notice_move_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_move_notice_person_id")),
        sa.PrimaryKeyConstraint("move_id", "person_id", name=op.f("pk_move_notice")),
    )
    op.execute(
        "INSERT INTO move_notice (move_id, person_id, told_at) SELECT m.id, n.person_id, n.told_at"
        " FROM loss_notice n JOIN model_gate_move m ON m.entry_id = n.entry_id"
    )
    op.drop_table("loss_notice")
