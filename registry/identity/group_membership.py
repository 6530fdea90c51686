"""Who belongs to an organisation by a group at an identity provider, as the provider says at each sign-in."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import msgspec
from sqlmodel import Session

from registry.identity import organisation_group_store as groups
from registry.identity import organisation_store as store
from registry.identity.membership import join
from registry.identity.notices import notify
from registry.identity.organisation_domain import Source
from registry.identity.organisation_group_domain import (
    GROUP_ENDED,
    MEMBERSHIP_LIFETIME,
    joined_by_group,
    left_group,
)
from registry.identity.organisation_tables import OrganisationGroup, OrganisationMember
from registry.identity.providers import Provider
from registry.kernel import outbox
from registry.kernel.identifiers import new_id
from registry.kernel.sealing import Sealer

PEOPLE_PER_STEP = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a checked ID token has just shown of a person."""

    provider: Provider
    groups: frozenset[str]
    person_id: UUID
    account_id: UUID
    """Their account at the provider, as it is known here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A step of telling whom the end of a group has left without a membership: those after `after`."""

    group_id: UUID
    after: UUID | None = None


def bring_in_line(session: Session, shown: Shown, *, base_url: str, sealer: Sealer, now: datetime) -> None:
    """Let the person belong by the groups that they are in, and by none that the same account showed before.

    What they belong by otherwise stays: by name, by domain, by groups at other providers or of another account.
    """
    until = now + MEMBERSHIP_LIFETIME
    held = {row.group_id: row for row, _ in groups.list_by_groups(session, shown.person_id)}
    present: set[UUID] = set()
    for group, name in groups.hold_groups(session, shown.provider.issuer):
        if group.name not in shown.groups:
            continue
        present.add(group.id)
        if standing := held.get(group.id):
            groups.prolong(session, standing.id, identity_id=shown.account_id, until=until)
        elif _join(session, group, shown, until=until, now=now):
            message = joined_by_group(
                group.organisation_id, name, provider=shown.provider.name, group=group.name
            )
            notify(
                session, [shown.person_id], message, base_url=base_url, sealer=sealer, now=now, by_mail=False
            )
    gone = [
        row
        for group_id, row in held.items()
        if row.identity_id == shown.account_id and group_id not in present
    ]
    groups.end_memberships(session, [row.id for row in gone], now=now)
    for row in gone:
        if row.group_id is not None and row.until is not None and row.until > now:
            _tell_left(session, row.group_id, [row.person_id], base_url=base_url, sealer=sealer, now=now)


def forget_account(session: Session, person_id: UUID, account_id: UUID, *, now: datetime) -> None:
    """End what an account at a provider has shown, since it is not the person's any more."""
    groups.end_all_by_account(session, person_id, account_id, now=now)


def put_task(session: Session, task: Task, *, now: datetime) -> None:
    """Let the worker do the step once the transaction has committed."""
    outbox.put(session, GROUP_ENDED, msgspec.json.encode(task), now=now)


def tell_ended(
    session: Session,
    task: Task,
    *,
    base_url: str,
    sealer: Sealer,
    now: datetime,
    people_per_step: int = PEOPLE_PER_STEP,
) -> None:
    """Tell a page of those who belonged by a group that has ended, and put in the next step where there are more."""
    group, _ = groups.get_group(session, task.group_id)
    page = groups.list_ended_with(session, group, after=task.after, limit=people_per_step)
    people = [person_id for _, person_id in page]
    _tell_left(session, group.id, people, base_url=base_url, sealer=sealer, now=now)
    if len(page) == people_per_step:
        put_task(session, replace(task, after=page[-1][0]), now=now)


def _join(
    session: Session, group: OrganisationGroup, shown: Shown, *, until: datetime, now: datetime
) -> bool:
    return join(
        session,
        OrganisationMember(
            id=new_id(),
            organisation_id=group.organisation_id,
            person_id=shown.person_id,
            is_officer=False,
            source=Source.GROUP.value,
            group_id=group.id,
            identity_id=shown.account_id,
            since=now,
            until=until,
        ),
        now=now,
    )


def _tell_left(
    session: Session, group_id: UUID, people: list[UUID], *, base_url: str, sealer: Sealer, now: datetime
) -> None:
    """Tell those of the people who do not belong to the group's organisation by anything else."""
    group, name = groups.get_group(session, group_id)
    lost = [
        person_id
        for person_id in people
        if store.find_member(session, organisation_id=group.organisation_id, person_id=person_id, now=now)
        is None
    ]
    message = left_group(name, group=group.name)
    notify(session, lost, message, base_url=base_url, sealer=sealer, now=now, by_mail=False)
