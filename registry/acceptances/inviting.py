"""Imported people are invited, once each, to accept the text of today; the letter is also how they speak for themselves.

It says why they get it, what is kept about them, and carries a link by which they stop such letters or have their data
deleted, without an account. Opening the link changes nothing.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import exists, func, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from registry import catalog
from registry.acceptances import import_store, importing, upgrades
from registry.acceptances.forgetting import list_imports_of
from registry.acceptances.import_reading import open_contact
from registry.acceptances.tables import ImportContact, ImportedAcceptor
from registry.identity.domain import Principal, digest_of
from registry.kernel import mail
from registry.kernel.among import is_among
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal, Remedy
from registry.kernel.sealing import Sealer

LETTERS_PER_RUN = 50
RUNS_APART = timedelta(minutes=5)
"""Together at most 600 letters an hour, whatever number of workers runs: more looks like spam to mail servers."""
SAME_ADDRESS_APART = timedelta(days=1)
"""Who is imported for several models gets one letter a day at most."""
CONTACTS_PER_ASK = 2_000
"""Contacts of one transaction."""
LINK_PATH = "/imported"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptImport:
    """An import of the person who holds a link, as the page behind it shows it."""

    id: UUID
    model_id: UUID
    gate_id: UUID
    repo_id: str
    publisher: str
    stated_at: datetime | None
    imported_at: datetime
    details: Sequence[tuple[str, str]]
    """What is kept, by its name."""
    opted_out_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitedLater:
    """People of a model who are to be written to now, and were not before."""

    count: int
    last: UUID | None
    """The import to go on after; None at the end."""


def ask_to_invite(
    session: Session,
    *,
    publisher: str,
    name: str,
    principal: Principal,
    after: UUID | None = None,
    dry_run: bool = False,
    now: datetime,
) -> InvitedLater | Refusal:
    """Have some of those invited who were imported without an invitation; in turn, by the ids of their imports.

    Left out is who has accepted here, wants no such letters, or is known by an account alone. With `dry_run` they are
    only counted. Asked again it changes nothing about who was asked before.
    """
    model = importing.find_importable(session, publisher=publisher, name=name, principal=principal)
    if isinstance(model, Refusal):
        return model
    ids = _list_never_asked(session, model.id, after=after)
    if ids and not dry_run:
        session.exec(
            update(ImportContact)
            .where(
                is_among(session, ImportContact.import_id, ids), col(ImportContact.invite_asked_at).is_(None)
            )
            .values(invite_asked_at=now)
        )
    return InvitedLater(count=len(ids), last=ids[-1] if len(ids) == CONTACTS_PER_ASK else None)


async def ask_to_invite_all(
    database: Database,
    *,
    publisher: str,
    name: str,
    principal: Principal,
    dry_run: bool = False,
    now: datetime,
) -> int | Refusal:
    """Have everybody invited whom `ask_to_invite` finds; return how many. After an interruption it is asked again."""
    run = database.read if dry_run else database.write
    count, after = 0, None
    while True:
        found = await run(
            partial(
                ask_to_invite,
                publisher=publisher,
                name=name,
                principal=principal,
                after=after,
                dry_run=dry_run,
                now=now,
            )
        )
        if isinstance(found, Refusal):
            return found
        count, after = count + found.count, found.last
        if after is None:
            return count


def _list_never_asked(session: Session, model_id: UUID, *, after: UUID | None) -> Sequence[UUID]:
    statement = (
        select(ImportContact.import_id)
        .where(ImportContact.model_id == model_id)
        .where(import_store.is_invitable())
    )
    if after is not None:
        statement = statement.where(ImportContact.import_id > after)
    return session.exec(statement.order_by(col(ImportContact.import_id)).limit(CONTACTS_PER_ASK)).all()


def invite_due(session: Session, *, sealer: Sealer, base_url: str, now: datetime) -> int:
    """Write the next letters, unless some were written just now; return how many. Nobody gets two about one model.

    Who has accepted meanwhile is linked instead. Who may not see a private model is not written to about it.
    """
    newest = session.exec(select(func.max(ImportContact.invited_at))).one()
    if newest is not None and newest > now - RUNS_APART:
        return 0
    written = 0
    seen: set[bytes] = set()
    for row, contact in _list_due(session, now=now):
        if contact.email_index is None or contact.email_index in seen:
            continue
        seen.add(contact.email_index)
        accepted = upgrades.link_earlier(
            session, [(row.id, contact.email_index)], gate_id=row.gate_id, now=now
        )
        if not accepted:
            written += _write(session, row, contact, sealer=sealer, base_url=base_url, now=now)
    return written


def _list_due(session: Session, *, now: datetime) -> Sequence[tuple[ImportedAcceptor, ImportContact]]:
    other = aliased(ImportContact)
    just_written = exists().where(
        col(other.email_index) == col(ImportContact.email_index),
        col(other.invited_at) > now - SAME_ADDRESS_APART,
    )
    statement = (
        select(ImportedAcceptor, ImportContact)
        .join(ImportedAcceptor, col(ImportedAcceptor.id) == col(ImportContact.import_id))
        .where(col(ImportContact.invite_asked_at).is_not(None), col(ImportContact.invited_at).is_(None))
        .where(col(ImportContact.opted_out_at).is_(None), ~just_written, ~import_store.is_upgraded())
        .where(catalog.is_public_model(ImportContact.model_id))
        .order_by(col(ImportContact.import_id))
        .limit(LETTERS_PER_RUN)
    )
    rows = session.exec(statement).all()
    session.expunge_all()
    return rows


def _write(
    session: Session,
    row: ImportedAcceptor,
    contact: ImportContact,
    *,
    sealer: Sealer,
    base_url: str,
    now: datetime,
) -> bool:
    stated = open_contact(row.id, contact, sealer.find_subject_key(session, row.id))
    if "email" not in stated:
        return False
    secret = secrets.token_urlsafe(32)
    taken = session.exec(
        update(ImportContact)
        .where(col(ImportContact.import_id) == row.id, col(ImportContact.invited_at).is_(None))
        .values(invited_at=now, link_digest=digest_of(secret))
    )
    if taken.rowcount != 1:
        return False
    model = catalog.get_model(session, row.model_id)
    when = f" on {row.stated_at:%-d %B %Y}" if row.stated_at else ""
    text = (
        f"{model.publisher} has told this registry that you accepted terms for its model {model.repo_id}\n"
        f"elsewhere{when}. Which text that was is not known here, so it gives you no access here.\n\n"
        "If you want to use the model from here, read the license of today and accept it:\n\n"
        f"{base_url}/{model.repo_id}/accept\n\n"
        "If you do not, there is nothing to do. This letter is sent once.\n\n"
        f"What is kept about you: {', '.join(label for label, _ in _details(stated))}. See it, have it deleted, or ask for\n"
        f"no more such letters, without an account:\n\n{base_url}{LINK_PATH}?token={secret}\n"
    )
    letter = mail.Mail(to=stated["email"], subject=f"You are on record for {model.repo_id}", text=text)
    mail.queue(session, letter, sealer=sealer, now=now)
    return True


def list_kept(session: Session, *, secret: str, sealer: Sealer) -> Sequence[KeptImport] | Refusal:
    """Return everything that is imported of the person who was sent the link, whatever model the letter was about."""
    contact = _find_by_link(session, secret)
    if contact is None:
        return link_unknown()
    return _open_kept(session, _list_of_address(session, contact), sealer)


def list_kept_of(session: Session, *, email: str, sealer: Sealer) -> Sequence[KeptImport]:
    """Return everything that is imported of a proven address."""
    return _open_kept(session, list_imports_of(session, email=email, sealer=sealer), sealer)


def _open_kept(session: Session, ids: Sequence[UUID], sealer: Sealer) -> Sequence[KeptImport]:
    keys = sealer.find_subject_keys(session, ids)
    kept = []
    for row, one in import_store.list_with_contact(session, ids):
        publisher, name = catalog.name_models(session, [row.model_id])[row.model_id]
        kept.append(
            KeptImport(
                id=row.id,
                model_id=row.model_id,
                gate_id=row.gate_id,
                repo_id=f"{publisher}/{name}",
                publisher=publisher,
                stated_at=row.stated_at,
                imported_at=row.imported_at,
                details=_details(open_contact(row.id, one, keys.get(row.id))),
                opted_out_at=one.opted_out_at,
            )
        )
    return kept


def opt_out(session: Session, *, secret: str, now: datetime) -> Refusal | None:
    """Write no more such letters to whoever was sent the link, about any model."""
    contact = _find_by_link(session, secret)
    if contact is None:
        return link_unknown()
    ids = _list_of_address(session, contact)
    session.exec(
        update(ImportContact)
        .where(col(ImportContact.import_id).in_(ids), col(ImportContact.opted_out_at).is_(None))
        .values(opted_out_at=now)
    )
    return None


def _list_of_address(session: Session, contact: ImportContact) -> Sequence[UUID]:
    """Return the imports of the address that the letter went to; an account of the same name proves nothing here."""
    return import_store.list_contacts_of(session, [contact.email_index] if contact.email_index else [])


def link_unknown() -> Refusal:
    """Return the refusal of a link that leads to nobody's data."""
    return Refusal(
        code="import-link-unknown",
        status=404,
        title="This link leads to nobody’s data",
        detail="It may have been cut by the mail program, or what it led to is deleted already.",
        remedy=Remedy(text="Open the whole address from the letter once more"),
    )


def _find_by_link(session: Session, secret: str) -> ImportContact | None:
    digest = digest_of(secret[:200])
    found = session.exec(select(ImportContact).where(ImportContact.link_digest == digest)).one_or_none()
    session.expunge_all()
    return found


_LABELS = {"email": "your e-mail address", "account": "your account there", "name": "your name there"}


def _details(stated: Mapping[str, str]) -> Sequence[tuple[str, str]]:
    return [(label, stated[name]) for name, label in _LABELS.items() if name in stated]
