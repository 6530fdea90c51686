"""Signed notes (C2SP signed-note) and checkpoints (C2SP tlog-checkpoint): text in, values out; pure.

Whoever reads a note must not use its text before `SignedNote.verify` has returned.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from registry.kernel.outcomes import GatehouseError

NOTE_MAX_BYTES = 1_000_000
"""Longest note that is read (the limit of golang.org/x/mod/sumdb/note)."""
SIGNATURES_MAX = 100
"""Most signature lines that are read; the specification asks for at least 16."""
TREE_SIZE_MAX = (1 << 63) - 1
KEY_ID_BYTES = 4

_ED25519 = b"\x01"
_SIGNATURE_MARK = "\N{EM DASH} "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]*)\Z")


class NoteMalformed(GatehouseError):
    """A note, a checkpoint or a key name does not have the form that its specification demands."""


class NoteUnverified(GatehouseError):
    """A note carries no valid signature of a known key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSignature:
    """One signature line: who claims to have signed, with which key, and the bytes."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedNote:
    """A parsed note; nothing about it is verified yet."""

    text: str
    """What is signed, with its final newline."""
    signatures: tuple[NoteSignature, ...]

    def verify(self, name: str, public_keys: Mapping[bytes, bytes]) -> bytes:
        """Return the key id of a signature by `name` that verifies; other names' signatures are ignored.

        `public_keys` maps key ids, as `key_id` makes them, to 32-byte Ed25519 keys.

        Raises:
            NoteUnverified: no known key signed, or a signature of a known key is wrong.
        """
        verified = None
        for line in self.signatures:
            public = public_keys.get(line.key_id)
            if line.name != name or public is None:
                continue
            try:
                Ed25519PublicKey.from_public_bytes(public).verify(line.signature, self.text.encode())
            except InvalidSignature:
                raise NoteUnverified(
                    f"signature of {name} with key {line.key_id.hex()} does not fit the text"
                ) from None
            verified = verified or line.key_id
        if verified is None:
            got = ", ".join(f"{line.name} {line.key_id.hex()}" for line in self.signatures)
            raise NoteUnverified(f"no signature of a known key of {name}: got {got}")
        return verified


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A tree head: which log, how many leaves, which root."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the note text of this checkpoint; parsing it gives this checkpoint again."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        text = "".join(f"{line}\n" for line in lines)
        if parse_checkpoint_text(text) != self:
            raise NoteMalformed("checkpoint holds a line that would be read differently")
        return text


def key_id(name: str, public: bytes) -> bytes:
    """Return the four bytes that name an Ed25519 key in signatures by `name`."""
    _check_name(name)
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:KEY_ID_BYTES]


def verifier_key(name: str, public: bytes) -> str:
    """Return `name+id+key`, the form in which tools for signed notes are told a public key."""
    return f"{name}+{key_id(name, public).hex()}+{base64.b64encode(_ED25519 + public).decode()}"


def render_note(text: str, signatures: tuple[NoteSignature, ...]) -> str:
    """Return the note of `text` and `signatures`."""
    lines = "".join(
        f"{_SIGNATURE_MARK}{line.name} {base64.b64encode(line.key_id + line.signature).decode()}\n"
        for line in signatures
    )
    return f"{text}\n{lines}"


def parse_note(note: bytes) -> SignedNote:
    """Return the text and the signature lines of `note`.

    Raises:
        NoteMalformed: it is not a signed note; the text says where it departs from the form.
    """
    if len(note) > NOTE_MAX_BYTES:
        raise NoteMalformed(f"note is too long: got {len(note)} bytes, expected at most {NOTE_MAX_BYTES}")
    try:
        content = note.decode()
    except UnicodeDecodeError as error:
        raise NoteMalformed(f"note is not UTF-8 at byte {error.start}") from None
    if control := _CONTROL.search(content):
        raise NoteMalformed(f"note holds a control character at character {control.start()}")
    text, blank, lines = content.rpartition("\n\n")
    if not blank:
        raise NoteMalformed("note has no blank line between text and signatures")
    if not lines:
        raise NoteMalformed("note has no signature line")
    if not lines.endswith("\n"):
        raise NoteMalformed("note does not end with a newline")
    parts = lines[:-1].split("\n")
    if len(parts) > SIGNATURES_MAX:
        raise NoteMalformed(f"too many signature lines: got {len(parts)}, expected at most {SIGNATURES_MAX}")
    return SignedNote(text=text + "\n", signatures=tuple(_parse_signature(line) for line in parts))


def parse_checkpoint_text(text: str) -> Checkpoint:
    """Return the checkpoint that the note text `text` states.

    Raises:
        NoteMalformed: it is not a checkpoint; the text says which line departs from the form.
    """
    if not text.endswith("\n"):
        raise NoteMalformed("checkpoint does not end with a newline")
    lines = text[:-1].split("\n")
    if len(lines) < 3:
        raise NoteMalformed(f"checkpoint has too few lines: got {len(lines)}, expected at least 3")
    origin, size, root, *extensions = lines
    if not origin:
        raise NoteMalformed("checkpoint has an empty origin")
    if not _DECIMAL.match(size):
        raise NoteMalformed(f"tree size is not a plain decimal number: got {size[:40]!r}")
    # The length comes first: a number of a million digits would take its time to convert.
    if len(size) > len(str(TREE_SIZE_MAX)) or int(size) > TREE_SIZE_MAX:
        raise NoteMalformed(f"tree size is too large: expected at most {TREE_SIZE_MAX}")
    digest = _decode(root, "root hash")
    if len(digest) != hashlib.sha256().digest_size:
        raise NoteMalformed(f"root hash has the wrong length: got {len(digest)} bytes, expected 32")
    if "" in extensions:
        raise NoteMalformed("checkpoint has an empty extension line")
    return Checkpoint(origin=origin, size=int(size), root=digest, extensions=tuple(extensions))


def _parse_signature(line: str) -> NoteSignature:
    if not line.startswith(_SIGNATURE_MARK):
        raise NoteMalformed(f"signature line does not start with an em dash and a space: got {line[:40]!r}")
    name, space, encoded = line.removeprefix(_SIGNATURE_MARK).partition(" ")
    if not space:
        raise NoteMalformed(f"signature line has no signature: got {line[:40]!r}")
    _check_name(name)
    decoded = _decode(encoded, "signature")
    if len(decoded) <= KEY_ID_BYTES:
        raise NoteMalformed(
            f"signature is too short: got {len(decoded)} bytes, expected more than {KEY_ID_BYTES}"
        )
    return NoteSignature(name=name, key_id=decoded[:KEY_ID_BYTES], signature=decoded[KEY_ID_BYTES:])


def _check_name(name: str) -> None:
    if not name:
        raise NoteMalformed("key name is empty")
    if "+" in name or any(character.isspace() for character in name):
        raise NoteMalformed(f"key name holds a space or a plus sign: got {name[:40]!r}")


def _decode(text: str, what: str) -> bytes:
    """Return the bytes of strict standard base64; one value has one spelling."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteMalformed(f"{what} is not base64: got {text[:40]!r}") from None
    if base64.b64encode(decoded).decode() != text:
        raise NoteMalformed(f"{what} is not canonical base64: got {text[:40]!r}")
    return decoded
