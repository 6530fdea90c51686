"""A whole acceptance that something else than the person's own click sends is refused, and nothing is stored (G8)."""

import html
import re
from typing import Any

import pytest
from sqlmodel import select

from registry.acceptances.tables import Acceptance
from registry.identity.domain import Scope
from tests.api.conftest import Browser, Site

PAGE = "/quarry/quarry-15b/accept"


async def filled_form(browser: Browser) -> dict[str, str]:
    """The form of the page as its person would send it."""
    text = await browser.page(PAGE)
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', text))
    form = {name: html.unescape(value) for name, value in fields.items()}
    answers = {"answer-0": "Nordlab Institute", "answer-1": "NO"}
    return {**form, **answers, "declaration": "on", "typed_name": "Mara Lindqvist"}


def accepted(site: Site) -> int:
    return len(site.world.read(lambda session: session.exec(select(Acceptance.id)).all()))


async def send(site: Site, form: dict[str, str], **headers: str) -> Any:
    return await site.client.post(PAGE, data=form, headers={"Accept": "text/html", **headers})


@pytest.mark.parametrize(
    "forger",
    ["another site", "a frame of another site", "no form token", "another person", "a token", "nobody"],
)
async def test_only_the_persons_own_form_accepts(site: Site, forger: str) -> None:
    site.world.gated_model()
    mara, eve = site.world.person(), site.world.person("eve@lab.example")
    browser = site.browser(mara)
    form = await filled_form(browser)
    cookie = {"Cookie": f"gatehouse_session={browser.cookie}"}
    if forger == "another site":
        answer = await send(site, form, **cookie, **{"Sec-Fetch-Site": "cross-site"})
    elif forger == "a frame of another site":
        answer = await send(site, form, **cookie, Origin="https://evil.example")
    elif forger == "no form token":
        answer = await send(site, {**form, "_csrf": ""}, **cookie)
    elif forger == "another person":
        answer = await send(site, form, Cookie=f"gatehouse_session={site.browser(eve).cookie}")
    elif forger == "a token":
        answer = await send(site, form, Authorization=f"Bearer {site.world.token(mara, *Scope)}")
    else:
        answer = await send(site, form)
    assert answer.status_code in {401, 403}, answer.status_code
    assert accepted(site) == 0
    assert (await send(site, form, **cookie)).status_code == 303
    assert accepted(site) == 1


async def test_the_page_is_framed_by_nobody_and_ticks_nothing(site: Site) -> None:
    site.world.gated_model()
    answer = await site.browser(site.world.person()).get(PAGE)
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert " checked" not in answer.text
    assert re.search(r'id="typed-name"[^>]* value="[^"]', answer.text) is None
