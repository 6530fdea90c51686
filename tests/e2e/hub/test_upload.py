"""`hf upload` publishes a release here: by its publisher, behind its gate, with every byte verified."""

import hashlib
import os
from pathlib import Path

import pytest

from registry.identity.domain import Scope
from tests.e2e.hub.conftest import HubClient, Scene, Stage
from tests.e2e.hub.scene import safetensors

BY_LFS = {"HF_HUB_DISABLE_XET": "1"}
WEIGHTS_BYTES = 20 * 1024 * 1024
"""More than one part."""
CARD = b"---\nlicense: other\n---\n# Again\n\nTrained for longer.\n"


@pytest.fixture
def scene(stage: Stage) -> Scene:
    return stage.scene()


@pytest.fixture
def weights() -> bytes:
    """Weights that no other test has sent: the registry gives none out behind a second gate."""
    made = safetensors(WEIGHTS_BYTES)
    return made[:-16] + os.urandom(16)


@pytest.fixture
def folder(tmp_path: Path, weights: bytes) -> Path:
    made = tmp_path / "again"
    made.mkdir()
    (made / "README.md").write_bytes(CARD)
    (made / "model.safetensors").write_bytes(weights)
    return made


def publishing_token(scene: Scene) -> str:
    return scene.registry.world.token(scene.owner, Scope.READ, Scope.PUBLISH)


def test_a_folder_becomes_a_release_that_only_who_accepted_gets(
    scene: Scene, folder: Path, weights: bytes, client: HubClient
) -> None:
    sent = client.hf("upload", scene.repo, str(folder), ".", token=publishing_token(scene), **BY_LFS)
    assert sent.code == 0, sent.text
    assert f"{scene.registry.url}/{scene.repo}" in sent.text
    refused = client.hf("download", scene.repo, "model.safetensors", token=scene.token)
    assert refused.code != 0
    assert "denied" in refused.text.lower() or "gated" in refused.text.lower()

    scene.accept()
    got = client.hf("download", scene.repo, token=scene.token)
    assert got.code == 0, got.text
    names = {blob.name for blob in client.blobs(scene.repo).iterdir()}
    assert hashlib.sha256(weights).hexdigest() in names
    files = client.python(f"api.list_repo_files({scene.repo!r})", token=scene.token)["value"]
    assert files == ["README.md", "config.json", "model.safetensors"]


def test_a_client_with_xet_is_told_how_large_files_come_here(
    scene: Scene, folder: Path, new_client: HubClient
) -> None:
    sent = new_client.hf("upload", scene.repo, str(folder), ".", token=publishing_token(scene))
    assert sent.code != 0
    assert "HF_HUB_DISABLE_XET=1" in sent.text
    (folder / "model.safetensors").unlink()
    small = new_client.hf("upload", scene.repo, str(folder), ".", token=publishing_token(scene))
    assert small.code == 0, small.text


def test_who_may_not_publish_sends_nothing(scene: Scene, folder: Path, new_client: HubClient) -> None:
    world = scene.registry.world
    reader = world.token(scene.person, Scope.READ, Scope.PUBLISH)
    stranger = new_client.hf("upload", scene.repo, str(folder), ".", token=reader, **BY_LFS)
    assert stranger.code != 0
    assert "no role" in stranger.text
    narrow = new_client.hf(
        "upload", scene.repo, str(folder), ".", token=world.token(scene.owner, Scope.READ), **BY_LFS
    )
    assert narrow.code != 0
    assert "publish" in narrow.text
