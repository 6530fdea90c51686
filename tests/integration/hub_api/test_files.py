"""Files: what HEAD tells, what GET gives, and to whom; by every form of address."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import select

from registry import access, catalog
from registry.delivery.tables import DownloadRecord
from registry.identity.domain import Scope, digest_of
from registry.identity.tables import WebSession
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import Unavailable
from registry.licenses import ChangeClass
from tests.e2e.hub.scene import FILES, WEIGHTS, HubWorld, safetensors
from tests.integration.hub_api.conftest import Client
from tests.world import BASE_URL, CARD, TEXT_11

RESOLVE = "/quarry/quarry-15b/resolve/main"
ACCEPT = f"{BASE_URL}/quarry/quarry-15b/accept?license=sample-openrail-m@1.0"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def records(world: HubWorld) -> list[DownloadRecord]:
    query = select(DownloadRecord).order_by("id")
    return list(world.read(lambda session: session.exec(query).all()))


@pytest.fixture
def accepted(world: HubWorld) -> dict[str, str]:
    """Headers of a person who has accepted."""
    model = world.gated_model()
    person = world.person()
    world.accept(person, model)
    return bearer(world.token(person))


async def test_head_of_a_large_file_tells_all_and_issues_nothing(
    world: HubWorld, client: Client, accepted: dict[str, str]
) -> None:
    sha = (await client.get("/api/models/quarry/quarry-15b")).json()["sha"]
    answer = await client.head(f"{RESOLVE}/model.safetensors", headers=accepted)
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    assert answer.status_code == 200
    assert answer.headers["x-repo-commit"] == sha
    assert answer.headers["etag"] == answer.headers["x-linked-etag"] == f'"{digest}"'
    assert answer.headers["x-linked-size"] == answer.headers["content-length"] == str(len(WEIGHTS))
    assert "no-store" in answer.headers["cache-control"]
    assert not {"location", "x-xet-hash", "link", "x-hf-warning"} & set(answer.headers)
    assert answer.content == b""
    assert records(world) == []


async def test_get_of_a_large_file_redirects_to_a_fresh_url_and_is_recorded(
    world: HubWorld, client: Client, accepted: dict[str, str]
) -> None:
    first = await client.get(f"{RESOLVE}/model.safetensors", headers=accepted)
    world.clock.advance(timedelta(seconds=1))
    headers = {**accepted, "Range": "bytes=10485760-", "User-Agent": "unknown/None; hf_hub/2.4.0"}
    second = await client.get(f"{RESOLVE}/model.safetensors", headers=headers)
    for answer in (first, second):
        assert answer.status_code == 302
        assert "X-Amz-Signature=" in answer.headers["location"]
        assert answer.headers["content-length"] == "0"
        assert "no-store" in answer.headers["cache-control"]
        assert answer.headers["x-linked-size"] == str(len(WEIGHTS))
    assert first.headers["location"] != second.headers["location"]
    assert [record.resumed_from for record in records(world)] == [None, 10485760]
    assert records(world)[1].client == "unknown/None; hf_hub/2.4.0"


async def test_a_small_gated_text_is_sent_and_recorded(
    world: HubWorld, client: Client, accepted: dict[str, str]
) -> None:
    answer = await client.get(f"{RESOLVE}/config.json", headers=accepted)
    assert answer.content == FILES["config.json"]
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["accept-ranges"] == "bytes"
    bare = await client.head(f"{RESOLVE}/config.json", headers=accepted)
    assert bare.headers["content-length"] == str(len(answer.content))
    assert bare.headers["etag"] == answer.headers["etag"]
    assert [record.path for record in records(world)] == ["config.json"]


async def test_raw_is_the_same_file_by_the_same_gate(
    world: HubWorld, client: Client, accepted: dict[str, str]
) -> None:
    raw = RESOLVE.replace("resolve", "raw")
    assert (await client.get(f"{raw}/config.json")).status_code == 401
    answer = await client.get(f"{raw}/config.json", headers=accepted)
    assert answer.content == FILES["config.json"]
    assert "sandbox" in answer.headers["content-security-policy"]
    large = await client.get(f"{raw}/model.safetensors", headers=accepted)
    assert (large.status_code, "X-Amz-Signature" in large.headers["location"]) == (302, True)
    assert [record.path for record in records(world)] == ["config.json", "model.safetensors"]


@pytest.mark.parametrize(
    ("headers", "status", "content", "span"),
    [
        ({"Range": "bytes=2-5"}, 206, CARD[2:6], f"bytes 2-5/{len(CARD)}"),
        ({"Range": "bytes=-3"}, 206, CARD[-3:], f"bytes {len(CARD) - 3}-{len(CARD) - 1}/{len(CARD)}"),
        ({"Range": f"bytes={len(CARD)}-"}, 416, b"", f"bytes */{len(CARD)}"),
        ({"Range": "bytes=0-0,2-3"}, 200, CARD, None),
        ({"Range": "bytes=2-5", "If-Range": '"other"'}, 200, CARD, None),
    ],
)
async def test_a_small_text_is_sent_in_parts(
    world: HubWorld, client: Client, headers: dict[str, str], status: int, content: bytes, span: str | None
) -> None:
    world.gated_model()
    answer = await client.get(f"{RESOLVE}/README.md", headers=headers)
    assert (answer.status_code, answer.content) == (status, content)
    assert answer.headers.get("content-range") == span
    assert answer.headers["content-length"] == str(len(content))


async def test_card_and_license_are_open_to_everybody_and_leave_no_record(
    world: HubWorld, client: Client
) -> None:
    owner = world.person("owner@quarry.example")
    world.license("1.0", b"Sample text\n", "initial")
    files = {**FILES, "LICENSE": b"The terms.\n"}
    world.release(owner, world.publisher(owner), files=files)
    for name in ("README.md", "LICENSE"):
        for method in (client.get, client.head):
            assert (await method(f"{RESOLVE}/{name}")).status_code == 200
    assert records(world) == []


NOT_OPEN = (
    *(
        "readme.md",
        "Readme.md",
        "README.md/",
        "README.md.",
        "x/%2e%2e/README.md",
        "%2e/README.md",
        "/README.md",
    ),
    *("README%2Emd%00", "docs/README.md", "docs%2FREADME.md", "LICENSE", "LICENSE.md", "%4CICENSE"),
    *("README%252Emd", "model.safetensors", "config.json", "..%2Fmain%2FREADME.md", "README.md%20"),
    *("READM%D0%95.md", "README.md;x", "LICENSE.txt"),
)


async def test_nothing_but_the_exact_open_names_is_open(world: HubWorld, client: Client) -> None:
    owner = world.person("owner@quarry.example")
    world.license("1.0", b"Sample text\n", "initial")
    # Weights that are named like the open files, and a card that is not at the root.
    files = {**FILES, "LICENSE": safetensors(), "LICENSE.md": b"\x00" * 2048, "docs/README.md": CARD}
    world.release(owner, world.publisher(owner), files=files)
    for path in NOT_OPEN:
        for method in ("GET", "HEAD"):
            answer = await client.request(method, f"{RESOLVE}/{path}")
            assert answer.status_code in {401, 404}, path
            assert "location" not in answer.headers
            assert answer.content == b"" or answer.json()["error"]
    assert records(world) == []


ADDRESSES = (
    "/quarry/quarry-15b/resolve/main/model.safetensors",
    "/quarry/quarry-15b/raw/main/model.safetensors",
    "/QUARRY/Quarry-15B/resolve/main/model.safetensors",
    "/quarry/quarry-15b/resolve/{sha}/model.safetensors",
    "/quarry/quarry-15b/resolve/refs%2Fheads%2Fmain/model.safetensors",
    "/quarry/quarry-15b/resolve/v1.0%2Frc/model.safetensors",
    "/quarry/quarry-15b/resolve/main/model%2Esafetensors",
    "/quarry/quarry-15b/resolve/main/model.safetensors?download=true",
    "/quarry/quarry-15b/resolve/nothing/model.safetensors",
    "/quarry/quarry-15b/resolve/main/nothing",
    "/quarry/quarry-15b/resolve/%2e%2e/model.safetensors",
    "/quarry/quarry-15b/resolve/main/a%2F..%2Fmodel.safetensors",
    "/quarry%2Fquarry-15b/resolve/main/model.safetensors",
    "/quarry/quarry-15b/resolve/main%2Fmodel.safetensors",
    "/quarry/quarry-15b/resolve/ma%00in/model.safetensors",
    "/quarry/quarry-15b/resolve/main/" + "x" * 4000,
    "/quarry/quarry-15b/resolve/main/%F0%9F%92%A5",
    "/quarry/quarry-15b/resolve/main/%ED%A0%80",
)
WAYS: tuple[dict[str, str], ...] = (
    {},
    {"Range": "bytes=0-"},
    {"If-None-Match": "*"},
    {"Authorization": "Basic eDp5"},
)


async def test_no_form_of_an_address_opens_the_gate(world: HubWorld, client: Client) -> None:
    world.gated_model()
    owner = world.person("owner@quarry.example")
    tag = {"publisher": "quarry", "name": "quarry-15b", "tag": "v1.0/rc", "revision": "main"}
    world.write(catalog.create_tag, principal=owner, **tag)
    sha = (await client.get("/api/models/quarry/quarry-15b")).json()["sha"]
    stranger = bearer(world.token(world.person("new@nordlab.example")))
    for address in ADDRESSES:
        for way in (*WAYS, stranger, {**stranger, "Range": "bytes=0-"}):
            for method in ("GET", "HEAD"):
                answer = await client.request(method, address.replace("{sha}", sha), headers=way)
                assert answer.status_code in {401, 403, 404}, address
                assert "location" not in answer.headers
    assert records(world) == []


async def test_whoever_may_not_know_a_model_learns_nothing(world: HubWorld, client: Client) -> None:
    world.license("1.0", b"Sample text\n", "initial")
    owner = world.person("owner@quarry.example")
    world.release(owner, world.publisher(owner), private=True)
    stranger = bearer(world.token(world.person()))
    seen = set()
    for model in ("quarry-15b", "nothing"):
        for path in ("main/README.md", "main/model.safetensors", "nothing/x", "main/nothing"):
            for headers in ({}, stranger):
                answer = await client.get(f"/quarry/{model}/resolve/{path}", headers=headers)
                assert answer.headers["x-error-code"] == "RepoNotFound"
                kept = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
                seen.add(
                    (answer.status_code, str(answer.json() | {"request_id": ""}), str(sorted(kept.items())))
                )
    assert len(seen) == 1


async def test_an_existing_file_is_not_told_before_the_gate(world: HubWorld, client: Client) -> None:
    world.gated_model()
    seen = set()
    for path in ("main/model.safetensors", "main/nothing", "nothing/model.safetensors"):
        answer = await client.head(f"/quarry/quarry-15b/resolve/{path}")
        seen.add((answer.status_code, answer.headers["x-error-code"], "x-repo-commit" in answer.headers))
    assert seen == {(401, "GatedRepo", False)}


async def test_missing_things_are_told_to_whoever_has_access(
    client: Client, accepted: dict[str, str]
) -> None:
    missing = await client.head(f"{RESOLVE}/nothing", headers=accepted)
    assert (missing.status_code, missing.headers["x-error-code"]) == (404, "EntryNotFound")
    assert len(missing.headers["x-repo-commit"]) == 40
    unknown = await client.head("/quarry/quarry-15b/resolve/v9/x", headers=accepted)
    assert (unknown.status_code, unknown.headers["x-error-code"]) == (404, "RevisionNotFound")


async def test_a_refusal_says_what_to_do_on_head_and_get(world: HubWorld, client: Client) -> None:
    world.gated_model()
    token = world.token(world.person())
    for method in ("GET", "HEAD"):
        answer = await client.request(method, f"{RESOLVE}/model.safetensors", headers=bearer(token))
        assert (answer.status_code, answer.headers["x-error-code"]) == (403, "GatedRepo")
        assert answer.headers["x-error-message"].endswith(ACCEPT)
        assert answer.headers["x-hf-warning"] == "license; " + answer.headers["x-error-message"]
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-request-id"]
    assert answer.content == b""


async def test_an_outdated_acceptance_is_explained(
    world: HubWorld, client: Client, accepted: dict[str, str]
) -> None:
    world.license("1.1", TEXT_11, ChangeClass.MATERIAL)
    owner = world.person("owner@quarry.example")
    world.write(
        catalog.change_gate,
        publisher="quarry",
        name="quarry-15b",
        demand=catalog.GateDemand(
            mode=catalog.GateMode.AUTO, licenses=("sample-openrail-m@1.1",), reaccept_days=0
        ),
        principal=owner,
        now=world.now,
    )
    answer = await client.get(f"{RESOLVE}/model.safetensors", headers=accepted)
    assert answer.json()["code"] == "acceptance-outdated"
    assert "you accepted 1.0" in answer.headers["x-error-message"]
    assert "Clauses since 1.0: 1 changed, 1 new." in answer.headers["x-error-message"]
    assert answer.headers["x-error-message"].endswith("?license=sample-openrail-m@1.1")


async def test_a_block_is_explained(world: HubWorld, client: Client, accepted: dict[str, str]) -> None:
    person = world.person()
    world.write(
        access.block_person,
        publisher="quarry",
        person_id=person.person_id,
        reason="shared the weights",
        until=None,
        principal=world.person("owner@quarry.example"),
        now=world.now,
    )
    answer = await client.get(f"{RESOLVE}/model.safetensors", headers=accepted)
    assert "shared the weights" in answer.json()["detail"]
    assert "1970" not in answer.headers["x-error-message"]


async def test_a_browser_session_downloads_and_is_refused_with_a_page(
    world: HubWorld, client: Client
) -> None:
    model = world.gated_model()
    person = world.person()
    secret = "browser-secret"

    world.write(
        lambda session: session.add(
            WebSession(
                digest=digest_of(secret),
                person_id=person.person_id,
                method="email-link",
                created_at=world.now,
                expires_at=world.now.replace(year=2100),
            )
        )
    )
    headers = {"Cookie": f"gatehouse_session={secret}", "Accept": "text/html,*/*;q=0.8"}
    refused = await client.get(f"{RESOLVE}/model.safetensors", headers=headers)
    assert refused.status_code == 403
    assert refused.headers["content-type"].startswith("text/html")
    assert refused.headers["x-error-code"] == "GatedRepo"
    assert "/quarry/quarry-15b/accept" in refused.text
    world.accept(person, model)
    assert (await client.get(f"{RESOLVE}/model.safetensors", headers=headers)).status_code == 302
    assert records(world)[0].channel == "session"


async def test_a_token_without_the_scope_is_told_so(world: HubWorld, client: Client) -> None:
    model = world.gated_model()
    person = world.person()
    world.accept(person, model)
    answer = await client.head(
        f"{RESOLVE}/model.safetensors", headers=bearer(world.token(person, Scope.PUBLISH))
    )
    assert (answer.status_code, answer.headers["x-error-code"]) == (403, "GatedRepo")
    assert answer.headers["x-error-message"].endswith(f"{BASE_URL}/settings/tokens")


async def test_files_are_only_read(world: HubWorld, client: Client) -> None:
    world.gated_model()
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = await client.request(method, f"{RESOLVE}/model.safetensors")
        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET, HEAD"


async def test_an_outage_is_a_503_without_a_url(
    world: HubWorld, client: Client, accepted: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any, **__: Any) -> Any:
        raise Unavailable("database", "locked")

    writer = world.database._writer
    monkeypatch.setattr(*((writer, "submit") if writer else (world.database, "_on_thread")), down)
    for method in ("GET", "HEAD"):
        answer = await client.request(method, f"{RESOLVE}/model.safetensors", headers=accepted)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert "location" not in answer.headers


async def test_a_defect_is_a_500_in_the_hubs_shape(
    world: HubWorld, client: Client, accepted: dict[str, str]
) -> None:
    with world.database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE release_file RENAME TO elsewhere"))
    answer = await client.get(f"/quarry/quarry-15b/resolve/main/{new_id().hex}", headers=accepted)
    listed = await client.get("/api/models/quarry/quarry-15b", headers=accepted)
    for found in (answer, listed):
        assert found.status_code == 500
        assert "release_file" not in found.text
        assert "location" not in found.headers
    assert listed.headers["x-error-message"]
