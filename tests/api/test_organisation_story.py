"""An officer accepts once; three colleagues and a job pull; the cover ends; they stop, with the right words."""

import re
from collections.abc import Callable
from typing import Any

from registry.acceptances.domain import AcceptanceSummary
from registry.delivery.store import Filter, list_downloads
from registry.identity.organisation_domain import MEMBERS_GRACE
from tests.api.conftest import Browser, Site
from tests.api.test_acceptance_page import PAGE, hidden
from tests.clock import SettableClock
from tests.integration.access.covers import Scene, cover_scene

WEIGHTS = "/quarry/quarry-15b/resolve/main/model.safetensors"
COLLEAGUES = tuple(f"{name}@nordlab.example" for name in ("per", "liv", "sander"))


async def pull(site: Site, token: str, path: str = WEIGHTS) -> Any:
    """One file, as the Hub's client asks: HEAD for the facts, GET for the address."""
    headers = {"Authorization": f"Bearer {token}", "User-Agent": "unknown/None; hf_hub/1.2; python/3.11"}
    head = await site.client.head(path, headers=headers)
    answer = await site.client.get(path, headers=headers)
    assert head.status_code == (200 if answer.status_code in {200, 302} else answer.status_code)
    return answer


async def accept_for_the_organisation(browser: Browser, scene: Scene) -> None:
    form = hidden(await browser.page(PAGE))
    form.pop("_csrf")
    answer = await browser.post(
        PAGE,
        seen_on=PAGE,
        declaration="on",
        typed_name="Mara Lindqvist",
        **{
            **form,
            "capacity": str(scene.organisation.id),
            "authorised": "on",
            "officer_title": "Head of research",
            "answer-0": "Nordlab Institute",
            "answer-1": "NO",
        },
    )
    assert answer.status_code == 303, re.sub(r"<[^>]+>", " ", answer.text)[:3000]


async def make_machine(browser: Browser, scene: Scene) -> str:
    here = "/settings/service-accounts"
    made = await browser.post(here, seen_on=here, name="nightly", owner=str(scene.organisation.id))
    page = made.headers["location"]
    shown = await browser.post(f"{page}/tokens", seen_on=page, name="ci", scopes="read", days="90")
    found = re.search(r"<code>(gatehouse_service_[^<]+)</code>", shown.text)
    assert found
    return found.group(1)


async def test_an_officer_accepts_once_and_everybody_pulls_until_the_cover_ends(
    site: Site, clock: SettableClock
) -> None:
    world = site.world
    scene = cover_scene(world.database, clock, world=world)
    officer = site.browser(scene.officer)
    people = [scene.join(email) for email in COLLEAGUES]
    tokens = [world.token(person) for person in people]
    job = await make_machine(officer, scene)

    # Before: each is told what is missing, and who can do something about it.
    for token in tokens:
        before = await pull(site, token)
        assert (before.status_code, before.headers["x-error-code"]) == (403, "GatedRepo")
        assert before.json()["code"] == "license-not-accepted"
    before = await pull(site, job)
    assert before.json()["code"] == "service-account-not-covered"
    assert "officer of its organisation" in before.headers["x-error-message"]

    # One acceptance, on the page.
    await accept_for_the_organisation(officer, scene)
    for token in (*tokens, job):
        assert (await pull(site, token)).status_code == 302
    explained = (await site.api("/api/v1/models/quarry/quarry-15b", tokens[0])).json()["access"]
    (reason,) = (one for one in explained["reasons"] if one["code"] == "license-accepted")
    assert reason["title"] == "Sample OpenRAIL-M 1.0 accepted by your organisation"
    records = world.read(_records)
    assert len(records) == 4
    (rested_on,) = {row.acceptance_id for row in records}
    assert [row.account_id is not None for row in records].count(True) == 1

    # The cover ends: machines at once, people after their time.
    world.withdraw(scene.officer, rested_on)
    assert (await pull(site, job)).json()["code"] == "service-account-not-covered"
    warned = await pull(site, tokens[0])
    assert warned.status_code == 302
    until = f"{world.now + MEMBERS_GRACE:%-d %B %Y}"
    assert f"ends on {until}, unless its license as it is now is accepted" in warned.headers["x-hf-warning"]
    page = await site.browser(people[0]).page("/quarry/quarry-15b")
    assert f"Your organisation covers you until {until}; accept the license yourself before" in page
    assert "Read and accept the license" in page
    assert "terms have changed" not in page
    clock.advance(MEMBERS_GRACE)
    for person, token in zip(people, tokens, strict=True):
        after = await pull(site, token)
        assert (after.status_code, after.json()["code"]) == (403, "license-not-accepted")
        assert after.json()["remedy"]["url"].startswith("http://gatehouse.test:8400/quarry/quarry-15b/accept")
        page = await site.browser(person).page("/quarry/quarry-15b")
        assert "not accepted yet" in page

    # Whoever accepts in person goes on; the job has nobody to accept for it.
    accepted = world.accept(people[0], scene.model)
    assert isinstance(accepted, AcceptanceSummary)
    assert (await pull(site, tokens[0])).status_code == 302
    assert (await pull(site, tokens[1])).status_code == 403
    assert (await pull(site, job)).status_code == 403


async def test_a_cover_that_ends_during_a_pull_stops_it_at_the_next_file(
    site: Site, clock: SettableClock
) -> None:
    world = site.world
    scene = cover_scene(world.database, clock, world=world)
    officer = site.browser(scene.officer)
    member = scene.join()
    token, job = world.token(member), await make_machine(officer, scene)
    cover = scene.accept()
    config = "/quarry/quarry-15b/resolve/main/config.json"

    def by_withdrawal() -> None:
        world.withdraw(scene.officer, cover.id)

    def by_time() -> None:
        clock.advance(MEMBERS_GRACE)

    ends: tuple[tuple[str, Callable[[], None]], ...] = ((job, by_withdrawal), (token, by_time))
    for who, end in ends:
        assert (await pull(site, who, config)).status_code == 200
        end()
        stopped = await pull(site, who)
        assert (stopped.status_code, stopped.headers["x-error-code"]) == (403, "GatedRepo")
        assert "location" not in stopped.headers
    assert [row.path for row in world.read(_records)] == ["config.json", "config.json"]


def _records(session: Any) -> list[Any]:
    return list_downloads(session, Filter(), after=None, limit=50)
