"""One page takes all licenses that a model comes with: in one act, each at its own gate, all or none (P2, P3, P4)."""

import html
import re
from datetime import timedelta
from typing import Any

from registry import acceptances, access, catalog, licenses
from registry.acceptances import fsck, sd_jwt
from registry.acceptances.service import MEMBERS_GRACE
from registry.catalog.domain import GateMode, ModelView
from registry.identity.domain import Principal
from registry.identity.organisation_tables import Organisation, OrganisationDomain, OrganisationMember
from registry.kernel.identifiers import new_id
from tests.api.conftest import Browser, Site
from tests.world import TEXT_10, TEXT_11, World, claims_of

PAGE = "/quarry/slate/accept"
BASE_CARD = b"""---
license: other
extra_gated_prompt: Tell us who you are.
extra_gated_fields:
  Affiliation: text
  Country: country
---
# Base
"""
OWN_CARD = b"""---
license: other
base_model:
- quarry/quarry-15b
- quarry/marl
extra_gated_fields:
  Affiliation: text
  Country: text
---
# Slate
"""
ANSWERS = {"answer-0": "Nordlab", "answer-1": "the north", "answer-2": "NL"}


def words(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def hidden(text: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="([\w-]+)" value="([^"]*)"', text)
    return {name: html.unescape(value) for name, value in found if name != "_csrf"}


def family(world: World) -> tuple[Principal, ModelView]:
    """Slate with a license of its own, made from two bases with one license between them."""
    world.license("1.0", TEXT_10, "initial")
    world.write(
        licenses.publish_version,
        command=licenses.PublishVersion(
            slug="slate-m",
            number="2.0",
            change_class=licenses.ChangeClass.INITIAL,
            text=b"Slate\n\n1. Be careful.\n",
            title="Slate M",
        ),
        now=world.now,
        by=None,
    )
    owner = world.person("owner@quarry.example")
    publisher = world.publisher(owner)
    for name in ("quarry-15b", "marl"):
        files = {"README.md": BASE_CARD, "model.safetensors": name.encode() * 4000}
        world.release(owner, publisher, name=name, files=files)
        decided = {"base_license": "sample-openrail-m@1.0", "own_license": "slate-m@2.0"}
        world.equivalent(owner, f"quarry/{name}", model="quarry/slate", **decided)
    files = {"README.md": OWN_CARD, "model.safetensors": b"slate" * 4000}
    slate = world.release(owner, publisher, name="slate", requires=("slate-m@2.0",), files=files)
    return owner, slate


def demand(world: World, owner: Principal, name: str, *references: str, mode: str = "auto") -> None:
    changed = world.write(
        catalog.change_gate,
        publisher="quarry",
        name=name,
        demand=catalog.GateDemand(mode=GateMode(mode), licenses=references),
        principal=owner,
        now=world.now,
    )
    assert isinstance(changed, catalog.GateView), changed


def _body(session: Any, *, officer: Principal, now: Any) -> Any:
    """An organisation of one officer with a proved domain."""
    body, year = new_id(), timedelta(days=365)
    session.add(Organisation(id=body, name="Nordlab", created_by=officer.person_id, created_at=now))
    session.flush()
    session.add(
        OrganisationDomain(
            id=new_id(), organisation_id=body, domain="nordlab.example", mailbox="postmaster", secret_digest="a",
            claimed_by=officer.person_id, claimed_at=now, proved_at=now, valid_until=now + year,
        )
    )  # fmt: skip
    session.add(
        OrganisationMember(
            id=new_id(), organisation_id=body, person_id=officer.person_id, is_officer=True, since=now
        )
    )
    return body


async def send(browser: Browser, form: dict[str, str], **changes: str) -> Any:
    given = {"declaration": "on", "typed_name": "Mara Lindqvist", **ANSWERS, **form, **changes}
    return await browser.post(PAGE, seen_on=PAGE, **given)


def accepted(world: World, person: Principal) -> list[acceptances.AcceptanceSummary]:
    wanted = acceptances.Filter(person_id=person.person_id)
    return list(world.read(acceptances.list_acceptances, wanted=wanted))[::-1]


def answers_of(world: World, one: acceptances.AcceptanceSummary) -> dict[str, str]:
    statement, disclosures = world.read(
        acceptances.open_disclosures, acceptance_id=one.id, sealer=world.sealer
    )
    return sd_jwt.open_claims(sd_jwt.read_payload(statement), disclosures)["answers"]


async def test_one_act_accepts_what_the_model_and_its_bases_ask_for_each_at_its_gate(site: Site) -> None:
    world = site.world
    _, slate = family(world)
    person = world.person()
    browser = site.browser(person)
    refusal = world.decide(person, slate).refusal
    assert refusal.remedy.url == f"{PAGE}?license=slate-m@2.0"
    assert refusal.remedy.text == "Read the 3 licenses and accept them on one page"
    page = await browser.page(PAGE)
    said = words(page)
    assert "Accept all 2 licenses" in said
    assert "1 of 2. Asked for by quarry/slate" in said
    assert "2 of 2. Asked for by quarry/quarry-15b , quarry/marl" in said
    assert said.count("Tell us who you are.") == 2
    assert said.count("Affiliation") == 1
    assert "Country (quarry/" in said
    form = hidden(page)
    assert {"ticket", "ticket-2", "ticket-3", "text_sha256-3"} <= form.keys()
    answer = await send(browser, form)
    assert answer.status_code == 303, words(answer.text)
    own, first, second = accepted(world, person)
    assert [one.slug for one in (own, first, second)] == ["slate-m"] + ["sample-openrail-m"] * 2
    assert {first.model, second.model} == {"quarry-15b", "marl"}
    verdict = world.decide(person, slate)
    assert isinstance(verdict, access.Permit)
    assert set(verdict.acceptance_ids) == {own.id, first.id, second.id}
    assert answers_of(world, own) == {"Affiliation": "Nordlab", "Country": "the north"}
    assert (
        answers_of(world, first) == answers_of(world, second) == {"Affiliation": "Nordlab", "Country": "NL"}
    )
    for one in (own, first, second):
        claims = claims_of(
            world.read(acceptances.open_disclosures, acceptance_id=one.id, sealer=world.sealer)[0]
        )
        assert (claims["act"]["texts"], claims["act"]["button"]) == (2, "Accept all 2 licenses")
        assert claims["scope"]["model"] == f"quarry/{one.model}"
    receipt = words((await browser.get(answer.headers["location"])).text)
    assert "Your 3 acceptances are recorded Go on to quarry/slate." in receipt
    assert "I have read each of the license agreements shown here" in receipt
    again = await browser.post(
        PAGE, seen_on="/records", declaration="on", typed_name="Mara", **ANSWERS, **form
    )
    assert again.status_code == 303
    assert len(accepted(world, person)) == 3
    world.integrate()
    assert list(world.read(fsck.find_discrepancies, sealer=world.sealer)) == []


async def test_nothing_is_accepted_where_one_of_the_texts_changed_or_is_not_asked_for(site: Site) -> None:
    world = site.world
    owner, slate = family(world)
    person = world.person()
    browser = site.browser(person)
    form = hidden(await browser.page(PAGE))
    unticked = await send(browser, form, declaration="", **{"answer-2": ""})
    assert unticked.status_code == 422
    assert "Choose a country." in words(unticked.text)
    forged = {
        "a text twice": {**form, **{f"{name}-2": form[f"{name}-3"] for name in ("ticket", "text_sha256")}},
        "another digest": {**form, "text_sha256-2": form["text_sha256"]},
        "no ticket of ours": {**form, "ticket-3": form["ticket-3"][:-4] + "AAAA"},
    }
    for name, sent in forged.items():
        assert (await send(browser, sent)).status_code == 409, name
    world.license("1.1", TEXT_11, "material")
    demand(world, owner, "marl", "sample-openrail-m@1.1")
    answer = await send(browser, form)
    assert answer.status_code == 409
    assert "You were shown Sample OpenRAIL-M 1.0 on the page just sent." in words(answer.text)
    assert accepted(world, person) == []
    assert not isinstance(world.decide(person, slate), access.Permit)
    assert (await send(browser, hidden(answer.text))).status_code == 303
    assert len(accepted(world, person)) == 3


async def test_gates_that_are_reviewed_closed_or_not_public_are_named_and_stop_nothing_else(
    site: Site,
) -> None:
    world = site.world
    owner, _ = family(world)
    person = world.person()
    browser = site.browser(person)
    demand(world, owner, "quarry-15b", "sample-openrail-m@1.0", mode="manual")
    demand(world, owner, "marl", "sample-openrail-m@1.0", mode="closed")
    demand(world, owner, "slate", "slate-m@2.0", mode="manual")
    page = await browser.page(PAGE)
    assert "given out after review only: ask there for them. quarry/slate does not need that" in words(page)
    assert "not given out to anybody. quarry/slate does not need them" in words(page)
    answer = await send(browser, hidden(page))
    assert answer.headers["location"].startswith("/quarry/slate/request?accepted=")
    world.database.write_now(
        lambda session: session.connection().exec_driver_sql(
            "UPDATE model SET private = NOT private WHERE name = 'marl'"
        )
    )
    somebody = site.browser(world.person("noor@else.example"))
    page = await somebody.page(PAGE)
    assert "This will not be all" in words(page)
    assert "quarry/marl" not in page
    assert "ticket-3" not in hidden(page)


async def test_what_an_organisation_covers_is_not_asked_again_and_an_officer_accepts_all_for_it(
    site: Site,
) -> None:
    world = site.world
    _, slate = family(world)
    officer = world.person()
    body = world.write(_body, officer=officer, now=world.now)
    browser = site.browser(officer)
    page = await browser.page(PAGE, organisation=str(body))
    assert "I am authorised to accept these licenses for Nordlab" in words(page)
    capacity = {"capacity": str(body), "authorised": "on", "officer_title": "Head"}
    form = {**hidden(page), **capacity}
    assert (await send(browser, form, officer_title="")).status_code == 422
    answer = await send(browser, form)
    assert answer.status_code == 303, words(answer.text)
    assert isinstance(world.decide(officer, slate), access.Permit)
    world.withdraw(officer, accepted(world, officer)[0].id)
    world.clock.advance(MEMBERS_GRACE)
    said = words(await site.browser(world.person()).page(PAGE))
    assert "Accept Slate M 2.0" in said
    assert "quarry/marl" not in said
