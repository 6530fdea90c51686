"""Narrow a query to many ids.

PostgreSQL gets them as one array: as hundreds of parameters, each with a cast, writing and reading the statement
cost several times as much as running it. SQLite has no arrays; there a parameter for each is cheap.
"""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, any_, literal
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Session, col


def is_among(session: Session, column: Any, ids: Collection[UUID]) -> ColumnElement[bool]:
    """Return the condition that `column` is one of `ids`."""
    if session.get_bind().dialect.name == "postgresql":
        found: ColumnElement[bool] = col(column) == any_(literal(list(ids), ARRAY(Uuid())))
        return found
    return col(column).in_(ids)
