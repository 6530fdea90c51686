"""Acts that count become rows: statement, sealed disclosures, log entry and letter of each."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session

from registry import catalog, ledger
from registry.acceptances import store, upgrades
from registry.acceptances.domain import AcceptanceSummary
from registry.acceptances.sd_jwt import Sign
from registry.acceptances.service import disclosures_context, summarise_new
from registry.acceptances.statement import Evidence, receipt_letter, sign_statement
from registry.kernel import mail
from registry.kernel.announcing import announce
from registry.kernel.inserting import in_one_trip
from registry.kernel.news import Event, News
from registry.kernel.sealing import Sealer, SubjectKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """An acceptance that is to be recorded."""

    evidence: Evidence
    statement: str
    sealed_disclosures: bytes


def draft(evidence: Evidence, *, sign: Sign, key: SubjectKey) -> Drafted:
    """Return the acceptance with its signed statement and sealed disclosures."""
    issued = sign_statement(evidence, sign)
    disclosures = json.dumps(issued.disclosures).encode()
    return Drafted(
        evidence=evidence,
        statement=issued.jwt,
        sealed_disclosures=key.seal(disclosures, disclosures_context(evidence.acceptance_id)),
    )


def record(session: Session, drafted: Sequence[Drafted], *, sealer: Sealer) -> list[AcceptanceSummary]:
    """Insert the acceptances with their log entries and letters; the people are locked, so none is a double."""
    if not drafted:
        return []
    leaves = [(item.statement.encode("ascii"), item.evidence.accepted_at) for item in drafted]
    letters = [(receipt_letter(item.evidence), item.evidence.accepted_at) for item in drafted]
    with in_one_trip(session):
        entry_ids = ledger.append_all(session, kind="acceptance", leaves=leaves)
        store.insert_acceptances(
            session, [_row(item, entry_id) for item, entry_id in zip(drafted, entry_ids, strict=True)]
        )
        mail.queue_all(session, letters, sealer=sealer)
    now = drafted[-1].evidence.accepted_at
    for gate_id in {item.evidence.offer.gate_id for item in drafted}:
        catalog.tell_followers_of_gate(session, gate_id, now=now)
        at_gate = (one.evidence.acceptance_id for one in drafted if one.evidence.offer.gate_id == gate_id)
        told = News(event=Event.ACCEPTANCE_RECORDED, at=now, gate=gate_id, acceptances=tuple(at_gate))
        announce(session, told)
    upgrades.link_accepted(session, [item.evidence for item in drafted], sealer=sealer)
    return [summarise_new(item.evidence, entry_id) for item, entry_id in zip(drafted, entry_ids, strict=True)]


def _row(item: Drafted, entry_id: UUID) -> dict[str, object]:
    evidence, offer = item.evidence, item.evidence.offer
    return {
        "id": evidence.acceptance_id,
        "person_id": evidence.profile.person_id,
        "organisation_id": evidence.organisation.id if evidence.organisation else None,
        "gate_id": offer.gate_id,
        "gate_revision_id": offer.gate_revision_id,
        "license_id": offer.license_id,
        "license_version_id": offer.license_version_id,
        "series": offer.series,
        "sequence": evidence.sequence,
        "language": evidence.version.language,
        "grade": evidence.grade.value,
        "accepted_at": evidence.accepted_at,
        "statement": item.statement,
        "sealed_disclosures": item.sealed_disclosures,
        "entry_id": entry_id,
    }
