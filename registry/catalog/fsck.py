"""The catalog's part of `ledger fsck`: every release, gate and role is derived anew and compared."""

import json
from collections.abc import Iterator, Sequence
from uuid import UUID

from sqlmodel import Session, col, select

from registry import ledger, licenses
from registry.catalog import equivalences, gates, lineage, must_updates, release_store, service, sharing
from registry.catalog.domain import (
    EQUIVALENCE,
    GATE_CHANGED,
    LINEAGE_CHANGED,
    MODEL_MOVED,
    MUST_UPDATE,
    RELEASE_PUBLISHED,
    ROLE_CHANGED,
)
from registry.catalog.graces import list_graces
from registry.catalog.manifests import (
    commit_id,
    find_manifest_defects,
    manifest_bytes,
    parse_manifest,
    release_leaf,
)
from registry.catalog.store import list_requirements
from registry.catalog.tables import (
    Blob,
    Equivalence,
    Gate,
    GateRevision,
    Model,
    ModelBase,
    ModelGateMove,
    ModelLineage,
    MustUpdate,
    PublisherRole,
    Ref,
    Release,
    ReleaseFile,
)
from registry.kernel.clock import iso
from registry.kernel.identifiers import sha256
from registry.ledger import Discrepancy

BATCH_ROWS = 100
KINDS = (
    RELEASE_PUBLISHED,
    GATE_CHANGED,
    ROLE_CHANGED,
    LINEAGE_CHANGED,
    MODEL_MOVED,
    MUST_UPDATE,
    EQUIVALENCE,
)
"""Kinds of ledger entries whose rows are here."""


def find_discrepancies(session: Session) -> Iterator[Discrepancy]:
    """Yield each row that does not fit what its manifest, its digest, its signature or the log say."""
    keys = ledger.list_published_keys(session)
    for release_id in _iterate_ids(session, Release):
        yield from _check_release(session, release_id, keys)
    for revision_id in _iterate_ids(session, GateRevision):
        yield from _check_revision(session, revision_id)
    for role_id in _iterate_ids(session, PublisherRole):
        yield from _check_role(session, role_id)
    for base_id in _iterate_ids(session, ModelBase):
        yield from _check_base(session, base_id)
    for move_id in _iterate_ids(session, ModelGateMove):
        yield from _check_move(session, move_id)
    for mark_id in _iterate_ids(session, MustUpdate):
        yield from _check_mark(session, mark_id)
    for decision_id in _iterate_ids(session, Equivalence):
        yield from _check_decision(session, decision_id)
    yield from _check_gates(session)
    yield from _check_whereabouts(session)
    yield from _check_lineage(session)
    yield from _check_refs(session)
    yield from _check_blobs(session)


def _iterate_ids(
    session: Session,
    table: type[
        Release | GateRevision | PublisherRole | ModelBase | ModelGateMove | MustUpdate | Equivalence
    ],
) -> Iterator[UUID]:
    last: UUID | None = None
    while True:
        query = select(table.id).order_by(col(table.id)).limit(BATCH_ROWS)
        if last is not None:
            query = query.where(col(table.id) > last)
        ids = session.exec(query).all()
        if not ids:
            return
        yield from ids
        last = ids[-1]
        session.expunge_all()


def _check_release(
    session: Session, release_id: UUID, keys: Sequence[ledger.PublishedKey]
) -> Iterator[Discrepancy]:
    row = session.exec(select(Release).where(Release.id == release_id)).one()

    def wrong(problem: str, table: str = "release") -> Discrepancy:
        return Discrepancy(table=table, row_id=str(release_id), problem=problem)

    if sha256(row.manifest) != row.manifest_digest:
        yield wrong(f"manifest digest differs: got {sha256(row.manifest)}, expected {row.manifest_digest}")
    if commit_id(row.manifest) != row.commit_id:
        yield wrong(f"commit id differs: got {commit_id(row.manifest)}, expected {row.commit_id}")
    leaf = release_leaf(
        model_id=row.model_id,
        release_id=row.id,
        commit=row.commit_id,
        manifest_digest=row.manifest_digest,
        now=row.published_at,
    )
    yield from _check_leaf(session, "release", row.id, row.entry_id, leaf)
    try:
        signed = ledger.verify_jws(row.manifest_signature, keys)
        if signed.payload != row.manifest:
            yield wrong("the signature is over another manifest")
    except ledger.SignatureMismatch as error:
        yield wrong(f"manifest signature: {error}")
    try:
        manifest = parse_manifest(row.manifest)
    except ValueError as error:
        yield wrong(f"manifest: {error}")
        return
    if manifest_bytes(manifest) != row.manifest or find_manifest_defects(manifest):
        yield wrong("the manifest is not in its canonical form")
    facts = (manifest.model_id, manifest.parent, manifest.message, iso(manifest.released_at))
    if facts != (row.model_id, row.parent_commit_id, row.message, iso(row.published_at)):
        yield wrong("model, parent, message or time differ from the manifest")
    stated = manifest.files
    if (len(stated), sum(file.size for file in stated)) != (row.file_count, row.total_bytes):
        yield wrong("number or total size of the files differ from the manifest")
    found = tuple(release_store.iterate_file_rows(session, row.id))
    for path in _differing_paths(stated, found):
        yield wrong(f"file {path!r} differs from the manifest", table="release_file")


def _differing_paths(stated: Sequence[object], found: Sequence[object]) -> list[str]:
    difference = set(stated).symmetric_difference(found)
    return sorted({str(getattr(file, "path", "")) for file in difference})[:10]


def _check_revision(session: Session, revision_id: UUID) -> Iterator[Discrepancy]:
    row, publisher_id = session.exec(
        select(GateRevision, Gate.publisher_id)
        .join(Gate, col(Gate.id) == col(GateRevision.gate_id))
        .where(GateRevision.id == revision_id)
    ).one()
    if sha256(row.form_schema) != row.form_digest:
        yield Discrepancy(table="gate_revision", row_id=str(row.id), problem="form digest differs")
    required = list_requirements(session, [row.id]).get(row.id, ())
    for reference in licenses.list_unconfirmed(session, required, at=row.created_at):
        problem = f"requires {reference}, whose change class no second person had confirmed"
        yield Discrepancy(table="gate_revision", row_id=str(row.id), problem=problem)
    leaf = gates.gate_leaf(
        gate_id=row.gate_id,
        publisher_id=publisher_id,
        revision_id=row.id,
        number=row.number,
        mode=row.mode,
        form_digest=row.form_digest,
        license_versions=required,
        now=row.created_at,
        promised=list_graces(session, [row.id]).get(row.id, ()),
        review=row.review,
        prerequisites=row.prerequisites,
    )
    yield from _check_leaf(session, "gate_revision", row.id, row.entry_id, leaf)


def _check_role(session: Session, role_id: UUID) -> Iterator[Discrepancy]:
    row = session.exec(select(PublisherRole).where(PublisherRole.id == role_id)).one()
    given = service.role_leaf(
        row.publisher_id, row.id, row.person_id, row.role, act="given", now=row.granted_at
    )
    yield from _check_leaf(session, "publisher_role", row.id, row.entry_id, given)
    if row.ended_at is None and row.end_entry_id is None:
        return
    if row.ended_at is None or row.end_entry_id is None:
        yield Discrepancy(
            table="publisher_role", row_id=str(row.id), problem="the end has no ledger entry or no time"
        )
        return
    ended = service.role_leaf(
        row.publisher_id, row.id, row.person_id, row.role, act="ended", now=row.ended_at
    )
    yield from _check_leaf(session, "publisher_role", row.id, row.end_entry_id, ended)


def _check_base(session: Session, base_id: UUID) -> Iterator[Discrepancy]:
    row = session.exec(select(ModelBase).where(ModelBase.id == base_id)).one()
    declared = lineage.lineage_leaf(
        row.id, row.model_id, row.base_model_id, act="declared", reason=None, at=row.recorded_at
    )
    yield from _check_leaf(session, "model_base", row.id, row.entry_id, declared)
    if row.ended_at is None and row.end_entry_id is None:
        return
    if row.ended_at is None or row.end_entry_id is None:
        yield Discrepancy(
            table="model_base", row_id=str(row.id), problem="the end has no ledger entry or no time"
        )
        return
    removed = lineage.lineage_leaf(
        row.id, row.model_id, row.base_model_id, act="removed", reason=row.end_reason or "", at=row.ended_at
    )
    yield from _check_leaf(session, "model_base", row.id, row.end_entry_id, removed)


def _check_move(session: Session, move_id: UUID) -> Iterator[Discrepancy]:
    row = session.exec(select(ModelGateMove).where(ModelGateMove.id == move_id)).one()
    yield from _check_leaf(session, "model_gate_move", row.id, row.entry_id, sharing.move_leaf(row))


def _check_whereabouts(session: Session) -> Iterator[Discrepancy]:
    """A model that moved stands behind the gate of its newest move."""
    newest: dict[UUID, UUID] = {}
    for row in session.exec(select(ModelGateMove).order_by(col(ModelGateMove.id))):
        if row.from_gate_id != newest.get(row.model_id, row.from_gate_id):
            yield Discrepancy(
                table="model_gate_move", row_id=str(row.id), problem="a move before it is missing"
            )
        newest[row.model_id] = row.to_gate_id
    for model_id, gate_id in session.exec(
        select(Model.id, Model.gate_id).where(col(Model.id).in_(list(newest))).order_by(col(Model.id))
    ):
        if newest[model_id] != gate_id:
            yield Discrepancy(
                table="model", row_id=str(model_id), problem="stands behind another gate than its moves say"
            )


def _check_mark(session: Session, mark_id: UUID) -> Iterator[Discrepancy]:
    row = must_updates.get_mark(session, mark_id)
    marked = must_updates.mark_leaf(
        row.id,
        row.model_id,
        row.commit,
        row.replacement,
        update_by=row.update_by,
        reason=row.reason,
        at=row.marked_at,
    )
    yield from _check_leaf(session, "must_update", row.id, row.entry_id, marked)
    if row.ended_at is None and row.end_entry_id is None:
        return
    if row.ended_at is None or row.end_entry_id is None:
        yield Discrepancy(
            table="must_update", row_id=str(row.id), problem="the end has no ledger entry or no time"
        )
        return
    ended = must_updates.taken_back_leaf(row.id, row.model_id, reason=row.end_reason or "", at=row.ended_at)
    yield from _check_leaf(session, "must_update", row.id, row.end_entry_id, ended)


def _check_decision(session: Session, decision_id: UUID) -> Iterator[Discrepancy]:
    row = session.exec(select(Equivalence).where(Equivalence.id == decision_id)).one()
    yield from _check_leaf(session, "equivalence", row.id, row.entry_id, equivalences.decided_leaf(row))
    if row.ended_at is None and row.end_entry_id is None:
        return
    if row.ended_at is None or row.end_entry_id is None:
        yield Discrepancy(
            table="equivalence", row_id=str(row.id), problem="the end has no ledger entry or no time"
        )
        return
    withdrawn = equivalences.withdrawn_leaf(
        row.id, row.base_model_id, reason=row.end_reason or "", at=row.ended_at
    )
    yield from _check_leaf(session, "equivalence", row.id, row.end_entry_id, withdrawn)


def _check_lineage(session: Session) -> Iterator[Discrepancy]:
    """Every ancestor is one by what was declared, and none is left out."""
    stored: dict[UUID, dict[UUID, int]] = {}
    for row in session.exec(select(ModelLineage).order_by(col(ModelLineage.model_id))):
        stored.setdefault(row.model_id, {})[row.ancestor_id] = row.generation
    declaring = session.exec(select(ModelBase.model_id).distinct().order_by(col(ModelBase.model_id))).all()
    for model_id in dict.fromkeys([*stored, *declaring]):
        if stored.get(model_id, {}) != lineage.derive_ancestors(session, model_id):
            yield Discrepancy(
                table="model_lineage",
                row_id=str(model_id),
                problem="the ancestors are not those that were declared",
            )


def _check_leaf(
    session: Session, table: str, row_id: UUID, entry_id: UUID, leaf: bytes
) -> Iterator[Discrepancy]:
    position = ledger.find_position(session, entry_id)
    if position is None:
        yield Discrepancy(table=table, row_id=str(row_id), problem=f"ledger entry {entry_id} is missing")
        return
    if position.index is None:
        return
    entry = ledger.find_entry_by_index(session, position.index)
    if isinstance(entry, ledger.Entry) and entry.leaf != leaf:
        yield Discrepancy(
            table=table, row_id=str(row_id), problem="the row says something else than its ledger entry"
        )


def _check_gates(session: Session) -> Iterator[Discrepancy]:
    """A gate is in force as its newest revision says; an older one put back in force would go unseen."""
    rows = session.exec(select(Gate).order_by(col(Gate.id))).all()
    for row in rows:
        newest = session.exec(
            select(GateRevision.id)
            .where(GateRevision.gate_id == row.id)
            .order_by(col(GateRevision.number).desc())
            .limit(1)
        ).one_or_none()
        if newest is None or newest != row.current_revision_id:
            yield Discrepancy(table="gate", row_id=str(row.id), problem="the newest revision is not in force")


def _check_refs(session: Session) -> Iterator[Discrepancy]:
    rows = session.exec(
        select(Ref.model_id, Ref.name)
        .join(Release, col(Release.id) == col(Ref.release_id))
        .where(col(Release.model_id) != col(Ref.model_id))
        .order_by(col(Ref.model_id), col(Ref.name))
    ).all()
    for model_id, name in rows:
        yield Discrepancy(
            table="ref", row_id=f"{model_id}/{name}", problem="points to another model's release"
        )
    orphans = session.exec(
        select(Release.id).where(col(Release.model_id).not_in(select(Model.id))).order_by(col(Release.id))
    ).all()
    for release_id in orphans:
        yield Discrepancy(table="release", row_id=str(release_id), problem="its model is missing")


def _check_blobs(session: Session) -> Iterator[Discrepancy]:
    """The texts that are served from the database are what their digests say."""
    last = ""
    while True:
        rows = session.exec(
            select(Blob).where(col(Blob.sha256) > last).order_by(col(Blob.sha256)).limit(BATCH_ROWS)
        ).all()
        for row in rows:
            if row.content is not None and sha256(row.content) != f"sha256:{row.sha256}":
                yield Discrepancy(table="blob", row_id=row.sha256, problem="the kept text has another digest")
        if not rows:
            break
        last = rows[-1].sha256
        session.expunge_all()
    differing = session.exec(
        select(ReleaseFile.release_id, ReleaseFile.path)
        .join(Blob, col(Blob.sha256) == col(ReleaseFile.sha256))
        .where((col(Blob.size) != col(ReleaseFile.size)) | (col(Blob.git_oid) != col(ReleaseFile.git_oid)))
        .order_by(col(ReleaseFile.release_id), col(ReleaseFile.path))
        .limit(BATCH_ROWS)
    ).all()
    for release_id, path in differing:
        yield Discrepancy(
            table="release_file", row_id=f"{release_id}/{path}", problem="differs from its blob"
        )


def check_leaf(session: Session, leaf: bytes) -> Discrepancy | None:
    """Return what is wrong if the row that a leaf of one of `KINDS` speaks of is not there."""
    try:
        said = json.loads(leaf)
        table, key = _ROWS_OF[said["kind"]]
        row_id = UUID(said[key])
    except (ValueError, LookupError, TypeError):
        return Discrepancy(table="ledger_entry", row_id=sha256(leaf), problem="is not a leaf of the catalog")
    row = session.exec(select(table).where(col(table.id) == row_id)).one_or_none()
    name = str(table.__tablename__)
    if row is None:
        return Discrepancy(table=name, row_id=str(row_id), problem="is missing although the log speaks of it")
    if isinstance(row, PublisherRole) and said.get("act") == "ended" and row.ended_at is None:
        return Discrepancy(
            table=name, row_id=str(row_id), problem="stands although the log says it has ended"
        )
    if isinstance(row, MustUpdate) and said.get("act") == "taken-back" and row.ended_at is None:
        return Discrepancy(
            table=name, row_id=str(row_id), problem="stands although the log says it was taken back"
        )
    if isinstance(row, Equivalence) and said.get("act") == "withdrawn" and row.ended_at is None:
        return Discrepancy(
            table=name, row_id=str(row_id), problem="stands although the log says it was withdrawn"
        )
    return None


_ROWS_OF: dict[
    str,
    tuple[
        type[Release | GateRevision | PublisherRole | ModelBase | ModelGateMove | MustUpdate | Equivalence],
        str,
    ],
] = {
    RELEASE_PUBLISHED: (Release, "release"),
    GATE_CHANGED: (GateRevision, "revision"),
    LINEAGE_CHANGED: (ModelBase, "lineage"),
    MODEL_MOVED: (ModelGateMove, "move"),
    MUST_UPDATE: (MustUpdate, "must_update"),
    EQUIVALENCE: (Equivalence, "equivalence"),
    ROLE_CHANGED: (PublisherRole, "role_id"),
}
