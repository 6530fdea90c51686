"""until when acceptances of earlier terms still open a gate

Revision: 0005
Follows: 0004
Made: 2026-11-25 18:05:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gate_grace",
        sa.Column("gate_revision_id", sa.Uuid(), nullable=False),
        sa.Column("license_id", sa.Uuid(), nullable=False),
        sa.Column("series", sa.Integer(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["gate_revision_id"], ["gate_revision.id"], name=op.f("fk_gate_grace_gate_revision_id")
        ),
        sa.ForeignKeyConstraint(["license_id"], ["license.id"], name=op.f("fk_gate_grace_license_id")),
        sa.PrimaryKeyConstraint("gate_revision_id", "license_id", "series", name=op.f("pk_gate_grace")),
    )


def downgrade() -> None:
    op.drop_table("gate_grace")
