"""`create_repo` sets a name aside; the first commit makes a model of it, under the license that its files state."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import func, select

from registry import catalog
from registry.access.domain import OPEN_PATHS
from registry.catalog.domain import DRAFT_LIFETIME, ModelView, Role
from registry.catalog.publishing import CARD_PATH
from registry.catalog.stated_licenses import LICENSE_PATHS
from registry.catalog.tables import Gate, Model, ModelDraft, Release
from registry.delivery.retention import Pass, sweep
from registry.identity.domain import Principal, Scope
from registry.kernel.outcomes import Refusal
from registry.kernel.retention import DEFAULTS
from tests.clock import SettableClock
from tests.e2e.hub.scene import WEIGHTS, HubWorld
from tests.integration.hub_api.conftest import Client
from tests.integration.hub_api.test_commits import bearer, commit, drop, large, small
from tests.world import BASE_URL, TEXT_10

NEW = "/api/models/quarry/new"
LICENSE = "sample-openrail-m@1.0"
CARD = b"---\nlicense: other\nlicense_name: sample-openrail-m@1.0\n---\n# New\n"


@pytest.fixture
def owner(world: HubWorld) -> Principal:
    """The owner of a publisher without models."""
    _ = world.keys
    world.license("1.0", TEXT_10, "initial")
    person = world.person("owner@quarry.example")
    world.publisher(person)
    return person


@pytest.fixture
def token(world: HubWorld, owner: Principal) -> str:
    return world.token(owner, Scope.READ, Scope.PUBLISH)


async def create(client: Client, token: str | None, name: str = "quarry/new", **more: Any) -> Any:
    publisher, _, model = name.partition("/")
    body = {"name": model, "organization": publisher, "type": "model", **more}
    return await client.post("/api/repos/create", json=body, headers=bearer(token) if token else {})


def counted(world: HubWorld) -> dict[str, int]:
    return {
        table.__name__: world.read(
            lambda session, of=table: session.exec(select(func.count()).select_from(of)).one()
        )
        for table in (ModelDraft, Model, Gate, Release)
    }


def licenses_of(world: HubWorld, model: ModelView) -> list[str]:
    asked = world.read(catalog.describe_requirements, version_ids=model.gate.license_version_ids)
    return [f"{one.slug}@{one.number}" for one in asked.values()]


async def test_the_first_commit_makes_the_model(world: HubWorld, client: Client, token: str) -> None:
    begun = await create(client, token)
    assert (begun.status_code, begun.json()["url"]) == (200, f"{BASE_URL}/quarry/new")
    again = await create(client, token, "Quarry/NEW")
    assert (again.status_code, again.json()["url"]) == (409, f"{BASE_URL}/quarry/new")
    told = (await client.get(NEW, headers=bearer(token))).json()
    assert (told["id"], told["private"], told["siblings"], "sha" in told) == ("quarry/new", False, [], False)
    assert (await client.get(f"{NEW}/tree/main", headers=bearer(token))).json() == []
    asked = {"files": [{"path": "README.md", "size": 9}, {"path": "w.bin", "size": 2**21}]}
    modes = await client.post(f"{NEW}/preupload/main", json=asked, headers=bearer(token))
    assert [file["uploadMode"] for file in modes.json()["files"]] == ["regular", "lfs"]

    done = await commit(client, token, small("README.md", CARD), small("config.json", b"{}"), model=NEW)
    assert done.status_code == 200, done.text
    model = world.model(world.person(), name="new")
    assert (licenses_of(world, model), model.gate.mode.value) == ([LICENSE], "auto")
    assert counted(world) == {"ModelDraft": 0, "Model": 1, "Gate": 1, "Release": 1}
    assert (await create(client, token)).status_code == 409
    retried = await commit(client, token, small("README.md", CARD), small("config.json", b"{}"), model=NEW)
    assert retried.json() == done.json()


async def test_a_draft_is_absent_to_whoever_may_not_publish_it(
    world: HubWorld, client: Client, owner: Principal, token: str
) -> None:
    reviewer = world.person("reviewer@quarry.example")
    world.write(
        catalog.add_role,
        publisher="quarry",
        person_id=reviewer.person_id,
        role=Role.REVIEWER,
        principal=owner,
        now=world.now,
    )
    await create(client, token)
    others = [
        None,
        world.token(owner),
        world.token(reviewer, Scope.READ, Scope.PUBLISH),
        world.token(world.person("stranger@people.example"), Scope.READ, Scope.PUBLISH),
    ]
    lfs = {"operation": "upload", "objects": [{"oid": "0" * 64, "size": 5}]}
    for other in others:
        headers = bearer(other) if other else {}
        for name in ("new", "absent"):
            path = f"/api/models/quarry/{name}"
            answers = [
                await client.get(path, headers=headers),
                await client.get(f"{path}/revision/main", headers=headers),
                await client.get(f"{path}/tree/main", headers=headers),
                await client.get(f"{path}/refs", headers=headers),
                await client.post(f"{path}/preupload/main", json={"files": []}, headers=headers),
                await client.post(f"{path}/branch/next", json={}, headers=headers),
                await commit(client, other, small("README.md", CARD), model=path),
                await client.post(f"/quarry/{name}.git/info/lfs/objects/batch", json=lfs, headers=headers),
                await client.get(f"/quarry/{name}", headers=headers),
                await client.get(f"/quarry/{name}/resolve/main/README.md", headers=headers),
            ]
            assert {answer.status_code for answer in answers} == {404}, (name, other)
        assert (await create(client, other, "quarry/new")).status_code in {401, 403}
    page = (await client.get("/api/models")).json()
    assert page == []
    assert counted(world)["Model"] == 0


STATED: list[tuple[dict[str, bytes], str]] = [
    ({"LICENSE": TEXT_10}, LICENSE),
    ({"LICENSE.txt": TEXT_10, "README.md": b"---\nlicense: other\n---\n# New\n"}, LICENSE),
    ({"LICENSE.md": b"another text", "README.md": CARD}, LICENSE),
    ({"README.md": b"---\nlicense: Sample-OpenRAIL-M\n---\n"}, "sample-openrail-m@2.0"),
    ({"LICENSE": TEXT_10, "README.md": b"---\nlicense: sample-openrail-m\n---\n"}, LICENSE),
    ({"LICENSE": b"twice\n", "README.md": b"---\nlicense: twin-b\n---\n"}, "twin-b@1.0"),
    ({"README.md": b"# No front matter\n"}, "license-not-stated"),
    ({"LICENSE": TEXT_10[:-1], "README.md": b"---\nlicense: mit\n---\n"}, "license-not-stated"),
    ({"docs/LICENSE": TEXT_10}, "license-not-stated"),
    ({"README.md": b"---\nlicense_link: https://evil.example/LICENSE\n---\n"}, "license-not-stated"),
    ({"README.md": b"---\nlicense_name: sample-openrail-m@9.9\n---\n"}, "license-not-found"),
    ({"LICENSE": b"twice\n"}, "license-stated-differently"),
    ({"LICENSE": b"twin\n", "LICENSE.txt": TEXT_10}, "license-stated-differently"),
    ({"LICENSE": b"twin\n", "README.md": CARD}, "license-stated-differently"),
    ({"README.md": b"---\nlicense: [sample-openrail-m, twin-a]\n---\n"}, "license-stated-differently"),
]


async def test_the_files_say_which_license_it_is_or_nothing_is_made(
    world: HubWorld, client: Client, token: str
) -> None:
    """Threat C5: no link of a card is followed."""
    world.license("2.0", TEXT_10 + b"(b) No spam.\n", "material")
    world.restricting("twin-a", text=b"twice\n")
    world.restricting("twin-b", text=b"twice\n")
    world.restricting("one", text=b"twin\n")
    for number, (files, expected) in enumerate(STATED):
        name = f"model-{number}"
        assert (await create(client, token, f"quarry/{name}")).status_code == 200
        before = counted(world)
        sent = [small(path, content) for path, content in files.items()]
        answer = await commit(client, token, *sent, model=f"/api/models/quarry/{name}")
        if "@" in expected:
            assert answer.status_code == 200, (files, answer.text)
            assert licenses_of(world, world.model(world.person(), name=name)) == [expected], files
        else:
            assert (answer.status_code, answer.json()["code"]) == (400, expected), (files, answer.text)
            assert counted(world) == before, files
            assert "/licenses" in answer.headers["x-error-message"]
    assert frozenset({CARD_PATH, *LICENSE_PATHS}) == OPEN_PATHS


async def test_what_is_wanted_private_once_begins_private(
    world: HubWorld, client: Client, owner: Principal, token: str
) -> None:
    asked: list[dict[str, Any]] = [{"private": True}, {"visibility": "private"}]
    for number, said in enumerate(asked):
        name = f"hidden-{number}"
        await create(client, token, f"quarry/{name}", **said)
        assert (await create(client, token, f"quarry/{name}", private=False)).status_code == 409
        await commit(client, token, small("README.md", CARD), model=f"/api/models/quarry/{name}")
        assert world.model(owner, name=name).private
        assert (await client.get(f"/api/models/quarry/{name}")).status_code == 404
    await create(client, token)
    await create(client, token, private=True)
    await commit(client, token, small("README.md", CARD), model=NEW)
    assert world.model(owner, name="new").private
    odd = await create(client, token, "quarry/odd", visibility="protected")
    assert odd.status_code == 400


async def test_first_commits_at_once_make_one_model(world: HubWorld, client: Client, token: str) -> None:
    made = await asyncio.gather(*(create(client, token) for _ in range(3)))
    assert sorted(answer.status_code for answer in made) == [200, 409, 409]
    answers = await asyncio.gather(
        *(
            commit(client, token, small("README.md", CARD), small(f"{number}.txt", b"x"), model=NEW)
            for number in range(4)
        )
    )
    assert [answer.status_code for answer in answers] == [200] * 4
    assert counted(world) == {"ModelDraft": 0, "Model": 1, "Gate": 1, "Release": 4}
    listed = await client.get(f"{NEW}/tree/main")
    assert [file["path"] for file in listed.json()] == [*(f"{n}.txt" for n in range(4)), "README.md"]


async def test_a_first_commit_is_judged_like_any_release(
    world: HubWorld, client: Client, owner: Principal, token: str
) -> None:
    rival = world.person("rival@fell.example")
    world.release(rival, world.publisher(rival, "fell"), name="theirs")
    publisher = world.read(catalog.find_publisher, name="quarry")
    world.blob(publisher.id, WEIGHTS, text=False)
    await create(client, token)
    weights = large("model.safetensors", hashlib.sha256(WEIGHTS).hexdigest(), size=len(WEIGHTS))
    refused: list[tuple[Any, int, str]] = [
        ([weights, small("README.md", CARD)], 409, "weights-gated-elsewhere"),
        ([small("../up.txt", b"x"), small("README.md", CARD)], 400, "files-malformed"),
        ([small("a.txt", b"x"), small("A.txt", b"x"), small("README.md", CARD)], 400, "files-malformed"),
        ([large("w.bin", "f" * 64, size=7), small("README.md", CARD)], 409, "files-not-uploaded"),
        ([drop("absent.txt")], 404, "nothing-to-delete"),
    ]
    before = counted(world)
    for lines, status, code in refused:
        answer = await commit(client, token, *lines, model=NEW)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    parent = await commit(client, token, small("README.md", CARD), model=NEW, parent="0" * 40)
    assert parent.json()["code"] == "parent-differs"
    for path in ("commit/next", "branch/next", "tag/main"):
        answer = await client.post(f"{NEW}/{path}", json={"tag": "v1"}, headers=bearer(token))
        if path == "commit/next":
            answer = await commit(client, token, small("README.md", CARD), model=NEW, branch="next")
        assert (answer.json()["code"], answer.headers["x-error-code"]) == (
            "no-release-yet",
            "RevisionNotFound",
        )
    assert counted(world) == before


async def test_drafts_go_by_age_by_hand_and_by_another_way_of_publishing(
    world: HubWorld, client: Client, owner: Principal, token: str, clock: SettableClock
) -> None:
    for name in ("old", "given-up", "made"):
        await create(client, token, f"quarry/{name}")
    body = {"name": "given-up", "organization": "quarry", "type": "model"}
    stranger = world.token(world.person("stranger@people.example"), Scope.PUBLISH)
    for who, status in ((stranger, 404), (token, 200), (token, 404)):
        gone = await client.request("DELETE", "/api/repos/delete", json=body, headers=bearer(who))
        assert gone.status_code == status
    publisher = world.read(catalog.find_publisher, name="quarry")
    world.release(owner, publisher, name="made")
    assert counted(world)["ModelDraft"] == 1
    clock.advance(DRAFT_LIFETIME)
    given = Pass(retention=DEFAULTS, sealer=world.sealer, now=world.now)
    world.write(sweep, given=given)
    assert counted(world)["ModelDraft"] == 1
    clock.advance(timedelta(seconds=1))
    world.write(sweep, given=Pass(retention=DEFAULTS, sealer=world.sealer, now=world.now))
    assert counted(world)["ModelDraft"] == 0
    fresh = world.token(owner, Scope.READ, Scope.PUBLISH)
    late = await commit(client, fresh, small("README.md", CARD), model="/api/models/quarry/old")
    assert late.status_code == 404


async def test_a_name_that_can_be_no_model_is_not_set_aside(
    world: HubWorld, client: Client, token: str
) -> None:
    for name in ("quarry/a..b", "quarry/.git", "quarry/" + "x" * 92, "/new", "quarry/\x00"):
        assert (await create(client, token, name)).status_code == 400, name
    unknown = await create(client, token, "nobody/new")
    assert unknown.status_code == 404
    assert "gatehouse publisher add" in unknown.headers["x-error-message"]
    assert "x-error-code" not in unknown.headers
    assert counted(world)["ModelDraft"] == 0
    assert not isinstance(world.read(catalog.find_publisher, name="quarry"), Refusal)
