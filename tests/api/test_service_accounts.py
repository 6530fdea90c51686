"""A service account over HTTP: it reads, it is told who it is, and no route that changes something takes it."""

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from litestar.routes import HTTPRoute

from registry.identity.authentication import OPEN_TO_ACCOUNTS, OWN_AUTHENTICATION, SAFE_METHODS
from registry.identity.domain import Principal, Scope
from registry.kernel.identifiers import new_id
from tests.api.conftest import Site
from tests.integration.access.covers import Scene, cover_scene
from tests.world import World


@dataclass
class Machine:
    """A service account of an organisation, with a token."""

    site: Site
    scene: Scene
    account: str
    token: str

    async def ask(self, method: str, path: str, **given: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        return await self.site.client.request(method, path, headers=headers, **given)


@pytest.fixture
async def machine(site: Site) -> Machine:
    """Made by an officer on the pages, as people do."""
    scene = cover_scene(site.world.database, site.world.clock, world=site.world)
    browser = site.browser(scene.officer)
    made = await browser.post(
        "/settings/service-accounts",
        seen_on="/settings/service-accounts",
        name="cluster",
        owner=str(scene.organisation.id),
    )
    assert made.status_code == 303, made.text
    page = made.headers["location"]
    shown = await browser.post(f"{page}/tokens", seen_on=page, name="gpu", scopes="read", days="30")
    found = re.search(r"<code>(gatehouse_service_[^<]+)</code>", shown.text)
    assert found, shown.text
    assert found.group(1) not in await browser.page(page), "a token is shown once"
    return Machine(site=site, scene=scene, account=page.rpartition("/")[2], token=found.group(1))


async def test_it_is_told_who_it_is_by_both_whoami_routes(machine: Machine) -> None:
    ours = (await machine.ask("GET", "/api/v1/whoami")).json()
    assert (ours["person"], ours["scopes"], ours["operator"]) == (None, ["read"], False)
    assert ours["service_account"]["name"] == "cluster"
    assert ours["service_account"]["organisation"] == str(machine.scene.organisation.id)
    hub = (await machine.ask("GET", "/api/whoami-v2")).json()
    assert (hub["name"], hub["email"]) == ("cluster", None)
    assert hub["fullname"] == "cluster (service account of Nordlab Institute)"
    assert hub["auth"]["accessToken"]["role"] == "read"


def writing_routes(site: Site) -> list[tuple[str, str, bool, bool]]:
    """Method, path, whether it is open to accounts, whether it reads the token itself."""
    found = []
    for route in site.client.app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for handler in route.route_handlers:
            for method in set(handler.http_methods) - SAFE_METHODS:
                opt = handler.opt
                opened = bool(opt.get(OPEN_TO_ACCOUNTS))
                found.append((str(method), route.path_format, opened, bool(opt.get(OWN_AUTHENTICATION))))
    return found


def filled(path: str) -> str:
    given = {"publisher": "quarry", "name": "quarry-15b", "act": "end"}
    return re.sub(r"\{([a-z_]+)[^}]*\}", lambda match: given.get(match.group(1), str(new_id())), path)


async def test_no_route_that_changes_something_takes_it(machine: Machine) -> None:
    routes = writing_routes(machine.site)
    assert len(routes) > 60
    opened = set()
    for method, path, is_open, own in routes:
        answer = await machine.ask(method, filled(path), json={})
        code = answer.json().get("code")
        if own:
            assert answer.status_code >= 400 or "paths-info" in path, (method, path)
        elif is_open:
            opened.add(path)
            assert answer.status_code in {400, 403, 404, 422}, (method, path, answer.text)
        else:
            assert (answer.status_code, code) == (403, "person-needed"), (method, path, answer.text)
    assert opened == {
        "/api/v1/models/{publisher}/{name}/uploads",
        "/api/v1/uploads/{upload_id}/parts",
        "/api/v1/uploads/{upload_id}/complete",
        "/api/v1/models/{publisher}/{name}/releases",
    }


async def test_pages_of_people_do_not_open_for_it_and_its_downloads_name_it(machine: Machine) -> None:
    world: World = machine.site.world
    for path in ("/records", "/api/v1/requests", "/inbox", "/organisations", "/manage/quarry/acceptances"):
        assert (await machine.ask("GET", path)).status_code in {401, 403, 303}, path
    machine.scene.accept()
    answer = await machine.ask("GET", "/quarry/quarry-15b/resolve/main/model.safetensors")
    assert answer.status_code == 302, answer.text
    owner: Principal = world.person("owner@quarry.example")
    page = await machine.site.browser(owner).page("/manage/quarry/downloads")
    assert "cluster (service account of Nordlab Institute)" in page
    line = (await machine.site.browser(owner).get("/manage/quarry/downloads.jsonl")).json()
    assert (line["person_id"], line["email"]) == (None, None)
    assert UUID(line["service_account"]) == UUID(machine.account)
    assert line["service_account_name"] == "cluster (service account of Nordlab Institute)"


async def test_the_sponsor_ends_a_token_by_the_api(
    machine: Machine,
) -> None:
    site, officer = machine.site, machine.scene.officer
    reads, publishes = site.world.token(officer), site.world.token(officer, Scope.PUBLISH)
    base = f"/api/v1/service-accounts/{machine.account}/tokens"
    (row,) = (await site.api(base, reads)).json()["items"]
    assert "token" not in row or row["token"] is None

    async def revoke(token: str) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        return await site.client.post(f"{base}/{row['id']}/revoke", headers=headers)

    assert (await revoke(reads)).json()["code"] == "scope-missing"
    assert (await machine.ask("GET", "/api/v1/whoami")).status_code == 200
    assert (await revoke(publishes)).status_code == 200
    assert (await machine.ask("GET", "/api/v1/whoami")).json()["code"] == "token-unknown"
