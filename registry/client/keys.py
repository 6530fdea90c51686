"""Public keys of a registry: Ed25519 JWKs (RFC 8037) with what they may sign and when.

The `kid` of every key is its RFC 7638 thumbprint, so that a name stands for exactly one key.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from registry.client.errors import Malformed, printable
from registry.client.wire import Fields

KEYS_MAX_COUNT = 1_000
"""Most keys that are read; a registry that rotates weekly has fewer after ten years."""
CLOCK_GRAIN = timedelta(seconds=1)
"""JWT times are whole seconds (RFC 7519), key times are not: a key may be that much younger."""


class KeyUse(StrEnum):
    """What a key may sign."""

    STATEMENT = "statement"
    CHECKPOINT = "checkpoint"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A key of a registry; what it signed stays verifiable after it was retired."""

    kid: str
    use: KeyUse
    raw: bytes
    """32 bytes."""
    valid_from: datetime
    valid_until: datetime | None
    compromised_at: datetime | None

    def has_signed(self, signature: bytes, message: bytes) -> bool:
        """Whether `signature` is this key's over exactly `message` (RFC 8032)."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def trouble_at(self, moment: datetime) -> str | None:
        """Return why the key could not sign at `moment`, or None if it could."""
        if moment + CLOCK_GRAIN < self.valid_from:
            return f"valid from {self.valid_from.isoformat()}, signed {moment.isoformat()}"
        if self.valid_until is not None and moment >= self.valid_until:
            return f"valid until {self.valid_until.isoformat()}, signed {moment.isoformat()}"
        if self.compromised_at is not None and moment >= self.compromised_at:
            return f"compromised since {self.compromised_at.isoformat()}, signed {moment.isoformat()}"
        return None


def parse_keys(values: Iterable[object], *, where: str) -> tuple[PublicKey, ...]:
    """Return the keys of a JWK array.

    Raises:
        Malformed: one of them is not a well-formed public key of this kind, or one appears twice.
    """
    keys: dict[tuple[str, KeyUse], PublicKey] = {}
    for position, value in enumerate(values):
        if position >= KEYS_MAX_COUNT:
            raise Malformed(f"{where} has more than {KEYS_MAX_COUNT} keys")
        key = _parse_key(Fields(value, where=f"{where}[{position}]"))
        if (key.kid, key.use) in keys:
            raise Malformed(f"{where} has the key {key.kid} twice")
        keys[key.kid, key.use] = key
    return tuple(keys.values())


def parse_key_set(value: object, *, where: str) -> tuple[PublicKey, ...]:
    """Return the keys of a JWK set `{"keys": […]}` (RFC 7517), or of a bare array of JWKs."""
    if isinstance(value, dict) and "sd_jwt" in value:
        # It has keys, too, and whoever forged it made them.
        raise Malformed(f"{where} is a receipt, not a file of keys: keys that you trust come from elsewhere")
    values = value if isinstance(value, list) else Fields(value, where=where).values("keys")
    return parse_keys(values, where=f"{where}.keys")


def _parse_key(fields: Fields) -> PublicKey:
    if (fields.text("kty"), fields.text("crv")) != ("OKP", "Ed25519"):
        raise Malformed(
            f"{fields.where} is a {printable(fields.text('crv'), limit=40)} key, expected Ed25519"
        )
    if "d" in fields.value:
        raise Malformed(f"{fields.where} holds a private key; it must never be given away")
    if fields.text("use") not in set(KeyUse):
        raise Malformed(f"{fields.where}.use is {printable(fields.text('use'), limit=40)!r}")
    raw = decode_base64url(fields.text("x"), what=f"{fields.where}.x")
    if len(raw) != 32:
        raise Malformed(f"{fields.where}.x has {len(raw)} bytes, expected 32")
    if fields.text("kid") != thumbprint(raw):
        raise Malformed(f"{fields.where}.kid is not the thumbprint of its key (RFC 7638)")
    return PublicKey(
        kid=fields.text("kid"),
        use=KeyUse(fields.text("use")),
        raw=raw,
        valid_from=fields.moment("valid_from"),
        valid_until=fields.maybe_moment("valid_until"),
        compromised_at=fields.maybe_moment("compromised_at"),
    )


def thumbprint(raw: bytes) -> str:
    """Return the RFC 7638 thumbprint of an Ed25519 public key."""
    members = f'{{"crv":"Ed25519","kty":"OKP","x":"{encode_base64url(raw)}"}}'
    return encode_base64url(hashlib.sha256(members.encode()).digest())


def encode_base64url(data: bytes) -> str:
    """Return `data` in base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_base64url(text: str, *, what: str) -> bytes:
    """Return the bytes of unpadded base64url; there is exactly one spelling of each value.

    Raises:
        Malformed: other characters, padding, or spare bits that are not zero.
    """
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise Malformed(f"{what} is not base64url") from None
    if encode_base64url(data) != text:
        raise Malformed(f"{what} is not base64url in its one valid spelling")
    return data


def decode_base64(text: str, *, what: str) -> bytes:
    """Return the bytes of padded base64 in its one valid spelling (RFC 4648 §4).

    Raises:
        Malformed: it is anything else.
    """
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        raise Malformed(f"{what} is not base64") from None
    if base64.b64encode(data).decode() != text:
        raise Malformed(f"{what} is not base64 in its one valid spelling")
    return data
