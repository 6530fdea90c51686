"""Alembic environment: the application's own tables, on SQLite and PostgreSQL."""

from alembic import context
from sqlalchemy import Connection

from registry.schema import METADATA

connection: Connection | None = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("migrations are run by `gatehouse migrate`, which brings the connection")

context.configure(
    connection=connection,
    target_metadata=METADATA,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    user_module_prefix="",
)
with context.begin_transaction():
    context.run_migrations()
