"""SSH keys that people sign their acceptances with

Revision: 0024
Follows: 0023
Made: 2026-11-26 18:30:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "person_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_person_key_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_key")),
    )
    op.create_index(op.f("ix_person_key_person_id"), "person_key", ["person_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_person_key_person_id"), table_name="person_key")
    op.drop_table("person_key")
