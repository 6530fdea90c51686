"""Every route × every caller × every state of a model: nothing is reachable beyond its row of the table."""

import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from litestar.routes import HTTPRoute

from tests.api.route_audiences import AUDIENCES, CALLERS, INSIDERS
from tests.api.route_scene import STATES, Matrix, open_matrix
from tests.api.route_table import Row, read_table
from tests.clock import SettableClock

FILE_ROUTE = "/{publisher}/{model}/resolve/{revision}/{path}"
"""Answered outside the framework, which therefore does not list it."""


@pytest.fixture
async def matrix(sqlite_template: Path, clock: SettableClock, tmp_path: Path) -> AsyncIterator[Matrix]:
    file = tmp_path / "gatehouse.db"
    shutil.copyfile(sqlite_template, file)
    async with open_matrix(file, tmp_path / "template.db", clock) as opened:
        yield opened


def reached(row: Row, answer: Any, changed: set[str]) -> bool:
    """Whether the caller got past the question who they are; a change that changed nothing did not."""
    if answer.status_code in {401, 403, 404, 405} or answer.headers.get("location", "").startswith(
        "/sign-in?"
    ):
        return False
    return bool(changed) or row.quiet or row.method in {"GET", "HEAD"} or answer.status_code >= 400


def rows_of_models() -> list[Row]:
    return [row for row in read_table() if names_model(row)]


def names_model(row: Row) -> bool:
    return "{model}" in row.path or ("{name}" in row.path and "/models/" in row.path)


def expected(row: Row, caller: str, state: str) -> bool:
    """What the table says, with what the state of the model takes away from it."""
    if state == "absent" and not row.creates:
        return False
    audience = AUDIENCES.get(f"{row.audience}/{state}", AUDIENCES[row.audience])
    return caller in audience and (state != "private" or caller in INSIDERS)


def test_every_route_has_its_row(app_routes: set[tuple[str, str]]) -> None:
    listed = {(row.method, row.path) for row in read_table()}
    listed -= {("GET", FILE_ROUTE), ("HEAD", FILE_ROUTE)}
    assert sorted(app_routes - listed) == [], "routes without a row"
    assert sorted(listed - app_routes) == [], "rows without a route"


# A client on the same thread answers a timeout with 500 (`except BaseException`), which would look like a fault of the route.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def app_routes(matrix: Matrix) -> set[tuple[str, str]]:
    app: Any = matrix.client.app
    return {
        (method, route.path_format)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method in route.route_handler_map
        if method not in {"OPTIONS", "HEAD"}
    }


async def test_routes_that_name_no_model(matrix: Matrix) -> None:
    await hold([row for row in read_table() if not names_model(row)], matrix, "auto")


@pytest.mark.parametrize("state", STATES)
async def test_routes_that_name_a_model(matrix: Matrix, state: str) -> None:
    await hold(rows_of_models(), matrix, state)


async def hold(rows: list[Row], matrix: Matrix, state: str) -> None:
    """Ask every row as every caller; what is out of line is listed whole."""
    wrong = []
    for row in rows:
        for caller in CALLERS:
            before = matrix.version()
            answer = await matrix.ask(row, caller, state)
            changed = matrix.changed_tables() if matrix.version() != before else set()
            wanted, got = expected(row, caller, state), reached(row, answer, changed)
            where = f"{row.method} {row.path} as {caller} ({answer.status_code})"
            if answer.status_code >= 500 and row.path != "/health/ready":
                wrong.append(f"fails: {where}")
            elif wanted != got:
                wrong.append(f"{'should not be' if got else 'is not'} reached: {where}")
            if changed and not row.leaves_record and (not got or row.method in {"GET", "HEAD"}):
                wrong.append(f"{'reads' if got else 'refused'} and yet writes {sorted(changed)}: {where}")
            if matrix.version() != before:
                matrix.restore()
    assert not wrong, "\n" + "\n".join(wrong)


async def test_a_private_model_looks_absent_to_outsiders(matrix: Matrix) -> None:
    told_apart = []
    for row in rows_of_models():
        for caller in [caller for caller in CALLERS if caller not in INSIDERS]:
            answers = [await matrix.ask(row, caller, state) for state in ("private", "absent")]
            if row.creates and caller in AUDIENCES[row.audience]:
                continue
            shown = [(answer.status_code, _bare(answer)) for answer in answers]
            if shown[0] != shown[1]:
                told_apart.append(f"{row.method} {row.path} as {caller}: {shown[0][0]} and {shown[1][0]}")
    assert told_apart == []


def _bare(answer: Any) -> str:
    """What an answer says, without the model's name and what differs from one answer to the next."""
    text = f"{sorted(answer.headers.keys())} {answer.headers.get('location', '')} {answer.text}"
    text = re.sub(r'name="_csrf" value="[^"]+"', "", text)
    text = re.sub(r"[0-9a-f]{32}|[0-9a-f-]{36}", "", text)
    return re.sub(r"(private|absent)-1b", "", text)
