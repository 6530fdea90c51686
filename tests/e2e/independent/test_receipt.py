"""A receipt is verified without our code: RFC 9901 by `@sd-jwt/core`, RFC 9162 §2.1.3.2 written out."""

import base64
import hashlib
import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from registry.acceptances.receipts import build_receipt
from registry.kernel.database import Database
from tests.clock import SettableClock
from tests.vectors.receipt import bound
from tests.world import ANSWERS, BASE_URL, TEXT_10, World

ROOT = Path(__file__).resolve().parents[3]
VECTORS = ROOT / "tests" / "vectors" / "receipt"
SCRIPT = Path(__file__).with_name("verify_sd_jwt.mjs")


@pytest.fixture
def receipt(database: Database, clock: SettableClock) -> Any:
    clock.set(datetime(2026, 1, 2, tzinfo=UTC))  # in the past of the other program's clock
    world = World(database=database, clock=clock)
    model = world.gated_model()
    summary = world.accept(world.person(), model)
    world.integrate()
    return world.read(build_receipt, acceptance_id=summary.id, base_url=BASE_URL, sealer=world.sealer)


def verify(sd_jwt: str, key: dict[str, Any], nonce: str | None = None) -> "subprocess.CompletedProcess[str]":
    node = shutil.which("node")
    if node is None or not (ROOT / "node_modules" / "@sd-jwt" / "core").is_dir():
        pytest.skip("node or @sd-jwt/core is absent (deploy/node-packages.sh installs it)")
    return subprocess.run(
        [node, str(SCRIPT)],
        input=json.dumps({"sd_jwt": sd_jwt, "key": key, **({"nonce": nonce} if nonce else {})}),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def statement_key(receipt: Any) -> dict[str, Any]:
    (key,) = [key for key in receipt.keys if key["use"] == "statement"]
    return {name: key[name] for name in ("kty", "crv", "x")}


def test_an_independent_implementation_reads_every_disclosure(receipt: Any) -> None:
    outcome = verify(receipt.sd_jwt, statement_key(receipt))
    assert outcome.returncode == 0, outcome.stderr
    payload = json.loads(outcome.stdout)["payload"]
    assert payload["name"] == "Mara Lindqvist"
    assert payload["email"] == "mara@nordlab.example"
    assert payload["answers"] == ANSWERS
    assert payload["license"]["slug"] == "sample-openrail-m"
    assert receipt.license.text.encode() == TEXT_10


def test_without_disclosures_it_verifies_and_names_nobody(receipt: Any) -> None:
    outcome = verify(receipt.sd_jwt.split("~")[0] + "~", statement_key(receipt))
    assert outcome.returncode == 0, outcome.stderr
    payload = json.loads(outcome.stdout)["payload"]
    assert "name" not in payload
    assert payload["answers"] == {}


def test_an_altered_statement_or_foreign_disclosure_is_refused(receipt: Any) -> None:
    header, payload, rest = receipt.sd_jwt.split(".", 2)
    altered = f"{header}.{payload[:-2]}{'AA' if payload[-2:] != 'AA' else 'BB'}.{rest}"
    assert verify(altered, statement_key(receipt)).returncode != 0


def golden(name: str) -> tuple[str, dict[str, Any]]:
    """Return the SD-JWT of a golden receipt and the key of its registry."""
    made = json.loads((VECTORS / f"{name}.json").read_text())
    made = made.get("receipt", made)
    key = next(one for one in made["keys"] if one["use"] == "statement")
    return made["sd_jwt"], {part: key[part] for part in ("kty", "crv", "x")}


@pytest.mark.parametrize("name", ["bound-domain-only", "bound-and-signed"])
def test_an_independent_implementation_checks_the_key_binding(name: str) -> None:
    outcome = verify(*golden(f"good/{name}"), bound.NONCE)
    assert outcome.returncode == 0, outcome.stderr
    said = json.loads(outcome.stdout)
    assert said["kb"]["payload"]["aud"] == bound.AUDIENCE
    assert said["payload"]["cnf"]["jwk"]["x"] == bound.holder_x()


@pytest.mark.parametrize(
    "name",
    [
        "not-there",
        "other-nonce",
        "other-statement",
        "fewer-disclosures",
        "by-somebody-else",
        "altered",
        "algorithm-none",
        "other-type",
        "without-audience",
        "without-time",
        "without-sd-hash",
        "no-key-named",
    ],
)
def test_it_refuses_a_key_binding_that_ours_refuses(name: str) -> None:
    assert verify(*golden(f"refused/key-binding-{name}"), bound.NONCE).returncode != 0


def test_the_inclusion_proof_leads_from_the_statement_to_the_signed_root(receipt: Any) -> None:
    path = [base64.b64decode(item) for item in receipt.ledger.inclusion_proof]
    assert path
    index, size = receipt.ledger.index, receipt.ledger.tree_size
    node = bytes.fromhex(receipt.ledger.leaf_hash)
    assert node == hashlib.sha256(b"\x00" + receipt.sd_jwt.split("~")[0].encode()).digest()
    last = size - 1
    for sibling in path:
        if index % 2 or index == last:
            node = hashlib.sha256(b"\x01" + sibling + node).digest()
            while not index % 2 and index:
                index, last = index // 2, last // 2
        else:
            node = hashlib.sha256(b"\x01" + node + sibling).digest()
        index, last = index // 2, last // 2
    root = base64.b64decode(receipt.ledger.checkpoint.splitlines()[2])
    assert node == root
