"""Queries and inserts of requests, their steps, and grants; no rules."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, insert, or_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from registry.access.tables import AccessGrant, AccessGrantEnd, AccessRequest, RequestStep
from registry.access.transitions import OPEN, RequestState
from registry.kernel.among import is_among

STEPS_MOST = 200


def insert_request(session: Session, request: AccessRequest) -> bool:
    """Insert a request; False if the person has an open one at this gate meanwhile."""
    try:
        with session.begin_nested():
            session.exec(insert(AccessRequest).values(**request.model_dump()))
    except IntegrityError:
        return False
    return True


def lock_request(session: Session, request_id: UUID) -> AccessRequest | None:
    """Return the request; its row stays locked until the commit, so that moves follow each other."""
    return session.exec(
        select(AccessRequest)
        .where(AccessRequest.id == request_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()


def find_request(session: Session, request_id: UUID) -> AccessRequest | None:
    """Return the request."""
    return session.get(AccessRequest, request_id)


def find_newest(session: Session, *, person_id: UUID, gate_id: UUID) -> AccessRequest | None:
    """Return the person's latest request at the gate."""
    return session.exec(
        select(AccessRequest)
        .where(AccessRequest.person_id == person_id, AccessRequest.gate_id == gate_id)
        .order_by(col(AccessRequest.id).desc())
        .limit(1)
    ).one_or_none()


def find_open(session: Session, *, person_id: UUID, gate_id: UUID) -> AccessRequest | None:
    """Return the person's open request at the gate."""
    return session.exec(
        select(AccessRequest).where(
            AccessRequest.person_id == person_id, AccessRequest.gate_id == gate_id, col(AccessRequest.is_open)
        )
    ).one_or_none()


def move_request(
    session: Session,
    request: AccessRequest,
    *,
    state: RequestState,
    now: datetime,
    due_at: datetime | None,
    sent_at: datetime | None,
    reapply_at: datetime | None,
    assigned_to: UUID | None,
) -> None:
    """Repeat in the request's row what its newest step says."""
    session.exec(
        update(AccessRequest)
        .where(col(AccessRequest.id) == request.id)
        .values(
            state=state,
            state_since=now if state is not request.state else request.state_since,
            is_open=state in OPEN,
            due_at=due_at,
            sent_at=sent_at,
            sealed_draft=request.sealed_draft if state is RequestState.DRAFT else None,
            warned_at=None if due_at != request.due_at else request.warned_at,
            reapply_at=reapply_at,
            assigned_to=assigned_to,
            words_forgotten_at=None,
        )
    )
    session.expire(request)


def keep_draft(session: Session, request_id: UUID, sealed: bytes | None) -> None:
    """Replace what is filled in and not sent."""
    session.exec(update(AccessRequest).where(col(AccessRequest.id) == request_id).values(sealed_draft=sealed))


def mark_warned(session: Session, request_id: UUID, *, now: datetime) -> None:
    """Note that the applicant was told that the request will lapse."""
    session.exec(update(AccessRequest).where(col(AccessRequest.id) == request_id).values(warned_at=now))


def insert_step(session: Session, step: RequestStep) -> None:
    """Insert a step."""
    session.exec(insert(RequestStep).values(**step.model_dump()))


def list_steps(session: Session, request_id: UUID) -> Sequence[RequestStep]:
    """Return what happened to the request, oldest first."""
    return session.exec(
        select(RequestStep)
        .where(RequestStep.request_id == request_id)
        .order_by(col(RequestStep.number))
        .limit(STEPS_MOST)
    ).all()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFilter:
    """Which requests of a publisher to list."""

    publisher_id: UUID
    states: Sequence[RequestState]
    assigned_to: UUID | None = None
    unassigned: bool = False
    sent_before: datetime | None = None


def list_queue(
    session: Session, wanted: QueueFilter, *, after: UUID | None, limit: int
) -> Sequence[AccessRequest]:
    """Return the publisher's requests that fit, oldest first, strictly newer than `after`."""
    statement = select(AccessRequest).where(*_fits(wanted))
    if after is not None:
        statement = statement.where(AccessRequest.id > after)
    return session.exec(statement.order_by(col(AccessRequest.id)).limit(limit)).all()


def count_queue(session: Session, wanted: QueueFilter, *, most: int) -> int:
    """Return how many requests fit, counted no further than `most`."""
    fitting = select(AccessRequest.id).where(*_fits(wanted)).limit(most)
    return session.exec(select(func.count()).select_from(fitting.subquery())).one()


def _fits(wanted: QueueFilter) -> list[ColumnElement[bool]]:
    conditions = [
        col(AccessRequest.publisher_id) == wanted.publisher_id,
        col(AccessRequest.state).in_(wanted.states),
        # A draft is its writer's alone, also after it was thrown away.
        col(AccessRequest.sent_at).is_not(None),
    ]
    if wanted.unassigned:
        conditions.append(col(AccessRequest.assigned_to).is_(None))
    elif wanted.assigned_to is not None:
        conditions.append(col(AccessRequest.assigned_to) == wanted.assigned_to)
    if wanted.sent_before is not None:
        conditions.append(col(AccessRequest.sent_at) <= wanted.sent_before)
    return conditions


def count_before(session: Session, request: AccessRequest, *, most: int) -> int:
    """Return how many undecided requests of the publisher are older, counted no further than `most`."""
    older = (
        select(AccessRequest.id)
        .where(
            AccessRequest.publisher_id == request.publisher_id,
            col(AccessRequest.state).in_([RequestState.SUBMITTED, RequestState.IN_REVIEW]),
            AccessRequest.id < request.id,
        )
        .limit(most)
    )
    return session.exec(select(func.count()).select_from(older.subquery())).one()


def list_of_person(
    session: Session, *, person_id: UUID, after: UUID | None, limit: int
) -> Sequence[AccessRequest]:
    """Return the person's requests, newest first, strictly older than `after`."""
    statement = select(AccessRequest).where(AccessRequest.person_id == person_id)
    if after is not None:
        statement = statement.where(AccessRequest.id < after)
    return session.exec(statement.order_by(col(AccessRequest.id).desc()).limit(limit)).all()


def list_of_person_at(
    session: Session, *, person_id: UUID, publisher_id: UUID, after: UUID | None, limit: int
) -> Sequence[tuple[AccessRequest, AccessGrant | None, AccessGrantEnd | None]]:
    """Return the person's requests at a publisher with their grants, newest first, strictly older than `after`."""
    statement = (
        select(AccessRequest, AccessGrant, AccessGrantEnd)
        .outerjoin(AccessGrant, col(AccessGrant.request_id) == col(AccessRequest.id))
        .outerjoin(AccessGrantEnd, col(AccessGrantEnd.grant_id) == col(AccessGrant.id))
        .where(AccessRequest.person_id == person_id, AccessRequest.publisher_id == publisher_id)
    )
    if after is not None:
        statement = statement.where(AccessRequest.id < after)
    return session.exec(statement.order_by(col(AccessRequest.id).desc()).limit(limit)).all()


def list_at_gate(
    session: Session,
    *,
    gate_id: UUID,
    states: Sequence[RequestState],
    after: UUID | None,
    limit: int,
    person_id: UUID | None = None,
) -> Sequence[AccessRequest]:
    """Return sent requests at a gate in these states, oldest first, strictly newer than `after`."""
    statement = select(AccessRequest).where(
        AccessRequest.gate_id == gate_id,
        col(AccessRequest.state).in_(states),
        # A draft is its writer's alone, also after it was thrown away.
        col(AccessRequest.sent_at).is_not(None),
    )
    if person_id is not None:
        statement = statement.where(AccessRequest.person_id == person_id)
    if after is not None:
        statement = statement.where(AccessRequest.id > after)
    return session.exec(statement.order_by(col(AccessRequest.id)).limit(limit)).all()


def list_newest_ids(
    session: Session, *, gate_id: UUID, people: Sequence[UUID], states: Sequence[RequestState]
) -> frozenset[UUID]:
    """Return the newest sent request in these states of each of the people at a gate."""
    rows = session.exec(
        select(AccessRequest.person_id, AccessRequest.id)
        .where(is_among(session, AccessRequest.person_id, people), AccessRequest.gate_id == gate_id)
        .where(col(AccessRequest.state).in_(states), col(AccessRequest.sent_at).is_not(None))
        .order_by(col(AccessRequest.id))
    )
    newest = {person_id: request_id for person_id, request_id in rows}  # noqa: C416 - rows are no pairs to mypy
    return frozenset(newest.values())


def list_gates_asked_at(session: Session, *, person_id: UUID) -> set[UUID]:
    """Return the gates at which the person has ever asked."""
    asked = select(AccessRequest.gate_id).where(AccessRequest.person_id == person_id).distinct()
    return set(session.exec(asked.order_by(col(AccessRequest.gate_id))))


def list_due(
    session: Session, *, before: datetime, warned: bool, but_of: Collection[UUID], limit: int
) -> Sequence[AccessRequest]:
    """Return requests that lapse before a moment, the most urgent first; not yet warned ones, or all."""
    statement = select(AccessRequest).where(
        col(AccessRequest.due_at).is_not(None), col(AccessRequest.due_at) <= before
    )
    if not warned:
        statement = statement.where(col(AccessRequest.warned_at).is_(None))
    if but_of:
        statement = statement.where(col(AccessRequest.person_id).not_in(but_of))
    return session.exec(
        statement.order_by(col(AccessRequest.due_at), col(AccessRequest.id)).limit(limit)
    ).all()


def insert_grant(session: Session, grant: AccessGrant) -> None:
    """Insert a grant."""
    session.exec(insert(AccessGrant).values(**grant.model_dump()))


def find_grant(session: Session, request_id: UUID) -> tuple[AccessGrant, AccessGrantEnd | None] | None:
    """Return the grant that a request brought about, and its end, if any."""
    return session.exec(
        select(AccessGrant, AccessGrantEnd)
        .outerjoin(AccessGrantEnd, col(AccessGrantEnd.grant_id) == col(AccessGrant.id))
        .where(AccessGrant.request_id == request_id)
    ).one_or_none()


def find_standing_grant(
    session: Session, *, person_id: UUID, gate_id: UUID, now: datetime
) -> AccessGrant | None:
    """Return the grant that gives the person the gate's models now, the longest one."""
    rows = session.exec(
        select(AccessGrant)
        .outerjoin(AccessGrantEnd, col(AccessGrantEnd.grant_id) == col(AccessGrant.id))
        .where(
            AccessGrant.person_id == person_id,
            AccessGrant.gate_id == gate_id,
            col(AccessGrantEnd.grant_id).is_(None),
        )
        .order_by(col(AccessGrant.id))
    ).all()
    live = [row for row in rows if row.ends_at is None or row.ends_at > now]
    return max(live, key=lambda row: (row.ends_at is None, row.ends_at or now), default=None)


def list_granted(session: Session, gate_id: UUID, *, now: datetime) -> frozenset[UUID]:
    """Return who has a grant at the gate that stands now."""
    rows = session.exec(
        select(AccessGrant.person_id, AccessGrant.ends_at)
        .outerjoin(AccessGrantEnd, col(AccessGrantEnd.grant_id) == col(AccessGrant.id))
        .where(AccessGrant.gate_id == gate_id, col(AccessGrantEnd.grant_id).is_(None))
        .order_by(col(AccessGrant.id))
    )
    return frozenset(person_id for person_id, ends_at in rows if ends_at is None or ends_at > now)


def list_granted_among(
    session: Session, gate_id: UUID, people: Sequence[UUID], *, now: datetime
) -> frozenset[UUID]:
    """Return who of the people has a grant at the gate that stands now."""
    rows = session.exec(
        select(AccessGrant.person_id)
        .outerjoin(AccessGrantEnd, col(AccessGrantEnd.grant_id) == col(AccessGrant.id))
        .where(is_among(session, AccessGrant.person_id, people), AccessGrant.gate_id == gate_id)
        .where(col(AccessGrantEnd.grant_id).is_(None))
        .where(or_(col(AccessGrant.ends_at).is_(None), col(AccessGrant.ends_at) > now))
        .order_by(col(AccessGrant.id))
    )
    return frozenset(rows)


def insert_grant_end(session: Session, end: AccessGrantEnd) -> None:
    """Insert the end of a grant."""
    session.exec(insert(AccessGrantEnd).values(**end.model_dump()))


def list_grantees(
    session: Session, *, gate_id: UUID, after: UUID | None, limit: int
) -> Sequence[tuple[UUID, UUID]]:
    """Return grant and person of the grants of a gate that nobody ended, by their ids, after `after`."""
    statement = (
        select(AccessGrant.id, AccessGrant.person_id)
        .outerjoin(AccessGrantEnd, col(AccessGrantEnd.grant_id) == col(AccessGrant.id))
        .where(AccessGrant.gate_id == gate_id, col(AccessGrantEnd.grant_id).is_(None))
    )
    if after is not None:
        statement = statement.where(AccessGrant.id > after)
    return session.exec(statement.order_by(col(AccessGrant.id)).limit(limit)).all()
