"""Conditions on models, and models by their last change: the release that their main branch is at."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import TextClause, Uuid, bindparam, or_, text
from sqlmodel import Session, col, select

from registry.catalog.domain import DEFAULT_BRANCH
from registry.catalog.tables import Model, Publisher, PublisherRole, Ref
from registry.identity.domain import Principal


def list_changed(
    session: Session, *, principal: Principal, publisher: str, before: UUID | None, limit: int
) -> list[tuple[UUID, UUID]]:
    """Return models that `principal` may see and the releases on their main branches, the latest release first.

    With a name, those of one publisher alone. No place in the list tells of a model that is hidden.
    """
    query = (
        select(Ref.model_id, Ref.release_id)
        .join(Model, col(Model.id) == col(Ref.model_id))
        .where(Ref.name == DEFAULT_BRANCH)
    )
    if not principal.is_operator:
        query = query.where(or_(~col(Model.private), has_role(principal.answering_id)))
    if publisher:
        query = query.join(Publisher, col(Publisher.id) == col(Model.publisher_id)).where(
            Publisher.name_key == publisher.lower()
        )
    if before is not None:
        query = query.where(col(Ref.release_id) < before)
    return list(session.exec(query.order_by(col(Ref.release_id).desc()).limit(limit)))


def is_one_of(model_ids: Sequence[UUID]) -> TextClause:
    """Return the condition that a model is one of these."""
    return text("model.id IN :model_ids").bindparams(
        bindparam("model_ids", list(model_ids), expanding=True, type_=Uuid())
    )


def has_role(person_id: UUID | None):  # type: ignore[no-untyped-def] # noqa: ANN201 # an SQL expression of no nameable type
    """The person has a role at the model's publisher."""
    return col(Model.publisher_id).in_(
        select(PublisherRole.publisher_id).where(
            PublisherRole.person_id == person_id, col(PublisherRole.ended_at).is_(None)
        )
    )
