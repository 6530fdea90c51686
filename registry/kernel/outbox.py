"""Transactional outbox: effects outside the database, put in the same transaction as their cause.

A message is delivered at least once; one whose effect is in the database itself, exactly once, where its handler runs
between `lock` and `complete` in one transaction. Handlers are found by topic in the composition root; a handler that
raises is tried again with growing pauses until `GIVE_UP_AFTER_ATTEMPTS`, then the message stays, marked
with its last error, for an operator to see.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Index, LargeBinary, Uuid, delete, insert, literal, text, update
from sqlalchemy import select as select_columns
from sqlmodel import Field, Session, col, func, select

from registry.kernel.database import Table, UTCDateTime
from registry.kernel.identifiers import new_id
from registry.kernel.inserting import insert_many

LEASE = timedelta(seconds=60)
"""How long a claimed message is hidden from other workers."""
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(hours=1)
GIVE_UP_AFTER_ATTEMPTS = 12


class OutboxMessage(Table, table=True):
    """One effect to bring about; `payload` is opaque here and sealed by its writer where it is personal."""

    __table_args__ = (
        Index(
            "ix_outbox_message_due",
            "available_at",
            sqlite_where=text("done_at IS NULL"),
            postgresql_where=text("done_at IS NULL"),
        ),
    )

    id: UUID = Field(primary_key=True)
    topic: str = Field(max_length=64)
    payload: bytes
    created_at: datetime = Field(sa_type=UTCDateTime)
    available_at: datetime = Field(sa_type=UTCDateTime)
    attempts: int = 0
    done_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    last_error: str | None = Field(default=None, max_length=300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A claimed message."""

    id: UUID
    topic: str
    payload: bytes
    attempts: int


def put(session: Session, topic: str, payload: bytes, *, now: datetime) -> UUID:
    """Bring about `topic` once the transaction has committed."""
    (message_id,) = put_all(session, topic, [(payload, now)])
    return message_id


def put_if(
    session: Session, topic: str, payload: bytes, condition: ColumnElement[bool], *, now: datetime
) -> None:
    """Bring about `topic` once the transaction has committed, if `condition` holds: one statement for both."""
    values: dict[str, ColumnElement[Any]] = {
        "id": literal(new_id(), Uuid()),
        "topic": literal(topic),
        "payload": literal(payload, LargeBinary()),
        "created_at": literal(now, UTCDateTime()),
        "available_at": literal(now, UTCDateTime()),
        "attempts": literal(0),
    }
    row = select_columns(*values.values()).where(condition)
    session.exec(insert(OutboxMessage).from_select(list(values), row))


def put_all(session: Session, topic: str, payloads: Sequence[tuple[bytes, datetime]]) -> Sequence[UUID]:
    """Bring about `topic` for each payload, put in at its moment, once the transaction has committed."""
    rows = [
        {
            "id": new_id(),
            "topic": topic,
            "payload": payload,
            "created_at": now,
            "available_at": now,
            "attempts": 0,
        }
        for payload, now in payloads
    ]
    insert_many(session, OutboxMessage, rows)
    return [row["id"] for row in rows]  # type: ignore[misc] # the dict's values are of several types


def claim(session: Session, *, now: datetime, most: int = 20) -> Sequence[Message]:
    """Take due messages; nobody else gets them before the lease ends."""
    due = session.exec(
        select(OutboxMessage)
        .where(col(OutboxMessage.done_at).is_(None), col(OutboxMessage.available_at) <= now)
        .where(col(OutboxMessage.attempts) < GIVE_UP_AFTER_ATTEMPTS)
        .order_by(col(OutboxMessage.available_at), col(OutboxMessage.id))
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    claimed = []
    for row in due:
        claimed.append(Message(id=row.id, topic=row.topic, payload=row.payload, attempts=row.attempts + 1))
        row.attempts += 1
        row.available_at = now + LEASE
        session.add(row)
    return claimed


def lock(session: Session, message: Message) -> bool:
    """Return whether `message` still is to be delivered; nobody else settles it before the commit."""
    waiting = select(OutboxMessage.id).where(
        OutboxMessage.id == message.id, col(OutboxMessage.done_at).is_(None)
    )
    return session.exec(waiting.with_for_update()).one_or_none() is not None


def complete(session: Session, message: Message, *, now: datetime) -> None:
    """Mark `message` as done and forget what it carried."""
    session.exec(
        update(OutboxMessage)
        .where(col(OutboxMessage.id) == message.id)
        .values(done_at=now, payload=b"", last_error=None)
    )


def list_unfinished(
    session: Session, topic: str, *, after: UUID | None, limit: int
) -> Sequence[tuple[UUID, bytes]]:
    """Return id and payload of messages that are not delivered, given up or not, strictly after `after`."""
    statement = select(OutboxMessage.id, OutboxMessage.payload).where(
        OutboxMessage.topic == topic, col(OutboxMessage.done_at).is_(None)
    )
    if after is not None:
        statement = statement.where(OutboxMessage.id > after)
    return session.exec(statement.order_by(col(OutboxMessage.id)).limit(limit)).all()


def cancel(session: Session, message_id: UUID) -> bool:
    """Take back a message that is not delivered; False if it is by now."""
    result = session.exec(
        delete(OutboxMessage).where(col(OutboxMessage.id) == message_id, col(OutboxMessage.done_at).is_(None))
    )
    return result.rowcount == 1


def fail(session: Session, message: Message, *, error: str, now: datetime) -> None:
    """Keep `message` for another try after a pause. `error` names the kind of failure, no data."""
    session.exec(
        update(OutboxMessage)
        .where(col(OutboxMessage.id) == message.id)
        .values(available_at=now + pause_after(message.attempts), last_error=error[:300])
    )


def give_up(session: Session, message: Message, *, error: str) -> None:
    """Never try `message` again: what it carried is forgotten, why stays for an operator to see."""
    session.exec(
        update(OutboxMessage)
        .where(col(OutboxMessage.id) == message.id)
        .values(attempts=GIVE_UP_AFTER_ATTEMPTS, payload=b"", last_error=error[:300])
    )


def count_waiting(session: Session) -> tuple[int, datetime | None]:
    """Return how many messages are not delivered, given-up ones too, and since when the oldest waits."""
    waiting = col(OutboxMessage.done_at).is_(None)
    return session.exec(
        select(func.count(), func.min(OutboxMessage.created_at)).select_from(OutboxMessage).where(waiting)
    ).one()


def is_waiting(session: Session, topic: str, *, since: datetime) -> bool:
    """Whether a message of this topic that was put in from `since` on is still to be delivered."""
    waiting = (
        select(OutboxMessage.id)
        .where(OutboxMessage.topic == topic, OutboxMessage.created_at >= since)
        .where(col(OutboxMessage.done_at).is_(None), OutboxMessage.attempts < GIVE_UP_AFTER_ATTEMPTS)
        .limit(1)
    )
    return session.exec(waiting).one_or_none() is not None


def pause_after(attempts: int) -> timedelta:
    """Return how long to wait after the given number of failed attempts; grows, up to an hour."""
    doubled: timedelta = FIRST_PAUSE * (2 ** min(max(attempts, 1) - 1, 16))
    return min(doubled, LONGEST_PAUSE)
