"""Queries and inserts of organisations; no rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, exists, insert, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, or_, select

from registry.identity.organisation_domain import EndedBy, Source
from registry.identity.organisation_tables import (
    Organisation,
    OrganisationDomain,
    OrganisationGroup,
    OrganisationMember,
)
from registry.identity.tables import Person
from registry.kernel.among import is_among


def is_asked_to_acknowledge(session: Session, person_id: UUID, *, now: datetime) -> bool:
    """Whether an organisation of the person asks each member to acknowledge what covers them."""
    asked = (
        exists()
        .where(col(OrganisationMember.person_id) == person_id, _is_live(now))
        .where(col(Organisation.id) == col(OrganisationMember.organisation_id))
        .where(col(Organisation.acknowledge_from).is_not(None))
    )
    return bool(session.exec(select(asked)).one())


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """A membership that lets covers count."""

    person_id: UUID
    organisation_id: UUID
    acknowledges: bool
    """Only for what the person has acknowledged."""


def insert_organisation(session: Session, row: Organisation) -> None:
    """Insert an organisation."""
    session.exec(insert(Organisation).values(**row.model_dump()))


def find_organisation(session: Session, organisation_id: UUID) -> Organisation | None:
    """Return the organisation, unless it has ended."""
    return session.exec(
        select(Organisation).where(Organisation.id == organisation_id, col(Organisation.ended_at).is_(None))
    ).one_or_none()


def name_organisations(session: Session, organisation_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the names of those that have not ended."""
    rows = session.exec(
        select(Organisation.id, Organisation.name)
        .where(col(Organisation.id).in_(organisation_ids), col(Organisation.ended_at).is_(None))
        .order_by(col(Organisation.id))
    )
    return dict(rows.all())


def get_organisation(session: Session, organisation_id: UUID) -> Organisation:
    """Return the organisation as it stands now, ended or not."""
    session.expire_all()
    return session.exec(select(Organisation).where(Organisation.id == organisation_id)).one()


def lock_organisation(session: Session, organisation_id: UUID) -> None:
    """Make acts for the organisation, and about it, wait until the commit."""
    session.exec(select(Organisation.id).where(Organisation.id == organisation_id).with_for_update()).all()


def update_organisation(session: Session, organisation_id: UUID, values: Mapping[str, object]) -> None:
    """Change what may change of an organisation: suspension and end."""
    session.exec(update(Organisation).where(col(Organisation.id) == organisation_id).values(**values))


def insert_domain(session: Session, row: OrganisationDomain) -> None:
    """Insert the claim of a domain."""
    session.exec(insert(OrganisationDomain).values(**row.model_dump()))


def list_domains(session: Session, organisation_id: UUID) -> Sequence[OrganisationDomain]:
    """Return the claims of an organisation that have not ended, oldest first."""
    return session.exec(
        select(OrganisationDomain)
        .where(
            OrganisationDomain.organisation_id == organisation_id, col(OrganisationDomain.ended_at).is_(None)
        )
        .order_by(col(OrganisationDomain.id))
        .limit(100)
    ).all()


def find_claimant(session: Session, digest: str) -> UUID | None:
    """Return whose claim a mailed secret belongs to."""
    return session.exec(
        select(OrganisationDomain.organisation_id).where(OrganisationDomain.secret_digest == digest)
    ).one_or_none()


def find_domain_by_secret(session: Session, digest: str) -> OrganisationDomain | None:
    """Return the claim that a mailed secret belongs to, unless it has ended."""
    return session.exec(
        select(OrganisationDomain).where(
            OrganisationDomain.secret_digest == digest, col(OrganisationDomain.ended_at).is_(None)
        )
    ).one_or_none()


def hold_claimants(session: Session, *, domain: str | None = None, domain_id: UUID | None = None) -> None:
    """Let no organisation that claims the domain prove it, or prove it again, before the commit."""
    claimants = select(OrganisationDomain.organisation_id).where(
        OrganisationDomain.id == domain_id if domain_id else OrganisationDomain.domain == domain,
        col(OrganisationDomain.ended_at).is_(None),
    )
    session.exec(
        select(Organisation.id)
        .where(col(Organisation.id).in_(claimants))
        .order_by(col(Organisation.id))
        .with_for_update(read=True)
    ).all()


def prove_domain(
    session: Session,
    claim: OrganisationDomain,
    *,
    now: datetime,
    valid_until: datetime,
    check_at: datetime | None = None,
) -> None:
    """Note that a domain is proved, and let memberships by it go on as long; earlier proofs of it end."""
    session.exec(
        update(OrganisationDomain)
        .where(
            col(OrganisationDomain.organisation_id) == claim.organisation_id,
            col(OrganisationDomain.domain) == claim.domain,
            col(OrganisationDomain.id) != claim.id,
            col(OrganisationDomain.ended_at).is_(None),
        )
        .values(ended_at=now)
    )
    move_end(session, claim, valid_until=valid_until, values={"proved_at": now, "check_at": check_at})


def move_end(
    session: Session, claim: OrganisationDomain, *, valid_until: datetime, values: Mapping[str, object]
) -> None:
    """Let a proof, and memberships by its domain, last until then; what officers were told of an end is past."""
    same = select(OrganisationDomain.id).where(
        OrganisationDomain.organisation_id == claim.organisation_id, OrganisationDomain.domain == claim.domain
    )
    session.exec(
        update(OrganisationMember)
        .where(col(OrganisationMember.domain_id).in_(same), col(OrganisationMember.ended_at).is_(None))
        .values(domain_id=claim.id, until=valid_until)
    )
    told = {"missing_since": None, "warned_at": None, "lapse_told_at": None}
    update_domain(session, claim.id, {"valid_until": valid_until, **told, **values})


def update_domain(session: Session, domain_id: UUID, values: Mapping[str, object]) -> None:
    """Change what may change of a claim: its proof, and what officers were told of it."""
    session.exec(update(OrganisationDomain).where(col(OrganisationDomain.id) == domain_id).values(**values))


def find_proved_domains(session: Session, domain: str, *, now: datetime) -> Sequence[OrganisationDomain]:
    """Return the proved claims of a domain, whoever holds them."""
    return session.exec(
        select(OrganisationDomain)
        .where(
            OrganisationDomain.domain == domain,
            col(OrganisationDomain.ended_at).is_(None),
            col(OrganisationDomain.valid_until) > now,
        )
        .order_by(col(OrganisationDomain.id))
    ).all()


def find_proved_domain(session: Session, domain_id: UUID, *, now: datetime) -> OrganisationDomain | None:
    """Return the claim, if it is proved and has not ended."""
    return session.exec(
        select(OrganisationDomain).where(
            OrganisationDomain.id == domain_id,
            col(OrganisationDomain.ended_at).is_(None),
            col(OrganisationDomain.valid_until) > now,
        )
    ).one_or_none()


def list_verified_people(session: Session, *, after: UUID | None, limit: int) -> Sequence[UUID]:
    """Return people who have shown that an address is theirs, by id, strictly after `after`."""
    statement = select(Person.id).where(
        col(Person.verified_at).is_not(None), col(Person.sealed_email).is_not(None)
    )
    if after is not None:
        statement = statement.where(Person.id > after)
    return session.exec(statement.order_by(col(Person.id)).limit(limit)).all()


def has_left(session: Session, *, organisation_id: UUID, person_id: UUID) -> bool:
    """Whether a membership of the person was ended, by themself or by an officer; what a provider ended may come back."""
    ended = exists().where(
        col(OrganisationMember.organisation_id) == organisation_id,
        col(OrganisationMember.person_id) == person_id,
        col(OrganisationMember.ended_by).in_([EndedBy.SELF, EndedBy.OFFICER]),
    )
    return bool(session.exec(select(ended)).one())


def insert_member(session: Session, row: OrganisationMember) -> bool:
    """Insert a membership; False if the person belongs to the organisation on the same ground already."""
    try:
        with session.begin_nested():
            session.exec(insert(OrganisationMember).values(**row.model_dump()))
    except IntegrityError:
        return False
    return True


def find_member(
    session: Session, *, organisation_id: UUID, person_id: UUID, now: datetime
) -> OrganisationMember | None:
    """Return a live membership of a person; that of an officer before others."""
    return session.exec(
        select(OrganisationMember)
        .where(
            OrganisationMember.organisation_id == organisation_id,
            OrganisationMember.person_id == person_id,
            _is_live(now),
        )
        .order_by(col(OrganisationMember.is_officer).desc(), col(OrganisationMember.id))
        .limit(1)
    ).one_or_none()


def find_named(session: Session, *, organisation_id: UUID, person_id: UUID) -> OrganisationMember | None:
    """Return the membership of a person whom an officer named."""
    return session.exec(
        select(OrganisationMember).where(
            OrganisationMember.organisation_id == organisation_id,
            OrganisationMember.person_id == person_id,
            OrganisationMember.source == Source.NAMED,
            col(OrganisationMember.ended_at).is_(None),
        )
    ).one_or_none()


def _is_live(now: datetime) -> ColumnElement[bool]:
    unended = col(OrganisationMember.ended_at).is_(None)
    return unended & or_(col(OrganisationMember.until).is_(None), col(OrganisationMember.until) > now)


def _is_first(now: datetime) -> ColumnElement[bool]:
    """Return the condition that leaves one of the live memberships of a person in an organisation: the oldest."""
    older = aliased(OrganisationMember)
    return ~exists().where(
        col(older.person_id) == col(OrganisationMember.person_id),
        col(older.organisation_id) == col(OrganisationMember.organisation_id),
        col(older.id) < col(OrganisationMember.id),
        col(older.ended_at).is_(None),
        or_(col(older.until).is_(None), col(older.until) > now),
    )


def list_members(
    session: Session, organisation_id: UUID, *, after: UUID | None, limit: int, now: datetime
) -> Sequence[tuple[OrganisationMember, str]]:
    """Return the live memberships of a page of people with their domain or group, oldest first.

    A person's place is that of their oldest membership; the page begins strictly after `after`.
    """
    page = list_members_of(session, [organisation_id], after=after, limit=limit, now=now)
    statement = (
        select(OrganisationMember, OrganisationDomain.domain, OrganisationGroup.name)
        .outerjoin(OrganisationDomain, col(OrganisationDomain.id) == col(OrganisationMember.domain_id))
        .outerjoin(OrganisationGroup, col(OrganisationGroup.id) == col(OrganisationMember.group_id))
        .where(
            OrganisationMember.organisation_id == organisation_id,
            col(OrganisationMember.person_id).in_([person_id for _, person_id in page]),
            _is_live(now),
        )
        .order_by(col(OrganisationMember.id))
    )
    return [(row, domain or group or "") for row, domain, group in session.exec(statement)]


def list_of_person(session: Session, person_id: UUID, *, now: datetime) -> Sequence[Organisation]:
    """Return the organisations that a person belongs to now."""
    belongs = select(OrganisationMember.organisation_id).where(
        OrganisationMember.person_id == person_id, _is_live(now)
    )
    return session.exec(
        select(Organisation)
        .where(col(Organisation.id).in_(belongs), col(Organisation.ended_at).is_(None))
        .order_by(col(Organisation.id))
        .limit(100)
    ).all()


def list_memberships(session: Session, *, person_id: UUID) -> Sequence[tuple[OrganisationMember, str]]:
    """Return by what a person belongs, and belonged, to organisations, with their names; oldest first."""
    return session.exec(
        select(OrganisationMember, Organisation.name)
        .join(Organisation, col(Organisation.id) == OrganisationMember.organisation_id)
        .where(OrganisationMember.person_id == person_id)
        .order_by(col(OrganisationMember.id))
    ).all()


def count_officers(session: Session, organisation_id: UUID) -> int:
    """Return how many officers an organisation has; their rows stay locked until the commit."""
    rows = session.exec(
        select(OrganisationMember.id)
        .where(
            OrganisationMember.organisation_id == organisation_id,
            col(OrganisationMember.ended_at).is_(None),
            col(OrganisationMember.is_officer),
        )
        .order_by(col(OrganisationMember.id))
        .with_for_update()
    ).all()
    return len(rows)


def set_officer(session: Session, member_id: UUID, *, is_officer: bool) -> None:
    """Make a member an officer, or no more."""
    session.exec(
        update(OrganisationMember)
        .where(col(OrganisationMember.id) == member_id)
        .values(is_officer=is_officer)
    )


def end_members(
    session: Session, *, organisation_id: UUID, person_id: UUID, ended_by: EndedBy, now: datetime
) -> None:
    """End what makes the person a member, whatever it is."""
    session.exec(
        update(OrganisationMember)
        .where(
            col(OrganisationMember.organisation_id) == organisation_id,
            col(OrganisationMember.person_id) == person_id,
            col(OrganisationMember.ended_at).is_(None),
        )
        .values(ended_at=now, ended_by=ended_by.value)
    )


def lock_organisations(session: Session, organisation_ids: Sequence[UUID]) -> None:
    """Make other acts for these organisations wait until the commit."""
    session.exec(
        select(Organisation.id)
        .where(col(Organisation.id).in_(organisation_ids))
        .order_by(col(Organisation.id))
        .with_for_update(key_share=True)
    ).all()


def list_members_of(
    session: Session,
    organisation_ids: Sequence[UUID],
    *,
    after: UUID | None,
    limit: int,
    now: datetime,
    newest: bool = False,
) -> Sequence[tuple[UUID, UUID]]:
    """Return each member's oldest membership and who they are, by its id, after `after`; or the newest of these."""
    statement = select(OrganisationMember.id, OrganisationMember.person_id).where(
        col(OrganisationMember.organisation_id).in_(organisation_ids), _is_live(now), _is_first(now)
    )
    if after is not None:
        statement = statement.where(OrganisationMember.id > after)
    order = col(OrganisationMember.id).desc() if newest else col(OrganisationMember.id)
    return session.exec(statement.order_by(order).limit(limit)).all()


def list_covered(
    session: Session, organisation_ids: Sequence[UUID], people: Sequence[UUID], *, now: datetime
) -> Sequence[Covered]:
    """Return which of the people belong to which of the organisations, where that covers them now."""
    proved = exists().where(
        col(OrganisationDomain.organisation_id) == col(Organisation.id),
        col(OrganisationDomain.ended_at).is_(None),
        col(OrganisationDomain.valid_until) > now,
    )
    # Who was a member when it was asked has time until the day.
    has_time = (col(Organisation.acknowledge_from) > now) & (
        col(OrganisationMember.since) <= col(Organisation.acknowledge_asked_at)
    )
    rows = session.exec(
        select(
            OrganisationMember.person_id,
            OrganisationMember.organisation_id,
            col(Organisation.acknowledge_from).is_not(None) & ~has_time,
        )
        .join(Organisation, col(Organisation.id) == col(OrganisationMember.organisation_id))
        .where(
            is_among(session, OrganisationMember.person_id, people),
            col(OrganisationMember.organisation_id).in_(organisation_ids),
            _is_live(now),
            or_(col(Organisation.members_until).is_(None), col(Organisation.members_until) > now),
            proved,
        )
        .order_by(col(OrganisationMember.person_id), col(OrganisationMember.organisation_id))
    )
    return [
        Covered(person_id=person_id, organisation_id=organisation_id, acknowledges=acknowledges)
        for person_id, organisation_id, acknowledges in rows
    ]
