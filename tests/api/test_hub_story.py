"""From the link to the convergence after an outage: one person, their account of the Hub, and a strict Hub."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from registry.access import disclosure_store
from registry.delivery import erasing
from registry.hub_sync import service
from registry.hub_sync.applying import Pass
from registry.hub_sync.jobs import keep_due
from registry.hub_sync.keeping import Keeper
from registry.identity import erasures, restrictions
from registry.identity.domain import Principal, Scope
from registry.worker import Worker
from tests.api.conftest import Browser, Site
from tests.api.test_mirrors import Caller
from tests.integration.access.test_lost_models import worker_of
from tests.servers.fake_hub import FakeHub, Trouble, serving
from tests.world import BASE_URL

REPO = "hf-org/hf-model"
API = "/api/v1/models/quarry/quarry-15b/hub"
PAGE = "/quarry/quarry-15b/hub"


@pytest.fixture
def hub(clock: Any) -> Iterator[FakeHub]:
    with serving() as running:
        running.state.clock.now = clock.now()
        for name in ("release-bot", "mara-at-hub", "stranger"):
            running.add_user(name)
        running.add_organisation("hf-org", **{"release-bot": "admin"})
        running.add_model(REPO, gated="manual")
        yield running


@pytest.fixture
def more_settings(hub: FakeHub, tmp_path: Path) -> dict[str, Any]:
    file = tmp_path / "providers.toml"
    file.write_text(f'[[provider]]\npreset = "huggingface"\nissuer = "{hub.url}"\nclient_id = "gatehouse"\n')
    return {"hub_endpoint": hub.url, "providers_file": str(file)}


@dataclass
class Story:
    site: Site
    hub: FakeHub
    owner: Caller
    worker: Worker
    keeper: Keeper

    @property
    def at_hub(self) -> dict[str, str]:
        return self.hub.statuses(REPO)

    async def work_off(self) -> int:
        """What a worker does at this moment: the outbox, then the mirrors that are due."""
        while await self.worker.deliver_due():
            pass
        return keep_due(self.keeper)

    def advance(self, **by: float) -> None:
        span = timedelta(**by)
        self.site.world.clock.advance(span)
        self.hub.advance(span.total_seconds())


@pytest.fixture
async def story(site: Site, hub: FakeHub, tmp_path: Path) -> Story:
    world = site.world
    world.gated_model()
    found = Story(
        site=site,
        hub=hub,
        owner=Caller(site, Scope.PUBLISH),
        worker=worker_of(world, tmp_path),
        keeper=Keeper(
            database=world.database,
            sealer=world.sealer,
            clock=world.clock,
            base_url=BASE_URL,
            endpoint=hub.url,
            private=False,
        ),
    )
    token = hub.add_token("release-bot", role="fineGrained", repos=[REPO])
    await found.owner.post("/api/v1/publishers/quarry/hub-token", {"token": token})
    linked = await found.owner.post(API, {"repository": REPO})
    assert linked.status_code == 200, linked.text
    applied = (await found.owner.post(f"{API}/apply")).json()
    assert applied["settled"], applied
    return found


async def prove(story: Story, browser: Browser, name: str, *, seen_on: str = PAGE) -> Any:
    """Press the button of the page, sign in at the Hub, come back."""
    story.hub.sign_in(name)
    left = await browser.post("/settings/identities/add/huggingface", seen_on=seen_on, next=seen_on)
    assert left.status_code == 200, left.text[:800]
    at_hub = httpx2.get(left.headers["refresh"].removeprefix("0; url="), follow_redirects=False)
    back = urlsplit(at_hub.headers["location"])
    cookie = left.headers["set-cookie"].partition(";")[0]
    headers = {"Cookie": f"gatehouse_session={browser.cookie}; {cookie}", "Accept": "text/html"}
    return await browser.client.get(f"{back.path}?{back.query}", headers=headers)


async def agree(browser: Browser) -> Any:
    page = await browser.page(PAGE)
    (account,) = re.findall(r'name="account" value="([^"]+)"', page)
    return await browser.post(PAGE, seen_on=PAGE, account=account, repository=REPO)


@pytest.fixture
def mara(story: Story) -> Principal:
    return story.site.world.person()


async def test_a_person_is_let_in_taken_out_and_an_outage_changes_nothing_for_good(
    story: Story, mara: Principal
) -> None:
    world, browser = story.site.world, story.site.browser(mara)
    story.hub.ask(REPO, "stranger")
    assert "Prove an account of <bdi>Hugging Face</bdi>" in await browser.page(PAGE)
    assert (await prove(story, browser, "mara-at-hub")).headers["location"] == PAGE
    assert (await agree(browser)).status_code == 303
    assert "It is let in once you may download here" in await browser.page(PAGE)
    await story.work_off()
    assert story.at_hub == {"stranger": "pending"}

    # Accepted in the registry, in at the Hub: by the news, not by the clock.
    accepted = world.accept(mara, world.model(mara))
    assert "Be let in at the Hub too" in await browser.page("/quarry/quarry-15b")
    assert await story.work_off() == 1
    assert story.at_hub == {"stranger": "pending", "mara-at-hub": "accepted"}
    assert "It is let in within a few minutes" in await browser.page(PAGE)

    # The Hub breaks; in this hour the person takes the acceptance back.
    broken = story.hub.fail(Trouble.BAD_GATEWAY, times=10_000)
    world.withdraw(mara, accepted.id)
    for _ in range(30):
        await story.work_off()
        story.advance(minutes=2)
    assert story.at_hub["mara-at-hub"] == "accepted", "the Hub was not reached"
    status = (await story.owner.get(API)).json()
    assert (status["trouble"], status["settled_at"] < status["looked_at"]) == ("unreachable", True)
    assert status["failures"] < 15, "a Hub that is down is asked less and less often"
    broken.times = 0
    story.advance(hours=1)
    await story.work_off()
    assert story.at_hub == {"stranger": "pending", "mara-at-hub": "reset"}
    assert (await story.owner.get(API)).json()["failures"] == 0
    reset = story.hub.calls("POST", "/handle")[-1]
    assert f"Accept the license first at {BASE_URL}/quarry/quarry-15b" in reset.body.decode()


async def test_a_restriction_and_an_erasure_reach_the_hub_by_the_news(story: Story, mara: Principal) -> None:
    world, browser = story.site.world, story.site.browser(mara)
    person = {"person_id": mara.person_id}

    def desk() -> erasures.Desk:
        return erasures.Desk(sealer=world.sealer, base_url=BASE_URL, now=world.now)

    await prove(story, browser, "mara-at-hub")
    await agree(browser)
    world.accept(mara, world.model(mara))
    await story.work_off()
    assert story.at_hub == {"mara-at-hub": "accepted"}
    world.write(restrictions.place_restriction, desk=desk(), **person)
    assert await story.work_off() == 1
    assert story.at_hub == {"mara-at-hub": "pending"}
    world.write(restrictions.take_back, desk=desk(), **person)
    assert await story.work_off() == 1
    assert story.at_hub == {"mara-at-hub": "accepted"}
    world.write(erasing.erase, desk=desk(), by_operator=True, **person)
    assert await story.work_off() == 1
    assert story.at_hub == {"mara-at-hub": "pending"}


async def test_nobody_is_named_who_did_not_agree_or_took_it_back(story: Story, mara: Principal) -> None:
    world, browser = story.site.world, story.site.browser(mara)
    await prove(story, browser, "mara-at-hub")
    world.accept(mara, world.model(mara))
    await story.work_off()
    assert story.at_hub == {}, "an account that was proved to sign in is not named anywhere"
    await agree(browser)
    await story.work_off()
    assert story.at_hub == {"mara-at-hub": "accepted"}

    story.advance(minutes=1)
    assert (await browser.post(f"{PAGE}/back", seen_on=PAGE)).status_code == 303
    story.advance(minutes=1)
    await story.work_off()
    assert story.at_hub == {"mara-at-hub": "reset"}
    # Who then asks at the Hub by themself is let in: they said so there.
    story.hub.ask(REPO, "mara-at-hub")
    story.advance(minutes=3)
    await story.work_off()
    assert story.at_hub == {"mara-at-hub": "accepted"}


async def test_another_account_another_repository_and_no_browser_agree_to_nothing(
    story: Story, mara: Principal
) -> None:
    world, browser = story.site.world, story.site.browser(mara)
    other = story.site.browser(world.person("noor@uni.example"))
    await prove(story, browser, "mara-at-hub")
    await prove(story, other, "stranger")
    (of_other,) = re.findall(r'name="account" value="([^"]+)"', await other.page(PAGE))
    (own,) = re.findall(r'name="account" value="([^"]+)"', await browser.page(PAGE))
    for account, repository in ((of_other, REPO), (own, "hf-org/another"), ("", REPO)):
        refused = await browser.post(PAGE, seen_on=PAGE, account=account, repository=repository)
        assert refused.status_code == 422
    assert world.read(disclosure_store.list_of_person, person_id=mara.person_id) == []
    assert (await story.site.anonymous.get(PAGE)).headers["location"] == f"/sign-in?next={PAGE}"
    token = world.token(mara, *Scope)
    sent = await story.site.client.post(PAGE, headers={"Authorization": f"Bearer {token}"})
    assert sent.status_code in {401, 403}


async def test_what_was_agreed_ends_with_the_pairing_and_with_the_account(
    story: Story, mara: Principal
) -> None:
    world, browser = story.site.world, story.site.browser(mara)
    await prove(story, browser, "mara-at-hub")
    await agree(browser)
    page = (await browser.get("/settings/identities")).text
    (remove,) = re.findall(r'action="(/settings/identities/[^"]+/remove)"', page)
    await browser.post(remove, seen_on="/settings/identities")
    world.accept(mara, world.model(mara))
    await story.work_off()
    assert story.at_hub == {}
    await story.owner.post(f"{API}/unlink")
    gone = await browser.get(PAGE)
    assert (gone.status_code, "hub-not-followed" in gone.text) == (409, True)
    assert "Be let in at the Hub too" not in await browser.page("/quarry/quarry-15b")


async def test_news_during_a_pass_is_not_lost(story: Story, mara: Principal) -> None:
    world = story.site.world
    story.hub.ask(REPO, "mara-at-hub")
    await prove(story, story.site.browser(mara), "mara-at-hub", seen_on="/settings/identities")
    row = world.read(
        service.find_mirror,
        publisher="quarry",
        name="quarry-15b",
        principal=world.person("owner@quarry.example"),
    ).row
    assert world.write(service.claim, mirror_id=row.id, keep=False, now=world.now)
    world.accept(mara, world.model(mara))
    assert await story.work_off() == 0, "somebody else has the mirror"
    world.write(service.note_pass, mirror_id=row.id, result=Pass(), began=world.now, now=world.now)
    assert await story.work_off() == 1
    assert story.at_hub == {"mara-at-hub": "accepted"}
