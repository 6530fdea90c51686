"""Queries and inserts of releases, their files, refs and blobs, and the catalog's list of models."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, TextClause, and_, bindparam, delete, exists, func, insert, or_
from sqlmodel import Session, col, select, update

from registry.catalog.changed_models import has_role
from registry.catalog.domain import (
    DEFAULT_BRANCH,
    FileView,
    GateKind,
    GateMode,
    ListedModel,
    RefKind,
    RefView,
    ReleaseView,
    SignedManifest,
)
from registry.catalog.inspection import Inspection, flags_for, parse_inspection
from registry.catalog.manifests import ManifestFile
from registry.catalog.store import list_requirements
from registry.catalog.tables import (
    Blob,
    BlobPossession,
    Gate,
    GateRequirement,
    GateRevision,
    Model,
    Publisher,
    Ref,
    Release,
    ReleaseFile,
)

IN_MAX_COUNT = 500
"""Values in one IN list; both databases take more, statements stay short."""

_VIEW_COLUMNS = (
    Release.id,
    Release.model_id,
    Release.commit_id,
    Release.parent_commit_id,
    Release.message,
    Release.summary,
    Release.manifest_digest,
    Release.published_by,
    Release.published_at,
    Release.entry_id,
    Release.file_count,
    Release.total_bytes,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobFacts:
    """What is known of verified bytes."""

    sha256: str
    size: int
    git_oid: str
    storage_key: str
    content: bytes | None
    inspection: Inspection


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnModel:
    """A model for its publisher's own lists; its gate comes first, then those behind which it was before."""

    model_id: UUID
    gate_ids: tuple[UUID, ...]
    name: str


# Made once: every acceptance names the release on the main branch.
_RELEASE_BY_REF = (
    select(*_VIEW_COLUMNS)  # type: ignore[call-overload] # more columns than the overloads list
    .join(Ref, col(Ref.release_id) == col(Release.id))
    .where(col(Ref.model_id) == bindparam("model_id"), col(Ref.name) == bindparam("name"))
)


def _view(row: Sequence[object]) -> ReleaseView:
    names = (
        *("id", "model_id", "commit", "parent", "message", "summary", "manifest_digest", "published_by"),
        *("published_at", "entry_id", "file_count", "total_bytes"),
    )
    return ReleaseView(**dict(zip(names, row, strict=True)))  # type: ignore[arg-type] # the columns' own types


def find_release_by_ref(session: Session, *, model_id: UUID, name: str) -> ReleaseView | None:
    """Return the release that a branch or tag points to."""
    row = session.connection().execute(_RELEASE_BY_REF, {"model_id": model_id, "name": name}).one_or_none()
    return None if row is None else _view(row)


def find_release_by_commit(session: Session, *, model_id: UUID, commit: str) -> ReleaseView | None:
    """Return the release with this commit id."""
    row = session.exec(
        select(*_VIEW_COLUMNS).where(  # type: ignore[call-overload] # more columns than the overloads list
            Release.model_id == model_id, Release.commit_id == commit
        )
    ).one_or_none()
    return None if row is None else _view(row)


def list_releases(session: Session, *, model_id: UUID, before: UUID | None, limit: int) -> list[ReleaseView]:
    """Return a page of a model's releases, newest first, from before the given one."""
    query = select(*_VIEW_COLUMNS).where(Release.model_id == model_id)  # type: ignore[call-overload] # as above
    if before is not None:
        query = query.where(col(Release.id) < before)
    rows = session.exec(query.order_by(col(Release.id).desc()).limit(limit)).all()
    return [_view(row) for row in rows]


def get_manifest(session: Session, release_id: UUID) -> SignedManifest:
    """Return what a release states about itself, and the signature."""
    manifest, digest, signature = session.exec(
        select(Release.manifest, Release.manifest_digest, Release.manifest_signature).where(
            Release.id == release_id
        )
    ).one()
    return SignedManifest(manifest=manifest, digest=digest, signature=signature)


def insert_release(session: Session, row: Release, files: Sequence[ManifestFile], large: set[str]) -> None:
    """Add a release with its files; `large` names the digests that are delivered by URL."""
    session.add(row)
    session.flush()  # The files refer to the release, and bulk inserts do not order themselves.
    values = [
        {
            "release_id": row.id,
            "path": file.path,
            "size": file.size,
            "sha256": file.sha256,
            "git_oid": file.git_oid,
            "large": file.sha256 in large,
        }
        for file in files
    ]
    for start in range(0, len(values), 5_000):
        session.connection().execute(insert(ReleaseFile), values[start : start + 5_000])


def point_ref(session: Session, *, model_id: UUID, name: str, kind: RefKind, release_id: UUID) -> None:
    """Let a ref point to a release; the model is locked by the caller."""
    moved = session.exec(
        update(Ref).where(col(Ref.model_id) == model_id, col(Ref.name) == name).values(release_id=release_id)
    )
    if moved.rowcount == 0:
        session.exec(insert(Ref).values(model_id=model_id, name=name, kind=kind, release_id=release_id))


def remove_ref(session: Session, *, model_id: UUID, name: str) -> bool:
    """Remove a ref; releases stay. Return whether there was one."""
    removed = session.exec(delete(Ref).where(col(Ref.model_id) == model_id, col(Ref.name) == name))
    return removed.rowcount > 0


def find_ref_kind(session: Session, *, model_id: UUID, name: str) -> RefKind | None:
    """Return whether a name is a branch or a tag."""
    kind = session.exec(select(Ref.kind).where(Ref.model_id == model_id, Ref.name == name)).one_or_none()
    return None if kind is None else RefKind(kind)


def list_refs(session: Session, *, model_id: UUID) -> list[RefView]:
    """Return the branches and tags of a model, by kind and name."""
    rows = session.exec(
        select(Ref.name, Ref.kind, Release.commit_id)
        .join(Release, col(Release.id) == col(Ref.release_id))
        .where(Ref.model_id == model_id)
        .order_by(col(Ref.kind), col(Ref.name))
    ).all()
    return [RefView(name=name, kind=RefKind(kind), commit=commit) for name, kind, commit in rows]


def list_files(
    session: Session, *, release_id: UUID, after: str | None, under: str | None, limit: int
) -> list[FileView]:
    """Return a page of a release's files by path, with the flags of each."""
    query = (
        select(ReleaseFile, Blob.inspection)
        .join(Blob, col(Blob.sha256) == col(ReleaseFile.sha256))
        .where(ReleaseFile.release_id == release_id)
    )
    if after is not None:
        query = query.where(col(ReleaseFile.path) > after)
    if under is not None:
        # "/" + 1 is "0": every path below the folder lies between these two.
        query = query.where(col(ReleaseFile.path) > f"{under}/", col(ReleaseFile.path) < f"{under}0")
    rows = session.exec(query.order_by(col(ReleaseFile.path)).limit(limit)).all()
    return [_file_view(row, inspection) for row, inspection in rows]


def find_file(session: Session, *, release_id: UUID, path: str) -> FileView | None:
    """Return one file of a release."""
    row = session.exec(
        select(ReleaseFile, Blob.inspection)
        .join(Blob, col(Blob.sha256) == col(ReleaseFile.sha256))
        .where(ReleaseFile.release_id == release_id, ReleaseFile.path == path)
    ).one_or_none()
    return None if row is None else _file_view(row[0], row[1])


def _file_view(row: ReleaseFile, inspection: bytes) -> FileView:
    return FileView(
        path=row.path,
        size=row.size,
        sha256=row.sha256,
        git_oid=row.git_oid,
        large=row.large,
        flags=flags_for(row.path, parse_inspection(inspection)),
    )


def iterate_file_rows(session: Session, release_id: UUID) -> Iterator[ManifestFile]:
    """Yield the stored file rows of a release in the manifest's order."""
    rows = session.exec(select(ReleaseFile).where(ReleaseFile.release_id == release_id)).all()
    for row in sorted(rows, key=lambda row: row.path.encode()):
        yield ManifestFile(path=row.path, size=row.size, sha256=row.sha256, git_oid=row.git_oid)


def find_blobs(
    session: Session, digests: Sequence[str], *, publisher_id: UUID | None
) -> Mapping[str, BlobFacts]:
    """Return the blobs among `digests`; with a publisher, only those that it has shown to have."""
    found: dict[str, BlobFacts] = {}
    for start in range(0, len(digests), IN_MAX_COUNT):
        query = select(Blob).where(col(Blob.sha256).in_(digests[start : start + IN_MAX_COUNT]))
        if publisher_id is not None:
            query = query.join(BlobPossession, col(BlobPossession.sha256) == col(Blob.sha256)).where(
                BlobPossession.publisher_id == publisher_id
            )
        for row in session.exec(query):
            found[row.sha256] = BlobFacts(
                sha256=row.sha256,
                size=row.size,
                git_oid=row.git_oid,
                storage_key=row.storage_key,
                content=row.content,
                inspection=parse_inspection(row.inspection),
            )
            session.expunge(row)
    return found


def list_models(
    session: Session,
    *,
    person_id: UUID | None,
    sees_all: bool,
    search: str,
    license_slug: str | None,
    mode: GateMode | None,
    before: UUID | None,
    limit: int,
    license_slugs: Sequence[str] = (),
    gates: Sequence[GateKind] = (),
    publisher_id: UUID | None = None,
    which: TextClause | None = None,
) -> list[ListedModel]:
    """Return the newest models that the person may see; `which` is about `model` and `gate_revision`."""
    query = (
        select(Model, Publisher.name, GateRevision)
        .join(Publisher, col(Publisher.id) == col(Model.publisher_id))
        .join(Gate, col(Gate.id) == col(Model.gate_id))
        .join(GateRevision, col(GateRevision.id) == col(Gate.current_revision_id))
    )
    if not sees_all:
        query = query.where(or_(~col(Model.private), has_role(person_id)))
    if search:
        query = query.where(_matches(search))
    slugs = [*license_slugs, *([license_slug] if license_slug is not None else [])]
    if slugs:
        requires = select(GateRequirement.gate_revision_id).where(
            col(GateRequirement.license_slug).in_(slugs)
        )
        query = query.where(col(GateRevision.id).in_(requires))
    if gates:
        query = query.where(or_(*map(_is_kind, gates)))
    if publisher_id is not None:
        query = query.where(Model.publisher_id == publisher_id)
    if mode is not None:
        query = query.where(GateRevision.mode == mode)
    if which is not None:
        query = query.where(which)
    if before is not None:
        query = query.where(col(Model.id) < before)
    rows = session.exec(query.order_by(col(Model.id).desc()).limit(limit)).all()
    requirements = list_requirements(session, [revision.id for _, _, revision in rows])
    heads = _heads(session, [model.id for model, _, _ in rows])
    return [
        _listed(model, publisher, revision, requirements.get(revision.id, ()), heads.get(model.id))
        for model, publisher, revision in rows
    ]


def _listed(
    model: Model, publisher: str, gate: GateRevision, required: tuple[UUID, ...], head: ReleaseView | None
) -> ListedModel:
    return ListedModel(
        model_id=model.id,
        publisher=publisher,
        name=model.name,
        private=model.private,
        created_at=model.created_at,
        mode=gate.mode,
        license_version_ids=required,
        asks_beforehand=gate.prerequisites is not None,
        commit=head.commit if head else None,
        published_at=head.published_at if head else None,
        summary=head.summary if head else "",
        total_bytes=head.total_bytes if head else None,
    )


def _is_kind(kind: GateKind):  # type: ignore[no-untyped-def] # noqa: ANN202 # an SQL expression of no nameable type
    if kind is GateKind.OPEN:
        return and_(col(GateRevision.mode) == GateMode.AUTO, ~_asks())
    if kind is GateKind.AUTO:
        return and_(col(GateRevision.mode) == GateMode.AUTO, _asks())
    return GateRevision.mode == GateMode(kind.value)


def _asks() -> ColumnElement[bool]:
    licenses = exists().where(col(GateRequirement.gate_revision_id) == col(GateRevision.id))
    return or_(col(GateRevision.prerequisites).is_not(None), licenses)


def count_models_by_license(session: Session, slugs: Sequence[str]) -> dict[str, int]:
    """Return how many public models each license is required by; absent where none."""
    rows = session.exec(
        select(GateRequirement.license_slug, func.count(col(Model.id)))
        .join(Gate, col(Gate.current_revision_id) == col(GateRequirement.gate_revision_id))
        .join(Model, col(Model.gate_id) == col(Gate.id))
        .where(col(GateRequirement.license_slug).in_(slugs), ~col(Model.private))
        .group_by(GateRequirement.license_slug)
        .order_by(GateRequirement.license_slug)
    )
    return dict(rows.all())


def list_required_licenses(session: Session, *, limit: int) -> list[str]:
    """Return the licenses that public models require, by slug."""
    statement = (
        select(GateRequirement.license_slug)
        .join(Gate, col(Gate.current_revision_id) == col(GateRequirement.gate_revision_id))
        .join(Model, col(Model.gate_id) == col(Gate.id))
        .where(~col(Model.private))
        .distinct()
        .order_by(GateRequirement.license_slug)
        .limit(limit)
    )
    return list(session.exec(statement).all())


def list_own_models(session: Session, *, publisher_id: UUID, limit: int) -> list[OwnModel]:
    """Return the models of a publisher by name."""
    rows = session.exec(
        select(Model.id, Model.gate_id, Model.name)
        .where(Model.publisher_id == publisher_id)
        .order_by(Model.name_key)
        .limit(limit)
    )
    return [OwnModel(model_id=model_id, gate_ids=(gate_id,), name=name) for model_id, gate_id, name in rows]


def name_commits(session: Session, release_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the commit of each release."""
    rows = session.exec(
        select(Release.id, Release.commit_id)
        .where(col(Release.id).in_(release_ids))
        .order_by(col(Release.id))
    )
    return dict(rows.all())


def count_releases(session: Session, model_id: UUID) -> int:
    """Return how many releases a model has."""
    return session.exec(select(func.count()).select_from(Release).where(Release.model_id == model_id)).one()


def weigh_files(session: Session, release_id: UUID) -> list[tuple[str, int]]:
    """Return path and size of the large files of a release."""
    rows = session.exec(
        select(ReleaseFile.path, ReleaseFile.size)
        .where(ReleaseFile.release_id == release_id, col(ReleaseFile.large))
        .order_by(ReleaseFile.path)
    )
    return [(path, size) for path, size in rows]


def _matches(search: str):  # type: ignore[no-untyped-def] # noqa: ANN202 # an SQL expression of no nameable type
    """Every word occurs in the publisher's or the model's name, or in the card's first paragraph."""
    summaries = select(Ref.model_id).join(Release, col(Release.id) == col(Ref.release_id))
    conditions = []
    for word in search.lower().split():
        in_summary = summaries.where(
            Ref.name == DEFAULT_BRANCH, col(Release.summary).icontains(word, autoescape=True)
        )
        conditions.append(
            or_(
                (col(Publisher.name_key) + "/" + col(Model.name_key)).contains(word, autoescape=True),
                col(Model.id).in_(in_summary),
            )
        )
    return and_(*conditions)


def _heads(session: Session, model_ids: Sequence[UUID]) -> dict[UUID, ReleaseView]:
    """Return the release on the main branch of each model."""
    if not model_ids:
        return {}
    rows = session.exec(
        select(*_VIEW_COLUMNS)  # type: ignore[call-overload] # more columns than the overloads list
        .join(Ref, col(Ref.release_id) == col(Release.id))
        .where(col(Ref.model_id).in_(model_ids), Ref.name == DEFAULT_BRANCH)
    ).all()
    return {view.model_id: view for view in map(_view, rows)}


def list_same_weights(
    session: Session, *, release_id: UUID, person_id: UUID | None, sees_all: bool, limit: int
) -> list[str]:
    """Return the `publisher/model` of other visible models with a large file of this release, by name."""
    own = select(ReleaseFile.sha256).where(ReleaseFile.release_id == release_id, col(ReleaseFile.large))
    model_id = select(Release.model_id).where(Release.id == release_id).scalar_subquery()
    query = (
        select(Publisher.name, Model.name)
        .join(Model, col(Model.publisher_id) == col(Publisher.id))
        .join(Release, col(Release.model_id) == col(Model.id))
        .join(ReleaseFile, col(ReleaseFile.release_id) == col(Release.id))
        .where(col(ReleaseFile.sha256).in_(own), col(Model.id) != model_id)
        .distinct()
    )
    if not sees_all:
        query = query.where(or_(~col(Model.private), has_role(person_id)))
    rows = session.exec(query.order_by(Publisher.name, Model.name).limit(limit)).all()
    return [f"{publisher}/{name}" for publisher, name in rows]
