"""Check of the groups that make members against the log (P6)."""

import json
from collections.abc import Iterator
from uuid import UUID

from sqlmodel import Session, col, select

from registry import ledger
from registry.identity.organisation_groups import GROUP_CHANGED, group_leaf
from registry.identity.organisation_tables import OrganisationGroup

KINDS = (GROUP_CHANGED,)


def find_discrepancies(session: Session) -> Iterator[ledger.Discrepancy]:
    """Yield each group whose confirmation or end differs from its log entry."""
    rows = session.exec(
        select(OrganisationGroup).order_by(col(OrganisationGroup.id)).execution_options(yield_per=500)
    )
    for row in rows:
        acts = (("confirmed", row.confirmed_at, row.entry_id), ("ended", row.ended_at, row.end_entry_id))
        for act, at, entry_id in acts:
            if act == "ended" and row.confirmed_at is None and entry_id is None:
                continue  # It never made a member.
            leaf = ledger.find_leaf(session, entry_id) if entry_id else None
            if leaf != (group_leaf(row, act, at=at) if at else None):
                yield _of(row.id, f"{act}: it is not what the log says")


def check_leaf(session: Session, leaf: bytes) -> ledger.Discrepancy | None:
    """Return what is wrong if the row that a leaf of one of `KINDS` speaks of is not there."""
    try:
        row_id = UUID(json.loads(leaf)["group"])
    except (ValueError, LookupError, TypeError):
        return ledger.Discrepancy(
            table="ledger_entry", row_id=GROUP_CHANGED, problem=f"is not a leaf of kind {GROUP_CHANGED}"
        )
    if session.get(OrganisationGroup, row_id) is not None:
        return None
    return _of(row_id, "is missing although the log speaks of it")


def _of(row_id: UUID, problem: str) -> ledger.Discrepancy:
    return ledger.Discrepancy(table="organisation_group", row_id=str(row_id), problem=problem)
