"""Inclusion proofs of receipts are verified by sigstore's implementation of RFC 6962 (`@sigstore/verify`)."""

import base64
import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from registry.acceptances.receipts import build_receipt
from registry.client.verify import verify_receipt
from registry.kernel.database import Database
from tests.clock import SettableClock
from tests.world import BASE_URL, World

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = Path(__file__).with_name("verify_inclusion.mjs")
VECTORS = ROOT / "tests" / "vectors" / "receipt" / "good"
PEOPLE = 12
"""Enough leaves for proofs that end at the right border of the tree, and for ones that do not."""


def refusals(proofs: Sequence[dict[str, Any]]) -> list[str | None]:
    """Return for each proof why sigstore refuses it, or None where it agrees."""
    node = shutil.which("node")
    if node is None or not (ROOT / "node_modules" / "@sigstore" / "verify").is_dir():
        pytest.skip("node or @sigstore/verify is absent (deploy/node-packages.sh installs it)")
    ended = subprocess.run(
        [node, str(SCRIPT)], input=json.dumps(proofs), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    found: list[str | None] = json.loads(ended.stdout)
    return found


def proof_of(receipt: dict[str, Any]) -> dict[str, Any]:
    ledger = receipt["ledger"]
    key = next(one for one in receipt["keys"] if one["use"] == "checkpoint")
    return {
        "leaf": receipt["sd_jwt"].split("~")[0],
        "index": ledger["index"],
        "path": ledger["inclusion_proof"],
        "checkpoint": ledger["checkpoint"],
        "origin": ledger["origin"],
        "key": {name: key[name] for name in ("kty", "crv", "x")},
    }


@pytest.fixture
def proofs(database: Database, clock: SettableClock) -> list[dict[str, Any]]:
    world = World(database=database, clock=clock)
    model = world.gated_model()
    ids = [world.accept(world.person(f"person{n}@nordlab.example"), model).id for n in range(PEOPLE)]
    world.integrate()
    found = []
    for acceptance_id in ids:
        receipt: Any = world.read(
            build_receipt, acceptance_id=acceptance_id, base_url=BASE_URL, sealer=world.sealer
        )
        ledger = receipt.ledger
        found.append(
            proof_of(
                {
                    "sd_jwt": receipt.sd_jwt,
                    "keys": list(receipt.keys),
                    "ledger": {
                        "index": ledger.index,
                        "inclusion_proof": list(ledger.inclusion_proof),
                        "checkpoint": ledger.checkpoint,
                        "origin": ledger.origin,
                    },
                }
            )
        )
    return found


def test_sigstore_agrees_on_every_receipt_of_a_registry(proofs: list[dict[str, Any]]) -> None:
    assert refusals(proofs) == [None] * PEOPLE
    assert {len(one["path"]) for one in proofs} != {0}


def test_sigstore_agrees_on_every_golden_receipt() -> None:
    golden = [json.loads(file.read_text()) for file in sorted(VECTORS.glob("*.json"))]
    assert len(golden) > 10
    assert refusals([proof_of(one) for one in golden]) == [None] * len(golden)


def other_hash(proof: dict[str, Any]) -> dict[str, Any]:
    first = bytearray(base64.b64decode(proof["path"][0]))
    first[0] ^= 1
    return proof | {"path": [base64.b64encode(first).decode(), *proof["path"][1:]]}


def other_root(proof: dict[str, Any]) -> dict[str, Any]:
    lines = proof["checkpoint"].split("\n")
    lines[2] = base64.b64encode(bytes(32)).decode()
    return proof | {"checkpoint": "\n".join(lines)}


@pytest.mark.parametrize(
    ("alter", "said"),
    [
        (
            lambda one: one | {"leaf": one["leaf"][:-1] + ("A" if one["leaf"][-1] != "A" else "B")},
            "root hash",
        ),
        (lambda one: one | {"index": one["index"] ^ 1}, "root hash"),
        (lambda one: one | {"index": 1_000_000}, "invalid index"),
        (lambda one: one | {"path": one["path"][:-1]}, "hash count"),
        (lambda one: one | {"path": [*one["path"], one["path"][0]]}, "hash count"),
        (other_hash, "root hash"),
        (other_root, "checkpoint signature"),
        (lambda one: one | {"origin": "elsewhere.example.org/ledger"}, "checkpoint signature"),
    ],
)
def test_sigstore_and_our_verifier_refuse_what_was_altered(
    alter: Callable[[dict[str, Any]], dict[str, Any]], said: str
) -> None:
    receipt = json.loads((VECTORS / "all-disclosed.json").read_text())
    altered = alter(proof_of(receipt))
    (refusal,) = refusals([altered])
    assert refusal is not None
    assert said in refusal
    receipt["sd_jwt"] = "~".join([altered["leaf"], *receipt["sd_jwt"].split("~")[1:]])
    receipt["ledger"] |= {
        "index": altered["index"],
        "inclusion_proof": altered["path"],
        "checkpoint": altered["checkpoint"],
        "origin": altered["origin"],
    }
    assert not verify_receipt(json.dumps(receipt).encode()).is_verified
