"""Check of imports and what became of them: each row must be what its entry in the log says (P6).

For each import: its log entry exists and is its statement, which is signed as an import; the columns are what it
claims; who it was opens and is what it speaks of, or was deleted, and then an entry says so. Memory stays flat.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from registry import ledger
from registry.acceptances import import_store
from registry.acceptances.import_statement import (
    IMPORT_TYP,
    TEXT_UNKNOWN,
    ImportEventKind,
    event_fact,
)
from registry.acceptances.importing import IMPORT_KIND, disclosures_context
from registry.acceptances.sd_jwt import digest, hidden_digests, read_payload
from registry.acceptances.tables import ImportContact, ImportedAcceptor, ImportEvent
from registry.kernel.clock import parse_iso
from registry.kernel.outcomes import CorruptRecord
from registry.kernel.sealing import Sealer, SubjectKey

KINDS = (IMPORT_KIND, *(f"import.{kind.value}" for kind in ImportEventKind))
PAGE_ROWS = 500
_NO_ENTRY = "has no log entry: it was inserted behind the log's back, or its entry_id was altered"


def find_discrepancies(session: Session, *, sealer: Sealer) -> Iterator[ledger.Discrepancy]:
    """Yield each import, and each fact about one, that does not fit; of each row only the first cause."""
    verifier = ledger.JWSVerifier(ledger.list_published_keys(session))
    after: UUID | None = None
    while rows := _page(session, after):
        keys = sealer.find_subject_keys(session, [row.id for row, _, _ in rows])
        for row, contact, erased in rows:
            problem = _problem(session, row, verifier) or _contact_problem(
                row, contact, keys.get(row.id), erased=erased is not None
            )
            if problem:
                yield ledger.Discrepancy(table="imported_acceptor", row_id=str(row.id), problem=problem)
        after = rows[-1][0].id
        session.expunge_all()
    events = select(ImportEvent).order_by(col(ImportEvent.import_id), col(ImportEvent.event))
    for event in session.exec(events.execution_options(yield_per=PAGE_ROWS)):
        if problem := _event_problem(session, event):
            row_id = f"{event.import_id} {event.event}"
            yield ledger.Discrepancy(table="import_event", row_id=row_id, problem=problem)


def _page(
    session: Session, after: UUID | None
) -> Sequence[tuple[ImportedAcceptor, ImportContact | None, UUID | None]]:
    erased = (col(ImportEvent.import_id) == col(ImportedAcceptor.id)) & (
        col(ImportEvent.event) == ImportEventKind.ERASED.value
    )
    statement = (
        select(ImportedAcceptor, ImportContact, ImportEvent.import_id)
        .outerjoin(ImportContact, col(ImportContact.import_id) == col(ImportedAcceptor.id))
        .outerjoin(ImportEvent, erased)
    )
    if after is not None:
        statement = statement.where(ImportedAcceptor.id > after)
    return session.exec(statement.order_by(col(ImportedAcceptor.id)).limit(PAGE_ROWS)).all()


def _problem(session: Session, row: ImportedAcceptor, verifier: ledger.JWSVerifier) -> str | None:
    leaf = ledger.find_leaf(session, row.entry_id)
    if leaf is None:
        return _NO_ENTRY
    if leaf != row.statement.encode("utf-8", "replace"):
        return "statement: it is not the one in its log entry"
    try:
        if verifier.verify(row.statement).header.get("typ") != IMPORT_TYP:
            return "statement: it is not signed as an import"
        claims: Any = read_payload(row.statement)
        stated = claims["times"]["stated"]
        expected = {
            "id": UUID(claims["jti"]),
            "model_id": UUID(claims["scope"]["model_id"]),
            "gate_id": UUID(claims["gate"]["id"]),
            "source": claims["source"],
            "stated_at": parse_iso(stated) if stated else None,
            "imported_at": parse_iso(claims["times"]["imported"]),
            "imported_by": UUID(claims["imported_by"]),
        }
    except (ledger.SignatureMismatch, CorruptRecord, LookupError, TypeError, ValueError) as error:
        return f"statement: it does not verify ({type(error).__name__})"
    if claims.get("text") != TEXT_UNKNOWN:
        return "statement: it claims to know a text"
    for column, value in expected.items():
        if getattr(row, column) != value:
            return f"{column}: it is not what the signed statement says"
    return None


def _contact_problem(
    row: ImportedAcceptor, contact: ImportContact | None, key: SubjectKey | None, *, erased: bool
) -> str | None:
    if contact is None or key is None:
        if not erased:
            return "who it is of was deleted, and no entry in the log says so"
        return None if contact is None and key is None else "who it is of was deleted, and is there again"
    if erased:
        return "who it is of was deleted, and is there again"
    if contact.model_id != row.model_id:
        return "import_contact.model_id: it is not the import's"
    try:
        opened = json.loads(key.open(contact.sealed_disclosures, disclosures_context(row.id)))
        fits = {digest(item) for item in opened} == hidden_digests(read_payload(row.statement))
    except (CorruptRecord, ValueError, TypeError, AttributeError):
        return "sealed_disclosures: they do not open with the key of the import"
    return None if fits else "sealed_disclosures: they are not the ones that the statement speaks of"


def _event_problem(session: Session, event: ImportEvent) -> str | None:
    leaf = ledger.find_leaf(session, event.entry_id)
    if leaf is None:
        return _NO_ENTRY
    if leaf != bytes(event.statement):
        return "statement: it is not the one in its log entry"
    try:
        expected = event_fact(
            ImportEventKind(event.event),
            import_id=event.import_id,
            at=event.happened_at,
            acceptance_id=event.acceptance_id,
        )
    except ValueError:
        return "event: there is no such event"
    return None if leaf == expected else "a column is not what the log entry says"


def check_leaf(session: Session, kind: str, leaf: bytes) -> ledger.Discrepancy | None:
    """Return what is wrong if the import, or the fact about one, that a leaf speaks of is not there."""
    try:
        if kind == IMPORT_KIND:
            claims: Any = read_payload(leaf.decode("ascii"))
            import_id = UUID(claims["jti"])
            event = None
        else:
            import_id = UUID(json.loads(leaf)["import"])
            event = ImportEventKind(kind.removeprefix("import."))
    except (CorruptRecord, ValueError, LookupError, TypeError):
        return ledger.Discrepancy(table="ledger_entry", row_id=kind, problem=f"is not a leaf of kind {kind}")
    if event is None:
        found: object = import_store.find_import(session, import_id)
    else:
        found = session.get(ImportEvent, (import_id, event.value))
    if found is not None:
        return None
    table = "imported_acceptor" if event is None else "import_event"
    row_id = str(import_id) if event is None else f"{import_id} {event.value}"
    return ledger.Discrepancy(table=table, row_id=row_id, problem="is missing although the log speaks of it")
