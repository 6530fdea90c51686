"""A registry whose signing keys move into a token; run in a process of its own, since the library is one per process.

python -m tests.integration.ledger.pkcs11_story MODULE DATABASE_URL
"""

import json
import sys
from datetime import timedelta

import msgspec

from registry import audit, ledger
from registry.acceptances.receipts import build_receipt
from registry.client.verify import verify_receipt
from registry.kernel.database import Database
from registry.kernel.outcomes import GatehouseError
from registry.kernel.sealing import Sealer
from registry.ledger.pkcs11_token import PKCS11Token
from tests.clock import SettableClock
from tests.servers.softhsm import LABEL, PIN
from tests.world import BASE_URL, MASTER_SECRET, World


def tell(module: str, url: str) -> dict[str, object]:
    """Return what came of each step."""
    clock = SettableClock()
    world = World(database=Database(url), clock=clock)
    model = world.gated_model()
    before = world.accept(world.person(), model)
    world.integrate()
    told: dict[str, object] = {"software": holder(world, world.sealer)}

    token = PKCS11Token(module=module, label=LABEL, pin=PIN)
    sealer = Sealer(MASTER_SECRET, token=token)
    clock.advance(timedelta(days=1))
    for purpose in ledger.KeyPurpose:
        world.write(ledger.rotate_key, purpose=purpose, sealer=sealer, now=world.now)
    clock.advance(timedelta(days=1))
    moved = World(database=world.database, clock=clock)
    moved._keys = world.read(ledger.load_key_ring, sealer=sealer)
    after = moved.accept(moved.person("late@nordlab.example"), model)
    moved.integrate()
    told["token"] = holder(world, sealer)
    told["receipts"] = [
        verify_receipt(msgspec.json.encode(world.read(build_receipt, acceptance_id=one.id, base_url=BASE_URL, sealer=sealer))).is_verified
        for one in (before, after)
    ]  # fmt: skip
    # Neither fsck nor whoever verifies needs the token; whoever signs does.
    told["fsck"] = [
        item.problem for item in world.read(audit.find_discrepancies, sealer=Sealer(MASTER_SECRET))
    ]
    told["without"] = refusal(lambda: world.read(ledger.load_key_ring, sealer=Sealer(MASTER_SECRET)))
    told["wrong pin"] = refusal(lambda: PKCS11Token(module=module, label=LABEL, pin="0000"))
    told["no such token"] = refusal(lambda: PKCS11Token(module=module, label="other", pin=PIN))
    told["no such module"] = refusal(lambda: PKCS11Token(module="/nowhere.so", label=LABEL, pin=PIN))
    told["no such key"] = refusal(lambda: token.open("gatehouse-nothing"))
    ring = world.read(ledger.load_key_ring, sealer=sealer)
    token._session.close()  # as when the token was pulled and put back
    told["after a lost session"] = len(ring.sign_jws(b"{}", {"typ": "x"}).split("."))
    world.database.close()
    return told


def holder(world: World, sealer: Sealer) -> str:
    return type(world.read(ledger.load_key_ring, sealer=sealer).statement.private).__name__


def refusal(work: object) -> str:
    try:
        work()  # type: ignore[operator]
    except GatehouseError as error:
        return str(error)
    return "nothing was refused"


if __name__ == "__main__":
    print(json.dumps(tell(sys.argv[1], sys.argv[2])))  # noqa: T201 - its answer
