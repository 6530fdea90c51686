"""looks of operators at the records of all publishers

Revision: 0039
Follows: 0038
Made: 2026-11-27 18:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("look", schema=None) as batch_op:
        batch_op.alter_column("publisher_id", existing_type=sa.Uuid(), nullable=True)


def downgrade() -> None:
    op.execute("DELETE FROM look WHERE publisher_id IS NULL")
    with op.batch_alter_table("look", schema=None) as batch_op:
        batch_op.alter_column("publisher_id", existing_type=sa.Uuid(), nullable=False)
