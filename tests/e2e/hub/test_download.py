"""The unmodified client downloads: what lies on the disk, what went over the wire, what was recorded."""

import hashlib
import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from registry import catalog
from registry.delivery.tables import DownloadRecord
from tests.e2e.hub.conftest import HubClient, Registry, Scene, Stage
from tests.e2e.hub.scene import FILES, WEIGHTS, safetensors

pytestmark = [pytest.mark.hub, pytest.mark.slow]

STRANGE = {
    "README.md": FILES["README.md"],
    "a folder/with + signs/ünï.txt": b"letters\n",
    "deep/er/weights.safetensors": WEIGHTS,
    "100%.json": b"{}",
    "empty.txt": b"",
}


def sent_to(registry: Registry, repo: str) -> list[str]:
    return [f"{seen.method} {seen.path}" for seen in registry.front.seen if repo in seen.path]


def test_hf_download_stores_what_the_registry_holds_under_its_digests(
    ready_scene: Scene, client: HubClient, registry: Registry
) -> None:
    outcome = client.hf("download", ready_scene.repo, token=ready_scene.token)
    assert outcome.code == 0, outcome.text
    snapshot = Path(outcome.stdout.split()[-1].removeprefix("path="))
    for path, content in FILES.items():
        assert (snapshot / path).read_bytes() == content
        assert (snapshot / path).is_symlink()
    weights = client.blobs(ready_scene.repo) / hashlib.sha256(WEIGHTS).hexdigest()
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == weights.name
    assert {blob.name for blob in client.blobs(ready_scene.repo).iterdir()} == {
        hashlib.sha256(WEIGHTS).hexdigest(),
        *(_git_oid(FILES[name]) for name in ("README.md", "config.json")),
    }
    ref = client.blobs(ready_scene.repo).parent / "refs" / "main"
    assert ref.read_text() == snapshot.name
    verified = client.hf("cache", "verify", ready_scene.repo, token=ready_scene.token)
    if "0.36" not in client.hf("version").stdout:
        assert verified.code == 0, verified.text


def _git_oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def test_the_token_goes_to_the_registry_and_never_to_the_store(
    stage: Stage, client: HubClient, registry: Registry
) -> None:
    scene = stage.scene()
    scene.accept()
    before = len(registry.storage.seen)
    expression = f"hub.hf_hub_download({scene.repo!r}, 'model.safetensors')"
    path = client.python(expression, token=scene.token)["value"]
    assert Path(path).read_bytes() == WEIGHTS
    asked = [seen for seen in registry.front.seen if f"/{scene.repo}/resolve/" in seen.path]
    assert [seen.method for seen in asked] == ["HEAD", "GET"]
    assert {seen.headers["authorization"] for seen in asked} == {f"Bearer {scene.token}"}
    stored = registry.storage.seen[before:]
    assert [seen.method for seen in stored] == ["GET"]
    assert "authorization" not in stored[0].headers
    (record,) = registry.records(scene.model)
    assert (record.path, record.channel, record.resumed_from) == ("model.safetensors", "token", None)
    assert "hf_hub/" in record.client


def test_strange_names_and_revisions_arrive(stage: Stage, client: HubClient) -> None:
    scene = stage.scene(files=STRANGE)
    scene.accept()
    world = scene.registry.world
    tag = {
        "publisher": scene.publisher.name,
        "name": scene.model.name,
        "tag": "v1.0/rc+1",
        "revision": "main",
    }
    tag["tag"] = "v1.0/rc_1"
    world.write(catalog.create_tag, principal=scene.owner, **tag)
    expression = (
        f"[open(hub.hf_hub_download({scene.repo!r}, name, revision=revision), 'rb').read().hex()"
        f" for name in {list(STRANGE)!r} for revision in ('main', 'v1.0/rc_1', api.model_info({scene.repo!r}).sha)]"
    )
    found = client.python(expression, token=scene.token)["value"]
    assert found == [content.hex() for content in STRANGE.values() for _ in range(3)]
    for revision, name, kind in (
        ("main", "none", "RemoteEntryNotFoundError"),
        ("v9/x", "100%.json", "Revision"),
    ):
        expression = f"hub.hf_hub_download({scene.repo!r}, {name!r}, revision={revision!r})"
        error = client.python(expression, token=scene.token)["error"]
        assert error.replace("Remote", "").startswith(kind.replace("Remote", ""))


def test_snapshots_lists_and_info_agree(stage: Stage, client: HubClient) -> None:
    scene = stage.scene(files=STRANGE)
    scene.accept()
    repo = repr(scene.repo)
    value = client.python(
        f"""{{
        "listed": sorted(hub.list_repo_files({repo})),
        "tree": [(type(item).__name__, item.path) for item in api.list_repo_tree({repo}, recursive=True, expand=True)],
        "paths": [item.path for item in api.get_paths_info({repo}, ["100%.json", "deep", "none"], expand=True)],
        "refs": api.list_repo_refs({repo}),
        "commits": api.list_repo_commits({repo}),
        "info": api.model_info({repo}, files_metadata=True, securityStatus=True),
        "exists": [hub.repo_exists({repo}), hub.file_exists({repo}, "empty.txt"), hub.file_exists({repo}, "none")],
        "models": [model.id for model in api.list_models(author={scene.publisher.name!r}, gated=True)],
        "check": api.auth_check({repo}),
        "snapshot": hub.snapshot_download({repo}, allow_patterns=["*.txt", "*.json"]),
        }}""",
        token=scene.token,
    )["value"]
    assert value["listed"] == sorted(STRANGE)
    folders = [name for kind, name in value["tree"] if kind == "RepoFolder"]
    assert folders == ["a folder", "a folder/with + signs", "deep", "deep/er"]
    assert sorted(name for kind, name in value["tree"] if kind == "RepoFile") == sorted(STRANGE)
    assert value["paths"] == ["100%.json", "deep"]
    info = value["info"]
    assert value["refs"]["branches"][0]["target_commit"] == info["sha"]
    assert [commit["commit_id"] for commit in value["commits"]] == [info["sha"]]
    assert (info["gated"], info["private"], info["author"]) == ("auto", False, scene.publisher.name)
    assert f"license:{scene.slug}" in info["tags"]
    weights = next(item for item in info["siblings"] if item["rfilename"].endswith(".safetensors"))
    assert weights["lfs"]["sha256"] == hashlib.sha256(WEIGHTS).hexdigest()
    assert info["card_data"]["extra_gated_fields"] == {"Affiliation": "text", "Country": "country"}
    assert value["exists"] == [True, True, False]
    assert value["models"] == [scene.repo]
    assert (Path(value["snapshot"]) / "a folder/with + signs/ünï.txt").read_bytes() == b"letters\n"


def test_a_tree_of_more_than_one_page_is_whole(stage: Stage, client: HubClient) -> None:
    files = {"README.md": FILES["README.md"]} | {f"part-{number:04}.txt": b"x" for number in range(1_050)}
    scene = stage.scene(files=files)
    expression = f"[item.path for item in api.list_repo_tree({scene.repo!r})]"
    assert client.python(expression)["value"] == sorted(files)
    assert len([line for line in sent_to(scene.registry, scene.repo) if "/tree/" in line]) == 2


def test_a_dry_run_leaves_no_record(stage: Stage, new_client: HubClient) -> None:
    scene = stage.scene()
    scene.accept()
    outcome = new_client.hf("download", scene.repo, "--dry-run", token=scene.token)
    assert outcome.code == 0, outcome.text
    assert scene.registry.records(scene.model) == []


BIG = {"README.md": FILES["README.md"], "big.safetensors": safetensors(24 * 1024 * 1024)}
CUT_BYTES = 15 * 1024 * 1024


def cuts(scene: Scene) -> list[dict[str, str]]:
    asked = [seen for seen in scene.registry.front.seen if f"/{scene.repo}/resolve/" in seen.path]
    return [seen.headers for seen in asked if seen.method == "GET"]


def test_a_cut_download_resumes_with_a_fresh_url(
    stage: Stage, new_client: HubClient, registry: Registry
) -> None:
    scene = stage.scene(files=BIG)
    scene.accept()
    before = len(registry.storage.seen)
    registry.storage.cut_next_answer(CUT_BYTES)
    expression = f"hub.hf_hub_download({scene.repo!r}, 'big.safetensors')"
    path = new_client.python(expression, token=scene.token)["value"]
    assert Path(path).read_bytes() == BIG["big.safetensors"]
    first, second = cuts(scene)
    assert "range" not in first
    assert second["range"] == "bytes=10485760-"
    urls = [seen.target for seen in registry.storage.seen[before:]]
    signatures = [parse_qs(urlsplit(url).query)["X-Amz-Signature"][0] for url in urls]
    assert len(set(signatures)) == len(signatures) == 2
    assert [record.resumed_from for record in registry.records(scene.model)] == [None, 10485760]


def test_a_withdrawal_during_a_download_ends_it_at_the_next_request(
    stage: Stage, new_client: HubClient, registry: Registry
) -> None:
    scene = stage.scene(files=BIG)
    acceptance = scene.accept()
    registry.storage.cut_next_answer(
        CUT_BYTES, then=lambda: registry.world.withdraw(scene.person, acceptance.id)
    )
    expression = f"hub.hf_hub_download({scene.repo!r}, 'big.safetensors')"
    outcome = new_client.python(expression, token=scene.token)
    assert outcome["error"] == "GatedRepoError"
    assert "withdrew" in outcome["text"]
    assert scene.accept_url in outcome["text"]
    assert len(registry.records(scene.model)) == 1


def test_nothing_secret_is_in_the_log(ready_scene: Scene, new_client: HubClient, registry: Registry) -> None:
    assert new_client.hf("download", ready_scene.repo, token=ready_scene.token).code == 0
    assert new_client.hf("auth", "whoami", token="hf_" + "q" * 34).code == 1
    log = registry.log.read_text()
    assert '"event": "request"' in log or '"event":"request"' in log
    for secret in (ready_scene.token, "hf_" + "q" * 34, "X-Amz-Signature", "@nordlab.example", "Bearer"):
        assert secret not in log


def test_every_head_tells_all_within_300_milliseconds(ready_scene: Scene, registry: Registry) -> None:
    import httpx2  # noqa: PLC0415 - the client's own library, only here

    with httpx2.Client(
        base_url=registry.url, headers={"Authorization": f"Bearer {ready_scene.token}"}
    ) as http:
        for path, content in FILES.items():
            answer = http.head(f"/{ready_scene.repo}/resolve/main/{path}")
            assert answer.status_code == 200
            assert answer.headers["content-length"] == answer.headers["x-linked-size"] == str(len(content))
            etag = answer.headers["etag"].strip('"')
            assert etag == (hashlib.sha256(content).hexdigest() if content is WEIGHTS else _git_oid(content))
            assert len(answer.headers["x-repo-commit"]) == 40
            assert not {"x-xet-hash", "location", "link"} & set(answer.headers)
            assert answer.elapsed.total_seconds() < 0.3


def test_records_say_who_what_and_with_which_client(ready_scene: Scene, new_client: HubClient) -> None:
    assert new_client.hf("download", ready_scene.repo, "config.json", token=ready_scene.token).code == 0
    record: DownloadRecord = ready_scene.registry.records(ready_scene.model)[-1]
    assert record.person_id == ready_scene.person.person_id
    assert record.path == "config.json"
    assert record.sha256 == hashlib.sha256(FILES["config.json"]).hexdigest()
    assert json.dumps(record.client)
