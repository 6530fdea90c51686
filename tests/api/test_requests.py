"""Asking for access in a browser: the form, the trail, the queue of the reviewers."""

import re
from datetime import timedelta
from typing import Any

import pytest

from registry import catalog
from registry.catalog.domain import GateMode, Role
from registry.identity.domain import Principal
from tests.api.conftest import Browser, Site
from tests.clock import SettableClock
from tests.world import World

ASK, QUEUE = "/quarry/quarry-15b/request", "/manage/quarry/requests"
FILLED = {"answer-0": "Nordlab Institute", "answer-1": "NO", "note": "for my thesis", "do": "send"}


@pytest.fixture
def owner(world: World) -> Principal:
    """The owner of a gate of mode manual, with Ben and Carl as reviewers."""
    model = world.gated_model()
    owner = world.person("owner@quarry.example")
    for name in ("ben", "carl"):
        world.write(
            catalog.add_role,
            publisher="quarry",
            person_id=world.person(f"{name}@quarry.example").person_id,
            role=Role.REVIEWER,
            principal=owner,
            now=world.now,
        )
    changed = world.write(
        catalog.change_gate,
        publisher="quarry",
        name="quarry-15b",
        demand=catalog.GateDemand(
            mode=GateMode.MANUAL, licenses=("sample-openrail-m@1.0",), fields=model.gate.fields
        ),
        principal=owner,
        now=world.now,
    )
    assert isinstance(changed, catalog.GateView), changed
    return owner


@pytest.fixture
def anna(site: Site, owner: Principal) -> Browser:
    """Somebody who has accepted the license."""
    person = site.world.person("anna@uni.example")
    site.world.accept(person, site.world.model(owner))
    return site.browser(person)


@pytest.fixture
def ben(site: Site, owner: Principal) -> Browser:
    return site.browser(site.world.person("ben@quarry.example"))


async def sent(browser: Browser) -> str:
    """The address of the request that the browser's person sends."""
    answer = await browser.post(ASK, seen_on=ASK, **FILLED)
    assert answer.status_code == 303, answer.text[:2000]
    location: str = answer.headers["location"]
    assert location.startswith("/requests/")
    return location


async def do(browser: Browser, request: str, event: str, **fields: str) -> Any:
    return await browser.post(f"{request}/{event}", seen_on=request, **fields)


async def test_who_has_not_accepted_is_led_to_the_license_first(site: Site, owner: Principal) -> None:
    assert (await site.anonymous.get(ASK)).headers["location"].startswith("/sign-in?next=")
    noor = site.browser(site.world.person("noor@uni.example"))
    answer = await noor.get(ASK)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/quarry/quarry-15b/accept?license=sample-openrail-m@1.0",
    )


async def test_the_form_says_how_the_review_goes_and_is_filled_in(anna: Browser) -> None:
    text = await anna.page(ASK)
    assert "They mean to answer within 5 days" in text
    assert "The reviewers of quarry" in text
    assert 'value="Nordlab Institute"' in text
    assert '<option value="NO" selected>' in text
    assert "answers of your newest acceptance" in text


async def test_a_form_that_cannot_stand_keeps_what_was_typed(anna: Browser) -> None:
    answer = await anna.post(ASK, seen_on=ASK, **{**FILLED, "answer-0": "", "note": ""})
    assert answer.status_code == 422
    assert "2 answers need another look" in answer.text
    assert 'id="note-error"' in answer.text
    assert '<option value="NO" selected>' in answer.text


async def test_a_draft_is_kept_for_its_writer_alone(anna: Browser, ben: Browser) -> None:
    answer = await anna.post(ASK, seen_on=ASK, **{**FILLED, "answer-1": "", "note": "half a", "do": "draft"})
    assert answer.headers["location"] == f"{ASK}?kept=1"
    text = await anna.page(ASK)
    assert "half a</textarea>" in text
    assert "Filled in with your draft" in text
    assert "Your request is a draft" in await anna.page("/quarry/quarry-15b")
    page = re.search(r'href="(/requests/[0-9a-f-]{36})"', await anna.page("/requests"))
    assert page
    assert "Not sent yet" in await anna.page(page[1])
    assert (await ben.get(page[1])).status_code == 404
    assert "anna@uni.example" not in await ben.page(QUEUE, state="all")


async def test_the_whole_way_reads_well_on_one_page(site: Site, anna: Browser, ben: Browser) -> None:
    assert "Opened by review" in await anna.page("/quarry/quarry-15b")
    assert "Not asked for yet" in await anna.page("/")
    request = await sent(anna)
    assert "Waiting for review" in await anna.page("/quarry/quarry-15b")
    assert "Waiting for review" in await anna.page("/")
    assert (await anna.get(ASK)).headers["location"] == request
    queue = await ben.page(QUEUE)
    assert "anna@uni.example" in queue
    assert "1 request waits for a decision" in queue
    assert (await do(ben, request, "take")).status_code == 303
    assert "Taken by" in await ben.page(request)
    await do(ben, request, "return-for-changes", note="Name your supervisor")
    assert "Sent back for changes" in await anna.page("/quarry/quarry-15b")
    form = await anna.page(ASK)
    assert "Name your supervisor" in form
    assert "for my thesis</textarea>" in form
    again = {**FILLED, "answer-0": "Nordlab and Uni", "note": "my supervisor is Prof. Ek"}
    assert (await anna.post(ASK, seen_on=ASK, **again)).headers["location"] == request
    seen = await ben.page(request)
    assert "<del><bdi>Nordlab Institute</bdi></del>" in seen
    assert "<ins><bdi>Nordlab and Uni</bdi></ins>" in seen
    assert "<ins><bdi>NO</bdi></ins>" not in seen
    assert (await do(ben, request, "approve", note="Welcome")).status_code == 303
    trail = await anna.page(request)
    words = [
        "Draft begun",
        "Request sent",
        "Review began",
        "Changes asked for",
        "Changed request sent",
        "Approved",
    ]
    places = [trail.rindex(f">{word}<") for word in words]
    assert places == sorted(places)
    assert "ben@quarry.example" not in trail
    assert "a reviewer" in trail
    assert "Welcome" in trail
    assert "You may download" in await anna.page("/quarry/quarry-15b")


async def test_a_rejection_needs_reason_and_words_and_can_be_appealed(
    site: Site, anna: Browser, ben: Browser, clock: SettableClock
) -> None:
    request = await sent(anna)
    answer = await do(ben, request, "reject", note="", reason="", until="someday")
    assert answer.status_code == 422
    assert "Write a day, such as 2027-01-31" in answer.text
    answer = await do(ben, request, "reject", note="", reason="")
    assert answer.status_code == 422
    assert 'id="reject-reason-error"' in answer.text
    await do(ben, request, "reject", note="Tell us more", reason="incomplete")
    text = await anna.page(request)
    assert "The request does not say enough to decide on it" in text
    assert "Appeal to another reviewer" in text
    assert "Your request was rejected" in await anna.page("/quarry/quarry-15b")
    assert (await anna.get(ASK)).status_code == 409
    await do(anna, request, "appeal", note="I did")
    assert (await do(ben, request, "approve")).status_code == 403
    carl = site.browser(site.world.person("carl@quarry.example"))
    assert (await do(carl, request, "approve", until="2099-12-31")).status_code == 303
    assert "1 January 2100, 00:00 UTC" in await anna.page(request)


async def test_a_kept_text_is_put_into_a_note_without_a_script(anna: Browser, ben: Browser) -> None:
    answer = await ben.post(f"{QUEUE}/templates", seen_on=QUEUE, title="", text="")
    assert answer.status_code == 422
    kept = await ben.post(
        f"{QUEUE}/templates", seen_on=QUEUE, title="More about use", text="Say more, please."
    )
    assert kept.status_code == 303
    twice = await ben.post(f"{QUEUE}/templates", seen_on=QUEUE, title="More about use", text="Else")
    assert "There is a text of this title already" in twice.text
    request = await sent(anna)
    option = re.search(r'<option value="([0-9a-f-]{36})">More about use', await ben.page(request))
    assert option
    text = await ben.page(request, event="reject", template=option[1])
    assert "Say more, please.</textarea>" in text
    assert '<details class="fold" id="event-reject" open>' in text
    assert "Say more, please." not in await anna.page(request, event="withdraw", template=option[1])
    remove = re.search(rf'action="({QUEUE}/templates/[^"]+/remove)"', await ben.page(QUEUE))
    assert remove
    assert (await ben.post(remove[1], seen_on=QUEUE)).status_code == 303
    assert "More about use" not in await ben.page(QUEUE)


async def test_the_queue_is_narrowed_by_state_reviewer_and_age(
    site: Site, anna: Browser, ben: Browser, clock: SettableClock
) -> None:
    request = await sent(anna)
    assert "anna@" in await ben.page(QUEUE, assigned="nobody")
    assert "anna@" not in await ben.page(QUEUE, assigned="me")
    assert "anna@" not in await ben.page(QUEUE, age="1")
    assert "Over the" not in await ben.page(QUEUE)
    clock.advance(timedelta(days=6))
    ben = site.browser(site.world.person("ben@quarry.example"))
    assert "anna@" in await ben.page(QUEUE, age="5")
    assert "Over the 5 days meant" in await ben.page(QUEUE)
    await do(ben, request, "take")
    assert "anna@" in await ben.page(QUEUE, assigned="me", state="in-review")
    assert "anna@" not in await ben.page(QUEUE, state="submitted")


async def test_an_acceptance_leads_on_to_the_request(site: Site, owner: Principal) -> None:
    noor = site.browser(site.world.person("noor@uni.example"))
    page = "/quarry/quarry-15b/accept"
    text = await noor.page(page)
    assert "Ask for access" in text
    hidden = dict(re.findall(r'name="(ticket|text_sha256)" value="([^"]+)"', text))
    answer = await noor.post(
        page,
        seen_on=page,
        **{**hidden, "declaration": "on", "typed_name": "Noor", "answer-0": "Uni", "answer-1": "SE"},
    )
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{ASK}?accepted=")
    assert "Your acceptance is recorded" in await noor.page(answer.headers["location"])


async def test_own_requests_go_on_page_by_page(site: Site, anna: Browser) -> None:
    assert "No requests yet" in await anna.page("/requests")
    for _ in range(32):
        request = await sent(anna)
        await do(anna, request, "withdraw")
    text = await anna.page("/requests")
    assert text.count('class="lead"') == 30
    older = re.search(r'href="(/requests\?after=[0-9a-f-]+)"', text)
    assert older
    assert (await anna.page(older[1])).count('class="lead"') == 2
