"""Keys of witnesses and their cosignatures under a checkpoint (C2SP tlog-cosignature, Ed25519); pure."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from registry.ledger.notes import KEY_ID_BYTES, NoteMalformed, NoteUnverified, parse_note

TYPE = b"\x04"
"""Signature type in the key id."""
TIMESTAMP_BYTES = 8
NAME_MAX_CHARACTERS = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessKey:
    """The public key of a witness."""

    name: str
    raw: bytes
    """32 bytes."""

    @property
    def key_id(self) -> bytes:
        """Return the four bytes that name it in signature lines."""
        return hashlib.sha256(self.name.encode() + b"\n" + TYPE + self.raw).digest()[:KEY_ID_BYTES]

    def __str__(self) -> str:
        """Return the key as tools are told it: `name+id+key` (C2SP signed-note)."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(TYPE + self.raw).decode()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosignature:
    """A signature line of a witness that fits the checkpoint above it."""

    line: str
    at: datetime


def parse_witness_key(text: str) -> WitnessKey:
    """Return the key that `name+id+key` says.

    Raises:
        NoteMalformed: it has another form, is of another kind, or its id is not its own.
    """
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    if not name or len(name) > NAME_MAX_CHARACTERS or any(one.isspace() for one in name):
        raise NoteMalformed(f"not a verifier key (name+id+key): got {text[:80]!r}")
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if data[:1] != TYPE or len(data) != 33:
        raise NoteMalformed(f"not the verifier key of a witness (Ed25519, type 4): got {text[:80]!r}")
    key = WitnessKey(name=name, raw=data[1:])
    if str(key) != text:
        raise NoteMalformed(f"the id of the verifier key {name} is not its own: got {key_id[:20]!r}")
    return key


def find_cosignature(answer: str, *, note: str, key: WitnessKey) -> Cosignature:
    """Return the cosignature of a witness under `note` among the lines of its answer; other keys' lines are left out.

    Raises:
        NoteMalformed: a line of the answer is none.
        NoteUnverified: none of them is by that key, or it does not fit.
    """
    for line in answer.splitlines():
        signed = parse_note(f"{note}{line}\n".encode())
        last = signed.signatures[-1]
        if last.name != key.name or last.key_id != key.key_id:
            continue
        seconds = int.from_bytes(last.signature[:TIMESTAMP_BYTES], "big")
        message = f"cosignature/v1\ntime {seconds}\n{signed.text}".encode()
        try:
            Ed25519PublicKey.from_public_bytes(key.raw).verify(last.signature[TIMESTAMP_BYTES:], message)
            return Cosignature(line=line, at=datetime.fromtimestamp(seconds, UTC))
        except (InvalidSignature, OverflowError, OSError, ValueError):
            raise NoteUnverified(f"the cosignature of {key.name} does not fit the checkpoint") from None
    raise NoteUnverified(f"there is no cosignature by {key}")
