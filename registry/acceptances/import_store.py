"""Queries and inserts of imports; no rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, exists, func, insert, or_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from registry.acceptances.import_statement import ImportEventKind
from registry.acceptances.tables import ForgottenImport, ImportContact, ImportedAcceptor, ImportEvent
from registry.kernel.among import is_among


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFilter:
    """Which imports to list."""

    model_ids: Sequence[UUID]
    since: datetime | None = None
    """Imported at or after; None for no bound."""
    until: datetime | None = None
    """Imported before."""


ImportRow = tuple[ImportedAcceptor, ImportContact | None, ImportEvent | None]
"""An import with who it was, until that is deleted, and the acceptance linked to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An import of somebody who has not accepted here yet."""

    import_id: UUID
    gate_id: UUID
    model_id: UUID
    email_index: bytes | None
    account_index: bytes | None


def list_known(
    session: Session, model_id: UUID, indexes: Sequence[bytes]
) -> Sequence[tuple[UUID, bytes | None, bytes | None]]:
    """Return import, address and account of whoever of these is imported for the model already."""
    rows = session.exec(
        select(ImportContact.import_id, ImportContact.email_index, ImportContact.account_index)
        .where(ImportContact.model_id == model_id)
        .where(
            or_(col(ImportContact.email_index).in_(indexes), col(ImportContact.account_index).in_(indexes))
        )
        .order_by(col(ImportContact.import_id))
    )
    return rows.all()


def list_forgotten(session: Session, indexes: Sequence[bytes]) -> frozenset[bytes]:
    """Return which of these have had their imported data deleted."""
    rows = session.exec(
        select(ForgottenImport.contact_index).where(col(ForgottenImport.contact_index).in_(indexes))
    )
    return frozenset(rows.all())


def list_opted_out(session: Session, indexes: Sequence[bytes]) -> frozenset[bytes]:
    """Return which of these addresses want no invitations, whatever model they are imported for."""
    rows = session.exec(
        select(ImportContact.email_index)
        .where(col(ImportContact.email_index).in_(indexes), col(ImportContact.opted_out_at).is_not(None))
        .distinct()
    )
    return frozenset(index for index in rows.all() if index is not None)


def has_imports(session: Session, *, gate_ids: Sequence[UUID], model_ids: Sequence[UUID]) -> bool:
    """Whether anybody was ever imported for these models, or for others at these gates."""
    statement = select(ImportedAcceptor.id).where(_at(session, gate_ids, model_ids)).limit(1)
    return session.exec(statement).one_or_none() is not None


def list_waiting(
    session: Session,
    *,
    gate_ids: Sequence[UUID],
    model_ids: Sequence[UUID],
    indexes: Sequence[bytes],
) -> Sequence[Waiting]:
    """Return the imports there of these addresses and accounts that nobody's acceptance is linked to."""
    rows = session.exec(
        select(ImportedAcceptor, ImportContact.email_index, ImportContact.account_index)
        .join(ImportContact, col(ImportContact.import_id) == col(ImportedAcceptor.id))
        .where(_at(session, gate_ids, model_ids))
        .where(
            or_(col(ImportContact.email_index).in_(indexes), col(ImportContact.account_index).in_(indexes))
        )
        .where(~_has(ImportEventKind.UPGRADED))
        .order_by(col(ImportedAcceptor.id))
    )
    found = [
        Waiting(
            import_id=row.id,
            gate_id=row.gate_id,
            model_id=row.model_id,
            email_index=email_index,
            account_index=account_index,
        )
        for row, email_index, account_index in rows
    ]
    session.expunge_all()
    return found


def insert_event(session: Session, event: ImportEvent) -> bool:
    """Insert what became of an import; False if that is on record already."""
    try:
        with session.begin_nested():
            session.exec(insert(ImportEvent).values(**event.model_dump()))
    except IntegrityError:
        return False
    return True


def find_import(session: Session, import_id: UUID) -> ImportedAcceptor | None:
    """Return an import."""
    return session.exec(select(ImportedAcceptor).where(ImportedAcceptor.id == import_id)).one_or_none()


def list_imports(
    session: Session, wanted: ImportFilter, *, after: UUID | None, limit: int
) -> Sequence[ImportRow]:
    """Return a page of imports, newest first."""
    upgraded = and_(
        col(ImportEvent.import_id) == col(ImportedAcceptor.id),
        col(ImportEvent.event) == ImportEventKind.UPGRADED.value,
    )
    statement = (
        select(ImportedAcceptor, ImportContact, ImportEvent)
        .outerjoin(ImportContact, col(ImportContact.import_id) == col(ImportedAcceptor.id))
        .outerjoin(ImportEvent, upgraded)
        .where(is_among(session, ImportedAcceptor.model_id, wanted.model_ids))
    )
    if wanted.since is not None:
        statement = statement.where(col(ImportedAcceptor.imported_at) >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(col(ImportedAcceptor.imported_at) < wanted.until)
    if after is not None:
        statement = statement.where(ImportedAcceptor.id < after)
    return session.exec(statement.order_by(col(ImportedAcceptor.id).desc()).limit(limit)).all()


def count_imports(
    session: Session, model_ids: Sequence[UUID], *, most: int, event: ImportEventKind | None = None
) -> int:
    """Return how many were imported for these models, or came to this; counted no further than `most`."""
    if not model_ids:
        return 0
    statement = select(ImportedAcceptor.id).where(is_among(session, ImportedAcceptor.model_id, model_ids))
    if event is not None:
        statement = statement.where(_has(event))
    return session.exec(select(func.count()).select_from(statement.limit(most).subquery())).one()


def list_imported_models(session: Session, model_ids: Sequence[UUID]) -> Sequence[UUID]:
    """Return which of these models anybody was imported for."""
    if not model_ids:
        return ()
    found = select(ImportedAcceptor.model_id).where(is_among(session, ImportedAcceptor.model_id, model_ids))
    return session.exec(found.distinct()).all()


def is_upgraded() -> ColumnElement[bool]:
    """Return the condition that a contact's import is linked to an acceptance."""
    return exists().where(
        col(ImportEvent.import_id) == col(ImportContact.import_id),
        col(ImportEvent.event) == ImportEventKind.UPGRADED.value,
    )


def is_invitable() -> ColumnElement[bool]:
    """Return the condition that a contact was never asked to be invited, and can be."""
    return and_(
        col(ImportContact.invite_asked_at).is_(None),
        col(ImportContact.opted_out_at).is_(None),
        col(ImportContact.email_index).is_not(None),
        ~is_upgraded(),
    )


def count_contacts(session: Session, model_id: UUID, *, invited: bool, most: int) -> int:
    """Return how many of a model were sent a letter, or can still be invited; counted no further than `most`."""
    wanted = col(ImportContact.invited_at).is_not(None) if invited else is_invitable()
    statement = select(ImportContact.import_id).where(ImportContact.model_id == model_id, wanted).limit(most)
    return session.exec(select(func.count()).select_from(statement.subquery())).one()


def delete_contact(session: Session, import_id: UUID) -> bool:
    """Delete who an import is of; False if that is gone already."""
    result = session.exec(delete(ImportContact).where(col(ImportContact.import_id) == import_id))
    return result.rowcount == 1


def insert_forgotten(session: Session, indexes: Sequence[bytes], *, now: datetime) -> None:
    """Note that whoever these are of is not to be imported again."""
    known = list_forgotten(session, indexes)
    for index in dict.fromkeys(indexes):
        if index not in known:
            row: Mapping[str, object] = {"contact_index": index, "forgotten_at": now}
            try:
                with session.begin_nested():
                    session.exec(insert(ForgottenImport).values(**row))
            except IntegrityError:
                continue  # Somebody else has noted it meanwhile.


def _at(session: Session, gate_ids: Sequence[UUID], model_ids: Sequence[UUID]) -> ColumnElement[bool]:
    return or_(
        is_among(session, ImportedAcceptor.gate_id, gate_ids),
        is_among(session, ImportedAcceptor.model_id, model_ids),
    )


def _has(kind: ImportEventKind) -> ColumnElement[bool]:
    return exists().where(
        col(ImportEvent.import_id) == col(ImportedAcceptor.id), col(ImportEvent.event) == kind.value
    )


def lock_contacts(session: Session, import_ids: Sequence[UUID]) -> Sequence[ImportContact]:
    """Return who these imports are of; nobody else deletes them before the commit."""
    statement = select(ImportContact).where(is_among(session, ImportContact.import_id, import_ids))
    rows = session.exec(statement.order_by(col(ImportContact.import_id)).with_for_update()).all()
    session.expunge_all()
    return rows


def list_contacts_of(session: Session, indexes: Sequence[bytes]) -> Sequence[UUID]:
    """Return the imports of whoever these digests are of."""
    found = or_(col(ImportContact.email_index).in_(indexes), col(ImportContact.account_index).in_(indexes))
    return session.exec(
        select(ImportContact.import_id).where(found).order_by(col(ImportContact.import_id))
    ).all()


def list_contacts_after(session: Session, *, after: UUID | None, limit: int) -> Sequence[ImportContact]:
    """Return some contacts by the ids of their imports."""
    statement = select(ImportContact)
    if after is not None:
        statement = statement.where(ImportContact.import_id > after)
    rows = session.exec(statement.order_by(col(ImportContact.import_id)).limit(limit)).all()
    session.expunge_all()
    return rows


def set_indexes(
    session: Session, contact: ImportContact, *, email_index: bytes | None, account_index: bytes | None
) -> bool:
    """Change the digests of a contact; False if they are these already."""
    if (contact.email_index, contact.account_index) == (email_index, account_index):
        return False
    session.exec(
        update(ImportContact)
        .where(col(ImportContact.import_id) == contact.import_id)
        .values(email_index=email_index, account_index=account_index)
    )
    return True


def list_with_contact(
    session: Session, import_ids: Sequence[UUID]
) -> Sequence[tuple[ImportedAcceptor, ImportContact]]:
    """Return these imports with who they are of."""
    rows = session.exec(
        select(ImportedAcceptor, ImportContact)
        .join(ImportContact, col(ImportContact.import_id) == col(ImportedAcceptor.id))
        .where(is_among(session, ImportedAcceptor.id, import_ids))
        .order_by(col(ImportedAcceptor.id))
    ).all()
    session.expunge_all()
    return rows
