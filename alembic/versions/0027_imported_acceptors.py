"""who accepted elsewhere is imported from a report, labelled as weak evidence

Revision: 0027
Follows: 0026
Made: 2026-11-26 19:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

INVITE = "invite_asked_at IS NOT NULL AND invited_at IS NULL AND opted_out_at IS NULL"


def upgrade() -> None:
    op.create_table(
        "imported_acceptor",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("gate_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("stated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("imported_by", sa.Uuid(), nullable=False),
        sa.Column("statement", sa.String(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_imported_acceptor_model_id")),
        sa.ForeignKeyConstraint(["gate_id"], ["gate.id"], name=op.f("fk_imported_acceptor_gate_id")),
        sa.ForeignKeyConstraint(
            ["imported_by"], ["person.id"], name=op.f("fk_imported_acceptor_imported_by")
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["ledger_entry.id"], name=op.f("fk_imported_acceptor_entry_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imported_acceptor")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_imported_acceptor_entry_id")),
    )
    op.create_index("ix_imported_acceptor_model", "imported_acceptor", ["model_id", "id"])
    op.create_index("ix_imported_acceptor_gate", "imported_acceptor", ["gate_id"])
    op.create_table(
        "import_contact",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("email_index", sa.LargeBinary(), nullable=True),
        sa.Column("account_index", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_disclosures", sa.LargeBinary(), nullable=False),
        sa.Column("invite_asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("invited_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("link_digest", sa.String(length=64), nullable=True),
        sa.Column("opted_out_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imported_acceptor.id"], name=op.f("fk_import_contact_import_id")
        ),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_import_contact_model_id")),
        sa.PrimaryKeyConstraint("import_id", name=op.f("pk_import_contact")),
        sa.UniqueConstraint("model_id", "email_index", name=op.f("uq_import_contact_model_id_email_index")),
        sa.UniqueConstraint(
            "model_id", "account_index", name=op.f("uq_import_contact_model_id_account_index")
        ),
        sa.UniqueConstraint("link_digest", name=op.f("uq_import_contact_link_digest")),
    )
    op.create_index("ix_import_contact_email", "import_contact", ["email_index"])
    op.create_index(
        "ix_import_contact_invite",
        "import_contact",
        ["import_id"],
        sqlite_where=sa.text(INVITE),
        postgresql_where=sa.text(INVITE),
    )
    op.create_table(
        "import_event",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("event", sa.String(length=16), nullable=False),
        sa.Column("acceptance_id", sa.Uuid(), nullable=True),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imported_acceptor.id"], name=op.f("fk_import_event_import_id")
        ),
        sa.ForeignKeyConstraint(
            ["acceptance_id"], ["acceptance.id"], name=op.f("fk_import_event_acceptance_id")
        ),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name=op.f("fk_import_event_entry_id")),
        sa.PrimaryKeyConstraint("import_id", "event", name=op.f("pk_import_event")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_import_event_entry_id")),
    )
    op.create_index(op.f("ix_import_event_acceptance_id"), "import_event", ["acceptance_id"])
    op.create_table(
        "forgotten_import",
        sa.Column("contact_index", sa.LargeBinary(), nullable=False),
        sa.Column("forgotten_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("contact_index", name=op.f("pk_forgotten_import")),
    )


def downgrade() -> None:
    op.drop_table("forgotten_import")
    op.drop_index(op.f("ix_import_event_acceptance_id"), table_name="import_event")
    op.drop_table("import_event")
    op.drop_index("ix_import_contact_invite", table_name="import_contact")
    op.drop_index("ix_import_contact_email", table_name="import_contact")
    op.drop_table("import_contact")
    op.drop_index("ix_imported_acceptor_gate", table_name="imported_acceptor")
    op.drop_index("ix_imported_acceptor_model", table_name="imported_acceptor")
    op.drop_table("imported_acceptor")
