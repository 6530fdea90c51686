"""members acknowledge what is accepted for their organisation, where it asks for that

Revision: 0023
Follows: 0022
Made: 2026-11-26 15:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "acknowledgement",
        sa.Column("acceptance_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["acceptance_id"], ["acceptance.id"], name=op.f("fk_acknowledgement_acceptance_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_acknowledgement_person_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name=op.f("fk_acknowledgement_entry_id")),
        sa.PrimaryKeyConstraint("acceptance_id", "person_id", name=op.f("pk_acknowledgement")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_acknowledgement_entry_id")),
    )
    op.create_index("ix_acknowledgement_person", "acknowledgement", ["person_id", "acceptance_id"])
    with op.batch_alter_table("organisation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("acknowledge_asked_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("acknowledge_from", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("acknowledge_entry_id", sa.Uuid(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_organisation_acknowledge_entry_id"),
            "ledger_entry",
            ["acknowledge_entry_id"],
            ["id"],
        )
        batch_op.create_check_constraint(
            batch_op.f("ck_organisation_acknowledge_from_a_day"),
            "(acknowledge_asked_at IS NULL) = (acknowledge_from IS NULL)",
        )


def downgrade() -> None:
    with op.batch_alter_table("organisation", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_organisation_acknowledge_from_a_day"), type_="check")
        batch_op.drop_constraint(batch_op.f("fk_organisation_acknowledge_entry_id"), type_="foreignkey")
        batch_op.drop_column("acknowledge_entry_id")
        batch_op.drop_column("acknowledge_from")
        batch_op.drop_column("acknowledge_asked_at")
    op.drop_index("ix_acknowledgement_person", table_name="acknowledgement")
    op.drop_table("acknowledgement")
