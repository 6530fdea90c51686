"""Ways to sign in: accounts at providers, passkeys, and how a session was opened."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("person") as batch:
        batch.add_column(sa.Column("asks_passkey", sa.Boolean(), server_default=sa.false(), nullable=False))
    with op.batch_alter_table("email_link") as batch:
        batch.add_column(sa.Column("person_id", sa.Uuid(), nullable=True))
        batch.create_foreign_key(batch.f("fk_email_link_person_id"), "person", ["person_id"], ["id"])
    with op.batch_alter_table("web_session") as batch:
        batch.add_column(sa.Column("provider", sa.String(length=300), nullable=True))
        batch.add_column(sa.Column("amr", sa.String(length=200), server_default="", nullable=False))
        batch.add_column(sa.Column("acr", sa.String(length=200), nullable=True))
        batch.add_column(sa.Column("authenticated_at", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("time_stated", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch.add_column(
            sa.Column("waits_for_passkey", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
    op.create_table(
        "external_identity",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.String(length=300), nullable=False),
        sa.Column("subject_index", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_account", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_external_identity_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_external_identity")),
        sa.UniqueConstraint("subject_index", name=op.f("uq_external_identity_subject_index")),
    )
    op.create_index(op.f("ix_external_identity_person_id"), "external_identity", ["person_id"])
    op.create_table(
        "provider_visit",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("provider_id", sa.String(length=32), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("browser_digest", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("session_digest", sa.String(length=64), nullable=True),
        sa.Column("network_index", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_secrets", sa.LargeBinary(), nullable=False),
        sa.Column("next_path", sa.String(length=500), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_provider_visit_person_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_provider_visit")),
    )
    op.create_index(op.f("ix_provider_visit_network_index"), "provider_visit", ["network_index"])
    op.create_index(op.f("ix_provider_visit_expires_at"), "provider_visit", ["expires_at"])
    op.create_table(
        "passkey",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("credential", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("backed_up", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_passkey_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkey")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkey_credential_id")),
    )
    op.create_index(op.f("ix_passkey_person_id"), "passkey", ["person_id"])
    op.create_table(
        "spent_challenge",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_spent_challenge")),
    )
    op.create_index(op.f("ix_spent_challenge_expires_at"), "spent_challenge", ["expires_at"])


def downgrade() -> None:
    op.drop_table("spent_challenge")
    op.drop_table("passkey")
    op.drop_table("provider_visit")
    op.drop_table("external_identity")
    with op.batch_alter_table("web_session") as batch:
        for name in ("waits_for_passkey", "time_stated", "authenticated_at", "acr", "amr", "provider"):
            batch.drop_column(name)
    with op.batch_alter_table("email_link") as batch:
        batch.drop_constraint(batch.f("fk_email_link_person_id"), type_="foreignkey")
        batch.drop_column("person_id")
    with op.batch_alter_table("person") as batch:
        batch.drop_column("asks_passkey")
