"""reports of who accepted elsewhere, as they were sent, until they are confirmed and imported

Revision: 0032
Follows: 0031
Made: 2026-11-26 23:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "import_report",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("sent_by", sa.Uuid(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("preview", sa.String(), nullable=True),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("invite", sa.Boolean(), nullable=False),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("known", sa.Integer(), nullable=False),
        sa.Column("forgotten", sa.Integer(), nullable=False),
        sa.Column("linked", sa.Integer(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["confirmed_by"], ["person.id"], name=op.f("fk_import_report_confirmed_by")),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_import_report_model_id")),
        sa.ForeignKeyConstraint(["sent_by"], ["person.id"], name=op.f("fk_import_report_sent_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_report")),
    )
    op.create_index("ix_import_report_model", "import_report", ["model_id", "id"])
    unfinished = sa.text("finished_at IS NULL")
    op.create_index(
        "ix_import_report_open",
        "import_report",
        ["id"],
        sqlite_where=unfinished,
        postgresql_where=unfinished,
    )
    op.create_table(
        "import_report_part",
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sealed_rows", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["report_id"], ["import_report.id"], name=op.f("fk_import_report_part_report_id")
        ),
        sa.PrimaryKeyConstraint("report_id", "number", name=op.f("pk_import_report_part")),
    )


def downgrade() -> None:
    op.drop_table("import_report_part")
    op.drop_index("ix_import_report_open", table_name="import_report")
    op.drop_index("ix_import_report_model", table_name="import_report")
    op.drop_table("import_report")
