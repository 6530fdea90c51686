"""All that a publisher's records hold about one person: for its auditors, for a reason that is recorded and shown."""

import json
from typing import Any

import pytest
from sqlmodel import select

from registry.catalog.look_tables import Look
from registry.delivery.domain import UrlIssued
from registry.identity.domain import Scope
from registry.kernel.identifiers import new_id
from tests.api.conftest import Site

OWNER, MARA = "owner@quarry.example", "mara@nordlab.example"
PATH = "/api/v1/audit/person"
WHY = "court order 7 U 12/26"


@pytest.fixture
def summary(site: Site) -> Any:
    world = site.world
    model = world.gated_model()
    summary = world.accept(world.person(MARA), model)
    for _ in range(3):
        assert isinstance(world.resolve(world.token(world.person(MARA))), UrlIssued)
    world.accept(world.person("other@lab.example"), model)
    rival = world.person("rival@tarn.example")
    other = world.release(rival, world.publisher(rival, "tarn"), name="tarn-1b")
    world.accept(world.person(MARA), other)
    return summary


async def ask(site: Site, *, by: str = OWNER, **query: str) -> Any:
    token = site.world.token(site.world.person(by), Scope.AUDIT)
    return await site.api(PATH, token, **{"publisher": "quarry", "person": MARA, "reason": WHY, **query})


def looks(site: Site) -> list[Look]:
    return site.world.read(lambda session: list(session.exec(select(Look).order_by(Look.id))))


async def test_the_document_holds_what_the_publisher_knows_and_nothing_of_others(
    site: Site, summary: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("registry.kernel.exports", "registry.delivery.person_api"):
        monkeypatch.setattr(f"{module}.ROWS_PER_READ", 1)
    for who in (MARA, MARA.upper(), str(summary.person_id)):
        answer = await ask(site, person=who)
        assert answer.status_code == 200, answer.text
        document = answer.json()
        assert (document["publisher"], document["reason"]) == ("quarry", WHY)
        assert [one["receipt_id"] for one in document["acceptances"]] == [str(summary.id)]
        assert document["acceptances"][0]["email"] == MARA
        assert len({one["id"] for one in document["downloads"]}) == 3
        assert "tarn" not in answer.text
        assert "other@lab.example" not in answer.text


async def test_the_reason_is_recorded_and_the_person_reads_it(site: Site, summary: Any) -> None:
    await ask(site)
    await ask(site, reason="a second, other reason")
    assert [(one.what, one.subject_id, one.reason) for one in looks(site)] == [
        ("person", summary.person_id, WHY),
        ("person", summary.person_id, "a second, other reason"),
    ]
    mara = site.browser(site.world.person(MARA))
    found = json.loads((await mara.get("/records/export.json")).text)["looks"]
    assert {one["reason"] for one in found} == {WHY, "a second, other reason"}
    assert all(one["only_you"] for one in found)
    page = await site.browser(site.world.person(OWNER)).page("/manage/quarry/looks")
    assert WHY in page
    assert "everything about somebody" in page


@pytest.mark.parametrize("reason", ["", "short", "x" * 501, "      a      ", "bell \x07 in the reason"])
async def test_without_a_reason_nothing_is_shown_or_recorded(site: Site, summary: Any, reason: str) -> None:
    answer = await ask(site, reason=reason)
    assert answer.status_code == 422
    assert "reason" in answer.json()["errors"]
    assert looks(site) == []


async def test_somebody_without_records_looks_like_somebody_unknown(site: Site, summary: Any) -> None:
    site.world.person("idle@lab.example")
    made = {"made_at": ""}
    answers = [
        (await ask(site, person=who)).json() | made
        for who in ("idle@lab.example", "nobody@else.example", str(new_id()), "not an address")
    ]
    assert answers[0] == answers[1] == answers[2] == answers[3]
    assert answers[0]["acceptances"] == answers[0]["access_requests"] == answers[0]["downloads"] == []


async def test_it_is_for_those_who_may_read_the_records(site: Site, summary: Any) -> None:
    assert (await ask(site, by=MARA)).status_code == 403
    assert (await ask(site, by="rival@tarn.example")).status_code == 403
    token = site.world.token(site.world.person(OWNER), Scope.READ)
    query = {"publisher": "quarry", "person": MARA, "reason": WHY}
    assert (await site.api(PATH, token, **query)).status_code == 403
    assert (await ask(site, extra="x")).status_code == 422
    assert looks(site) == []
