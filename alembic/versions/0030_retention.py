"""what is kept about people goes when its time is over

Revision: 0030
Follows: 0029
Made: 2026-11-26 19:40:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "retention_mark",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("settled_to", sa.Uuid(), nullable=True),
        sa.Column("spared_from", sa.Uuid(), nullable=True),
        sa.Column("holds", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_retention_mark")),
    )
    op.add_column(
        "acceptance", sa.Column("connection_forgotten_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column("acceptance", sa.Column("details_forgotten_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "access_request", sa.Column("words_forgotten_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_index(
        "ix_access_request_words",
        "access_request",
        ["state_since"],
        sqlite_where=sa.text("words_forgotten_at IS NULL"),
        postgresql_where=sa.text("words_forgotten_at IS NULL"),
    )
    op.create_index("ix_withdrawal_withdrawn_at", "withdrawal", ["withdrawn_at"])
    op.create_index("ix_web_session_expires_at", "web_session", ["expires_at"])
    op.create_index(
        "ix_program_login_network",
        "program_login",
        ["created_at"],
        sqlite_where=sa.text("sealed_network IS NOT NULL"),
        postgresql_where=sa.text("sealed_network IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_program_login_network", table_name="program_login")
    op.drop_index("ix_web_session_expires_at", table_name="web_session")
    op.drop_index("ix_withdrawal_withdrawn_at", table_name="withdrawal")
    op.drop_index("ix_access_request_words", table_name="access_request")
    op.drop_column("access_request", "words_forgotten_at")
    op.drop_column("acceptance", "details_forgotten_at")
    op.drop_column("acceptance", "connection_forgotten_at")
    op.drop_table("retention_mark")
