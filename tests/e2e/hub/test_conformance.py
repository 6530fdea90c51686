"""Real clients against the served registry: each does what `docs/hub-compatibility.md` says, check by check."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from registry.delivery.seaweedfs import StoreAddress
from tests.e2e.hub.conformance.__main__ import RESULTS
from tests.e2e.hub.conformance.clients import CLIENTS, Client, Outcome
from tests.e2e.hub.conformance.faults import lay_faults
from tests.e2e.hub.conformance.ground import lay
from tests.e2e.hub.conformance.table import is_fresh, read, rows, unexplained
from tests.e2e.hub.conformance.uploading import lay_uploads
from tests.e2e.hub.conftest import Registry, Stage
from tests.e2e.hub.scene import same_weights_everywhere

NOTHING = Outcome("not offered", "")
pytestmark = [pytest.mark.hub, pytest.mark.slow]


@pytest.fixture(scope="session")
def ground(registry: Registry) -> dict[str, Any]:
    """What all clients read; none of them changes it."""
    with same_weights_everywhere():
        return lay(Stage(registry))


# Ten thousand files are laid once, and some clients start many processes; a busy machine takes its time.
@pytest.mark.timeout(400)
@pytest.mark.parametrize("client", CLIENTS, ids=[client.name for client in CLIENTS])
def test_each_client_does_what_the_table_says(
    client: Client,
    ground: dict[str, Any],
    stage: Stage,
    registry: Registry,
    object_store_address: StoreAddress,
    tmp_path: Path,
) -> None:
    if absent := client.missing():
        pytest.skip(absent)
    told = tmp_path / "ground.json"
    faults = lay_faults(stage, registry, object_store_address)
    told.write_text(json.dumps({**ground, "faults": faults.told, "uploads": lay_uploads(stage)}))
    home = tmp_path / "home"
    home.mkdir()
    before = len(registry.storage.seen)
    found = client.run(told, home=home, endpoint=registry.url, token=ground["token"])
    told_store = [seen.path for seen in registry.storage.seen[before:] if "authorization" in seen.headers]
    found["token-stays"] = Outcome("no" if told_store else "yes", " ".join(told_store))
    if found.get("cut-next-call", NOTHING).result == "yes" and not faults.resumed("cut-next-call"):
        found["cut-next-call"] = Outcome("no", "the file came anew from its first byte")
    assert [name for name in faults.planned if name in found and not faults.happened(name)] == []
    assert "link-expired" not in found or faults.is_refused_as_expired()
    results = {name: found[name].result if name in found else "not offered" for name in rows()}
    assert found.keys() <= results.keys()
    if folder := os.environ.get(RESULTS):
        Path(folder, f"{client.name}.json").write_text(json.dumps(results))
        return
    said = read()[client.name]
    differ = {
        name: (said.get(name), results[name], found.get(name))
        for name in rows()
        if said.get(name) != results[name]
    }
    assert differ == {}, (
        "the table says, the client does, what was seen; `python -m tests.e2e.hub.conformance` writes it anew"
    )


def test_the_table_is_whole_and_every_cell_that_is_no_yes_is_explained() -> None:
    assert unexplained(read()) == []
    assert is_fresh()
