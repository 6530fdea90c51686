"""What holders are told when the terms of a gate change: page by page, from the outbox.

`editorial` tells nobody. `compatible` tells everybody who accepted the license here. `material` tells those
who have to accept again, at once and once more a week before their access ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlmodel import Session

from registry import acceptances, catalog, identity
from registry.access import lost_models
from registry.catalog.domain import TERMS_CHANGED, GateView
from registry.catalog.graces import TermsChange, find_change, list_graces
from registry.identity.domain import Message
from registry.kernel import outbox
from registry.kernel.sealing import Sealer
from registry.licenses.domain import ChangeClass

PAGE_HOLDERS = 200
"""How many acceptances one transaction looks at."""
REMIND_BEFORE = timedelta(days=7)


class Task(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the telling of one change stands; what the outbox carries."""

    gate: UUID
    number: int
    license: UUID | None = None
    after: UUID | None = None
    reminds: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    gate: GateView
    terms: TermsChange
    until: datetime | None
    """Until when earlier acceptances suffice, if the change is material and leaves time."""


def tell_holders(session: Session, task: Task, *, sealer: Sealer, base_url: str, now: datetime) -> None:
    """Tell one page of the holders, and put the rest of the task back into the outbox."""
    if task.license is None and task.after is None:
        lost_models.begin(session, gate_id=task.gate, number=task.number, now=now)
    for change in _load(session, task):
        if change.terms.change_class is ChangeClass.EDITORIAL:
            continue
        page = acceptances.list_holders(
            session,
            gate_id=task.gate,
            license_id=change.terms.license_id,
            after=task.after,
            limit=PAGE_HOLDERS,
        )
        people = [holder.person_id for holder in page if _concerns(holder, change)]
        message = _message(session, change, reminds=task.reminds)
        identity.notify(session, people, message, base_url=base_url, sealer=sealer, now=now)
        if len(page) == PAGE_HOLDERS:
            _queue(session, task, change, after=page[-1].acceptance_id, at=now)
        if task.after is None and not task.reminds and change.until is not None:
            reminder = msgspec.structs.replace(task, reminds=True)
            _queue(session, reminder, change, after=None, at=max(now, change.until - REMIND_BEFORE))


def _load(session: Session, task: Task) -> Sequence[_Change]:
    revisions = {
        view.number: view for view in catalog.list_gate_history(session, gate_id=task.gate, limit=1000)
    }
    newest = max(revisions)
    if task.reminds and task.number != newest:
        return ()  # The terms have changed once more since; that change reminds by itself.
    gate, before = revisions[task.number], revisions.get(task.number - 1)
    if before is None or catalog.name_gate(session, gate.id) is None:
        return ()
    graces = {
        one.license_id: one.until
        for one in list_graces(session, [gate.revision_id]).get(gate.revision_id, ())
    }
    return [
        _Change(gate=gate, terms=terms, until=graces.get(terms.license_id))
        for terms in find_change(session, gate, before)
        if task.license in {None, terms.license_id}
    ]


def _concerns(holder: acceptances.Holder, change: _Change) -> bool:
    if change.terms.change_class is ChangeClass.MATERIAL:
        return holder.series != change.terms.version.series
    return holder.license_version_id != change.terms.version.id


def _message(session: Session, change: _Change, *, reminds: bool) -> Message:
    name = f"{change.terms.version.title} {change.terms.version.number}"
    repo = catalog.name_gate(session, change.gate.id)
    if change.terms.change_class is ChangeClass.COMPATIBLE:
        return Message(
            kind="terms-compatible",
            subject=f"{repo} now comes with {name}",
            text=f"{repo} now comes with {name}. It gives you more, or the same; your acceptance goes on.\nNothing is to be done.",
            page=f"/licenses/{change.terms.version.slug}/{change.terms.version.number}",
        )
    due = f" by {change.until:%-d %B %Y}" if change.until else ""
    after = (
        "Until then your access goes on; after it, it ends until you accept."
        if due
        else "Your access has ended until you accept."
    )
    return Message(
        kind="terms-material-reminder" if reminds else "terms-material",
        subject=f"{'Reminder: accept' if reminds else 'Accept'} {name}{due} to keep access to {repo}",
        text=(
            f"The license of {repo} has changed in substance: it is now {name}.\n"
            f"Read what changed since you accepted, and accept it{due} if you agree. {after}"
        ),
        page=f"/{repo}/accept",
    )


def _queue(session: Session, task: Task, change: _Change, *, after: UUID | None, at: datetime) -> None:
    following = msgspec.structs.replace(task, license=change.terms.license_id, after=after)
    outbox.put(session, TERMS_CHANGED, msgspec.json.encode(following), now=at)
