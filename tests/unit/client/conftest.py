"""A stub registry per test, and sessions with it that never really wait."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.client.api import Registry
from registry.client.transport import Session
from tests.unit.client.stub import TOKEN, Stub, running_stub


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
