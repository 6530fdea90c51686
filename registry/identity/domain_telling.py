"""What officers are told about the proofs of their domains: in the inbox and by mail, once each."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from registry.identity import domain_store, organisation_store
from registry.identity.domain import Message
from registry.identity.notices import notify
from registry.identity.organisation_domain import WARN_BEFORE, Record
from registry.identity.organisation_tables import OrganisationDomain
from registry.kernel.sealing import Sealer

PROOFS_PER_STEP = 50


def tell_officers(
    session: Session,
    claim: OrganisationDomain,
    message: Message,
    *,
    base_url: str,
    sealer: Sealer,
    now: datetime,
) -> None:
    """Tell those who can prove the domain anew."""
    officers = domain_store.list_officers(session, claim.organisation_id)
    notify(session, officers, message, base_url=base_url, sealer=sealer, now=now)


def tell_of_ends(session: Session, *, base_url: str, sealer: Sealer, now: datetime) -> int:
    """Tell officers of proofs that run out within a month, and of those that have; return how many there were."""
    due = domain_store.list_ending(session, warn_until=now + WARN_BEFORE, now=now, limit=PROOFS_PER_STEP)
    for claim in due:
        assert claim.valid_until is not None  # noqa: S101 - only proofs end
        is_over = claim.valid_until <= now
        # A proof that was made anew meanwhile is not told of.
        if not domain_store.note_told(session, claim, is_over=is_over, now=now):
            continue
        others = _other_domains(session, claim, now)
        message = proof_over(claim, others) if is_over else proof_ends(claim, claim.valid_until, others)
        tell_officers(session, claim, message, base_url=base_url, sealer=sealer, now=now)
    return len(due)


def record_gone(claim: OrganisationDomain, *, until: datetime) -> Message:
    """Return what officers are told whose record is not in the DNS any more."""
    record = Record(domain=claim.domain, challenge=claim.challenge or "")
    return Message(
        kind="domain-record-gone",
        subject=f"The DNS record that proves {claim.domain} is gone",
        text=(
            f"The record {record.name} is not there any more, or says something else. If it does not come back, "
            f"the proof ends on {until:%-d %B %Y}, and who belongs to your organisation by an address at "
            f"{claim.domain} is not covered after it.\nSet the TXT record again:\n\n{record.value}"
        ),
        page=_page(claim),
    )


def record_back(claim: OrganisationDomain, *, until: datetime) -> Message:
    """Return what officers are told whose record was gone, and was seen again."""
    return Message(
        kind="domain-record-back",
        subject=f"The DNS record that proves {claim.domain} is back",
        text=f"The proof holds until {until:%-d %B %Y}, and longer while the record stays. Nothing is to be done.",
        page=_page(claim),
    )


def proof_ends(claim: OrganisationDomain, until: datetime, others: Sequence[str]) -> Message:
    """Return what officers are told a month before a proof ends."""
    date = f"{until:%-d %B %Y}"
    return Message(
        kind="domain-proof-ends",
        subject=f"The proof of {claim.domain} runs out on {date}",
        text=f"Prove the domain again before, by mail or by a DNS record. {_meaning(claim, others)}",
        page=_page(claim),
    )


def proof_over(claim: OrganisationDomain, others: Sequence[str]) -> Message:
    """Return what officers are told when a proof has run out."""
    return Message(
        kind="domain-proof-over",
        subject=f"The proof of {claim.domain} has run out",
        text=f"{_meaning(claim, others)} Prove the domain again, and it goes on as before.",
        page=_page(claim),
    )


def _meaning(claim: OrganisationDomain, others: Sequence[str]) -> str:
    if others:
        return f"Without it, nobody belongs to your organisation by an address at {claim.domain}."
    return (
        "Without it, your organisation has no proved domain: what its officers accepted covers nobody, "
        "its service accounts download nothing, and nothing more can be accepted for it."
    )


def _other_domains(session: Session, claim: OrganisationDomain, now: datetime) -> Sequence[str]:
    return [
        one.domain
        for one in organisation_store.list_domains(session, claim.organisation_id)
        if one.id != claim.id and one.valid_until is not None and now < one.valid_until
    ]


def _page(claim: OrganisationDomain) -> str:
    return f"/organisations/{claim.organisation_id}"
