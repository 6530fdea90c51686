"""large files of repositories of the Hub, as their lists state them, and whether a model's weights are there

Revision: 0040
Follows: 0042
Made: 2026-11-27 17:50:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("model", sa.Column("hub_weights", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "hub_weights",
        sa.Column("mirror_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.String(length=64), nullable=False),
        sa.Column("listing", sa.LargeBinary(), nullable=False),
        sa.Column("trouble", sa.String(length=300), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["mirror_id"], ["hub_mirror.id"], name=op.f("fk_hub_weights_mirror_id")),
        sa.PrimaryKeyConstraint("mirror_id", name=op.f("pk_hub_weights")),
    )


def downgrade() -> None:
    op.drop_table("hub_weights")
    op.drop_column("model", "hub_weights")
