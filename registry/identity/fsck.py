"""Check of what is in the log about organisations, erasures and restrictions (P6)."""

import json
from collections.abc import Iterator
from uuid import UUID

from sqlmodel import Session, SQLModel, col, select

from registry import ledger
from registry.identity.erasing import PERSON_ERASED, erasure_leaf
from registry.identity.erasure_domain import ErasureState
from registry.identity.erasure_tables import Erasure
from registry.identity.organisation_domain import Act
from registry.identity.organisation_ending import ORGANISATION_CHANGED, acknowledging_leaf
from registry.identity.organisation_groups import GROUP_CHANGED, group_leaf
from registry.identity.organisation_tables import Organisation, OrganisationGroup
from registry.identity.restriction_fsck import check_restriction_leaf, find_restriction_discrepancies
from registry.identity.restrictions import RESTRICTED, UNRESTRICTED
from registry.identity.tables import Person
from registry.kernel.clock import parse_iso
from registry.kernel.outcomes import CorruptRecord
from registry.kernel.sealing import SealingKey

KINDS = (GROUP_CHANGED, ORGANISATION_CHANGED, PERSON_ERASED, RESTRICTED, UNRESTRICTED)


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
    yield from _find_erasures(session)
    yield from find_restriction_discrepancies(session)


def _find_erasures(session: Session) -> Iterator[ledger.Discrepancy]:
    """Yield each erasure that is not in the log, and each erased person of whom something is left, or is none."""
    done = select(Erasure).where(Erasure.state == ErasureState.DONE).order_by(col(Erasure.id))
    for row in session.exec(done.execution_options(yield_per=500)):
        leaf = ledger.find_leaf(session, row.entry_id) if row.entry_id else None
        if row.decided_at is None or leaf != erasure_leaf(row.person_id, now=row.decided_at):
            yield _of("erasure", row.id, "it is not what the log says")
        person = session.get(Person, row.person_id)
        if person is None or person.erased_at is None:
            yield _of(
                "person", row.person_id, "erased_at: the person was erased, and the row does not say so"
            )
    keys = (
        select(Person.id)
        .join(SealingKey, col(SealingKey.subject_id) == col(Person.id))
        .where(col(Person.erased_at).is_not(None))
    )
    for person_id in session.exec(keys):
        yield _of("sealing_key", person_id, "is there again although the person was erased")


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
    if kind == PERSON_ERASED:
        return _check_erased(session, leaf)
    if kind in {RESTRICTED, UNRESTRICTED}:
        return check_restriction_leaf(session, kind, leaf)
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


def _check_erased(session: Session, leaf: bytes) -> ledger.Discrepancy | None:
    try:
        person_id = UUID(json.loads(leaf)["person"])
    except (ValueError, LookupError, TypeError):
        return ledger.Discrepancy(
            table="ledger_entry", row_id=PERSON_ERASED, problem=f"is not a leaf of kind {PERSON_ERASED}"
        )
    done = select(Erasure.id).where(Erasure.person_id == person_id, Erasure.state == ErasureState.DONE)
    if session.exec(done.limit(1)).one_or_none() is None:
        return _of("erasure", person_id, "is missing although the log speaks of it")
    return None


def _of(table: str, row_id: UUID, problem: str) -> ledger.Discrepancy:
    return ledger.Discrepancy(table=table, row_id=str(row_id), problem=problem)
