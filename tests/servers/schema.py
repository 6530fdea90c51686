"""Brings an empty database to the schema that the application expects."""

import importlib
from pathlib import Path

from sqlalchemy import Table as SQLTable
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from registry.kernel.database import Database, Table

ROOT = Path(__file__).resolve().parents[2]


def migrate(url: str) -> None:
    """Apply every migration to the database at `url`."""
    if list((ROOT / "alembic" / "versions").glob("*.py")):
        _upgrade(url)
    else:
        _create_all(url)


def _upgrade(url: str) -> None:
    schema = importlib.import_module("registry.schema")
    database = Database(url)
    schema.migrate(database)
    database.close()


def _create_all(url: str) -> None:
    for file in sorted([*ROOT.glob("registry/*/tables.py"), *ROOT.glob("registry/kernel/*.py")]):
        importlib.import_module(
            ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        )
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    tables = dict(Table.metadata.tables)
    while incomplete := [name for name, table in tables.items() if not _targets(table) <= set(tables)]:
        for name in incomplete:
            del tables[name]
    engine = create_engine(parsed)
    try:
        Table.metadata.create_all(engine, tables=list(tables.values()))
    finally:
        engine.dispose()


def _targets(table: SQLTable) -> set[str]:
    return {key.target_fullname.rpartition(".")[0] for key in table.foreign_keys}
