"""Queries and inserts of who lets their account of the Hub be named there; no rules."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from registry.access.tables import HubDisclosure


def insert_disclosure(session: Session, row: HubDisclosure) -> bool:
    """Insert a disclosure; False if another one of the person at the model stands."""
    try:
        with session.begin_nested():
            session.exec(insert(HubDisclosure).values(**row.model_dump()))
    except IntegrityError:
        return False
    return True


def find_standing(session: Session, *, person_id: UUID, model_id: UUID) -> HubDisclosure | None:
    """Return what stands of the person at the model."""
    return session.exec(
        select(HubDisclosure)
        .where(HubDisclosure.person_id == person_id, HubDisclosure.model_id == model_id)
        .where(col(HubDisclosure.ended_at).is_(None))
    ).one_or_none()


def list_open(session: Session, *, model_id: UUID, repository: str) -> Sequence[HubDisclosure]:
    """Return what stands for a repository, and what was taken back and not carried out there yet."""
    return session.exec(
        select(HubDisclosure)
        .where(HubDisclosure.model_id == model_id, HubDisclosure.repository == repository)
        .where(col(HubDisclosure.done_at).is_(None))
        .order_by(col(HubDisclosure.id))
    ).all()


def list_of_person(session: Session, *, person_id: UUID) -> Sequence[HubDisclosure]:
    """Return every disclosure of a person, ended ones too, oldest first."""
    return session.exec(
        select(HubDisclosure)
        .where(HubDisclosure.person_id == person_id)
        .order_by(col(HubDisclosure.person_id), col(HubDisclosure.id))
    ).all()


def end_disclosures(
    session: Session, *, person_id: UUID, model_id: UUID | None = None, now: datetime
) -> None:
    """End what stands of the person, at one model or everywhere."""
    statement = update(HubDisclosure).where(col(HubDisclosure.person_id) == person_id)
    if model_id is not None:
        statement = statement.where(col(HubDisclosure.model_id) == model_id)
    session.exec(statement.where(col(HubDisclosure.ended_at).is_(None)).values(ended_at=now))


def note_done(session: Session, *, model_id: UUID, repository: str, before: datetime, now: datetime) -> None:
    """Note that who took it back before this moment was seen to be on the list no more."""
    session.exec(
        update(HubDisclosure)
        .where(col(HubDisclosure.model_id) == model_id, col(HubDisclosure.repository) == repository)
        .where(col(HubDisclosure.done_at).is_(None), col(HubDisclosure.ended_at) < before)
        .values(done_at=now)
    )
