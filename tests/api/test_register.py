"""Who accepted and who downloaded what: pages, exports and API for the staff of a publisher."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from arro3.io import read_parquet
from structlog.testing import capture_logs

from registry import catalog
from registry.identity.domain import Principal, Scope
from registry.kernel.identifiers import new_id
from tests.api.conftest import Site
from tests.world import TEXT_11, World, asker, file_request

FORMULA = '=HYPERLINK("https://evil.example","x")'
REGISTER = "/manage/quarry/acceptances"


@pytest.fixture
def owner(world: World) -> Principal:
    world.gated_model()
    return world.person("owner@quarry.example")


def populate(world: World, count: int) -> list[Any]:
    model = world.model(world.person("owner@quarry.example"))
    return [
        world.accept(world.person(f"person{number}@lab.example"), model, typed_name=f"Person {number}")
        for number in range(count)
    ]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("page", ["", "/acceptances", "/downloads", "/roles", "/blocks"])
async def test_staff_pages_are_for_staff(site: Site, owner: Principal, page: str) -> None:
    path = f"/manage/quarry{page}"
    assert (await site.anonymous.get(path)).status_code == 401
    assert (await site.browser(site.world.person()).get(path)).status_code == 403
    assert "quarry" in (await site.browser(owner).page(path)).lower()
    assert (await site.browser(owner).get(path.replace("quarry", "absent"))).status_code == 404


@pytest.mark.parametrize("kind", ["acceptances", "downloads"])
@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
async def test_exports_are_for_staff(site: Site, owner: Principal, kind: str, suffix: str) -> None:
    path = f"/manage/quarry/{kind}.{suffix}"
    assert (await site.anonymous.get(path)).status_code == 401
    assert (await site.browser(site.world.person()).get(path)).status_code == 403
    answer = await site.browser(owner).get(path)
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]


async def test_the_register_shows_the_opened_name_and_goes_on(site: Site, owner: Principal) -> None:
    populate(site.world, 53)
    site.world.integrate()
    browser = site.browser(owner)
    first = await browser.page(REGISTER)
    assert "Person 52<" in first
    assert "Person 1<" not in first
    following = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    second = await browser.page(following)
    assert "Person 1<" in second
    assert "Person 52<" not in second


async def test_the_register_narrows(site: Site, owner: Principal) -> None:
    world = site.world
    accepted = populate(world, 3)
    world.withdraw(world.person("person1@lab.example"), accepted[1].id)
    browser = site.browser(owner)

    async def names(**query: str) -> set[str]:
        answer = await browser.get(f"{REGISTER}.csv", **query)
        assert answer.status_code == 200, answer.text
        return {row["name"] for row in rows_of(answer.text)}

    assert await names() == {"Person 0", "Person 1", "Person 2"}
    assert await names(search="PERSON2@lab.example") == {"Person 2"}
    assert await names(search="nobody@lab.example") == set()
    assert await names(search=str(accepted[0].id)) == {"Person 0"}
    assert await names(state="withdrawn") == {"Person 1"}
    assert await names(state="current") == {"Person 0", "Person 2"}
    assert await names(license="sample-openrail-m@1.0") == {"Person 0", "Person 1", "Person 2"}
    assert await names(license="sample-openrail-m") == {"Person 0", "Person 1", "Person 2"}
    assert await names(model="quarry/quarry-15b", grade="B") == {"Person 0", "Person 1", "Person 2"}
    assert await names(grade="A") == set()
    day = world.now.date().isoformat()
    assert await names(since=day, until=day) == {"Person 0", "Person 1", "Person 2"}
    assert await names(until=(world.now - timedelta(days=1)).date().isoformat()) == set()
    assert "No record matches" in await browser.page(
        REGISTER, state="withdrawn", search="person2@lab.example"
    )


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"model": "absent"}, 404),
        ({"license": "absent@1.0"}, 422),
        ({"license": "not a license"}, 422),
        ({"state": "sideways"}, 422),
        ({"grade": "Z"}, 422),
        ({"since": "yesterday"}, 422),
        ({"until": "9999-12-31"}, 422),
    ],
)
async def test_a_filter_that_cannot_be_meant_is_refused_and_never_widens(
    site: Site, owner: Principal, query: dict[str, str], status: int
) -> None:
    populate(site.world, 1)
    for path in (REGISTER, f"{REGISTER}.csv"):
        assert (await site.browser(owner).get(path, **query)).status_code == status
    token = site.world.token(owner, Scope.AUDIT)
    answer = await site.api("/api/v1/audit/acceptances", token, publisher="quarry", format="csv", **query)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_other_publishers_records_stay_out(site: Site, owner: Principal) -> None:
    world = site.world
    accepted = populate(world, 1)
    rival = world.person("rival@tarn.example")
    other = world.release(rival, world.publisher(rival, "tarn"), name="tarn-1b")
    world.accept(world.person(), other)
    browser = site.browser(rival)
    text = (await browser.get("/manage/tarn/acceptances.csv")).text
    assert [row["model"] for row in rows_of(text)] == ["tarn/tarn-1b"]
    assert rows_of((await browser.get("/manage/tarn/acceptances.csv", search=str(accepted[0].id))).text) == []
    token = world.token(rival, Scope.AUDIT)
    assert (await site.api("/api/v1/audit/acceptances", token, publisher="quarry")).status_code == 403


async def test_csv_neutralises_formulas_and_jsonl_keeps_them(site: Site, owner: Principal) -> None:
    world = site.world
    model = world.model(owner)
    answers = {"Affiliation": "@SUM(1+1)", "Country": "NO"}
    world.accept(world.person(), model, typed_name=FORMULA, answers=answers)
    browser = site.browser(owner)
    (row,) = rows_of((await browser.get(f"{REGISTER}.csv")).text)
    assert row["name"] == f"'{FORMULA}"
    assert not row["answers"].startswith(("=", "+", "-", "@"))
    line = json.loads((await browser.get(f"{REGISTER}.jsonl")).text)
    assert line["name"] == FORMULA
    assert line["answers"] == answers
    assert line["email"] == "mara@nordlab.example"


async def test_an_erased_person_stays_in_the_register_without_a_name(site: Site, owner: Principal) -> None:
    world = site.world
    person = world.person()
    world.accept(person, world.model(owner))
    world.database.write_now(lambda session: world.sealer.destroy_subject_key(session, person.person_id))
    assert "details not shown" in await site.browser(owner).page(REGISTER)
    (row,) = rows_of((await site.browser(owner).get(f"{REGISTER}.csv")).text)
    assert (row["name"], row["email"], row["answers"]) == ("", "", "")
    assert row["text_sha256"].startswith("sha256:")


async def test_a_look_leaves_a_trace_of_ids_only(site: Site, owner: Principal) -> None:
    populate(site.world, 1)
    browser = site.browser(owner)
    with capture_logs() as logs:
        await browser.page(REGISTER, search="person0@lab.example")
        await browser.get(f"{REGISTER}.csv")
        await browser.page("/manage/quarry/downloads")
    looks = [line for line in logs if line["event"] == "audit.read"]
    assert [(line["what"], line["export"]) for line in looks] == [
        ("acceptances", False),
        ("acceptances", True),
        ("downloads", False),
    ]
    assert all(line["by"] == str(owner.person_id) for line in looks)
    assert "person0@lab.example" not in json.dumps(logs, default=str)


async def test_the_api_takes_the_scope_audit_and_pages(site: Site, owner: Principal) -> None:
    world = site.world
    populate(world, 3)
    path = "/api/v1/audit/acceptances"
    assert (await site.api(path, publisher="quarry")).status_code == 401
    refused = await site.api(path, world.token(owner, Scope.READ), publisher="quarry")
    assert refused.status_code == 403
    assert refused.json()["code"] == "scope-missing"
    token = world.token(owner, Scope.AUDIT)
    first = (await site.api(path, token, publisher="quarry", limit=2)).json()
    second = (await site.api(first["next"].removeprefix("http://gatehouse.test:8400"), token)).json()
    assert [row["name"] for row in first["items"] + second["items"]] == ["Person 2", "Person 1", "Person 0"]
    assert second["next"] is None
    lines = (await site.api(path, token, publisher="quarry", format="jsonl")).text.splitlines()
    assert len(lines) == 3


async def test_exports_go_on_over_many_pages_and_models(
    site: Site, owner: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = site.world
    for module in ("registry.kernel.exports", "registry.audit.reading", "registry.delivery.reading"):
        monkeypatch.setattr(f"{module}.ROWS_PER_READ", 2)
    populate(world, 5)
    publisher = world.read(catalog.find_publisher, name="quarry")
    second = world.release(owner, publisher, name="second")
    world.accept(world.person("late@lab.example"), second, typed_name="Late")
    text = (await site.browser(owner).get(f"{REGISTER}.csv")).text
    wanted = [*(f"Person {number}" for number in range(5)), "Late"]
    assert sorted(row["name"] for row in rows_of(text)) == sorted(wanted)
    newest = await site.browser(owner).page(REGISTER)
    assert newest.index("Late") < newest.index("Person 4")


async def test_downloads_are_listed_with_who_and_what(site: Site, owner: Principal) -> None:
    world = site.world
    person = world.person()
    world.accept(person, world.model(owner))
    token = world.token(person)
    for path in ("model.safetensors", "config.json"):
        await world.resolver().resolve(*_request(token, path))
    browser = site.browser(owner)
    text = await browser.page("/manage/quarry/downloads")
    assert "mara@nordlab.example" in text
    assert "config.json" in text
    assert "config.json" not in await browser.page("/manage/quarry/downloads", search="model.safetensors")
    rows = rows_of((await browser.get("/manage/quarry/downloads.csv", search="mara@nordlab.example")).text)
    assert {row["path"] for row in rows} == {"model.safetensors", "config.json"}
    audit = world.token(owner, Scope.AUDIT)
    answer = (await site.api("/api/v1/audit/downloads", audit, publisher="quarry", limit=1)).json()
    assert answer["items"][0]["email"] == "mara@nordlab.example"
    assert answer["next"]


async def test_downloads_narrow_by_the_license_of_the_acceptance_that_they_rested_on(
    site: Site, owner: Principal
) -> None:
    world = site.world
    person = world.person()
    world.accept(person, world.model(owner))
    token = world.token(person)
    await world.resolver().resolve(*_request(token, "model.safetensors"))
    world.license("1.1", TEXT_11, "material")
    publisher = world.read(catalog.find_publisher, name="quarry")
    second = world.release(owner, publisher, name="second", requires=("sample-openrail-m@1.1",))
    world.accept(person, second)
    await world.resolver().resolve(file_request("config.json", model="second"), asker(token))
    browser, audit = site.browser(owner), world.token(owner, Scope.AUDIT)

    async def paths(named: str) -> list[str]:
        page = await browser.page("/manage/quarry/downloads", license=named)
        rows = rows_of((await browser.get("/manage/quarry/downloads.csv", license=named)).text)
        query = {"publisher": "quarry", "license": named}
        listed = (await site.api("/api/v1/audit/downloads", audit, **query)).json()["items"]
        lines = (await site.api("/api/v1/audit/downloads", audit, **query, format="jsonl")).text.splitlines()
        found = sorted(row["path"] for row in rows)
        assert found == sorted(row["path"] for row in listed)
        assert found == sorted(json.loads(line)["path"] for line in lines)
        assert [name in page for name in ("model.safetensors", "config.json")] == [
            name in found for name in ("model.safetensors", "config.json")
        ]
        return found

    assert await paths("sample-openrail-m@1.0") == ["model.safetensors"]
    assert await paths("sample-openrail-m@1.1") == ["config.json"]
    assert await paths("sample-openrail-m") == ["config.json", "model.safetensors"]
    for unknown in ("absent@1.0", "sample-openrail-m@9.9", "not a license"):
        assert (await browser.get("/manage/quarry/downloads", license=unknown)).status_code == 422
        answer = await site.api("/api/v1/audit/downloads", audit, publisher="quarry", license=unknown)
        assert answer.status_code == 422


async def test_downloads_under_a_receipt_stand_on_the_page_in_exports_and_the_api(
    site: Site, owner: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.kernel.exports.ROWS_PER_READ", 1)
    monkeypatch.setattr("registry.delivery.reading.ROWS_PER_READ", 1)
    world = site.world
    model = world.model(owner)
    person, other = world.person(), world.person("other@lab.example")
    mine, theirs = world.accept(person, model), world.accept(other, model)
    for path in ("model.safetensors", "config.json"):
        await world.resolver().resolve(*_request(world.token(person), path))
    await world.resolver().resolve(*_request(world.token(other), "README-other.md"))
    await world.resolver().resolve(*_request(world.token(other), "model.safetensors"))
    browser, audit = site.browser(owner), world.token(owner, Scope.AUDIT)
    page = await browser.page("/manage/quarry/downloads", receipt=str(mine.id))
    assert "mara@nordlab.example" in page
    assert "other@lab.example" not in page
    rows = rows_of((await browser.get("/manage/quarry/downloads.csv", receipt=str(mine.id))).text)
    assert [row["path"] for row in rows] == ["config.json", "model.safetensors"]
    query = {"publisher": "quarry", "receipt": str(theirs.id)}
    listed = (await site.api("/api/v1/audit/downloads", audit, **query)).json()["items"]
    assert [row["email"] for row in listed] == ["other@lab.example"]
    assert f"/manage/quarry/downloads?receipt={mine.id}" in await browser.page(f"/records/{mine.id}")
    assert "downloads?receipt=" not in await site.browser(person).page(f"/records/{mine.id}")
    assert "No record matches" in await browser.page("/manage/quarry/downloads", receipt=str(new_id()))
    for path in ("/manage/quarry/downloads", "/manage/quarry/downloads.csv"):
        assert (await browser.get(path, receipt="x")).status_code == 422
    looks = world.read(catalog.list_looks, publisher_id=world.read(catalog.find_publisher, name="quarry").id)
    assert {one.subject_id for one in looks} >= {person.person_id, other.person_id}


async def test_parquet_holds_what_jsonl_does(site: Site, owner: Principal) -> None:
    world = site.world
    populate(world, 3)
    person = world.person()
    world.accept(person, world.model(owner))
    await world.resolver().resolve(*_request(world.token(person), "config.json"))
    world.integrate()
    token = world.token(owner, Scope.AUDIT)
    for kind, more in (("acceptances", {}), ("downloads", {}), ("holders", {"model": "quarry-15b"})):
        query = {"publisher": "quarry", **more}
        lines = (await site.api(f"/api/v1/audit/{kind}", token, **query, format="jsonl")).text.splitlines()
        answer = await site.api(f"/api/v1/audit/{kind}", token, **query, format="parquet")
        assert answer.headers["content-type"] == "application/vnd.apache.parquet"
        assert answer.headers["content-disposition"].endswith('.parquet"')
        table = read_parquet(io.BytesIO(answer.content)).read_all()
        assert table.num_rows == len(lines) > 0
        for name, expected in json.loads(lines[0]).items():
            found = table.column(name)[0].as_py()
            if isinstance(expected, list | dict):
                found = json.loads(found)
            elif name.endswith("_at") and found is not None:
                found = found.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            assert found == expected, name


@pytest.mark.parametrize("kind", ["acceptances", "downloads"])
async def test_a_parameter_that_is_not_understood_is_refused_by_name(
    site: Site, owner: Principal, kind: str
) -> None:
    token = site.world.token(owner, Scope.AUDIT)
    for form in ("json", "jsonl"):
        query = {"publisher": "quarry", "format": form, "licence": "sample-openrail-m"}
        answer = await site.api(f"/api/v1/audit/{kind}", token, **query)
        assert answer.status_code == 422
        assert list(answer.json()["errors"]) == ["licence"]
    answer = await site.browser(owner).get(f"/manage/quarry/{kind}.csv", person="mara@nordlab.example")
    assert answer.status_code == 422


def _request(token: str, path: str) -> tuple[Any, Any]:
    return file_request(path), asker(token)


async def test_records_show_what_one_did_and_export_all_of_it(site: Site, owner: Principal) -> None:
    world = site.world
    person = world.person()
    acceptance = world.accept(person, world.model(owner))
    await world.resolver().resolve(*_request(world.token(person), "model.safetensors"))
    browser = site.browser(person)
    text = await browser.page("/records")
    assert f"/records/{acceptance.id}" in text
    assert "model.safetensors" in text
    assert (await site.anonymous.get("/records")).status_code == 401
    assert (await site.anonymous.get("/records/export.json")).status_code == 401
    whole = (await browser.get("/records/export.json")).json()
    assert whole["person"]["email"] == "mara@nordlab.example"
    assert whole["acceptances"][0]["name"] == "Mara Lindqvist"
    assert whole["acceptances"][0]["circumstances"]["ip_address"] == "192.0.2.7"
    assert whole["downloads"][0]["path"] == "model.safetensors"
    assert len(whole["tokens"]) == 1
    assert "owner@quarry.example" not in json.dumps(whole)


async def test_an_empty_record_exports_as_one_document(site: Site, owner: Principal) -> None:
    whole = (await site.browser(site.world.person("new@lab.example")).get("/records/export.json")).json()
    for name in (
        "acceptances",
        "downloads",
        "refused_requests",
        "notices",
        "releases_to_give_up",
        "equivalence_decisions",
        "second_person_decisions",
    ):
        assert whole[name] == [], name


async def test_a_new_version_shows_in_records_only_when_the_gate_asks_for_it(
    site: Site, owner: Principal
) -> None:
    world = site.world
    world.accept(world.person(), world.model(owner))
    world.license("1.1", TEXT_11, "material")
    assert "Accept again" not in await site.browser(world.person()).page("/records")
