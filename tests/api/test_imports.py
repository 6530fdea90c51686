"""Importing who accepted elsewhere, over the API; and what the records' readers see of it."""

import csv
import io
import json
import re
from typing import Any

import pytest

from registry.acceptances import inviting
from registry.delivery.holds import Order, lift_hold, place_hold
from registry.identity.domain import Principal, Scope
from tests.api.conftest import Site
from tests.integration.acceptances.imports import bring_in, claimed, prove
from tests.integration.acceptances.test_inviting import letters, secret_of
from tests.world import BASE_URL, World

ADD = "/api/v1/models/quarry/quarry-15b/acceptors"
READ = "/api/v1/audit/imports"
ROW = {"line": 2, "email": "mara@nordlab.example", "user": "mara", "fullname": "=1+1", "status": "accepted"}


@pytest.fixture
def owner(world: World) -> Principal:
    world.gated_model()
    return world.person("owner@quarry.example")


async def add(site: Site, owner: Principal, *rows: dict[str, Any], **changes: Any) -> Any:
    token = site.world.token(owner, Scope.PUBLISH)
    body = {"source": "csv", "rows": rows, **changes}
    return await site.client.post(ADD, json=body, headers={"Authorization": f"Bearer {token}"})


async def read(site: Site, owner: Principal, **query: Any) -> Any:
    token = site.world.token(owner, Scope.AUDIT)
    answer = await site.api(READ, token, publisher="quarry", **query)
    assert answer.status_code == 200, answer.text
    return answer


async def test_rows_sent_twice_change_nothing(site: Site, owner: Principal) -> None:
    counts = {"known": 0, "forgotten": 0, "not_accepted": 1, "linked": 0}
    pending = {"line": 3, "email": "ben@uni.example", "status": "pending"}
    first = await add(site, owner, ROW, pending, dry_run=True)
    assert first.json() == {"added": 1, **counts, "dry_run": True}
    assert (await read(site, owner)).json()["items"] == []
    assert (await add(site, owner, ROW, pending)).json()["added"] == 1
    assert (await add(site, owner, ROW)).json()["known"] == 1


async def test_one_wrong_row_keeps_the_rows_beside_it_out_and_nothing_of_it_is_repeated(
    site: Site, owner: Principal
) -> None:
    answer = await add(site, owner, ROW, {"line": 7, "email": "not an address", "time": "yesterday"})
    assert answer.status_code == 422
    assert answer.json()["code"] == "report-rows-wrong"
    assert "line 7" in answer.text
    assert "not an address" not in answer.text
    assert (await read(site, owner)).json()["items"] == []


async def test_inviting_later_over_the_api(site: Site, owner: Principal) -> None:
    await add(site, owner, ROW, {**ROW, "line": 3, "email": "", "user": "nobody"})
    headers = {"Authorization": f"Bearer {site.world.token(owner, Scope.PUBLISH)}"}
    for body, count in (({"dry_run": True}, 1), ({}, 1), ({}, 0)):
        answer = await site.client.post(f"{ADD}/invitations", json=body, headers=headers)
        assert answer.json() == {"asked": count, "dry_run": bool(body)}
    weak = {"Authorization": f"Bearer {site.world.token(owner, Scope.AUDIT)}"}
    assert (await site.client.post(f"{ADD}/invitations", json={}, headers=weak)).status_code == 403


@pytest.mark.parametrize(
    "wrong",
    [
        {"rows": []},
        {"rows": [ROW] * 501},
        {"source": "elsewhere"},
        {"rows": [{**ROW, "more": "x"}]},
        {"rows": [{**ROW, "fullname": "x" * 201}]},
        {"grade": "B"},
    ],
)
async def test_hostile_bodies_are_refused(site: Site, owner: Principal, wrong: dict[str, Any]) -> None:
    sent = {"rows": [ROW], **wrong}
    answer = await add(site, owner, *sent.pop("rows"), **sent)
    assert answer.status_code in {400, 422}
    assert (await read(site, owner)).json()["items"] == []


async def test_readers_see_it_labelled_and_no_formula_leaves(site: Site, owner: Principal) -> None:
    await add(site, owner, ROW)
    (record,) = (await read(site, owner)).json()["items"]
    assert (record["grade"], record["text"], record["upgraded_by"]) == ("C", "unknown", None)
    assert (record["email"], record["account"], record["name"]) == ("mara@nordlab.example", "mara", "=1+1")
    (line,) = csv.DictReader(io.StringIO((await read(site, owner, format="csv")).text))
    assert (line["name"], line["grade"], line["text"]) == ("'=1+1", "C", "unknown")
    assert json.loads((await read(site, owner, format="jsonl")).text) == record
    token = site.world.token(owner, Scope.AUDIT)
    accepted = await site.api("/api/v1/audit/acceptances", token, publisher="quarry")
    assert accepted.json()["items"] == []
    looks = await site.browser(owner).page("/manage/quarry/looks")
    assert "the list of imports" in looks


async def test_pages_of_the_list_hold_everybody_once(site: Site, owner: Principal) -> None:
    bring_in(site.world, *(claimed(f"person{number}@lab.example") for number in range(5)))
    seen: list[str] = []
    page = (await read(site, owner, limit=2)).json()
    while True:
        seen += [item["email"] for item in page["items"]]
        if page["next"] is None:
            break
        token = site.world.token(owner, Scope.AUDIT)
        path, _, query = page["next"].partition("?")
        page = (await site.api(f"{path.removeprefix('http://gatehouse.test:8400')}?{query}", token)).json()
    assert sorted(seen) == [f"person{number}@lab.example" for number in range(5)]


async def invited(site: Site) -> str:
    world = site.world
    bring_in(world, claimed(), invite=True)
    world.write(inviting.invite_due, sealer=world.sealer, base_url=BASE_URL, now=world.now)
    return secret_of(letters(world)[0])


async def test_without_an_account_one_sees_stops_and_deletes(site: Site, owner: Principal) -> None:
    secret = await invited(site)
    there = f"/imported?token={secret}"
    first = await site.client.get(there, headers={"Accept": "text/html"})
    assert first.status_code == 200
    assert "mara@nordlab.example" in first.text
    assert (await read(site, owner)).json()["items"][0]["email"] == "mara@nordlab.example"
    csrf = re.search(r'name="_csrf" value="([^"]+)"', first.text)
    assert csrf
    form = {"_csrf": csrf.group(1), "token": secret}
    stopped = await site.client.post("/imported", data={**form, "do": "stop"})
    assert "No more such letters" in stopped.text
    deleted = await site.client.post("/imported", data={**form, "do": "delete"})
    assert "It is deleted" in deleted.text
    assert "nordlab" not in deleted.text
    (record,) = (await read(site, owner)).json()["items"]
    assert (record["email"], record["name"], record["erased"]) == (None, None, True)
    assert (await site.client.get(there)).status_code == 404
    assert (await site.client.post("/imported", data={**form, "do": "delete"})).status_code == 404


async def test_a_legal_hold_keeps_it_and_the_page_says_so(site: Site, owner: Principal) -> None:
    secret = await invited(site)
    world = site.world
    order = Order(model="quarry/quarry-15b", reason="case 7", ordered_by="court")
    placed = world.write(place_hold, order=order, sealer=world.sealer, now=world.now)
    first = await site.client.get(f"/imported?token={secret}", headers={"Accept": "text/html"})
    csrf = re.search(r'name="_csrf" value="([^"]+)"', first.text)
    assert csrf
    form = {"_csrf": csrf.group(1), "token": secret, "do": "delete"}
    assert "legal hold" in (await site.client.post("/imported", data=form)).text
    assert (await read(site, owner)).json()["items"][0]["email"] == "mara@nordlab.example"
    world.write(lift_hold, hold_id=placed.id, now=world.now)
    assert "It is deleted" in (await site.client.post("/imported", data=form)).text


async def test_the_export_of_ones_own_data_holds_it_for_a_proven_address_alone(
    site: Site, owner: Principal
) -> None:
    bring_in(site.world, claimed(account="mara"))
    mara = site.world.person()
    browser = site.browser(mara)
    assert (await browser.get("/records/export.json")).json()["imports"] == []
    prove(site.world, mara)
    (one,) = (await browser.get("/records/export.json")).json()["imports"]
    assert (one["model"], one["grade"], one["text"]) == ("quarry/quarry-15b", "C", "unknown")
    assert "mara@nordlab.example" in one["kept"].values()


async def test_the_register_counts_imports_apart(site: Site, owner: Principal) -> None:
    browser = site.browser(owner)
    assert "Accepted elsewhere, as imported" not in await browser.page("/manage/quarry/acceptances")
    bring_in(site.world, claimed(), claimed("ben@uni.example"))
    mara = prove(site.world, site.world.person())
    site.world.accept(mara, site.world.model(mara))
    page = await browser.page("/manage/quarry/acceptances")
    assert "Accepted elsewhere, as imported" in page
    assert "2 people, of whom 1 have accepted here since" in page
    assert "1 record in all" in page
    export = await browser.get("/api/v1/audit/imports", publisher="quarry", format="csv")
    assert "ben@uni.example" in export.text
