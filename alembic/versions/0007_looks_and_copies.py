"""looks at people's data, what became of receipts, further acceptances of download records

Revision: 0007
Follows: 0006
Made: 2026-11-25 18:25:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "look",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("publisher_id", sa.Uuid(), nullable=False),
        sa.Column("looker_id", sa.Uuid(), nullable=False),
        sa.Column("token_id", sa.Uuid(), nullable=True),
        sa.Column("what", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("export", sa.Boolean(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["looker_id"], ["person.id"], name=op.f("fk_look_looker_id")),
        sa.ForeignKeyConstraint(["publisher_id"], ["publisher.id"], name=op.f("fk_look_publisher_id")),
        sa.ForeignKeyConstraint(["subject_id"], ["person.id"], name=op.f("fk_look_subject_id")),
        sa.ForeignKeyConstraint(["token_id"], ["access_token.id"], name=op.f("fk_look_token_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_look")),
    )
    op.create_index("ix_look_publisher", "look", ["publisher_id", "id"], unique=False)
    op.create_index("ix_look_looker", "look", ["looker_id", "publisher_id", "looked_at"], unique=False)
    op.create_index("ix_look_subject", "look", ["subject_id", "id"], unique=False)
    op.create_table(
        "receipt_copy",
        sa.Column("acceptance_id", sa.Uuid(), nullable=False),
        sa.Column("event", sa.String(length=16), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["acceptance_id"], ["acceptance.id"], name=op.f("fk_receipt_copy_acceptance_id")
        ),
        sa.PrimaryKeyConstraint("acceptance_id", "event", name=op.f("pk_receipt_copy")),
    )
    op.create_table(
        "download_record_acceptance",
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("acceptance_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["acceptance_id"], ["acceptance.id"], name=op.f("fk_download_record_acceptance_acceptance_id")
        ),
        sa.PrimaryKeyConstraint("record_id", "position", name=op.f("pk_download_record_acceptance")),
    )
    op.create_index(
        "ix_download_record_acceptance_acceptance",
        "download_record_acceptance",
        ["acceptance_id", "record_id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_table("download_record_acceptance")
    op.drop_table("receipt_copy")
    op.drop_table("look")
