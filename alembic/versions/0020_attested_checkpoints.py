"""cosignatures and time stamps of checkpoints

Revision: 0020
Follows: 0019
Made: 2026-11-26 15:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "ledger_cosignature",
        sa.Column("size", _POSITION, autoincrement=False, nullable=False),
        sa.Column("witness", sa.String(length=400), nullable=False),
        sa.Column("line", sa.String(length=500), nullable=False),
        sa.Column("cosigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["size"], ["ledger_checkpoint.size"], name=op.f("fk_ledger_cosignature_size")
        ),
        sa.PrimaryKeyConstraint("size", "witness", name=op.f("pk_ledger_cosignature")),
    )
    op.create_table(
        "ledger_timestamp",
        sa.Column("size", _POSITION, autoincrement=False, nullable=False),
        sa.Column("authority", sa.String(length=200), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=False),
        sa.Column("stamped_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["size"], ["ledger_checkpoint.size"], name=op.f("fk_ledger_timestamp_size")),
        sa.PrimaryKeyConstraint("size", "authority", name=op.f("pk_ledger_timestamp")),
    )


def downgrade() -> None:
    op.drop_table("ledger_timestamp")
    op.drop_table("ledger_cosignature")
