"""Insert many rows at once, for what is written often: an acceptance writes to four tables.

Through the query layer each row cost more than its insert did. Here the statement is made once for a table
and its columns, and PostgreSQL gets all rows in one statement, as one array for each column.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import psycopg
from sqlalchemy import Connection, Dialect, Table
from sqlmodel import Session, SQLModel

Bind = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Insert:
    """A statement for some columns of a table, and what turns each value into the driver's."""

    sql: str
    binds: tuple[tuple[str, Bind | None], ...]

    def columns(self, rows: Sequence[Mapping[str, object]]) -> Iterator[list[object]]:
        for name, bind in self.binds:
            yield [row[name] for row in rows] if bind is None else [bind(row[name]) for row in rows]


def insert_many(session: Session, table: type[SQLModel], rows: Sequence[Mapping[str, object]]) -> None:
    """Insert the rows, which all name the same columns; a constraint that one of them breaks raises."""
    if not rows:
        return
    connection = session.connection()
    statement = _prepared(table.metadata.tables[str(table.__tablename__)], tuple(rows[0]), connection.dialect)
    columns = tuple(statement.columns(rows))
    if connection.dialect.name == "postgresql":
        _execute(connection, statement.sql, columns)
    else:
        _execute(connection, statement.sql, list(zip(*columns, strict=True)))


@contextmanager
def in_one_trip(session: Session) -> Iterator[None]:
    """Send what is inserted within to PostgreSQL without waiting for each answer; all have come at the end.

    A constraint that is broken raises at the end, in the driver's own words.
    """
    driver = session.connection().connection.driver_connection
    if isinstance(driver, psycopg.Connection):
        with driver.pipeline():
            yield
    else:
        yield


def _execute(connection: Connection, sql: str, given: Any) -> None:
    connection.exec_driver_sql(sql, given)


@lru_cache(maxsize=64)
def _prepared(table: Table, columns: tuple[str, ...], dialect: Dialect) -> _Insert:
    kinds = [table.c[name].type.dialect_impl(dialect) for name in columns]
    binds = tuple((name, kind.bind_processor(dialect)) for name, kind in zip(columns, kinds, strict=True))
    named = ", ".join(dialect.identifier_preparer.quote(name) for name in columns)
    if dialect.name == "postgresql":
        arrays = ", ".join(f"%b::{kind.compile(dialect)}[]" for kind in kinds)
        return _Insert(f"INSERT INTO {table.name} ({named}) SELECT * FROM unnest({arrays})", binds)  # noqa: S608 - names of our own tables
    marks = ", ".join("?" * len(columns))
    return _Insert(f"INSERT INTO {table.name} ({named}) VALUES ({marks})", binds)  # noqa: S608 - names of our own tables
