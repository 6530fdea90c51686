"""What the Hub's client does beside plain uploads: large folders that were interrupted, and copies."""

import hashlib
import os
import threading
from pathlib import Path

import pytest

from registry import catalog
from tests.e2e.hub.conftest import OLD_CLIENT, OLD_CLIENT_ABSENT, HubClient, Scene, Stage
from tests.e2e.hub.proxy import Fault
from tests.e2e.hub.scene import WEIGHTS
from tests.e2e.hub.test_upload import BY_LFS, publishing_token

LARGE_BYTES = 1024 * 1024 + 9


@pytest.fixture
def scene(stage: Stage) -> Scene:
    return stage.scene()


def files_of(scene: Scene, name: str) -> dict[str, str]:
    world = scene.registry.world
    model = world.model(scene.owner, scene.publisher.name, name)
    release = world.read(catalog.find_current_release, model_id=model.id)
    return {
        file.path: file.sha256 for file in world.read(catalog.list_files, release_id=release.id, limit=99)
    }


@pytest.mark.skipif(not (OLD_CLIENT / "bin" / "hf").exists(), reason=OLD_CLIENT_ABSENT)
def test_a_large_folder_that_was_interrupted_goes_on(scene: Scene, tmp_path: Path) -> None:
    folder, repo = tmp_path / "large", f"{scene.publisher.name}/large"
    folder.mkdir()
    sent = {f"{number}.bin": os.urandom(LARGE_BYTES) for number in range(3)}
    sent["README.md"] = f"---\nlicense_name: {scene.slug}@1.0\n---\n# Large\n".encode()
    for name, content in sent.items():
        (folder / name).write_bytes(content)
    client = HubClient(OLD_CLIENT, tmp_path / "home", scene.registry.url, shows_warnings=False)
    client.environment |= {**BY_LFS, "HF_TOKEN": publishing_token(scene)}
    command = ("upload-large-folder", repo, str(folder), "--repo-type=model", "--num-workers=2")
    asked = threading.Event()
    scene.registry.front.faults.append(
        Fault(part=f"/{repo}/commit/", method="POST", before_asking=True, then=asked.set)
    )
    with client.started(*command):
        assert asked.wait(60)
    puts = [seen.path for seen in scene.registry.storage.seen if seen.method == "PUT"]
    done = client.hf(*command)
    assert done.code == 0, done.text
    assert [seen.path for seen in scene.registry.storage.seen if seen.method == "PUT"] == puts
    assert files_of(scene, "large") == {
        name: hashlib.sha256(content).hexdigest() for name, content in sent.items()
    }


def test_copies_are_made_here_and_only_of_what_the_caller_may_have(
    scene: Scene, new_client: HubClient
) -> None:
    """A large file is copied by its digest, a small one by downloading it, which the gate decides about."""
    copies = "[hub.CommitOperationCopy({!r}, {!r})]"

    def commit(source: str, target: str) -> dict[str, str]:
        operations = copies.format(source, target)
        asked = f"api.create_commit({scene.repo!r}, operations={operations}, commit_message='Copy').oid"
        found: dict[str, str] = new_client.python(asked, token=publishing_token(scene))
        return found

    assert "value" in commit("model.safetensors", "a/copy.safetensors")
    assert files_of(scene, "demo-model")["a/copy.safetensors"] == hashlib.sha256(WEIGHTS).hexdigest()
    assert "value" in commit("README.md", "a/README.md")
    assert commit("config.json", "a/config.json")["error"] == "GatedRepoError"
    assert "a/config.json" not in files_of(scene, "demo-model")
