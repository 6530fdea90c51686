"""What members are told when their organisation is suspended, goes on, or ends: page by page, from the outbox."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import msgspec
from sqlmodel import Session

from registry.identity import organisation_store as store
from registry.identity.domain import Message
from registry.identity.notices import notify
from registry.identity.organisation_domain import Act
from registry.kernel import outbox
from registry.kernel.sealing import Sealer

ORGANISATION_STOPPED = "organisation.stopped"
"""Outbox topic: members are told of a suspension, of its end, or of the organisation's end."""
MEMBERS_PER_STEP = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A step of the telling: members whose memberships come after `after`, but not who did it."""

    organisation_id: UUID
    act: Act
    by: UUID
    until: datetime | None = None
    """Until when what the officers accepted covers members; None when it goes on."""
    after: UUID | None = None


def put_task(session: Session, task: Task, *, now: datetime) -> None:
    """Let the worker do the step once the transaction has committed."""
    outbox.put(session, ORGANISATION_STOPPED, msgspec.json.encode(task), now=now)


def tell_members(
    session: Session,
    task: Task,
    *,
    base_url: str,
    sealer: Sealer,
    now: datetime,
    members_per_step: int = MEMBERS_PER_STEP,
) -> None:
    """Tell a page of the members, and put in the next step where there are more."""
    page = store.list_members_of(
        session, [task.organisation_id], after=task.after, limit=members_per_step, now=now
    )
    organisation = store.get_organisation(session, task.organisation_id)
    if task.act is Act.ASK_EACH and organisation.acknowledge_from != task.until:
        return  # An officer has changed their mind meanwhile.
    name = organisation.name
    people = [person_id for _, person_id in page if person_id != task.by]
    notify(session, people, _message(task, name, now), base_url=base_url, sealer=sealer, now=now)
    if len(page) == members_per_step:
        put_task(session, replace(task, after=page[-1][0]), now=now)


def _message(task: Task, name: str, now: datetime) -> Message:
    if task.act is Act.ASK_EACH and task.until is not None:
        return Message(
            kind="organisation-asks-each-member",
            subject=f"{name}: acknowledge what it has accepted by {task.until:%-d %B %Y}",
            text=(
                f"What the officers of {name} accept covers you only when you have acknowledged it, from "
                f"{task.until:%-d %B %Y} on. Open the models that you use; each shows what is to be acknowledged. "
                "You can accept for yourself instead."
            ),
            page="/?mine=true",
        )
    if task.until is None:
        return Message(
            kind="organisation-resumed",
            subject=f"{name} goes on",
            text=f"What the officers of {name} accepted covers you again. Nothing is to be done.",
            page=f"/organisations/{task.organisation_id}",
        )
    ends = task.act is Act.END
    is_over = task.until <= now  # a suspension before it has used up the time of members
    date = f"{task.until:%-d %B %Y}"
    what = "has ended" if ends else "is suspended"
    covers = "does not cover you any more" if is_over else f"covers you until {date}, no longer"
    return Message(
        kind="organisation-ended" if ends else "organisation-suspended",
        subject=f"{name} {what}: accept for yourself{'' if is_over else f' by {date}'}",
        text=(
            f"What the officers of {name} accepted {covers}. Its service accounts have stopped.\n"
            "To keep downloading, accept the licenses of the models that you use yourself."
        ),
        page="/?mine=true",
    )
