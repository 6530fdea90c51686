"""A version that asks nobody again waits for a second person: what the pages, the API and the exports say."""

from datetime import timedelta
from typing import Any

import pytest

from registry import catalog, licenses
from registry.catalog.domain import Role
from registry.identity.domain import Principal, Scope
from tests.api.conftest import Site
from tests.clock import SettableClock

PAGE = "/licenses/quarry-rail/1.0.1/second-person"
API = f"/api/v1{PAGE}"
FIRST = b"Quarry RAIL\n\n1. Use the model well.\n\n2. Say that you use it.\n"
MENDED = b"Quarry RAIL\n\n1. Use the model as you like.\n\n2. Say that you use it.\n"


class People:
    """Ada published the license and its 1.0.1; Ben maintains her publisher."""

    def __init__(self, site: Site) -> None:
        world = site.world
        _ = world.keys
        self.ada = world.person("ada@quarry.example")
        self.ben = world.person("ben@quarry.example")
        self.mara = world.person("mara@nordlab.example")
        world.publisher(self.ada)
        world.write(
            catalog.add_role,
            publisher="quarry",
            person_id=self.ben.person_id,
            role=Role.MAINTAINER,
            principal=self.ada,
            now=world.now,
        )
        world.restricting("quarry-rail", text=FIRST, by=self.ada)
        world.restricting("quarry-rail", text=MENDED, number="1.0.1", change_class="compatible", by=self.ada)


@pytest.fixture
def people(site: Site) -> People:
    return People(site)


async def post(site: Site, who: Principal, body: dict[str, Any], **headers: str) -> Any:
    cookie = f"gatehouse_session={site.browser(who).cookie}"
    return await site.client.post(API, json=body, headers={"Cookie": cookie, **headers})


async def test_a_second_person_reads_what_changed_and_confirms(site: Site, people: People) -> None:
    shown = await site.anonymous.page("/licenses/quarry-rail/1.0.1")
    assert "This version waits for a second person" in shown
    assert "Once confirmed, acceptance of 1.0 stays current" in shown
    assert "version 1.0</span>" in await site.anonymous.page("/licenses/quarry-rail")
    assert "version 1.0, first text" in await site.anonymous.page("/licenses")
    browser = site.browser(people.ben)
    page = await browser.page(PAGE)
    assert "What changed since 1.0" in page
    assert "as you like" in page
    assert "Use restriction" not in page
    done = await browser.post(PAGE, seen_on=PAGE, do="confirm", compared_with="1.0")
    assert (done.status_code, done.headers["location"]) == (303, PAGE)
    after = await browser.page(PAGE)
    assert "A second person confirmed it" in after
    assert "<form class" not in after.partition("<main")[2]
    shown = await site.anonymous.page("/licenses/quarry-rail")
    assert "version 1.0.1</span>" in shown
    assert "confirmed by a second person" in shown
    exported = (await browser.get("/records/export.json")).json()["second_person_decisions"]
    assert [(one["license"], one["outcome"], one["compared_with"]) for one in exported] == [
        ("quarry-rail@1.0.1", "confirmed", "quarry-rail@1.0")
    ]
    others = (await site.browser(people.ada).get("/records/export.json")).json()
    assert others["second_person_decisions"] == []
    site.world.integrate()
    log = await site.anonymous.page("/log")
    assert "Second person’s word on a change class" in log
    assert "quarry-rail 1.0.1, compatible: confirmed" in log


async def test_an_objection_needs_a_reason_which_everybody_reads(site: Site, people: People) -> None:
    browser = site.browser(people.ben)
    wanting = await browser.post(PAGE, seen_on=PAGE, do="object", compared_with="1.0", reason=" ")
    assert wanting.status_code == 422
    assert "why the class does not fit" in wanting.text
    said = {"do": "object", "compared_with": "1.0", "reason": "It <b>asks</b> less."}
    assert (await browser.post(PAGE, seen_on=PAGE, **said)).status_code == 303
    public = await site.anonymous.page(PAGE)
    assert "It &lt;b&gt;asks&lt;/b&gt; less." in public
    shown = await site.anonymous.page("/licenses/quarry-rail/1.0.1")
    assert "A second person objects to this version" in shown
    assert "Nobody is asked to accept it" in shown


async def test_included_texts_and_restrictions_that_differ_are_shown_too(site: Site, people: People) -> None:
    world, policy = site.world, licenses.Policy
    before = (policy(title="House <rules>", text=b"Be kind.\n"), policy(title="Old", text=b"Old.\n"))
    after = (policy(title="House <rules>", text=b"Pay us.\n"), policy(title="New", text=b"New.\n"))
    world.restricting(
        "quarry-rail", "no-spam", number="2.0", change_class="material", policies=before, by=people.ada
    )
    world.restricting("quarry-rail", number="2.0.1", change_class="compatible", policies=after, by=people.ada)
    page = await site.anonymous.page("/licenses/quarry-rail/2.0.1/second-person")
    for said in (
        "The included text “House &lt;rules&gt;” is another",
        "It includes a further text: “New”",
        "It does not include “Old” any more",
        "It does not restrict any more:",
        "Be kind.",
    ):
        assert said in page, said
    assert "Pay" in page
    told = (await site.api("/api/v1/licenses/quarry-rail/2.0.1/second-person")).json()
    assert (told["compared_with"], len(told["terms_changed"])) == ("2.0", 4)


async def test_who_may_not_decide_is_told_why_and_finds_no_form(
    site: Site, people: People, clock: SettableClock
) -> None:
    for who, said in (
        (None, "Sign in to decide"),
        (people.ada, "You published quarry-rail 1.0.1 yourself"),
        (people.mara, "You cannot be the second person"),
    ):
        browser = site.browser(who) if who else site.anonymous
        page = await browser.page(PAGE)
        assert said in page
        assert 'value="confirm"' not in page
    browser = site.browser(people.ben)
    token = (await browser.page(PAGE)).partition('name="_csrf" value="')[2].partition('"')[0]
    clock.advance(timedelta(hours=2))
    assert "takes a fresh sign-in" in await browser.page(PAGE)
    late = await browser.post(PAGE, seen_on=PAGE, token=token, do="confirm", compared_with="1.0")
    assert late.status_code == 403
    assert "takes a fresh sign-in" in late.text


async def test_a_form_of_another_site_decides_nothing(site: Site, people: People) -> None:
    browser = site.browser(people.ben)
    forged = await browser.post(PAGE, seen_on=PAGE, token="x" * 64, do="confirm", compared_with="1.0")
    assert forged.status_code == 403
    foreign = await post(
        site, people.ben, {"outcome": "confirmed", "compared_with": "1.0"}, Origin="https://evil.example"
    )
    assert foreign.status_code == 403, foreign.text
    assert (await site.api(API)).json()["second_person"] == "waits"


async def test_the_api_tells_and_takes_the_same(site: Site, people: People) -> None:
    told = (await site.api(API)).json()
    assert (told["second_person"], told["compared_with"], told["reason"]) == ("waits", "1.0", None)
    assert told["compare_url"].endswith("/licenses/quarry-rail/compare?from=1.0&to=1.0.1")
    listed = (await site.api("/api/v1/licenses/quarry-rail")).json()["versions"]
    assert [one["second_person"] for one in listed] == ["waits", "not-needed"]
    version = (await site.api("/api/v1/licenses/quarry-rail/1.0.1")).json()
    assert version["second_person"] == "waits"
    (one,) = (await site.api("/api/v1/licenses")).json()["items"]
    assert (one["latest"]["number"], one["versions"]) == ("1.0", 2)
    own = await post(site, people.ada, {"outcome": "confirmed", "compared_with": "1.0"})
    assert (own.status_code, own.json()["code"]) == (403, "second-person-same")
    old = await post(site, people.ben, {"outcome": "confirmed", "compared_with": "0.9"})
    assert (old.status_code, old.json()["code"]) == (409, "license-comparison-outdated")
    odd = await post(site, people.ben, {"outcome": "perhaps", "compared_with": "1.0"})
    assert odd.status_code in {400, 422}
    done = await post(site, people.ben, {"outcome": "objected", "compared_with": "1.0", "reason": "No."})
    assert (done.status_code, done.json()["second_person"], done.json()["reason"]) == (200, "objected", "No.")
    again = await post(site, people.ben, {"outcome": "confirmed", "compared_with": "1.0"})
    assert (again.status_code, again.json()["code"]) == (409, "license-class-settled")
    assert (await site.api("/api/v1/licenses/quarry-rail/9.9/second-person")).status_code == 404


@pytest.mark.parametrize("scopes", [(), tuple(Scope)])
async def test_a_token_decides_nothing(site: Site, people: People, scopes: tuple[Scope, ...]) -> None:
    token = site.world.token(people.ben, *scopes)
    answer = await site.client.post(
        API,
        json={"outcome": "confirmed", "compared_with": "1.0"},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "fresh-sign-in-needed")
    assert (await site.api(API)).json()["second_person"] == "waits"


async def test_a_gate_offers_no_version_that_waits(site: Site, people: People) -> None:
    world = site.world
    publisher = world.read(catalog.find_publisher, name="quarry")
    world.release(people.ada, publisher, requires=("quarry-rail@1.0",))
    browser = site.browser(people.ada)
    assert "1.0.1" not in await browser.page("/quarry/quarry-15b/gate")
    asked = change_gate(site, people, "quarry-rail@1.0.1")
    assert asked.code == "license-class-not-confirmed"
    world.second_person(people.ben, "quarry-rail@1.0.1")
    assert "1.0.1, the newest" in await browser.page("/quarry/quarry-15b/gate")


def change_gate(site: Site, people: People, reference: str) -> Any:
    return site.world.write(
        catalog.change_gate,
        publisher="quarry",
        name="quarry-15b",
        demand=catalog.GateDemand(mode=catalog.GateMode.AUTO, licenses=(reference,)),
        principal=people.ada,
        now=site.world.now,
    )


async def test_publishing_by_a_token_says_that_it_waits(site: Site, people: People) -> None:
    token = site.world.token(people.ada, Scope.PUBLISH)
    answer = await site.client.post(
        "/api/v1/licenses",
        json={
            "slug": "quarry-rail",
            "number": "1.0.2",
            "change_class": "editorial",
            "text": "Quarry RAIL\n",
        },
        headers={"Authorization": f"Bearer {token}"},
    )
    assert (answer.status_code, answer.json()["second_person"]) == (201, "waits")
