"""Signing in with a real, certified provider: the npm package `oidc-provider`, over HTTP on loopback."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2
import pytest
from sqlmodel import select

from registry.identity.tables import WebSession
from registry.kernel.clock import SystemClock
from tests.integration.identity.conftest import HTTPS_URL, Registry
from tests.integration.identity.test_providers import leads_to, leave, refusal_code
from tests.servers.providers import CLIENT_ID, CLIENT_SECRET, CertifiedProvider


@pytest.fixture
def clock() -> SystemClock:
    """The provider goes by the machine's clock."""
    return SystemClock()


@pytest.fixture(scope="module")
def certified() -> Iterator[CertifiedProvider]:
    try:
        running = CertifiedProvider(f"{HTTPS_URL}/sign-in/callback/certified")
    except FileNotFoundError as error:
        pytest.skip(f"absent: {error}")
    yield running
    running.close()


@pytest.fixture
def providers_file(certified: CertifiedProvider, tmp_path: Path) -> str:
    (tmp_path / "secret").write_text(CLIENT_SECRET + "\n")
    file = tmp_path / "providers.toml"
    file.write_text(
        f'[[provider]]\nid = "certified"\nname = "Certified"\nissuer = "{certified.issuer}"\n'
        f'client_id = "{CLIENT_ID}"\nclient_secret_file = "secret"\ntrust_email = true\n'
    )
    return str(file)


async def log_in(url: str, who: str) -> str:
    """Fill in the provider's own forms; return the path that it sends the browser back to."""
    async with httpx2.AsyncClient() as client:
        answer = await client.get(url)
        for _ in range(12):
            if answer.is_redirect:
                target = urljoin(str(answer.url), answer.headers["location"])
                if target.startswith(HTTPS_URL):
                    parts = urlsplit(target)
                    return f"{parts.path}?{parts.query}"
                answer = await client.get(target)
                continue
            (action,) = set(re.findall(r'action="([^"]+)"', answer.text))
            fields: dict[str, Any] = dict(
                re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', answer.text)
            )
            if 'name="login"' in answer.text:
                fields |= {"login": who, "password": "any"}
            answer = await client.post(urljoin(str(answer.url), action), data=fields)
    raise AssertionError(f"the provider did not come to an end: {answer.text[:2000]}")


async def test_a_certified_provider_signs_in_once_for_each_code(registry: Registry):
    browser = await registry.open_browser()
    back = await log_in(await leave(browser, "certified", next_path="/records"), "mara")
    assert "iss=" in back
    answer = await browser.get(back)
    assert (answer.status_code, answer.headers.get("location")) == (303, "/records"), answer.text[-2000:]
    assert (await browser.whoami())["person"]["email"] == "mara@certified.example"
    assert refusal_code(await browser.get(back)) == "sign-in-used"


async def test_a_certified_provider_signs_the_person_in_anew_when_asked(registry: Registry):
    browser = await registry.open_browser()
    await browser.get(await log_in(await leave(browser, "certified"), "mara"))
    seen = "/sign-in/again?next=/records"
    page = await browser.send("/sign-in/again/provider/certified", seen_on=seen, next="/records")
    answer = await browser.get(await log_in(leads_to(page), "mara"))
    assert (answer.status_code, answer.headers.get("location")) == (303, "/records"), answer.text[-2000:]
    sessions = registry.world.read(lambda session: list(session.exec(select(WebSession)).all()))
    assert sorted((row.time_stated, row.revoked_at is None) for row in sessions) == [
        (False, False),
        (True, True),
    ]


async def test_a_certified_provider_that_names_somebody_else_does_not_sign_in_again(registry: Registry):
    browser = await registry.open_browser()
    await browser.get(await log_in(await leave(browser, "certified"), "mara"))
    seen = "/sign-in/again?next=/records"
    page = await browser.send("/sign-in/again/provider/certified", seen_on=seen, next="/records")
    answer = await browser.get(await log_in(leads_to(page), "ilse"))
    assert refusal_code(answer) == "sign-in-other-person"
