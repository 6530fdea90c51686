"""service accounts and their tokens; trust rules and downloads name them

Revision: 0012
Follows: 0011
Made: 2026-11-26 02:30:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "service_account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=True),
        sa.Column("sponsor_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["person.id"], name=op.f("fk_service_account_created_by")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_service_account_organisation_id")
        ),
        sa.ForeignKeyConstraint(["sponsor_id"], ["person.id"], name=op.f("fk_service_account_sponsor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_account")),
    )
    with op.batch_alter_table("service_account", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_service_account_organisation_id"), ["organisation_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_service_account_sponsor_id"), ["sponsor_id"], unique=False)

    with op.batch_alter_table("program_login", schema=None) as batch_op:
        batch_op.add_column(sa.Column("account_id", sa.Uuid(), nullable=True))
        batch_op.create_index(batch_op.f("ix_program_login_account_id"), ["account_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_program_login_account_id"), "service_account", ["account_id"], ["id"]
        )

    op.create_table(
        "service_token",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("scopes", sa.String(length=60), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("login_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["service_account.id"], name=op.f("fk_service_token_account_id")
        ),
        sa.ForeignKeyConstraint(["created_by"], ["person.id"], name=op.f("fk_service_token_created_by")),
        sa.ForeignKeyConstraint(["login_id"], ["program_login.id"], name=op.f("fk_service_token_login_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_token")),
        sa.UniqueConstraint("digest", name=op.f("uq_service_token_digest")),
    )
    with op.batch_alter_table("service_token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_service_token_account_id"), ["account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_service_token_login_id"), ["login_id"], unique=False)

    op.add_column("download_record", sa.Column("account_id", sa.Uuid(), nullable=True))
    op.add_column("download_record", sa.Column("service_token_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("download_record", schema=None) as batch_op:
        batch_op.drop_column("service_token_id")
        batch_op.drop_column("account_id")

    op.drop_table("service_token")
    with op.batch_alter_table("program_login", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_program_login_account_id"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_program_login_account_id"))
        batch_op.drop_column("account_id")

    op.drop_table("service_account")
