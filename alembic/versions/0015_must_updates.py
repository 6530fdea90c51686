"""releases that are to be given up, and what their holders say

Revision: 0015
Follows: 0014
Made: 2026-11-26 02:55:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "must_update",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("release_id", sa.Uuid(), nullable=False),
        sa.Column("replacement_id", sa.Uuid(), nullable=False),
        sa.Column("update_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("marked_by", sa.Uuid(), nullable=False),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.Column("end_reason", sa.String(length=300), nullable=True),
        sa.Column("end_entry_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_must_update_model_id")),
        sa.ForeignKeyConstraint(["release_id"], ["release.id"], name=op.f("fk_must_update_release_id")),
        sa.ForeignKeyConstraint(
            ["replacement_id"], ["release.id"], name=op.f("fk_must_update_replacement_id")
        ),
        sa.ForeignKeyConstraint(["marked_by"], ["person.id"], name=op.f("fk_must_update_marked_by")),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name=op.f("fk_must_update_entry_id")),
        sa.ForeignKeyConstraint(["ended_by"], ["person.id"], name=op.f("fk_must_update_ended_by")),
        sa.ForeignKeyConstraint(
            ["end_entry_id"], ["ledger_entry.id"], name=op.f("fk_must_update_end_entry_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_must_update")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_must_update_entry_id")),
        sa.UniqueConstraint("end_entry_id", name=op.f("uq_must_update_end_entry_id")),
    )
    op.create_index(
        "ix_must_update_standing",
        "must_update",
        ["model_id", "release_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "update_notice",
        sa.Column("must_update_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("downloaded", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["must_update_id"], ["must_update.id"], name=op.f("fk_update_notice_must_update_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_update_notice_person_id")),
        sa.PrimaryKeyConstraint("must_update_id", "person_id", name=op.f("pk_update_notice")),
    )
    op.create_index("ix_update_notice_person", "update_notice", ["person_id", "must_update_id"], unique=False)
    op.create_table(
        "update_answer",
        sa.Column("must_update_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "acknowledged",
                "confirmed_deleted",
                name="update_answered",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["must_update_id"], ["must_update.id"], name=op.f("fk_update_answer_must_update_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_update_answer_person_id")),
        sa.PrimaryKeyConstraint("must_update_id", "person_id", "state", name=op.f("pk_update_answer")),
    )


def downgrade() -> None:
    op.drop_table("update_answer")
    op.drop_index("ix_update_notice_person", table_name="update_notice")
    op.drop_table("update_notice")
    op.drop_index("ix_must_update_standing", table_name="must_update")
    op.drop_table("must_update")
