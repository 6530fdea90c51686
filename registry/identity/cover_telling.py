"""What people are told who lose a cover: whom an officer removed, and all members where one was taken back."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import msgspec
from sqlmodel import Session

from registry.identity import organisation_store as store
from registry.identity.domain import Message
from registry.identity.notices import notify
from registry.kernel import outbox
from registry.kernel.sealing import Sealer

MEMBER_REMOVED = "organisation.member-removed"
"""Outbox topic: somebody is told that an officer has ended their membership."""
COVER_WITHDRAWN = "organisation.cover-withdrawn"
"""Outbox topic: members are told that an acceptance for their organisation was taken back."""
MEMBERS_PER_STEP = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRemoved:
    """Whom to tell of the end of their membership."""

    organisation_id: UUID
    person_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverWithdrawn:
    """A step of the telling: members whose memberships come after `after`, but not who did it."""

    organisation_id: UUID
    license: str
    """Title and number of the text."""
    until: datetime
    """Until when it covers members."""
    by: UUID
    after: UUID | None = None


def put_removed(session: Session, task: MemberRemoved, *, now: datetime) -> None:
    """Let the worker tell them once the transaction has committed."""
    outbox.put(session, MEMBER_REMOVED, msgspec.json.encode(task), now=now)


def put_cover_withdrawn(session: Session, task: CoverWithdrawn, *, now: datetime) -> None:
    """Let the worker tell members once the transaction has committed."""
    outbox.put(session, COVER_WITHDRAWN, msgspec.json.encode(task), now=now)


def tell_removed(
    session: Session, task: MemberRemoved, *, base_url: str, sealer: Sealer, now: datetime
) -> None:
    """Tell somebody that an officer has ended their membership; not who belongs to the organisation again."""
    standing = store.find_member(
        session, organisation_id=task.organisation_id, person_id=task.person_id, now=now
    )
    if standing is not None:
        return
    name = store.get_organisation(session, task.organisation_id).name
    message = Message(
        kind="organisation-left",
        subject=f"You do not belong to {name} any more",
        text=(
            f"An officer of {name} has ended your membership. What its officers accepted does not cover you any "
            "more.\nTo keep downloading, accept the licenses of the models that you use yourself."
        ),
        page="/?mine=true",
    )
    notify(session, [task.person_id], message, base_url=base_url, sealer=sealer, now=now)


def tell_withdrawn(
    session: Session,
    task: CoverWithdrawn,
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
    name = store.get_organisation(session, task.organisation_id).name
    date = f"{task.until:%-d %B %Y}"
    message = Message(
        kind="cover-withdrawn",
        subject=f"{name} takes back {task.license}: accept for yourself by {date}",
        text=(
            f"The officers of {name} have taken back its acceptance of {task.license}. It covers you until {date}, "
            "no longer.\nTo keep downloading after that, accept the license yourself on the page of the model."
        ),
        page="/?mine=true",
    )
    people = [person_id for _, person_id in page if person_id != task.by]
    notify(session, people, message, base_url=base_url, sealer=sealer, now=now)
    if len(page) == members_per_step:
        put_cover_withdrawn(session, replace(task, after=page[-1][0]), now=now)
