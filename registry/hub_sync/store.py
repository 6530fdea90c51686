"""Queries and inserts of mirrors, tokens and intents; no rules."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from registry import catalog
from registry.hub_sync.domain import Deed
from registry.hub_sync.tables import (
    HubCard,
    HubCredential,
    HubIntent,
    HubMirror,
    HubWeights,
    IntentOutcome,
)
from registry.kernel.among import is_among
from registry.kernel.identifiers import new_id


def find_credential(session: Session, publisher_id: UUID) -> HubCredential | None:
    """Return the token of a publisher, if one is stored."""
    return session.exec(select(HubCredential).where(HubCredential.publisher_id == publisher_id)).one_or_none()


def put_credential(session: Session, row: HubCredential) -> None:
    """Store the token of a publisher in the place of the one before."""
    session.merge(row)


def list_older_credentials(session: Session, older: Any, *, limit: int) -> Sequence[HubCredential]:
    """Return tokens that an older master key seals."""
    return session.exec(
        select(HubCredential).where(older).order_by(col(HubCredential.publisher_id)).limit(limit)
    ).all()


def insert_mirror(session: Session, row: HubMirror) -> bool:
    """Insert a mirror; False if the model or the repository has one."""
    try:
        with session.begin_nested():
            session.exec(insert(HubMirror).values(**row.model_dump()))
    except IntegrityError:
        return False
    return True


def find_mirror(session: Session, model_id: UUID) -> HubMirror | None:
    """Return the mirror of a model that stands."""
    return session.exec(
        select(HubMirror).where(HubMirror.model_id == model_id, col(HubMirror.ended_at).is_(None))
    ).one_or_none()


def is_repository_taken(session: Session, repository_key: str) -> bool:
    """Whether a mirror of this repository stands."""
    found = select(HubMirror.id).where(
        HubMirror.repository_key == repository_key, col(HubMirror.ended_at).is_(None)
    )
    return session.exec(found).first() is not None


def get_mirror(session: Session, mirror_id: UUID) -> HubMirror:
    """Return the mirror, ended or not."""
    return session.exec(select(HubMirror).where(HubMirror.id == mirror_id)).one()


def list_model_ids_of_unit(session: Session, mirror: HubMirror) -> Sequence[UUID]:
    """Return the models whose repositories the Hub gates together with this one, itself included."""
    if not mirror.gating_group:
        return [mirror.model_id]
    publisher_id = catalog.get_model(session, mirror.model_id).publisher_id
    rows = session.exec(
        select(HubMirror.model_id)
        .where(HubMirror.gating_group == mirror.gating_group, col(HubMirror.ended_at).is_(None))
        .order_by(col(HubMirror.id))
    ).all()
    of_publisher = [one for one in rows if catalog.get_model(session, one).publisher_id == publisher_id]
    return of_publisher or [mirror.model_id]


def claim(session: Session, mirror_id: UUID, *, now: datetime, until: datetime) -> bool:
    """Take a mirror for a pass; False while somebody else is at it or it has ended."""
    result = session.exec(
        update(HubMirror)
        .where(col(HubMirror.id) == mirror_id, col(HubMirror.ended_at).is_(None))
        .where(col(HubMirror.leased_until) <= now)
        .values(leased_until=until)
    )
    return result.rowcount == 1


def list_due(session: Session, *, now: datetime, limit: int) -> Sequence[UUID]:
    """Return mirrors that are kept and whose time has come, longest waiting first."""
    return session.exec(
        select(HubMirror.id)
        .where(col(HubMirror.ended_at).is_(None), col(HubMirror.kept_since).is_not(None))
        .where(col(HubMirror.next_at) <= now, col(HubMirror.leased_until) <= now)
        .order_by(col(HubMirror.next_at), col(HubMirror.id))
        .limit(limit)
    ).all()


def list_kept_models_of(session: Session, publisher_id: UUID | None) -> Sequence[UUID]:
    """Return the models of a publisher, or of all, whose repositories are kept."""
    kept = session.exec(
        select(HubMirror.model_id)
        .where(col(HubMirror.ended_at).is_(None), col(HubMirror.kept_since).is_not(None))
        .order_by(col(HubMirror.model_id))
    ).all()
    if publisher_id is None:
        return kept
    return [one for one in kept if catalog.get_model(session, one).publisher_id == publisher_id]


def list_kept_among(session: Session, model_ids: Sequence[UUID]) -> Sequence[HubMirror]:
    """Return the mirrors that are kept of some models."""
    return session.exec(
        select(HubMirror)
        .where(is_among(session, HubMirror.model_id, model_ids))
        .where(col(HubMirror.ended_at).is_(None), col(HubMirror.kept_since).is_not(None))
        .order_by(col(HubMirror.id))
    ).all()


def count_kept(session: Session) -> int:
    """Return how many mirrors are kept."""
    return session.exec(
        select(func.count())
        .select_from(HubMirror)
        .where(col(HubMirror.ended_at).is_(None), col(HubMirror.kept_since).is_not(None))
    ).one()


def change_mirror(session: Session, mirror_id: UUID, **values: object) -> None:
    """Note something about a mirror."""
    session.exec(update(HubMirror).where(col(HubMirror.id) == mirror_id).values(**values))


def find_card(session: Session, mirror_id: UUID) -> HubCard | None:
    """Return what is known of the card of a repository."""
    return session.exec(select(HubCard).where(HubCard.mirror_id == mirror_id)).one_or_none()


def change_card(session: Session, mirror_id: UUID, **values: object) -> None:
    """Note something about the card of a repository; whoever does so has the mirror for a pass."""
    result = session.exec(update(HubCard).where(col(HubCard.mirror_id) == mirror_id).values(**values))
    if result.rowcount == 0:
        session.exec(insert(HubCard).values(HubCard(mirror_id=mirror_id).model_dump() | values))


def find_weights(session: Session, mirror_id: UUID) -> HubWeights | None:
    """Return what is known of the large files of a repository."""
    return session.exec(select(HubWeights).where(HubWeights.mirror_id == mirror_id)).one_or_none()


def change_weights(session: Session, mirror_id: UUID, **values: object) -> None:
    """Note something about the large files of a repository; whoever does so has the mirror for a pass."""
    result = session.exec(update(HubWeights).where(col(HubWeights.mirror_id) == mirror_id).values(**values))
    if result.rowcount == 0:
        session.exec(insert(HubWeights).values(HubWeights(mirror_id=mirror_id).model_dump() | values))


def insert_intent(session: Session, mirror_id: UUID, deed: Deed, *, now: datetime) -> UUID:
    """Put a call on record that is about to leave."""
    intent_id = new_id()
    session.exec(insert(HubIntent).values(id=intent_id, mirror_id=mirror_id, deed=deed, begun_at=now))
    return intent_id


def answer_intent(
    session: Session,
    intent_id: UUID,
    outcome: IntentOutcome,
    *,
    trouble: str,
    hub_request_id: str,
    now: datetime,
) -> None:
    """Note what became of a call."""
    session.exec(
        update(HubIntent)
        .where(col(HubIntent.id) == intent_id)
        .values(outcome=outcome, trouble=trouble, hub_request_id=hub_request_id, answered_at=now)
    )


def close_open_intents(session: Session, mirror_id: UUID) -> int:
    """Mark calls whose answer nobody has seen; return how many there were."""
    result = session.exec(
        update(HubIntent)
        .where(col(HubIntent.mirror_id) == mirror_id, col(HubIntent.outcome).is_(None))
        .values(outcome=IntentOutcome.UNKNOWN)
    )
    return result.rowcount


def list_intents(session: Session, mirror_id: UUID, *, limit: int) -> Sequence[HubIntent]:
    """Return the newest calls."""
    return session.exec(
        select(HubIntent)
        .where(HubIntent.mirror_id == mirror_id)
        .order_by(col(HubIntent.id).desc())
        .limit(limit)
    ).all()
