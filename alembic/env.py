"""Alembic environment: the application's own tables, on SQLite and PostgreSQL."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from sqlmodel.sql.sqltypes import AutoString

from registry.kernel.database import UTCDateTime
from registry.schema import METADATA


def render_plainly(kind: str, item: Any, _autogen_context: Any) -> str | Literal[False]:
    """Write our own column types as the plain ones they are in the database."""
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String(length={item.length})" if item.length else "sa.String()"
    return False


connection: sa.Connection | None = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("migrations are run by `gatehouse migrate`, which brings the connection")

context.configure(
    connection=connection,
    target_metadata=METADATA,
    render_as_batch=connection.dialect.name == "sqlite",
    render_item=render_plainly,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
