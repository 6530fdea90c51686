"""organisations and their members; acceptances for an organisation

Revision: 0008
Follows: 0007
Made: 2026-11-25 18:35:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "organisation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["person.id"], name=op.f("fk_organisation_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
    )
    op.create_table(
        "organisation_domain",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("domain", sa.String(length=253), nullable=False),
        sa.Column("mailbox", sa.String(length=20), nullable=False),
        sa.Column("secret_digest", sa.String(length=64), nullable=False),
        sa.Column("claimed_by", sa.Uuid(), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["claimed_by"], ["person.id"], name=op.f("fk_organisation_domain_claimed_by")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_organisation_domain_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation_domain")),
        sa.UniqueConstraint("secret_digest", name=op.f("uq_organisation_domain_secret_digest")),
    )
    with op.batch_alter_table("organisation_domain", schema=None) as batch_op:
        batch_op.create_index("ix_organisation_domain_name", ["domain"], unique=False)
        batch_op.create_index("ix_organisation_domain_organisation", ["organisation_id"], unique=False)

    op.create_table(
        "organisation_member",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("is_officer", sa.Boolean(), nullable=False),
        sa.Column("domain_id", sa.Uuid(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["domain_id"], ["organisation_domain.id"], name=op.f("fk_organisation_member_domain_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_organisation_member_organisation_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_organisation_member_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation_member")),
    )
    with op.batch_alter_table("organisation_member", schema=None) as batch_op:
        batch_op.create_index("ix_organisation_member_person", ["person_id"], unique=False)
        batch_op.create_index(
            "uq_organisation_member_live",
            ["organisation_id", "person_id"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    with op.batch_alter_table("acceptance", schema=None) as batch_op:
        batch_op.add_column(sa.Column("organisation_id", sa.Uuid(), nullable=True))
        batch_op.drop_constraint(
            batch_op.f("uq_acceptance_person_id_gate_id_license_version_id_sequence"), type_="unique"
        )
        batch_op.create_index(
            "uq_acceptance_cover",
            ["organisation_id", "gate_id", "license_version_id", "sequence"],
            unique=True,
            sqlite_where=sa.text("organisation_id IS NOT NULL"),
            postgresql_where=sa.text("organisation_id IS NOT NULL"),
        )
        batch_op.create_index(
            "uq_acceptance_own",
            ["person_id", "gate_id", "license_version_id", "sequence"],
            unique=True,
            sqlite_where=sa.text("organisation_id IS NULL"),
            postgresql_where=sa.text("organisation_id IS NULL"),
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_acceptance_organisation_id"), "organisation", ["organisation_id"], ["id"]
        )

    with op.batch_alter_table("withdrawal", schema=None) as batch_op:
        batch_op.add_column(sa.Column("members_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("withdrawal", schema=None) as batch_op:
        batch_op.drop_column("members_until")

    with op.batch_alter_table("acceptance", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_acceptance_organisation_id"), type_="foreignkey")
        batch_op.drop_index(
            "uq_acceptance_own",
            sqlite_where=sa.text("organisation_id IS NULL"),
            postgresql_where=sa.text("organisation_id IS NULL"),
        )
        batch_op.drop_index(
            "uq_acceptance_cover",
            sqlite_where=sa.text("organisation_id IS NOT NULL"),
            postgresql_where=sa.text("organisation_id IS NOT NULL"),
        )
        batch_op.create_unique_constraint(
            batch_op.f("uq_acceptance_person_id_gate_id_license_version_id_sequence"),
            ["person_id", "gate_id", "license_version_id", "sequence"],
        )
        batch_op.drop_column("organisation_id")

    with op.batch_alter_table("organisation_member", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_organisation_member_live",
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )
        batch_op.drop_index("ix_organisation_member_person")

    op.drop_table("organisation_member")
    with op.batch_alter_table("organisation_domain", schema=None) as batch_op:
        batch_op.drop_index("ix_organisation_domain_organisation")
        batch_op.drop_index("ix_organisation_domain_name")

    op.drop_table("organisation_domain")
    op.drop_table("organisation")
