"""The operators' page: what waits, and everything about one person for a reason that the person reads."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from registry.catalog.look_tables import Look
from registry.delivery import holds
from registry.identity import erasures, restrictions
from registry.identity.domain import Principal
from registry.identity.tables import Person
from tests.api.conftest import Site
from tests.world import BASE_URL

PAGE, MARA, WHY = "/operations", "mara@nordlab.example", "court order 7 U 12/26"


@pytest.fixture
def operator(site: Site) -> Principal:
    found = site.world.person("operator@registry.example")
    site.world.write(lambda session, **_: setattr(session.get(Person, found.person_id), "is_operator", True))
    return found


@pytest.fixture
def mara(site: Site) -> Principal:
    world = site.world
    model, found = world.gated_model(), world.person(MARA)
    world.accept(found, model)
    return found


def looks(site: Site) -> list[Look]:
    return site.world.read(lambda session: list(session.exec(select(Look).order_by(Look.id))))


async def ask(site: Site, operator: Principal, **given: str) -> Any:
    form = {"person": MARA, "reason": WHY, **given}
    return await site.browser(operator).post(f"{PAGE}/person", seen_on=PAGE, **form)


async def test_the_document_is_the_persons_own_and_they_read_who_looked_and_why(
    site: Site, operator: Principal, mara: Principal
) -> None:
    answer = await ask(site, operator)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "private, no-store"
    own = json.loads((await site.browser(mara).get("/records/export.json")).text)
    (look,) = own["looks"]
    assert (look["publisher"], look["what"], look["reason"], look["only_you"]) == (None, "person", WHY, True)
    found = answer.json()
    for part in ("person", "acceptances", "downloads", "access_requests", "roles"):
        assert found[part] == own[part], part
    assert found["acceptances"][0]["email"] == MARA
    for who in (str(mara.person_id), MARA.upper()):
        assert (await ask(site, operator, person=who)).json()["person"]["email"] == MARA
    assert [one.publisher_id for one in looks(site)] == [None]
    publisher_looks = await site.browser(site.world.person("owner@quarry.example")).page(
        "/manage/quarry/looks"
    )
    assert WHY not in publisher_looks


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"reason": "short"}, "say in 8 to 500 characters why"),
        ({"reason": ""}, "say in 8 to 500 characters why"),
        ({"person": "nobody@else.example"}, "nobody with this address or id is known here"),
        ({"person": "<b>not an address"}, "nobody with this address or id is known here"),
    ],
)
async def test_without_a_reason_or_a_person_nothing_is_sent_or_recorded(
    site: Site, operator: Principal, mara: Principal, given: dict[str, str], said: str
) -> None:
    answer = await ask(site, operator, **given)
    assert answer.status_code == 422
    assert said in answer.text
    assert "<b>not" not in answer.text
    assert looks(site) == []


async def test_whose_data_is_stored_only_is_sent_to_nobody_else(
    site: Site, operator: Principal, mara: Principal
) -> None:
    world = site.world
    desk = erasures.Desk(sealer=world.sealer, base_url=BASE_URL, now=world.now)
    world.write(restrictions.place_restriction, desk=desk, person_id=mara.person_id)
    answer = await ask(site, operator)
    assert answer.status_code == 422
    assert "may only be stored" in answer.text
    assert str(mara.person_id) in answer.text, "the restriction stands in the list"
    assert looks(site) == []


async def test_what_waits_is_shown_to_operators_alone(
    site: Site, operator: Principal, mara: Principal
) -> None:
    world = site.world
    desk = erasures.Desk(sealer=world.sealer, base_url=BASE_URL, now=world.now)
    world.write(
        erasures.ask_erasure, desk=desk, person_id=mara.person_id, offices=(), grace=timedelta(days=7)
    )
    other = world.person("noor@uni.example")
    world.write(
        restrictions.ask_restriction,
        desk=desk,
        person_id=other.person_id,
        ground="accuracy",
        words="<i>mine</i>",
    )
    order = holds.Order(publisher="quarry", reason="A dispute about a use", ordered_by="7 O 12/26")
    world.write(holds.place_hold, order=order, sealer=world.sealer, now=world.now)
    page = await site.browser(operator).page(PAGE)
    for shown in (
        str(mara.person_id),
        str(other.person_id),
        "&lt;i&gt;mine&lt;/i&gt;",
        "A dispute about a use",
    ):
        assert shown in page
    assert MARA not in page, "a list of ids names nobody"
    assert "/operations" in await site.browser(operator).page("/manage")
    owner = world.person("owner@quarry.example")
    refused = await site.browser(owner).get(PAGE)
    assert refused.status_code == 403
    assert str(mara.person_id) not in refused.text
    assert "/operations" not in await site.browser(owner).page("/manage")


async def test_a_sign_in_of_yesterday_is_not_enough(site: Site, operator: Principal, mara: Principal) -> None:
    browser = site.browser(operator)
    await browser.page(PAGE)
    site.world.clock.advance(timedelta(hours=2))
    assert "Sign in again" in await browser.page(PAGE)
    answer = await browser.post(f"{PAGE}/person", seen_on=PAGE, person=MARA, reason=WHY)
    assert (answer.status_code, "too long ago" in answer.text) == (403, True)
    assert looks(site) == []
