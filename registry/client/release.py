"""A release's signed manifest: what it must be before a single file is fetched.

Format `gatehouse-release/1`: canonical JSON, signed as a compact JWS by a statement key. The commit id is the first
40 hex digits of SHA-256 over `gatehouse-release-commit/1`, a NUL and the manifest, so that a commit id given by hand
pins every byte of the release.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from registry.client.errors import Malformed, UnsafePath, VerificationFailed, printable
from registry.client.folder import check_relative_path
from registry.client.jws import check_signature, find_key, parse_compact
from registry.client.keys import KeyUse, PublicKey
from registry.client.wire import Fields, parse_json

FORMAT = "gatehouse-release/1"
COMMIT_DOMAIN = b"gatehouse-release-commit/1\0"
FILES_MAX_COUNT = 100_000
MANIFEST_TYPE = "gatehouse-release"
"""`typ` of the signature: what the same key signs for people can never pass for a manifest (RFC 8725 §3.11)."""

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFile:
    """One file of a release; its path stays inside any folder."""

    path: str
    size: int
    sha256: str
    """64 hex digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedManifest:
    """What the registry answers for a release; unverified."""

    manifest: str
    digest: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A verified release."""

    commit: str
    model_id: str
    name: str
    """`publisher/model` at the time of the release."""
    released_at: datetime
    licenses: tuple[str, ...]
    """`slug@number` of each."""
    files: tuple[ReleaseFile, ...]
    signer: PublicKey


def commit_id(manifest: bytes) -> str:
    """Return the 40-hex commit id of the release with this manifest."""
    return hashlib.sha256(COMMIT_DOMAIN + manifest).hexdigest()[:40]


def verify_release(signed: SignedManifest, *, keys: Sequence[PublicKey], commit: str) -> Release:
    """Return the release `commit` that the registry has signed.

    Steps: 1. the text has the stated digest; 2. a known statement key has signed exactly this text; 3. it gives the
    commit id that was asked for; 4. it is a manifest; 5. the key was valid then; 6. every path stays inside a folder.

    Raises:
        VerificationFailed: one of the first five does not hold.
        Malformed: it is signed but not a manifest of this format.
        UnsafePath: a path leads outside, or two of them cannot stand together.
    """
    data = signed.manifest.encode()
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    if digest != signed.digest:
        raise VerificationFailed(
            f"manifest digest differs: got {digest}, expected {printable(signed.digest, limit=80)}"
        )
    signer = _check_signed(signed.signature, data, keys)
    if commit_id(data) != commit:
        raise VerificationFailed(
            f"the signed manifest is that of commit {commit_id(data)}, expected {printable(commit, limit=80)}"
        )
    fields = Fields(parse_json(data, what="the manifest"), where="manifest")
    if fields.text("format") != FORMAT:
        raise Malformed(
            f"manifest.format is {printable(fields.text('format'), limit=80)!r}, expected {FORMAT!r}"
        )
    released_at = fields.moment("released_at")
    trouble = signer.trouble_at(released_at)
    if trouble is not None:
        raise VerificationFailed(f"key {signer.kid} could not sign the release then: {trouble}")
    return Release(
        commit=commit,
        model_id=fields.member("model").text("id"),
        name=printable(fields.member("model").text("name"), limit=200),
        released_at=released_at,
        licenses=tuple(f"{one.text('slug')}@{one.text('number')}" for one in fields.members("licenses")),
        files=_read_files(fields),
        signer=signer,
    )


def _check_signed(signature: str, data: bytes, keys: Sequence[PublicKey]) -> PublicKey:
    token = parse_compact(signature, what="the manifest")
    signer = find_key(keys, kid=token.kid, use=KeyUse.STATEMENT)
    if signer is None:
        raise VerificationFailed(
            f"the manifest is signed with key {printable(token.kid, limit=60)!r}, which the registry does not publish"
        )
    check_signature(token, signer, what="the manifest")
    if token.typ != MANIFEST_TYPE:
        got = printable(token.typ or "missing", limit=80)
        raise VerificationFailed(
            f"the manifest is signed as another thing: type {got}, expected {MANIFEST_TYPE}"
        )
    if token.payload != data:
        raise VerificationFailed("the signature of the manifest is over another text")
    return signer


def _read_files(fields: Fields) -> tuple[ReleaseFile, ...]:
    entries = fields.members("files")
    if len(entries) > FILES_MAX_COUNT:
        raise Malformed(f"the manifest has more than {FILES_MAX_COUNT} files")
    files = tuple(_read_file(entry) for entry in entries)
    names: set[str] = set()
    folders: set[str] = set()
    for file in files:
        if file.path in names:
            raise UnsafePath(f"the manifest has {printable(file.path)!r} twice")
        names.add(file.path)
        parts = file.path.split("/")
        folders.update("/".join(parts[:count]) for count in range(1, len(parts)))
    both = names & folders
    if both:
        raise UnsafePath(f"the manifest has {printable(min(both))!r} as a file and as a folder")
    return files


def _read_file(entry: Fields) -> ReleaseFile:
    sha256 = entry.text("sha256")
    if not _SHA256.match(sha256):
        raise Malformed(f"{entry.where}.sha256 is not 64 lower-case hex digits")
    return ReleaseFile(path=check_relative_path(entry.text("path")), size=entry.number("size"), sha256=sha256)
