"""The catalog on the wire. Input forbids unknown fields and bounds every text, list and number."""

from collections.abc import Mapping, Sequence
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from registry.catalog.domain import (
    DISPLAY_NAME_MAX_CHARACTERS,
    PLAN_MAX_FILES,
    REF_MAX_CHARACTERS,
    REQUIREMENTS_MAX_COUNT,
    SIGN_MAX_PARTS,
    FileView,
    GateMode,
    GateView,
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
from registry.catalog.forms import (
    FIELDS_MAX_COUNT,
    LABEL_MAX_CHARACTERS,
    OPTION_MAX_CHARACTERS,
    OPTIONS_MAX_COUNT,
    FieldOption,
    FieldType,
    FormField,
)
from registry.catalog.manifests import FILE_MAX_BYTES, FILES_MAX_COUNT, MESSAGE_MAX_CHARACTERS, PATH_MAX_BYTES
from registry.catalog.reading import Requirement
from registry.catalog.uploads import OpenUpload
from registry.kernel.clock import iso

Name = Annotated[str, Meta(min_length=1, max_length=96)]
SHA256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Size = Annotated[int, Meta(ge=0, le=FILE_MAX_BYTES)]
Reference = Annotated[str, Meta(min_length=1, max_length=100)]


class CreatePublisher(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A publisher to be."""

    name: Name
    display_name: Annotated[str, Meta(max_length=DISPLAY_NAME_MAX_CHARACTERS)] = ""
    owner: UUID | None = None
    """Its owner, where an operator creates it for somebody else."""


class AddRole(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role to give."""

    person: UUID
    role: Role


class OptionInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One choice of a select field."""

    value: Annotated[str, Meta(min_length=1, max_length=OPTION_MAX_CHARACTERS)]
    label: Annotated[str, Meta(min_length=1, max_length=OPTION_MAX_CHARACTERS)]


class FieldInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question of a form."""

    label: Annotated[str, Meta(min_length=1, max_length=LABEL_MAX_CHARACTERS)]
    type: FieldType
    required: bool = True
    options: Annotated[list[OptionInput], Meta(max_length=OPTIONS_MAX_COUNT)] = []


class GateInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a gate is to ask for from now on, in full."""

    mode: GateMode
    licenses: Annotated[list[Reference], Meta(max_length=REQUIREMENTS_MAX_COUNT)] = []
    form_fields: Annotated[list[FieldInput], Meta(max_length=FIELDS_MAX_COUNT)] = []


class FileInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bytes to upload."""

    sha256: SHA256
    size: Size


class PlanUploads(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bytes that a client wants to upload."""

    files: Annotated[list[FileInput], Meta(min_length=1, max_length=PLAN_MAX_FILES)]


class SignParts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parts that a client is about to send."""

    numbers: Annotated[
        list[Annotated[int, Meta(ge=1, le=10_000)]], Meta(min_length=1, max_length=SIGN_MAX_PARTS)
    ]


class ReleaseFileInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of a release to be."""

    path: Annotated[str, Meta(min_length=1, max_length=PATH_MAX_BYTES)]
    sha256: SHA256
    size: Size


class ReleaseInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A release to be."""

    files: Annotated[list[ReleaseFileInput], Meta(min_length=1, max_length=FILES_MAX_COUNT)]
    message: Annotated[str, Meta(max_length=MESSAGE_MAX_CHARACTERS)] = ""
    ref: Annotated[str, Meta(min_length=1, max_length=REF_MAX_CHARACTERS)] = "main"
    parent: Annotated[str, Meta(pattern="^[0-9a-f]{40}$")] | None = None
    licenses: Annotated[list[Reference], Meta(max_length=REQUIREMENTS_MAX_COUNT)] = []
    gate_mode: GateMode | None = None
    private: bool = False
    create: bool = False


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


class RequirementOut(msgspec.Struct, frozen=True, kw_only=True):
    """A license version that a gate asks for."""

    slug: str
    title: str
    number: str
    sha256: str
    url: str


class OptionOut(msgspec.Struct, frozen=True, kw_only=True):
    """One choice of a select field."""

    value: str
    label: str


class FieldOut(msgspec.Struct, frozen=True, kw_only=True):
    """One question of a form."""

    key: str
    label: str
    type: FieldType
    required: bool
    options: list[OptionOut]


class GateOut(msgspec.Struct, frozen=True, kw_only=True):
    """What a model demands."""

    number: int
    mode: GateMode
    requirements: list[RequirementOut]
    form_digest: str
    form_fields: list[FieldOut]
    since: str


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


def read_fields(inputs: Sequence[FieldInput]) -> tuple[FormField, ...]:
    """Return the form that was sent; a field's label is its key."""
    return tuple(
        FormField(
            key=given.label,
            label=given.label,
            type=given.type,
            required=given.required,
            options=tuple(FieldOption(value=option.value, label=option.label) for option in given.options),
        )
        for given in inputs
    )


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


def view_requirement(requirement: Requirement, base_url: str) -> RequirementOut:
    """Return a required license version as it goes out."""
    return RequirementOut(
        slug=requirement.slug,
        title=requirement.title,
        number=requirement.number,
        sha256=requirement.sha256,
        url=base_url + requirement.path,
    )


def view_gate(gate: GateView, requirements: Mapping[UUID, Requirement], base_url: str) -> GateOut:
    """Return a gate as it goes out."""
    return GateOut(
        number=gate.number,
        mode=gate.mode,
        requirements=[
            view_requirement(requirements[version], base_url) for version in gate.license_version_ids
        ],
        form_digest=gate.form_digest,
        form_fields=[
            FieldOut(
                key=field.key,
                label=field.label,
                type=field.type,
                required=field.required,
                options=[OptionOut(value=option.value, label=option.label) for option in field.options],
            )
            for field in gate.fields
        ],
        since=iso(gate.created_at),
    )


def view_item(item: ListedModel, requirements: Mapping[UUID, Requirement], base_url: str) -> ModelItem:
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
