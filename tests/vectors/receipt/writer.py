"""Receipts by the definitions of the standards, with fixed keys and salts; shares no code with the verifier.

SD-JWT (RFC 9901), Merkle tree (RFC 6962), signed note and checkpoint (C2SP) and JWK thumbprint (RFC 7638) are made
here from the standard library; only the Ed25519 primitive comes from `cryptography`. Nothing here is secret.
"""

import base64
import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

BASE_URL = "https://models.example.org"
ORIGIN = "models.example.org/ledger"
WITNESS = "witness.example.net/w"
IAT = 1_795_445_851  # 2026-11-23T14:57:31Z
LICENSE_TEXT = "Imagined OpenRAIL-M 1.1\r\n\r\nYou may use the model. You may not use it to do harm – ever.\n"
HIDDEN = {"email": "ada@example.org", "organisation": "Analytical Engines", "typed_name": "Ada Lovelace"}
POLICY_TEXT = "Imagined use policy\r\n\r\nBe kind, and do not spam – ever.\n"
ANSWERS = {"purpose": "studying tides", "country": "GB"}

Receipt = dict[str, Any]


def b64u(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def key_of(word: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"vector key {word}".encode()).digest())


def jwk(word: str, use: str, **more: Any) -> dict[str, Any]:
    x = b64u(key_of(word).public_key().public_bytes_raw())
    kid = b64u(hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest())
    validity = {"valid_from": "2026-01-01T00:00:00.000Z", "valid_until": None}
    return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "use": use} | validity | more


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()


def sign_jwt(payload: Any, *, word: str = "statement", raw: bytes | None = None, **header: Any) -> str:
    head = {
        "alg": "Ed25519",
        "kid": jwk(word, "statement")["kid"],
        "typ": "gatehouse-acceptance+sd-jwt",
    } | header
    head = {name: value for name, value in head.items() if value is not None}
    message = f"{b64u(compact(head))}.{b64u(compact(payload) if raw is None else raw)}"
    return f"{message}.{b64u(key_of(word).sign(message.encode()))}"


def disclosure(*parts: Any) -> str:
    salt = b64u(hashlib.sha256(f"salt of {parts!r}".encode()).digest()[:16])
    return b64u(json.dumps([salt, *parts], ensure_ascii=False).encode())


def digest(encoded: str) -> str:
    return b64u(hashlib.sha256(encoded.encode()).digest())


def claims() -> tuple[dict[str, Any], list[str]]:
    """Return the payload and all its disclosures: flat ones, a group, an array element and two decoys."""
    flat = [disclosure(name, value) for name, value in HIDDEN.items()]
    group = [disclosure(name, value) for name, value in ANSWERS.items()]
    element = disclosure({"id": "release-2"})
    payload = {
        "iss": BASE_URL,
        "iat": IAT,
        "jti": "0193f5a0-0000-7000-8000-000000000001",
        "times": {"accepted": "2026-11-23T14:57:31.250Z"},
        "license": {
            "slug": "imagined-openrail-m",
            "title": "Imagined OpenRAIL-M",
            "number": "1.1",
            "sha256": "sha256:" + hashlib.sha256(LICENSE_TEXT.encode()).hexdigest(),
        },
        "answers": {"_sd": sorted([*map(digest, group), digest("a decoy")])},
        "releases": [{"id": "release-1"}, {"...": digest(element)}, {"...": digest("another decoy")}],
        "_sd": sorted(map(digest, flat)),
        "_sd_alg": "sha-256",
    }
    return payload, [*flat, *group, element]


def policies() -> list[dict[str, Any]]:
    """Return what the license of some receipts includes: a text, and one that is known by its digest only."""
    return [
        {
            "title": "Imagined use policy",
            "url": "https://example.org/use-policy",
            "sha256": "sha256:" + hashlib.sha256(POLICY_TEXT.encode()).hexdigest(),
            "text": POLICY_TEXT,
        },
        {
            "title": "Imagined house rules",
            "url": None,
            "sha256": "sha256:" + hashlib.sha256(b"never seen here").hexdigest(),
            "text": None,
        },
    ]


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_root(leaves: list[bytes]) -> bytes:
    """Return the Merkle tree hash by the definition of RFC 6962 §2.1."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node(tree_root(leaves[:split]), tree_root(leaves[split:]))


def audit_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """Return the audit path by the definition of RFC 6962 §2.1.1."""
    if len(leaves) == 1:
        return []
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    if index < split:
        return [*audit_path(index, leaves[:split]), tree_root(leaves[split:])]
    return [*audit_path(index - split, leaves[split:]), tree_root(leaves[:split])]


def sign_note(text: str, *, name: str = ORIGIN, word: str = "checkpoint") -> str:
    key = key_of(word)
    key_id = hashlib.sha256(name.encode() + b"\n\x01" + key.public_key().public_bytes_raw()).digest()[:4]
    return f"\u2014 {name} {base64.b64encode(key_id + key.sign(text.encode())).decode()}\n"


def cosign(text: str, *, name: str = WITNESS, at: int = IAT + 60) -> str:
    """Return the line of a witness (C2SP tlog-cosignature, Ed25519)."""
    key = key_of("witness")
    key_id = hashlib.sha256(name.encode() + b"\n\x04" + key.public_key().public_bytes_raw()).digest()[:4]
    signature = key.sign(f"cosignature/v1\ntime {at}\n{text}".encode())
    return f"\u2014 {name} {base64.b64encode(key_id + at.to_bytes(8, 'big') + signature).decode()}\n"


def witness_key() -> str:
    """Return the verifier key of the witness: name, id, key."""
    public = key_of("witness").public_key().public_bytes_raw()
    key_id = hashlib.sha256(WITNESS.encode() + b"\n\x04" + public).digest()[:4]
    return f"{WITNESS}+{key_id.hex()}+{base64.b64encode(bytes([4]) + public).decode()}"


def log_proof(jwt: str, *, index: int, size: int) -> dict[str, Any]:
    leaf = hashlib.sha256(b"\x00" + jwt.encode()).digest()
    leaves = [hashlib.sha256(b"\x00other leaf %d" % n).digest() for n in range(size)]
    leaves[index] = leaf
    text = f"{ORIGIN}\n{size}\n{base64.b64encode(tree_root(leaves)).decode()}\n"
    witness = cosign(text)
    return {
        "origin": ORIGIN,
        "index": index,
        "tree_size": size,
        "leaf_hash": leaf.hex(),
        "inclusion_proof": [base64.b64encode(one).decode() for one in audit_path(index, leaves)],
        "checkpoint": f"{text}\n{sign_note(text)}{witness}",
    }


def keys() -> list[dict[str, Any]]:
    return [
        jwk("statement", "statement"),
        jwk("checkpoint", "checkpoint"),
        jwk("retired", "statement", valid_until="2026-06-01T00:00:00.000Z"),
        jwk("stolen", "statement", compromised_at="2026-10-01T00:00:00.000Z"),
        jwk("later", "statement", valid_from="2027-01-01T00:00:00.000Z"),
    ]


def receipt(
    payload: dict[str, Any] | None = None,
    disclosures: list[str] | None = None,
    *,
    index: int = 5,
    size: int = 11,
    jwt: str | None = None,
) -> Receipt:
    own_payload, own_disclosures = claims()
    jwt = jwt or sign_jwt(own_payload if payload is None else payload)
    shown = own_disclosures if disclosures is None else disclosures
    return {
        "format": "gatehouse-receipt/1",
        "registry": BASE_URL,
        "sd_jwt": "~".join([jwt, *shown, ""]),
        "license": {
            "slug": "imagined-openrail-m",
            "number": "1.1",
            "title": "Imagined OpenRAIL-M",
            "sha256": "sha256:" + hashlib.sha256(LICENSE_TEXT.encode()).hexdigest(),
            "text": LICENSE_TEXT,
        },
        "ledger": log_proof(jwt, index=index, size=size),
        "keys": keys(),
    }


def only_the_domain() -> Receipt:
    payload, _ = claims()
    domain = disclosure("email_domain", "example.org")
    return receipt({**payload, "_sd": sorted([*payload["_sd"], digest(domain)])}, [domain])
