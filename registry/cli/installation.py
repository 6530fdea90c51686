"""The database of this installation, for operators' commands that work on it directly."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from sqlmodel import Session

from registry.kernel.clock import SystemClock
from registry.kernel.database import Database
from registry.kernel.sealing import Sealer
from registry.settings import load_settings

T = TypeVar("T")


def write_to_database(work: Callable[[Session, Sealer, datetime], T]) -> T:
    """Run `work` in one transaction of the database that the settings name; its commit is durable.

    Raises:
        GatehouseError: a setting is missing, or the database cannot be reached.
    """
    settings = load_settings()
    sealer = Sealer(*settings.master_secrets())
    now = SystemClock().now()
    database = Database(settings.resolved_database_url())
    try:
        return database.write_now(lambda session: work(session, sealer, now))
    finally:
        database.close()
