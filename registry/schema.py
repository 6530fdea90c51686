"""Every table of the registry, for migrations; and the migrations themselves."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData

from registry.acceptances import tables as _acceptances
from registry.access import tables as _access
from registry.catalog import look_tables as _looks
from registry.catalog import tables as _catalog
from registry.delivery import hold_tables as _holds
from registry.delivery import retention_tables as _retention
from registry.delivery import tables as _delivery
from registry.hub_sync import tables as _hub_sync
from registry.identity import oauth_tables as _oauth
from registry.identity import organisation_tables as _organisations
from registry.identity import restriction_tables as _restrictions
from registry.identity import service_account_tables as _service_accounts
from registry.identity import tables as _identity
from registry.kernel import outbox as _outbox
from registry.kernel import sealing as _sealing
from registry.kernel.database import BUSY_TIMEOUT_MS, Database, Table
from registry.kernel.outcomes import GatehouseError
from registry.ledger import tables as _ledger
from registry.licenses import tables as _licenses
from registry.webhooks import tables as _webhooks

MODULES = (
    _acceptances,
    _access,
    _catalog,
    _looks,
    _delivery,
    _holds,
    _retention,
    _hub_sync,
    _identity,
    _oauth,
    _organisations,
    _restrictions,
    _service_accounts,
    _outbox,
    _sealing,
    _ledger,
    _licenses,
    _webhooks,
)
METADATA: MetaData = Table.metadata
MIGRATION_LOCK = 0x6761_7465_6D69_6772
"""Key of the PostgreSQL advisory lock that lets one process migrate at a time; any constant will do."""
MIGRATION_WAIT_MS = 30 * 60 * 1_000
"""How long a process on SQLite waits for another one that migrates."""


def migrations_folder() -> Path:
    """Return the folder with the migrations: the repository's, or the installed package's."""
    here = Path(__file__).resolve().parent
    for folder in (here.parent / "alembic", here / "_bundled" / "alembic"):
        if (folder / "env.py").is_file():
            return folder
    raise FileNotFoundError("no migrations folder beside or inside the package")


def migrate(database: Database) -> str:
    """Bring the database to the newest schema and return its revision.

    All steps are one transaction: where one fails, nothing was done. On SQLite a copy of the file is kept first all the same.
    """
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    newest = str(ScriptDirectory.from_config(config).get_current_head())
    if database.dialect == "sqlite" and current_revision(database) not in {None, newest}:
        _copy_aside(database)
    with database.engine.connect() as connection, set_apart(connection):
        _wait_for_others(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        _require_references(connection)
        connection.commit()
    return newest


def current_revision(database: Database) -> str | None:
    """Return the schema revision the database is at, None if it is empty."""
    return database.read_now(
        lambda session: MigrationContext.configure(session.connection()).get_current_revision()
    )


def is_current(database: Database) -> bool:
    """Whether the database has the newest schema."""
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    return current_revision(database) == ScriptDirectory.from_config(config).get_current_head()


def _wait_for_others(connection: Connection) -> None:
    """Begin the one transaction of all steps when no other process migrates.

    On SQLite any statement begins it, and write transactions exclude each other. Were it begun by the tool only, each
    step would be one of its own, and a process that read the revision before would do the next steps again.
    Rebuilding a large table may take longer than a request ever may.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("SELECT 1")
    else:
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")


@contextmanager
def set_apart(connection: Connection) -> Iterator[None]:
    """Let a SQLite connection wait for another process that migrates, and rebuild tables to which others point.

    SQLite changes most of a table only by a new one. The switch for it does nothing inside a transaction
    (https://sqlite.org/lang_altertable.html §7), so both are set on the bare connection, which has not begun one,
    and back when none is open any more.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment] # by the dialect
    driver.execute("PRAGMA foreign_keys=OFF")
    driver.execute(f"PRAGMA busy_timeout={MIGRATION_WAIT_MS}")
    try:
        yield
    finally:
        connection.rollback()
        driver.execute("PRAGMA foreign_keys=ON")
        driver.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")


def _require_references(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise GatehouseError(f"a migration broke a reference from {broken[0]} to {broken[2]}; it was undone")


def _copy_aside(database: Database) -> None:
    source = database.engine.url.database
    if source and Path(source).is_file():
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        shutil.copy2(source, f"{source}.before-{stamp}")
