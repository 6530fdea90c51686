"""Who belongs to an organisation by the domain of an address that they have shown to be theirs."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from sqlmodel import Session

from registry.identity import organisation_store as store
from registry.identity.notices import notify
from registry.identity.organisation_domain import DOMAIN_PROVED, Source, domain_of, joined_message
from registry.identity.organisation_tables import OrganisationDomain, OrganisationMember
from registry.identity.service import open_profiles
from registry.kernel import outbox
from registry.kernel.identifiers import new_id
from registry.kernel.sealing import Sealer

PEOPLE_PER_STEP = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A step of letting in whom a proved domain makes members: people with ids after `after`."""

    domain_id: UUID
    after: UUID | None = None


def join_by_domain(session: Session, *, person_id: UUID, email: str, now: datetime) -> None:
    """Make somebody who has just shown that an address is theirs a member of who has proved its domain."""
    domain = domain_of(email)
    store.hold_claimants(session, domain=domain)
    for claim in store.find_proved_domains(session, domain, now=now):
        _join(session, claim, person_id, now=now)


def put_task(session: Session, task: Task, *, now: datetime) -> None:
    """Let the worker do the step once the transaction has committed."""
    outbox.put(session, DOMAIN_PROVED, msgspec.json.encode(task), now=now)


def join_known_people(
    session: Session,
    task: Task,
    *,
    base_url: str,
    sealer: Sealer,
    now: datetime,
    people_per_step: int = PEOPLE_PER_STEP,
) -> None:
    """Make members of those who showed before the proof that an address at the domain is theirs.

    Addresses are sealed, so each is opened and compared; one step looks at some hundred people and puts in
    the next. A step that is done twice changes nothing the second time.
    """
    store.hold_claimants(session, domain_id=task.domain_id)
    claim = store.find_proved_domain(session, task.domain_id, now=now)
    organisation = store.find_organisation(session, claim.organisation_id) if claim else None
    if claim is None or organisation is None:
        return
    people = store.list_verified_people(session, after=task.after, limit=people_per_step)
    profiles = open_profiles(session, person_ids=people, sealer=sealer)
    joined = [
        person_id
        for person_id, profile in profiles.items()
        if domain_of(profile.email) == claim.domain and _join(session, claim, person_id, now=now)
    ]
    message = joined_message(organisation.id, organisation.name, claim.domain)
    notify(session, joined, message, base_url=base_url, sealer=sealer, now=now, by_mail=False)
    if len(people) == people_per_step:
        put_task(session, Task(domain_id=claim.id, after=people[-1]), now=now)


def join(session: Session, row: OrganisationMember, *, now: datetime) -> bool:
    """Insert the membership; whether somebody has become a member by it who was none.

    Nothing is inserted for whom an end was set: only an officer takes them back.
    """
    organisation_id, person_id = row.organisation_id, row.person_id
    if store.has_left(session, organisation_id=organisation_id, person_id=person_id):
        return False
    belongs = store.find_member(session, organisation_id=organisation_id, person_id=person_id, now=now)
    return store.insert_member(session, row) and belongs is None


def _join(session: Session, claim: OrganisationDomain, person_id: UUID, *, now: datetime) -> bool:
    return join(
        session,
        OrganisationMember(
            id=new_id(),
            organisation_id=claim.organisation_id,
            person_id=person_id,
            is_officer=False,
            source=Source.DOMAIN.value,
            domain_id=claim.id,
            since=now,
            until=claim.valid_until,
        ),
        now=now,
    )
