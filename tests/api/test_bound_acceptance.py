"""An acceptance that is bound to a key of its own, and the proof that its holder made a receipt for somebody."""

import copy
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from registry.client.disclosing import bind_receipt, show_only
from registry.client.holder_keys import HolderKey, make_holder_key
from registry.client.key_binding import Asked
from registry.client.verify import verify_receipt
from tests import ssh
from tests.api.conftest import Site
from tests.api.test_accepting_on_a_terminal import ACCEPTANCE, Acting
from tests.world import claims_of

pytestmark = ssh.needed


@pytest.fixture
def acting(site: Site, tmp_path: Path) -> Acting:
    return Acting(site, ssh.make_key(tmp_path, "ed25519"))


async def bound(acting: Acting, key: HolderKey) -> dict[str, Any]:
    """Return the act, signed, with the proof that `key` is at hand."""
    act = await acting.act()
    act["texts"][0]["holder_key"] = key.x
    answer = await acting.send(f"{ACCEPTANCE}/declaration", act)
    assert answer.status_code == 200, answer.text
    declaration = answer.json()["declaration"].encode()
    return {
        "act": act,
        "challenge": answer.json()["challenge"],
        "signature": acting.pair.sign(declaration),
        "possession": [key.prove(declaration)],
    }


async def receipt_of(acting: Acting, sent: dict[str, Any]) -> bytes:
    answer = await acting.send(ACCEPTANCE, sent)
    assert answer.status_code == 201, answer.text
    acting.world.integrate()
    got = await acting.site.api(f"/api/v1/receipts/{answer.json()['items'][0]['id']}", acting.token)
    content: bytes = got.content
    return content


async def test_holder_proves_possession_and_shows_nothing_but_the_domain(acting: Acting) -> None:
    await acting.register()
    key = make_holder_key()
    receipt = await receipt_of(acting, await bound(acting, key))
    leaf = claims_of(json.loads(receipt)["sd_jwt"].split("~")[0])
    assert leaf["v"] == 7
    assert leaf["cnf"] == {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": key.x}}
    assert acting.pair.public.split()[1] not in json.dumps(leaf)
    assert verify_receipt(receipt).is_verified, "declaration and statement name the same key"
    now = acting.world.clock.now()
    shown = bind_receipt(show_only(receipt, ["email_domain"]), key, audience="lab", nonce="n1", now=now)
    outcome = verify_receipt(shown, asked=Asked(audience="lab", nonce="n1", now=now))
    assert outcome.failure is None, outcome.failure
    assert outcome.disclosed == ("email_domain",)
    late = Asked(audience="lab", nonce="n1", now=now + timedelta(minutes=11))
    for asked in (late, Asked(audience="lab", nonce="n2", now=now), Asked(audience="x", nonce="n1", now=now)):
        assert not verify_receipt(shown, asked=asked).is_verified
    # Whoever was shown it has nothing to show to the next one.
    stripped = show_only(shown, ["email_domain"])
    assert not verify_receipt(stripped, asked=Asked(audience="x", nonce="n3", now=now)).is_verified
    forged = bind_receipt(stripped, make_holder_key(), audience="x", nonce="n3", now=now)
    assert not verify_receipt(forged, asked=Asked(audience="x", nonce="n3", now=now)).is_verified


async def test_key_that_is_not_at_hand_binds_nothing(acting: Acting) -> None:
    await acting.register()
    key, other = make_holder_key(), make_holder_key()
    sent = await bound(acting, key)
    by_other = [other.prove(b"something else")]
    for possession in ([], [None], by_other):
        answer = await acting.send(ACCEPTANCE, sent | {"possession": possession})
        assert (answer.status_code, answer.json()["code"]) == (422, "holder-key-not-proven")
    assert (await acting.site.api("/api/v1/receipts", acting.token)).json()["items"] == []
    assert (await acting.send(ACCEPTANCE, sent)).status_code == 201


async def test_proof_without_a_key_and_another_key_than_was_signed_for_are_refused(acting: Acting) -> None:
    await acting.register()
    key, other = make_holder_key(), make_holder_key()
    sent = await bound(acting, key)
    swapped: Any = copy.deepcopy(sent)
    swapped["act"]["texts"][0]["holder_key"] = other.x
    assert (await acting.send(ACCEPTANCE, swapped)).json()["code"] == "declaration-changed"
    del swapped["act"]["texts"][0]["holder_key"]
    assert (await acting.send(ACCEPTANCE, swapped)).json()["code"] == "declaration-changed"
    plain = await acting.signed()
    stray = plain | {"possession": [key.prove(b"x")]}
    assert (await acting.send(ACCEPTANCE, stray)).json()["code"] == "holder-key-not-proven"
    assert (await acting.send(ACCEPTANCE, plain)).status_code == 201


@pytest.mark.parametrize("text", ["", "x", "A" * 44, "+" * 43, "A" * 42 + "=", "A" * 42 + "\n"])
async def test_what_is_no_key_is_not_read(acting: Acting, text: str) -> None:
    act = await acting.act()
    act["texts"][0]["holder_key"] = text
    answer = await acting.send(f"{ACCEPTANCE}/declaration", act)
    assert answer.status_code in {400, 422}


async def test_key_in_another_spelling_is_not_proven(acting: Acting) -> None:
    await acting.register()
    key = make_holder_key()
    spare = key.x[:-1] + chr(ord(key.x[-1]) + 1)
    act = await acting.act()
    act["texts"][0]["holder_key"] = spare
    declared = (await acting.send(f"{ACCEPTANCE}/declaration", act)).json()
    body = {
        "act": act,
        "challenge": declared["challenge"],
        "signature": acting.pair.sign(declared["declaration"].encode()),
        "possession": [key.prove(declared["declaration"].encode())],
    }
    assert (await acting.send(ACCEPTANCE, body)).json()["code"] == "holder-key-not-proven"
