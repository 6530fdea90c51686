"""Queries and inserts of groups that make members, and of memberships by them; no rules."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from registry.identity.organisation_domain import EndedBy
from registry.identity.organisation_tables import Organisation, OrganisationGroup, OrganisationMember
from registry.identity.tables import Person


def insert_group(session: Session, row: OrganisationGroup) -> bool:
    """Insert a group that is asked for; False if the organisation has it already."""
    try:
        with session.begin_nested():
            session.exec(insert(OrganisationGroup).values(**row.model_dump()))
    except IntegrityError:
        return False
    return True


def list_groups(session: Session, organisation_id: UUID, *, limit: int) -> Sequence[OrganisationGroup]:
    """Return the groups of an organisation that have not ended, oldest first."""
    return session.exec(
        select(OrganisationGroup)
        .where(
            OrganisationGroup.organisation_id == organisation_id, col(OrganisationGroup.ended_at).is_(None)
        )
        .order_by(col(OrganisationGroup.id))
        .limit(limit)
    ).all()


def lock_group(session: Session, group_id: UUID, *, organisation_id: UUID) -> OrganisationGroup | None:
    """Return the group of the organisation, unless it has ended; sign-ins by it wait until the commit."""
    return session.exec(
        select(OrganisationGroup)
        .where(
            OrganisationGroup.id == group_id,
            OrganisationGroup.organisation_id == organisation_id,
            col(OrganisationGroup.ended_at).is_(None),
        )
        .with_for_update()
    ).one_or_none()


def update_group(session: Session, group_id: UUID, values: Mapping[str, object]) -> None:
    """Note what an operator or officer decided about a group."""
    session.exec(update(OrganisationGroup).where(col(OrganisationGroup.id) == group_id).values(**values))


def hold_groups(session: Session, issuer: str) -> Sequence[tuple[OrganisationGroup, str]]:
    """Return the confirmed groups of a provider with their organisations' names; none ends before the commit."""
    return session.exec(
        select(OrganisationGroup, Organisation.name)
        .join(Organisation, col(Organisation.id) == col(OrganisationGroup.organisation_id))
        .where(
            OrganisationGroup.issuer == issuer,
            col(OrganisationGroup.ended_at).is_(None),
            col(OrganisationGroup.confirmed_at).is_not(None),
            col(Organisation.ended_at).is_(None),
        )
        .order_by(col(OrganisationGroup.id))
        .with_for_update(read=True, of=OrganisationGroup)
    ).all()


def list_operators(session: Session, *, limit: int) -> Sequence[UUID]:
    """Return the operators."""
    return session.exec(
        select(Person.id).where(col(Person.is_operator)).order_by(col(Person.id)).limit(limit)
    ).all()


def list_by_groups(
    session: Session, person_id: UUID
) -> Sequence[tuple[OrganisationMember, OrganisationGroup]]:
    """Return the person's memberships by groups that have not ended, with the groups."""
    return session.exec(
        select(OrganisationMember, OrganisationGroup)
        .join(OrganisationGroup, col(OrganisationGroup.id) == col(OrganisationMember.group_id))
        .where(OrganisationMember.person_id == person_id, col(OrganisationMember.ended_at).is_(None))
        .order_by(col(OrganisationMember.id))
    ).all()


def prolong(session: Session, member_id: UUID, *, identity_id: UUID, until: datetime) -> None:
    """Let a membership go on, as an account has just shown."""
    session.exec(
        update(OrganisationMember)
        .where(col(OrganisationMember.id) == member_id)
        .values(identity_id=identity_id, until=until)
    )


def end_memberships(session: Session, member_ids: Sequence[UUID], *, now: datetime) -> None:
    """End memberships whose ground has gone."""
    session.exec(
        update(OrganisationMember)
        .where(col(OrganisationMember.id).in_(member_ids), col(OrganisationMember.ended_at).is_(None))
        .values(ended_at=now, ended_by=EndedBy.SOURCE.value)
    )


def end_all_by_group(session: Session, group_id: UUID, *, now: datetime) -> None:
    """End the memberships by a group that has ended."""
    session.exec(
        update(OrganisationMember)
        .where(col(OrganisationMember.group_id) == group_id, col(OrganisationMember.ended_at).is_(None))
        .values(ended_at=now, ended_by=EndedBy.SOURCE.value)
    )


def end_all_by_account(session: Session, person_id: UUID, identity_id: UUID, *, now: datetime) -> None:
    """End the person's memberships by groups that an account showed last."""
    session.exec(
        update(OrganisationMember)
        .where(
            col(OrganisationMember.person_id) == person_id,
            col(OrganisationMember.identity_id) == identity_id,
            col(OrganisationMember.ended_at).is_(None),
        )
        .values(ended_at=now, ended_by=EndedBy.SOURCE.value)
    )


def list_ended_with(
    session: Session, group: OrganisationGroup, *, after: UUID | None, limit: int
) -> Sequence[tuple[UUID, UUID]]:
    """Return membership and person of those that ended when the group did, by their ids, after `after`."""
    statement = select(OrganisationMember.id, OrganisationMember.person_id).where(
        OrganisationMember.organisation_id == group.organisation_id,
        OrganisationMember.group_id == group.id,
        OrganisationMember.ended_at == group.ended_at,
        col(OrganisationMember.until) > group.ended_at,
    )
    if after is not None:
        statement = statement.where(OrganisationMember.id > after)
    return session.exec(statement.order_by(col(OrganisationMember.id)).limit(limit)).all()


def get_group(session: Session, group_id: UUID) -> tuple[OrganisationGroup, str]:
    """Return a group, ended or not, with its organisation's name."""
    return session.exec(
        select(OrganisationGroup, Organisation.name)
        .join(Organisation, col(Organisation.id) == col(OrganisationGroup.organisation_id))
        .where(OrganisationGroup.id == group_id)
    ).one()
