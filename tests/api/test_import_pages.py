"""The pages on which maintainers send a report, see what would come of it, confirm, and invite."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from registry.acceptances.report_staging import REPORT_MAX_BYTES
from registry.catalog import add_role
from registry.catalog.domain import Role
from registry.identity.domain import Principal
from tests.api.conftest import Browser, Site
from tests.integration.acceptances.imports import bring_in, claimed, imports, prove
from tests.integration.acceptances.test_report_staging import carry_out, people
from tests.world import World

HERE = "/manage/quarry/imports"


@pytest.fixture
def owner(world: World) -> Principal:
    world.gated_model()
    return world.person("owner@quarry.example")


async def send(browser: Browser, file: bytes, *, model: str = "quarry-15b", token: str | None = None) -> Any:
    """Send the form with a file, as a browser does."""
    if token is None:
        found = re.search(r'name="_csrf" value="([^"]+)"', (await browser.get(HERE)).text)
        assert found
        token = found.group(1)
    return await browser.client.post(
        HERE,
        data={"_csrf": token, "model": model},
        files={"report": ("report.csv", file, "text/csv")},
        headers=browser._headers,
    )


async def test_a_report_is_shown_confirmed_imported_and_its_people_invited_later(
    site: Site, owner: Principal
) -> None:
    world, browser = site.world, site.browser(owner)
    mara = prove(world, world.person())
    world.accept(mara, world.model(mara))
    rows = "m,Mara,mara@nordlab.example,accepted,\nx,Eve,no address,accepted,\nM,Again,m@else.example,accepted,\n"
    sent = await send(browser, (people(3) + rows).encode())
    assert sent.status_code == 303, sent.text[:2000]
    there = sent.headers["location"]
    preview = await browser.page(there)
    for words in (
        "Nothing has been imported yet",
        "Import 4 people, leave out the rows above",
        "email is not an e-mail address",
        "is about the same person as 5",
        "Have accepted here properly",
    ):
        assert words in preview, words
    assert "no address" not in preview
    assert imports(world) == []
    confirmed = await browser.post(there, seen_on=there, do="import")
    assert (confirmed.status_code, confirmed.headers["location"]) == (303, there)
    running = await browser.page(there)
    assert "0 of 4 people are looked at" in running
    await asyncio.to_thread(carry_out, world)
    assert "What came of it" in await browser.page(there)
    assert len(imports(world)) == 4
    page = await browser.page(HERE)
    assert "1 of 4 has accepted properly" in page
    assert "Invite 3" in page
    await browser.post(f"{HERE}/invitations", seen_on=HERE, model="quarry-15b")
    page = await browser.page(HERE)
    assert "Invite 3" not in page
    assert HERE in await browser.page("/manage/quarry/acceptances")


async def test_a_hub_report_counts_entries_and_a_report_can_be_discarded(
    site: Site, owner: Principal
) -> None:
    browser = site.browser(owner)
    report = [{"user": "mara", "fullname": "Mara", "email": "m@x.example", "status": "accepted", "time": ""},
              {"user": "a b", "email": "", "fields": {"company": ["nested", {"deep": 1}]}}]  # fmt: skip
    sent = await send(browser, json.dumps(report).encode())
    there = sent.headers["location"]
    page = await browser.page(there)
    assert "Entry" in page
    assert "user is not the name of an account" in page
    gone = await browser.post(there, seen_on=there, do="discard")
    assert gone.headers["location"] == HERE
    assert (await browser.get(there)).status_code == 404
    assert imports(site.world) == []


@pytest.mark.parametrize(
    ("file", "status", "said"),
    [
        (b"\xff\xfe\x00bytes", 422, "UTF-8"),
        (b"name\nMara\n", 422, "names neither a column email"),
        (b"email\n", 422, "no rows"),
        (b"[" * 1_000_000, 422, "not whole JSON"),
        (b"email\n" + b"x" * (REPORT_MAX_BYTES + (1 << 20)), 413, "gatehouse acceptors import"),
    ],
    ids=["bytes", "columns", "empty", "nested", "huge"],
)
async def test_hostile_files_are_refused_on_the_page_in_words(
    site: Site, owner: Principal, file: bytes, status: int, said: str
) -> None:
    browser = site.browser(owner)
    answer = await send(browser, file)
    assert (answer.status_code, "Nothing was imported" in answer.text) == (status, True), answer.text[:500]
    assert said in answer.text
    assert 'name="report"' in answer.text
    assert "To be confirmed" not in answer.text


async def test_a_form_that_is_not_ours_or_has_no_file_imports_nothing(site: Site, owner: Principal) -> None:
    browser = site.browser(owner)
    assert (await send(browser, b"email\na@b.example\n", token="forged")).status_code == 403
    assert (await browser.post(HERE, seen_on=HERE, model="quarry-15b")).status_code == 422
    headers = browser._headers | {"Content-Type": "multipart/form-data; boundary=x"}
    assert (await browser.client.post(HERE, content=b"--x\r\nnonsense", headers=headers)).status_code == 400
    assert (await send(browser, b"email\na@b.example\n", model="no-such")).status_code == 404
    assert "To be confirmed" not in await browser.page(HERE)


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.REVIEWER])
async def test_it_takes_a_maintainer(site: Site, owner: Principal, role: Role) -> None:
    person = site.world.person("staff@quarry.example")
    site.world.write(
        add_role,
        publisher="quarry",
        person_id=person.person_id,
        role=role,
        principal=owner,
        now=site.world.now,
    )
    browser = site.browser(person)
    assert (await browser.get(HERE)).status_code == 403
    assert (await send(browser, b"email\na@b.example\n", token="x")).status_code == 403
    assert HERE not in await browser.page("/manage/quarry/acceptances")
    assert (await site.anonymous.get(HERE)).status_code in {303, 401}


async def test_the_page_shows_no_contact_data(site: Site, owner: Principal, tmp_path: Path) -> None:
    bring_in(site.world, claimed(account="mara-hub"))
    page = await site.browser(owner).page(HERE)
    assert not any(word in page for word in ("nordlab", "mara-hub", "Lindqvist"))
