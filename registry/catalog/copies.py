"""The same bytes behind two gates: who holds them, and whether the other gate is as strict.

Weights are told apart by their digest. Whoever publishes or opens a model is held to the gates behind which its
weights stood before, and to those of the models that they were made from, unless they lie open to everybody anyway.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import exists, func, literal, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from registry import licenses
from registry.catalog.domain import GateMode
from registry.catalog.prerequisites import NONE, Prerequisites, asks_as_much, parse_prerequisites
from registry.catalog.store import list_requirements
from registry.catalog.tables import (
    Blob,
    Gate,
    GateRequirement,
    GateRevision,
    Model,
    ModelLineage,
    Release,
    ReleaseFile,
)
from registry.kernel.outcomes import CorruptRecord
from registry.licenses.domain import Version

IN_MAX_COUNT = 500
_STRICTNESS = {GateMode.AUTO: 0, GateMode.MANUAL: 1, GateMode.CLOSED: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a gate demands, as far as two gates are compared."""

    mode: GateMode
    requires: frozenset[tuple[UUID, int]]
    """License and series of each version; an acceptance counts for its series."""
    prerequisites: Prerequisites = NONE

    @property
    def is_open(self) -> bool:
        """Whether nobody is asked for anything."""
        return self.mode is GateMode.AUTO and not self.requires and self.prerequisites == NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A model with one of the files in question, and since when it has it."""

    sha256: str
    model_id: UUID
    publisher_id: UUID
    terms: Terms
    since: datetime


def covers(terms: Terms, others: Terms) -> bool:
    """Whether nobody gets past `terms` who has not done all that `others` ask for; past a closed gate nobody gets.

    A newer series of a license counts as the license: it is what its people would be asked for next.
    """
    if terms.mode is GateMode.CLOSED:
        return True
    if _STRICTNESS[terms.mode] < _STRICTNESS[others.mode]:
        return False
    if not asks_as_much(terms.prerequisites, others.prerequisites):
        return False
    return all(
        any(license_id == wanted and series >= least for license_id, series in terms.requires)
        for wanted, least in others.requires
    )


def conflicts(holder: Holder, terms: Terms, publisher_id: UUID) -> bool:
    """Whether files of `holder` may not be given out on `terms` by this publisher.

    What another publisher has behind a gate is never given out here: who accepted there, and whom they
    block or review, is theirs to decide.
    """
    if holder.terms.is_open:
        return False
    return holder.publisher_id != publisher_id or not covers(terms, holder.terms)


def terms_of(mode: GateMode, versions: Sequence[Version], prerequisites: Prerequisites = NONE) -> Terms:
    """Return what a gate of this mode that requires these versions demands."""
    requires = frozenset((version.license_id, version.series) for version in versions)
    return Terms(mode=mode, requires=requires, prerequisites=prerequisites)


def load_terms(
    session: Session, mode: GateMode, version_ids: Sequence[UUID], prerequisites: Prerequisites = NONE
) -> Terms:
    """Return what a stored gate demands."""
    versions = []
    for version_id in version_ids:
        version = licenses.get_version_by_id(session, version_id)
        if version is None:
            raise CorruptRecord(f"license version {version_id} is required by a gate and absent")
        versions.append(version)
    return terms_of(mode, versions, prerequisites)


def lock_files(session: Session, digests: Sequence[str]) -> None:
    """Make other publications of any of these bytes wait until this transaction ends.

    Always in the order of the digests, so that two of them cannot wait for each other.
    """
    ordered = sorted(set(digests))
    for start in range(0, len(ordered), IN_MAX_COUNT):
        session.exec(
            select(Blob.sha256)
            .where(col(Blob.sha256).in_(ordered[start : start + IN_MAX_COUNT]))
            .order_by(col(Blob.sha256))
            # Weaker than what a foreign key needs, so that uploads of the same bytes go on.
            .with_for_update(key_share=True)
        ).all()


def find_held(session: Session, gate_id: UUID, digests: Sequence[str]) -> set[str]:
    """Return which of the digests a release behind this gate holds already."""
    held: set[str] = set()
    for start in range(0, len(digests), IN_MAX_COUNT):
        held |= set(
            session.exec(
                select(ReleaseFile.sha256)
                .join(Release, col(Release.id) == col(ReleaseFile.release_id))
                .join(Model, col(Model.id) == col(Release.model_id))
                .where(Model.gate_id == gate_id)
                .where(col(ReleaseFile.sha256).in_(digests[start : start + IN_MAX_COUNT]))
                .distinct()
            )
        )
    return held


def list_weights(
    session: Session, gate_id: UUID, *, model_id: UUID | None = None
) -> Mapping[str, tuple[str, datetime]]:
    """Return the large files behind a gate, or of one model, by digest: a path, and since when they are there."""
    rows = session.exec(
        select(ReleaseFile.sha256, func.min(ReleaseFile.path), func.min(Release.published_at))
        .join(Release, col(Release.id) == col(ReleaseFile.release_id))
        .join(Model, col(Model.id) == col(Release.model_id))
        .where(Model.id == model_id if model_id else Model.gate_id == gate_id, col(ReleaseFile.large))
        .group_by(ReleaseFile.sha256)
        .order_by(ReleaseFile.sha256)
    )
    return {sha256: (path, since) for sha256, path, since in rows}


def list_holders(session: Session, digests: Sequence[str], *, but: UUID | None) -> list[Holder]:
    """Return who has these weights behind another gate than `but`, oldest first, where they lie open nowhere."""
    found: list[tuple[str, UUID, UUID, UUID, GateMode, bytes | None, datetime]] = []
    for start in range(0, len(digests), IN_MAX_COUNT):
        chunk = digests[start : start + IN_MAX_COUNT]
        free = _find_free(session, chunk, but=but)
        found += _list_gated(session, [digest for digest in chunk if digest not in free], but=but)
    required = list_requirements(session, list(dict.fromkeys(row[3] for row in found)))
    inherited = list_inherited(session, list(dict.fromkeys(row[1] for row in found)))
    terms = {
        model_id: load_terms(
            session,
            GateMode(mode),
            (*required.get(revision_id, ()), *inherited.get(model_id, ())),
            parse_prerequisites(asked),
        )
        for _, model_id, _, revision_id, mode, asked, _ in found
    }
    holders = [
        Holder(
            sha256=sha256,
            model_id=model_id,
            publisher_id=publisher_id,
            terms=terms[model_id],
            since=since,
        )
        for sha256, model_id, publisher_id, *_, since in found
    ]
    return sorted(holders, key=lambda holder: (holder.since, holder.model_id))


def _find_free(session: Session, digests: Sequence[str], *, but: UUID | None) -> set[str]:
    """Return which of the digests anybody may download from another, public model."""
    asks = exists().where(col(GateRequirement.gate_revision_id) == col(GateRevision.id))
    statement = (
        select(ReleaseFile.sha256)
        .join(Release, col(Release.id) == col(ReleaseFile.release_id))
        .join(Model, col(Model.id) == col(Release.model_id))
        .join(Gate, col(Gate.id) == col(Model.gate_id))
        .join(GateRevision, col(GateRevision.id) == col(Gate.current_revision_id))
        .where(col(ReleaseFile.sha256).in_(digests), ~col(Model.private))
        .where(GateRevision.mode == GateMode.AUTO, col(GateRevision.prerequisites).is_(None))
        .where(~asks, ~_inherits(), _is_not(but))
        .distinct()
    )
    return set(session.exec(statement))


def _list_gated(
    session: Session, digests: Sequence[str], *, but: UUID | None
) -> list[tuple[str, UUID, UUID, UUID, GateMode, bytes | None, datetime]]:
    if not digests:
        return []
    asks = exists().where(col(GateRequirement.gate_revision_id) == col(GateRevision.id))
    columns = (
        ReleaseFile.sha256,
        Model.id,
        Model.publisher_id,
        GateRevision.id,
        GateRevision.mode,
        GateRevision.prerequisites,
    )
    statement = (
        select(*columns, func.min(Release.published_at))  # type: ignore[call-overload] # more columns than it lists
        .join(Release, col(Release.id) == col(ReleaseFile.release_id))
        .join(Model, col(Model.id) == col(Release.model_id))
        .join(Gate, col(Gate.id) == col(Model.gate_id))
        .join(GateRevision, col(GateRevision.id) == col(Gate.current_revision_id))
        .where(col(ReleaseFile.sha256).in_(digests), col(ReleaseFile.large), _is_not(but))
        .where(
            or_(
                col(GateRevision.mode) != GateMode.AUTO,
                col(GateRevision.prerequisites).is_not(None),
                asks,
                _inherits(),
            )
        )
        .group_by(*columns)
        .order_by(*columns)
    )
    return [tuple(row) for row in session.exec(statement)]


def list_inherited(session: Session, model_ids: Sequence[UUID]) -> dict[UUID, tuple[UUID, ...]]:
    """Return the license versions that the gates of each model's ancestors require; absent where there is none."""
    found: dict[UUID, tuple[UUID, ...]] = {}
    for start in range(0, len(model_ids), IN_MAX_COUNT):
        rows = session.exec(
            _asked_by_ancestors(ModelLineage.model_id, GateRequirement.license_version_id)
            .where(col(ModelLineage.model_id).in_(model_ids[start : start + IN_MAX_COUNT]))
            .distinct()
            .order_by(col(ModelLineage.model_id), col(GateRequirement.license_version_id))
        )
        for model_id, version_id in rows:
            found[model_id] = (*found.get(model_id, ()), version_id)
    return found


def _inherits() -> Any:
    """Whether the gate of one of the model's ancestors asks for a license."""
    asked = _asked_by_ancestors(ModelLineage.model_id).where(ModelLineage.model_id == Model.id)
    return exists(asked.correlate(Model))


def _asked_by_ancestors(*columns: Any) -> Any:
    ancestor, gate = aliased(Model), aliased(Gate)
    return (
        select(*columns)
        .join(ancestor, col(ancestor.id) == col(ModelLineage.ancestor_id))
        .join(gate, col(gate.id) == col(ancestor.gate_id))
        .join(GateRequirement, col(GateRequirement.gate_revision_id) == col(gate.current_revision_id))
    )


def _is_not(gate_id: UUID | None):  # type: ignore[no-untyped-def] # noqa: ANN202 # an SQL expression of no nameable type
    return literal(value=True) if gate_id is None else col(Model.gate_id) != gate_id
