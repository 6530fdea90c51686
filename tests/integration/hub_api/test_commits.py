"""Commits by the Hub's API become releases under the same rules as any other, whole or not at all."""

import asyncio
import base64
import hashlib
import json
from typing import Any

import pytest

from registry import catalog
from registry.hub_api.commit_lines import COMMIT_MAX_BYTES
from registry.identity.domain import Principal, Scope
from tests.e2e.hub.scene import WEIGHTS, HubWorld
from tests.integration.hub_api.conftest import Client
from tests.world import BASE_URL, CARD

MODEL = "/api/models/quarry/quarry-15b"
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()


@pytest.fixture
def owner(world: HubWorld) -> Principal:
    """The owner of a gated model with a README, a config and weights."""
    world.gated_model()
    return world.person("owner@quarry.example")


@pytest.fixture
def token(world: HubWorld, owner: Principal) -> str:
    return world.token(owner, Scope.READ, Scope.PUBLISH)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def small(path: str, content: bytes) -> dict[str, Any]:
    value = {"path": path, "content": base64.b64encode(content).decode(), "encoding": "base64"}
    return {"key": "file", "value": value}


def large(path: str, oid: str = SHA256, **more: Any) -> dict[str, Any]:
    return {"key": "lfsFile", "value": {"path": path, "algo": "sha256", "oid": oid, **more}}


def drop(path: str) -> dict[str, Any]:
    return {"key": "deletedFolder" if path.endswith("/") else "deletedFile", "value": {"path": path}}


async def commit(
    client: Client,
    token: str | None,
    *lines: Any,
    parent: str | None = None,
    branch: str = "main",
    model: str = MODEL,
) -> Any:
    header: dict[str, Any] = {"summary": "Say more", "description": "At length."}
    if parent is not None:
        header["parentCommit"] = parent
    sent = b"".join(
        json.dumps(line).encode() + b"\n" for line in ({"key": "header", "value": header}, *lines)
    )
    headers = {"Content-Type": "application/x-ndjson", **(bearer(token) if token else {})}
    return await client.post(f"{model}/commit/{branch}", content=sent, headers=headers)


def files(world: HubWorld, revision: str = "main") -> dict[str, str]:
    def load(session: Any) -> dict[str, str]:
        found = catalog.find_release(
            session, publisher="quarry", name="quarry-15b", revision=revision, principal=catalog_reader
        )
        assert isinstance(found, catalog.FoundRelease), found
        return {file.path: file.sha256 for file in catalog.list_files(session, release_id=found.release.id)}

    catalog_reader = world.person()
    return world.read(load)


def head(world: HubWorld) -> Any:
    return world.read(catalog.find_current_release, model_id=world.model(world.person()).id)


async def test_a_commit_becomes_a_release_on_top_of_the_head(
    world: HubWorld, client: Client, token: str
) -> None:
    before = head(world)
    answer = await commit(
        client, token, small("notes/a.txt", b"A"), drop("config.json"), large("copy.safetensors")
    )
    assert answer.status_code == 200, answer.text
    after = head(world)
    assert answer.json() == {
        "success": True,
        "commitOid": after.commit,
        "commitUrl": f"{BASE_URL}/quarry/quarry-15b/commit/{after.commit}",
        "hookOutput": "",
    }
    assert (after.parent, after.message) == (before.commit, "Say more\n\nAt length.")
    assert set(files(world)) == {"README.md", "model.safetensors", "notes/a.txt", "copy.safetensors"}
    assert set(files(world, before.commit)) == {"README.md", "config.json", "model.safetensors"}


async def test_the_same_commit_again_gives_the_release_that_stands(
    world: HubWorld, client: Client, token: str
) -> None:
    before = head(world).commit
    first = await commit(client, token, small("a.txt", b"A"), drop("config.json"), parent=before)
    again = await commit(client, token, small("a.txt", b"A"), drop("config.json"), parent=before)
    assert again.json() == first.json()
    nothing = await commit(client, token)
    assert nothing.json() == first.json()
    late = await commit(client, token, small("a.txt", b"B"), parent=before)
    assert late.status_code == 409
    assert "moved since" in late.headers["x-error-message"]
    assert "x-error-code" not in late.headers
    unknown = await commit(client, token, small("a.txt", b"B"), parent="0" * 40)
    assert unknown.status_code == 409


async def test_commits_at_once_lose_nothing_of_each_other(
    world: HubWorld, client: Client, token: str
) -> None:
    answers = await asyncio.gather(
        *(commit(client, token, small(f"{number}.txt", b"x")) for number in range(6))
    )
    assert [answer.status_code for answer in answers] == [200] * 6
    assert len({answer.json()["commitOid"] for answer in answers}) == 6
    assert {f"{number}.txt" for number in range(6)} <= set(files(world))


async def test_of_commits_on_one_parent_one_stands(world: HubWorld, client: Client, token: str) -> None:
    parent = head(world).commit
    answers = await asyncio.gather(
        *(commit(client, token, small("a.txt", bytes([65 + n])), parent=parent) for n in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert head(world).parent == parent


IMPOSSIBLE: list[tuple[list[Any], int, str | None]] = [
    ([small("../up.txt", b"x")], 400, None),
    ([small("a/../../up.txt", b"x")], 400, None),
    ([small("/etc/passwd", b"x")], 400, None),
    ([small(".git/config", b"x")], 400, None),
    ([small("a\\b", b"x")], 400, None),
    ([small("nul\x00.txt", b"x")], 400, None),
    ([small("readme.MD", b"x")], 400, None),
    ([small("A.txt", b"x"), small("a.txt", b"x")], 400, None),
    ([small("config.json/inside.txt", b"x")], 400, None),
    ([large("w.bin", "f" * 64, size=7)], 409, None),
    ([large("w.bin", "f" * 64)], 409, None),
    ([large("w.bin", size=len(WEIGHTS) + 1)], 409, None),
    ([drop("absent.txt")], 404, "EntryNotFound"),
    ([drop("absent/")], 404, "EntryNotFound"),
    ([drop("README.md"), drop("config.json"), drop("model.safetensors"), drop("good.txt")], 400, None),
    ([small("broken.safetensors", b"\x00" * 64)], 503, None),
    ([{"key": "copyFile", "value": {}}], 400, None),
]


async def test_a_commit_that_cannot_stand_changes_nothing(
    world: HubWorld, client: Client, token: str
) -> None:
    """Paths that lead out or differ in case alone, wrong sizes, bytes that never came (threat C4)."""
    before = head(world)
    for lines, status, code in IMPOSSIBLE:
        answer = await commit(client, token, small("good.txt", b"good"), *lines)
        assert (answer.status_code, answer.headers.get("x-error-code")) == (status, code), (
            lines,
            answer.text,
        )
        assert answer.headers["x-error-message"].isascii()
        assert head(world) == before, lines


async def test_bytes_of_other_publishers_cannot_be_named(world: HubWorld, client: Client, token: str) -> None:
    """Threat G10."""
    other = world.publisher(world.person("rival@fell.example"), "fell")
    theirs = world.blob(other.id, WEIGHTS[:-9], text=False)
    answer = await commit(client, token, large("theirs.bin", theirs.sha256, size=theirs.size))
    assert answer.status_code == 409
    assert "not uploaded" in answer.headers["x-error-message"]


async def test_who_may_not_publish_is_refused_before_the_body_is_read(
    world: HubWorld, client: Client, owner: Principal
) -> None:
    endless = b"x" * (COMMIT_MAX_BYTES // 64)
    stranger = world.token(world.person("stranger@people.example"), Scope.PUBLISH)
    reader = world.token(owner, Scope.READ)
    for token, status in ((None, 401), (stranger, 403), (reader, 403), ("gatehouse_unknown", 401)):
        for path in ("commit/main", "preupload/main"):
            headers = bearer(token) if token else {}
            answer = await client.post(f"{MODEL}/{path}", content=endless, headers=headers)
            assert answer.status_code == status, (token, path, answer.text)
    absent = await client.post(
        f"{MODEL}x/commit/main", content=endless, headers=bearer(world.token(owner, Scope.PUBLISH))
    )
    assert (absent.status_code, absent.headers["x-error-code"]) == (404, "RepoNotFound")


async def test_only_branches_that_are_there_take_commits(
    world: HubWorld, client: Client, owner: Principal, token: str
) -> None:
    world.write(
        catalog.create_tag,
        publisher="quarry",
        name="quarry-15b",
        tag="v1",
        revision="main",
        principal=owner,
    )
    for branch, status in (("nowhere", 404), ("v1", 409), ("refs%2Fpr%2F1", 404), ("0" * 40, 404)):
        answer = await commit(client, token, small("a.txt", b"x"), branch=branch)
        assert answer.status_code == status, answer.text
    proposed = await client.post(f"{MODEL}/commit/main?create_pr=1", headers=bearer(token))
    assert proposed.status_code == 400
    assert "pull requests" in proposed.headers["x-error-message"]


async def test_a_client_learns_what_goes_how_and_what_is_there(client: Client, token: str) -> None:
    asked = [
        {"path": "README.md", "size": len(CARD), "sample": ""},
        {"path": "model.safetensors", "size": len(WEIGHTS), "sample": ""},
        {"path": "new.bin", "size": 1024 * 1024, "sample": ""},
    ]
    answer = await client.post(f"{MODEL}/preupload/main", json={"files": asked}, headers=bearer(token))
    card = hashlib.sha1(b"blob %d\0" % len(CARD) + CARD).hexdigest()
    assert answer.json()["files"] == [
        {"path": "README.md", "uploadMode": "regular", "shouldIgnore": False, "oid": card},
        {"path": "model.safetensors", "uploadMode": "lfs", "shouldIgnore": False, "oid": SHA256},
        {"path": "new.bin", "uploadMode": "regular", "shouldIgnore": False},
    ]
    assert answer.headers["x-hf-warning"].startswith("upload; ")
    bad = await client.post(
        f"{MODEL}/preupload/main", json={"files": [{"path": "../x", "size": 1}]}, headers=bearer(token)
    )
    assert bad.status_code == 400


async def test_a_client_learns_what_a_gitignore_leaves_out(client: Client, token: str) -> None:
    paths = ["a.log", "keep.log", "build/x.bin", "sub/a.log", "b.txt"]
    asked = [{"path": path, "size": 5} for path in paths]

    async def ignored(**more: Any) -> list[str]:
        answer = await client.post(
            f"{MODEL}/preupload/main", json={"files": asked, **more}, headers=bearer(token)
        )
        assert answer.status_code == 200, answer.text
        return [file["path"] for file in answer.json()["files"] if file["shouldIgnore"]]

    assert await ignored() == []
    patterns = b"*.log\n!keep.log\n/build/\n"
    assert await ignored(gitIgnore=patterns.decode()) == ["a.log", "build/x.bin", "sub/a.log"]
    assert (await commit(client, token, small(".gitignore", patterns))).status_code == 200
    assert await ignored() == ["a.log", "build/x.bin", "sub/a.log"]
    assert await ignored(gitIgnore="") == []
    assert await ignored(gitIgnore="*a" * 300 + "b") == []
    body = {"files": asked, "gitIgnore": "[z-a]"}
    broken = await client.post(f"{MODEL}/preupload/main", json=body, headers=bearer(token))
    assert broken.status_code == 400
    assert (await commit(client, token, small(".gitignore", b"[z-a]\n"))).status_code == 200
    assert await ignored() == []


async def test_the_address_of_a_commit_leads_to_its_files(
    world: HubWorld, client: Client, token: str
) -> None:
    done = (await commit(client, token, small("a.txt", b"A"))).json()
    page = await client.get(done["commitUrl"].removeprefix(BASE_URL))
    assert page.status_code == 303
    there = await client.get(page.headers["location"])
    assert (there.status_code, done["commitOid"] in there.text) == (200, True)
    absent = await client.get(f"/quarry/quarry-15b/commit/{'0' * 40}")
    assert absent.status_code == 404


async def test_a_model_that_is_there_is_found_and_cards_are_read(client: Client, token: str) -> None:
    standing = {"name": "quarry-15b", "organization": "quarry", "type": "model"}
    answer = await client.post("/api/repos/create", json=standing, headers=bearer(token))
    assert (answer.status_code, answer.json()["url"]) == (409, f"{BASE_URL}/quarry/quarry-15b")
    kind = await client.post("/api/repos/create", json={**standing, "type": "space"}, headers=bearer(token))
    assert kind.status_code == 404
    card = {"content": "---\nlicense: [\n---\n# Broken", "repoType": "model"}
    warned = await client.post("/api/validate-yaml", json=card, headers=bearer(token))
    assert {type(one["message"]) for one in warned.json()["warnings"]} == {str}
