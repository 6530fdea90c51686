"""The lines of a commit (`application/x-ndjson`), read in batches from a body that lies on disk.

The form is that of huggingface_hub `_prepare_commit_payload`: a header, then one operation a line.
"""

import base64
import binascii
import hashlib
from typing import Annotated, BinaryIO, Literal

import msgspec

from registry.catalog.commits import Change, Drop, Put
from registry.catalog.manifests import FILES_MAX_COUNT, MESSAGE_MAX_CHARACTERS, PATH_MAX_BYTES
from registry.catalog.small_files import SMALL_MAX_BYTES, SmallFile
from registry.hub_api.domain import malformed_query
from registry.kernel.outcomes import Refusal

COMMIT_MAX_BYTES = 192 * 1024 * 1024
"""The client sends up to 100 MiB of small files at once (huggingface_hub `REGULAR_CONTENT_BYTES_BUDGET`), in base64."""
OPERATIONS_MAX_COUNT = FILES_MAX_COUNT
LINE_MAX_BYTES = SMALL_MAX_BYTES * 4 // 3 + 16 * 1024
BATCH_BYTES = 4 * 1024 * 1024
BATCH_FILES = 1_000
"""Small files that are recorded in one transaction, which others wait for."""

Path = Annotated[str, msgspec.Meta(min_length=1, max_length=PATH_MAX_BYTES)]
Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Text = Annotated[str, msgspec.Meta(max_length=MESSAGE_MAX_CHARACTERS)]


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line: a word, and what it is about."""

    key: str
    value: msgspec.Raw


class HeaderIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the commit says of itself."""

    summary: Text = ""
    description: Text = ""
    parentCommit: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{40}$")] | None = None  # noqa: N815 - the Hub's name


class FileIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A small file with its bytes."""

    path: Path
    content: str
    encoding: Literal["base64", "utf-8"] = "utf-8"


class LargeFileIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A large file, whose bytes went to the object store before."""

    path: Path
    oid: Digest
    algo: Literal["sha256"] = "sha256"
    size: Annotated[int, msgspec.Meta(ge=0, le=2**62)] | None = None


class DeletedIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file or folder that goes."""

    path: Path


_KINDS: dict[str, type[HeaderIn | FileIn | LargeFileIn | DeletedIn]] = {
    "header": HeaderIn,
    "file": FileIn,
    "lfsFile": LargeFileIn,
    "deletedFile": DeletedIn,
    "deletedFolder": DeletedIn,
}


class CommitLines:
    """A commit while it is read; whole after the last batch."""

    def __init__(self, body: BinaryIO) -> None:
        self._body = body
        self._number = 0
        self.header: HeaderIn | None = None
        self.changes: list[Change] = []
        self._kept: set[str] = set()
        self.large: dict[str, str] = {}
        """A path of each large file, by digest."""

    def next_batch(self) -> list[SmallFile] | Refusal:
        """Return small files, some MiB at once; empty at the end of the commit."""
        batch: list[SmallFile] = []
        size = 0
        while (
            size < BATCH_BYTES
            and len(batch) < BATCH_FILES
            and (line := self._body.readline(LINE_MAX_BYTES + 1))
        ):
            self._number += 1
            small = self._read(line)
            if isinstance(small, Refusal):
                return small
            if small is not None:
                batch.append(small)
                size += small.measured.size
        if not batch and self.header is None:
            return malformed_query("the body", "a line with the header of the commit")
        return batch

    def _read(self, line: bytes) -> SmallFile | Refusal | None:
        if len(line) > LINE_MAX_BYTES:
            return self._unreadable(f"at most {LINE_MAX_BYTES:,} bytes; larger files go by LFS")
        if self._number > OPERATIONS_MAX_COUNT + 1:
            return malformed_query("the body", f"at most {OPERATIONS_MAX_COUNT:,} operations in one commit")
        try:
            said = msgspec.json.decode(line, type=Line)
            kind = _KINDS.get(said.key)
            value = msgspec.json.decode(said.value, type=kind) if kind else None
        except msgspec.ValidationError as error:
            # The words of the library name the member and what was expected, and repeat no value.
            return self._unreadable(f"what the Hub takes there; {str(error)[:200]}")
        except (msgspec.DecodeError, RecursionError):
            return self._unreadable("a JSON object with a key and a value")
        if isinstance(value, HeaderIn) is not (self._number == 1):
            return self._unreadable("the header of the commit first, and once")
        match value:
            case HeaderIn():
                self.header = value
            case FileIn():
                return self._read_file(value)
            case LargeFileIn():
                self.large.setdefault(value.oid, value.path)
                self.changes.append(Put(path=value.path, sha256=value.oid, size=value.size))
            case DeletedIn():
                self.changes.append(Drop(path=value.path, is_folder=said.key == "deletedFolder"))
            case None:
                return self._unreadable(f"one of {', '.join(_KINDS)}")
        return None

    def _read_file(self, value: FileIn) -> SmallFile | Refusal | None:
        """Return the file; None where the same bytes have come before."""
        if value.encoding == "base64":
            try:
                content = base64.b64decode(value.content, validate=True)
            except (binascii.Error, ValueError):
                return self._unreadable("content in base64")
        else:
            content = value.content.encode()
        if len(content) > SMALL_MAX_BYTES:
            return self._unreadable(f"a file of at most {SMALL_MAX_BYTES:,} bytes; larger files go by LFS")
        digest = hashlib.sha256(content).hexdigest()
        self.changes.append(Put(path=value.path, sha256=digest, size=len(content)))
        if digest in self._kept:
            return None
        self._kept.add(digest)
        return SmallFile.of(content)

    def _unreadable(self, expected: str) -> Refusal:
        return malformed_query(f"line {self._number:,} of the commit", expected)
