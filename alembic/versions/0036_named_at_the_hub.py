"""which repository of the Hub follows a model, and who lets their account be named there

Revision: 0036
Follows: 0035
Made: 2026-11-27 06:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

STANDS = sa.text("ended_at IS NULL")
OPEN = sa.text("done_at IS NULL")


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.add_column(
        "model", sa.Column("hub_repository", sa.String(length=96), server_default="", nullable=False)
    )
    op.create_table(
        "hub_disclosure",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("repository", sa.String(length=96), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("agreed_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("done_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_hub_disclosure_person_id")),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_hub_disclosure_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hub_disclosure")),
    )
    op.create_index(
        "uq_hub_disclosure_standing",
        "hub_disclosure",
        ["person_id", "model_id"],
        unique=True,
        sqlite_where=STANDS,
        postgresql_where=STANDS,
    )
    op.create_index(
        "ix_hub_disclosure_open",
        "hub_disclosure",
        ["model_id", "repository"],
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    # Mirrors that are kept since before.
    op.execute(
        sa.text(
            "UPDATE model SET hub_repository = (SELECT repository FROM hub_mirror WHERE hub_mirror.model_id = model.id"
            " AND ended_at IS NULL AND kept_since IS NOT NULL)"
            " WHERE EXISTS (SELECT 1 FROM hub_mirror WHERE hub_mirror.model_id = model.id"
            " AND ended_at IS NULL AND kept_since IS NOT NULL)"
        )
    )


def downgrade() -> None:
    op.drop_table("hub_disclosure")
    op.drop_column("model", "hub_repository")
