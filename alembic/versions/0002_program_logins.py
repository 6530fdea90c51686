"""program logins: the authorization server

Revision: 0002
Follows: 0001
Made: 2026-11-25 17:55:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "program_login",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "device",
                "browser",
                "ci",
                name="login_kind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("client_id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("scopes", sa.String(length=60), nullable=False),
        sa.Column("sealed_network", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_program_login_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_program_login")),
    )
    op.create_index(op.f("ix_program_login_person_id"), "program_login", ["person_id"])
    op.create_table(
        "refresh_token",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("login_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["login_id"], ["program_login.id"], name=op.f("fk_refresh_token_login_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_refresh_token")),
    )
    op.create_index(op.f("ix_refresh_token_login_id"), "refresh_token", ["login_id"])
    op.create_index(op.f("ix_refresh_token_expires_at"), "refresh_token", ["expires_at"])
    op.create_table(
        "device_authorization",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("user_code_index", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.String(length=100), nullable=False),
        sa.Column("scopes", sa.String(length=60), nullable=False),
        sa.Column("program", sa.String(length=200), nullable=False),
        sa.Column("network_index", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_network", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved", sa.Boolean(), nullable=True),
        sa.Column("consumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(decided_at IS NULL) = (person_id IS NULL)",
            name=op.f("ck_device_authorization_decided_by_a_person"),
        ),
        sa.CheckConstraint(
            "(decided_at IS NULL) = (approved IS NULL)", name=op.f("ck_device_authorization_decided_one_way")
        ),
        sa.CheckConstraint(
            "consumed_at IS NULL OR approved", name=op.f("ck_device_authorization_consumed_when_approved")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_device_authorization_person_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_device_authorization")),
        sa.UniqueConstraint("user_code_index", name=op.f("uq_device_authorization_user_code_index")),
    )
    op.create_index(op.f("ix_device_authorization_expires_at"), "device_authorization", ["expires_at"])
    op.create_index(
        "ix_device_authorization_network", "device_authorization", ["network_index", "created_at"]
    )
    op.create_table(
        "user_code_miss",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("network_index", sa.LargeBinary(), nullable=False),
        sa.Column("missed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_user_code_miss_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_code_miss")),
    )
    op.create_index("ix_user_code_miss_person", "user_code_miss", ["person_id", "missed_at"])
    op.create_index("ix_user_code_miss_network", "user_code_miss", ["network_index", "missed_at"])
    op.create_table(
        "authorization_code",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=100), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("redirect_uri", sa.String(length=300), nullable=False),
        sa.Column("scopes", sa.String(length=60), nullable=False),
        sa.Column("code_challenge", sa.String(length=128), nullable=False),
        sa.Column("sealed_network", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("login_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_authorization_code_person_id")),
        sa.ForeignKeyConstraint(
            ["login_id"], ["program_login.id"], name=op.f("fk_authorization_code_login_id")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_authorization_code")),
    )
    op.create_index(op.f("ix_authorization_code_expires_at"), "authorization_code", ["expires_at"])
    op.create_table(
        "trust_rule",
        sa.Column("login_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.String(length=300), nullable=False),
        sa.Column("repository", sa.String(length=300), nullable=False),
        sa.Column("ref", sa.String(length=300), nullable=False),
        sa.Column("repository_id", sa.String(length=64), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["login_id"], ["program_login.id"], name=op.f("fk_trust_rule_login_id")),
        sa.PrimaryKeyConstraint("login_id", name=op.f("pk_trust_rule")),
    )
    op.create_index("ix_trust_rule_job", "trust_rule", ["issuer", "repository"])
    op.create_table(
        "seen_assertion",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_seen_assertion")),
    )
    op.create_index(op.f("ix_seen_assertion_expires_at"), "seen_assertion", ["expires_at"])
    # Added in place: download records refer to these rows, so SQLite must not copy the table.
    op.add_column(
        "access_token",
        sa.Column(
            "login_id",
            sa.Uuid(),
            sa.ForeignKey("program_login.id", name="fk_access_token_login_id"),
            nullable=True,
        ),
        inline_references=True,
    )
    op.create_index(op.f("ix_access_token_login_id"), "access_token", ["login_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_access_token_login_id"), table_name="access_token")
    with op.batch_alter_table("access_token") as batch_op:
        batch_op.drop_column("login_id")
    for table in (
        "seen_assertion",
        "trust_rule",
        "authorization_code",
        "user_code_miss",
        "device_authorization",
        "refresh_token",
        "program_login",
    ):
        op.drop_table(table)
