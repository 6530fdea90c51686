"""groups of identity providers that make members; by what somebody belongs, and who ended it

Revision: 0018
Follows: 0017
Made: 2026-11-26 14:30:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_STANDING = sa.text("ended_at IS NULL")
_OTHER = sa.text("ended_at IS NULL AND group_id IS NULL")
_BY_GROUP = sa.text("ended_at IS NULL AND group_id IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "organisation_group",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.String(length=500), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("entry_id", sa.Uuid(), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_entry_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(confirmed_at IS NULL) = (confirmed_by IS NULL)",
            name=op.f("ck_organisation_group_confirmed_by_somebody"),
        ),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (ended_by IS NULL)", name=op.f("ck_organisation_group_ended_by_somebody")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_organisation_group_organisation_id")
        ),
        sa.ForeignKeyConstraint(["asked_by"], ["person.id"], name=op.f("fk_organisation_group_asked_by")),
        sa.ForeignKeyConstraint(
            ["confirmed_by"], ["person.id"], name=op.f("fk_organisation_group_confirmed_by")
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["ledger_entry.id"], name=op.f("fk_organisation_group_entry_id")
        ),
        sa.ForeignKeyConstraint(["ended_by"], ["person.id"], name=op.f("fk_organisation_group_ended_by")),
        sa.ForeignKeyConstraint(
            ["end_entry_id"], ["ledger_entry.id"], name=op.f("fk_organisation_group_end_entry_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation_group")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_organisation_group_entry_id")),
        sa.UniqueConstraint("end_entry_id", name=op.f("uq_organisation_group_end_entry_id")),
    )
    op.create_index(
        "uq_organisation_group_live",
        "organisation_group",
        ["issuer", "name", "organisation_id"],
        unique=True,
        sqlite_where=_STANDING,
        postgresql_where=_STANDING,
    )
    op.create_index("ix_organisation_group_organisation", "organisation_group", ["organisation_id", "id"])
    with op.batch_alter_table("organisation_member", schema=None) as batch_op:
        batch_op.add_column(sa.Column("source", sa.String(length=10), nullable=False, server_default="named"))
        batch_op.add_column(sa.Column("group_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("identity_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("ended_by", sa.String(length=10), nullable=True))
    # Who was made an officer is named since then, and no longer a member as long as a domain is proved.
    op.execute("UPDATE organisation_member SET domain_id = NULL, until = NULL WHERE is_officer")
    op.execute("UPDATE organisation_member SET source = 'domain' WHERE domain_id IS NOT NULL")
    # Whether members left or were removed was not kept; neither come back by themselves.
    op.execute("UPDATE organisation_member SET ended_by = 'officer' WHERE ended_at IS NOT NULL")
    with op.batch_alter_table("organisation_member", schema=None) as batch_op:
        batch_op.alter_column("source", server_default=None)
        batch_op.create_foreign_key(
            batch_op.f("fk_organisation_member_group_id"), "organisation_group", ["group_id"], ["id"]
        )
        batch_op.create_check_constraint(
            batch_op.f("ck_organisation_member_ended_by_somebody"), "(ended_at IS NULL) = (ended_by IS NULL)"
        )
        batch_op.create_check_constraint(
            batch_op.f("ck_organisation_member_group_of_a_provider"),
            "(source = 'group') = (group_id IS NOT NULL)",
        )
        batch_op.drop_index("uq_organisation_member_live", sqlite_where=_STANDING, postgresql_where=_STANDING)
        batch_op.create_index(
            "uq_organisation_member_live",
            ["organisation_id", "person_id", "source"],
            unique=True,
            sqlite_where=_OTHER,
            postgresql_where=_OTHER,
        )
        batch_op.create_index(
            "uq_organisation_member_group",
            ["group_id", "person_id"],
            unique=True,
            sqlite_where=_BY_GROUP,
            postgresql_where=_BY_GROUP,
        )
        batch_op.create_index("ix_organisation_member_organisation", ["organisation_id", "id"])
        # Of two indexes with one column each that fits, PostgreSQL may take the one that many rows share.
        batch_op.drop_index("ix_organisation_member_person")
        batch_op.create_index("ix_organisation_member_person", ["person_id", "organisation_id"])


def downgrade() -> None:
    # One row a person and organisation: what was by group goes, and a name goes before a domain.
    op.execute("DELETE FROM organisation_member WHERE source = 'group'")
    op.execute(
        "UPDATE organisation_member SET ended_at = since WHERE source = 'domain' AND ended_at IS NULL AND EXISTS ("
        "SELECT 1 FROM organisation_member n WHERE n.organisation_id = organisation_member.organisation_id "
        "AND n.person_id = organisation_member.person_id AND n.source = 'named' AND n.ended_at IS NULL)"
    )
    with op.batch_alter_table("organisation_member", schema=None) as batch_op:
        batch_op.drop_index("ix_organisation_member_person")
        batch_op.create_index("ix_organisation_member_person", ["person_id"])
        batch_op.drop_index("ix_organisation_member_organisation")
        batch_op.drop_index(
            "uq_organisation_member_group", sqlite_where=_BY_GROUP, postgresql_where=_BY_GROUP
        )
        batch_op.drop_index("uq_organisation_member_live", sqlite_where=_OTHER, postgresql_where=_OTHER)
        batch_op.drop_constraint(batch_op.f("ck_organisation_member_group_of_a_provider"), type_="check")
        batch_op.drop_constraint(batch_op.f("ck_organisation_member_ended_by_somebody"), type_="check")
        batch_op.drop_constraint(batch_op.f("fk_organisation_member_group_id"), type_="foreignkey")
        batch_op.drop_column("ended_by")
        batch_op.drop_column("identity_id")
        batch_op.drop_column("group_id")
        batch_op.drop_column("source")
        batch_op.create_index(
            "uq_organisation_member_live",
            ["organisation_id", "person_id"],
            unique=True,
            sqlite_where=_STANDING,
            postgresql_where=_STANDING,
        )
    op.drop_index("ix_organisation_group_organisation", table_name="organisation_group")
    op.drop_index("uq_organisation_group_live", table_name="organisation_group")
    op.drop_table("organisation_group")
