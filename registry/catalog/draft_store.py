"""Queries of drafts: names of models to be."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, insert, update
from sqlmodel import Session, col, select

from registry.catalog.domain import Draft, PublisherView
from registry.catalog.tables import ModelDraft
from registry.kernel.identifiers import new_id


def find_draft(session: Session, publisher: PublisherView, name: str) -> Draft | None:
    """Return the publisher's draft of this name in any case."""
    # By columns: whoever waits for a lock between two looks must see what came meanwhile.
    row = session.exec(
        select(ModelDraft.id, ModelDraft.name, ModelDraft.private, ModelDraft.begun_at).where(
            ModelDraft.publisher_id == publisher.id, ModelDraft.name_key == name.lower()
        )
    ).one_or_none()
    if row is None:
        return None
    draft_id, kept_name, private, begun_at = row
    return Draft(
        id=draft_id,
        publisher_id=publisher.id,
        publisher=publisher.name,
        name=kept_name,
        private=private,
        begun_at=begun_at,
    )


def insert_draft(
    session: Session, publisher: PublisherView, *, name: str, private: bool, begun_by: UUID, now: datetime
) -> Draft:
    """Return the new draft; whoever calls has locked the publisher and found none of this name."""
    draft_id = new_id()
    session.exec(
        insert(ModelDraft).values(
            id=draft_id,
            publisher_id=publisher.id,
            name=name,
            name_key=name.lower(),
            private=private,
            begun_by=begun_by,
            begun_at=now,
        )
    )
    return Draft(
        id=draft_id,
        publisher_id=publisher.id,
        publisher=publisher.name,
        name=name,
        private=private,
        begun_at=now,
    )


def hide_draft(session: Session, draft_id: UUID) -> None:
    """Let the model to be begin as a private one."""
    session.exec(update(ModelDraft).where(col(ModelDraft.id) == draft_id).values(private=True))


def delete_draft(session: Session, draft_id: UUID) -> None:
    """Give the name free."""
    session.exec(delete(ModelDraft).where(col(ModelDraft.id) == draft_id))


def delete_before(session: Session, *, before: datetime, limit: int) -> int:
    """Delete drafts that were begun before then; return how many."""
    due = select(ModelDraft.id).where(col(ModelDraft.begun_at) < before)
    ids = session.exec(due.order_by(col(ModelDraft.begun_at)).limit(limit)).all()
    if ids:
        session.exec(delete(ModelDraft).where(col(ModelDraft.id).in_(ids)))
    return len(ids)
