"""What a change does to ten thousand people is told in a small part of the time of ten thousand decisions."""

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import event
from sqlmodel import Session

from registry import access
from registry.access import crowds
from registry.access.domain import Permit
from registry.identity.domain import Channel, Principal
from registry.kernel.database import Database
from tests.bench.bulk import load_plain
from tests.bench.ground import open_scene

PEOPLE = 10_000
TURNS = 3
PART_OF_SINGLE_DECISIONS = 0.1
"""Measured: a fiftieth on PostgreSQL, a twenty-fifth on SQLite, whose single decision is cheaper."""
STATEMENTS_PER_PORTION = 4


def shortest(work: Callable[[], object]) -> float:
    """The shortest time of some turns: whatever else the machine does only makes one longer."""
    taken = []
    for _ in range(TURNS):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


def test_ten_thousand_people_are_judged_in_a_part_of_the_time_of_single_decisions(
    database: Database, database_url: str
) -> None:
    scene = open_scene(database)
    people = load_plain(database_url, scene, PEOPLE)
    model, now = scene.model, scene.world.now
    statements = 0

    def count(*_given: Any) -> None:
        nonlocal statements
        statements += 1

    def preview(session: Session) -> frozenset[UUID]:
        crowd = crowds.list_crowd(session, model.gate.id, most=PEOPLE, now=now)
        assert crowd.is_whole
        return crowds.list_permitted(session, model, model.gate, crowd.people, now=now)

    def decide(session: Session) -> None:
        for person_id in people[::1000]:
            found = access.gather_by_name(
                session,
                Principal(person_id=person_id, channel=Channel.SESSION),
                publisher=model.publisher,
                model=model.name,
                now=now,
            )
            assert found is not None
            assert isinstance(access.decide(found.facts), Permit)

    event.listen(database._reader, "before_cursor_execute", count)
    assert database.read_now(preview) == frozenset(people)
    portions = PEOPLE / crowds.PEOPLE_PER_QUERY
    assert statements <= STATEMENTS_PER_PORTION * portions
    many = shortest(lambda: database.read_now(preview))
    single = shortest(lambda: database.read_now(decide)) / len(people[::1000])
    assert many <= PART_OF_SINGLE_DECISIONS * PEOPLE * single, (
        f"{many:.2f} s beside {single * 1e6:.0f} µs each"
    )
