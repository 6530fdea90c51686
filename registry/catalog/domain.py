"""Words and rules of the catalog: roles and what they may do, gates, uploads, references, refusals."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never
from urllib.parse import quote
from uuid import UUID

from registry.catalog.forms import FormField
from registry.catalog.inspection import Flag
from registry.catalog.prerequisites import NONE, Prerequisites
from registry.catalog.reviews import ReviewPolicy

DISPLAY_NAME_MAX_CHARACTERS = 100
REF_MAX_CHARACTERS = 100
REQUIREMENTS_MAX_COUNT = 10
PLAN_MAX_FILES = 1_000
"""Files that one planning request may name; a client with more asks again."""
SIGN_MAX_PARTS = 100
PAGE_MAX_MODELS = 100
PAGE_MAX_FILES = 1_000
SEARCH_MAX_CHARACTERS = 100
DEFAULT_BRANCH = "main"
PART_MIN_BYTES = 16 * 1024 * 1024
PARTS_MAX_COUNT = 10_000
"""S3's own limit of parts in one upload."""
PART_STEP_BYTES = 1024 * 1024
UPLOAD_LIFETIME = timedelta(days=7)
"""An upload that is not completed within this time is given up and its parts are deleted."""
DRAFT_LIFETIME = timedelta(days=30)
"""A draft that has become no model within this time goes."""
STEP_UP_MAX_AGE = timedelta(hours=1)
"""How fresh a sign-in must be for changing a gate (an access token is never enough)."""
GATE_CHANGED = "gate.changed"
MODEL_MOVED = "gate.moved"
"""A model went behind another gate."""
TERMS_CHANGED = "gate.terms-changed"
"""Outbox topic: a gate has a new revision; the payload names gate and number."""
RELEASE_PUBLISHED = "release.published"
ROLE_CHANGED = "role"
LINEAGE_CHANGED = "lineage"
MUST_UPDATE = "must-update"
EQUIVALENCE = "equivalence"
EQUIVALENCE_TOLD = "equivalence.told"
"""Outbox topic: a decision about a license was made or withdrawn; the payload names it."""
MUST_UPDATE_MARKED = "release.must-update"
"""Outbox topic: a release is to be given up; the payload names the mark."""
LEASE = timedelta(seconds=60)
"""How long one worker has an upload for itself; renewed while it hashes."""
RETRY_PAUSE = timedelta(seconds=5)
"""Until an upload that could not be verified, because the store was down, is tried again."""


class Role(StrEnum):
    """What a person is for a publisher."""

    OWNER = "owner"
    MAINTAINER = "maintainer"
    REVIEWER = "reviewer"
    AUDITOR = "auditor"


class Command(StrEnum):
    """What a role may be needed for."""

    SEE_PRIVATE = "see-private"
    UPLOAD = "upload"
    CREATE_MODEL = "create-model"
    PUBLISH_RELEASE = "publish-release"
    CHANGE_GATE = "change-gate"
    REVIEW_REQUESTS = "review-requests"
    BLOCK_PEOPLE = "block-people"
    READ_RECORDS = "read-records"
    """Who accepted what, who downloaded what."""
    IMPORT_ACCEPTORS = "import-acceptors"
    """Who accepted elsewhere, from a report."""
    KEEP_MIRROR = "keep-mirror"
    """The gate of a repository at the Hub, kept equal to that of a model."""
    KEEP_WEBHOOK = "keep-webhook"
    """Addresses outside that hear of what happens at the publisher."""
    MANAGE_ROLES = "manage-roles"


_PERMITTED: Mapping[Role, frozenset[Command]] = {
    Role.OWNER: frozenset(Command),
    Role.MAINTAINER: frozenset(Command) - {Command.MANAGE_ROLES},
    Role.REVIEWER: frozenset({Command.SEE_PRIVATE, Command.REVIEW_REQUESTS, Command.READ_RECORDS}),
    Role.AUDITOR: frozenset({Command.SEE_PRIVATE, Command.READ_RECORDS}),
}


def may(role: Role, command: Command) -> bool:
    """Whether somebody with `role` may do `command`: the one table of role and command."""
    return command in _PERMITTED[role]


def may_any(roles: Iterable[Role], command: Command) -> bool:
    """Whether one of `roles` allows `command`."""
    return any(may(role, command) for role in roles)


class GateMode(StrEnum):
    """Who lets a person through who has met every requirement."""

    AUTO = "auto"
    MANUAL = "manual"
    CLOSED = "closed"


class GateKind(StrEnum):
    """A gate as people look for one: open to all, or by its mode."""

    OPEN = "open"
    """Nothing is asked for."""
    AUTO = "auto"
    MANUAL = "manual"
    CLOSED = "closed"


class RefKind(StrEnum):
    """What a name that points to a release is."""

    BRANCH = "branch"
    TAG = "tag"


class UploadState(StrEnum):
    """How far an upload has come."""

    OPEN = "open"
    """Parts may be sent."""
    VERIFYING = "verifying"
    """All bytes are in the store and are being hashed."""
    STORED = "stored"
    """The bytes are what was stated; the blob exists."""
    FAILED = "failed"
    """The bytes were something else, or were given up; nothing is kept."""


def part_size(size: int) -> int:
    """Return how large the parts of an upload of `size` bytes are: 16 MiB, more only to stay within 10,000 parts."""
    needed = -(-size // PARTS_MAX_COUNT)
    if needed <= PART_MIN_BYTES:
        return PART_MIN_BYTES
    return -(-needed // PART_STEP_BYTES) * PART_STEP_BYTES


def part_count(size: int) -> int:
    """Return how many parts an upload of `size` bytes has."""
    return max(1, -(-size // part_size(size)))


def staging_key(upload_id: UUID) -> str:
    """Return where an upload's bytes lie until they are verified."""
    return f"staging/{upload_id}"


def blob_key(sha256: str) -> str:
    """Return where verified bytes lie, by their digest."""
    return f"blobs/{sha256[:2]}/{sha256}"


def model_url(publisher: str, name: str) -> str:
    """Return the path of a model's page."""
    return f"/{quote(publisher)}/{quote(name)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherView:
    """A publisher."""

    id: UUID
    name: str
    display_name: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleView:
    """A role that somebody has or had."""

    id: UUID
    publisher_id: UUID
    publisher: str
    person_id: UUID
    role: Role
    granted_by: UUID | None
    granted_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateView:
    """What a model demands now."""

    id: UUID
    revision_id: UUID
    number: int
    mode: GateMode
    form_schema: bytes
    form_digest: str
    fields: tuple[FormField, ...]
    license_version_ids: tuple[UUID, ...]
    """In the order in which they are asked for."""
    review: ReviewPolicy
    """How requests are reviewed, where the mode is `manual`."""
    prerequisites: Prerequisites
    """What must hold of a person before they may accept anything."""
    created_at: datetime
    created_by: UUID | None
    entry_id: UUID

    def is_open(self) -> bool:
        """Whether anybody may download without accepting anything."""
        return self.mode is GateMode.AUTO and not self.license_version_ids and self.prerequisites == NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView:
    """A model, as far as somebody who may see it is told."""

    id: UUID
    publisher_id: UUID
    publisher: str
    name: str
    private: bool
    created_at: datetime
    gate: GateView
    roles: tuple[Role, ...]
    """The roles of who asked, for the model's publisher."""
    hub_repository: str = ""
    """The repository of the Hub that is kept in step with the gate; empty: none is."""
    hub_weights: bool = False
    """Whether it holds weights, as it was last seen."""

    @property
    def repo_id(self) -> str:
        """Return `publisher/model`."""
        return f"{self.publisher}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The name of a model to be, which only those who publish for its publisher know of."""

    id: UUID
    publisher_id: UUID
    publisher: str
    name: str
    private: bool
    begun_at: datetime

    @property
    def repo_id(self) -> str:
        """Return `publisher/model`."""
        return f"{self.publisher}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseView:
    """An immutable release without its files."""

    id: UUID
    model_id: UUID
    commit: str
    parent: str | None
    message: str
    summary: str
    """First paragraph of the card, when the release was published."""
    manifest_digest: str
    published_by: UUID
    published_at: datetime
    entry_id: UUID
    file_count: int
    total_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedManifest:
    """The exact bytes that a release states about itself, and the signature over them."""

    manifest: bytes
    digest: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileView:
    """One file of a release."""

    path: str
    size: int
    sha256: str
    git_oid: str
    large: bool
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RefView:
    """A branch or tag."""

    name: str
    kind: RefKind
    commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedModel:
    """A line of the catalog."""

    model_id: UUID
    publisher: str
    name: str
    private: bool
    created_at: datetime
    mode: GateMode
    license_version_ids: tuple[UUID, ...]
    asks_beforehand: bool
    """Whether the gate has prerequisites."""
    commit: str | None
    published_at: datetime | None
    summary: str
    total_bytes: int | None = None

    @property
    def repo_id(self) -> str:
        """`publisher/model`."""
        return f"{self.publisher}/{self.name}"

    @property
    def is_open(self) -> bool:
        """Whether its own gate asks nobody for anything."""
        return self.mode is GateMode.AUTO and not self.license_version_ids and not self.asks_beforehand


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFile:
    """What a client wants to upload."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadView:
    """An upload as its client sees it."""

    id: UUID
    publisher_id: UUID
    sha256: str
    size: int
    state: UploadState
    problem: str | None
    part_size: int
    multipart_id: str | None
    storage_key: str
    started_by: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The answer to one planned file: already there, or the upload to go on with."""

    file: PlannedFile
    upload: UploadView | None
    """None: the publisher has these bytes already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedFile:
    """One file of a release to be, as its publisher states it."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A release that stands; `created` is False where the same one stood before."""

    release: ReleaseView
    model_id: UUID
    publisher: str
    name: str
    created: bool
    unexplained: tuple[str, ...] = ()
    """Questions of the gate that do not say why they are asked."""


def describe_state(state: UploadState) -> str:
    """Return an upload's state as a sentence."""
    match state:
        case UploadState.OPEN:
            return "The upload is open; its parts may be sent."
        case UploadState.VERIFYING:
            return "All bytes have arrived and are being compared with the stated digest."
        case UploadState.STORED:
            return "The bytes are stored and are what was stated."
        case UploadState.FAILED:
            return "The upload failed; nothing of it is kept."
        case _:
            assert_never(state)
