"""The installation that an operator's command works on: it must be there; nothing is made on the way."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from sqlalchemy.engine import make_url
from sqlmodel import Session

from registry.kernel.clock import SystemClock
from registry.kernel.database import Database
from registry.kernel.outcomes import GatehouseError
from registry.kernel.sealing import Sealer
from registry.schema import is_current
from registry.sealers import make_sealer
from registry.settings import Settings, load_settings

T = TypeVar("T")

MIGRATE = "the database needs migrations; run `gatehouse migrate` first"


@contextmanager
def opened() -> Iterator[tuple[Database, Sealer]]:
    """Give the database and the sealer of the installation that the settings name, and close it afterwards.

    Raises:
        GatehouseError: there is none, or its schema is not the newest; the text says what to set or run.
    """
    settings = load_settings()
    require_files(settings)
    sealer = make_sealer(settings)
    database = Database(settings.resolved_database_url())
    try:
        if not is_current(database):
            raise GatehouseError(MIGRATE)
        yield database, sealer
    finally:
        database.close()


def write_to_database(work: Callable[[Session, Sealer, datetime], T]) -> T:
    """Run `work` in one transaction of the installation's database; its commit is durable.

    Raises:
        GatehouseError: there is no such installation, or its database cannot be reached.
    """
    with opened() as (database, sealer):
        now = SystemClock().now()
        return database.write_now(lambda session: work(session, sealer, now))


def require_files(settings: Settings) -> None:
    """Return if the files of the embedded default are there; opening them would make new ones.

    Raises:
        GatehouseError: there is no database, or no master key to it.
    """
    if not settings.embedded_database:
        return
    folder = settings.data_dir.absolute()
    file = Path(make_url(settings.resolved_database_url()).database or "")
    if not _holds_a_schema(file):
        if settings.database_url:
            raise GatehouseError(f"no installation in {file}; set GATEHOUSE_DATABASE_URL")
        raise GatehouseError(f"no installation in {folder}; set GATEHOUSE_DATA_DIR")
    if not settings.master_key and not settings.master_key_file.is_file():
        raise GatehouseError(
            f"no master key in {folder}; set GATEHOUSE_DATA_DIR or GATEHOUSE_MASTER_KEY, "
            "or restore master.key from a backup"
        )


def _holds_a_schema(file: Path) -> bool:
    """Whether `file` is a database that migrations were applied to; it is opened for reading only."""
    if not file.is_file():
        return False
    # A reader of a WAL database makes files beside it, unless it may take the file for unchanging. Without a
    # journal beside it, the file holds everything.
    unchanging = "" if file.with_name(f"{file.name}-wal").exists() else "&immutable=1"
    try:
        address = f"file:{quote(str(file))}?mode=ro{unchanging}"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            return connection.execute("SELECT version_num FROM alembic_version").fetchone() is not None
    except sqlite3.DatabaseError:
        return False
