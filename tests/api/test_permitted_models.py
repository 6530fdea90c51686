"""What one may download: over the API page by page, and as a filter of the catalog."""

from datetime import timedelta

from registry import catalog
from tests.api.conftest import Site
from tests.world import BASE_URL, TEXT_11


async def test_the_api_and_the_filter_list_what_may_be_downloaded(site: Site) -> None:
    world = site.world
    gated = world.gated_model()
    owner, person = world.person("owner@quarry.example"), world.person()
    publisher = world.read(catalog.find_publisher, name="quarry")
    world.release(owner, publisher, name="slate", requires=())
    world.release(owner, publisher, name="marl", requires=(), private=True)
    token = world.token(person)

    async def names(path: str, **query: object) -> list[str]:
        answer = await site.api(path, token, **query)
        assert answer.headers["cache-control"] == "private, no-store"
        return [item["name"] for item in answer.json()["items"]]

    assert await names("/api/v1/whoami/models") == ["slate"]
    page = await site.browser(person).page("/", mine="true")
    assert "/quarry/slate" in page
    assert "/quarry/quarry-15b" not in page
    world.accept(person, gated)
    assert await names("/api/v1/whoami/models") == ["slate", "quarry-15b"]
    assert await names("/api/v1/whoami/models", license="sample-openrail-m") == ["quarry-15b"]
    first = (await site.api("/api/v1/whoami/models", token, limit=1)).json()
    assert [item["name"] for item in first["items"]] == ["slate"]
    following = first["next"].partition("?")[2]
    assert "after=" in following
    assert await names(f"/api/v1/whoami/models?{following}") == ["quarry-15b"]
    page = await site.browser(person).page("/", mine="true")
    assert "/quarry/quarry-15b" in page
    assert "What I may download" in page


async def test_until_when_a_download_is_permitted_stands_in_the_list_in_whoami_and_in_the_catalog(
    site: Site,
) -> None:
    world = site.world
    person, model = world.person(), world.gated_model()
    world.accept(person, model)
    token = world.token(person)
    assert (await site.api("/api/v1/whoami", token)).json()["ending"] == []
    world.license("1.1", TEXT_11, "material")
    demand = catalog.GateDemand(
        mode=catalog.GateMode.AUTO, licenses=("sample-openrail-m@1.1",), reaccept_days=31
    )
    changed = world.write(
        catalog.change_gate,
        publisher="quarry",
        name="quarry-15b",
        demand=demand,
        principal=world.person("owner@quarry.example"),
        now=world.now,
    )
    assert isinstance(changed, catalog.GateView), changed
    (listed,) = (await site.api("/api/v1/whoami/models", token)).json()["items"]
    assert listed["reaccept_by"] == "2026-12-24T12:00:00.000Z"
    assert (await site.api("/api/v1/whoami", token)).json()["ending"] == [
        {
            "model": "quarry/quarry-15b",
            "reaccept_by": "2026-12-24T12:00:00.000Z",
            "url": f"{BASE_URL}/quarry/quarry-15b/accept",
        }
    ]
    assert (await site.api("/api/v1/models", token)).json()["items"][0]["reaccept_by"] is None
    assert "You may download until 24 December 2026" in await site.browser(person).page("/", mine="true")
    world.clock.advance(timedelta(days=31))
    late = world.token(person)
    assert (await site.api("/api/v1/whoami", late)).json()["ending"] == []
    assert (await site.api("/api/v1/whoami/models", late)).json()["items"] == []
