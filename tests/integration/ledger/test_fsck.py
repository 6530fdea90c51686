"""The check of the log names every kind of tampering, on both databases, and says nothing about a whole log."""

import re
import sqlite3
import tracemalloc
from contextlib import closing
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from sqlmodel import Session

from registry import ledger
from registry.kernel.sealing import Sealer
from registry.ledger import store, stored_rows, tree
from registry.ledger.domain import DISCREPANCIES_MAX
from registry.ledger.notes import parse_note, render_note
from tests.clock import START
from tests.integration.ledger.conftest import Log

SIZES = (3, 258, 268)


@pytest.fixture
def entries(log: Log) -> list[UUID]:
    """The entries of a log of three checkpoints and two tile levels, by index."""
    made: list[UUID] = []
    for size in SIZES:
        made += log.append(size - len(made))
        log.integrate()
        log.clock.advance(timedelta(seconds=1))
    return made


def edit(log: Log, statement: str, **values: object) -> None:
    """Change the database as somebody with full access would, whom no constraint stops."""
    url = log.database.engine.url
    if log.database.dialect == "sqlite":
        bound = {name: value.hex if isinstance(value, UUID) else value for name, value in values.items()}
        with closing(sqlite3.connect(str(url.database))) as file, file:
            file.execute(statement, bound)
        return
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(re.sub(r":(\w+)", r"%(\1)s", statement), values)


def check(log: Log) -> list[ledger.Discrepancy]:
    return log.read(lambda session: ledger.find_discrepancies(session, sealer=log.sealer))


def found(log: Log) -> list[tuple[str, str]]:
    return [(discrepancy.table, discrepancy.row_id) for discrepancy in check(log)]


def flip(data: bytes, at: int = 0) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def leaf_of(log: Log, index: int) -> bytes:
    entry = log.read(lambda session: ledger.find_entry_by_index(session, index))
    assert entry is not None
    return entry.leaf


def test_whole_log_has_no_discrepancy(log: Log, entries: list[UUID]) -> None:
    log.append(2)
    assert check(log) == []


def test_empty_log_has_no_discrepancy(log: Log) -> None:
    assert check(log) == []


@pytest.mark.parametrize("index", [0, 256, 267])
def test_altered_byte_of_a_leaf_names_the_entry(log: Log, entries: list[UUID], index: int) -> None:
    altered = flip(leaf_of(log, index), 7)
    edit(log, "UPDATE ledger_entry SET leaf = :leaf WHERE id = :id", leaf=altered, id=entries[index])
    (discrepancy,) = check(log)
    assert (discrepancy.table, discrepancy.row_id) == ("ledger_entry", str(entries[index]))
    assert "leaf was altered" in discrepancy.problem


def test_altered_leaf_hash_names_the_entry(log: Log, entries: list[UUID]) -> None:
    altered = flip(tree.hash_leaf(leaf_of(log, 5)), 31)
    edit(log, "UPDATE ledger_entry SET leaf_hash = :hash WHERE id = :id", hash=altered, id=entries[5])
    (discrepancy,) = check(log)
    assert (discrepancy.table, discrepancy.row_id) == ("ledger_entry", str(entries[5]))
    assert "leaf hash was altered" in discrepancy.problem


def test_entry_rewritten_together_with_its_hash_is_named(log: Log, entries: list[UUID]) -> None:
    edit(
        log,
        "UPDATE ledger_entry SET leaf = :leaf, leaf_hash = :hash WHERE id = :id",
        leaf=b"another fact",
        hash=tree.hash_leaf(b"another fact"),
        id=entries[257],
    )
    (discrepancy,) = check(log)
    assert (discrepancy.table, discrepancy.row_id) == ("ledger_entry", str(entries[257]))
    assert "rewritten" in discrepancy.problem


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("kind", "acceptance", "kind was altered"),
        ("recorded_at", "2020-01-01 00:00:00.000000", "at was altered"),
    ],
)
def test_row_that_contradicts_its_leaf_is_named(
    log: Log, entries: list[UUID], column: str, value: str, problem: str
) -> None:
    edit(log, f"UPDATE ledger_entry SET {column} = :value WHERE id = :id", value=value, id=entries[9])
    (discrepancy,) = check(log)
    assert (discrepancy.table, discrepancy.row_id) == ("ledger_entry", str(entries[9]))
    assert problem in discrepancy.problem


@pytest.mark.parametrize(("level", "number", "at"), [(0, 0, 0), (0, 0, 8191), (0, 1, 40), (1, 0, 3)])
def test_altered_byte_of_a_tile_names_the_tile(
    log: Log, entries: list[UUID], level: int, number: int, at: int
) -> None:
    hashes = log.read(lambda session: store.tile_reader(session)(level, number))
    edit(
        log,
        "UPDATE ledger_tile SET hashes = :hashes WHERE level = :level AND number = :number",
        hashes=flip(hashes, at),
        level=level,
        number=number,
    )
    assert found(log) == [("ledger_tile", f"{level}/{number}")]


def test_cut_removed_and_inserted_tiles_are_named(log: Log, entries: list[UUID]) -> None:
    edit(log, "DELETE FROM ledger_tile WHERE level = 1")
    edit(log, "UPDATE ledger_tile SET hashes = :zeros WHERE number = 1", zeros=bytes(32))
    edit(log, "INSERT INTO ledger_tile (level, number, hashes) VALUES (0, 2, :zeros)", zeros=bytes(32))
    edit(log, "INSERT INTO ledger_tile (level, number, hashes) VALUES (7, 0, :zeros)", zeros=bytes(32))
    assert sorted(found(log)) == [
        ("ledger_tile", "0/1"),
        ("ledger_tile", "0/2"),
        ("ledger_tile", "1/0"),
        ("ledger_tile", "7/0"),
    ]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("column", ["root", "note", "signed_at"])
def test_altered_checkpoint_is_named(log: Log, entries: list[UUID], size: int, column: str) -> None:
    def read(session: Session) -> ledger.SignedCheckpoint:
        return next(c for c in store.list_checkpoints(session, after=size - 1, limit=1))

    checkpoint = log.read(read)
    value: object = {
        "root": flip(checkpoint.root),
        "note": checkpoint.note.replace("=\n", "\n", 1),
        "signed_at": "2020-01-01 00:00:00.000000",
    }[column]
    edit(log, f"UPDATE ledger_checkpoint SET {column} = :value WHERE size = :size", value=value, size=size)
    assert found(log) == [("ledger_checkpoint", str(size))]


def test_checkpoint_signed_by_another_key_is_named(log: Log, entries: list[UUID]) -> None:
    checkpoint = log.read(ledger.latest_checkpoint)
    assert checkpoint is not None
    stated = parse_note(checkpoint.note.encode()).text
    forged = render_note(stated, (log.keys.statement.sign_note(stated, checkpoint.origin),))
    edit(log, "UPDATE ledger_checkpoint SET note = :note WHERE size = 268", note=forged)
    (discrepancy,) = check(log)
    assert discrepancy.row_id == "268"
    assert "no signature of a known key" in discrepancy.problem


@pytest.mark.parametrize("size", SIZES)
def test_removed_checkpoint_is_named(log: Log, entries: list[UUID], size: int) -> None:
    edit(log, "DELETE FROM ledger_checkpoint WHERE size = :size", size=size)
    (discrepancy,) = check(log)
    assert (discrepancy.table, discrepancy.row_id) == ("ledger_checkpoint", str(size))
    assert "is missing" in discrepancy.problem


@pytest.mark.parametrize("index", [0, 255, 267])
def test_removed_leaf_row_is_named(log: Log, entries: list[UUID], index: int) -> None:
    edit(log, 'DELETE FROM ledger_leaf WHERE "index" = :index', index=index)
    assert found(log) == [("ledger_leaf", str(index)), ("ledger_entry", str(entries[index]))]


@pytest.mark.parametrize("index", [0, 267])
def test_removed_entry_is_named(log: Log, entries: list[UUID], index: int) -> None:
    edit(log, "DELETE FROM ledger_entry WHERE id = :id", id=entries[index])
    (discrepancy,) = check(log)
    assert (discrepancy.table, discrepancy.row_id) == ("ledger_entry", str(entries[index]))
    assert "is missing" in discrepancy.problem


def test_swapped_indices_are_named(log: Log, entries: list[UUID]) -> None:
    for index, to in ((4, 1004), (257, 4), (1004, 257)):
        edit(log, 'UPDATE ledger_leaf SET "index" = :to WHERE "index" = :index', index=index, to=to)
    discrepancies = check(log)
    assert [(d.table, d.row_id) for d in discrepancies] == [("ledger_leaf", "4"), ("ledger_leaf", "257")]
    assert all("redirected" in d.problem for d in discrepancies)


def test_inserted_entries_are_named(log: Log, entries: list[UUID]) -> None:
    (loose,) = log.append()
    edit(log, "DELETE FROM ledger_pending")
    assert found(log) == [("ledger_entry", str(loose))]
    edit(log, 'INSERT INTO ledger_leaf ("index", entry_id) VALUES (268, :id)', id=loose)
    assert found(log) == [("ledger_leaf", "268")]


def test_inserted_queue_rows_are_named(log: Log, entries: list[UUID]) -> None:
    edit(log, "INSERT INTO ledger_pending (entry_id) VALUES (:id)", id=entries[0])
    edit(log, "INSERT INTO ledger_pending (entry_id) VALUES (:id)", id=UUID(int=7))
    assert sorted(found(log)) == [("ledger_pending", str(UUID(int=7))), ("ledger_pending", str(entries[0]))]


def test_altered_waiting_entry_is_named(log: Log, entries: list[UUID]) -> None:
    (waiting,) = log.append()
    edit(log, "UPDATE ledger_entry SET leaf = :leaf WHERE id = :id", leaf=b"{}", id=waiting)
    assert found(log) == [("ledger_entry", str(waiting))]


def test_several_altered_rows_are_each_named_once(log: Log, entries: list[UUID]) -> None:
    for index in (1, 2, 260):
        edit(log, "UPDATE ledger_entry SET leaf = :leaf WHERE id = :id", leaf=b"x", id=entries[index])
    edit(log, 'DELETE FROM ledger_leaf WHERE "index" = 17')
    assert found(log) == [
        ("ledger_entry", str(entries[1])),
        ("ledger_entry", str(entries[2])),
        ("ledger_leaf", "17"),
        ("ledger_entry", str(entries[260])),
        ("ledger_entry", str(entries[17])),
    ]


def test_report_stops_where_more_would_say_nothing_new(log: Log, entries: list[UUID]) -> None:
    edit(log, "UPDATE ledger_entry SET leaf = :leaf", leaf=b"x")
    assert len(check(log)) == DISCREPANCIES_MAX


def test_key_put_in_from_outside_is_named_and_its_checkpoint_too(log: Log, entries: list[UUID]) -> None:
    # Somebody rewrites a leaf, derives everything again and signs with a key that they put into the table.
    foreign = Sealer(b"a master key of somebody else, 32 bytes")
    edit(log, "DELETE FROM ledger_checkpoint")
    edit(log, "DELETE FROM ledger_tile")
    edit(log, "DELETE FROM ledger_leaf")
    edit(log, "DELETE FROM signing_key")
    for entry in entries:
        edit(log, "INSERT INTO ledger_pending (entry_id) VALUES (:id)", id=entry)
    forged = Log(log.database, foreign, log.clock)
    forged.integrate()
    tables = [table for table, _ in found(log)]
    assert tables.count("signing_key") == 2
    assert tables.count("ledger_checkpoint") == 1


@pytest.mark.parametrize("column", ["public", "sealed_private"])
def test_altered_signing_key_is_named(log: Log, entries: list[UUID], column: str) -> None:
    kid = log.keys.statement.kid
    public = log.keys.statement.public
    edit(log, f"UPDATE signing_key SET {column} = :value WHERE kid = :kid", value=flip(public), kid=kid)
    assert found(log) == [("signing_key", kid)]


def test_key_made_older_than_it_is_is_named(log: Log) -> None:
    kid = log.keys.statement.kid
    edit(
        log,
        "UPDATE signing_key SET created_at = :at WHERE kid = :kid",
        at="2020-01-01 00:00:00.000000",
        kid=kid,
    )
    assert found(log) == [("signing_key", kid)]


def test_checkpoint_signed_after_its_key_had_ended_is_named(log: Log, entries: list[UUID]) -> None:
    kid = log.keys.checkpoint.kid
    at = (START - timedelta(days=1)).strftime("%Y-%m-%d %H:%M:%S.000000")
    edit(log, "UPDATE signing_key SET retired_at = :at WHERE kid = :kid", at=at, kid=kid)
    assert ("ledger_checkpoint", "268") in found(log)
    assert "outside the validity" in check(log)[-1].problem


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entry SET leaf = substr(leaf, 1, 3) || 'x' || substr(leaf, 5)",
        "UPDATE ledger_entry SET leaf = CAST(x'ff00' AS TEXT)",
        "UPDATE ledger_entry SET leaf_hash = 7",
        "UPDATE ledger_entry SET recorded_at = 'yesterday'",
        "UPDATE ledger_tile SET hashes = 'none'",
        "UPDATE ledger_checkpoint SET note = CAST(x'ff00' AS TEXT)",
        "UPDATE ledger_checkpoint SET signed_at = 'never'",
        "UPDATE ledger_checkpoint SET root = 1.5",
        "UPDATE signing_key SET purpose = 'statement', created_at = 'never' WHERE purpose = 'statement'",
        "UPDATE ledger_leaf SET entry_id = 'nobody' WHERE \"index\" = 1",
    ],
)
def test_values_of_the_wrong_type_are_named_and_break_nothing(
    log: Log, entries: list[UUID], statement: str
) -> None:
    # Only SQLite stores values of another type than the column's.
    edit(log, statement)
    table = statement.split()[1]
    assert found(log)[0][0] in {table, "ledger_entry" if table == "ledger_leaf" else table}


def test_check_sees_one_state_while_the_sequencer_goes_on(log: Log, entries: list[UUID]) -> None:
    def work(session: Session) -> list[ledger.Discrepancy]:
        stored_rows.hold_snapshot(session)
        list(stored_rows.list_checkpoints(session))
        log.append(3)
        log.integrate()
        return ledger.find_discrepancies(session, sealer=log.sealer)

    assert log.read(work) == []


def test_memory_of_the_check_does_not_grow_with_the_log(log: Log) -> None:
    def peak() -> int:
        tracemalloc.start()
        assert check(log) == []
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    log.append(2_000)
    while log.integrate():
        pass
    check(log)
    small = peak()
    log.append(6_000)
    while log.integrate():
        pass
    assert peak() < small * 1.5
