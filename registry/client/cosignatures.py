"""Cosignatures of witnesses under a checkpoint (C2SP tlog-cosignature, Ed25519), and keys as tools are told them.

A cosignature says: at that time this was the largest tree of this log that the witness had seen, and it went
on from all that it had seen before.
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from registry.client.errors import Malformed, VerificationFailed, printable
from registry.client.keys import decode_base64
from registry.client.notes import KEY_ID_BYTES, Checkpoint

COSIGNATURE_TYPE = b"\x04"
"""Signature type of the key id (C2SP tlog-cosignature)."""
TIMESTAMP_BYTES = 8
TIMESTAMP_MAX = (1 << 63) - 1
NAME_MAX_CHARACTERS = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierKey:
    """A public key as tools for signed notes are told it: `name+id+key` (C2SP signed-note)."""

    name: str
    kind: bytes
    """Signature type: of logs 0x01, of witnesses 0x04."""
    raw: bytes
    """32 bytes."""

    @property
    def key_id(self) -> bytes:
        """Return the four bytes that name it in signature lines."""
        return hashlib.sha256(self.name.encode() + b"\n" + self.kind + self.raw).digest()[:KEY_ID_BYTES]

    def has_signed(self, signature: bytes, text: bytes) -> bool:
        """Whether `signature` is this key's over exactly `text`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, text)
        except InvalidSignature:
            return False
        return True

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(self.kind + self.raw).decode()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosignature:
    """A cosignature that fits."""

    witness: str
    at: datetime


def parse_verifier_key(text: str, *, kind: bytes) -> VerifierKey:
    """Return the key that `name+id+key` says.

    Raises:
        Malformed: it has another form, is of another kind, or its id is not its own.
    """
    name, _, rest = text.partition("+")
    key_id, plus, encoded = rest.partition("+")
    if not name or not plus or len(name) > NAME_MAX_CHARACTERS or any(one.isspace() for one in name):
        raise Malformed(f"not a verifier key (name+id+key): {printable(text, limit=100)!r}")
    data = decode_base64(encoded, what="the verifier key")
    if data[:1] != kind or len(data) != 33:
        wanted = (
            "of a witness (Ed25519, type 4)" if kind == COSIGNATURE_TYPE else "of a log (Ed25519, type 1)"
        )
        raise Malformed(f"not the verifier key {wanted}: {printable(name, limit=100)}")
    key = VerifierKey(name=name, kind=kind, raw=data[1:])
    if key.key_id.hex() != key_id:
        raise Malformed(f"the id of the verifier key {printable(name, limit=100)} is not its own")
    return key


def check_cosignature(checkpoint: Checkpoint, key: VerifierKey) -> Cosignature | None:
    """Return when a witness cosigned a checkpoint; None where it did not.

    Raises:
        VerificationFailed: a line of that witness stands there, and does not fit.
    """
    newest: Cosignature | None = None
    for name, key_id, signature in checkpoint.signatures:
        if name != key.name or key_id != key.key_id:
            continue
        at = int.from_bytes(signature[:TIMESTAMP_BYTES], "big")
        if len(signature) != TIMESTAMP_BYTES + 64 or at > TIMESTAMP_MAX:
            raise VerificationFailed(f"the cosignature of {printable(name, limit=100)} has another form")
        if not key.has_signed(signature[TIMESTAMP_BYTES:], message(checkpoint.signed_text, at)):
            raise VerificationFailed(f"the cosignature of {printable(name, limit=100)} does not fit")
        found = Cosignature(witness=name, at=_moment(at))
        newest = found if newest is None or found.at > newest.at else newest
    return newest


def message(checkpoint_text: bytes, at: int) -> bytes:
    """Return what a witness signs: a header, the time in POSIX seconds, the checkpoint's text."""
    return b"cosignature/v1\n" + f"time {at}\n".encode() + checkpoint_text


def _moment(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        raise VerificationFailed(f"a cosignature states a time that is none: {seconds}") from None
