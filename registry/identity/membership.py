"""Who belongs to an organisation by the domain of an address that they have shown to be theirs."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry.identity import organisation_store as store
from registry.identity.organisation_domain import domain_of
from registry.identity.organisation_tables import OrganisationMember
from registry.kernel.identifiers import new_id


def join_by_domain(session: Session, *, person_id: UUID, email: str, now: datetime) -> None:
    """Make somebody who has just shown that an address is theirs a member of who has proved its domain."""
    for claim in store.find_proved_domains(session, domain_of(email), now=now):
        store.insert_member(
            session,
            OrganisationMember(
                id=new_id(),
                organisation_id=claim.organisation_id,
                person_id=person_id,
                is_officer=False,
                domain_id=claim.id,
                since=now,
                until=claim.valid_until,
            ),
        )
