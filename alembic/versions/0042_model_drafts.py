"""names of models to be, and licenses found by the digest of their text

Revision: 0042
Follows: 0039
Made: 2026-11-27 17:40:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "model_draft",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("publisher_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=96), nullable=False),
        sa.Column("name_key", sa.String(length=96), nullable=False),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("begun_by", sa.Uuid(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["publisher_id"], ["publisher.id"], name=op.f("fk_model_draft_publisher_id")),
        sa.ForeignKeyConstraint(["begun_by"], ["person.id"], name=op.f("fk_model_draft_begun_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_draft")),
        sa.UniqueConstraint("publisher_id", "name_key", name=op.f("uq_model_draft_publisher_id_name_key")),
    )
    op.create_index("ix_model_draft_begun_at", "model_draft", ["begun_at"])
    op.create_index("ix_license_version_sha256", "license_version", ["sha256"])


def downgrade() -> None:
    op.drop_index("ix_license_version_sha256", "license_version")
    op.drop_table("model_draft")
