"""A commit of 100,000 operations is one release, in bounded time (threat C4); more are refused (`test_commit_lines`)."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import event

from registry.hub_api.commit_lines import OPERATIONS_MAX_COUNT
from registry.kernel.database import Database
from tests.e2e.hub.scene import HubWorld
from tests.integration.hub_api.conftest import Client
from tests.integration.hub_api.test_commits import (  # noqa: F401 - fixtures
    commit,
    drop,
    head,
    owner,
    small,
    token,
)

STATEMENTS_MOST = 60
"""For two thousand new files; one statement for each file would be thousands."""


@pytest.fixture
def database_url(sqlite_template: Path, tmp_path: Path) -> str:
    """One database is enough: what is counted here is the same on the other."""
    file = tmp_path / "gatehouse.db"
    shutil.copyfile(sqlite_template, file)
    return f"sqlite:///{file}"


async def test_as_many_operations_as_a_release_has_files_are_one_release(
    world: HubWorld,
    client: Client,
    token: str,  # noqa: F811
) -> None:
    dropped = [drop(path) for path in ("README.md", "config.json", "model.safetensors")]
    lines = [small(f"d{n % 100}/{n}.txt", b"text %d" % (n % 50)) for n in range(OPERATIONS_MAX_COUNT - 3)]
    done = await commit(client, token, *dropped, *lines)
    assert done.status_code == 200, done.text
    assert (head(world).commit, head(world).file_count) == (done.json()["commitOid"], len(lines))


async def test_many_new_files_are_recorded_in_few_statements(
    world: HubWorld,
    client: Client,
    token: str,  # noqa: F811
    database: Database,
) -> None:
    lines = [small(f"{number}.txt", b"text %d" % number) for number in range(2_000)]
    statements: list[str] = []
    event.listen(
        database.engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_rest: statements.append(statement),
    )
    assert (await commit(client, token, *lines)).status_code == 200
    assert len([one for one in statements if "blob" in one]) <= STATEMENTS_MOST
