"""Golden receipts that are bound to a key of their holder (RFC 9901 §4.3), and proofs of possession that must fail."""

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

from tests.vectors.receipt import signed
from tests.vectors.receipt.writer import (
    IAT,
    Receipt,
    b64u,
    claims,
    compact,
    digest,
    disclosure,
    key_of,
    receipt,
)

AUDIENCE = "https://lab.example.net"
NONCE = "n-4f1d"
AT = IAT + 86_400
"""When the proof is made, and checked."""
ASKED = {"audience": AUDIENCE, "nonce": NONCE, "at": AT}


def holder_x(word: str = "holder") -> str:
    return b64u(key_of(word).public_key().public_bytes_raw())


def confirmation(word: str = "holder", **members: Any) -> dict[str, Any]:
    return {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": holder_x(word)} | members}


def unbound(**members: Any) -> Receipt:
    """Return a receipt that shows the domain alone, and names the holder's key."""
    payload, _ = claims()
    domain = disclosure("email_domain", "example.org")
    payload = {**payload, "_sd": sorted([*payload["_sd"], digest(domain)]), "cnf": confirmation()} | members
    return receipt({name: value for name, value in payload.items() if value is not None}, [domain])


def proof(
    presented: str, *, word: str = "holder", header: dict[str, Any] | None = None, **claimed: Any
) -> str:
    """Return a key-binding JWT; a claim that is None is left out."""
    head = {"alg": "Ed25519", "typ": "kb+jwt"} | (header or {})
    made_over = b64u(hashlib.sha256(presented.encode()).digest())
    payload = {"iat": AT, "aud": AUDIENCE, "nonce": NONCE, "sd_hash": made_over} | claimed
    parts = [{name: value for name, value in one.items() if value is not None} for one in (head, payload)]
    message = ".".join(b64u(compact(one)) for one in parts)
    return f"{message}.{b64u(key_of(word).sign(message.encode()))}"


def with_proof(made: Receipt, *, over: str | None = None, **how: Any) -> Receipt:
    presented = made["sd_jwt"]
    bound = presented + proof(presented if over is None else over, **how)
    return made | {"format": "gatehouse-receipt/2", "sd_jwt": bound}


def signed_and_bound(change: Callable[[dict[str, Any]], Any] = lambda part: None) -> Receipt:
    """Return a receipt of grade A whose declaration names the holder's key too."""
    payload = signed.payload_of(cnf=confirmation())
    whole = json.loads(signed.declaration_of(payload))
    whole["acceptances"][0]["holder_key"] = holder_x()
    change(whole["acceptances"][0])
    declaration = json.dumps(whole, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return signed.with_claim(payload, signed.claim_of(declaration))


def good_receipts() -> dict[str, Receipt]:
    return {
        "bound-domain-only": with_proof(unbound()),
        "bound-and-signed": with_proof(signed_and_bound()),
        "bound-not-shown": unbound(),
    }


def other_signature(token: str) -> str:
    message, _, encoded = token.rpartition(".")
    data = bytearray(base64.urlsafe_b64decode(encoded + "=="))
    data[0] ^= 1
    return f"{message}.{b64u(bytes(data))}"


def refused_receipts() -> dict[str, tuple[str, str, Receipt]]:
    good, more = unbound(), signed_and_bound()
    presented = good["sd_jwt"]
    jwt = presented.split("~", maxsplit=1)[0]
    bent = with_proof(good)
    found: dict[str, tuple[str, Receipt]] = {
        "not-there": ("nobody proves anything", good),
        "other-nonce": ("made for another word", with_proof(good, nonce="n-4f1e")),
        "other-audience": ("made for somebody else", with_proof(good, aud="https://eve.example.net")),
        "audience-list": ("several audiences", with_proof(good, aud=[AUDIENCE])),
        "other-statement": ("made over another statement", with_proof(good, over=more["sd_jwt"])),
        "fewer-disclosures": ("made over fewer disclosures", with_proof(good, over=f"{jwt}~")),
        "without-sd-hash": ("bound to no statement", with_proof(good, sd_hash=None)),
        "without-nonce": ("no word", with_proof(good, nonce=None)),
        "without-audience": ("for nobody", with_proof(good, aud=None)),
        "without-time": ("no time", with_proof(good, iat=None)),
        "old": ("shown eleven minutes ago", with_proof(good, iat=AT - 660)),
        "from-the-future": ("dated two minutes ahead", with_proof(good, iat=AT + 120)),
        "before-the-acceptance": ("older than the statement", with_proof(good, iat=IAT - 120)),
        "algorithm-none": ("no algorithm", with_proof(good, header={"alg": "none"})),
        "algorithm-eddsa": ("the polymorphic name", with_proof(good, header={"alg": "EdDSA"})),
        "type-missing": ("no typ", with_proof(good, header={"typ": None})),
        "other-type": ("another signed thing", with_proof(good, header={"typ": "JWT"})),
        "own-key-brought": (
            "the token brings its key",
            with_proof(good, header={"jwk": confirmation()["jwk"]}),
        ),
        "by-somebody-else": ("signed with another key", with_proof(good, word="eve")),
        "altered": ("signature altered", bent | {"sd_jwt": presented + other_signature(proof(presented))}),
        "no-key-named": ("the statement names no key", with_proof(unbound(cnf=None))),
        "other-kind-of-key": ("a key on a curve", with_proof(unbound(cnf=confirmation(crv="X25519")))),
        "private-key-named": (
            "a private key in the statement",
            with_proof(unbound(cnf=confirmation(d="AA"))),
        ),
        "short-key": ("31 bytes", with_proof(unbound(cnf=confirmation(x=b64u(bytes(31)))))),
        "two-parts": ("no JWS", bent | {"sd_jwt": presented + "e30.e30"}),
    }
    cases = {f"key-binding-{name}": ("key-binding", why, made) for name, (why, made) in found.items()}
    return cases | {
        "key-binding-in-version-1": (
            "format",
            "the format has none",
            bent | {"format": "gatehouse-receipt/1"},
        ),
        "key-binding-missing-in-version-2": (
            "format",
            "the format has one",
            good | {"format": bent["format"]},
        ),
        "key-binding-hidden-key": ("claims", "a hidden claim names the key", hidden_key()),
        "own-signature-other-holder-key": (
            "own-signature",
            "signed for another holder's key",
            signed_and_bound(lambda part: part.update(holder_key=holder_x("eve"))),
        ),
        "own-signature-without-holder-key": (
            "own-signature",
            "signed for no holder's key",
            signed_and_bound(lambda part: part.pop("holder_key")),
        ),
    }


def hidden_key() -> Receipt:
    payload, _ = claims()
    hidden = disclosure("cnf", confirmation())
    made = receipt({**payload, "_sd": sorted([*payload["_sd"], digest(hidden)])}, [hidden])
    return with_proof(made)
