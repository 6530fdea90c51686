"""Rows of bases and ancestors; no rules."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, exists, insert, tuple_, update
from sqlmodel import Session, col, select

from registry.catalog.tables import Gate, GateRequirement, Model, ModelBase, ModelLineage, Publisher
from registry.kernel.inserting import insert_many

IN_MAX_COUNT = 200


def find_named(session: Session, names: Iterable[tuple[str, str]]) -> list[UUID]:
    """Return the models with these names, each a publisher and a model in lower case."""
    ordered = sorted(names)
    found: list[UUID] = []
    for start in range(0, len(ordered), IN_MAX_COUNT):
        statement = (
            select(Model.id)
            .join(Publisher, col(Publisher.id) == col(Model.publisher_id))
            .where(
                tuple_(col(Publisher.name_key), col(Model.name_key)).in_(
                    ordered[start : start + IN_MAX_COUNT]
                )
            )
            .order_by(col(Model.id))
        )
        found += session.exec(statement).all()
    return found


def insert_base(session: Session, **values: object) -> None:
    """Insert a declared base."""
    session.exec(insert(ModelBase).values(**values))


def find_live_base(session: Session, *, model_id: UUID, base_id: UUID) -> UUID:
    """Return the row of a base that stands, which must exist."""
    return session.exec(
        select(ModelBase.id)
        .where(ModelBase.model_id == model_id, ModelBase.base_model_id == base_id)
        .where(col(ModelBase.ended_at).is_(None))
    ).one()


def end_base(
    session: Session, row_id: UUID, *, by: UUID | None, reason: str, entry_id: UUID, now: datetime
) -> None:
    """Record that a base was taken out."""
    session.exec(
        update(ModelBase)
        .where(col(ModelBase.id) == row_id)
        .values(ended_at=now, ended_by=by, end_reason=reason, end_entry_id=entry_id)
    )


def list_named_bases(session: Session, model_id: UUID) -> Sequence[tuple[ModelBase, str, str, bool]]:
    """Return the bases that a model has, each with publisher, name and whether it is private; oldest first."""
    return session.exec(
        select(ModelBase, Publisher.name, Model.name, Model.private)
        .join(Model, col(Model.id) == col(ModelBase.base_model_id))
        .join(Publisher, col(Publisher.id) == col(Model.publisher_id))
        .where(ModelBase.model_id == model_id, col(ModelBase.ended_at).is_(None))
        .order_by(col(ModelBase.id))
    ).all()


def list_live_bases(session: Session, model_ids: Sequence[UUID]) -> list[UUID]:
    """Return the bases that these models have."""
    found: list[UUID] = []
    for start in range(0, len(model_ids), IN_MAX_COUNT):
        found += session.exec(
            select(ModelBase.base_model_id)
            .where(col(ModelBase.model_id).in_(model_ids[start : start + IN_MAX_COUNT]))
            .where(col(ModelBase.ended_at).is_(None))
            .order_by(col(ModelBase.id))
        ).all()
    return found


def list_descendants(session: Session, model_id: UUID) -> Sequence[UUID]:
    """Return every model that was made from this one, over generations."""
    return session.exec(
        select(ModelLineage.model_id)
        .where(ModelLineage.ancestor_id == model_id)
        .order_by(col(ModelLineage.model_id))
    ).all()


def list_ancestors(session: Session, model_id: UUID) -> Sequence[UUID]:
    """Return every model that this one was made from, over generations."""
    return session.exec(
        select(ModelLineage.ancestor_id)
        .where(ModelLineage.model_id == model_id)
        .order_by(col(ModelLineage.generation), col(ModelLineage.ancestor_id))
    ).all()


def list_descendants_of(
    session: Session, model_ids: Sequence[UUID], *, after: UUID | None, limit: int
) -> list[UUID]:
    """Return the first models by their ids, after `after`, that were made from any of these and are none of them."""
    found: set[UUID] = set()
    for start in range(0, len(model_ids), IN_MAX_COUNT):
        statement = (
            select(ModelLineage.model_id)
            .where(col(ModelLineage.ancestor_id).in_(model_ids[start : start + IN_MAX_COUNT]))
            .where(col(ModelLineage.model_id).not_in(model_ids))
        )
        if after is not None:
            statement = statement.where(ModelLineage.model_id > after)
        found.update(
            session.exec(statement.distinct().order_by(col(ModelLineage.model_id)).limit(limit)).all()
        )
    return sorted(found)[:limit]


def list_asking_ancestors(session: Session, model_id: UUID) -> Sequence[UUID]:
    """Return the ancestors whose gates ask for a license now, nearest first."""
    asks = exists().where(col(GateRequirement.gate_revision_id) == col(Gate.current_revision_id))
    return session.exec(
        select(ModelLineage.ancestor_id)
        .join(Model, col(Model.id) == col(ModelLineage.ancestor_id))
        .join(Gate, col(Gate.id) == col(Model.gate_id))
        .where(ModelLineage.model_id == model_id, asks)
        .order_by(col(ModelLineage.generation), col(ModelLineage.ancestor_id))
    ).all()


def list_asking(session: Session, model_ids: Sequence[UUID], of: Sequence[UUID]) -> list[UUID]:
    """Return those of these models, and of the ancestors of the models `of`, whose gates ask for a license now."""
    found: list[UUID] = []
    for start in range(0, len(of), IN_MAX_COUNT):
        found += session.exec(
            select(ModelLineage.ancestor_id)
            .where(col(ModelLineage.model_id).in_(of[start : start + IN_MAX_COUNT]))
            .order_by(col(ModelLineage.generation), col(ModelLineage.ancestor_id))
        ).all()
    candidates = list(dict.fromkeys([*model_ids, *found]))
    asking: set[UUID] = set()
    for start in range(0, len(candidates), IN_MAX_COUNT):
        asking.update(
            session.exec(
                select(Model.id)
                .join(Gate, col(Gate.id) == col(Model.gate_id))
                .join(GateRequirement, col(GateRequirement.gate_revision_id) == col(Gate.current_revision_id))
                .where(col(Model.id).in_(candidates[start : start + IN_MAX_COUNT]))
                .order_by(col(Model.id))
            )
        )
    return [one for one in candidates if one in asking]


def replace_ancestors(session: Session, model_id: UUID, ancestors: Iterable[tuple[UUID, int]]) -> None:
    """Make these, each with its generation, the ancestors of a model."""
    session.exec(delete(ModelLineage).where(col(ModelLineage.model_id) == model_id))
    rows = [
        {"model_id": model_id, "ancestor_id": ancestor, "generation": generation}
        for ancestor, generation in ancestors
    ]
    insert_many(session, ModelLineage, rows)
