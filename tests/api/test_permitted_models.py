"""What one may download: over the API page by page, and as a filter of the catalog."""

from registry import catalog
from tests.api.conftest import Site


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
