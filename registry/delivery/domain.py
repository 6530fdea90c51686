"""What may be handed out how: open files, ranges, refusals about files, and the outcome of a request."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import unquote
from uuid import UUID

from registry.access.single_facts import UpdateFact
from registry.identity.domain import Principal
from registry.kernel.outcomes import Refusal, Remedy

PATH_MAX_BYTES = 4096
_RANGE = re.compile(r"bytes=([0-9]{1,18})-([0-9]{0,18})\Z")


class UpdateAnswered(StrEnum):
    """What somebody says who was told to give up a release; before it they are `notified`."""

    ACKNOWLEDGED = "acknowledged"
    CONFIRMED_DELETED = "confirmed_deleted"


NOTIFIED = "notified"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRequest:
    """A request for one file of a release, read from the raw path."""

    publisher: str
    model: str
    revision: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks for a file, and how: a token still to be looked up, or a principal already known."""

    token: str | None
    principal: Principal | None
    wants_body: bool
    """False for HEAD: the right is checked, no URL is issued and nothing is recorded."""
    range_start: int | None
    client: str
    request_id: str
    country: str | None = None
    """Where the request comes from, by the operator's database; None: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedFile:
    """The file that a request named, as far as headers need it."""

    commit: str
    path: str
    size: int
    sha256: str
    git_oid: str
    large: bool

    @property
    def etag(self) -> str:
        """SHA-256 for large files, git blob SHA-1 for small ones, as the Hub names them."""
        return self.sha256 if self.large else self.git_oid


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorised:
    """The right is there; nothing was issued (HEAD)."""

    file: ServedFile
    reaccept_by: datetime | None = None
    """The right ends then, unless the present terms are accepted before."""
    update: UpdateFact | None = None
    """The release is to be given up for another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlIssued:
    """A presigned URL, recorded before it left."""

    file: ServedFile
    url: str
    record_id: UUID
    reaccept_by: datetime | None = None
    update: UpdateFact | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextServed:
    """A small text, sent directly; gated ones are recorded like URLs."""

    file: ServedFile
    content: bytes
    record_id: UUID | None
    reaccept_by: datetime | None = None
    update: UpdateFact | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRefused:
    """No file; `repo_visible` and `commit` tell what the answer's headers may say."""

    refusal: Refusal
    commit: str | None = None


Outcome = Authorised | UrlIssued | TextServed | FileRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadSummary:
    """A download record as lists show it."""

    id: UUID
    issued_at: datetime
    person_id: UUID | None
    model_id: UUID
    publisher: str
    model: str
    commit: str
    path: str
    sha256: str
    size: int
    acceptance_ids: tuple[UUID, ...]
    """All acceptances that the right rested on, in the order in which the gate asked for them."""
    resumed_from: int | None
    channel: str
    client: str
    account_id: UUID | None = None
    """The service account that asked; then there is no person."""


FILE_WORDS = ("resolve", "raw")
"""Third parts of file addresses; both lead to the same file by the same gate."""


def parse_file_path(raw_path: bytes) -> FileRequest | None:
    """Return what `/{publisher}/{model}/resolve/{revision}/{path}` names, or `raw` there; the one parser of file paths.

    Works on the undecoded path: each segment is decoded once, so an encoded slash stays inside its segment
    (`refs%2Fpr%2F3` is one revision) and a doubly encoded one stays encoded and matches nothing.
    """
    if len(raw_path) > PATH_MAX_BYTES:
        return None
    try:
        segments = [
            unquote(segment, encoding="utf-8", errors="strict")
            for segment in raw_path.decode("ascii").split("/")
        ]
    except UnicodeDecodeError:
        return None
    if len(segments) < 6 or segments[0] or segments[3] not in FILE_WORDS:
        return None
    path = segments[5:]
    if any(part in {"", ".", ".."} or "\\" in part for part in path):
        return None
    if any(not part.isprintable() for part in segments[1:5]) or any("\x00" in part for part in path):
        return None
    if not segments[1] or not segments[2] or not segments[4]:
        return None
    return FileRequest(publisher=segments[1], model=segments[2], revision=segments[4], path="/".join(path))


def range_start(header: str | None) -> int | None:
    """Return the first byte of a simple range; None for no range, or one that is not worth noting."""
    found = _RANGE.match(header.strip()) if header else None
    return int(found.group(1)) if found else None


def no_such_model() -> Refusal:
    """Return the one refusal for absent and for private models."""
    return Refusal(
        code="model-unknown",
        status=404,
        title="There is no such model here, or you may not see it",
        detail="Names are matched as they are in the catalog. No file was sent.",
        remedy=Remedy(text="Look it up in the catalog, or sign in if it was shared with you", url="/"),
    )


def no_such_revision(publisher: str, model: str) -> Refusal:
    """Return the refusal of a branch, tag or commit that the model does not have."""
    return Refusal(
        code="revision-unknown",
        status=404,
        title=f"{publisher}/{model} has no such revision",
        detail="Expected a branch, a tag or a 40-digit commit of this model. No file was sent.",
        remedy=Remedy(text="See its releases", url=f"/{publisher}/{model}/releases"),
    )


def no_such_file(publisher: str, model: str) -> Refusal:
    """Return the refusal of a path that the release does not hold."""
    return Refusal(
        code="file-unknown",
        status=404,
        title=f"{publisher}/{model} has no such file in this revision",
        detail="Paths are matched letter by letter. No file was sent.",
        remedy=Remedy(text="See its files", url=f"/{publisher}/{model}/files"),
    )


def malformed_path() -> Refusal:
    """Return the refusal of an address that names no file."""
    return Refusal(
        code="file-address-malformed",
        status=404,
        title="The address names no file",
        detail="Expected /publisher/model/resolve/revision/path, each part percent-encoded once.",
        remedy=Remedy(text="Start from the catalog", url="/"),
    )
