"""The durable note that somebody looked at other people's data, and who may read it.

A look is recorded before what was looked at is shown: where it cannot be recorded, nothing is shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, and_, or_, update
from sqlmodel import Session, col, select

from registry.catalog.look_tables import Look
from registry.catalog.tables import Gate, Publisher
from registry.identity.domain import Principal
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import CorruptRecord

COALESCED_FOR = timedelta(hours=1)
_log = structlog.get_logger()


class Looked(StrEnum):
    """What was looked at."""

    ACCEPTANCES = "acceptances"
    DOWNLOADS = "downloads"
    IMPORTS = "imports"
    RECEIPT = "receipt"
    ROLES = "roles"
    BLOCKS = "blocks"
    REQUESTS = "requests"
    REQUEST = "request"
    PERSON = "person"
    """Everything about somebody."""
    EXPLANATION = "explanation"
    """The decision about somebody."""


LISTS_OF_ACCEPTORS = (Looked.ACCEPTANCES, Looked.DOWNLOADS)
"""Lists in which everybody may stand who accepted something of the publisher."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookSummary:
    """A look as lists show it."""

    id: UUID
    publisher: str | None
    """Whose records; None: all of this registry, looked at by its operators."""
    looker_id: UUID
    what: Looked
    subject_id: UUID | None
    export: bool
    through_token: bool
    looked_at: datetime
    reason: str | None


def record_look(
    session: Session,
    what: Looked,
    *,
    principal: Principal,
    publisher_id: UUID | None,
    subject_id: UUID | None = None,
    export: bool = False,
    reason: str | None = None,
    now: datetime,
) -> None:
    """Record that somebody looked at other people's data, unless it is on record for this hour.

    `publisher_id` is None where an operator looked at the records of all publishers.
    """
    if principal.person_id is None:
        raise CorruptRecord(f"nobody in particular was shown {what} of publisher {publisher_id or 'any'}")
    _log.info(
        "audit.read",
        what=what.value,
        by=str(principal.person_id),
        token=str(principal.token_id) if principal.token_id else None,
        publisher=str(publisher_id) if publisher_id else None,
        subject=str(subject_id) if subject_id else None,
        export=export,
    )
    same = select(Look.id).where(
        Look.looker_id == principal.person_id,
        col(Look.publisher_id).is_not_distinct_from(publisher_id),
        col(Look.looked_at) > now - COALESCED_FOR,
        col(Look.looked_at) <= now,
        Look.what == what.value,
        col(Look.subject_id).is_not_distinct_from(subject_id),
        col(Look.token_id).is_not_distinct_from(principal.token_id),
        col(Look.export) == export,
        col(Look.reason).is_not_distinct_from(reason),
    )
    if session.exec(same.limit(1)).first() is not None:
        return
    session.add(
        Look(
            id=new_id(),
            publisher_id=publisher_id,
            looker_id=principal.person_id,
            token_id=principal.token_id,
            what=what.value,
            subject_id=subject_id,
            export=export,
            reason=reason,
            looked_at=now,
        )
    )


def list_looks(
    session: Session, *, publisher_id: UUID, after: UUID | None = None, limit: int = 50
) -> Sequence[LookSummary]:
    """Return a page of the looks at a publisher's records, newest first, strictly older than `after`."""
    return _page(session, col(Look.publisher_id) == publisher_id, after=after, limit=limit)


def list_looks_at(
    session: Session,
    *,
    person_id: UUID,
    gate_ids: Sequence[UUID],
    since: datetime | None,
    after: UUID | None = None,
    limit: int = 50,
) -> Sequence[LookSummary]:
    """Return a page of the looks by others at a person's data, newest first, strictly older than `after`.

    Those are looks at this person alone, and, from `since` on, at lists of the publishers whose gates are given:
    the person may have stood in them.
    """
    publishers = select(Gate.publisher_id).where(col(Gate.id).in_(gate_ids))
    may_show = and_(
        col(Look.subject_id).is_(None),
        col(Look.what).in_([one.value for one in LISTS_OF_ACCEPTORS]),
        col(Look.publisher_id).in_(publishers),
        *([col(Look.looked_at) >= since] if since else []),
    )
    by_others = and_(or_(col(Look.subject_id) == person_id, may_show), col(Look.looker_id) != person_id)
    return _page(session, by_others, after=after, limit=limit)


def _page(
    session: Session, condition: ColumnElement[bool], *, after: UUID | None, limit: int
) -> Sequence[LookSummary]:
    statement = (
        select(Look, Publisher.name)
        .outerjoin(Publisher, col(Publisher.id) == col(Look.publisher_id))
        .where(condition)
        .order_by(col(Look.id).desc())
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(Look.id < after)
    return [_summarise(row, publisher) for row, publisher in session.exec(statement)]


def _summarise(row: Look, publisher: str | None) -> LookSummary:
    return LookSummary(
        id=row.id,
        publisher=publisher,
        looker_id=row.looker_id,
        what=Looked(row.what),
        subject_id=row.subject_id,
        export=row.export,
        through_token=row.token_id is not None,
        looked_at=row.looked_at,
        reason=row.reason,
    )


def forget_reasons(session: Session, *, subject_id: UUID) -> None:
    """Take away why anybody looked at somebody who is erased; that they looked, and when, stays."""
    session.exec(update(Look).where(col(Look.subject_id) == subject_id).values(reason=None))
