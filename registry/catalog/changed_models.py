"""Models by their last change: the release that their main branch is at."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import TextClause, Uuid, bindparam, text
from sqlmodel import Session, col, select

from registry.catalog.domain import DEFAULT_BRANCH
from registry.catalog.tables import Ref


def list_changed(session: Session, *, before: UUID | None, limit: int) -> list[tuple[UUID, UUID]]:
    """Return models and the releases on their main branches, the latest release first."""
    query = select(Ref.model_id, Ref.release_id).where(Ref.name == DEFAULT_BRANCH)
    if before is not None:
        query = query.where(col(Ref.release_id) < before)
    return list(session.exec(query.order_by(col(Ref.release_id).desc()).limit(limit)))


def is_one_of(model_ids: Sequence[UUID]) -> TextClause:
    """Return the condition that a model is one of these."""
    return text("model.id IN :model_ids").bindparams(
        bindparam("model_ids", list(model_ids), expanding=True, type_=Uuid())
    )
