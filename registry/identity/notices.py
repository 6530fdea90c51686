"""What a person is told: a notice in their inbox and, in the same words, a mail. Both are sealed until read.

Each step that concerns a person goes through `notify`; the outbox delivers the mail after the commit and
tries again where the mail server is away.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import func, update
from sqlmodel import Session, col, select

from registry.identity.domain import Message, NoticeView
from registry.identity.service import open_profiles
from registry.identity.tables import Notice
from registry.kernel import mail
from registry.kernel.identifiers import new_id
from registry.kernel.inserting import insert_many
from registry.kernel.sealing import Sealer

PAGE_MOST = 50


def notify(
    session: Session,
    person_ids: Sequence[UUID],
    message: Message,
    *,
    base_url: str,
    sealer: Sealer,
    now: datetime,
    by_mail: bool = True,
) -> None:
    """Put the message into each inbox and, unless it is for a later digest, queue it as mail.

    People who were erased, or have no address, are left out.
    """
    rows, letters = [], []
    wanted = list(dict.fromkeys(person_ids))
    profiles = open_profiles(session, person_ids=wanted, sealer=sealer)
    keys = sealer.find_subject_keys(session, wanted)
    body = msgspec.json.encode(message)
    for person_id in wanted:
        if person_id not in profiles or person_id not in keys:
            continue
        notice_id = new_id()
        rows.append(
            {
                "id": notice_id,
                "person_id": person_id,
                "created_at": now,
                "awaits_digest": not by_mail,
                "sealed": keys[person_id].seal(body, _context(notice_id)),
            }
        )
        if by_mail:
            text = f"{message.text.strip()}\n\n{base_url}{message.page}\n"
            letters.append((mail.Mail(to=profiles[person_id].email, subject=message.subject, text=text), now))
    insert_many(session, Notice, rows)
    mail.queue_all(session, letters, sealer=sealer)


def list_notices(
    session: Session, *, person_id: UUID, sealer: Sealer, after: UUID | None = None, limit: int = PAGE_MOST
) -> Sequence[NoticeView]:
    """Return a page of the person's notices, newest first, strictly older than `after`."""
    key = sealer.find_subject_key(session, person_id)
    if key is None:
        return ()
    statement = select(Notice).where(Notice.person_id == person_id)
    if after is not None:
        statement = statement.where(Notice.id < after)
    rows = session.exec(statement.order_by(col(Notice.id).desc()).limit(limit)).all()
    return [
        NoticeView(
            id=row.id,
            message=msgspec.json.decode(key.open(row.sealed, _context(row.id)), type=Message),
            at=row.created_at,
            read_at=row.read_at,
        )
        for row in rows
    ]


def count_unread(session: Session, *, person_id: UUID, most: int = 100) -> int:
    """Return how many notices the person has not seen, counted no further than `most`."""
    unread = select(Notice.id).where(Notice.person_id == person_id, col(Notice.read_at).is_(None)).limit(most)
    return session.exec(select(func.count()).select_from(unread.subquery())).one()


def mark_read(session: Session, *, person_id: UUID, now: datetime) -> None:
    """Note that the person has seen all notices so far."""
    session.exec(
        update(Notice)
        .where(col(Notice.person_id) == person_id, col(Notice.read_at).is_(None))
        .values(read_at=now)
    )


def _context(notice_id: UUID) -> bytes:
    return b"notice:" + notice_id.bytes
