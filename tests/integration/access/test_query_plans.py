"""The decision finds the acceptances of a person and their organisations by an index, however many others there are."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from registry.access.asking import asked_for
from registry.access.facts import _EARLIER_SQL, BY_NAME_SQL
from registry.identity.domain import ANONYMOUS
from registry.identity.standing import STANDING_SQL


@pytest.mark.parametrize("sql", [BY_NAME_SQL, _EARLIER_SQL])
def test_the_facts_are_found_by_the_index_of_the_person_without_statistics(
    sqlite_template: Path, sql: str
) -> None:
    with sqlite3.connect(sqlite_template) as connection:
        asked = (*asked_for(ANONYMOUS, datetime.now(UTC)), "publisher_key", "model_key", "model_id")
        given = dict.fromkeys(asked, "x")
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", given)]
    connection.close()
    assert any(step.startswith("SEARCH a USING INDEX ix_acceptance_standing") for step in plan), plan
    covers = [step for step in plan if step.startswith(("SEARCH c ", "SCAN c"))]
    by_organisation = "SEARCH c USING INDEX uq_acceptance_cover (organisation_id=? AND gate_id=?)"
    assert set(covers) <= {by_organisation}, covers
    assert covers or sql is _EARLIER_SQL


def test_how_a_person_stands_is_found_by_indexes_alone(sqlite_template: Path) -> None:
    with sqlite3.connect(sqlite_template) as connection:
        given = {"person_id": "x", "now": "x"}
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {STANDING_SQL}", given)]
    connection.close()
    assert [step for step in plan if step.startswith("SCAN")] == [], plan
    assert any("ix_declaration_person" in step for step in plan), plan
