"""How things stood at an earlier moment, from facts that are never rewritten: gates, bases, roles, marks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_
from sqlmodel import Session, col, select

from registry.catalog.domain import Command, GateMode, may
from registry.catalog.prerequisites import NONE, parse_prerequisites
from registry.catalog.tables import (
    GateRequirement,
    GateRevision,
    Model,
    ModelBase,
    ModelGateMove,
    MustUpdate,
    PublisherRole,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastGate:
    """The gate of a model, and the revision of it that was in force."""

    id: UUID
    revision_id: UUID
    number: int
    mode: GateMode
    license_version_ids: tuple[UUID, ...]
    asks_beforehand: bool
    """Whether it asked for more than licenses and a review."""
    asks_of_person: bool
    """Whether some of that was asked of the person, so that it is not on record whether they met it."""
    asks_signature: bool
    """Whether only acceptances counted that the acceptor had signed with a key of their own."""
    since: datetime
    entry_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PastMark:
    """A release was to be given up, and its day had come."""

    update_by: datetime
    entry_id: UUID


def find_gate_at(session: Session, model_id: UUID, at: datetime) -> PastGate | None:
    """Return the gate that stood before the model; None where the model was not there yet."""
    model = session.get(Model, model_id)
    if model is None or model.created_at > at:
        return None
    moved = session.exec(
        select(ModelGateMove)
        .where(ModelGateMove.model_id == model_id, ModelGateMove.moved_at > at)
        .order_by(col(ModelGateMove.moved_at), col(ModelGateMove.id))
        .limit(1)
    ).first()
    gate_id = moved.from_gate_id if moved else model.gate_id
    revision = session.exec(
        select(GateRevision)
        .where(GateRevision.gate_id == gate_id, GateRevision.created_at <= at)
        .order_by(col(GateRevision.number).desc())
        .limit(1)
    ).first()
    if revision is None:
        return None
    required = session.exec(
        select(GateRequirement.license_version_id)
        .where(GateRequirement.gate_revision_id == revision.id)
        .order_by(col(GateRequirement.position))
    )
    asked = parse_prerequisites(revision.prerequisites)
    return PastGate(
        id=gate_id,
        revision_id=revision.id,
        number=revision.number,
        mode=revision.mode,
        license_version_ids=tuple(required),
        asks_beforehand=asked != NONE,
        asks_of_person=replace(asked, own_signature=False) != NONE,
        asks_signature=asked.own_signature,
        since=revision.created_at,
        entry_id=revision.entry_id,
    )


def list_ancestors_at(session: Session, model_id: UUID, at: datetime) -> list[UUID]:
    """Return every model that this one was made from, as it was declared then, nearest first."""
    found: dict[UUID, None] = {}
    nearest = [model_id]
    while nearest:
        bases = session.exec(
            select(ModelBase.base_model_id)
            .where(col(ModelBase.model_id).in_(nearest), ModelBase.recorded_at <= at)
            .where(or_(col(ModelBase.ended_at).is_(None), col(ModelBase.ended_at) > at))
            .order_by(col(ModelBase.base_model_id))
        )
        nearest = [one for one in dict.fromkeys(bases) if one not in found and one != model_id]
        found.update(dict.fromkeys(nearest))
    return list(found)


def list_people_who_could(
    session: Session, *, publisher_id: UUID, command: Command, at: datetime
) -> Mapping[UUID, UUID]:
    """Return who could do `command` at a publisher by a role that was live, each with the entry of the role."""
    rows = session.exec(
        select(PublisherRole)
        .where(PublisherRole.publisher_id == publisher_id, PublisherRole.granted_at <= at)
        .where(or_(col(PublisherRole.ended_at).is_(None), col(PublisherRole.ended_at) > at))
        .order_by(col(PublisherRole.id))
    )
    return {row.person_id: row.entry_id for row in rows if may(row.role, command)}


def find_mark_at(session: Session, release_id: UUID, at: datetime) -> PastMark | None:
    """Return the mark by which a release could not be downloaded any more then."""
    row = session.exec(
        select(MustUpdate)
        .where(MustUpdate.release_id == release_id, MustUpdate.marked_at <= at, MustUpdate.update_by <= at)
        .where(or_(col(MustUpdate.ended_at).is_(None), col(MustUpdate.ended_at) > at))
    ).first()
    return PastMark(update_by=row.update_by, entry_id=row.entry_id) if row else None
