"""A release stated as changes to the one before it: its files are worked out here, `publishing` decides the rest."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from registry.catalog import drafts, publishing, refusals, release_store, stated_licenses
from registry.catalog.domain import (
    DEFAULT_BRANCH,
    Command,
    Draft,
    Published,
    RefKind,
    ReleaseView,
    StatedFile,
)
from registry.catalog.manifests import check_path, parse_manifest
from registry.catalog.refusals import NAMES_SHOWN_COUNT
from registry.identity.domain import Principal
from registry.kernel.outcomes import Refusal, Remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """A path that has these bytes from now on."""

    path: str
    sha256: str
    size: int | None
    """None where only the digest is stated, as for a copy inside the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """A file, or a folder with all that is in it, which is not there any more."""

    path: str
    is_folder: bool


Change = Put | Drop


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What a publisher wants to change."""

    publisher: str
    name: str
    branch: str
    changes: tuple[Change, ...]
    message: str
    parent: str | None
    """The commit that the changes are about; None: whatever the branch is at."""


def find_base(session: Session, model: drafts.Place, branch: str) -> ReleaseView | Refusal | None:
    """Return the head of a branch; None for the main branch of a model without a release."""
    if isinstance(model, Draft):
        return None if branch == DEFAULT_BRANCH else drafts.no_release_yet(model)
    head = release_store.find_release_by_ref(session, model_id=model.id, name=branch)
    if head is None:
        return None if branch == DEFAULT_BRANCH else refusals.no_such_release(model.repo_id, branch)
    if release_store.find_ref_kind(session, model_id=model.id, name=branch) is RefKind.TAG:
        return refusals.ref_is_tag(branch)
    return head


def check_paths(paths: Iterable[str]) -> Refusal | None:
    """Return why some of these paths can be in no release."""
    errors = {path[:200]: trouble for path in paths if (trouble := check_path(path)) is not None}
    title = "These files can be in no release"
    return refusals.malformed(title, errors, code="files-malformed") if errors else None


def publish_changes(
    session: Session,
    commit: Commit,
    *,
    principal: Principal,
    sign: Callable[[bytes], str],
    now: datetime,
) -> Published | Refusal:
    """Return the release that the changes make; the same changes again, on the same parent, give the one that stands.

    Whoever changes the model at the same time waits here: changes are made on the head that they replace. A draft
    becomes a model by it, under the license that the files state; what is refused leaves the draft as it was.
    """
    model = drafts.lock_place(
        session,
        publisher=commit.publisher,
        name=commit.name,
        principal=principal,
        command=Command.PUBLISH_RELEASE,
    )
    if isinstance(model, Refusal):
        return model
    base = _find_stated_base(session, model, commit)
    if isinstance(base, Refusal):
        return base
    files = _change_files(session, model, base, commit.changes)
    if isinstance(files, Refusal):
        return files
    stated = stated_licenses.find_stated(session, model, files) if isinstance(model, Draft) else None
    if isinstance(stated, Refusal):
        return stated
    return publishing.publish_release(
        session,
        publishing.PublishRelease(
            publisher=model.publisher,
            name=model.name,
            files=files,
            message=commit.message,
            ref=commit.branch,
            parent=base.commit if base else None,
            licenses=(stated,) if stated else (),
            private=isinstance(model, Draft) and model.private,
            create=isinstance(model, Draft),
        ),
        principal=principal,
        sign=sign,
        now=now,
    )


def _find_stated_base(session: Session, model: drafts.Place, commit: Commit) -> ReleaseView | Refusal | None:
    """Return the release that the changes are about: the head, or its parent where a commit comes once more."""
    head = find_base(session, model, commit.branch)
    if isinstance(head, Refusal) or commit.parent is None or (head and commit.parent == head.commit):
        return head
    if head is None or head.parent != commit.parent:
        return refusals.parent_differs(commit.branch, commit.parent, head.commit if head else None)
    return release_store.find_release_by_commit(session, model_id=model.id, commit=commit.parent)


def _change_files(
    session: Session, model: drafts.Place, base: ReleaseView | None, changes: Sequence[Change]
) -> tuple[StatedFile, ...] | Refusal:
    standing: dict[str, StatedFile] = {}
    if base is not None:
        manifest = parse_manifest(release_store.get_manifest(session, base.id).manifest)
        standing = {
            file.path: StatedFile(path=file.path, sha256=file.sha256, size=file.size)
            for file in manifest.files
        }
    if refusal := check_paths(change.path for change in changes if isinstance(change, Put)):
        return refusal
    unsized = {change.sha256 for change in changes if isinstance(change, Put) and change.size is None}
    blobs = release_store.find_blobs(session, sorted(unsized), publisher_id=model.publisher_id)
    sizes = {digest: blob.size for digest, blob in blobs.items()}
    if unsized - sizes.keys():
        copied = [change.path for change in changes if isinstance(change, Put) and change.sha256 in unsized]
        return refusals.files_missing(copied)
    files = apply_changes(standing, changes, sizes)
    if isinstance(files, Drop):
        return _nothing_to_delete(model.repo_id, files)
    return tuple(files)


def apply_changes(
    standing: Mapping[str, StatedFile], changes: Sequence[Change], sizes: Mapping[str, int]
) -> list[StatedFile] | Drop:
    """Return the files after all changes, made in their order; or the change that drops what is not there."""
    root = _Folder()
    for file in standing.values():
        root.put(file)
    for change in changes:
        if isinstance(change, Put):
            size = sizes[change.sha256] if change.size is None else change.size
            root.put(StatedFile(path=change.path, sha256=change.sha256, size=size))
        elif not root.drop(change):
            return change
    return list(root.files_below())


class _Folder:
    """Files by their names, so that a whole folder goes at once: a commit may drop thousands of them."""

    def __init__(self) -> None:
        self.files: dict[str, StatedFile] = {}
        self.folders: dict[str, _Folder] = {}

    def put(self, file: StatedFile) -> None:
        *parents, name = file.path.split("/")
        folder = self
        for parent in parents:
            folder = folder.folders.setdefault(parent, _Folder())
        folder.files[name] = file

    def drop(self, change: Drop) -> bool:
        *parents, name = change.path.removesuffix("/").split("/")
        folder: _Folder | None = self
        for parent in parents:
            folder = folder.folders.get(parent) if folder else None
        if folder is None:
            return False
        gone = folder.folders.pop(name, None) if change.is_folder else folder.files.pop(name, None)
        return gone is not None

    def files_below(self) -> Iterator[StatedFile]:
        yield from self.files.values()
        for folder in self.folders.values():
            yield from folder.files_below()


def _nothing_to_delete(repo_id: str, drop: Drop) -> Refusal:
    kind = "folder" if drop.is_folder else "file"
    return Refusal(
        code="nothing-to-delete",
        status=404,
        # The Hub's client looks for these words, and adds how files and folders are told apart.
        title=f"A {kind} with this name doesn't exist",
        detail=f"{repo_id} has no {kind} {drop.path[:200]!r} there. Nothing was published.",
        remedy=Remedy(text="Look at its files, then leave this one out", url=f"/{repo_id}/files"),
    )


def uploads_failed(problems: Mapping[str, str]) -> Refusal:
    """Return the refusal of bytes that arrived and are not what was stated, by path or digest."""
    shown = dict(list(problems.items())[:NAMES_SHOWN_COUNT])
    return Refusal(
        code="upload-failed",
        status=409,
        title=f"{len(problems):,} of the files did not arrive as they were stated",
        detail="; ".join(f"{name}: {problem}" for name, problem in shown.items()),
        remedy=Remedy(text="Upload these files again, then publish"),
    )
