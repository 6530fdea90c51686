"""Checkpoints: C2SP tlog-checkpoint in a C2SP signed note, signed with Ed25519."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from registry.client.errors import Malformed, VerificationFailed
from registry.client.keys import KeyUse, PublicKey, decode_base64

NOTE_MAX_BYTES = 1_000_000
"""Longest note that is read (the limit of golang.org/x/mod/sumdb/note)."""
SIGNATURES_MAX_COUNT = 100
TREE_SIZE_MAX = (1 << 63) - 1
KEY_ID_BYTES = 4
ED25519_TYPE = b"\x01"
"""Signature type of the key id (C2SP signed-note)."""

_SIGNATURE_MARK = "\N{EM DASH} "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]*)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A tree head as its text states it, and who claims to have signed it; unverified."""

    origin: str
    tree_size: int
    root: bytes
    signed_text: bytes
    signatures: tuple[tuple[str, bytes, bytes], ...]
    """Name, key id, signature of each signature line."""


def parse_checkpoint(note: str) -> Checkpoint:
    """Return the parts of a signed checkpoint.

    Raises:
        Malformed: the note or the checkpoint in it breaks its specification.
    """
    if len(note.encode()) > NOTE_MAX_BYTES:
        raise Malformed(f"the checkpoint is longer than {NOTE_MAX_BYTES} bytes")
    if _CONTROL.search(note):
        raise Malformed("the checkpoint holds control characters")
    text, separator, tail = note.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise Malformed("the checkpoint has no signature lines after an empty line")
    signatures = tuple(_parse_signature(line) for line in tail[:-1].split("\n"))
    if len(signatures) > SIGNATURES_MAX_COUNT:
        raise Malformed(f"the checkpoint has more than {SIGNATURES_MAX_COUNT} signatures")
    lines = text.split("\n")
    if len(lines) < 3 or not all(lines):
        raise Malformed("the checkpoint lacks its origin, size or root line")
    origin, size, root_text = lines[:3]
    if not _DECIMAL.match(size) or len(size) > 19 or int(size) > TREE_SIZE_MAX:
        raise Malformed("the size line of the checkpoint is not a decimal number")
    root = decode_base64(root_text, what="the root line of the checkpoint")
    if len(root) != 32:
        raise Malformed(f"the root of the checkpoint has {len(root)} bytes, expected 32")
    return Checkpoint(
        origin=origin,
        tree_size=int(size),
        root=root,
        signed_text=f"{text}\n".encode(),
        signatures=signatures,
    )


def _parse_signature(line: str) -> tuple[str, bytes, bytes]:
    name, space, encoded = line.removeprefix(_SIGNATURE_MARK).partition(" ")
    if not line.startswith(_SIGNATURE_MARK) or not name or not space or "+" in name:
        raise Malformed("a signature line of the checkpoint is malformed")
    data = decode_base64(encoded, what="a signature of the checkpoint")
    if len(data) <= KEY_ID_BYTES:
        raise Malformed("a signature of the checkpoint is too short")
    return name, data[:KEY_ID_BYTES], data[KEY_ID_BYTES:]


def own_note(note: str) -> str:
    """Return a checkpoint as its log signed it, without the lines of others."""
    text, _, tail = note.rpartition("\n\n")
    origin = text.partition("\n")[0]
    lines = [line for line in tail.splitlines() if line.startswith(f"{_SIGNATURE_MARK}{origin} ")]
    return f"{text}\n\n" + "".join(f"{line}\n" for line in lines)


def note_key_id(name: str, raw: bytes) -> bytes:
    """Return the key id of an Ed25519 key under `name` (C2SP signed-note)."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519_TYPE + raw).digest()[:KEY_ID_BYTES]


def find_signers(checkpoint: Checkpoint, keys: Sequence[PublicKey]) -> tuple[tuple[PublicKey, bytes], ...]:
    """Return those keys of the log itself that claim to have signed; cosignatures of others are left out."""
    known = {note_key_id(checkpoint.origin, key.raw): key for key in keys if key.use is KeyUse.CHECKPOINT}
    return tuple(
        (known[key_id], signature)
        for name, key_id, signature in checkpoint.signatures
        if name == checkpoint.origin and key_id in known
    )


def check_checkpoint(checkpoint: Checkpoint, keys: Sequence[PublicKey]) -> PublicKey:
    """Return the key of the log that signed.

    Raises:
        VerificationFailed: no known key of the log signed, or one of its signatures does not fit.
    """
    signers = find_signers(checkpoint, keys)
    for key, signature in signers:
        if not key.has_signed(signature, checkpoint.signed_text):
            raise VerificationFailed(f"the checkpoint's signature does not fit its text and key {key.kid}")
    if not signers:
        raise VerificationFailed("no key for checkpoints that is known here has signed the checkpoint")
    return signers[0][0]
