"""`hf upload` begins a model here: under the license that its files state, behind a gate from its first moment."""

import hashlib
import os
from pathlib import Path

import pytest

from registry import catalog
from registry.acceptances import AcceptanceSummary
from registry.catalog.domain import ModelView
from registry.kernel.outcomes import Refusal
from tests.e2e.hub.conftest import HubClient, Scene, Stage
from tests.e2e.hub.scene import safetensors
from tests.e2e.hub.test_upload import BY_LFS, publishing_token
from tests.world import TEXT_10

CARD = b"---\nlicense: other\n---\n# New\n\nMade for a test.\n"


@pytest.fixture
def scene(stage: Stage) -> Scene:
    return stage.scene()


@pytest.fixture
def folder(tmp_path: Path, scene: Scene) -> Path:
    """A model with the text of the scene's license, and weights of its own."""
    made = tmp_path / "new"
    made.mkdir()
    (made / "README.md").write_bytes(CARD)
    (made / "LICENSE").write_bytes(TEXT_10 + scene.publisher.name.encode() + b"\n")
    (made / "model.safetensors").write_bytes(safetensors()[:-16] + os.urandom(16))
    return made


def find_model(scene: Scene, name: str) -> ModelView | Refusal:
    found: ModelView | Refusal = scene.registry.world.read(
        catalog.find_model, publisher=scene.publisher.name, name=name, principal=scene.owner
    )
    return found


def test_a_folder_becomes_a_model_that_only_who_accepted_gets(
    scene: Scene, folder: Path, client: HubClient
) -> None:
    repo = f"{scene.publisher.name}/new"
    sent = client.hf("upload", repo, str(folder), ".", token=publishing_token(scene), **BY_LFS)
    assert sent.code == 0, sent.text
    refused = client.hf("download", repo, "model.safetensors", token=scene.token)
    assert refused.code != 0
    assert "denied" in refused.text.lower() or "gated" in refused.text.lower()

    model = find_model(scene, "new")
    assert isinstance(model, ModelView), model
    accepted = scene.registry.world.accept(scene.person, model, answers={})
    assert isinstance(accepted, AcceptanceSummary), accepted
    got = client.hf("download", repo, "--local-dir", str(folder.parent / "got"), token=scene.token)
    assert got.code == 0, got.text
    for file in folder.iterdir():
        assert (folder.parent / "got" / file.name).read_bytes() == file.read_bytes(), file


def test_without_its_license_nothing_begins_and_private_stays_private(
    scene: Scene, folder: Path, new_client: HubClient
) -> None:
    repo, token = f"{scene.publisher.name}/hidden", publishing_token(scene)
    (folder / "LICENSE").unlink()
    refused = new_client.hf("upload", repo, str(folder), ".", "--private", token=token, **BY_LFS)
    assert refused.code != 0
    assert "license_name: slug@1.0" in refused.text
    assert f"gatehouse publish FOLDER {repo} --license" in refused.text
    assert isinstance(find_model(scene, "hidden"), Refusal)
    asked = f"api.repo_info({repo!r})"
    assert new_client.python(asked, token=scene.token)["error"] == "RepositoryNotFoundError"

    named = CARD.replace(b"other\n", f"other\nlicense_name: {scene.slug}@1.0\n".encode())
    (folder / "README.md").write_bytes(named)
    sent = new_client.hf("upload", repo, str(folder), ".", token=token, **BY_LFS)
    assert sent.code == 0, sent.text
    model = find_model(scene, "hidden")
    assert isinstance(model, ModelView), model
    assert model.private
    assert new_client.python(asked, token=scene.token)["error"] == "RepositoryNotFoundError"
    weights = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    told = new_client.python(f"api.model_info({repo!r}, files_metadata=True)", token=token)["value"]
    assert weights in str(told)
