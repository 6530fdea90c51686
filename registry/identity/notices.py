"""What a person is told: a notice in their inbox and, in the same words, a mail. Both are sealed until read.

Each step that concerns a person goes through `notify`; the outbox delivers the mail after the commit and
tries again where the mail server is away.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import exists, func, or_, update
from sqlmodel import Session, col, select

from registry.identity.domain import Message, NoticeView
from registry.identity.service import open_profiles
from registry.identity.tables import Notice, Person
from registry.kernel import mail
from registry.kernel.identifiers import new_id
from registry.kernel.inserting import insert_many
from registry.kernel.sealing import Sealer

PAGE_MOST = 50
DIGEST_PAUSE = timedelta(days=1)


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


def find_refused_since(session: Session, *, person_id: UUID) -> datetime | None:
    """Return since when the mail server refuses the person's address for good."""
    return session.exec(select(Person.mail_refused_at).where(Person.id == person_id)).one_or_none()


def note_mail(session: Session, *, email: str, sealer: Sealer, refused_at: datetime | None) -> None:
    """Note on the person with the address that mail is refused since then, or that one went through again."""
    indexes = sealer.blind_indexes(email, "email")
    changed = update(Person).where(col(Person.email_index).in_(indexes))
    differs = (
        col(Person.mail_refused_at).is_(None) if refused_at else col(Person.mail_refused_at).is_not(None)
    )
    session.exec(changed.where(differs).values(mail_refused_at=refused_at))


def send_digests(session: Session, *, sealer: Sealer, base_url: str, now: datetime, most: int = 50) -> int:
    """Queue the digests that are due, one a day for each person at most; return how many people were looked at.

    What its reader has seen meanwhile is not told again.
    """
    rested = or_(col(Person.digest_sent_at).is_(None), col(Person.digest_sent_at) <= now - DIGEST_PAUSE)
    awaiting = exists().where(col(Notice.person_id) == col(Person.id), col(Notice.awaits_digest))
    people = session.exec(
        select(Person.id).where(awaiting, rested).order_by(col(Person.id)).limit(most)
    ).all()
    profiles = open_profiles(session, person_ids=people, sealer=sealer)
    for person_id in people:
        unseen = _take_awaiting(session, person_id, sealer)
        if person_id not in profiles or not unseen:
            continue
        letter = mail.Mail(
            to=profiles[person_id].email,
            subject=unseen[0].subject if len(unseen) == 1 else f"{len(unseen)} notices wait for you",
            text="".join(f"{message.text.strip()}\n{base_url}{message.page}\n\n" for message in unseen)
            + f"All of it is in your inbox, too: {base_url}/inbox\n",
        )
        mail.queue(session, letter, sealer=sealer, now=now)
        session.exec(update(Person).where(col(Person.id) == person_id).values(digest_sent_at=now))
    return len(people)


def _take_awaiting(session: Session, person_id: UUID, sealer: Sealer) -> Sequence[Message]:
    """Return what waits for the person's digest and was not seen, oldest first; nothing of it waits any more."""
    key = sealer.find_subject_key(session, person_id)
    waits = (col(Notice.person_id) == person_id, col(Notice.awaits_digest))
    rows = session.exec(
        select(Notice).where(*waits, col(Notice.read_at).is_(None)).order_by(col(Notice.id)).limit(PAGE_MOST)
    ).all()
    session.exec(update(Notice).where(*waits).values(awaits_digest=False))
    if key is None:
        return ()
    return [msgspec.json.decode(key.open(row.sealed, _context(row.id)), type=Message) for row in rows]


def _context(notice_id: UUID) -> bytes:
    return b"notice:" + notice_id.bytes
