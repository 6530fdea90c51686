"""Use cases that delete who imports are of, and find them again under a new master key.

What is left of an import is its statement, which names nobody, and a keyed digest that keeps later reports from
bringing the same person in again.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry import ledger
from registry.acceptances import import_store
from registry.acceptances.import_reading import open_contact
from registry.acceptances.import_statement import ImportEventKind, event_fact
from registry.acceptances.importing import ACCOUNT_PURPOSE, EMAIL_PURPOSE
from registry.acceptances.tables import ImportEvent
from registry.kernel.sealing import Sealer

ERASED_KIND = "import.erased"


def forget_imports(session: Session, import_ids: Sequence[UUID], *, sealer: Sealer, now: datetime) -> int:
    """Delete who these imports are of, with the keys; the log says that it was done. Return how many were left."""
    contacts = import_store.lock_contacts(session, import_ids)
    # An address keeps its owner out; an account only where nothing else is known, for the row may claim another's.
    indexes = [index for one in contacts if (index := one.email_index or one.account_index) is not None]
    import_store.insert_forgotten(session, indexes, now=now)
    for one in contacts:
        import_store.delete_contact(session, one.import_id)
        sealer.destroy_subject_key(session, one.import_id)
        fact = event_fact(ImportEventKind.ERASED, import_id=one.import_id, at=now)
        event = ImportEvent(
            import_id=one.import_id,
            event=ImportEventKind.ERASED.value,
            happened_at=now,
            statement=fact,
            entry_id=ledger.append(session, kind=ERASED_KIND, leaf=fact, now=now),
        )
        import_store.insert_event(session, event)
    return len(contacts)


def list_imports_of(
    session: Session, *, email: str, accounts: Sequence[str] = (), sealer: Sealer
) -> Sequence[UUID]:
    """Return the imports of somebody with this address, or one of these proven Hub accounts, for whatever model."""
    indexes = [*sealer.blind_indexes(email, EMAIL_PURPOSE)] if email else []
    for account in accounts:
        indexes += sealer.blind_indexes(account.lower(), ACCOUNT_PURPOSE)
    return import_store.list_contacts_of(session, indexes) if indexes else ()


def reindex_imports(
    session: Session, *, after: UUID | None, sealer: Sealer, limit: int
) -> tuple[UUID | None, int]:
    """Make the digests of some imports anew by the first master key; return the last id, None at the end, and how many changed."""
    contacts = import_store.list_contacts_after(session, after=after, limit=limit)
    keys = sealer.find_subject_keys(session, [one.import_id for one in contacts])
    changed = 0
    for one in contacts:
        stated = open_contact(one.import_id, one, keys.get(one.import_id))
        if not stated:
            continue
        email, account = stated.get("email"), stated.get("account")
        changed += import_store.set_indexes(
            session,
            one,
            email_index=sealer.blind_index(email, EMAIL_PURPOSE) if email else None,
            account_index=sealer.blind_index(account.lower(), ACCOUNT_PURPOSE) if account else None,
        )
    return (contacts[-1].import_id if len(contacts) == limit else None), changed
