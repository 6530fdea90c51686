"""The whole application over a real database, asked as a client of the Hub asks."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from registry.kernel.database import Database
from registry.parts import build_parts
from registry.settings import Settings
from tests.applications import application
from tests.clock import SettableClock
from tests.e2e.hub.scene import HubWorld
from tests.world import BASE_URL, MASTER_SECRET, presigning_store

Client = AsyncTestClient[Litestar]


@pytest.fixture
def world(database: Database, clock: SettableClock) -> HubWorld:
    return HubWorld(database=database, clock=clock, store=presigning_store(clock))


@pytest.fixture
async def client(world: HubWorld, tmp_path: Path) -> AsyncIterator[Client]:
    settings = Settings(
        base_url=BASE_URL,
        data_dir=tmp_path,
        master_key=MASTER_SECRET.hex(),
        worker_inline=False,
        contact="help@quarry.example",
    )
    assert world.store is not None
    parts = build_parts(settings, store=world.store, database=world.database, clock=world.clock)
    with application(parts) as app:
        async with AsyncTestClient(app, base_url=BASE_URL, raise_server_exceptions=False) as opened:
            opened.follow_redirects = False
            yield opened
