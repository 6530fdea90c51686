"""Bare statements on the driver connection, for the hot path: one SQL text for both databases.

Statements are written with `:name` parameters. On PostgreSQL many executions of one statement travel in
one pipeline (a single wait for the network), on SQLite they are called one after the other.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

_PARAMETER = re.compile(r":([a-z_][a-z0-9_]*)")

Parameters = Mapping[str, object]
Rows = Sequence[tuple[Any, ...]]


class Statements(Protocol):
    """Runs statements of one dialect; converts ids and moments to what the driver takes, and back."""

    def fetch_many(self, connection: Any, sql: str, given: Sequence[Parameters]) -> Sequence[Rows]:
        """Return the rows of each execution of `sql`."""
        ...

    def execute_many(self, connection: Any, sql: str, given: Sequence[Parameters]) -> None:
        """Execute `sql` once for each set of parameters."""
        ...

    def bind_id(self, value: UUID | None) -> object:
        """Return an id as the driver takes it."""
        ...

    def bind_moment(self, value: datetime) -> object:
        """Return a moment as the driver takes it."""
        ...

    def read_id(self, value: Any) -> UUID:
        """Return an id that the driver gave."""
        ...

    def read_moment(self, value: Any) -> datetime:
        """Return a moment that the driver gave."""
        ...


def statements_for(dialect: str) -> Statements:
    """Return the statements of the database in use."""
    return _SQLiteStatements() if dialect == "sqlite" else _PostgreSQLStatements()


class _SQLiteStatements:
    """SQLite through the standard library's driver."""

    def fetch_many(self, connection: Any, sql: str, given: Sequence[Parameters]) -> Sequence[Rows]:
        return [connection.execute(sql, item).fetchall() for item in given]

    def execute_many(self, connection: Any, sql: str, given: Sequence[Parameters]) -> None:
        connection.executemany(sql, given)

    def bind_id(self, value: UUID | None) -> object:
        return None if value is None else value.hex

    def bind_moment(self, value: datetime) -> object:
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")

    def read_id(self, value: Any) -> UUID:
        return UUID(hex=value)

    def read_moment(self, value: Any) -> datetime:
        return datetime.fromisoformat(value).replace(tzinfo=UTC)


class _PostgreSQLStatements:
    """PostgreSQL through psycopg 3."""

    def __init__(self) -> None:
        self._translated: dict[str, str] = {}

    def fetch_many(self, connection: Any, sql: str, given: Sequence[Parameters]) -> Sequence[Rows]:
        text = self._translate(sql)
        if len(given) == 1:
            return [connection.execute(text, given[0], prepare=True).fetchall()]
        with connection.pipeline():
            cursors = [connection.execute(text, item, prepare=True) for item in given]
        return [cursor.fetchall() for cursor in cursors]

    def execute_many(self, connection: Any, sql: str, given: Sequence[Parameters]) -> None:
        with connection.cursor() as cursor:
            cursor.executemany(self._translate(sql), given)

    def bind_id(self, value: UUID | None) -> object:
        return value

    def bind_moment(self, value: datetime) -> object:
        return value

    def read_id(self, value: Any) -> UUID:
        return value  # type: ignore[no-any-return] # psycopg gives UUID for uuid columns

    def read_moment(self, value: Any) -> datetime:
        return value.astimezone(UTC)  # type: ignore[no-any-return] # psycopg gives datetime for timestamptz columns

    def _translate(self, sql: str) -> str:
        text = self._translated.get(sql)
        if text is None:
            text = self._translated[sql] = _PARAMETER.sub(r"%(\1)s", sql.replace("%", "%%"))
        return text
