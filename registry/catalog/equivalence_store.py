"""Rows of decisions of equivalence, and how they read."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_
from sqlmodel import Session, col, select

from registry import licenses
from registry.catalog import store
from registry.catalog.tables import Equivalence, Publisher
from registry.kernel.sealing import Sealer


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decision, in force or withdrawn."""

    id: UUID
    base: str
    base_license: str
    model: str
    own_license: str
    restrictions: tuple[str, ...]
    reason: str
    name: str | None
    """None once the person is erased."""
    decided_at: datetime
    ended_at: datetime | None
    end_reason: str | None


def list_standing(
    session: Session, *, publisher_id: UUID, name: str, own_ids: Collection[UUID], lock: bool = False
) -> Sequence[Equivalence]:
    """Return the decisions in force about a model and these license versions of it.

    With `lock`, none of them is withdrawn before the transaction ends.
    """
    query = (
        select(Equivalence)
        .where(Equivalence.publisher_id == publisher_id, Equivalence.model_key == name.lower())
        .where(col(Equivalence.own_version_id).in_(own_ids), col(Equivalence.ended_at).is_(None))
        .order_by(col(Equivalence.id))
    )
    if lock:
        query = query.with_for_update(read=True).execution_options(populate_existing=True)
    return session.exec(query).all()


def get_row(session: Session, decision_id: UUID) -> Equivalence:
    """Return a decision, which must exist."""
    return session.exec(select(Equivalence).where(Equivalence.id == decision_id)).one()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A decision, and what somebody did of it."""

    decision: Decision
    decided: bool
    withdrew: bool


def list_parts_of(
    session: Session, *, person_id: UUID, sealer: Sealer, before: UUID | None, limit: int
) -> list[Part]:
    """Return a page of the decisions that a person made or withdrew, newest first."""
    theirs = or_(col(Equivalence.decided_by) == person_id, col(Equivalence.ended_by) == person_id)
    query = select(Equivalence.id, Equivalence.decided_by, Equivalence.ended_by).where(theirs)
    if before is not None:
        query = query.where(col(Equivalence.id) < before)
    rows = session.exec(query.order_by(col(Equivalence.id).desc()).limit(limit)).all()
    described = describe(session, [decision_id for decision_id, _, _ in rows], sealer)
    return [
        Part(decision=one, decided=decided_by == person_id, withdrew=ended_by == person_id)
        for one, (_, decided_by, ended_by) in zip(described, rows, strict=True)
    ]


def describe(session: Session, ids: Sequence[UUID], sealer: Sealer) -> list[Decision]:
    """Return these decisions, newest first, with the names of those who made them."""
    rows = session.exec(
        select(Equivalence, Publisher.name)
        .join(Publisher, col(Publisher.id) == col(Equivalence.publisher_id))
        .where(col(Equivalence.id).in_(ids))
        .order_by(col(Equivalence.id).desc())
    ).all()
    bases = store.name_models(session, [row.base_model_id for row, _ in rows])
    keys = sealer.find_subject_keys(session, [row.decided_by for row, _ in rows])
    return [
        Decision(
            id=row.id,
            base="/".join(bases[row.base_model_id]),
            base_license=licenses.get_version_by_id(session, row.base_version_id).reference,
            model=f"{publisher}/{row.model_name}",
            own_license=licenses.get_version_by_id(session, row.own_version_id).reference,
            restrictions=tuple(row.slugs.split()),
            reason=row.reason,
            name=(
                keys[row.decided_by].open(row.sealed_name, sealing_context(row.id)).decode()
                if row.decided_by in keys
                else None
            ),
            decided_at=row.decided_at,
            ended_at=row.ended_at,
            end_reason=row.end_reason,
        )
        for row, publisher in rows
    ]


def sealing_context(decision_id: UUID) -> bytes:
    """Return what ties the sealed name to its row."""
    return b"equivalence:" + decision_id.bytes
