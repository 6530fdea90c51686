"""domains proved by a DNS record, and what officers were told about the end of a proof

Revision: 0022
Follows: 0021
Made: 2026-11-26 15:53:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("organisation_domain", schema=None) as batch_op:
        batch_op.add_column(sa.Column("challenge", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("check_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("warned_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("lapse_told_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.alter_column("mailbox", existing_type=sa.String(length=20), nullable=True)
        batch_op.alter_column("secret_digest", existing_type=sa.String(length=64), nullable=True)
        batch_op.create_check_constraint("secret_is_mailed", "(mailbox IS NULL) = (secret_digest IS NULL)")
        batch_op.create_check_constraint("proved_one_way", "(mailbox IS NULL) <> (challenge IS NULL)")
        batch_op.create_index("ix_organisation_domain_check", ["check_at"], unique=False)
        batch_op.create_index(
            "uq_organisation_domain_record",
            ["organisation_id", "domain"],
            unique=True,
            sqlite_where=sa.text("challenge IS NOT NULL AND ended_at IS NULL"),
            postgresql_where=sa.text("challenge IS NOT NULL AND ended_at IS NULL"),
        )
        batch_op.create_index("ix_organisation_domain_end", ["valid_until"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("organisation_domain", schema=None) as batch_op:
        batch_op.drop_index("uq_organisation_domain_record")
        batch_op.drop_index("ix_organisation_domain_end")
        batch_op.drop_index("ix_organisation_domain_check")
        batch_op.drop_constraint(op.f("ck_organisation_domain_proved_one_way"), type_="check")
        batch_op.drop_constraint(op.f("ck_organisation_domain_secret_is_mailed"), type_="check")
    # Nobody knows a secret with such a digest: what was proved stays so, what was not never will be.
    op.execute(
        "UPDATE organisation_domain SET mailbox = 'dns', secret_digest = challenge WHERE challenge IS NOT NULL"
    )
    with op.batch_alter_table("organisation_domain", schema=None) as batch_op:
        batch_op.alter_column("secret_digest", existing_type=sa.String(length=64), nullable=False)
        batch_op.alter_column("mailbox", existing_type=sa.String(length=20), nullable=False)
        batch_op.drop_column("lapse_told_at")
        batch_op.drop_column("warned_at")
        batch_op.drop_column("missing_since")
        batch_op.drop_column("check_at")
        batch_op.drop_column("challenge")
