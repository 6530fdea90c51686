"""what gates ask beforehand, and what people declare of themselves

Revision: 0011
Follows: 0010
Made: 2026-11-26 02:20:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("gate_revision", sa.Column("prerequisites", sa.LargeBinary(), nullable=True))
    op.create_table(
        "declaration",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(length=16), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_declaration_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_declaration")),
    )
    op.create_index("ix_declaration_person", "declaration", ["person_id", "kind", "id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_declaration_person", table_name="declaration")
    op.drop_table("declaration")
    op.drop_column("gate_revision", "prerequisites")
