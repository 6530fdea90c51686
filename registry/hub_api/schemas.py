"""What the Hub-compatible routes put on the wire; names and shapes are the Hub's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from registry.catalog.domain import FileView, GateMode, RefKind, RefView, ReleaseView
from registry.hub_api.domain import lfs_pointer_size
from registry.hub_api.listing import Entry, Folder
from registry.kernel.clock import iso

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """What lists and model info tell of a card."""

    data: Mapping[str, Any]
    words: Mapping[str, Sequence[str]]
    """Tags by their prefix, as `domain.tags_of` takes them."""
    pipeline_tag: str | None
    library_name: str | None


NO_CARD = CardFacts(data={}, words={}, pipeline_tag=None, library_name=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedModel:
    """A model at one revision, before it is written in the Hub's words."""

    model_id: str
    publisher: str
    name: str
    private: bool
    mode: GateMode
    is_open: bool
    created_at: datetime
    commit: str | None
    modified_at: datetime
    card: CardFacts
    tags: Sequence[str]
    files: Sequence[FileView]
    total_bytes: int
    blobs: bool = False
    """Whether each file tells its size and digests."""


def _gated(model: DescribedModel) -> str | bool:
    if model.is_open:
        return False
    return "auto" if model.mode is GateMode.AUTO else "manual"


def _siblings(model: DescribedModel) -> list[Json]:
    if not model.blobs:
        return [{"rfilename": file.path} for file in model.files]
    return [_sibling(file) for file in model.files]


def _sibling(file: FileView) -> Json:
    found: Json = {"rfilename": file.path, "size": file.size, "blobId": file.git_oid}
    if file.large:
        pointer = lfs_pointer_size(file.sha256, file.size)
        found["lfs"] = {"sha256": file.sha256, "size": file.size, "pointerSize": pointer}
    return found


PROPERTIES: Mapping[str, Callable[[DescribedModel], Any]] = {
    "author": lambda model: model.publisher,
    "baseModels": lambda model: list(model.card.words.get("base_model", ())),
    "cardData": lambda model: dict(model.card.data),
    "createdAt": lambda model: iso(model.created_at),
    "disabled": lambda _: False,
    "downloads": lambda _: 0,
    "gated": _gated,
    "lastModified": lambda model: iso(model.modified_at),
    "library_name": lambda model: model.card.library_name,
    "likes": lambda _: 0,
    "pipeline_tag": lambda model: model.card.pipeline_tag,
    "private": lambda model: model.private,
    "sha": lambda model: model.commit,
    "siblings": _siblings,
    "spaces": lambda _: [],
    "tags": lambda model: list(model.tags),
    "usedStorage": lambda model: model.total_bytes,
}
"""What a model info can hold; `expand` names a subset of it."""
NOT_KEPT = frozenset(
    {
        *("childrenModelCount", "config", "downloadsAllTime", "evalResults", "gguf", "inference"),
        *("inferenceProviderMapping", "mask_token", "model-index", "resourceGroup", "safetensors"),
        *("transformersInfo", "trendingScore", "widgetData"),
    }
)
"""Properties of the Hub that this registry does not keep; asking for them is no mistake."""
LISTED = (
    *("author", "createdAt", "downloads", "gated", "lastModified", "library_name", "likes"),
    *("pipeline_tag", "private", "sha", "tags"),
)
"""What a line of the list holds unless more is asked for."""


def view_model(model: DescribedModel, properties: Sequence[str]) -> Json:
    """Return the model info with these properties; empty ones are left out, as the Hub does."""
    repo_id = f"{model.publisher}/{model.name}"
    found: Json = {"_id": model.model_id, "id": repo_id, "modelId": repo_id}
    for name in properties:
        value = PROPERTIES[name](model)
        if value is not None:
            found[name] = value
    return found


def view_security(files: Sequence[FileView]) -> Json:
    """Return what the inspection of a release's files found."""
    issues = [{"path": file.path, "level": level} for file in files if (level := _level(file)) != "safe"]
    return {"scansDone": True, "filesWithIssues": issues}


def _level(file: FileView) -> str:
    """Return the worst that the inspection found, in the Hub's words."""
    found = {flag.severity.value for flag in file.flags}
    if "danger" in found:
        return "unsafe"
    return "suspicious" if "caution" in found else "safe"


def view_entry(entry: Entry, *, release: ReleaseView | None) -> Json:
    """Return a line of a tree; with the release that states it where more is asked for."""
    found: Json = (
        {"type": "directory", "oid": entry.oid, "size": 0, "path": entry.path}
        if isinstance(entry, Folder)
        else _view_file(entry)
    )
    if release is None:
        return found
    # A release states all of its files at once, so it is the last commit of each of them.
    title = split_message(release)[0]
    found["lastCommit"] = {"id": release.commit, "title": title, "date": iso(release.published_at)}
    if isinstance(entry, FileView):
        found["securityFileStatus"] = {
            "status": _level(entry),
            "avScan": None,
            "pickleImportScan": None,
        }
    return found


def _view_file(file: FileView) -> Json:
    found: Json = {"type": "file", "oid": file.git_oid, "size": file.size, "path": file.path}
    if file.large:
        pointer = lfs_pointer_size(file.sha256, file.size)
        found["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": pointer}
    return found


def view_commit(release: ReleaseView, publisher: str) -> Json:
    """Return a line of the history; the author is the publisher, since people are not named to strangers."""
    title, message = split_message(release)
    return {
        "id": release.commit,
        "title": title,
        "message": message,
        "authors": [{"user": publisher}],
        "date": iso(release.published_at),
    }


def split_message(release: ReleaseView) -> tuple[str, str]:
    """Return the first line of a release's message, and the rest."""
    title, _, rest = release.message.strip().partition("\n")
    return title.strip() or f"Release {release.commit[:12]}", rest.strip()


def view_refs(refs: Sequence[RefView], *, with_pull_requests: bool) -> Json:
    """Return branches and tags; there are no other kinds here."""
    found: Json = {
        "branches": [_view_ref(ref, "heads") for ref in refs if ref.kind is RefKind.BRANCH],
        "converts": [],
        "tags": [_view_ref(ref, "tags") for ref in refs if ref.kind is RefKind.TAG],
    }
    if with_pull_requests:
        found["pullRequests"] = []
    return found


def _view_ref(ref: RefView, folder: str) -> Json:
    return {"name": ref.name, "ref": f"refs/{folder}/{ref.name}", "targetCommit": ref.commit}


class Organisation(msgspec.Struct, frozen=True, kw_only=True):
    """A publisher that the person has a role at."""

    name: str
    role_in_org: str = msgspec.field(name="roleInOrg")
    type: str = "org"


class TokenView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The token that was sent, without its secret."""

    display_name: str
    role: str
    created_at: str | None = None


class AuthView(msgspec.Struct, frozen=True, kw_only=True):
    """How the caller showed who they are."""

    access_token: TokenView = msgspec.field(name="accessToken")
    type: str = "access_token"


class WhoAmI(msgspec.Struct, frozen=True, kw_only=True):
    """The caller, told to themself."""

    id: str
    name: str
    fullname: str
    email: str | None
    """Null where the person has none."""
    orgs: list[Organisation]
    auth: AuthView
    type: str = "user"


class Harnesses(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Answer to the question that the Hub's command line asks at its start; nothing is collected."""

    standard_env_vars: list[str] = msgspec.field(default_factory=list)
    harnesses: dict[str, str] = msgspec.field(default_factory=dict)
