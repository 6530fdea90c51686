"""a second person's word on the change class of a license version

Revision: 0019
Follows: 0018
Made: 2026-11-26 14:40:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_SECOND = "ck_license_version_second_person_of_class"
_ONE_TEXT = "uq_license_version_license_id_sha256"


def upgrade() -> None:
    # Versions that are there say false: they were published before two persons were asked for.
    with op.batch_alter_table("license_version") as batch:
        batch.add_column(sa.Column("asks_second", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch.create_check_constraint(
            batch.f(_SECOND), "NOT asks_second OR (series < ordinal AND published_by IS NOT NULL)"
        )
        # A text to whose class somebody objected may be published again with another one.
        batch.drop_constraint(batch.f(_ONE_TEXT), type_="unique")
    op.create_table(
        "license_verdict",
        sa.Column("license_version_id", sa.Uuid(), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(
                "confirmed", "objected", name="outcome", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("compared_with", sa.Uuid(), nullable=False),
        sa.Column("given_by", sa.Uuid(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=True),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(outcome = 'objected') = (reason IS NOT NULL)",
            name=op.f("ck_license_verdict_objection_has_reason"),
        ),
        sa.CheckConstraint(
            "license_version_id <> compared_with", name=op.f("ck_license_verdict_compared_with_another")
        ),
        sa.ForeignKeyConstraint(
            ["license_version_id"], ["license_version.id"], name=op.f("fk_license_verdict_license_version_id")
        ),
        sa.ForeignKeyConstraint(
            ["compared_with"], ["license_version.id"], name=op.f("fk_license_verdict_compared_with")
        ),
        sa.ForeignKeyConstraint(["given_by"], ["person.id"], name=op.f("fk_license_verdict_given_by")),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name=op.f("fk_license_verdict_entry_id")),
        sa.PrimaryKeyConstraint("license_version_id", name=op.f("pk_license_verdict")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_license_verdict_entry_id")),
    )


def downgrade() -> None:
    op.drop_table("license_verdict")
    with op.batch_alter_table("license_version") as batch:
        batch.create_unique_constraint(batch.f(_ONE_TEXT), ["license_id", "sha256"])
        batch.drop_constraint(batch.f(_SECOND), type_="check")
        batch.drop_column("asks_second")
