"""old download records as counts by day and file

Revision: 0035
Follows: 0034
Made: 2026-11-27 06:10:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "download_count",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("release_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.String(length=1024), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("downloads", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["day"], ["download_day.day"], name=op.f("fk_download_count_day")),
        sa.ForeignKeyConstraint(["release_id"], ["release.id"], name=op.f("fk_download_count_release_id")),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_download_count_model_id")),
        sa.PrimaryKeyConstraint("day", "release_id", "path", name=op.f("pk_download_count")),
    )
    op.create_index("ix_download_count_model", "download_count", ["model_id", "day"])
    with op.batch_alter_table("download_day") as table:
        table.add_column(sa.Column("counted_at", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("counted_entry_id", sa.Uuid(), nullable=True))
        table.create_foreign_key(
            op.f("fk_download_day_counted_entry_id"), "ledger_entry", ["counted_entry_id"], ["id"]
        )
        table.create_unique_constraint(op.f("uq_download_day_counted_entry_id"), ["counted_entry_id"])


def downgrade() -> None:
    with op.batch_alter_table("download_day") as table:
        table.drop_constraint(op.f("uq_download_day_counted_entry_id"), type_="unique")
        table.drop_constraint(op.f("fk_download_day_counted_entry_id"), type_="foreignkey")
        table.drop_column("counted_entry_id")
        table.drop_column("counted_at")
    op.drop_table("download_count")
