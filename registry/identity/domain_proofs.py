"""Use cases of proofs by DNS: what the DNS said about a record proves a domain, prolongs the proof, or ends it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry.identity import domain_store, domain_telling, membership
from registry.identity import organisation_store as store
from registry.identity.domain import Principal
from registry.identity.organisation_domain import (
    CHECK_AGAIN,
    CHECK_EVERY,
    MISSING_GRACE,
    PROLONG_BY,
    PROOF_LIFETIME,
    Finding,
    OrganisationView,
    Record,
    claim_unknown,
    record_absent,
    record_unanswered,
)
from registry.identity.organisation_tables import OrganisationDomain
from registry.identity.organisations import get_organisation
from registry.kernel.outcomes import Refusal
from registry.kernel.sealing import Sealer

DUE_AT_ONCE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A record that the worker looks for again."""

    organisation_id: UUID
    domain_id: UUID
    record: Record
    again_at: datetime
    """When it is looked for again if nobody says anything; until then it is this worker's."""


def find_record(
    session: Session, *, organisation_id: UUID, domain_id: UUID, principal: Principal, now: datetime
) -> Record | Refusal:
    """Return the record that would prove the domain, to an officer."""
    found = get_organisation(session, organisation_id, principal=principal, now=now, as_officer=True)
    if isinstance(found, Refusal):
        return found
    claim = domain_store.find_record_claim(session, organisation_id, domain_id=domain_id)
    if claim is None or claim.challenge is None:
        return claim_unknown(f"/organisations/{organisation_id}")
    return Record(domain=claim.domain, challenge=claim.challenge)


def settle_record(
    session: Session,
    *,
    organisation_id: UUID,
    domain_id: UUID,
    finding: Finding,
    principal: Principal,
    base_url: str,
    sealer: Sealer,
    now: datetime,
) -> OrganisationView | Refusal:
    """Prove the domain by a record that was found, for a year; who has an address there is let in after it.

    For a domain that is proved already, note what was found, as the worker does each day.
    """
    store.lock_organisation(session, organisation_id)
    record = find_record(
        session, organisation_id=organisation_id, domain_id=domain_id, principal=principal, now=now
    )
    claim = domain_store.find_record_claim(session, organisation_id, domain_id=domain_id)
    if isinstance(record, Refusal) or claim is None:
        return record if isinstance(record, Refusal) else claim_unknown(f"/organisations/{organisation_id}")
    if claim.valid_until is not None and now < claim.valid_until:
        note_finding(session, claim, finding, base_url=base_url, sealer=sealer, now=now)
    elif finding is Finding.FOUND:
        store.prove_domain(
            session, claim, now=now, valid_until=now + PROOF_LIFETIME, check_at=now + CHECK_EVERY
        )
        membership.put_task(session, membership.Task(domain_id=claim.id), now=now)
    page = f"/organisations/{organisation_id}"
    if finding is Finding.ABSENT:
        return record_absent(record, page)
    if finding is Finding.UNANSWERED:
        return record_unanswered(record, page)
    return get_organisation(session, organisation_id, principal=principal, now=now, as_officer=True)


def take_due(session: Session, *, now: datetime) -> Sequence[Due]:
    """Return records of proved domains that are to be looked for, and let nobody else look meanwhile."""
    again_at = now + CHECK_AGAIN
    claims = domain_store.take_due_records(session, again_at=again_at, now=now, limit=DUE_AT_ONCE)
    return [
        Due(
            organisation_id=claim.organisation_id,
            domain_id=claim.id,
            record=Record(domain=claim.domain, challenge=claim.challenge),
            again_at=again_at,
        )
        for claim in claims
        if claim.challenge is not None
    ]


def note_due(
    session: Session, due: Due, finding: Finding, *, base_url: str, sealer: Sealer, now: datetime
) -> None:
    """Note what the DNS said about a record that was due, unless somebody looked for it meanwhile."""
    store.lock_organisation(session, due.organisation_id)
    owner = store.find_organisation(session, due.organisation_id)
    claim = domain_store.find_record_claim(session, due.organisation_id, domain_id=due.domain_id)
    if owner is None or claim is None or claim.check_at != due.again_at:
        return
    if claim.valid_until is None or claim.valid_until <= now:
        return
    note_finding(session, claim, finding, base_url=base_url, sealer=sealer, now=now)


def note_finding(
    session: Session,
    claim: OrganisationDomain,
    finding: Finding,
    *,
    base_url: str,
    sealer: Sealer,
    now: datetime,
) -> None:
    """Prolong a proof whose record is there, let one end whose record is gone; else nothing changes.

    The organisation is locked. Officers are told when the record goes and when it comes back, once each.
    """
    assert claim.valid_until is not None  # noqa: S101 - it is proved
    check_at = now + CHECK_EVERY
    whole = now + PROOF_LIFETIME
    if finding is Finding.FOUND and claim.missing_since is not None:
        store.move_end(session, claim, valid_until=whole, values={"check_at": check_at})
        message = domain_telling.record_back(claim, until=whole)
    elif finding is Finding.ABSENT and claim.missing_since is None:
        until = min(claim.valid_until, now + MISSING_GRACE)
        told = {"check_at": check_at, "missing_since": now, "warned_at": now}
        store.move_end(session, claim, valid_until=until, values=told)
        message = domain_telling.record_gone(claim, until=until)
    else:
        if finding is Finding.FOUND and whole - claim.valid_until > PROLONG_BY:
            store.move_end(session, claim, valid_until=whole, values={"check_at": check_at})
        elif finding is not Finding.UNANSWERED:
            store.update_domain(session, claim.id, {"check_at": check_at})
        return
    domain_telling.tell_officers(session, claim, message, base_url=base_url, sealer=sealer, now=now)
