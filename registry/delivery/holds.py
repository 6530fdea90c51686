"""Use cases of legal holds: placing and lifting them, and what they keep from being destroyed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, update
from sqlmodel import Session, col, select

from registry import acceptances, access, catalog, identity
from registry.delivery.hold_domain import Held, HoldView, judge_hold
from registry.delivery.hold_tables import Hold
from registry.delivery.tables import DownloadRecord
from registry.kernel.clock import iso
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import Refusal
from registry.kernel.periodic import wait_for_others
from registry.kernel.sealing import Sealer

LIST_MOST = 1_000
SWEEP_LOCK = 7_254_011
"""Key of the PostgreSQL advisory lock that lets one worker at a time destroy what is due; any constant will do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A hold that somebody orders: on one person, one publisher or one model."""

    person: str = ""
    """Address, or id here."""
    publisher: str = ""
    model: str = ""
    """`publisher/name`."""
    reason: str
    ordered_by: str
    until: datetime | None = None


def place_hold(session: Session, order: Order, *, sealer: Sealer, now: datetime) -> HoldView | Refusal:
    """From the commit on nothing is destroyed that the hold concerns."""
    wait_for_others(session, SWEEP_LOCK)
    subject = _find_subject(session, order, sealer)
    reason, ordered_by = order.reason.strip(), order.ordered_by.strip()
    if refused := judge_hold(reason, ordered_by, until=order.until, known=subject is not None, now=now):
        return refused
    given = subject or {}
    row = Hold(
        id=new_id(),
        person_id=given.get("person_id"),
        publisher_id=given.get("publisher_id"),
        model_id=given.get("model_id"),
        reason=reason,
        ordered_by=ordered_by,
        placed_at=now,
        until=order.until,
    )
    session.add(row)
    session.flush()  # Lists in the same transaction show it.
    return _view(session, row)


def lift_hold(session: Session, hold_id: UUID, *, now: datetime) -> HoldView | None:
    """End a hold; what is due by then is destroyed the next time round. None if there is none that stands."""
    done = session.exec(
        update(Hold)
        .where(col(Hold.id) == hold_id, _live(now))
        .values(lifted_at=now)
        .execution_options(synchronize_session=False)
    )
    if done.rowcount != 1:
        return None
    row = session.get(Hold, hold_id, populate_existing=True)
    return None if row is None else _view(session, row)


def list_holds(session: Session, *, now: datetime) -> Sequence[HoldView]:
    """Return the holds that stand, oldest first."""
    return [_view(session, row) for row in _list_live(session, now)]


def load_held(session: Session, *, now: datetime) -> Held:
    """Return all that must stay now: what a hold concerns, and what is kept about people whose data is stored only."""
    rows = _list_live(session, now)
    gates: set[UUID] = set()
    models = {row.model_id for row in rows if row.model_id}
    for publisher_id, wanted in _publishers(session, rows):
        for one in catalog.list_own_models(session, publisher_id=publisher_id):
            if wanted is None or one.model_id in wanted:
                gates.update(one.gate_ids)
                models.add(one.model_id)
    return Held(
        people=frozenset(row.person_id for row in rows if row.person_id)
        | frozenset(identity.list_restricted(session)),
        gates=frozenset(gates),
        models=frozenset(models),
    )


def find_holds(session: Session, *, person_id: UUID, now: datetime) -> Sequence[HoldView]:
    """Return the holds that keep anything about this person; empty: nothing stands against destroying it."""
    rows = _list_live(session, now)
    wide = [row for row in rows if row.person_id is None]
    touched = _touched(session, person_id) if wide else (set(), set())
    return [
        _view(session, row) for row in rows if row.person_id == person_id or _concerns(session, row, touched)
    ]


def export_holds(session: Session, *, person_id: UUID) -> list[dict[str, str | None]]:
    """Return every hold on this very person there ever was, for the export of their data."""
    rows = session.exec(select(Hold).where(Hold.person_id == person_id).order_by(col(Hold.id)))
    return [
        {
            "reason": hold.reason,
            "ordered_by": hold.ordered_by,
            "since": iso(hold.placed_at),
            "until": iso(hold.until) if hold.until else None,
            "lifted_at": iso(hold.lifted_at) if hold.lifted_at else None,
        }
        for hold in rows
    ]


def forget_reasons(session: Session, *, person_id: UUID) -> None:
    """Take the words of holds that have ended from a person who is erased."""
    session.exec(update(Hold).where(col(Hold.person_id) == person_id).values(reason="erased"))


def _concerns(session: Session, row: Hold, touched: tuple[set[UUID], set[UUID]]) -> bool:
    gate_ids, model_ids = touched
    for publisher_id, wanted in _publishers(session, [row]):
        for one in catalog.list_own_models(session, publisher_id=publisher_id):
            if wanted is not None and one.model_id not in wanted:
                continue
            if one.model_id in model_ids or gate_ids & set(one.gate_ids):
                return True
    return False


def _touched(session: Session, person_id: UUID) -> tuple[set[UUID], set[UUID]]:
    """Return the gates at which the person accepted or asked, and the models they were given files of."""
    gates = set(acceptances.first_accepted(session, person_id=person_id))
    gates |= access.list_gates_asked_at(session, person_id=person_id)
    given = select(DownloadRecord.model_id).where(DownloadRecord.person_id == person_id).distinct()
    return gates, set(session.exec(given.order_by(col(DownloadRecord.model_id))))


def _publishers(session: Session, rows: Sequence[Hold]) -> Iterator[tuple[UUID, set[UUID] | None]]:
    """Yield each publisher that holds concern, with the models alone that they are about; None: all of its."""
    for row in rows:
        if row.publisher_id is not None:
            yield row.publisher_id, None
        elif row.model_id is not None:
            yield catalog.get_model(session, row.model_id).publisher_id, {row.model_id}


def _find_subject(session: Session, order: Order, sealer: Sealer) -> dict[str, UUID] | None:
    if order.person:
        found = _find_person(session, order.person.strip(), sealer)
        return {"person_id": found} if found else None
    publisher = catalog.find_publisher(session, order.publisher or order.model.partition("/")[0])
    if isinstance(publisher, Refusal):
        return None
    if order.publisher:
        return {"publisher_id": publisher.id}
    name = order.model.partition("/")[2].lower()
    models = catalog.list_own_models(session, publisher_id=publisher.id)
    return next(({"model_id": one.model_id} for one in models if one.name.lower() == name), None)


def _find_person(session: Session, who: str, sealer: Sealer) -> UUID | None:
    try:
        found: UUID | None = UUID(who)
    except ValueError:
        found = identity.find_person_by_email(session, email=who, sealer=sealer)
    # Locked, so that an erasure that runs beside it is over, or waits and then sees the hold.
    known = identity.lock_people(session, person_ids=[found], sealer=sealer) if found else {}
    return found if found in known else None


def _list_live(session: Session, now: datetime) -> Sequence[Hold]:
    return session.exec(select(Hold).where(_live(now)).order_by(col(Hold.id)).limit(LIST_MOST)).all()


def _live(now: datetime) -> ColumnElement[bool]:
    return and_(col(Hold.lifted_at).is_(None), or_(col(Hold.until).is_(None), col(Hold.until) > now))


def _view(session: Session, row: Hold) -> HoldView:
    if row.person_id is not None:
        subject = f"person {row.person_id}"
    elif row.publisher_id is not None:
        subject = f"publisher {catalog.get_publisher(session, row.publisher_id).name}"
    else:
        subject = f"model {catalog.get_model(session, row.model_id).repo_id if row.model_id else ''}"
    return HoldView(
        id=row.id,
        subject=subject,
        reason=row.reason,
        ordered_by=row.ordered_by,
        placed_at=row.placed_at,
        until=row.until,
        lifted_at=row.lifted_at,
    )
