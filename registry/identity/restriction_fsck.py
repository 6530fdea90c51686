"""Check of restrictions against the log, and of whom they concern (P6)."""

import json
from collections.abc import Iterator
from uuid import UUID

from sqlmodel import Session, col, select

from registry import ledger
from registry.identity.restriction_domain import RESTRICTS
from registry.identity.restriction_tables import Restriction
from registry.identity.restrictions import RESTRICTED, UNRESTRICTED, restriction_leaf
from registry.identity.tables import Person


def find_restriction_discrepancies(session: Session) -> Iterator[ledger.Discrepancy]:
    """Yield each restriction that is not what the log says, and each person who is marked otherwise."""
    placed = select(Restriction).where(col(Restriction.placed_at).is_not(None)).order_by(col(Restriction.id))
    for row in session.exec(placed.execution_options(yield_per=500)):
        acts = ((RESTRICTED, row.placed_at, row.entry_id), (UNRESTRICTED, row.ended_at, row.end_entry_id))
        for kind, at, entry_id in acts:
            leaf = ledger.find_leaf(session, entry_id) if entry_id else None
            if leaf != (restriction_leaf(kind, row.id, row.person_id, at=at) if at else None):
                yield _of("restriction", row.id, f"{kind}: it is not what the log says")
    marked = (
        select(Person.id, Person.restricted_at, Restriction.placed_at)
        .outerjoin(
            Restriction,
            (col(Restriction.person_id) == col(Person.id)) & col(Restriction.state).in_(RESTRICTS),
        )
        .where(col(Person.restricted_at).is_distinct_from(col(Restriction.placed_at)))
        .order_by(col(Person.id))
    )
    for person_id, is_marked, _ in session.exec(marked):
        says, is_so = ("", "not ") if is_marked else ("not ", "")
        yield _of(
            "person",
            person_id,
            f"restricted_at: says {says}restricted, and the restrictions say {is_so}restricted",
        )


def check_restriction_leaf(session: Session, kind: str, leaf: bytes) -> ledger.Discrepancy | None:
    """Return what is wrong if the restriction that a leaf speaks of is not there."""
    try:
        row_id = UUID(json.loads(leaf)["restriction"])
    except (ValueError, LookupError, TypeError):
        return ledger.Discrepancy(table="ledger_entry", row_id=kind, problem=f"is not a leaf of kind {kind}")
    row = session.get(Restriction, row_id)
    if row is None:
        return _of("restriction", row_id, "is missing although the log speaks of it")
    if kind == UNRESTRICTED and row.end_entry_id is None:
        return _of("restriction", row_id, "ended_at: the log says that it ended, and the row does not")
    return None


def _of(table: str, row_id: UUID, problem: str) -> ledger.Discrepancy:
    return ledger.Discrepancy(table=table, row_id=str(row_id), problem=problem)
