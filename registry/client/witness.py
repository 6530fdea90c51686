"""A witness of logs (C2SP tlog-witness): it cosigns a tree head only if that goes on from all it has seen before.

Its state is one small file per log, the last checkpoint that it cosigned. A request is judged and the file
written under one lock, and the file is on the disk before the cosignature leaves: a witness that was killed
never cosigns two trees that contradict each other.
"""

import base64
import contextlib
import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry.client.cosignatures import COSIGNATURE_TYPE, TIMESTAMP_BYTES, VerifierKey, message
from registry.client.errors import ClientError, Malformed, VerificationFailed
from registry.client.keys import decode_base64
from registry.client.merkle import HASH_BYTES, check_consistency
from registry.client.notes import NOTE_MAX_BYTES, TREE_SIZE_MAX, Checkpoint, parse_checkpoint
from registry.client.shelf import Folder

PROOF_MAX_HASHES = 63
REQUEST_MAX_BYTES = NOTE_MAX_BYTES + PROOF_MAX_HASHES * 50 + 100
SIZE_TYPE = "text/x.tlog.size"
PLAIN = "text/plain; charset=utf-8"

_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a witness answers."""

    status: int
    body: str
    media_type: str = PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A tree head with the proof that it goes on from an older one."""

    old_size: int
    proof: tuple[bytes, ...]
    note: str
    head: Checkpoint


TrustedKeys = Callable[[str], Sequence[VerifierKey] | None]
"""The keys of the log with a name; None for a log that is not witnessed."""


class Witness:
    """One witness: a name, a key, and what it has seen."""

    def __init__(self, folder: Path, *, name: str, logs: TrustedKeys, now: Callable[[], float]) -> None:
        """Open the witness in `folder`; its key is made there the first time."""
        self._folder = folder
        self._logs = logs
        self._now = now
        self._shelf = Folder(folder)
        self._private = _load_key(folder)
        self.key = VerifierKey(
            name=name, kind=COSIGNATURE_TYPE, raw=self._private.public_key().public_bytes_raw()
        )

    def add_checkpoint(self, body: bytes) -> Answer:
        """Judge a request to `add-checkpoint`, in the order of the specification."""
        try:
            request = parse_request(body)
        except Malformed as error:
            return Answer(status=400, body=f"{error.message}\n")
        keys = self._logs(request.head.origin)
        if keys is None:
            return Answer(status=404, body="this log is not witnessed here\n")
        if not _has_signed(request.head, keys):
            return Answer(status=403, body="no known key of the log has signed the checkpoint\n")
        if request.old_size > request.head.tree_size:
            return Answer(status=400, body="the old size is larger than the checkpoint\n")
        with self._locked():
            return self._judge(request)

    def _judge(self, request: Request) -> Answer:
        """Compare with what was cosigned last, and cosign; nobody else may do so meanwhile."""
        path = f"{hashlib.sha256(request.head.origin.encode()).hexdigest()}.checkpoint"
        kept = self._shelf.read(path)
        seen = None if kept is None else parse_checkpoint(kept.decode())
        size, root = (0, b"") if seen is None else (seen.tree_size, seen.root)
        if request.old_size != size or (size == request.head.tree_size and root != request.head.root):
            return Answer(status=409, body=f"{size}\n", media_type=SIZE_TYPE)
        try:
            check_consistency(
                old_size=size,
                old_root=root,
                new_size=request.head.tree_size,
                new_root=request.head.root,
                path=request.proof,
            )
        except VerificationFailed as error:
            return Answer(status=422, body=f"{error.message}\n")
        if request.head.tree_size > size:
            self._shelf.write(path, request.note.encode())
        return Answer(status=200, body=self._cosign(request.head))

    def _cosign(self, head: Checkpoint) -> str:
        at = int(self._now())
        signature = self._private.sign(message(head.signed_text, at))
        data = self.key.key_id + at.to_bytes(TIMESTAMP_BYTES, "big") + signature
        return f"\N{EM DASH} {self.key.name} {base64.b64encode(data).decode()}\n"

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._folder / "lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def parse_request(body: bytes) -> Request:
    """Return what a request to `add-checkpoint` says.

    Raises:
        Malformed: it has another form.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise Malformed("the request is not UTF-8") from None
    head, blank, note = text.partition("\n\n")
    if not blank:
        raise Malformed("the request has no empty line before the checkpoint")
    old, *lines = head.split("\n")
    found = _OLD.match(old)
    if found is None or int(found[1]) > TREE_SIZE_MAX:
        raise Malformed("the request does not start with a line `old <size>`")
    if len(lines) > PROOF_MAX_HASHES:
        raise Malformed(f"the proof has more than {PROOF_MAX_HASHES} hashes")
    proof = tuple(decode_base64(line, what="a line of the proof") for line in lines)
    if any(len(one) != HASH_BYTES for one in proof):
        raise Malformed("a line of the proof is not a hash")
    return Request(old_size=int(found[1]), proof=proof, note=note, head=parse_checkpoint(note))


def _has_signed(head: Checkpoint, keys: Sequence[VerifierKey]) -> bool:
    """Whether one of the keys has signed; other signatures are not looked at."""
    for key in keys:
        for name, key_id, signature in head.signatures:
            if name == key.name and key_id == key.key_id and key.has_signed(signature, head.signed_text):
                return True
    return False


def _load_key(folder: Path) -> Ed25519PrivateKey:
    """Return the witness's key, made on first use, readable by this user alone."""
    file = folder / "witness.key"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as made:
                made.write(Ed25519PrivateKey.generate().private_bytes_raw().hex() + "\n")
                made.flush()
                os.fsync(made.fileno())
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(file.read_text("ascii").strip()))
    except (OSError, ValueError) as error:
        raise ClientError(f"cannot use the witness's key in {file}: {type(error).__name__}") from None
