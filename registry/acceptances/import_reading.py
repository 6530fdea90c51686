"""Use cases that read imports: who accepted elsewhere, as a report said, for those who may know."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry import catalog, identity, ledger
from registry.acceptances import import_store, store
from registry.acceptances.import_statement import ImportEventKind
from registry.acceptances.import_store import ImportFilter, ImportRow
from registry.acceptances.importing import disclosures_context
from registry.acceptances.reports import Source
from registry.acceptances.sd_jwt import digest, hidden_digests, read_disclosure, read_payload
from registry.acceptances.statement import SCOPE
from registry.acceptances.tables import ImportContact, ImportedAcceptor, ImportEvent
from registry.kernel.sealing import Sealer, SubjectKey


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedImport:
    """An import as the register shows it; who it was is None once deleted, and while their data may only be stored."""

    id: UUID
    publisher: str
    model: str
    source: Source
    email: str | None
    account: str | None
    name: str | None
    is_erased: bool
    stated_at: datetime | None
    imported_at: datetime
    imported_by: UUID
    invited_at: datetime | None
    opted_out_at: datetime | None
    upgraded_by: UUID | None
    """The acceptance of the same person here."""
    upgraded_at: datetime | None
    entry_index: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportEvidence:
    """An import with what proves it."""

    id: UUID
    entry_id: UUID
    statement: str
    disclosures: Sequence[str]
    upgrade: tuple[UUID, bytes] | None
    """Entry and leaf of the link to an acceptance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFigures:
    """Counts of imports, apart from those of acceptances; none beyond the limit they were counted to."""

    ever: int
    upgraded: int
    erased: int


def list_imports(
    session: Session, wanted: ImportFilter, *, sealer: Sealer, after: UUID | None, limit: int
) -> Sequence[OpenedImport]:
    """Return a page of imports, newest first."""
    rows = import_store.list_imports(session, wanted, after=after, limit=limit)
    keys = sealer.find_subject_keys(session, [row.id for row, _, _ in rows])
    hidden = _list_hidden(session, rows)
    names = catalog.name_models(session, list({row.model_id for row, _, _ in rows})) if rows else {}
    indices = ledger.find_indices(session, [row.entry_id for row, _, _ in rows])
    found = [
        _opened(
            row,
            contact,
            upgrade,
            keys.get(row.id),
            names[row.model_id],
            indices.get(row.entry_id),
            is_hidden=row.id in hidden,
        )
        for row, contact, upgrade in rows
    ]
    session.expunge_all()
    return found


def list_import_evidence(
    session: Session,
    wanted: ImportFilter,
    *,
    sealer: Sealer,
    details: bool,
    after: UUID | None = None,
    limit: int,
) -> Sequence[ImportEvidence]:
    """Return a page of imports with what proves them, newest first.

    Without `details` only the name of a private model is disclosed.
    """
    rows = import_store.list_imports(session, wanted, after=after, limit=limit)
    keys = sealer.find_subject_keys(session, [row.id for row, _, _ in rows])
    hidden = _list_hidden(session, rows) if details else frozenset()
    found = [
        ImportEvidence(
            id=row.id,
            entry_id=row.entry_id,
            statement=row.statement,
            disclosures=_disclosures(
                row, contact, keys.get(row.id), details=details and row.id not in hidden
            ),
            upgrade=(upgrade.entry_id, bytes(upgrade.statement)) if upgrade else None,
        )
        for row, contact, upgrade in rows
    ]
    session.expunge_all()
    return found


def count_imports(session: Session, model_ids: Sequence[UUID], *, most: int) -> ImportFigures:
    """Return how many were imported for these models, and what became of them."""
    return ImportFigures(
        ever=import_store.count_imports(session, model_ids, most=most),
        upgraded=import_store.count_imports(session, model_ids, most=most, event=ImportEventKind.UPGRADED),
        erased=import_store.count_imports(session, model_ids, most=most, event=ImportEventKind.ERASED),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelImports:
    """Who was imported for one model, and how far they have come; none is counted beyond the limit."""

    model: str
    figures: ImportFigures
    invited: int
    """Who was sent a letter."""
    never_asked: int
    """Who could still be invited."""


def list_model_imports(session: Session, models: Mapping[UUID, str], *, most: int) -> Sequence[ModelImports]:
    """Return what is imported for each of these models that has any, by name."""
    found = [
        ModelImports(
            model=models[model_id],
            figures=count_imports(session, [model_id], most=most),
            invited=import_store.count_contacts(session, model_id, invited=True, most=most),
            never_asked=import_store.count_contacts(session, model_id, invited=False, most=most),
        )
        for model_id in import_store.list_imported_models(session, list(models))
    ]
    return sorted(found, key=lambda one: one.model)


def open_contact(row_id: UUID, contact: ImportContact | None, key: SubjectKey | None) -> Mapping[str, str]:
    """Return what is kept about who an import is of; nothing once deleted."""
    if contact is None or key is None:
        return {}
    opened = json.loads(key.open(contact.sealed_disclosures, disclosures_context(row_id)))
    stated = map(read_disclosure, opened)
    return {name: value for name, value in stated if isinstance(value, str)}


def _list_hidden(session: Session, rows: Sequence[ImportRow]) -> frozenset[UUID]:
    """Return the imports of people whose data may only be stored: whose address it is, or whose acceptance is linked."""
    by_index = identity.find_proven(
        session, [contact.email_index for _, contact, _ in rows if contact and contact.email_index]
    )
    linked = [upgrade.acceptance_id for _, _, upgrade in rows if upgrade and upgrade.acceptance_id]
    by_acceptance = store.list_acceptors(session, linked) if linked else {}
    people = {
        row.id: {
            by_index.get(contact.email_index) if contact and contact.email_index else None,
            by_acceptance.get(upgrade.acceptance_id) if upgrade and upgrade.acceptance_id else None,
        }
        for row, contact, upgrade in rows
    }
    everybody = sorted({one for mine in people.values() for one in mine if one is not None})
    restricted = identity.list_restricted_among(session, everybody) if everybody else frozenset()
    return frozenset(import_id for import_id, mine in people.items() if mine & restricted)


def _disclosures(
    row: ImportedAcceptor, contact: ImportContact | None, key: SubjectKey | None, *, details: bool
) -> Sequence[str]:
    if contact is None or key is None:
        return ()
    scope = hidden_digests(read_payload(row.statement)[SCOPE])
    if not details and not scope:
        return ()
    opened: list[str] = json.loads(key.open(contact.sealed_disclosures, disclosures_context(row.id)))
    return opened if details else [one for one in opened if digest(one) in scope]


def _opened(
    row: ImportedAcceptor,
    contact: ImportContact | None,
    upgrade: ImportEvent | None,
    key: SubjectKey | None,
    model: tuple[str, str],
    entry_index: int | None,
    *,
    is_hidden: bool,
) -> OpenedImport:
    stated = {} if is_hidden else open_contact(row.id, contact, key)
    return OpenedImport(
        id=row.id,
        publisher=model[0],
        model=model[1],
        source=Source(row.source),
        email=stated.get("email"),
        account=stated.get("account"),
        name=stated.get("name"),
        is_erased=contact is None or key is None,
        stated_at=row.stated_at,
        imported_at=row.imported_at,
        imported_by=row.imported_by,
        invited_at=contact.invited_at if contact else None,
        opted_out_at=contact.opted_out_at if contact else None,
        upgraded_by=upgrade.acceptance_id if upgrade else None,
        upgraded_at=upgrade.happened_at if upgrade else None,
        entry_index=entry_index,
    )
