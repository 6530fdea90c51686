"""The decision finds the acceptances of a person and their organisations by an index, however many others there are."""

import re
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Uuid, bindparam, inspect, text
from sqlmodel import Session

from registry.access.asking import asked_for, bound
from registry.access.facts import BY_NAME_SQL
from registry.identity.domain import ANONYMOUS
from registry.identity.standing import STANDING_SQL
from registry.kernel.database import Database, UTCDateTime

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_facts_are_found_by_the_index_of_the_person_without_statistics(sqlite_template: Path) -> None:
    with sqlite3.connect(sqlite_template) as connection:
        asked = (*asked_for(ANONYMOUS, datetime.now(UTC)), "publisher_key", "model_key")
        given = dict.fromkeys(asked, "x")
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {BY_NAME_SQL}", given)]
    connection.close()
    assert any(step.startswith("SEARCH a USING INDEX ix_acceptance_standing") for step in plan), plan
    covers = [step for step in plan if step.startswith(("SEARCH c ", "SCAN c"))]
    by_organisation = "SEARCH c USING INDEX uq_acceptance_cover (organisation_id=? AND gate_id=?)"
    assert set(covers) == {by_organisation}, covers
    marks = [step for step in plan if " u " in f"{step} "]
    assert marks
    assert all("ix_must_update_standing (model_id=?)" in step for step in marks), marks


def test_how_a_person_stands_is_found_by_indexes_alone(sqlite_template: Path) -> None:
    with sqlite3.connect(sqlite_template) as connection:
        given = {"person_id": "x", "now": "x"}
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {STANDING_SQL}", given)]
    connection.close()
    assert [step for step in plan if step.startswith("SCAN")] == [], plan
    assert any("ix_declaration_person" in step for step in plan), plan


def test_what_comes_with_a_lineage_or_a_cover_is_found_by_indexes_alone(database: Database) -> None:
    """However long a lineage or an organisation is: PostgreSQL is kept from reading small tables as a whole."""

    def explain(session: Session) -> list[str]:
        postgres = session.get_bind().dialect.name == "postgresql"
        if postgres:
            session.connection().execute(text("SET LOCAL enable_seqscan = off"))
        given = {**asked_for(ANONYMOUS, datetime.now(UTC)), "publisher_key": "x", "model_key": "y"}
        given |= {"person_id": UUID(int=1), "acceptor_id": UUID(int=1), "member_id": UUID(int=1)}
        statement = bound(text(f"{'EXPLAIN' if postgres else 'EXPLAIN QUERY PLAN'} {BY_NAME_SQL}"))
        return [str(row[-1 if not postgres else 0]) for row in session.connection().execute(statement, given)]

    plan = database.read_now(explain)
    # PostgreSQL may hash the promises of time, of which there are few, once for a query.
    whole = [
        step for step in plan if ("Seq Scan" in step and "gate_grace" not in step) or step.startswith("SCAN")
    ]
    assert whole == [], "\n".join(plan)
    for table, short in (("model_lineage", "n"), ("organisation_member", "om"), ("acceptance", "c")):
        by_index = [
            step
            for step in plan
            if f" on {table} {short}" in step or step.startswith(f"SEARCH {short} USING")
        ]
        assert by_index, (table, plan)


ROWS = 20_000
VALUES = {
    "uuid": "md5(g::text)::uuid",
    "timestamp": "now()",
    "bytea": "g::text::bytea",
    "boolean": "false",
    "integer": "1",
    "bigint": "1",
}


def fill(session: Session, tables: set[str]) -> None:
    """Put rows into tables, without regard to what they would mean, so that reading a table as a whole is dear."""
    run = session.connection().exec_driver_sql
    run("SET LOCAL session_replication_role = replica")
    for table in sorted(tables):
        for check in inspect(session.connection()).get_check_constraints(table):
            run(f"ALTER TABLE {table} DROP CONSTRAINT {check['name']}")
        stated = {
            column["name"]: next(
                (value for kind, value in VALUES.items() if str(column["type"]).lower().startswith(kind)),
                f"left('x' || g, {getattr(column['type'], 'length', None) or 99})",
            )
            for column in inspect(session.connection()).get_columns(table)
            if not column["nullable"]
        }
        made = f"SELECT {', '.join(stated.values())} FROM generate_series(1, {ROWS}) g"
        run(f"INSERT INTO {table} ({', '.join(stated)}) {made}")
        run(f"ANALYZE {table}")


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
@pytest.mark.parametrize("sql", [BY_NAME_SQL, STANDING_SQL])
def test_postgresql_reads_no_large_table_as_a_whole_for_a_decision(database: Database, sql: str) -> None:
    """Lineage, covers and prerequisites too; the planner is free to choose."""
    tables = set(re.findall(r"(?:FROM|JOIN) ([a-z_]+)", sql))
    assert tables & {"model_lineage", "declaration"}
    types = {"now": UTCDateTime(), "members_after": UTCDateTime(), "publisher_key": None, "model_key": None}
    names = set(re.findall(r"(?<!:):([a-z_]+)", sql))
    given = {name: NOW if name in {"now", "members_after"} else UUID(int=1) for name in names}
    given |= {name: "x1" for name in ("publisher_key", "model_key") if name in names}

    def explain(session: Session) -> list[str]:
        fill(session, tables)
        typed = [bindparam(name, type_=types.get(name, Uuid())) for name in names]
        statement = text(f"EXPLAIN {sql}").bindparams(*typed)
        return [str(row[0]) for row in session.connection().execute(statement, given)]

    plan = database.write_now(explain)
    steps = "\n".join(plan).split("->  ")
    whole = [step for step in steps if "Seq Scan" in step]
    whole += [step for step in steps if re.match(r"(Bitmap )?Index", step) and "Index Cond" not in step]
    assert whole == [], "\n".join(plan)
