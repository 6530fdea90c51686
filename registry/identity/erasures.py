"""Requests to be erased: asked for, taken back, refused, and what became of them; the erasing itself is above.

A request waits some days in which it can be taken back. Whom others depend on hands over first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import Session

from registry import ledger
from registry.identity import erasure_store as store
from registry.identity.domain import Message
from registry.identity.erasing import PERSON_ERASED, erasure_leaf
from registry.identity.erasure_domain import (
    PAGE,
    REASON_MAX_CHARACTERS,
    SWEPT_AFTER,
    ErasureState,
    ErasureView,
    Office,
    already_asked,
    judge_offices,
    nothing_asked,
)
from registry.identity.erasure_tables import Erasure
from registry.identity.notices import notify
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import Refusal
from registry.kernel.sealing import Sealer

PUT_OFF = timedelta(days=14)
"""When it is tried again to erase somebody on whom others depend, or whom a hold keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What every use case here works with besides the session."""

    sealer: Sealer
    base_url: str
    now: datetime


Work = Callable[[Session, Desk, UUID], ErasureView | Refusal]
"""A use case about one person, as a command runs it."""


def find_erasure(session: Session, *, person_id: UUID, sealer: Sealer) -> ErasureView | None:
    """Return the person's last request to be erased."""
    row = store.find_newest(session, person_id)
    return _view(session, row, sealer) if row else None


def ask_erasure(
    session: Session, desk: Desk, *, person_id: UUID, offices: Sequence[Office], grace: timedelta
) -> ErasureView | Refusal:
    """Have the person erased after a grace in which they may take it back; they are told."""
    refusal = judge_offices(offices)
    if refusal is not None:
        return refusal
    row = _row(person_id, by_operator=False, due_at=desk.now + grace, now=desk.now)
    if not store.insert_erasure(session, row):
        standing = store.find_newest(session, person_id)
        return already_asked(_view(session, standing or row, desk.sealer))
    _tell(
        session,
        desk,
        person_id,
        subject="You asked to be erased",
        text=f"On {row.due_at:%-d %B %Y} your name, address, answers and ways to sign in are destroyed, and your access "
        "ends. Until then you can take it back. Save your receipts first: afterwards nobody can give you them.\n"
        "If it was not you who asked, take it back and end your sessions.",
    )
    return _view(session, row, desk.sealer)


def take_back(session: Session, desk: Desk, *, person_id: UUID) -> ErasureView | Refusal:
    """Leave the person as they are after all."""
    row = store.lock_waiting(session, person_id)
    if row is None:
        return nothing_asked()
    store.decide(session, row.id, {"state": ErasureState.TAKEN_BACK, "decided_at": desk.now})
    _tell(
        session,
        desk,
        person_id,
        subject="You are not erased",
        text="The request was taken back. Nothing changed.",
    )
    session.refresh(row)
    return _view(session, row, desk.sealer)


def refuse_erasure(session: Session, desk: Desk, *, person_id: UUID, reason: str) -> ErasureView | Refusal:
    """Refuse a request as an operator, with words for the person (GDPR article 12(4)); they are told."""
    row = store.lock_waiting(session, person_id)
    key = desk.sealer.find_subject_key(session, person_id)
    if row is None or key is None:
        return nothing_asked()
    text = reason.strip()[:REASON_MAX_CHARACTERS]
    values: dict[str, Any] = {
        "state": ErasureState.REFUSED,
        "decided_at": desk.now,
        "sealed_reason": key.seal(text.encode(), _reason_context(row.id)),
    }
    store.decide(session, row.id, values)
    _tell(
        session,
        desk,
        person_id,
        subject="Your request to be erased was refused",
        text=f"The operators give this reason: {text}\nYou can ask them to look at it again, complain to a supervisory "
        "authority, or go to a court.",
    )
    session.refresh(row)
    return _view(session, row, desk.sealer)


def find_done(session: Session, desk: Desk, person_id: UUID) -> ErasureView | None:
    """Return the erasure of somebody who is erased."""
    newest = store.find_newest(session, person_id)
    return _view(session, newest, desk.sealer) if newest and newest.state is ErasureState.DONE else None


def record_erasure(session: Session, desk: Desk, person_id: UUID) -> ErasureView:
    """Note that the person is erased now, in the log too; the request that waits is carried out by it."""
    leaf = erasure_leaf(person_id, now=desk.now)
    entry_id = ledger.append(session, kind=PERSON_ERASED, leaf=leaf, now=desk.now)
    row = store.lock_waiting(session, person_id)
    if row is None:
        row = _row(person_id, by_operator=True, due_at=desk.now, now=desk.now)
        store.insert_erasure(session, row)
    done = {"state": ErasureState.DONE, "decided_at": desk.now, "entry_id": entry_id}
    store.decide(session, row.id, done)
    return _view(session, store.find_newest(session, person_id) or row, desk.sealer)


def list_due(session: Session, *, now: datetime, limit: int) -> Sequence[UUID]:
    """Return whom to erase now, the longest due first."""
    return store.list_due(session, now=now, limit=limit)


def take_unswept(session: Session, *, now: datetime, limit: int) -> Sequence[UUID]:
    """Return who was erased an hour ago and is to be looked after once more; they count as looked after."""
    rows = store.list_unswept(session, before=now - SWEPT_AFTER, limit=limit)
    for row in rows:
        store.decide(session, row.id, {"swept_at": now})
    return [row.person_id for row in rows]


def put_off(session: Session, desk: Desk, person_id: UUID, refusal: Refusal) -> None:
    """Wait longer for what stands in the way, and say so."""
    row = store.lock_waiting(session, person_id)
    if row is None:
        return
    store.decide(session, row.id, {"due_at": max(refusal.until or desk.now, desk.now + PUT_OFF)})
    _tell(
        session,
        desk,
        person_id,
        subject="You are not erased yet",
        text=f"{refusal.title}. {refusal.detail}\nYour request stands; it is tried again in two weeks, "
        "or when what stands in the way ends, where that is known and later.",
    )


def list_waiting(
    session: Session, *, sealer: Sealer, after: UUID | None, limit: int
) -> Sequence[ErasureView]:
    """Return requests that wait, oldest first, strictly after `after`; for operators."""
    return [_view(session, row, sealer) for row in store.list_waiting(session, after=after, limit=limit)]


def _tell(session: Session, desk: Desk, person_id: UUID, *, subject: str, text: str) -> None:
    message = Message(kind="erasure", subject=subject, text=text, page=PAGE)
    notify(session, [person_id], message, base_url=desk.base_url, sealer=desk.sealer, now=desk.now)


def _row(person_id: UUID, *, by_operator: bool, due_at: datetime, now: datetime) -> Erasure:
    return Erasure(
        id=new_id(),
        person_id=person_id,
        by_operator=by_operator,
        asked_at=now,
        due_at=due_at,
        state=ErasureState.WAITING,
    )


def _view(session: Session, row: Erasure, sealer: Sealer) -> ErasureView:
    key = sealer.find_subject_key(session, row.person_id) if row.sealed_reason else None
    reason = (
        key.open(row.sealed_reason, _reason_context(row.id)).decode() if key and row.sealed_reason else None
    )
    return ErasureView(
        id=row.id,
        person_id=row.person_id,
        by_operator=row.by_operator,
        asked_at=row.asked_at,
        due_at=row.due_at,
        state=ErasureState(row.state),
        decided_at=row.decided_at,
        reason=reason,
    )


def _reason_context(erasure_id: UUID) -> bytes:
    return b"erasure:reason:" + erasure_id.bytes
