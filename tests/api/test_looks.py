"""Looking at people's data leaves a durable row, for the publisher's owners and for the person."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text, update
from sqlmodel import select

from registry.catalog.look_tables import Look
from registry.identity.domain import Scope
from registry.identity.tables import Person
from tests.api.conftest import Site
from tests.clock import SettableClock

OWNER, MARA = "owner@quarry.example", "mara@nordlab.example"


def looks(site: Site) -> list[tuple[str, bool, bool]]:
    """What was looked at, whether it was one person, whether it went out as a file."""
    rows = site.world.read(lambda session: session.exec(select(Look).order_by(Look.id)).all())
    return [(row.what, row.subject_id is not None, row.export) for row in rows]


@pytest.fixture
def summary(site: Site) -> Any:
    return site.world.accept(site.world.person(MARA), site.world.gated_model())


async def test_every_list_and_export_leaves_one_row_an_hour(
    site: Site, summary: Any, clock: SettableClock
) -> None:
    owner = site.world.person(OWNER)
    browser, token = site.browser(owner), site.world.token(owner, Scope.AUDIT)
    for _ in range(2):
        for name in ("acceptances", "downloads", "roles", "blocks"):
            await browser.page(f"/manage/quarry/{name}")
        clock.advance(timedelta(minutes=29))
    await browser.page("/manage/quarry/acceptances", search=MARA)
    await browser.page("/manage/quarry/acceptances", search=str(summary.id))
    assert (await browser.get("/manage/quarry/acceptances.csv")).status_code == 200
    assert (await browser.get("/manage/quarry/downloads.jsonl")).status_code == 200
    await browser.page(f"/records/{summary.id}")
    assert (await site.api("/api/v1/audit/acceptances", token, publisher="quarry")).status_code == 200
    assert (await site.api("/api/v1/audit/downloads", token, publisher="quarry")).status_code == 200
    expected = [
        ("acceptances", False, False),
        ("downloads", False, False),
        ("roles", False, False),
        ("blocks", False, False),
        ("acceptances", True, False),
        ("acceptances", False, True),
        ("downloads", False, True),
        ("receipt", True, False),
        ("acceptances", False, False),
        ("downloads", False, False),
    ]
    assert looks(site) == expected
    clock.advance(timedelta(minutes=2))
    await browser.page("/manage/quarry/roles")
    assert looks(site) == [*expected, ("roles", False, False)]


async def test_owners_see_who_looked_and_nobody_else_does(site: Site, summary: Any) -> None:
    owner = site.browser(site.world.person(OWNER))
    await owner.page(f"/records/{summary.id}")
    page = await owner.page("/manage/quarry/looks")
    assert OWNER in page
    assert "a receipt of" in page
    assert MARA in page
    assert (await site.browser(site.world.person(MARA)).get("/manage/quarry/looks")).status_code in {403, 404}
    assert (await site.anonymous.get("/manage/quarry/looks")).status_code == 401


async def test_a_person_finds_the_looks_at_their_data_in_their_export(site: Site, summary: Any) -> None:
    world = site.world
    owner, mara = site.browser(world.person(OWNER)), site.browser(world.person(MARA))
    await owner.page(f"/records/{summary.id}")
    await owner.page("/manage/quarry/acceptances")
    await mara.page(f"/records/{summary.id}")
    found = json.loads((await mara.get("/records/export.json")).text)["looks"]
    assert [(look["what"], look["only_you"], look["publisher"]) for look in found] == [
        ("acceptances", False, "quarry"),
        ("receipt", True, "quarry"),
    ]
    assert OWNER not in json.dumps(found)
    stranger = site.browser(world.person("stranger@nordlab.example"))
    assert json.loads((await stranger.get("/records/export.json")).text)["looks"] == []


async def test_what_cannot_be_recorded_is_not_shown(site: Site, summary: Any) -> None:
    owner = site.browser(site.world.person(OWNER))
    with site.world.database.engine.begin() as connection:
        connection.execute(text("DROP TABLE look"))
    answer = await owner.get("/manage/quarry/acceptances")
    assert answer.status_code >= 500
    assert MARA not in answer.text


async def test_the_receipt_page_shows_when_the_receipt_was_fetched(site: Site, summary: Any) -> None:
    mara = site.browser(site.world.person(MARA))
    assert "receipt first downloaded" not in await mara.page(f"/records/{summary.id}")
    assert (await mara.get(f"/api/v1/receipts/{summary.id}")).status_code == 200
    page = await mara.page(f"/records/{summary.id}")
    assert "receipt first downloaded" in page
    assert "whose state is not known" in page
    assert "no name was typed before" in page


async def test_an_operator_asks_for_somebody_else_and_the_look_is_recorded(site: Site, summary: Any) -> None:
    path = "/api/v1/models/quarry/quarry-15b/access"
    operator = site.world.person("operator@registry.example")
    site.world.write(
        lambda session: (
            session.execute(update(Person).where(Person.id == operator.person_id).values(is_operator=True))
            and None
        )
    )
    own = (await site.api(path, site.world.token(site.world.person(MARA)))).json()
    told = await site.api(path, site.world.token(operator, Scope.AUDIT), person=MARA)
    assert told.status_code == 200
    assert told.json()["permitted"] is True
    by_license = [reason for reason in own["reasons"] if reason["code"] == "license-accepted"]
    assert [one for one in told.json()["reasons"] if one["code"] == "license-accepted"] == by_license
    nobody = (
        await site.api(path, site.world.token(operator, Scope.AUDIT), person="x@nordlab.example")
    ).json()
    newcomer = (await site.browser(site.world.person("y@nordlab.example")).get(path)).json()
    assert nobody == newcomer
    assert looks(site) == [("explanation", True, False), ("explanation", False, False)]
    # Nobody else may, whomever they ask for; nor may the operator by a token made for reading.
    for who, scope, code in (
        (site.world.person("noor@else.example"), Scope.AUDIT, "asking-for-others"),
        (site.world.person(MARA), Scope.READ, "scope-missing"),
        (operator, Scope.READ, "scope-missing"),
    ):
        refused = await site.api(path, site.world.token(who, scope), person=MARA)
        assert (refused.status_code, refused.json()["code"]) == (403, code)
    assert len(looks(site)) == 2
    exported = (await site.browser(site.world.person(MARA)).get("/records/export.json")).text
    assert "explanation" in exported
