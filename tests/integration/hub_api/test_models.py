"""What is told of models: info, revisions, trees, refs, history, lists; and who may know of them."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest

from registry import catalog
from registry.catalog import must_updates
from registry.catalog.must_updates import Demand, Mark
from registry.hub_api import domain, model_list, service
from registry.hub_api.errors import reaccept_warning
from registry.identity.domain import Channel, Principal, Scope
from registry.identity.tables import Person
from registry.kernel.identifiers import new_id
from registry.licenses import ChangeClass
from tests.e2e.hub.scene import WEIGHTS, HubWorld
from tests.integration.hub_api.conftest import Client
from tests.world import ANSWERS, BASE_URL, CARD, TEXT_10, TEXT_11

INFO = "/api/models/quarry/quarry-15b"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def next_page(answer: Any) -> str | None:
    link = answer.headers.get("link")
    if link is None:
        return None
    assert link.endswith('>; rel="next"')
    url = link.removeprefix("<").removesuffix('>; rel="next"')
    assert url.startswith(BASE_URL)
    return str(url.removeprefix(BASE_URL))


async def every_page(client: Client, url: str) -> list[list[Any]]:
    pages = []
    step: str | None = url
    while step is not None:
        answer = await client.get(step)
        assert answer.status_code == 200, answer.text
        pages.append(answer.json())
        step = next_page(answer)
    return pages


async def test_a_gated_model_is_described_to_everybody(world: HubWorld, client: Client) -> None:
    world.gated_model()
    info = (await client.get(INFO)).json()
    head = world.read(
        catalog.find_release,
        publisher="quarry",
        name="quarry-15b",
        revision="main",
        principal=world.person(),
    )
    assert info["id"] == info["modelId"] == "quarry/quarry-15b"
    assert info["author"] == "quarry"
    assert info["sha"] == head.release.commit
    assert info["gated"] == "auto"
    assert info["private"] is info["disabled"] is False
    assert info["createdAt"].endswith("Z")
    assert info["lastModified"].endswith("Z")
    assert info["cardData"]["extra_gated_fields"] == dict.fromkeys(ANSWERS, "text") | {"Country": "country"}
    assert info["tags"] == ["license:other", "license:sample-openrail-m"]
    assert info["siblings"] == [
        {"rfilename": name} for name in ("README.md", "config.json", "model.safetensors")
    ]


async def test_digests_are_told_when_asked_for(world: HubWorld, client: Client) -> None:
    world.gated_model()
    info = (await client.get(INFO, params={"blobs": "True", "securityStatus": "True"})).json()
    siblings = {sibling["rfilename"]: sibling for sibling in info["siblings"]}
    weights = hashlib.sha256(WEIGHTS).hexdigest()
    assert siblings["model.safetensors"]["lfs"] == {
        "sha256": weights,
        "size": len(WEIGHTS),
        "pointerSize": domain.lfs_pointer_size(weights, len(WEIGHTS)),
    }
    assert siblings["README.md"]["size"] == len(CARD)
    assert "lfs" not in siblings["README.md"]
    assert info["securityRepoStatus"] == {"scansDone": True, "filesWithIssues": []}


@pytest.mark.parametrize("name", ["expand", "expand[]"])
async def test_expand_asks_for_some_properties(world: HubWorld, client: Client, name: str) -> None:
    world.gated_model()
    info = (await client.get(INFO, params=[(name, "gated"), (name, "sha"), (name, "gguf")])).json()
    assert info.keys() == {"_id", "id", "modelId", "gated", "sha"}
    refused = await client.get(INFO, params={name: "nonsense"})
    assert refused.status_code == 400


async def test_a_revision_warns_who_has_no_right_and_nobody_else(world: HubWorld, client: Client) -> None:
    model = world.gated_model()
    person = world.person()
    token = world.token(person)
    for headers in ({}, bearer(token)):
        answer = await client.get(f"{INFO}/revision/main", headers=headers)
        assert answer.status_code == 200
        assert f"{BASE_URL}/quarry/quarry-15b/accept" in answer.headers["x-hf-warning"]
    assert "x-hf-warning" not in (await client.get(INFO)).headers
    world.accept(person, model)
    answer = await client.get(f"{INFO}/revision/main", headers=bearer(token))
    assert "x-hf-warning" not in answer.headers


async def test_model_info_says_until_when_access_lasts(world: HubWorld, client: Client) -> None:
    model, person = world.gated_model(), world.person()
    world.accept(person, model)
    world.license("1.1", TEXT_11, ChangeClass.MATERIAL)
    changed = world.write(
        catalog.change_gate,
        publisher="quarry",
        name="quarry-15b",
        demand=catalog.GateDemand(
            mode=catalog.GateMode.AUTO, licenses=("sample-openrail-m@1.1",), reaccept_days=31
        ),
        principal=world.person("owner@quarry.example"),
        now=world.now,
    )
    assert isinstance(changed, catalog.GateView), changed
    said = reaccept_warning("quarry/quarry-15b", world.now + timedelta(days=31), base_url=BASE_URL)
    for path in (INFO, f"{INFO}/revision/main"):
        answer = await client.get(path, headers=bearer(world.token(person)))
        assert answer.headers["x-hf-warning"] == said
        assert "x-hf-warning" not in (await client.get(INFO)).headers
    world.clock.advance(timedelta(days=31))
    late = await client.get(f"{INFO}/revision/main", headers=bearer(world.token(person)))
    assert "you accepted 1.0" in late.headers["x-hf-warning"]
    assert "x-hf-warning" not in (await client.get(INFO, headers=bearer(world.token(person)))).headers


async def test_a_release_that_is_to_be_given_up_is_said_by_its_info_and_refused_by_it(
    world: HubWorld, client: Client
) -> None:
    model, person = world.gated_model(), world.person()
    world.accept(person, model)
    owner = world.person("owner@quarry.example")
    old = world.read(catalog.find_current_release, model_id=model.id).commit
    publisher = world.read(catalog.find_publisher, name="quarry")
    world.release(owner, publisher, files={"config.json": b"{}"})
    new = world.read(catalog.find_current_release, model_id=model.id).commit
    demand = Demand(commit=old, replacement=new, update_by=world.now + timedelta(days=9), reason="A fault.")
    marked = world.write(
        must_updates.mark_release,
        publisher="quarry",
        name="quarry-15b",
        demand=demand,
        principal=owner,
        now=world.now,
    )
    assert isinstance(marked, Mark), marked
    headers = bearer(world.token(person))
    answer = await client.get(f"{INFO}/revision/{old}", headers=headers)
    assert f"Use release {new} instead" in answer.headers["x-hf-warning"]
    assert "x-hf-warning" not in (await client.get(f"{INFO}/revision/main", headers=headers)).headers
    access = f"/api/v1{INFO.removeprefix('/api')}/access"
    told = (await client.get(access, params={"revision": old}, headers=headers)).json()
    assert (told["permitted"], told["until"]) == (True, "2026-12-02T12:00:00.000Z")
    assert f"use release {new} instead" in told["detail"]
    world.clock.advance(timedelta(days=9))
    answer = await client.get(f"{INFO}/revision/{old}", headers=headers)
    assert "was to be given up" in answer.headers["x-hf-warning"]
    for path in (access, access.removesuffix("/access")):
        told = (await client.get(path, params={"revision": old}, headers=headers)).json()
        assert told.get("access", told)["code"] == "update-required"
        assert (
            (await client.get(path, headers=headers)).json().get("access", {"permitted": True})["permitted"]
        )


async def test_an_open_model_is_not_gated(world: HubWorld, client: Client) -> None:
    owner = world.person("owner@quarry.example")
    world.release(owner, world.publisher(owner), requires=())
    answer = await client.get(f"{INFO}/revision/main")
    assert answer.json()["gated"] is False
    assert "x-hf-warning" not in answer.headers


@pytest.mark.parametrize(
    "rest", ["", "/revision/main", "/tree/main", "/refs", "/commits/main", "/auth-check"]
)
async def test_private_models_look_absent(world: HubWorld, client: Client, rest: str) -> None:
    world.license("1.0", TEXT_10, "initial")
    owner = world.person("owner@quarry.example")
    world.release(owner, world.publisher(owner), private=True)
    stranger = bearer(world.token(world.person()))
    answers = [await client.get(f"{INFO}{rest}", headers=headers) for headers in ({}, stranger)]
    answers.append(await client.get(f"/api/models/quarry/nothing{rest}", headers=stranger))
    seen = set()
    for answer in answers:
        assert answer.status_code == 404
        assert answer.headers["x-error-code"] == "RepoNotFound"
        body = answer.json() | {"request_id": ""}
        seen.add(str(body).replace("quarry-15b", "*").replace("nothing", "*"))
    assert len(seen) == 1
    if rest != "/auth-check":
        assert (await client.get(f"{INFO}{rest}", headers=bearer(world.token(owner)))).status_code == 200


async def test_a_foreign_token_is_refused_on_every_route(world: HubWorld, client: Client) -> None:
    world.gated_model()
    for url in (INFO, f"{INFO}/tree/main", "/api/models", "/api/whoami-v2", f"{INFO}/auth-check"):
        answer = await client.get(url, headers=bearer("hf_" + "x" * 34))
        assert answer.status_code == 401
        assert answer.headers["x-error-message"] == "Invalid credentials in Authorization header"
        assert f"{BASE_URL}/settings/tokens" in answer.headers["x-hf-warning"]
        assert f"{BASE_URL}/settings/tokens" in answer.json()["error"]
        assert "x-error-code" not in answer.headers


async def test_unknown_revisions_and_folders_are_told_apart(world: HubWorld, client: Client) -> None:
    world.gated_model()
    for url in (f"{INFO}/revision/v9", f"{INFO}/tree/{'0' * 40}", f"{INFO}/commits/refs%2Fpr%2F3"):
        answer = await client.get(url)
        assert (answer.status_code, answer.headers["x-error-code"]) == (404, "RevisionNotFound")
    answer = await client.get(f"{INFO}/tree/main/nothing")
    assert (answer.status_code, answer.headers["x-error-code"]) == (404, "EntryNotFound")


async def test_a_tree_is_paged_by_commit_and_the_same_for_everybody(
    world: HubWorld, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "TREE_PAGE_MAX_ENTRIES", 2)
    model = world.gated_model()
    owner = world.person("owner@quarry.example")
    publisher = world.read(catalog.find_publisher, name="quarry")
    files = {"README.md": CARD, "a/b/deep.txt": b"deep", "a/plus + space.txt": b"x", "z.bin": WEIGHTS}
    world.release(owner, publisher, files=files)
    first = await client.get(f"{INFO}/tree/main", params={"recursive": "True", "expand": "False"})
    sha = (await client.get(INFO)).json()["sha"]
    assert f"/tree/{sha}?recursive=True&expand=False&cursor=" in first.headers["link"]
    pages = await every_page(client, f"{INFO}/tree/main?recursive=True&expand=False")
    entries = [entry for page in pages for entry in page]
    assert [len(page) for page in pages] == [2, 2, 2]
    assert [(entry["type"], entry["path"]) for entry in entries] == [
        ("file", "README.md"),
        ("directory", "a"),
        ("directory", "a/b"),
        ("file", "a/b/deep.txt"),
        ("file", "a/plus + space.txt"),
        ("file", "z.bin"),
    ]
    assert entries[-1]["lfs"]["oid"] == hashlib.sha256(WEIGHTS).hexdigest()
    assert not any("xetHash" in entry for entry in entries)
    person = world.person()
    world.accept(person, model)
    pages_of_another = [(await client.get(f"{INFO}/tree/{sha}", headers=bearer(world.token(person)))).json()]
    assert pages_of_another == [(await client.get(f"{INFO}/tree/{sha}")).json()]


async def test_an_expanded_tree_names_the_release_and_the_inspection(world: HubWorld, client: Client) -> None:
    world.gated_model()
    sha = (await client.get(INFO)).json()["sha"]
    (readme, *_) = (await client.get(f"{INFO}/tree/main", params={"expand": "true"})).json()
    assert readme["lastCommit"]["id"] == sha
    assert readme["securityFileStatus"]["status"] == "safe"


@pytest.mark.parametrize("as_json", [True, False])
async def test_paths_are_looked_up_and_unknown_ones_left_out(
    world: HubWorld, client: Client, as_json: bool
) -> None:
    world.gated_model()
    asked = {"paths": ["config.json", "nothing", "README.md"], "expand": as_json}
    given: dict[str, Any] = {"json": asked} if as_json else {"data": {**asked, "expand": "False"}}
    answer = await client.post(f"{INFO}/paths-info/main", **given)
    assert answer.status_code == 200
    assert [entry["path"] for entry in answer.json()] == ["config.json", "README.md"]
    assert ("lastCommit" in answer.json()[0]) is as_json


async def test_too_many_paths_are_refused(world: HubWorld, client: Client) -> None:
    world.gated_model()
    for body in ({"paths": ["x"] * 1001}, {"paths": "x" * 3_000_000}):
        assert (await client.post(f"{INFO}/paths-info/main", data=body)).status_code == 400
    refused = await client.post(
        f"{INFO}/paths-info/main", content=b"[]", headers={"Content-Type": "application/json"}
    )
    assert refused.status_code == 400


async def test_refs_and_history_are_listed(
    world: HubWorld, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "COMMITS_PAGE_MAX", 2)
    world.gated_model()
    owner = world.person("owner@quarry.example")
    publisher = world.read(catalog.find_publisher, name="quarry")
    for number in range(4):
        world.release(owner, publisher, files={"README.md": CARD, "n.txt": str(number).encode()})
    refs = (await client.get(f"{INFO}/refs", params={"include_prs": "1"})).json()
    head = (await client.get(INFO)).json()["sha"]
    assert refs["branches"] == [{"name": "main", "ref": "refs/heads/main", "targetCommit": head}]
    assert (refs["tags"], refs["converts"], refs["pullRequests"]) == ([], [], [])
    pages = await every_page(client, f"{INFO}/commits/main?formatted=False")
    assert [len(page) for page in pages] == [2, 2, 1]
    commits = [commit for page in pages for commit in page]
    assert commits[0]["id"] == head
    assert len({commit["id"] for commit in commits}) == 5
    assert {commit["authors"][0]["user"] for commit in commits} == {"quarry"}


async def test_access_is_checked_as_downloads_are(world: HubWorld, client: Client) -> None:
    model = world.gated_model()
    person = world.person()
    token = world.token(person)
    anonymous = await client.get(f"{INFO}/auth-check")
    refused = await client.get(f"{INFO}/auth-check", headers=bearer(token))
    assert (anonymous.status_code, anonymous.headers["x-error-code"]) == (401, "GatedRepo")
    assert (refused.status_code, refused.headers["x-error-code"]) == (403, "GatedRepo")
    world.accept(person, model)
    assert (await client.get(f"{INFO}/auth-check", headers=bearer(token))).text == "OK"
    write = await client.get(f"{INFO}/auth-check/write", headers=bearer(token))
    assert write.status_code == 403
    owner = world.token(world.person("owner@quarry.example"), Scope.PUBLISH)
    assert (await client.get(f"{INFO}/auth-check/write", headers=bearer(owner))).status_code == 200


async def test_models_are_listed_searched_and_paged(
    world: HubWorld, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_list, "LIST_PAGE_MAX", 3)
    world.gated_model()
    owner = world.person("owner@quarry.example")
    publisher = world.read(catalog.find_publisher, name="quarry")
    card = b"---\nlicense: mit\ntags: [tabular]\npipeline_tag: text-generation\nlibrary_name: keras\n---\n# Open\n"
    for number in range(4):
        world.release(owner, publisher, name=f"open-{number}", requires=(), files={"README.md": card})
    world.release(owner, publisher, name="hidden", private=True)
    other = world.publisher(owner, "quarry-labs")
    world.release(owner, other, name="else", requires=(), files={"README.md": card})

    async def ids(query: str) -> list[str]:
        return [model["id"] for page in await every_page(client, f"/api/models?{query}") for model in page]

    opened = [f"quarry/open-{number}" for number in (3, 2, 1, 0)]
    assert await ids("") == ["quarry-labs/else", *opened, "quarry/quarry-15b"]
    assert await ids("limit=2") == ["quarry-labs/else", *opened, "quarry/quarry-15b"]
    assert await ids("author=quarry") == [*opened, "quarry/quarry-15b"]
    assert await ids("gated=true") == ["quarry/quarry-15b"]
    assert await ids("gated=False&author=quarry") == opened
    assert await ids("search=open-2") == ["quarry/open-2"]
    assert await ids("filter=license:sample-openrail-m") == ["quarry/quarry-15b"]
    assert await ids("filter=license:mit&filter=tabular,keras&author=quarry") == opened
    assert await ids("pipeline_tag=text-generation&author=quarry-labs") == ["quarry-labs/else"]
    assert await ids("filter=nothing") == []
    assert "quarry/hidden" not in await ids("full=true")
    world.release(owner, publisher, name="quarry-15b", requires=(), files={"README.md": card})
    newest = ["quarry-labs/else", *opened, "quarry/quarry-15b"]
    changed = ["quarry/quarry-15b", "quarry-labs/else", *opened]
    for sort, listed in (("lastModified", changed), ("createdAt", newest), ("downloads", newest)):
        assert await ids(f"sort={sort}&direction=-1") == listed, sort
        assert await ids(f"sort={sort}&limit=2") == listed, sort
    assert await ids("sort=lastModified&author=quarry") == ["quarry/quarry-15b", *opened]
    world.release(owner, publisher, name="hidden", requires=(), files={"README.md": card})
    told = await client.get("/api/models?sort=lastModified&limit=1")
    assert [model["id"] for model in told.json()] == changed[:1]
    mine = await client.get("/api/models?sort=lastModified", headers=bearer(world.token(owner)))
    assert mine.json()[0]["id"] == "quarry/hidden"
    headers = bearer(world.token(owner))
    mine = (await client.get("/api/models", params={"search": "hidden"}, headers=headers)).json()
    assert [model["private"] for model in mine] == [True]
    first = (await client.get("/api/models", params={"full": "True", "cardData": "True"})).json()[0]
    assert first["siblings"] == [{"rfilename": "README.md"}]
    assert first["cardData"]["license"] == "mit"
    assert first["pipeline_tag"] == "text-generation"


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=x",
        "limit=%C2%B2",
        "cursor=%00",
        "cursor=eA",
        "expand=x",
        "sort=name",
        "sort=likes&direction=1",
    ],
)
async def test_a_list_that_cannot_be_read_is_a_bad_request(client: Client, query: str) -> None:
    answer = await client.get(f"/api/models?{query}")
    assert answer.status_code == 400
    assert answer.headers["x-error-message"]


async def test_whoami_tells_the_person_the_token_and_the_publishers(world: HubWorld, client: Client) -> None:
    world.gated_model()
    owner = world.person("owner@quarry.example")
    body = (await client.get("/api/whoami-v2", headers=bearer(world.token(owner, Scope.PUBLISH)))).json()
    assert body["name"] == body["email"] == "owner@quarry.example"
    assert body["orgs"] == [{"name": "quarry", "roleInOrg": "owner", "type": "org"}]
    assert body["auth"]["accessToken"]["displayName"] == "laptop"
    assert body["auth"]["accessToken"]["role"] == "write"
    reader = (await client.get("/api/whoami-v2", headers=bearer(world.token(world.person())))).json()
    assert (reader["orgs"], reader["auth"]["accessToken"]["role"]) == ([], "read")
    anonymous = await client.get("/api/whoami-v2")
    assert anonymous.status_code == 401


async def test_whoami_names_a_person_without_an_address(world: HubWorld, client: Client) -> None:
    person_id = new_id()
    world.write(lambda session: session.add(Person(id=person_id, created_at=world.now)))
    token = world.token(Principal(person_id=person_id, channel=Channel.SESSION))
    answer = await client.get("/api/whoami-v2", headers=bearer(token))
    assert answer.status_code == 200
    assert (answer.json()["name"], answer.json()["email"]) == (person_id.hex, None)


async def test_calls_that_clients_make_by_themselves_are_answered(client: Client) -> None:
    harnesses = await client.get("/api/agent-harnesses")
    assert harnesses.json() == {"standardEnvVars": [], "harnesses": {}}
    assert (await client.head("/api/telemetry/transformers/x")).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        *("/api/datasets/a/b", "/api/datasets", "/api/spaces/a/b/tree/main", "/api/kernels/a"),
        *("/datasets/a/b/resolve/main/x", "/spaces/a/b/resolve/main/x", "/api/models/gpt2"),
    ],
)
async def test_other_kinds_of_repositories_are_absent(client: Client, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["x-error-code"]) == (404, "RepoNotFound")
    if path.startswith(("/datasets", "/spaces")):
        bare = await client.head(path)
        assert (bare.status_code, bare.headers["x-error-code"]) == (404, "RepoNotFound")
