"""Who held access to a model at a moment: API and command, for those who may read the records."""

import csv
import html
import io
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from registry import access, ledger
from registry.catalog.look_tables import Look
from registry.identity.domain import Principal, Scope
from tests.api.conftest import Site
from tests.clock import SettableClock
from tests.world import World

PATH = "/api/v1/audit/holders"
BASE = "http://gatehouse.test:8400"


@pytest.fixture
def owner(world: World) -> Principal:
    world.gated_model()
    return world.person("owner@quarry.example")


async def ask(site: Site, owner: Principal, **query: Any) -> dict[str, Any]:
    token = site.world.token(owner, Scope.AUDIT)
    given = {"publisher": "quarry", "model": "quarry-15b"} | query
    answer = await site.api(PATH, token, **given)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_each_moment_has_its_own_answer_with_proof(
    site: Site, owner: Principal, clock: SettableClock
) -> None:
    world = site.world
    model, mara = world.model(owner), world.person()
    before = clock.advance(timedelta(hours=1)) - timedelta(minutes=1)
    accepted = world.accept(mara, model)
    held = clock.advance(timedelta(hours=1)) - timedelta(minutes=1)
    world.withdraw(mara, accepted.id)
    clock.advance(timedelta(hours=1))
    world.integrate()
    none = await ask(site, owner, at=before.isoformat())
    assert (none["items"], none["anybody"], none["nobody"], none["unknown"]) == ([], False, False, [])
    then = await ask(site, owner, at=held.isoformat(), revision="main")
    assert (await ask(site, owner))["items"] == []
    (holder,) = then["items"]
    (fact,) = holder["acceptances"]
    assert (holder["person_id"], holder["grant"]) == (str(mara.person_id), None)
    assert (fact["receipt_id"], fact["license"]) == (str(accepted.id), "sample-openrail-m@1.0")
    entry = world.read(ledger.find_entry_by_index, index=fact["log_index"])
    assert entry.kind == "acceptance"
    assert (then["gate"]["revision"], then["gate"]["mode"]) == (1, "auto")
    assert world.read(ledger.find_entry_by_index, index=then["gate"]["log_index"]).kind == "gate.changed"
    looks = world.read(lambda session: session.exec(select(Look)).all())
    assert {look.what for look in looks} == {"acceptances"}


async def test_pages_and_exports_hold_the_same_people(
    site: Site, owner: Principal, clock: SettableClock
) -> None:
    world = site.world
    people = [world.person(f"person{number}@lab.example") for number in range(5)]
    for one in people:
        world.accept(one, world.model(owner))
    world.write(
        access.block_person,
        publisher="quarry",
        person_id=people[0].person_id,
        reason="misuse",
        until=None,
        principal=owner,
        now=world.now,
    )
    world.integrate()
    wanted = sorted(str(one.person_id) for one in people[1:])
    first = await ask(site, owner, limit=3)
    clock.advance(timedelta(hours=1))
    world.accept(world.person("later@lab.example"), world.model(owner))
    token = world.token(owner, Scope.AUDIT)
    second = (await site.api(first["next"].removeprefix(BASE), token)).json()
    found = [one["person_id"] for one in first["items"] + second["items"]]
    assert (found, second["next"]) == (wanted, None)
    given = {"publisher": "quarry", "model": "quarry-15b", "at": first["at"]}
    lines = (await site.api(PATH, token, format="jsonl", **given)).text.splitlines()
    assert [json.loads(line)["person_id"] for line in lines] == wanted
    rows = list(csv.DictReader(io.StringIO((await site.api(PATH, token, format="csv", **given)).text)))
    assert [row["person_id"] for row in rows] == wanted
    assert json.loads(rows[0]["acceptances"])[0]["log_index"] is not None


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"at": "yesterday"}, 422, "malformed-request"),
        ({"at": "2999-01-01"}, 422, "malformed-request"),
        ({"at": "2001-01-01"}, 404, "not-there-yet"),
        ({"at": "0001-01-01T00:00:00+23:59"}, 422, "malformed-request"),
        ({"model": "absent"}, 404, "model-not-found"),
        ({"revision": "absent"}, 404, "release-not-found"),
        ({"grade": "B"}, 422, "malformed-request"),
    ],
)
async def test_what_cannot_be_answered_is_refused(
    site: Site, owner: Principal, query: dict[str, str], status: int, code: str
) -> None:
    token = site.world.token(owner, Scope.AUDIT)
    refused = await site.api(PATH, token, **({"publisher": "quarry", "model": "quarry-15b"} | query))
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert refused.json()["remedy"]


async def test_it_is_for_those_who_read_the_records(site: Site, owner: Principal) -> None:
    world = site.world
    given = {"publisher": "quarry", "model": "quarry-15b"}
    assert (await site.api(PATH, **given)).status_code == 401
    assert (await site.api(PATH, world.token(owner, Scope.READ), **given)).status_code == 403
    stranger = world.token(world.person("rival@tarn.example"), Scope.AUDIT)
    assert (await site.api(PATH, stranger, **given)).status_code == 403


async def test_the_page_asks_answers_names_people_and_leads_to_the_proofs(
    site: Site, owner: Principal, clock: SettableClock
) -> None:
    world = site.world
    browser = site.browser(owner)
    asked = await browser.page("/manage/quarry/holders")
    assert "Choose a model" in asked
    assert world.read(lambda session: session.exec(select(Look)).all()) == []
    mara = world.person()
    accepted = world.accept(mara, world.model(owner))
    world.integrate()
    clock.advance(timedelta(hours=1))
    page = await browser.page("/manage/quarry/holders", model="quarry-15b", at=clock.now().isoformat())
    assert "mara@nordlab.example" in page
    assert f'href="/records/{accepted.id}"' in page
    assert 'href="/log/' in page
    (look,) = world.read(lambda session: session.exec(select(Look)).all())
    assert (look.looker_id, look.export) == (owner.person_id, False)
    (link,) = re.findall(r'href="(/api/v1/audit/holders[^"]+format=csv)"', page)
    export = await browser.get(html.unescape(link))
    assert export.headers["content-type"].startswith("text/csv")
    assert str(mara.person_id) in export.text
    linked = await browser.page("/manage/quarry/acceptances")
    assert 'href="/manage/quarry/holders"' in linked


async def test_the_page_says_what_it_cannot_answer_and_is_for_readers_of_records(
    site: Site, owner: Principal
) -> None:
    wrong = await site.browser(owner).get("/manage/quarry/holders", model="quarry-15b", at="<script>")
    assert wrong.status_code == 422
    assert "write a time such as" in wrong.text
    assert "<script>" not in wrong.text
    early = await site.browser(owner).get("/manage/quarry/holders", model="quarry-15b", at="2001-01-01")
    assert "published after" in early.text
    assert (await site.browser(site.world.person()).get("/manage/quarry/holders")).status_code == 403
