"""What the catalog puts on the wire; what it takes from there is in `inputs`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from registry.catalog.domain import (
    FileView,
    GateMode,
    ListedModel,
    ModelView,
    PlannedFile,
    Published,
    PublisherView,
    RefView,
    ReleaseView,
    Role,
    RoleView,
    SignedManifest,
    UploadView,
    model_url,
)
from registry.catalog.gate_schemas import GateOut, RequirementOut, view_gate, view_requirement
from registry.catalog.reading import Requirement
from registry.catalog.uploads import OpenUpload
from registry.kernel.clock import iso


class PublisherOut(msgspec.Struct, frozen=True, kw_only=True):
    """A publisher."""

    name: str
    display_name: str
    created_at: str


class RoleOut(msgspec.Struct, frozen=True, kw_only=True):
    """A role that somebody has or had."""

    id: UUID
    publisher: str
    person: UUID
    role: Role
    granted_at: str
    ended_at: str | None


class RolesOut(msgspec.Struct, frozen=True, kw_only=True):
    """The roles at a publisher."""

    items: list[RoleOut]


class ModelItem(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the catalog."""

    id: str
    publisher: str
    name: str
    private: bool
    url: str
    created_at: str
    summary: str
    gate: GateMode
    requirements: list[RequirementOut]
    commit: str | None
    published_at: str | None
    reaccept_by: str | None = None
    """Only in the list of what you may download: it ends then, unless the license as it is now is accepted before."""


class ModelsOut(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the catalog; `next` is the address of the following one."""

    items: list[ModelItem]
    next: str | None


class FlagOut(msgspec.Struct, frozen=True, kw_only=True):
    """Something to know about a file."""

    code: str
    severity: str
    message: str


class FileOut(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a release."""

    path: str
    size: int
    sha256: str
    git_oid: str
    flags: list[FlagOut]


class FilesOut(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a release's files; `next` is the address of the following one."""

    items: list[FileOut]
    next: str | None


class ReleaseOut(msgspec.Struct, frozen=True, kw_only=True):
    """A release with its first files (all of them in the manifest)."""

    commit: str
    parent: str | None
    message: str
    published_at: str
    manifest_digest: str
    file_count: int
    total_bytes: int
    files: list[FileOut]


class RefOut(msgspec.Struct, frozen=True, kw_only=True):
    """A branch or tag."""

    name: str
    kind: str
    commit: str


class ModelDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A model with one of its releases; what the asker may have of it is added by who knows."""

    id: str
    publisher: str
    name: str
    private: bool
    summary: str
    gate: GateOut
    release: ReleaseOut | None
    refs: list[RefOut]


class ManifestOut(msgspec.Struct, frozen=True, kw_only=True):
    """What a release states about itself, and the signature over exactly these bytes."""

    manifest: str
    digest: str
    signature: str
    keys: list[dict[str, str | None]]


class PublishedOut(msgspec.Struct, frozen=True, kw_only=True):
    """A release that stands."""

    commit: str
    url: str
    manifest_digest: str
    created: bool
    unexplained: list[str]
    """Questions of the gate that do not say why they are asked."""


class PartOut(msgspec.Struct, frozen=True, kw_only=True):
    """A part that the store has."""

    number: int
    size: int


class UploadOut(msgspec.Struct, frozen=True, kw_only=True):
    """An upload, or bytes that need none (`stored`, without an id)."""

    sha256: str
    size: int
    state: str
    id: UUID | None
    problem: str | None
    part_size: int
    parts: list[PartOut]


class UploadsOut(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a plan, in its order."""

    uploads: list[UploadOut]


class SignedPartOut(msgspec.Struct, frozen=True, kw_only=True):
    """Where a part is to be PUT."""

    number: int
    url: str


class SignedPartsOut(msgspec.Struct, frozen=True, kw_only=True):
    """Where parts are to be PUT; the links are good for some minutes."""

    parts: list[SignedPartOut]


def view_publisher(publisher: PublisherView) -> PublisherOut:
    """Return a publisher as it goes out."""
    return PublisherOut(
        name=publisher.name, display_name=publisher.display_name, created_at=iso(publisher.created_at)
    )


def view_role(role: RoleView) -> RoleOut:
    """Return a role as it goes out."""
    return RoleOut(
        id=role.id,
        publisher=role.publisher,
        person=role.person_id,
        role=role.role,
        granted_at=iso(role.granted_at),
        ended_at=iso(role.ended_at) if role.ended_at else None,
    )


def view_item(
    item: ListedModel,
    requirements: Mapping[UUID, Requirement],
    base_url: str,
    *,
    reaccept_by: datetime | None = None,
) -> ModelItem:
    """Return a line of the catalog as it goes out."""
    return ModelItem(
        id=f"{item.publisher}/{item.name}",
        publisher=item.publisher,
        name=item.name,
        private=item.private,
        url=base_url + model_url(item.publisher, item.name),
        created_at=iso(item.created_at),
        summary=item.summary,
        gate=item.mode,
        requirements=[
            view_requirement(requirements[version], base_url) for version in item.license_version_ids
        ],
        commit=item.commit,
        published_at=iso(item.published_at) if item.published_at else None,
        reaccept_by=iso(reaccept_by) if reaccept_by else None,
    )


def view_file(file: FileView) -> FileOut:
    """Return a file as it goes out."""
    return FileOut(
        path=file.path,
        size=file.size,
        sha256=file.sha256,
        git_oid=file.git_oid,
        flags=[
            FlagOut(code=flag.code, severity=flag.severity.value, message=flag.message) for flag in file.flags
        ],
    )


def view_detail(
    model: ModelView,
    release: ReleaseView | None,
    *,
    files: Sequence[FileView],
    refs: Sequence[RefView],
    requirements: Mapping[UUID, Requirement],
    base_url: str,
) -> ModelDetail:
    """Return a model with one of its releases as it goes out."""
    return ModelDetail(
        id=model.repo_id,
        publisher=model.publisher,
        name=model.name,
        private=model.private,
        summary=release.summary if release else "",
        gate=view_gate(model.gate, requirements, base_url),
        release=None
        if release is None
        else ReleaseOut(
            commit=release.commit,
            parent=release.parent,
            message=release.message,
            published_at=iso(release.published_at),
            manifest_digest=release.manifest_digest,
            file_count=release.file_count,
            total_bytes=release.total_bytes,
            files=[view_file(file) for file in files],
        ),
        refs=[RefOut(name=ref.name, kind=ref.kind.value, commit=ref.commit) for ref in refs],
    )


def view_manifest(signed: SignedManifest, keys: Sequence[dict[str, str | None]]) -> ManifestOut:
    """Return a signed manifest as it goes out."""
    return ManifestOut(
        manifest=signed.manifest.decode(), digest=signed.digest, signature=signed.signature, keys=list(keys)
    )


def view_published(published: Published, base_url: str) -> PublishedOut:
    """Return a release that stands as it goes out."""
    return PublishedOut(
        commit=published.release.commit,
        url=base_url + model_url(published.publisher, published.name),
        manifest_digest=published.release.manifest_digest,
        created=published.created,
        unexplained=list(published.unexplained),
    )


def view_upload(upload: UploadView, opened: OpenUpload | None = None) -> UploadOut:
    """Return an upload as it goes out, with the parts that are there."""
    return UploadOut(
        sha256=upload.sha256,
        size=upload.size,
        state=upload.state.value,
        id=upload.id,
        problem=upload.problem,
        part_size=upload.part_size,
        parts=[PartOut(number=part.number, size=part.size) for part in (opened.parts if opened else ())],
    )


def view_stored(file: PlannedFile, part_size: int) -> UploadOut:
    """Return bytes that need no upload as they go out."""
    return UploadOut(
        sha256=file.sha256,
        size=file.size,
        state="stored",
        id=None,
        problem=None,
        part_size=part_size,
        parts=[],
    )
