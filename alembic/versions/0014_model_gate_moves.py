"""models go from behind one gate behind another

Revision: 0014
Follows: 0013
Made: 2026-11-26 03:10:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "model_gate_move",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("from_gate_id", sa.Uuid(), nullable=False),
        sa.Column("to_gate_id", sa.Uuid(), nullable=False),
        sa.Column("moved_by", sa.Uuid(), nullable=True),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_model_gate_move_model_id")),
        sa.ForeignKeyConstraint(["from_gate_id"], ["gate.id"], name=op.f("fk_model_gate_move_from_gate_id")),
        sa.ForeignKeyConstraint(["to_gate_id"], ["gate.id"], name=op.f("fk_model_gate_move_to_gate_id")),
        sa.ForeignKeyConstraint(["moved_by"], ["person.id"], name=op.f("fk_model_gate_move_moved_by")),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name=op.f("fk_model_gate_move_entry_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_gate_move")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_model_gate_move_entry_id")),
    )
    op.create_index("ix_model_gate_move_model", "model_gate_move", ["model_id", "id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_model_gate_move_model", table_name="model_gate_move")
    op.drop_table("model_gate_move")
