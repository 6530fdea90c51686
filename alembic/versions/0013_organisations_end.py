"""suspension and end of organisations, with time for members

Revision: 0013
Follows: 0012
Made: 2026-11-26 03:05:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("organisation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(
            sa.Column("suspended_by_operator", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(sa.Column("members_until", sa.DateTime(timezone=True), nullable=True))
    # An end from before covered nobody any more.
    op.execute("UPDATE organisation SET members_until = ended_at WHERE ended_at IS NOT NULL")
    with op.batch_alter_table("organisation", schema=None) as batch_op:
        batch_op.alter_column("suspended_by_operator", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("organisation", schema=None) as batch_op:
        batch_op.drop_column("members_until")
        batch_op.drop_column("suspended_by_operator")
        batch_op.drop_column("suspended_at")
