"""Licenses, the log, problems and privacy: open to everybody; errors in one shape."""

import html
import json
import re

import pytest

from registry.client.keys import parse_key_set
from registry.problem_codes import PROBLEMS
from tests.api.conftest import CONTACT, Site
from tests.world import TEXT_10, TEXT_11, TEXT_101

SLUG = "/licenses/sample-openrail-m"


@pytest.fixture
def versions(site: Site) -> None:
    site.world.license("1.0", TEXT_10, "initial")
    site.world.license("1.0.1", TEXT_101, "editorial")
    site.world.license("1.1", TEXT_11, "material")
    site.world.integrate()


@pytest.mark.usefixtures("versions")
async def test_a_license_is_read_as_page_as_bytes_and_as_json(site: Site) -> None:
    text = await site.anonymous.page(f"{SLUG}/1.0")
    assert "Use the model well." in text
    assert "Superseded" in text
    assert "log entry 0" in text
    assert (await site.anonymous.get(f"{SLUG}/1.0.txt")).content == TEXT_10
    assert (await site.anonymous.get(f"{SLUG}/1.1.json")).json()["number"] == "1.1"
    assert "version 1.1" in await site.anonymous.page(SLUG)
    assert (await site.anonymous.get(f"{SLUG}/9.9")).status_code == 404
    assert (await site.anonymous.get("/licenses/absent")).status_code == 404


@pytest.mark.usefixtures("versions")
async def test_two_versions_stand_side_by_side(site: Site) -> None:
    text = await site.anonymous.page(f"{SLUG}/compare", **{"from": "1.0", "to": "1.1"})
    assert "<ins>" in text
    assert "No spam" in text
    assert "No spam" in await site.anonymous.page(f"{SLUG}/compare")
    assert "backwards" in await site.anonymous.page(f"{SLUG}/compare", **{"from": "1.1", "to": "1.0"})
    assert (await site.anonymous.get(f"{SLUG}/compare", **{"from": "7"})).status_code == 404


@pytest.mark.usefixtures("versions")
async def test_licenses_are_found_by_words_and_show_what_requires_them(site: Site) -> None:
    world = site.world
    owner = world.person("owner@quarry.example")
    publisher = world.publisher(owner)
    world.release(owner, publisher)
    world.release(owner, publisher, name="private-one", private=True)
    assert "1 model<" in await site.anonymous.page("/licenses", search="openrail SAMPLE")
    assert "No license matches" in await site.anonymous.page("/licenses", search="absent")


async def test_the_log_is_open_and_proves_that_it_grew(site: Site) -> None:
    world = site.world
    assert "No entries yet" in await site.anonymous.page("/log")
    model = world.gated_model()
    world.accept(world.person(), model)
    world.integrate()
    text = await site.anonymous.page("/log")
    for word in ("Acceptance", "Release", "Gate change", "License version", "Role"):
        assert word in text
    size = (await site.api("/api/v1/ledger/entries")).json()["items"][0]["index"] + 1
    assert "is a beginning of today" in await site.anonymous.page("/log", **{"from": "1"})
    assert f"has {size} entries only" in await site.anonymous.page("/log", **{"from": "9999"})
    assert "Write a number" in await site.anonymous.page("/log", **{"from": "many"})
    found = await site.anonymous.get("/log", search="0")
    assert (found.status_code, found.headers["location"]) == (303, "/log/0")
    assert "No such entry" in await site.anonymous.page("/log", search="99999")
    for index in range(size):
        page = await site.anonymous.page(f"/log/{index}")
        assert "mara@nordlab.example" not in page
        leaf = await site.anonymous.get(f"/log/{index}/leaf")
        assert leaf.status_code == 200
    assert (await site.anonymous.get(f"/log/{size}")).status_code == 404


async def test_every_problem_has_its_page(site: Site) -> None:
    index = await site.anonymous.page("/problems")
    for problem in PROBLEMS:
        assert f'href="/problems/{problem.code}"' in index
        assert problem.code in await site.anonymous.page(f"/problems/{problem.code}")
    assert (await site.anonymous.get("/problems/no-such-code")).status_code == 404


async def test_the_page_that_verifies_brings_the_keys_and_may_send_nothing(site: Site) -> None:
    site.world.gated_model()
    answer = await site.anonymous.get("/verify")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"].split("; ")
    assert "connect-src 'none'" in policy
    assert "script-src 'self'" in policy
    keys = (await site.anonymous.get("/api/v1/keys")).json()["keys"]
    assert keys
    shown = re.search(r'data-keys="([^"]*)"', answer.text)
    assert shown is not None
    given = parse_key_set(json.loads(html.unescape(shown[1])), where="keys")
    assert given == parse_key_set({"keys": keys}, where="keys")


async def test_the_privacy_page_names_who_answers(site: Site) -> None:
    assert CONTACT in await site.anonymous.page("/privacy")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/models/no/model", 404),
        ("/api/v1/models/no/model/access", 404),
        ("/api/v1/audit/acceptances", 400),
        ("/api/v1/audit/acceptances?publisher=quarry", 401),
        ("/api/v1/audit/downloads?publisher=quarry&format=xml", 400),
        ("/api/v1/licenses/absent", 404),
        ("/api/v1/receipts", 401),
        ("/api/v1/nothing-here", 404),
        ("/log/99", 404),
        ("/log/99/leaf", 404),
        ("/log?before=-1", 400),
        ("/?after=not-an-id", 400),
        ("/records", 401),
        ("/manage", 401),
        ("/manage/quarry/acceptances.csv", 401),
        ("/problems/absent", 404),
        ("/licenses/absent/1.0.txt", 404),
    ],
)
async def test_every_refusal_is_one_problem_document(site: Site, path: str, status: int) -> None:
    answer = await site.client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    code = problem["code"]
    assert problem["type"] == f"http://gatehouse.test:8400/problems/{code}"
    assert (await site.anonymous.get(f"/problems/{code}")).status_code == 200


async def test_a_browser_gets_the_same_refusal_as_a_page(site: Site) -> None:
    answer = await site.anonymous.get("/records")
    assert answer.status_code == 401
    assert "not-signed-in" in answer.text
    assert "/sign-in?next=/records" in answer.text
