"""Golden receipts of acceptances that the acceptor has signed too (grade A), and ones that must fail at that step."""

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.vectors.receipt.writer import BASE_URL, Receipt, b64u, claims, digest, disclosure, key_of, receipt

NAMESPACE = "acceptance@gatehouse"
PRESENTED = "2026-11-23T14:52:02.000Z"
PERSON = "0193f5a0-0000-7000-8000-0000000000aa"
Key = Ed25519PrivateKey | ec.EllipticCurvePrivateKey


def own_key(word: str = "acceptor") -> Ed25519PrivateKey:
    return key_of(word)


def own_curve_key() -> ec.EllipticCurvePrivateKey:
    secret = int.from_bytes(hashlib.sha256(b"vector key on a curve").digest(), "big")
    return ec.derive_private_key(secret, ec.SECP256R1())


def payload_of(**members: Any) -> dict[str, Any]:
    """Return the payload of a statement of grade A, with all that a declaration is compared with."""
    payload, _ = claims()
    return {
        **payload,
        "sub": PERSON,
        "grade": "A",
        "times": {**payload["times"], "presented": PRESENTED},
        "license": {
            **payload["license"],
            "version_id": "0193f5a0-0000-7000-8000-0000000000bb",
            "language": "en",
            "policies": [],
        },
        "gate": {
            "id": "0193f5a0-0000-7000-8000-0000000000cc",
            "revision_id": "0193f5a0-0000-7000-8000-0000000000dd",
            "form": "sha256:" + 64 * "a",
            "answers": "sha256:" + 64 * "b",
        },
        "scope": {"model": "imagined/model"},
        "capacity": {"type": "self"},
    } | members


def declaration_of(payload: dict[str, Any], **members: Any) -> str:
    """Return the declaration that fits a statement, in canonical JSON."""
    terms = payload["license"]
    names = ("version_id", "slug", "title", "number", "language", "sha256")
    part = {
        "acceptance": payload["jti"],
        "model": "imagined/model",
        "license": {**{name: terms[name] for name in names}, "policies": []},
        "gate": payload["gate"],
        "presented": payload["times"]["presented"],
        "closing": "By signing you enter into Imagined OpenRAIL-M 1.1 with imagined.",
    }
    whole = {
        "type": "gatehouse-declaration/1",
        "registry": BASE_URL,
        "person": payload["sub"],
        "name": "Ada Byron",
        "capacity": {"type": "self"},
        "sentence": "I have read the license agreement shown here and accept it.",
        "affirmation": "I accept Imagined OpenRAIL-M 1.1",
        "acceptances": [part],
    } | members
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def mpint(number: int) -> bytes:
    return string(number.to_bytes(number.bit_length() // 8 + 1, "big"))


def public_blob(key: Key) -> bytes:
    line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return base64.b64decode(line.split()[1])


def sign(
    key: Key,
    message: bytes,
    *,
    namespace: str = NAMESPACE,
    reserved: bytes = b"",
    hash_name: str = "sha512",
    trailing: bytes = b"",
) -> str:
    """Return an SSH signature (PROTOCOL.sshsig), deterministic so that vectors stay as they are."""
    hashed = hashlib.new(hash_name, message).digest()
    common = string(namespace.encode()) + string(reserved) + string(hash_name.encode())
    signed = b"SSHSIG" + common + string(hashed)
    if isinstance(key, Ed25519PrivateKey):
        inner = string(b"ssh-ed25519") + string(key.sign(signed))
    else:
        pair = decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
        inner = string(b"ecdsa-sha2-nistp256") + string(b"".join(map(mpint, pair)))
    blob = b"SSHSIG\x00\x00\x00\x01" + string(public_blob(key)) + common + string(inner) + trailing
    text = base64.b64encode(blob).decode()
    lines = [text[at : at + 70] for at in range(0, len(text), 70)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])


def claim_of(declaration: str, key: Key | None = None, **how: Any) -> dict[str, Any]:
    key = key or own_key()
    kind = "ssh-ed25519" if isinstance(key, Ed25519PrivateKey) else "ecdsa-sha2-nistp256"
    return {
        "format": "sshsig",
        "declaration": declaration,
        "namespace": NAMESPACE,
        "key": f"{kind} {base64.b64encode(public_blob(key)).decode()}",
        "signature": sign(key, declaration.encode(), **how),
    }


def passkey_claim(
    declaration: str,
    *,
    origin: str = BASE_URL,
    rp_id: str = "models.example.org",
    flags: int = 0x05,
    kind: str = "webauthn.get",
    over: str | None = None,
) -> dict[str, Any]:
    """Return what a passkey on P-256 answers (WebAuthn §6.3.3)."""
    key = own_curve_key()
    challenge = b64u(hashlib.sha256((over or declaration).encode()).digest())
    client = json.dumps(
        {"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False}, separators=(",", ":")
    ).encode()
    data = hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + (7).to_bytes(4, "big")
    algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return {
        "format": "webauthn",
        "declaration": declaration,
        "rp_id": rp_id,
        "key": base64.b64encode(public).decode(),
        "client_data": b64u(client),
        "authenticator_data": b64u(data),
        "signature": b64u(key.sign(data + hashlib.sha256(client).digest(), algorithm)),
    }


def with_claim(payload: dict[str, Any], claim: Any, *, shown: bool = True) -> Receipt:
    """Return a receipt whose statement binds the claim; the other disclosures are those of all vectors."""
    _, disclosures = claims()
    own = disclosure("own_signature", claim)
    payload = payload | {"_sd": sorted([*payload["_sd"], digest(own)])}
    return receipt(payload, [*disclosures, *([own] if shown else [])])


def good_receipts() -> dict[str, Receipt]:
    payload = payload_of()
    declaration = declaration_of(payload)
    return {
        "own-signature-ed25519": with_claim(payload, claim_of(declaration)),
        "own-signature-ecdsa": with_claim(payload, claim_of(declaration, own_curve_key())),
        "own-signature-passkey": with_claim(payload, passkey_claim(declaration)),
        "own-signature-not-disclosed": with_claim(payload, claim_of(declaration), shown=False),
    }


def refused_receipts() -> dict[str, tuple[str, str, Receipt]]:
    payload = payload_of()
    declaration = declaration_of(payload)
    good = claim_of(declaration)

    def case(why: str, claim: Any, **members: Any) -> tuple[str, str, Receipt]:
        return "own-signature", why, with_claim(payload | members, claim)

    def declared(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        whole = json.loads(declaration)
        change(whole)
        return claim_of(json.dumps(whole, ensure_ascii=False, separators=(",", ":"), sort_keys=True))

    other_key = claim_of(declaration, own_key("somebody else"))
    altered = declaration.replace("Ada Byron", "Ada Bryon")
    found = {
        "altered-declaration": ("declaration changed after it was signed", good | {"declaration": altered}),
        "other-key-named": ("names another key than the one that signed", good | {"key": other_key["key"]}),
        "wrong-namespace": ("made for files", claim_of(declaration, namespace="file")),
        "other-hash": ("SHA-256 inside", claim_of(declaration, hash_name="sha256")),
        "reserved-not-empty": ("reserved field in use", claim_of(declaration, reserved=b"x")),
        "trailing-bytes": ("goes on after its end", claim_of(declaration, trailing=b"\x00")),
        "unknown-format": ("a format that nobody knows", good | {"format": "pgp"}),
        "other-acceptance": (
            "signed for another acceptance",
            declared(lambda d: d["acceptances"][0].update(acceptance="0193f5a0-0000-7000-8000-000000000002")),
        ),
        "same-acceptance-twice": (
            "one acceptance named twice",
            declared(lambda d: d["acceptances"].append(d["acceptances"][0])),
        ),
        "other-text": (
            "signed for another text",
            declared(lambda d: d["acceptances"][0]["license"].update(sha256="sha256:" + 64 * "0")),
        ),
        "other-person": ("signed as somebody else", declared(lambda d: d.update(person=PERSON[:-1] + "b"))),
        "other-registry": (
            "signed for another registry",
            declared(lambda d: d.update(registry="https://x.org")),
        ),
        "other-answers": (
            "signed other answers",
            declared(lambda d: d["acceptances"][0]["gate"].update(answers="sha256:" + 64 * "c")),
        ),
        "other-model": (
            "signed for another model",
            declared(lambda d: d["acceptances"][0].update(model="imagined/other")),
        ),
        "passkey-over-something-else": ("another challenge", passkey_claim(declaration, over="x")),
        "passkey-altered": (
            "declaration changed after it was signed",
            passkey_claim(declaration) | {"declaration": altered},
        ),
        "passkey-other-origin": ("made on another site", passkey_claim(declaration, origin="https://x.org")),
        "passkey-other-host": ("made for another host", passkey_claim(declaration, rp_id="example.org")),
        "passkey-not-verified": ("nobody was verified", passkey_claim(declaration, flags=0x01)),
        "passkey-nobody-there": ("nobody was present", passkey_claim(declaration, flags=0x04)),
        "passkey-being-made": ("a registration", passkey_claim(declaration, kind="webauthn.create")),
        "passkey-other-signature": (
            "a signature over something else",
            passkey_claim(declaration) | {"signature": passkey_claim(altered)["signature"]},
        ),
        "not-a-declaration": ("another signed thing", declared(lambda d: d.update(type="gatehouse-order/1"))),
    }
    cases = {f"own-signature-{name}": case(why, claim) for name, (why, claim) in found.items()}
    return cases | {"own-signature-of-grade-b": case("a signature that the grade denies", good, grade="B")}
