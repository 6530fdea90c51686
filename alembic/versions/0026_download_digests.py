"""daily digests of the download records

Revision: 0026
Follows: 0025
Made: 2026-11-26 19:10:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "download_day",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_download_day")),
    )
    op.create_table(
        "download_digest",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["day"], ["download_day.day"], name=op.f("fk_download_digest_day")),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name=op.f("fk_download_digest_entry_id")),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_download_digest")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_download_digest_entry_id")),
    )
    op.create_table(
        "download_digest_tile",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.Column("record_ids", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("day", "level", "number", name=op.f("pk_download_digest_tile")),
    )


def downgrade() -> None:
    op.drop_table("download_digest_tile")
    op.drop_table("download_digest")
    op.drop_table("download_day")
