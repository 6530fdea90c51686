"""A stub registry per test, and sessions with it that never really wait."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.client import download
from registry.client.api import Registry
from registry.client.transport import Session
from tests.unit.client.pulling import MIB, noise
from tests.unit.client.stub import TOKEN, Stub
from tests.unit.client.stub_servers import running_stub


@pytest.fixture
def stub() -> Iterator[Stub]:
    with running_stub() as running:
        yield running


@pytest.fixture
def waited() -> list[float]:
    """What the client would have waited, in seconds."""
    return []


@pytest.fixture
def registry(stub: Stub, waited: list[float]) -> Iterator[Registry]:
    with Session(endpoint=stub.api_url, token=TOKEN, pause=waited.append) as session:
        yield Registry(session)


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty configuration folder of the user."""
    folder = tmp_path / "config"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    for name in ("GATEHOUSE_TOKEN", "GATEHOUSE_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def signed_in(stub: Stub, configuration: Path, monkeypatch: pytest.MonkeyPatch) -> Stub:
    """The stub, with address and token in the environment."""
    monkeypatch.setenv("GATEHOUSE_ENDPOINT", stub.api_url)
    monkeypatch.setenv("GATEHOUSE_TOKEN", TOKEN)
    return stub


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make small test files behave as large ones do, and retries immediate."""
    monkeypatch.setattr(download, "SPAN_MIN_BYTES", 256 << 10)
    monkeypatch.setattr(download, "SPAN_MAX_BYTES", MIB)
    monkeypatch.setattr(download, "HASHED_BESIDE_FROM_BYTES", MIB)
    monkeypatch.setattr(download, "seconds_to_wait", lambda *_args, **_more: 0.0)


@pytest.fixture
def otter(stub: Stub) -> dict[str, bytes]:
    """A release with one large file, some small ones, an empty one, and texts that the registry serves itself."""
    stub.files = {
        "README.md": b"# Otter\n",
        "config.json": b"{}",
        "empty.txt": b"",
        "nested/deep/tokenizer v1+2.json": noise(3000),
        "model.safetensors": noise(6 * MIB + 17),
    }
    stub.inline = {"README.md", "config.json"}
    return stub.files
