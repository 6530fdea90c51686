"""Which acceptance the text of today is compared with: what somebody knows of a license at a gate already.

Looked for at the gate itself, for what was accepted elsewhere was accepted for another publisher. What the person
accepted themself comes first, then what an organisation of theirs accepted; what was taken back counts only where
nothing stands, since it was read all the same. Who acts for an organisation is shown what changed since its own
acceptance, whichever officer made it.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlmodel import Session

from registry.acceptances import store
from registry.acceptances.store import PastAcceptance

Known = Mapping[tuple[UUID, UUID], PastAcceptance]
"""By gate and license."""


def find_known(
    session: Session,
    *,
    person_id: UUID | None,
    organisation_ids: Sequence[UUID] = (),
    gate_ids: Sequence[UUID],
) -> Known:
    """Return what the person, or these organisations of theirs, accepted last of each license at each gate."""
    own = store.list_past(session, person_ids=[person_id], gate_ids=gate_ids) if person_id else ()
    covers = (
        store.list_past_of_organisations(session, organisation_ids=organisation_ids, gate_ids=gate_ids)
        if organisation_ids
        else ()
    )
    return choose_known([*own, *covers])


def choose_known(past: Sequence[PastAcceptance]) -> Known:
    """Return of each license at each gate the acceptance that counts most."""
    known: dict[tuple[UUID, UUID], PastAcceptance] = {}
    for one in sorted(past, key=_weight):
        known[one.gate_id, one.license_id] = one
    return known


def _weight(one: PastAcceptance) -> tuple[object, ...]:
    return not one.is_withdrawn, one.organisation_id is None, one.accepted_at, one.id
