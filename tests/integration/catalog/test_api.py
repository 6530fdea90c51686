import hashlib
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.testing import AsyncTestClient

from registry.catalog.api import ModelsApi, PublishersApi, load_detail
from registry.catalog.upload_api import UploadsApi
from registry.identity.domain import ANONYMOUS, Principal
from registry.identity.standing_domain import Reach
from registry.kernel.outcomes import Unavailable
from registry.kernel.problems import handle_http_exception, handle_unavailable
from tests.integration.catalog.conftest import CARD, World

BASE_URL = "http://registry.example"
Client = AsyncTestClient[Litestar]


class Visitor:
    """Who asks; tests change it between requests."""

    principal: Principal = ANONYMOUS


@pytest.fixture
def visitor() -> Visitor:
    return Visitor()


@pytest.fixture
async def client(world: World, visitor: Visitor) -> AsyncIterator[Client]:
    def given(value: object) -> Provide:
        return Provide(lambda: value, sync_to_thread=False)

    app = Litestar(
        route_handlers=[PublishersApi, ModelsApi, UploadsApi],
        dependencies={
            "clock": given(world.clock),
            "reach": given(Reach()),
            "database": given(world.database),
            "keys": given(world.keys),
            "principal": Provide(lambda: visitor.principal, sync_to_thread=False),
            "store": given(world.store),
        },
        exception_handlers={HTTPException: handle_http_exception, Unavailable: handle_unavailable},
        state=State({"settings": SimpleNamespace(base_url=BASE_URL)}),
    )
    async with AsyncTestClient(app, base_url=BASE_URL, raise_server_exceptions=True) as opened:
        yield opened


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def send(client: Client, world: World, files: dict[str, bytes]) -> list[dict[str, Any]]:
    stated = [{"path": path, "sha256": digest(data), "size": len(data)} for path, data in files.items()]
    plan = {"files": [{"sha256": file["sha256"], "size": file["size"]} for file in stated]}
    planned = (await client.post("/api/v1/models/tarn/tarn-7b/uploads", json=plan)).json()
    for upload in planned["uploads"]:
        if upload["state"] == "stored":
            continue
        data = next(data for data in files.values() if digest(data) == upload["sha256"])
        url = f"/api/v1/uploads/{upload['id']}"
        signed = (await client.post(f"{url}/parts", json={"numbers": [1]})).json()
        world.store.send(signed["parts"][0]["url"], data)
        completed = await client.post(f"{url}/complete")
        assert (completed.status_code, completed.json()["state"]) == (202, "verifying")
        await world.verify()
        assert (await client.get(url)).json()["state"] == "stored"
    return stated


async def test_a_model_is_published_and_read_over_http(
    world: World, visitor: Visitor, client: Client
) -> None:
    world.license()
    visitor.principal = world.signed_in("owner")
    created = await client.post("/api/v1/publishers", json={"name": "tarn", "display_name": "Tarn lab"})
    stated = await send(client, world, {"README.md": CARD, "empty": b"", "w.bin": b"\x00\xff"})
    release = {"message": "One", "files": stated, "licenses": ["tarn-openrail-m@1.0"], "create": True}
    published = await client.post("/api/v1/models/tarn/tarn-7b/releases", json=release)
    again = await client.post("/api/v1/models/tarn/tarn-7b/releases", json=release)
    visitor.principal = ANONYMOUS
    listed = (await client.get("/api/v1/models?license=tarn-openrail-m&search=SMALL tarn")).json()
    commit = published.json()["commit"]
    manifest = (await client.get(f"/api/v1/models/tarn/tarn-7b/releases/{commit}/manifest")).json()

    assert (created.status_code, published.status_code) == (201, 201)
    assert published.json()["url"] == f"{BASE_URL}/tarn/tarn-7b"
    assert again.json() == published.json() | {"created": False}
    assert [item["id"] for item in listed["items"]] == ["tarn/tarn-7b"]
    assert listed["items"][0]["requirements"][0]["number"] == "1.0"
    assert listed["next"] is None
    assert (
        manifest["digest"]
        == published.json()["manifest_digest"]
        == "sha256:" + digest(manifest["manifest"].encode())
    )
    assert {key["use"] for key in manifest["keys"]} == {"statement", "checkpoint"}


async def test_pages_of_models_and_files_lead_to_each_other(
    world: World, visitor: Visitor, client: Client
) -> None:
    visitor.principal = owner = world.signed_in("owner")
    world.publisher("tarn", owner)
    files = {f"f{n}.txt": str(n).encode() for n in range(3)}
    stated = await world.upload(files, owner)
    for n in range(3):
        world.publish(owner, stated, name=f"m{n}")

    first = (await client.get("/api/v1/models?limit=2&search=tarn")).json()
    second = (await client.get(first["next"].removeprefix(BASE_URL))).json()
    page = (await client.get("/api/v1/models/tarn/m0/releases/main/files?limit=2")).json()
    rest = (await client.get(page["next"].removeprefix(BASE_URL))).json()

    assert [item["name"] for item in first["items"] + second["items"]] == ["m2", "m1", "m0"]
    assert second["next"] is None
    assert [file["path"] for file in page["items"] + rest["items"]] == sorted(files)


async def test_a_plan_shows_what_is_there_already(world: World, visitor: Visitor, client: Client) -> None:
    visitor.principal = owner = world.signed_in("owner")
    world.publisher("tarn", owner)
    await world.upload({"a": b"kept"}, owner)
    plan = {"files": [{"sha256": digest(b"kept"), "size": 4}, {"sha256": digest(b"new"), "size": 3}]}

    first = (await client.post("/api/v1/models/tarn/m/uploads", json=plan)).json()["uploads"]
    signed = await client.post(f"/api/v1/uploads/{first[1]['id']}/parts", json={"numbers": [1]})
    world.store.send(signed.json()["parts"][0]["url"], b"new")
    second = (await client.post("/api/v1/models/tarn/m/uploads", json=plan)).json()["uploads"]

    assert [(upload["state"], upload["parts"]) for upload in first] == [("stored", []), ("open", [])]
    assert second[1]["id"] == first[1]["id"]
    assert second[1]["parts"] == [{"number": 1, "size": 3}]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/v1/publishers", {"name": "tarn"}, 401),
        ("POST", "/api/v1/publishers", {"name": "tarn", "admin": True}, 400),
        ("GET", "/api/v1/models?gate=open", None, 400),
        ("GET", "/api/v1/models?limit=1000", None, 400),
        ("GET", "/api/v1/models/tarn/none/releases/main/manifest", None, 404),
        ("PUT", "/api/v1/models/tarn/none/gate", {"mode": "auto"}, 404),
        ("POST", "/api/v1/models/tarn/none/uploads", {"files": []}, 400),
        ("POST", "/api/v1/models/tarn/none/uploads", {"files": [{"sha256": "x", "size": 1}]}, 400),
        ("POST", "/api/v1/models/tarn/none/uploads", {"files": [{"sha256": "a" * 64, "size": 1}]}, 401),
        ("GET", "/api/v1/uploads/018f0000-0000-7000-8000-000000000001", None, 401),
        ("GET", "/api/v1/uploads/1", None, 404),
    ],
)
async def test_what_is_refused_is_a_problem(
    client: Client, method: str, path: str, body: Any, status: int
) -> None:
    answer = await client.request(method, path, json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["code"]


async def test_a_store_that_is_down_is_said_plainly_and_loses_nothing(
    world: World, visitor: Visitor, client: Client
) -> None:
    visitor.principal = owner = world.signed_in("owner")
    world.publisher("tarn", owner)
    plan = {"files": [{"sha256": digest(b"new"), "size": 3}]}
    upload = (await client.post("/api/v1/models/tarn/m/uploads", json=plan)).json()["uploads"][0]
    world.store.down = True
    refused = await client.post(f"/api/v1/uploads/{upload['id']}/parts", json={"numbers": [1]})
    world.store.down = False
    signed = await client.post(f"/api/v1/uploads/{upload['id']}/parts", json={"numbers": [1]})

    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert signed.status_code == 200


async def test_the_detail_of_a_model_holds_gate_release_and_refs(world: World, owner: Principal) -> None:
    world.license()
    stated = await world.upload({"README.md": CARD}, owner)
    published = world.publish(owner, stated, licenses=("tarn-openrail-m",))

    _, release, detail = world.look(
        load_detail, publisher="tarn", name="tarn-7b", revision="main", principal=ANONYMOUS, base_url=BASE_URL
    )
    assert detail.release.commit == release.commit == published.release.commit
    assert detail.gate.requirements[0].url == f"{BASE_URL}/licenses/tarn-openrail-m/1.0"
    assert [field.label for field in detail.gate.form_fields] == ["Company", "I agree"]
    assert [ref.name for ref in detail.refs] == ["main"]
