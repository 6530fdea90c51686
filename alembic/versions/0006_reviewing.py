"""how gates review, drafts of requests, texts for answers, digests of notices, refused addresses

Revision: 0006
Follows: 0005
Made: 2026-11-25 18:20:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("access_request", sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("access_request", sa.Column("sealed_draft", sa.LargeBinary(), nullable=True))
    # What was sent before is known by its steps.
    op.execute(
        "UPDATE access_request SET sent_at = (SELECT max(s.at) FROM request_step s "
        "WHERE s.request_id = access_request.id AND s.event IN ('submit', 'resubmit'))"
    )
    op.add_column("gate_revision", sa.Column("review", sa.LargeBinary(), nullable=True))
    op.create_table(
        "answer_template",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("publisher_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("text", sa.String(length=2000), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["publisher_id"], ["publisher.id"], name=op.f("fk_answer_template_publisher_id")
        ),
        sa.ForeignKeyConstraint(["created_by"], ["person.id"], name=op.f("fk_answer_template_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_answer_template")),
        sa.UniqueConstraint("publisher_id", "title", name=op.f("uq_answer_template_publisher_id_title")),
    )
    op.add_column("person", sa.Column("mail_refused_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("person", sa.Column("digest_sent_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "notice", sa.Column("awaits_digest", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    for name, condition in (("ix_notice_unread", "read_at IS NULL"), ("ix_notice_digest", "awaits_digest")):
        op.create_index(
            name,
            "notice",
            ["person_id", "id"],
            unique=False,
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )


def downgrade() -> None:
    op.drop_index("ix_notice_digest", table_name="notice")
    op.drop_index("ix_notice_unread", table_name="notice")
    op.drop_column("notice", "awaits_digest")
    op.drop_column("person", "digest_sent_at")
    op.drop_column("person", "mail_refused_at")
    op.drop_table("answer_template")
    op.drop_column("gate_revision", "review")
    op.drop_column("access_request", "sealed_draft")
    op.drop_column("access_request", "sent_at")
