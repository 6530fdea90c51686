"""Imports are linked to acceptances: by a proven address or a proven account, never by a name somebody typed.

The link is a fact in the log beside both. It changes neither: the acceptance counts by itself, the import stays what
it is.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry import identity, ledger
from registry.acceptances import import_store, store
from registry.acceptances.import_statement import ImportEventKind, event_fact
from registry.acceptances.statement import Evidence
from registry.acceptances.tables import ImportEvent
from registry.kernel.sealing import Sealer

UPGRADED_KIND = "import.upgraded"


def link_accepted(session: Session, acts: Sequence[Evidence], *, sealer: Sealer) -> int:
    """Link what was imported of these people for these models to what they have accepted now; return how many.

    Who accepts for an organisation has not accepted for themself. Where nobody was imported, which is nearly
    everywhere, this is one look into an index.
    """
    own = [act for act in acts if act.organisation is None]
    places = {
        "gate_ids": list({act.offer.gate_id for act in own}),
        "model_ids": list({act.offer.model_id for act in own}),
    }
    if not own or not import_store.has_imports(session, **places):
        return 0
    proven = _proven_indexes(session, own, sealer)
    every = [index for indexes in proven.values() for index in indexes]
    linked = 0
    for one in import_store.list_waiting(session, **places, indexes=every) if every else ():
        for act in own:
            at_its_place = act.offer.gate_id == one.gate_id or act.offer.model_id == one.model_id
            if at_its_place and proven[act.acceptance_id] & {one.email_index, one.account_index}:
                linked += _link(session, one.import_id, act.acceptance_id, now=act.accepted_at)
                break
    return linked


def link_earlier(
    session: Session, imports: Sequence[tuple[UUID, bytes]], *, gate_id: UUID, now: datetime
) -> int:
    """Link imports, each with its address, to what people with that proven address accepted before; return how many."""
    found = _find_earlier(session, [index for _, index in imports], gate_id)
    return sum(
        _link(session, import_id, found[index], now=now) for import_id, index in imports if index in found
    )


def count_earlier(session: Session, indexes: Sequence[bytes], *, gate_id: UUID) -> int:
    """Return how many of these addresses are proven by people who have accepted at the gate before."""
    return len(_find_earlier(session, indexes, gate_id))


def _find_earlier(session: Session, indexes: Sequence[bytes], gate_id: UUID) -> Mapping[bytes, UUID]:
    """Return by address the latest acceptance there that stands of whoever has proved it to be theirs."""
    people = identity.find_proven(session, indexes)
    if not people:
        return {}
    past = store.list_past(session, person_ids=list(people.values()), gate_ids=[gate_id])
    latest = {one.person_id: one.id for one in past if not one.is_withdrawn}
    return {index: latest[person_id] for index, person_id in people.items() if person_id in latest}


def _proven_indexes(
    session: Session, acts: Sequence[Evidence], sealer: Sealer
) -> Mapping[UUID, frozenset[bytes]]:
    """Return by acceptance the digests of the address and the Hub accounts that its person has proved to be theirs."""
    people = list({act.profile.person_id for act in acts})
    accounts = identity.list_hub_accounts(session, people, sealer=sealer)
    found: dict[UUID, frozenset[bytes]] = {}
    for act in acts:
        indexes: set[bytes] = set()
        if act.profile.verified_at is not None:
            indexes.update(sealer.blind_indexes(act.profile.email, "email"))
        for name in accounts.get(act.profile.person_id, ()):
            indexes.update(sealer.blind_indexes(name.lower(), "hub-account"))
        found[act.acceptance_id] = frozenset(indexes)
    return found


def _link(session: Session, import_id: UUID, acceptance_id: UUID, *, now: datetime) -> bool:
    fact = event_fact(ImportEventKind.UPGRADED, import_id=import_id, acceptance_id=acceptance_id, at=now)
    with session.begin_nested() as attempt:
        event = ImportEvent(
            import_id=import_id,
            event=ImportEventKind.UPGRADED.value,
            acceptance_id=acceptance_id,
            happened_at=now,
            statement=fact,
            entry_id=ledger.append(session, kind=UPGRADED_KIND, leaf=fact, now=now),
        )
        if import_store.insert_event(session, event):
            return True
        attempt.rollback()
    return False
