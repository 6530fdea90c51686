"""people ask that their data is only stored, and it is

Revision: 0033
Follows: 0032
Made: 2026-11-26 22:20:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

_STATES = ("waiting", "standing", "ending", "taken-back", "refused", "lifted", "erased")
_GROUNDS = ("accuracy", "unlawful", "claims", "objection")


def upgrade() -> None:
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.add_column(sa.Column("restricted_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "restriction",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column(
            "ground",
            sa.Enum(*_GROUNDS, name="ground", native_enum=False, create_constraint=True, length=32),
            nullable=True,
        ),
        sa.Column("sealed_words", sa.LargeBinary(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            sa.Enum(*_STATES, name="restriction_state", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sealed_reason", sa.LargeBinary(), nullable=True),
        sa.Column("entry_id", sa.Uuid(), nullable=True),
        sa.Column("end_entry_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(state IN ('waiting', 'standing', 'ending')) = (ended_at IS NULL)",
            name=op.f("ck_restriction_ended_once"),
        ),
        sa.CheckConstraint(
            "state <> 'ending' OR lifted_from IS NOT NULL", name=op.f("ck_restriction_told_before_it_ends")
        ),
        sa.CheckConstraint(
            "(placed_at IS NULL) = (entry_id IS NULL)", name=op.f("ck_restriction_placed_in_the_log")
        ),
        sa.CheckConstraint(
            "(end_entry_id IS NOT NULL) = (placed_at IS NOT NULL AND ended_at IS NOT NULL)",
            name=op.f("ck_restriction_ended_in_the_log"),
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_restriction_person_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name=op.f("fk_restriction_entry_id")),
        sa.ForeignKeyConstraint(
            ["end_entry_id"], ["ledger_entry.id"], name=op.f("fk_restriction_end_entry_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restriction")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_restriction_entry_id")),
        sa.UniqueConstraint("end_entry_id", name=op.f("uq_restriction_end_entry_id")),
    )
    is_open = sa.text("state IN ('waiting', 'standing', 'ending')")
    ends = sa.text("state = 'ending'")
    op.create_index(
        "uq_restriction_open",
        "restriction",
        ["person_id"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_index("ix_restriction_person", "restriction", ["person_id", "id"])
    op.create_index(
        "ix_restriction_lifted_from", "restriction", ["lifted_from"], sqlite_where=ends, postgresql_where=ends
    )


def downgrade() -> None:
    op.drop_table("restriction")
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.drop_column("restricted_at")
