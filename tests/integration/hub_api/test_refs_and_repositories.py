"""Branches and tags made by the Hub's API agree with what is listed; what people rely on stays, and says why."""

from typing import Any

from registry.identity.domain import Principal, Scope
from tests.e2e.hub.scene import HubWorld
from tests.integration.hub_api.conftest import Client
from tests.integration.hub_api.test_commits import (  # noqa: F401 - fixtures
    MODEL,
    bearer,
    commit,
    head,
    owner,
    small,
    token,
)
from tests.world import BASE_URL


async def refs(client: Client) -> dict[str, dict[str, str]]:
    found = (await client.get(f"{MODEL}/refs")).json()
    return {kind: {ref["name"]: ref["targetCommit"] for ref in found[kind]} for kind in ("branches", "tags")}


async def test_branches_and_tags_are_made_listed_and_committed_to(
    world: HubWorld,
    client: Client,
    token: str,  # noqa: F811
) -> None:
    first = head(world).commit
    headers = bearer(token)

    async def post(path: str, **body: Any) -> int:
        return (await client.post(f"{MODEL}/{path}", json=body, headers=headers)).status_code

    assert await post("branch/next") == 200
    assert await post("branch/next") == 409
    assert await post("branch/v1") == 200
    assert await post("branch/refs%2Fheads%2Fold", startingPoint="0" * 40) == 404
    assert await post("branch/HEAD") == 409
    assert await post("branch/a..b") == 400
    assert await post("tag/main", tag="v1.0") == 200
    assert await post("tag/main", tag="v1.0") == 200
    assert await post("tag/nowhere", tag="v2") == 404
    done = await commit(client, token, small("new.txt", b"x"), branch="next")
    second = done.json()["commitOid"]
    assert await post("tag/next", tag="v1.0") == 409
    assert await refs(client) == {
        "branches": {"main": first, "next": second, "v1": first},
        "tags": {"v1.0": first},
    }
    listed = [found["id"] for found in (await client.get(f"{MODEL}/commits/next")).json()]
    assert listed == [second, first]
    assert head(world).commit == first


async def test_branches_go_and_what_people_wrote_down_stays(
    world: HubWorld,
    client: Client,
    token: str,  # noqa: F811
) -> None:
    headers = bearer(token)
    await client.post(f"{MODEL}/branch/next", json={}, headers=headers)
    await client.post(f"{MODEL}/tag/main", json={"tag": "v1"}, headers=headers)
    gone = (await commit(client, token, small("new.txt", b"x"), branch="next")).json()["commitOid"]
    removed = [
        (await client.delete(f"{MODEL}/{path}", headers=headers)).status_code
        for path in ("branch/next", "branch/next", "branch/main", "branch/v1", "tag/v1", "tag/absent")
    ]
    assert removed == [200, 404, 409, 409, 409, 409]
    assert await refs(client) == {
        "branches": {"main": head(world).commit},
        "tags": {"v1": head(world).commit},
    }
    assert (await client.get(f"{MODEL}/revision/{gone}")).status_code == 200


async def test_a_model_stays_and_keeps_its_name(
    world: HubWorld,
    client: Client,
    owner: Principal,  # noqa: F811
    token: str,  # noqa: F811
) -> None:
    named = {"name": "quarry-15b", "organization": "quarry", "type": "model"}
    moved = {"fromRepo": "quarry/quarry-15b", "toRepo": "quarry/other", "type": "model"}
    stranger = world.token(world.person("stranger@people.example"), Scope.PUBLISH)
    for who, status in ((token, 409), (stranger, 403), (world.token(owner), 403)):
        headers = bearer(who)
        deleted = await client.request("DELETE", "/api/repos/delete", json=named, headers=headers)
        renamed = await client.post("/api/repos/move", json=moved, headers=headers)
        assert (deleted.status_code, renamed.status_code) == (status, status)
        if status == 409:
            assert f"{BASE_URL}/quarry/quarry-15b/gate" in deleted.headers["x-error-message"]
    absent = await client.request(
        "DELETE", "/api/repos/delete", json={**named, "name": "absent"}, headers=bearer(token)
    )
    assert absent.headers["x-error-code"] == "RepoNotFound"
    endless = b"x" * 1_000_000
    assert (await client.request("DELETE", "/api/repos/delete", content=endless)).status_code == 401
    assert (await client.post("/api/repos/move", content=endless)).status_code == 401
