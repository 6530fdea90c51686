"""Verifies that a passkey has signed something: a WebAuthn assertion (Level 3, §7.2), with the person verified."""

import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from registry.client.errors import VerificationFailed, printable
from registry.client.keys import encode_base64url
from registry.client.wire import Fields, parse_json

PRESENT, VERIFIED = 0x01, 0x04
HEAD_BYTES = 37
"""Hash of the RP id, flags and counter (§6.1)."""
RSA_MIN_BITS = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """What a passkey has answered, with its key."""

    rp_id: str
    key: bytes
    """SubjectPublicKeyInfo, DER."""
    client_data: bytes
    authenticator_data: bytes
    signature: bytes


def verify_assertion(assertion: Assertion, signed: bytes, *, origin: str) -> None:
    """Return if the passkey has signed the SHA-256 of `signed` at `origin`, with the person verified.

    Raises:
        VerificationFailed: it has not; the text says what differs.
    """
    client = Fields(parse_json(assertion.client_data, what="the passkey's client data"), where="client data")
    if client.text("type") != "webauthn.get":
        raise _refused("was not made to sign something")
    if client.text("challenge") != encode_base64url(hashlib.sha256(signed).digest()):
        raise _refused("is over something else than the declaration")
    if client.text("origin") != origin:
        raise _refused(
            f"was made at {printable(client.text('origin'), limit=200)}, expected {printable(origin)}"
        )
    if client.value.get("crossOrigin") is True:
        raise _refused("was made inside a page of somebody else")
    if assertion.rp_id != urlsplit(origin).hostname:
        raise _refused("belongs to another host than the registry's")
    data = assertion.authenticator_data
    if len(data) < HEAD_BYTES:
        raise _refused("has authenticator data that is too short")
    if not hmac.compare_digest(data[:32], hashlib.sha256(assertion.rp_id.encode()).digest()):
        raise _refused("was made for another host")
    if data[32] & (PRESENT | VERIFIED) != PRESENT | VERIFIED:
        raise _refused("was made without verifying the person")
    _check(assertion, data + hashlib.sha256(assertion.client_data).digest())


def _check(assertion: Assertion, message: bytes) -> None:
    try:
        key = load_der_public_key(assertion.key)
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            key.verify(assertion.signature, message, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(assertion.signature, message)
        elif isinstance(key, rsa.RSAPublicKey) and key.key_size >= RSA_MIN_BITS:
            key.verify(assertion.signature, message, padding.PKCS1v15(), hashes.SHA256())
        else:
            raise _refused("is by a kind of key that is not taken")
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        raise _refused("does not fit its key") from None


def _refused(reason: str) -> VerificationFailed:
    return VerificationFailed(f"the signature of the acceptor's passkey {reason}")
