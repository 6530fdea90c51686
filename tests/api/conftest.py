"""The whole application over a real database, asked as a browser or as a program asks."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from registry.identity.domain import Principal, digest_of
from registry.identity.tables import WebSession
from registry.kernel.database import Database
from registry.kernel.identifiers import new_id
from registry.parts import build_parts
from registry.settings import Settings
from tests.applications import application
from tests.clock import SettableClock
from tests.world import BASE_URL, MASTER_SECRET, World, presigning_store

CONTACT = "help@quarry.example"


@dataclass
class Browser:
    """A browser of one person, or of nobody."""

    client: AsyncTestClient[Litestar]
    cookie: str | None = None

    @property
    def _headers(self) -> dict[str, str]:
        cookie = {"Cookie": f"gatehouse_session={self.cookie}"} if self.cookie else {}
        return {"Accept": "text/html", **cookie}

    async def get(self, path: str, **query: Any) -> Any:
        return await self.client.get(path, params=query or None, headers=self._headers)

    async def page(self, path: str, **query: Any) -> str:
        """The text of a page that must be there."""
        answer = await self.get(path, **query)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:2000])
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["cache-control"] == "private, no-store"
        text: str = answer.text
        return text

    async def post(self, path: str, *, seen_on: str, token: str | None = None, **fields: str) -> Any:
        """Send a form with the token of the page that it stands on."""
        if token is None:
            found = re.search(r'name="_csrf" value="([^"]+)"', (await self.get(seen_on)).text)
            assert found
            token = found.group(1)
        return await self.client.post(path, data={"_csrf": token, **fields}, headers=self._headers)


@dataclass
class Site:
    """A registry with its client, and the browsers and tokens of its people."""

    world: World
    client: AsyncTestClient[Litestar]

    @property
    def anonymous(self) -> Browser:
        return Browser(self.client)

    def browser(self, person: Principal) -> Browser:
        cookie = f"{new_id()}"
        now = self.world.now
        self.world.write(
            lambda session: session.add(
                WebSession(
                    digest=digest_of(cookie),
                    person_id=person.person_id,
                    method="email-link",
                    created_at=now,
                    expires_at=now + timedelta(days=1),
                )
            )
        )
        return Browser(self.client, cookie)

    async def api(self, path: str, token: str | None = None, **query: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return await self.client.get(path, params=query or None, headers=headers)


@pytest.fixture
def world(database: Database, clock: SettableClock) -> World:
    return World(database=database, clock=clock, store=presigning_store(clock))


@pytest.fixture
def more_settings() -> dict[str, Any]:
    """Settings that a file of tests adds."""
    return {}


@pytest.fixture
async def site(world: World, tmp_path: Path, more_settings: dict[str, Any]) -> AsyncIterator[Site]:
    settings = Settings(
        base_url=BASE_URL,
        data_dir=tmp_path,
        master_key=MASTER_SECRET.hex(),
        worker_inline=False,
        contact=CONTACT,
        **{"hub_endpoint": "http://127.0.0.1:9", **more_settings},
    )
    assert world.store is not None
    parts = build_parts(settings, store=world.store, database=world.database, clock=world.clock)
    with application(parts) as app:
        async with AsyncTestClient(app, base_url=BASE_URL, raise_server_exceptions=False) as client:
            client.follow_redirects = False
            yield Site(world=world, client=client)


@pytest.fixture
def client(site: Site) -> AsyncTestClient[Litestar]:
    return site.client
