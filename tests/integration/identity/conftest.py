"""The whole application, asked by browsers that keep their cookies, with mail that is only composed."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from httpx2 import ASGITransport, AsyncClient

from registry.identity.organisation_domain import PROOF_LIFETIME
from registry.kernel.database import Database
from registry.kernel.mail import Mail
from registry.kernel.outcomes import Refusal
from registry.parts import Parts, build_parts
from registry.settings import Settings
from registry.worker import Worker
from tests.applications import application
from tests.clock import SettableClock
from tests.integration.access.covers import cover_scene
from tests.integration.identity.domain_desk import Desk
from tests.servers.dns import DNSServer
from tests.world import MASTER_SECRET, World, presigning_store

HTTPS_URL = "https://registry.example"
EMAIL = "mara@nordlab.example"


class KeptMail:
    """A mailer that keeps what it is given."""

    def __init__(self) -> None:
        self.letters: list[Mail] = []

    async def send(self, mail: Mail, *, now: object) -> None:
        self.letters.append(mail)


@dataclass
class Browser:
    """One browser: its cookies, and forms sent from the page that shows them."""

    client: AsyncClient
    headers: dict[str, str] = field(default_factory=lambda: {"Accept": "text/html"})

    async def get(self, path: str, **given: Any) -> Any:
        return await self.client.get(path, headers=self.headers | given.pop("headers", {}), **given)

    async def form_token(self, path: str) -> str:
        answer = await self.get(path)
        found = re.search(r'name="_csrf" value="([^"]+)"', answer.text)
        assert found, (path, answer.status_code, answer.text[:500])
        return found.group(1)

    async def send(
        self, path: str, *, seen_on: str, headers: dict[str, str] | None = None, **fields: str
    ) -> Any:
        """Send a form from the page that holds it."""
        data = {"_csrf": await self.form_token(seen_on), **fields}
        return await self.client.post(path, data=data, headers=self.headers | (headers or {}))

    async def ask_link(self, email: str = EMAIL, *, next_path: str = "/", **headers: str) -> Any:
        return await self.send("/sign-in", seen_on="/sign-in", email=email, next=next_path, headers=headers)

    async def follow(self, link: str) -> Any:
        """Open the mailed link and press its button."""
        parts = urlsplit(link)
        page = f"{parts.path}?{parts.query}"
        return await self.send(
            parts.path,
            seen_on=page,
            token=parts.query.removeprefix("token="),
            headers={"Origin": site_of(link)},
        )

    @property
    def session_cookie(self) -> str | None:
        return next((c.value for c in self.client.cookies.jar if "session" in c.name), None)

    async def whoami(self) -> dict[str, Any]:
        answer = await self.client.get("/api/v1/whoami")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body


def site_of(link: str) -> str:
    parts = urlsplit(link)
    return f"{parts.scheme}://{parts.netloc}"


@dataclass
class Registry:
    """The application with its world, its mail and any number of browsers."""

    world: World
    parts: Parts
    mail: KeptMail
    open_browser: Callable[..., Any]

    async def letters(self) -> list[Mail]:
        """Everything mailed so far; what waits is sent first."""
        while await Worker(self.parts).deliver_due():
            pass
        return self.mail.letters

    async def mailed_link(self) -> str:
        """The link of the newest letter."""
        letter = (await self.letters())[-1]
        (link,) = re.findall(r"https?://\S+", letter.text)
        return str(link)

    async def signed_in(self, email: str = EMAIL) -> Browser:
        browser: Browser = await self.open_browser()
        await browser.ask_link(email)
        answer = await browser.follow(await self.mailed_link())
        assert answer.status_code == 303, answer.text[:500]
        return browser


@pytest.fixture
def base_url() -> str:
    """Public address of the registry; https, as outside of the demo."""
    return HTTPS_URL


@pytest.fixture
def providers_file() -> str:
    """The file of providers; none unless a module makes one."""
    return ""


@pytest.fixture
async def registry(
    database: Database, clock: SettableClock, tmp_path: Path, base_url: str, providers_file: str
) -> AsyncIterator[Registry]:
    world = World(database=database, clock=clock, store=presigning_store(clock))
    settings = Settings(
        base_url=base_url,
        data_dir=tmp_path,
        master_key=MASTER_SECRET.hex(),
        worker_inline=False,
        smtp_host="mail.example",
        mail_from="Gatehouse <gatehouse@registry.example>",
        operators=("Operator@registry.example",),
        providers_file=providers_file,
    )
    mail = KeptMail()
    assert world.store is not None
    parts = build_parts(settings, store=world.store, database=database, clock=clock, mailer=mail)
    async with AsyncExitStack() as stack:
        app: Any = stack.enter_context(application(parts))

        async def open_browser(address: str = "192.0.2.7") -> Browser:
            transport = ASGITransport(app, raise_app_exceptions=False, client=(address, 40_000))
            client = await stack.enter_async_context(AsyncClient(transport=transport, base_url=base_url))
            return Browser(client)

        yield Registry(world=world, parts=parts, mail=mail, open_browser=open_browser)


@pytest.fixture
def unproved(database: Database, clock: SettableClock, dns_server: DNSServer) -> Desk:
    """An organisation whose mailed proof has run out; its officer has accepted for it."""
    scene = cover_scene(database, clock)
    scene.accept()
    clock.advance(PROOF_LIFETIME)
    return Desk(scene=scene, server=dns_server, clock=clock)


@pytest.fixture
def proved(unproved: Desk) -> Desk:
    """One whose domain is proved by a record."""
    unproved.claim()
    unproved.set_record()
    assert not isinstance(unproved.check(), Refusal)
    return unproved
