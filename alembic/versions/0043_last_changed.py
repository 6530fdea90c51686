"""models in the order of their last change

Revision: 0043
Follows: 0040
Made: 2026-11-27 18:40:00
"""

from alembic import op

revision = "0043"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_ref_name_release_id", "ref", ["name", "release_id"])


def downgrade() -> None:
    op.drop_index("ix_ref_name_release_id", "ref")
