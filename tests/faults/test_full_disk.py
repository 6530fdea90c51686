"""The disk is full under SQLite: what records is refused, nothing is half written, and it goes on when there is room."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient
from sqlalchemy import text

from registry import audit
from registry.identity.domain import Principal
from registry.kernel.database import Database
from registry.parts import build_parts
from registry.settings import Settings
from tests.applications import application
from tests.clock import SettableClock
from tests.faults.serving import HIDDEN, cookie_of, is_hub_outage, is_outage
from tests.world import BASE_URL, MASTER_SECRET, World, presigning_store

MODEL = "quarry/quarry-15b"
FILE = f"/{MODEL}/resolve/main/model.safetensors"
ATTEMPTS_MOST = 400
"""More rows than the free places of the last pages can take."""


@dataclass
class Scene:
    """A registry whose database file may grow no further."""

    world: World
    client: AsyncTestClient[Litestar]
    user: Principal
    people: int = 0

    def limit(self, pages: int | None) -> None:
        """Let the file have no more pages than it has now and so many more, or as many as it wants."""

        def work(session: Any) -> None:
            connection = session.connection()
            most = 1_073_741_823
            if pages is not None:
                most = connection.exec_driver_sql("PRAGMA page_count").scalar_one() + pages
            connection.exec_driver_sql(f"PRAGMA max_page_count={most}")

        self.world.write(work)

    def count(self, table: str) -> int:
        query = text(f"SELECT count(*) FROM {table}")
        found: int = self.world.read(lambda session: session.connection().execute(query).scalar_one())
        return found

    async def form(self) -> Callable[[], Awaitable[Any]]:
        """The acceptance page in the browser of somebody new, filled in; what sends it."""
        self.people += 1
        person = self.world.person(f"person-{self.people}@nordlab.example")
        headers = {"Cookie": cookie_of(self.world, person), "Origin": BASE_URL}
        page = await self.client.get(f"/{MODEL}/accept", headers={**headers, "Accept": "text/html"})
        fields = {
            **dict(HIDDEN.findall(page.text)),
            "declaration": "on",
            "typed_name": "Mara Lindqvist",
            "answer-0": "Nordlab Institute",
            "answer-1": "NO",
        }
        return lambda: self.client.post(f"/{MODEL}/accept", data=fields, headers=headers)


@pytest.fixture
async def scene(tmp_path: Path, sqlite_template: Path, clock: SettableClock) -> AsyncIterator[Scene]:
    file = tmp_path / "gatehouse.db"
    shutil.copyfile(sqlite_template, file)
    database = Database(f"sqlite:///{file}")
    world = World(database=database, clock=clock, store=presigning_store(clock))
    settings = Settings(
        base_url=BASE_URL, data_dir=tmp_path, master_key=MASTER_SECRET.hex(), worker_inline=False
    )
    assert world.store is not None
    parts = build_parts(settings, store=world.store, database=database, clock=clock)
    model, user = world.gated_model(), world.person()
    world.accept(user, model)
    with application(parts) as app:
        async with AsyncTestClient(app, base_url=BASE_URL, raise_server_exceptions=False) as client:
            client.follow_redirects = False
            yield Scene(world=world, client=client, user=user)


async def test_acceptances_are_whole_or_not_there(scene: Scene) -> None:
    forms = [await scene.form() for _ in range(40)]
    before = scene.count("acceptance")
    scene.limit(4)
    answers = [await send() for send in forms]
    confirmed = [answer for answer in answers if answer.status_code == 303]
    refused = [answer for answer in answers if answer.status_code != 303]
    assert refused, "the limit has no effect"
    for answer in refused:
        is_outage(answer)
    assert scene.count("acceptance") == before + len(confirmed)
    assert scene.count("ledger_entry WHERE kind = 'acceptance'") == before + len(confirmed)
    assert (await scene.client.get(f"/{MODEL}", headers={"Accept": "text/html"})).status_code == 200
    assert (await scene.client.get("/licenses/sample-openrail-m/1.0")).status_code == 200
    scene.limit(None)
    again = [await send() for send in forms]
    assert {answer.status_code for answer in again} == {303}
    assert {answer.headers["location"] for answer in confirmed} <= {
        answer.headers["location"] for answer in again
    }
    assert scene.count("acceptance") == before + len(forms)
    scene.world.integrate()
    assert scene.world.read(audit.find_discrepancies, sealer=scene.world.sealer) == []
    check = scene.world.read(
        lambda session: session.connection().exec_driver_sql("PRAGMA integrity_check").all()
    )
    assert [tuple(row) for row in check] == [("ok",)]


async def test_no_url_leaves_whose_record_had_no_room(scene: Scene) -> None:
    headers = {"Authorization": f"Bearer {scene.world.token(scene.user)}"}
    assert (await scene.client.get(FILE, headers=headers)).status_code == 302
    scene.limit(0)
    issued = 1
    for _ in range(ATTEMPTS_MOST):
        answer = await scene.client.get(FILE, headers=headers)
        if answer.status_code != 302:
            break
        issued += 1
    is_hub_outage(answer)
    assert scene.count("download_record") == issued
    assert (await scene.client.head(FILE, headers=headers)).status_code == 200, "looking records nothing"
    scene.limit(None)
    assert (await scene.client.get(FILE, headers=headers)).status_code == 302
    assert scene.count("download_record") == issued + 1
