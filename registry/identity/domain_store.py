"""Queries about claims of domains by DNS records, and about the ends of proofs; no rules."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, update
from sqlmodel import Session, col, or_, select

from registry.identity.organisation_tables import Organisation, OrganisationDomain, OrganisationMember


def find_record_claim(
    session: Session,
    organisation_id: UUID,
    *,
    domain: str | None = None,
    domain_id: UUID | None = None,
) -> OrganisationDomain | None:
    """Return the organisation's claim by a DNS record, by its domain or its id, as it stands now."""
    return session.exec(
        select(OrganisationDomain)
        .where(
            OrganisationDomain.organisation_id == organisation_id,
            OrganisationDomain.id == domain_id if domain_id else OrganisationDomain.domain == domain,
            col(OrganisationDomain.challenge).is_not(None),
            col(OrganisationDomain.ended_at).is_(None),
        )
        .execution_options(populate_existing=True)
    ).one_or_none()


def take_due_records(
    session: Session, *, again_at: datetime, now: datetime, limit: int
) -> Sequence[OrganisationDomain]:
    """Return proved claims whose record is to be looked for; until `again_at` nobody else gets them."""
    due = session.exec(
        select(OrganisationDomain)
        .join(Organisation, col(Organisation.id) == col(OrganisationDomain.organisation_id))
        .where(
            col(OrganisationDomain.check_at) <= now,
            col(OrganisationDomain.ended_at).is_(None),
            col(OrganisationDomain.valid_until) > now,
            col(Organisation.ended_at).is_(None),
        )
        .order_by(col(OrganisationDomain.check_at), col(OrganisationDomain.id))
        .limit(limit)
        .with_for_update(skip_locked=True, of=OrganisationDomain)
    ).all()
    for claim in due:
        claim.check_at = again_at
        session.add(claim)
    return due


def list_ending(
    session: Session, *, warn_until: datetime, now: datetime, limit: int
) -> Sequence[OrganisationDomain]:
    """Return proofs that end before `warn_until` or have ended, where officers were not told of it."""
    untold = or_(
        and_(col(OrganisationDomain.valid_until) <= now, col(OrganisationDomain.lapse_told_at).is_(None)),
        and_(col(OrganisationDomain.valid_until) > now, col(OrganisationDomain.warned_at).is_(None)),
    )
    return session.exec(
        select(OrganisationDomain)
        .join(Organisation, col(Organisation.id) == col(OrganisationDomain.organisation_id))
        .where(
            col(OrganisationDomain.valid_until) <= warn_until,
            untold,
            col(OrganisationDomain.ended_at).is_(None),
            col(Organisation.ended_at).is_(None),
        )
        .order_by(col(OrganisationDomain.valid_until), col(OrganisationDomain.id))
        .limit(limit)
    ).all()


def note_told(session: Session, claim: OrganisationDomain, *, is_over: bool, now: datetime) -> bool:
    """Note that officers are told of the end of a proof; False if it ends at another time by now."""
    changed = session.exec(
        update(OrganisationDomain)
        .where(
            col(OrganisationDomain.id) == claim.id,
            col(OrganisationDomain.valid_until) == claim.valid_until,
            col(OrganisationDomain.ended_at).is_(None),
        )
        .values({"lapse_told_at" if is_over else "warned_at": now})
    )
    return changed.rowcount == 1


def list_officers(session: Session, organisation_id: UUID) -> Sequence[UUID]:
    """Return the officers, also those whose own membership ran out with the proof of a domain."""
    return session.exec(
        select(OrganisationMember.person_id)
        .where(
            OrganisationMember.organisation_id == organisation_id,
            col(OrganisationMember.is_officer),
            col(OrganisationMember.ended_at).is_(None),
        )
        .order_by(col(OrganisationMember.id))
        .limit(100)
    ).all()
