"""an index that counts acceptances by gate, license version and time without reading their rows

Revision: 0009
Follows: 0008
Made: 2026-11-25 19:20:00
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_acceptance_week", "acceptance", ["gate_id", "license_version_id", "accepted_at"])


def downgrade() -> None:
    op.drop_index("ix_acceptance_week", table_name="acceptance")
