"""Acts on an organisation as a whole: suspension and end, and whether each member acknowledges its covers."""

from datetime import datetime
from typing import Any, assert_never
from uuid import UUID

from sqlmodel import Session

from registry import ledger
from registry.identity import organisation_store as store
from registry.identity.domain import Principal, not_signed_in
from registry.identity.organisation_domain import (
    ACKNOWLEDGE_WITHIN,
    MEMBERS_GRACE,
    Act,
    no_such_organisation,
    officer_needed,
    operator_suspended,
    organisation_suspended,
)
from registry.identity.organisation_tables import Organisation
from registry.identity.organisation_telling import Task, put_task
from registry.kernel.canonical import canonical_bytes
from registry.kernel.clock import iso
from registry.kernel.outcomes import Refusal

ORGANISATION_CHANGED = "organisation"
"""Kind of the log's entries about it."""


def change_organisation(
    session: Session, organisation_id: UUID, *, act: Act, principal: Principal, now: datetime
) -> Organisation | Refusal:
    """Do the act to an organisation, as one of its officers or, but for acknowledging, an operator; it is in the log.

    What an operator suspended, only an operator resumes; one that goes on already stays as it is. An end is for
    good. All members but who did it are told.
    """
    row = _lock(session, organisation_id, act=act, principal=principal, now=now)
    if isinstance(row, Refusal):
        return row
    if act in _ACKNOWLEDGING:
        return _change_acknowledging(session, row, act, principal=principal, now=now)
    page = f"/organisations/{organisation_id}"
    match act:
        case Act.SUSPEND:
            if row.suspended_at is not None:
                return organisation_suspended(row.name, page, since=row.suspended_at)
            values: dict[str, Any] = {
                "suspended_at": now,
                "suspended_by_operator": principal.is_operator,
                "members_until": now + MEMBERS_GRACE,
            }
        case Act.RESUME:
            if row.suspended_at is None:
                return row
            if row.suspended_by_operator and not principal.is_operator:
                return operator_suspended(row.name, page)
            values = {"suspended_at": None, "suspended_by_operator": False, "members_until": None}
        case Act.END:
            # A suspension has promised its members a day already; an end does not put it off.
            values = {"ended_at": now, "members_until": row.members_until or now + MEMBERS_GRACE}
        case Act.ASK_EACH | Act.ASK_NOBODY:
            raise AssertionError(act)  # told apart above
        case _:
            assert_never(act)
    store.update_organisation(session, organisation_id, values)
    until = values["members_until"]
    leaf = organisation_leaf(organisation_id, act, until=until, now=now)
    ledger.append(session, kind=ORGANISATION_CHANGED, leaf=leaf, now=now)
    if principal.person_id is not None:
        put_task(
            session,
            Task(organisation_id=organisation_id, act=act, by=principal.person_id, until=until),
            now=now,
        )
    return store.get_organisation(session, organisation_id)


def organisation_leaf(organisation_id: UUID, act: Act, *, until: object, now: datetime) -> bytes:
    """Return the ledger leaf of a suspension, its end, or the organisation's end; it names nobody."""
    return canonical_bytes(
        {
            "v": 1,
            "kind": ORGANISATION_CHANGED,
            "act": act.value,
            "at": iso(now),
            "organisation": str(organisation_id),
            "members_until": iso(until) if isinstance(until, datetime) else None,
        }
    )


_ACKNOWLEDGING = frozenset({Act.ASK_EACH, Act.ASK_NOBODY})


def _change_acknowledging(
    session: Session, row: Organisation, act: Act, *, principal: Principal, now: datetime
) -> Organisation:
    """Ask each member to acknowledge covers, or nobody any more; nothing changes where it is so already.

    Who is a member has time until a day; who becomes one later acknowledges before the first download.
    """
    asks = act is Act.ASK_EACH
    if asks == (row.acknowledge_asked_at is not None):
        return row
    begins = now + ACKNOWLEDGE_WITHIN if asks else None
    leaf = acknowledging_leaf(row.id, asked_at=now if asks else None, begins=begins, now=now)
    values = {
        "acknowledge_asked_at": now if asks else None,
        "acknowledge_from": begins,
        "acknowledge_entry_id": ledger.append(session, kind=ORGANISATION_CHANGED, leaf=leaf, now=now),
    }
    store.update_organisation(session, row.id, values)
    if asks and principal.person_id is not None:
        put_task(
            session, Task(organisation_id=row.id, act=act, by=principal.person_id, until=begins), now=now
        )
    return store.get_organisation(session, row.id)


def acknowledging_leaf(
    organisation_id: UUID, *, asked_at: datetime | None, begins: datetime | None, now: datetime
) -> bytes:
    """Return the ledger leaf of the change; it names nobody."""
    return canonical_bytes(
        {
            "v": 1,
            "kind": ORGANISATION_CHANGED,
            "act": (Act.ASK_EACH if asked_at else Act.ASK_NOBODY).value,
            "at": iso(now),
            "organisation": str(organisation_id),
            "acknowledge_from": iso(begins) if begins else None,
        }
    )


def _lock(
    session: Session, organisation_id: UUID, *, act: Act, principal: Principal, now: datetime
) -> Organisation | Refusal:
    """Return the organisation, locked until the commit, to who may stop it; acceptances for it wait meanwhile."""
    if principal.person_id is None or principal.session_id is None:
        return not_signed_in(f"/organisations/{organisation_id}")
    store.lock_organisation(session, organisation_id)
    row = store.find_organisation(session, organisation_id)
    member = store.find_member(
        session, organisation_id=organisation_id, person_id=principal.person_id, now=now
    )
    if row is None or (member is None and not principal.is_operator):
        return no_such_organisation()
    operates = principal.is_operator and act not in _ACKNOWLEDGING
    if operates or (member is not None and member.is_officer):
        return row
    return officer_needed(f"/organisations/{organisation_id}")
