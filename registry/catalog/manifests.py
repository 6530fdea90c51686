"""A release as one canonical, signed statement over its files, and the ids that follow from it.

Format `gatehouse-release/1`, canonical JSON (RFC 8785). The commit id is the first 40 hex digits of
SHA-256 over a domain tag, a NUL and the manifest; the manifest names the parent and the time, so two
releases never share an id.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from registry.catalog.domain import RELEASE_PUBLISHED
from registry.kernel.canonical import Json, canonical_bytes
from registry.kernel.clock import iso, parse_iso
from registry.kernel.identifiers import CommitId, is_commit_id, is_sha256_hex

FORMAT = "gatehouse-release/1"
COMMIT_DOMAIN = b"gatehouse-release-commit/1\0"
PATH_MAX_BYTES = 1024
SEGMENT_MAX_BYTES = 255
DEPTH_MAX_FOLDERS = 64
"""Deeper trees would cost a folder entry for every level of every file."""
"""Longer names cannot be stored by the file systems that downloads end on."""
FILES_MAX_COUNT = 100_000
FILE_MAX_BYTES = 50 * 10**9
"""The Hub's client refuses larger files over plain HTTP (huggingface_hub `MAX_HTTP_DOWNLOAD_SIZE`)."""
MESSAGE_MAX_CHARACTERS = 4_000

_GIT_OID = re.compile(r"[0-9a-f]{40}\Z")
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"
"""Invisible, but words of several scripts and some pictographs need them."""
_DEVICE_NAME = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestFile:
    """One file of a release."""

    path: str
    size: int
    sha256: str
    """64 hex digits."""
    git_oid: str
    """SHA-1 of the git blob, which is the etag that the Hub's client expects of small files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestLicense:
    """One license version that the release is published under."""

    slug: str
    number: str
    sha256: str
    """Digest of the exact text, `sha256:…`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a release states about itself."""

    model_id: UUID
    name: str
    """`publisher/model` at the time of the release."""
    parent: str | None
    released_at: datetime
    message: str
    licenses: tuple[ManifestLicense, ...]
    files: tuple[ManifestFile, ...]


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the canonical JSON of `manifest`; the order in which files were given does not matter."""
    files: list[Json] = [
        {"path": file.path, "size": file.size, "sha256": file.sha256, "git_oid": file.git_oid}
        for file in sorted(manifest.files, key=lambda file: file.path.encode())
    ]
    licenses: list[Json] = [
        {"slug": terms.slug, "number": terms.number, "sha256": terms.sha256}
        for terms in sorted(manifest.licenses, key=lambda terms: (terms.slug, terms.number))
    ]
    return canonical_bytes(
        {
            "format": FORMAT,
            "model": {"id": str(manifest.model_id), "name": manifest.name},
            "parent": manifest.parent,
            "released_at": iso(manifest.released_at),
            "message": manifest.message,
            "licenses": licenses,
            "files": files,
        }
    )


def parse_manifest(data: bytes) -> Manifest:
    """Return the manifest that `manifest_bytes` wrote; raise ValueError for anything else."""
    try:
        document: Any = json.loads(data)
        if document["format"] != FORMAT:
            raise ValueError(f"unknown manifest format: expected {FORMAT}")
        return Manifest(
            model_id=UUID(document["model"]["id"]),
            name=document["model"]["name"],
            parent=document["parent"],
            released_at=parse_iso(document["released_at"]),
            message=document["message"],
            licenses=tuple(ManifestLicense(**entry) for entry in document["licenses"]),
            files=tuple(ManifestFile(**entry) for entry in document["files"]),
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("release manifest lacks a part or holds an unknown one") from error


def commit_id(manifest: bytes) -> CommitId:
    """Return the 40-hex commit id of the release with this manifest."""
    return CommitId(hashlib.sha256(COMMIT_DOMAIN + manifest).hexdigest()[:40])


def check_path(path: str) -> str | None:
    """Return why `path` may not name a file of a release, or None when it may."""
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        return "it is not Unicode text"
    if not path:
        return "it is empty"
    if len(encoded) > PATH_MAX_BYTES:
        return f"it has {len(encoded):,} bytes; at most {PATH_MAX_BYTES:,} fit"
    if unicodedata.normalize("NFC", path) != path:
        return "it is not in Unicode normal form C"
    if "\\" in path:
        return "it holds a backslash; folders are separated by /"
    for character in path:
        if unicodedata.category(character) in _FORBIDDEN_CATEGORIES and character not in _JOINERS:
            return f"it holds the character U+{ord(character):04X}, which cannot be shown"
    if path.count("/") > DEPTH_MAX_FOLDERS:
        return f"it lies more than {DEPTH_MAX_FOLDERS} folders deep"
    for segment in path.split("/"):
        trouble = _segment_trouble(segment)
        if trouble is not None:
            return trouble
    return None


def _segment_trouble(segment: str) -> str | None:
    if segment == "":
        return "it starts or ends with / or has two / in a row"
    if segment in (".", ".."):
        return f"it holds the step {segment!r}"
    if segment.casefold() == ".git":
        return "it names git's own folder"
    if len(segment.encode()) > SEGMENT_MAX_BYTES:
        return f"a part of it has more than {SEGMENT_MAX_BYTES} bytes"
    if segment != segment.strip() or segment.endswith("."):
        return "a part of it starts or ends with a blank, or ends with a dot"
    if any(character in '<>:"|?*' for character in segment):
        return 'a part of it holds one of < > : " | ? *'
    if _DEVICE_NAME.match(segment):
        return f"{segment[:20]!r} names a device on Windows"
    return None


def check_paths(paths: Sequence[str]) -> dict[str, str]:
    """Return what is wrong with a release's paths, by path; empty when all of them can stand together."""
    if not paths:
        return {"files": "a release has at least one file"}
    if len(paths) > FILES_MAX_COUNT:
        return {"files": f"a release has at most {FILES_MAX_COUNT:,} files, got {len(paths):,}"}
    errors: dict[str, str] = {}
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    for path in paths:
        trouble = check_path(path)
        folded = path.casefold()
        if trouble is None and folded in files:
            other = files[folded]
            trouble = "it is given twice" if other == path else f"it differs from {other!r} only in case"
        if trouble is not None:
            errors[path] = trouble
            continue
        files[folded] = path
    for path in files.values():
        for folder in _folders(path):
            folded = folder.casefold()
            if folded in files:
                errors[path] = f"{files[folded]!r} is a file and cannot be a folder too"
            elif folders.setdefault(folded, folder) != folder:
                errors[path] = f"its folder differs from {folders[folded]!r} only in case"
    return errors


def _folders(path: str) -> Iterable[str]:
    at = path.find("/")
    while at != -1:
        yield path[:at]
        at = path.find("/", at + 1)


def check_entry(size: int, sha256: str) -> str | None:
    """Return why a stated size and digest cannot be those of a file, or None."""
    if not 0 <= size <= FILE_MAX_BYTES:
        return f"size {size:,} is out of range: 0 to {FILE_MAX_BYTES:,} bytes"
    if not is_sha256_hex(sha256):
        return "sha256 must be 64 lower-case hex digits"
    return None


def find_manifest_defects(manifest: Manifest) -> Mapping[str, str]:
    """Return which parts of a manifest break its own rules, for verification."""
    defects = dict(check_paths([file.path for file in manifest.files]))
    for file in manifest.files:
        trouble = check_entry(file.size, file.sha256)
        if trouble is not None or not _GIT_OID.match(file.git_oid):
            defects[file.path] = trouble or "git_oid must be 40 lower-case hex digits"
    if manifest.parent is not None and not is_commit_id(manifest.parent):
        defects["parent"] = "parent must be a commit id"
    return defects


class GitBlobHasher:
    """SHA-1 of a git blob (`git hash-object`), fed with chunks; the size must be known first."""

    def __init__(self, size: int) -> None:
        self._hash = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)

    def feed(self, chunk: bytes) -> None:
        """Add the next bytes of the file."""
        self._hash.update(chunk)

    def hexdigest(self) -> str:
        """Return the 40 hex digits."""
        return self._hash.hexdigest()


def release_leaf(
    *, model_id: UUID, release_id: UUID, commit: str, manifest_digest: str, now: datetime
) -> bytes:
    """Return the ledger leaf of a release."""
    return canonical_bytes(
        {
            "v": 1,
            "kind": RELEASE_PUBLISHED,
            "at": iso(now),
            "model": str(model_id),
            "release": str(release_id),
            "commit": commit,
            "manifest_digest": manifest_digest,
        }
    )
