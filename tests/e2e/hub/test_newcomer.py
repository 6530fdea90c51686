"""A newcomer's whole way: an account elsewhere, a request sent back once, an approval, two clients that pull."""

import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from registry import catalog, identity
from registry.catalog.domain import GateMode, Role
from tests.e2e.hub.conftest import HubClient, Registry, Scene, Stage
from tests.e2e.hub.test_gatehouse_login import Terminal

pytestmark = [pytest.mark.hub, pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def reviewed(stage: Stage) -> Scene:
    """A model whose gate is opened by review; the scene's person is its reviewer."""
    scene = stage.scene()
    world = scene.registry.world
    world.write(
        catalog.add_role,
        publisher=scene.publisher.name,
        person_id=scene.person.person_id,
        role=Role.REVIEWER,
        principal=scene.owner,
        now=world.now,
    )
    changed = world.write(
        catalog.change_gate,
        publisher=scene.publisher.name,
        name=scene.model.name,
        demand=catalog.GateDemand(
            mode=GateMode.MANUAL, licenses=(f"{scene.slug}@1.0",), fields=scene.model.gate.fields
        ),
        principal=scene.owner,
        now=world.now,
    )
    assert isinstance(changed, catalog.GateView), changed
    return scene


@pytest.fixture
async def reviewer(browser: Any, reviewed: Scene) -> AsyncIterator[Any]:
    """A page of the reviewer, signed in by a link."""
    world = reviewed.registry.world
    link = world.write(
        identity.issue_local_link,
        email=reviewed.person_email,
        next_path="/inbox",
        lifetime=timedelta(hours=1),
        sealer=world.sealer,
        now=world.now,
    )
    context = await browser.new_context(locale="en-US")
    context.set_default_timeout(15_000)
    page = await context.new_page()
    await page.goto(identity.link_url(reviewed.registry.url, link))
    await page.click("main button.primary")
    yield page
    await context.close()


async def shows(page: Any, *texts: str) -> None:
    words = await page.locator("main").inner_text()
    for text in texts:
        assert text in words, words


async def confirm_address(page: Any, address: str) -> None:
    """Give the address that the account kept to itself, and follow the link of the mail."""
    await page.get_by_label("Your e-mail address").fill(address)
    await page.locator("main button.primary").click()
    await page.get_by_role("link", name="Local mail", exact=True).click()
    row = page.get_by_role("row").filter(has_text=address)
    until = time.monotonic() + 15
    while not await row.count() and time.monotonic() < until:
        await page.reload()
    await row.get_by_role("link").first.click()
    await page.locator("main a.btn.primary").click()
    await page.locator("main button.primary").click()


async def fill_answers(form: Any) -> None:
    for field in await form.locator("select[name^=answer-]").all():
        await field.select_option(index=1)
    for field in await form.locator("input[type=text][name^=answer-]").all():
        await field.fill("Nordlab Institute")


async def ask(page: Any, note: str) -> None:
    form = page.locator("main form", has=page.locator("textarea[name=note]"))
    await fill_answers(form)
    await form.locator("textarea[name=note]").fill(note)
    await form.locator("button[value=send]").click()


async def decide(reviewer: Any, address: str, event: str, note: str) -> None:
    await reviewer.goto(address)
    part = reviewer.locator(f"#event-{event}")
    if await part.locator("summary").count():
        await part.locator("summary").click()
    await part.locator("textarea[name=note]").fill(note)
    await part.locator(f"form[action$='/{event}'] button").click()


async def allow(page: Any, url: str) -> None:
    """Allow the program that waits for the code in this address."""
    await page.goto(url)
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_role("button", name="Allow this program").click()


async def test_a_newcomer_signs_in_asks_is_sent_back_is_approved_and_pulls(
    reviewed: Scene,
    registry: Registry,
    reviewer: Any,
    browser_page: Any,
    new_client: HubClient,
    tmp_path: Path,
) -> None:
    page = browser_page
    await page.goto(f"{registry.url}/{reviewed.repo}")
    await page.locator("main").get_by_role("link", name="Sign in").click()
    await page.get_by_role("button", name="Hugging Face").click()
    await shows(
        page, "Accept the license first; then ask for access.", f"the reviewers of {reviewed.publisher.name}"
    )
    await page.get_by_role("link", name="Read and accept the license").click()
    await confirm_address(page, "new.comer@nordlab.example")
    form = page.locator("#accept-form")
    await fill_answers(form)
    await form.locator("#declaration").check()
    await form.locator("#typed-name").fill("New Comer")
    await form.locator("button.primary").click()
    await page.goto(f"{registry.url}/{reviewed.repo}")
    await page.get_by_role("link", name="Ask for access").click()
    await ask(page, "for my thesis")
    request = page.url

    await reviewer.goto(f"{registry.url}/inbox")
    await reviewer.get_by_role("link", name="waits for review").click()
    await reviewer.locator("form[action$='/take'] button").click()
    await decide(reviewer, request, "return-for-changes", "Name your supervisor.")

    await page.goto(f"{registry.url}/inbox")
    await shows(page, "Changes asked for")
    await page.goto(f"{registry.url}/{reviewed.repo}")
    await page.get_by_role("link", name="Read what is asked for").click()
    await page.get_by_role("link", name="Send the changed request").click()
    await ask(page, "for my thesis, with Prof. Ek")
    await decide(reviewer, request, "approve", "Welcome.")

    terminal = Terminal(tmp_path / "terminal")
    with terminal.started("login", "--endpoint", registry.url) as login:
        await allow(page, login.wait_for(rf"{registry.url}/device\?user_code=\S+"))
        assert login.finish() == 0, login.said
    pulled = terminal.run("pull", reviewed.repo, "--to", str(tmp_path / "pulled"))
    assert pulled.returncode == 0, pulled.stderr
    with new_client.started("auth", "login") as login:
        await allow(page, login.wait_for(rf"{registry.url}/device\?user_code=\S+"))
        assert login.finish() == 0, login.said
    downloaded = new_client.hf("download", reviewed.repo)
    assert downloaded.code == 0, downloaded.text
    await page.goto(request)
    trail = await page.locator(".timeline").inner_text()
    told = ["Draft begun", "Request sent", "Review began", "Changes asked for", "Name your supervisor."]
    told += ["Changed request sent", "for my thesis, with Prof. Ek", "Approved", "Welcome."]
    places = [trail.index(words) for words in told]
    assert places == sorted(places), trail
    assert reviewed.person_email not in trail
