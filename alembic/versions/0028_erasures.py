"""people ask to be erased, and are

Revision: 0028
Follows: 0027
Made: 2026-11-26 19:10:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_STATES = ("waiting", "taken-back", "refused", "done")


def upgrade() -> None:
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.add_column(sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "erasure",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("by_operator", sa.Boolean(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            sa.Enum(*_STATES, name="erasure_state", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sealed_reason", sa.LargeBinary(), nullable=True),
        sa.Column("entry_id", sa.Uuid(), nullable=True),
        sa.Column("swept_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'waiting') = (decided_at IS NULL)", name=op.f("ck_erasure_decided_once")
        ),
        sa.CheckConstraint(
            "(state = 'done') = (entry_id IS NOT NULL)", name=op.f("ck_erasure_done_in_the_log")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_erasure_person_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name=op.f("fk_erasure_entry_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_erasure_entry_id")),
    )
    waiting = sa.text("state = 'waiting'")
    done = sa.text("state = 'done' AND swept_at IS NULL")
    op.create_index(
        "uq_erasure_open",
        "erasure",
        ["person_id"],
        unique=True,
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.create_index("ix_erasure_person", "erasure", ["person_id", "id"])
    op.create_index("ix_erasure_due", "erasure", ["due_at"], sqlite_where=waiting, postgresql_where=waiting)
    op.create_index("ix_erasure_swept", "erasure", ["decided_at"], sqlite_where=done, postgresql_where=done)


def downgrade() -> None:
    op.drop_table("erasure")
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.drop_column("erased_at")
