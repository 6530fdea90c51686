"""README and LICENSE of repositories of the Hub: what both sides agreed on, and the commit that was made

Revision: 0037
Follows: 0036
Made: 2026-11-27 07:05:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "hub_card",
        sa.Column("mirror_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.String(length=64), nullable=False),
        sa.Column("wanted", sa.String(length=71), nullable=False),
        sa.Column("base", sa.LargeBinary(), nullable=False),
        sa.Column("report", sa.LargeBinary(), nullable=False),
        sa.Column("looked_at", moment, nullable=True),
        sa.Column("begun_at", moment, nullable=True),
        sa.Column("committed_at", moment, nullable=True),
        sa.Column("committed", sa.String(length=64), nullable=False),
        sa.Column("hub_request_id", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["mirror_id"], ["hub_mirror.id"], name=op.f("fk_hub_card_mirror_id")),
        sa.PrimaryKeyConstraint("mirror_id", name=op.f("pk_hub_card")),
    )


def downgrade() -> None:
    op.drop_table("hub_card")
