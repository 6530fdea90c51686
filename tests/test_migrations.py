"""Migrations: they make the tables that the code expects, can be undone, and keep every row."""

import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from registry import audit, catalog, schema
from registry.access import lost_models
from registry.kernel import database as kernel_database
from registry.kernel.database import Database
from registry.kernel.outcomes import GatehouseError
from tests.clock import SettableClock
from tests.world import BASE_URL, World

VERSION_TABLE = "alembic_version"
NEXT = "9999"
NEXT_REVISION = '''"""a next revision that rebuilds tables which others point to"""

import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("person", "gate", "acceptance"):
        with op.batch_alter_table(table, recreate="auto" if {postgres} else "always") as batch:
            batch.add_column(sa.Column("remark", sa.String(length=40), nullable=True))


def downgrade() -> None:
    for table in ("person", "gate", "acceptance"):
        with op.batch_alter_table(table) as batch:
            batch.drop_column("remark")
'''
BROKEN_REVISION = '''"""a next revision that fails half-way"""

import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("half", sa.Column("id", sa.Integer(), primary_key=True))
    op.execute("SELECT * FROM nothing_of_that_name")


def downgrade() -> None:
    op.drop_table("half")
'''


REPLACED = {"move_notice": "loss_notice"}
"""Tables whose rows went into another one."""


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without any table."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'gatehouse.db'}")
        yield database
        database.close()
        return
    server = request.getfixturevalue("postgres_url")
    name = f"test_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        database = Database(sa.make_url(server).set(database=name).render_as_string(hide_password=False))
        yield database
        database.close()
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def run(database: Database, deed: Any, *arguments: Any) -> None:
    """Run one of Alembic's commands over the database."""
    config = Config()
    config.set_main_option("script_location", str(schema.migrations_folder()))
    with database.engine.connect() as connection, schema.set_apart(connection):
        config.attributes["connection"] = connection
        deed(config, *arguments)
        connection.commit()


def revisions() -> list[str]:
    """Every revision, oldest first."""
    config = Config()
    config.set_main_option("script_location", str(schema.migrations_folder()))
    return [
        script.revision for script in reversed(list(ScriptDirectory.from_config(config).walk_revisions()))
    ]


def shape(database: Database) -> dict[str, Any]:
    """Tables with their columns, keys, indexes and checks, as the database tells them."""
    with database.engine.connect() as connection:
        look = sa.inspect(connection)
        columns, primary, foreign, unique, indexes, checks = (
            {table: found for (_, table), found in told.items()}
            for told in (
                look.get_multi_columns(),
                look.get_multi_pk_constraint(),
                look.get_multi_foreign_keys(),
                look.get_multi_unique_constraints(),
                look.get_multi_indexes(),
                look.get_multi_check_constraints(),
            )
        )
    return {
        table: {
            "columns": [(one["name"], str(one["type"]), one["nullable"]) for one in columns[table]],
            "primary": primary[table]["constrained_columns"],
            "foreign": sorted(str(sorted(key.items())) for key in foreign[table]),
            "unique": sorted(str(sorted(key["column_names"])) for key in unique[table]),
            "indexes": sorted(
                f"{one['name']} {one['column_names']} {one['unique']}" for one in indexes[table]
            ),
            "checks": sorted(f"{one['name']} {one['sqltext']}" for one in checks[table]),
        }
        for table in columns
        if table != VERSION_TABLE
    }


def rows(database: Database, tables: list[str] | None = None) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the tables."""
    with database.engine.connect() as connection:
        found = sa.MetaData()
        found.reflect(connection)
        return {
            name: sorted(map(tuple, connection.execute(sa.select(table))), key=repr)
            for name, table in found.tables.items()
            if name != VERSION_TABLE and (tables is None or name in tables)
        }


def populate(database: Database, clock: SettableClock) -> World:
    """A publisher, a license, a model and an acceptance in the log."""
    world = World(database=database, clock=clock)
    model = world.gated_model()
    world.accept(world.person(), model)
    world.integrate()
    return world


def test_the_tables_of_the_code_are_those_of_the_migrations(empty: Database) -> None:
    schema.migrate(empty)
    run(empty, command.check)
    assert schema.is_current(empty)
    assert set(shape(empty)) == set(schema.METADATA.tables)


def test_a_table_that_no_migration_makes_is_noticed(empty: Database) -> None:
    schema.migrate(empty)
    with empty.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE download_record")
    with pytest.raises(CommandError, match="download_record"):
        run(empty, command.check)


@pytest.mark.timeout(300)
def test_every_step_can_be_undone_and_done_again(empty: Database) -> None:
    shapes: dict[str, Any] = {}
    for revision in revisions():
        run(empty, command.upgrade, revision)
        shapes[revision] = shape(empty)
    for revision in reversed(revisions()):
        assert shape(empty) == shapes[revision]
        run(empty, command.downgrade, "-1")
    assert shape(empty) == {}
    assert schema.migrate(empty) == revisions()[-1]
    assert shape(empty) == shapes[revisions()[-1]]


def test_an_upgrade_keeps_every_row_of_the_revision_before(empty: Database, clock: SettableClock) -> None:
    schema.migrate(empty)
    populate(empty, clock)
    run(empty, command.downgrade, "-1")
    before = rows(empty)
    schema.migrate(empty)
    after = rows(empty)
    for table, kept in before.items():
        assert len(after[REPLACED.get(table, table)]) == len(kept), table


def test_who_was_told_of_a_move_stays_noted(empty: Database, clock: SettableClock) -> None:
    schema.migrate(empty)
    world = populate(empty, clock)
    owner = world.person("owner@quarry.example")
    world.release(owner, world.read(catalog.find_publisher, name="quarry"), name="second")
    given = {"publisher": "quarry", "name": "quarry-15b", "target": "quarry/second"}
    world.write(catalog.move_model, **given, principal=owner, now=world.now)
    (move,) = rows(empty, ["model_gate_move"])["model_gate_move"]
    world.write(
        lost_models.tell_who_lost,
        task=lost_models.Task(move=UUID(str(move[0]))),
        sealer=world.sealer,
        base_url=BASE_URL,
        now=world.now,
    )
    told = rows(empty, ["loss_notice"])["loss_notice"]
    assert len(told) == 1
    run(empty, command.downgrade, "0020")
    ((move_id, person_id, _),) = rows(empty, ["move_notice"])["move_notice"]
    assert (move_id, person_id) == (move[0], told[0][1])
    schema.migrate(empty)
    assert rows(empty, ["loss_notice"])["loss_notice"] == told


def test_migrating_what_is_newest_changes_nothing(empty: Database, clock: SettableClock) -> None:
    schema.migrate(empty)
    populate(empty, clock)
    before = rows(empty)
    schema.migrate(empty)
    assert rows(empty) == before
    assert copies(empty) == []


def test_a_next_revision_may_rebuild_tables_that_others_point_to(
    empty: Database, clock: SettableClock, next_revision: Any
) -> None:
    schema.migrate(empty)
    world = populate(empty, clock)
    before = rows(empty)
    next_revision(NEXT_REVISION.format(head=revisions()[-1], postgres=empty.dialect == "postgresql"))
    assert not schema.is_current(empty)
    assert schema.migrate(empty) == NEXT
    assert schema.is_current(empty)
    with empty.engine.begin() as connection:
        for table in ("person", "gate", "acceptance"):
            connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN remark")
    assert rows(empty) == before
    assert world.read(audit.find_discrepancies, sealer=world.sealer) == []
    with pytest.raises(sa.exc.IntegrityError), empty.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM person")
    assert len(copies(empty)) == (1 if empty.dialect == "sqlite" else 0)


def test_a_revision_that_fails_leaves_the_database_as_it_was(
    empty: Database, clock: SettableClock, next_revision: Any
) -> None:
    schema.migrate(empty)
    populate(empty, clock)
    before, head = rows(empty), revisions()[-1]
    next_revision(BROKEN_REVISION.format(head=head))
    with pytest.raises((GatehouseError, sa.exc.DBAPIError)):
        schema.migrate(empty)
    assert schema.current_revision(empty) == head
    assert rows(empty) == before


def test_all_steps_are_one_so_that_a_second_process_finds_none_or_all_done(
    empty: Database, next_revision: Any
) -> None:
    first, *_, head = revisions()
    run(empty, command.upgrade, first)
    before = shape(empty)
    next_revision(BROKEN_REVISION.format(head=head))
    with pytest.raises((GatehouseError, sa.exc.DBAPIError)):
        schema.migrate(empty)
    assert schema.current_revision(empty) == first
    assert shape(empty) == before


def test_who_starts_while_another_process_migrates_waits_longer_than_a_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rebuilding tables takes as long as it takes; who comes second must not fail for it."""
    monkeypatch.setattr(kernel_database, "BUSY_TIMEOUT_MS", 10)
    file = tmp_path / "waits.db"
    second = Database(f"sqlite:///{file}")
    first = sqlite3.connect(file, isolation_level=None)
    first.execute("PRAGMA journal_mode=WAL")
    first.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as threads:
        migrating = threads.submit(schema.migrate, second)
        assert wait([migrating], timeout=0.5).not_done, "longer than a request waits"
        first.execute("ROLLBACK")
        assert migrating.result() == revisions()[-1]
    first.close()
    second.close()


def copies(database: Database) -> list[Path]:
    """The files that were copied aside before an upgrade."""
    if database.dialect != "sqlite":
        return []
    file = Path(str(database.engine.url.database))
    return list(file.parent.glob(f"{file.name}.before-*"))


@pytest.fixture
def next_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts one more revision after the newest."""

    def add(text: str) -> None:
        folder = tmp_path / "alembic"
        shutil.copytree(schema.migrations_folder(), folder, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "versions" / "9999_next.py").write_text(text)
        monkeypatch.setattr(schema, "migrations_folder", lambda: folder)

    return add
