"""Acceptances counted by week and text, from an index alone (SQLite and PostgreSQL)."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from registry import catalog
from registry.acceptances import figures
from registry.audit.weekly_chart import week_starts
from registry.kernel.database import Database
from tests.clock import SettableClock
from tests.world import TEXT_11, World

MONDAY = datetime(2026, 9, 7, tzinfo=UTC)
WEEK = timedelta(weeks=1)


@pytest.fixture
def world(database: Database) -> World:
    return World(database=database, clock=SettableClock(MONDAY - timedelta(days=1)))


def count(world: World) -> dict[str, list[int]]:
    publisher = world.read(catalog.find_publisher, name="quarry")
    starts = [MONDAY + week * WEEK for week in range(3)]

    def work(session: Any) -> Any:
        gates = catalog.list_gates_by_version(session, publisher_id=publisher.id)
        counts = figures.count_by_week(session, gates, starts, until=MONDAY + 3 * WEEK)
        named = catalog.describe_requirements(session, list(counts))
        return {named[version_id].number: list(numbers) for version_id, numbers in counts.items()}

    counted: dict[str, list[int]] = world.read(work)
    return counted


def accept_at(world: World, moment: datetime, model: Any) -> None:
    world.clock.set(moment)
    world.accept(world.person(f"person-{moment.timestamp()}@lab.example"), model)


def test_each_acceptance_is_counted_once_in_its_week_and_text(world: World) -> None:
    model = world.gated_model()
    owner = world.person("owner@quarry.example")
    for moment in (
        MONDAY - timedelta(seconds=1),
        MONDAY,
        MONDAY + WEEK - timedelta(seconds=1),
        MONDAY + WEEK,
    ):
        accept_at(world, moment, model)
    world.license("1.1", TEXT_11, "material")
    demand = catalog.GateDemand(
        mode=model.gate.mode, licenses=("sample-openrail-m@1.1",), fields=model.gate.fields
    )
    owner = world.person("owner@quarry.example")
    world.write(
        catalog.change_gate,
        publisher="quarry",
        name="quarry-15b",
        demand=demand,
        principal=owner,
        now=world.now,
    )
    changed = world.model(owner)
    accept_at(world, MONDAY + 2 * WEEK, changed)
    accept_at(world, MONDAY + 3 * WEEK, changed)
    assert count(world) == {"1.0": [2, 1, 0], "1.1": [0, 0, 1]}


def test_another_publishers_acceptances_of_the_same_text_are_not_counted(world: World) -> None:
    model = world.gated_model()
    rival = world.person("rival@tarn.example")
    other = world.release(rival, world.publisher(rival, "tarn"), name="tarn-1b")
    accept_at(world, MONDAY, model)
    accept_at(world, MONDAY + timedelta(hours=1), other)
    assert count(world) == {"1.0": [1, 0, 0]}


def test_no_row_is_read_to_count_a_week(world: World) -> None:
    model = world.gated_model()
    for hour in range(30):
        accept_at(world, MONDAY + timedelta(hours=hour), model)
    caught: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
        if "FROM acceptance" in statement:
            caught.append((statement, given))

    engine = world.database.engine if world.database.dialect == "postgresql" else world.database._reader
    event.listen(engine, "before_cursor_execute", note)
    world.read(figures.count_by_week, gates={model.gate.license_version_ids[0]: [model.gate.id]},
               starts=week_starts(MONDAY + WEEK), until=MONDAY + 2 * WEEK)  # fmt: skip
    event.remove(engine, "before_cursor_execute", note)
    (statement, given) = caught[0]

    def explain(session: Any) -> str:
        connection = session.connection()
        if world.database.dialect == "sqlite":
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
            return "\n".join(str(row[3]) for row in rows)
        # So few rows are read whole for speed; the question is whether the index can answer alone.
        for setting in ("enable_seqscan", "enable_bitmapscan"):
            connection.execute(text(f"SET LOCAL {setting} = off"))
        rows = connection.exec_driver_sql(f"EXPLAIN {statement}", given)
        return "\n".join(str(row[0]) for row in rows)

    plan = world.read(explain)
    assert re.search(
        r"USING COVERING INDEX ix_acceptance_week|Index Only Scan using ix_acceptance_week", plan
    ), plan
