"""letters that invite imported people are told apart by when they were written

Revision: 0029
Follows: 0028
Made: 2026-11-26 20:00:00
"""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_import_contact_invited", "import_contact", ["invited_at"])


def downgrade() -> None:
    op.drop_index("ix_import_contact_invited", table_name="import_contact")
