"""Check of what is in the log about organisations: groups that make members, and whether members acknowledge (P6)."""

import json
from collections.abc import Iterator
from uuid import UUID

from sqlmodel import Session, SQLModel, col, select

from registry import ledger
from registry.identity.organisation_domain import Act
from registry.identity.organisation_ending import ORGANISATION_CHANGED, acknowledging_leaf
from registry.identity.organisation_groups import GROUP_CHANGED, group_leaf
from registry.identity.organisation_tables import Organisation, OrganisationGroup
from registry.kernel.clock import parse_iso
from registry.kernel.outcomes import CorruptRecord

KINDS = (GROUP_CHANGED, ORGANISATION_CHANGED)


def find_discrepancies(session: Session) -> Iterator[ledger.Discrepancy]:
    """Yield each group or organisation that differs from its log entry."""
    groups = session.exec(
        select(OrganisationGroup).order_by(col(OrganisationGroup.id)).execution_options(yield_per=500)
    )
    for group in groups:
        acts = (
            ("confirmed", group.confirmed_at, group.entry_id),
            ("ended", group.ended_at, group.end_entry_id),
        )
        for act, at, entry_id in acts:
            if act == "ended" and group.confirmed_at is None and entry_id is None:
                continue  # It never made a member.
            leaf = ledger.find_leaf(session, entry_id) if entry_id else None
            if leaf != (group_leaf(group, act, at=at) if at else None):
                yield _of("organisation_group", group.id, f"{act}: it is not what the log says")
    organisations = session.exec(
        select(Organisation).order_by(col(Organisation.id)).execution_options(yield_per=500)
    )
    for row in organisations:
        entry_id = row.acknowledge_entry_id
        if not _fits(row, ledger.find_leaf(session, entry_id) if entry_id else None):
            yield _of("organisation", row.id, "acknowledge_from: it is not what the log says")


def _fits(row: Organisation, leaf: bytes | None) -> bool:
    """Whether members acknowledge as the log's last entry about it says."""
    if row.acknowledge_entry_id is None:
        return row.acknowledge_asked_at is None
    if leaf is None:
        return False
    try:
        now = row.acknowledge_asked_at or parse_iso(json.loads(leaf)["at"])
    except (CorruptRecord, ValueError, LookupError, TypeError):
        return False
    asked, begins = row.acknowledge_asked_at, row.acknowledge_from
    return leaf == acknowledging_leaf(row.id, asked_at=asked, begins=begins, now=now)


def check_leaf(session: Session, kind: str, leaf: bytes) -> ledger.Discrepancy | None:
    """Return what is wrong if the row that a leaf of one of `KINDS` speaks of is not there."""
    table: type[SQLModel] = OrganisationGroup if kind == GROUP_CHANGED else Organisation
    try:
        said = json.loads(leaf)
        row_id = UUID(said["group" if kind == GROUP_CHANGED else "organisation"])
        asks = said["act"] in {Act.ASK_EACH, Act.ASK_NOBODY}
    except (ValueError, LookupError, TypeError):
        return ledger.Discrepancy(table="ledger_entry", row_id=kind, problem=f"is not a leaf of kind {kind}")
    row = session.get(table, row_id)
    if row is None:
        return _of(str(table.__tablename__), row_id, "is missing although the log speaks of it")
    if asks and isinstance(row, Organisation) and row.acknowledge_entry_id is None:
        return _of("organisation", row_id, "acknowledge_from: the log speaks of it, and the row does not")
    return None


def _of(table: str, row_id: UUID, problem: str) -> ledger.Discrepancy:
    return ledger.Discrepancy(table=table, row_id=str(row_id), problem=problem)
