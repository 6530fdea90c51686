"""What webhooks hear of the catalog, by ids alone."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry.catalog.domain import ReleaseView
from registry.kernel.announcing import announce
from registry.kernel.news import Event, News


def announce_release(
    session: Session,
    release: ReleaseView,
    *,
    ref: str,
    head: ReleaseView | None,
    new: bool,
    now: datetime,
) -> None:
    """Let it be heard that a branch leads to a new release, after that its model is there where it is new."""
    if new:
        announce(session, News(event=Event.MODEL_CREATED, at=now, model=release.model_id))
    published = News(
        event=Event.RELEASE_PUBLISHED,
        at=now,
        model=release.model_id,
        ref=ref,
        old_commit=head.commit if head else None,
        new_commit=release.commit,
    )
    announce(session, published)


def announce_gate(session: Session, gate_id: UUID, *, now: datetime) -> None:
    """Let it be heard of each model behind a gate that it asks for something else."""
    announce(session, News(event=Event.GATE_CHANGED, at=now, gate=gate_id))


def announce_move(session: Session, model_id: UUID, *, now: datetime) -> None:
    """Let it be heard that a model went behind another gate."""
    announce(session, News(event=Event.MODEL_MOVED, at=now, model=model_id))
