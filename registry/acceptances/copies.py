"""What became of the acceptor's copy: the letter about it, the first fetching of the receipt.

These happen after the act, so they are facts beside the statement and not in it.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from registry.acceptances.domain import CopyEvent
from registry.acceptances.tables import ReceiptCopy


def note_copy(session: Session, acceptance_id: UUID, event: CopyEvent, *, now: datetime) -> None:
    """Record that the event has happened; only its first time counts."""
    if session.get(ReceiptCopy, (acceptance_id, event.value)) is not None:
        return
    try:
        with session.begin_nested():
            session.exec(
                insert(ReceiptCopy).values(acceptance_id=acceptance_id, event=event.value, happened_at=now)
            )
    except IntegrityError:
        return  # Somebody else has recorded it meanwhile.


def find_copies(session: Session, acceptance_id: UUID) -> Mapping[CopyEvent, datetime]:
    """Return what has happened to the acceptor's copy, and when first."""
    rows = session.exec(select(ReceiptCopy).where(ReceiptCopy.acceptance_id == acceptance_id))
    return {CopyEvent(row.event): row.happened_at for row in rows}
