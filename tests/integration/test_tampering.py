"""P6: whoever edits the database behind our back is found, and the row is named."""

import sqlite3
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from registry import audit
from registry.acceptances import fsck as acceptances_fsck
from registry.kernel.database import Database
from tests.clock import SettableClock
from tests.world import World

OTHER = "01a20000000070008000000000000001"


@pytest.fixture
def world(database: Database, clock: SettableClock) -> World:
    """A register with an acceptance, a withdrawn one, and a log that is published."""
    world = World(database=database, clock=clock)
    model = world.gated_model()
    world.accept(world.person(), model)
    leaver = world.person("leaver@nordlab.example")
    world.withdraw(leaver, world.accept(leaver, model).id)
    world.integrate()
    assert world.read(audit.find_discrepancies, sealer=world.sealer) == []
    return world


UNCHECK = """
DO $$ DECLARE c record; BEGIN
  FOR c IN SELECT conname FROM pg_constraint
            WHERE contype = 'c' AND conrelid = 'license_version'::regclass LOOP
    EXECUTE 'ALTER TABLE license_version DROP CONSTRAINT ' || quote_ident(c.conname);
  END LOOP; END $$
"""


def tamper(world: World, statement: str) -> None:
    """Run SQL as somebody with full access to the database would, past every constraint."""
    url = world.database.engine.url
    if world.database.dialect == "sqlite":
        connection = sqlite3.connect(str(url.database), isolation_level=None)
        connection.execute("PRAGMA ignore_check_constraints=ON")
        connection.execute(statement)
        connection.close()
        return
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as server:
        server.execute("SET session_replication_role=replica")
        server.execute(UNCHECK)
        server.execute(statement)


def found(world: World) -> list[tuple[str, str]]:
    discrepancies = world.read(audit.find_discrepancies, sealer=world.sealer)
    return [(item.table, item.row_id.replace("-", "")) for item in discrepancies]


def id_of(world: World, table: str, column: str = "id", where: str = "1=1") -> str:
    row = world.read(
        lambda session: (
            session.connection()
            .execute(text(f"SELECT {column} FROM {table} WHERE {where} ORDER BY {column} LIMIT 1"))
            .scalar_one()
        )
    )
    return str(row).replace("-", "")


def quoted(world: World, identifier: str) -> str:
    if world.database.dialect == "sqlite":
        return f"'{identifier}'"
    return f"'{identifier}'::uuid"


Edit = Callable[[World], str]
COLUMNS: dict[str, Edit] = {
    "person_id": lambda world: quoted(world, OTHER),
    "gate_id": lambda world: quoted(world, OTHER),
    "gate_revision_id": lambda world: quoted(world, OTHER),
    "license_id": lambda world: quoted(world, OTHER),
    "license_version_id": lambda world: quoted(world, OTHER),
    "series": lambda _world: "series + 1",
    "sequence": lambda _world: "sequence + 7",
    "language": lambda _world: "'de'",
    "grade": lambda _world: "'A'",
    "accepted_at": lambda _world: "'2026-11-23 12:00:00.001000'",
    "statement": lambda _world: "substr(statement, 1, 40) || 'x' || substr(statement, 42)",
    "entry_id": lambda world: quoted(world, OTHER),
}


@pytest.mark.parametrize("column", sorted(COLUMNS))
def test_an_altered_column_of_an_acceptance_is_named(world: World, column: str) -> None:
    acceptance = id_of(world, "acceptance")
    where = f"id = {quoted(world, acceptance)}"
    tamper(world, f"UPDATE acceptance SET {column} = {COLUMNS[column](world)} WHERE {where}")
    assert ("acceptance", acceptance) in found(world)


def test_one_byte_of_the_sealed_details_is_named(world: World) -> None:
    acceptance = id_of(world, "acceptance")
    sealed: Any = world.read(
        lambda session: (
            session.connection()
            .execute(text("SELECT sealed_disclosures FROM acceptance ORDER BY id LIMIT 1"))
            .scalar_one()
        )
    )
    altered = bytearray(sealed)
    altered[len(altered) // 2] ^= 1
    value = f"X'{altered.hex()}'" if world.database.dialect == "sqlite" else f"'\\x{altered.hex()}'::bytea"
    where = f"id = {quoted(world, acceptance)}"
    tamper(world, f"UPDATE acceptance SET sealed_disclosures = {value} WHERE {where}")
    assert ("acceptance", acceptance) in found(world)


def test_a_removed_acceptance_is_named(world: World) -> None:
    acceptance = id_of(world, "acceptance")
    tamper(world, f"DELETE FROM acceptance WHERE id = {quoted(world, acceptance)}")
    assert ("acceptance", acceptance) in found(world)


def test_a_removed_withdrawal_is_named(world: World) -> None:
    acceptance = id_of(world, "withdrawal", "acceptance_id")
    tamper(world, "DELETE FROM withdrawal")
    assert ("withdrawal", acceptance) in found(world)


def test_an_inserted_acceptance_is_named(world: World) -> None:
    columns = (
        "person_id, gate_id, gate_revision_id, license_id, license_version_id, series, sequence, language, grade, "
        "accepted_at, statement, sealed_disclosures"
    )
    changed = columns.replace("sequence", "sequence + 9")
    source = quoted(world, id_of(world, "acceptance"))
    tamper(
        world,
        f"INSERT INTO acceptance (id, entry_id, {columns}) SELECT {quoted(world, OTHER)}, {quoted(world, OTHER)}, "
        f"{changed} FROM acceptance WHERE id = {source}",
    )
    assert ("acceptance", OTHER) in found(world)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("number", "'9.9'"),
        ("series", "series + 1"),
        ("change_class", "'editorial'"),
        ("sha256", "'sha256:' || substr(sha256, 9) || 'a'"),
        ("effective_at", "'2020-01-01 00:00:00.000000'"),
    ],
)
def test_an_altered_license_version_is_named(world: World, column: str, value: str) -> None:
    version = id_of(world, "license_version")
    tamper(world, f"UPDATE license_version SET {column} = {value}")
    assert ("license_version", version) in found(world)


def test_one_byte_of_a_license_text_is_named(world: World) -> None:
    version = id_of(world, "license_version")
    value = "CAST(replace(CAST(text AS TEXT), 'no harm', 'no Harm') AS BLOB)"
    if world.database.dialect != "sqlite":
        value = "convert_to(replace(convert_from(text, 'UTF8'), 'no harm', 'no Harm'), 'UTF8')"
    tamper(world, f"UPDATE license_version SET text = {value}")
    assert ("license_version", version) in found(world)


@pytest.mark.parametrize("column", ["leaf", "leaf_hash"])
def test_an_altered_log_entry_is_named(world: World, column: str) -> None:
    entry = id_of(world, "ledger_entry", where="kind = 'acceptance'")
    value = "X'00'" if world.database.dialect == "sqlite" else "'\\x00'::bytea"
    tamper(world, f"UPDATE ledger_entry SET {column} = {value} WHERE id = {quoted(world, entry)}")
    assert any(table.startswith("ledger") for table, _ in found(world))


def test_several_processes_find_what_one_finds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptances_fsck, "PAGES_ALONE", 0)
    monkeypatch.setattr(acceptances_fsck, "PAGE_ROWS", 1)
    assert world.read(audit.find_discrepancies, sealer=world.sealer, processes=2) == []
    victim = id_of(world, "acceptance")
    tamper(world, f"UPDATE acceptance SET language = 'xx' WHERE id = {quoted(world, victim)}")
    alone = world.read(audit.find_discrepancies, sealer=world.sealer)
    assert [item.problem for item in alone] == ["language: it is not what the signed statement says"]
    assert world.read(audit.find_discrepancies, sealer=world.sealer, processes=2) == alone
