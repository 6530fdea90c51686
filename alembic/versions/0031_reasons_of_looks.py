"""why somebody looked at all about a person

Revision: 0031
Follows: 0030
Made: 2026-11-26 20:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("look", schema=None) as batch_op:
        batch_op.add_column(sa.Column("reason", sa.String(length=500), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("look", schema=None) as batch_op:
        batch_op.drop_column("reason")
