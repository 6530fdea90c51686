"""Use cases: offer a text, accept it, read and withdraw acceptances, hand out receipts."""

import json
import os
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session

from registry import catalog, identity, ledger, licenses
from registry.acceptances import store
from registry.acceptances.domain import (
    AcceptanceSummary,
    AcceptLicense,
    Grade,
    Offer,
    Ticket,
    already_withdrawn,
    invalid_act,
    judge_act,
    judge_actor,
    no_such_acceptance,
    nothing_to_accept,
    read_ticket,
)
from registry.acceptances.sd_jwt import Issued, Sign, read_payload
from registry.acceptances.statement import Evidence, receipt_letter, sign_statement, withdrawal_fact
from registry.acceptances.store import Filter
from registry.acceptances.tables import Acceptance, Withdrawal
from registry.catalog.domain import ModelView
from registry.catalog.forms import AnswerErrors, CleanAnswers, validate_answers
from registry.identity.domain import Principal
from registry.kernel import mail
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import CorruptRecord, Refusal
from registry.kernel.sealing import Sealer
from registry.licenses.domain import Version

SALT_BYTES = 16
TICKET_SECRET = "acceptance-ticket"  # noqa: S105 - the purpose of a derived secret
PAGE_MOST = 200
Mine = tuple[Acceptance, Withdrawal | None]
"""An acceptance of the person at hand, and its withdrawal, if any."""


def find_offer(
    session: Session, *, person_id: UUID | None, model: ModelView, wanted: UUID | str | None = None
) -> tuple[Offer, Version] | None:
    """Return the first license version that the gate asks for and this person has not accepted.

    `wanted` (a version's id, or `slug@number`) chooses among several missing ones.
    """
    mine = store.list_of_person(session, person_id=person_id, gate_id=model.gate.id) if person_id else ()
    return _choose_offer(session, mine, model=model, wanted=wanted)


def _choose_offer(
    session: Session, mine: Sequence[Mine], *, model: ModelView, wanted: UUID | str | None
) -> tuple[Offer, Version] | None:
    standing = {(row.license_id, row.series) for row, withdrawal in mine if withdrawal is None}
    missing = []
    for version_id in model.gate.license_version_ids:
        version = licenses.get_version_by_id(session, version_id)
        if (version.license_id, version.series) not in standing:
            missing.append(version)
    if not missing:
        return None
    version = next((item for item in missing if wanted in {item.id, item.reference}), missing[0])
    return _offer(model, version), version


def _offer(model: ModelView, version: Version) -> Offer:
    return Offer(
        model_id=model.id,
        publisher=model.publisher,
        model=model.name,
        gate_id=model.gate.id,
        gate_revision_id=model.gate.revision_id,
        license_id=version.license_id,
        license_version_id=version.id,
        slug=version.slug,
        title=version.title,
        number=version.number,
        text_sha256=version.sha256,
        series=version.series,
    )


def accept(
    session: Session,
    command: AcceptLicense,
    *,
    principal: Principal,
    model: ModelView,
    issuer: str,
    sign: Sign,
    sealer: Sealer,
    now: datetime,
) -> AcceptanceSummary | Refusal:
    """Record the person's acceptance of the text that the page showed; a repeated act gives the same one.

    Acceptance, statement, sealed disclosures and log entry commit together or not at all (P4).
    """
    # Load.
    ticket = read_ticket(command.ticket, sealer.derive_secret(TICKET_SECRET))
    person_id = principal.person_id
    mine = store.list_of_person(session, person_id=person_id, gate_id=model.gate.id) if person_id else ()
    twin = _repeated(mine, command, ticket, principal=principal)
    if twin is not None:
        return twin
    found = _choose_offer(session, mine, model=model, wanted=ticket.license_version_id if ticket else None)
    if found is None:
        return nothing_to_accept(f"/{model.repo_id}")
    offer, version = found
    # Decide.
    answers = _judge(command, ticket, offer, model=model, principal=principal, now=now)
    if isinstance(answers, Refusal):
        return answers
    assert principal.person_id is not None and ticket is not None  # noqa: S101, PT018 - _judge has seen to it
    profile = identity.open_profile(session, person_id=principal.person_id, sealer=sealer)
    if profile is None:
        raise CorruptRecord(f"person {principal.person_id} is signed in but has no profile")
    # Record.
    evidence = Evidence(
        acceptance_id=new_id(),
        issuer=issuer,
        offer=offer,
        version=version,
        policies=licenses.find_terms(session, version.id).policies,
        gate=model.gate,
        release=catalog.find_current_release(session, model.id),
        principal=principal,
        profile=profile,
        command=command,
        ticket=ticket,
        answers=answers.values,
        sequence=sum(
            withdrawal is not None and row.license_version_id == version.id for row, withdrawal in mine
        ),
        salt=os.urandom(SALT_BYTES),
        accepted_at=now,
    )
    return _record(session, evidence, sign_statement(evidence, sign), sealer=sealer, now=now)


def _judge(
    command: AcceptLicense,
    ticket: Ticket | None,
    offer: Offer,
    *,
    model: ModelView,
    principal: Principal,
    now: datetime,
) -> CleanAnswers | Refusal:
    """Return the answers of an act that counts, or why it does not; every field in error is named at once."""
    if refusal := judge_actor(principal, offer):
        return refusal
    refusal = judge_act(command, ticket, offer, principal=principal, now=now)
    if refusal is not None and refusal.status != 422:
        return refusal
    answers = validate_answers(model.gate.fields, command.answers)
    if isinstance(answers, AnswerErrors):
        return invalid_act(offer, {**(refusal.errors if refusal else {}), **answers.errors})
    return refusal or answers


def _record(
    session: Session, evidence: Evidence, issued: Issued, *, sealer: Sealer, now: datetime
) -> AcceptanceSummary | Refusal:
    offer, person_id = evidence.offer, evidence.profile.person_id
    key = sealer.find_subject_key(session, person_id)
    if key is None:
        raise CorruptRecord(f"person {person_id} has no sealing key")
    disclosures = json.dumps(issued.disclosures).encode()
    acceptance = Acceptance(
        id=evidence.acceptance_id,
        person_id=person_id,
        gate_id=offer.gate_id,
        gate_revision_id=offer.gate_revision_id,
        license_id=offer.license_id,
        license_version_id=offer.license_version_id,
        series=offer.series,
        sequence=evidence.sequence,
        language=evidence.version.language,
        grade=Grade.VERIFIED_SIGN_IN.value,
        accepted_at=now,
        statement=issued.jwt,
        sealed_disclosures=key.seal(disclosures, disclosures_context(evidence.acceptance_id)),
        entry_id=evidence.acceptance_id,  # known once the entry is appended below
    )

    def record() -> Acceptance:
        leaf = issued.jwt.encode("ascii")
        acceptance.entry_id = ledger.append(session, kind="acceptance", leaf=leaf, now=now)
        store.insert_acceptance(session, acceptance.model_dump())
        return acceptance

    if store.attempt(session, record) is not None:
        mail.queue(session, receipt_letter(evidence), sealer=sealer, now=now)
        return summarise(acceptance, None)
    # A twin of this act (double click, second browser) was first; it is the acceptance.
    twin = store.find_standing(
        session, person_id=person_id, gate_id=offer.gate_id, license_version_id=offer.license_version_id
    )
    if twin is None:
        raise CorruptRecord("an acceptance was refused as a double and its twin is not there")
    return summarise(twin, None)


def _repeated(
    mine: Sequence[Mine], command: AcceptLicense, ticket: Ticket | None, *, principal: Principal
) -> AcceptanceSummary | None:
    """Return the standing acceptance that this same form has already brought about."""
    if (
        ticket is None
        or ticket.person_id != principal.person_id
        or ticket.session_id != principal.session_id
        or command.text_sha256 != ticket.text_sha256
    ):
        return None
    for row, withdrawal in mine:
        if withdrawal is None and row.license_version_id == ticket.license_version_id:
            return summarise(row, None)
    return None


def withdraw(
    session: Session, *, acceptance_id: UUID, principal: Principal, now: datetime
) -> AcceptanceSummary | Refusal:
    """End the right that rests on the acceptance, at once; acceptance and withdrawal stay on record."""
    found = store.find_acceptance(session, acceptance_id)
    if found is None or found[0].person_id != principal.person_id:
        return no_such_acceptance()
    acceptance, withdrawal = found
    if withdrawal is not None:
        return already_withdrawn(withdrawal.withdrawn_at)
    fact = withdrawal_fact(acceptance_id=acceptance.id, person_id=acceptance.person_id, at=now)
    with session.begin_nested() as attempt:
        entry_id = ledger.append(session, kind="withdrawal", leaf=fact, now=now)
        withdrawal = Withdrawal(
            acceptance_id=acceptance.id, withdrawn_at=now, statement=fact, entry_id=entry_id
        )
        recorded = store.insert_withdrawal(session, withdrawal)
        if not recorded:
            attempt.rollback()
    if not recorded:
        return already_withdrawn(now)
    return summarise(acceptance, withdrawal)


def earlier_version_id(session: Session, *, person_id: UUID, gate_id: UUID, license_id: UUID) -> UUID | None:
    """Return the version of the license that the person accepted last at this gate."""
    latest = store.latest_of_license(session, person_id=person_id, gate_id=gate_id, license_id=license_id)
    return latest.license_version_id if latest else None


def get_acceptance(session: Session, acceptance_id: UUID) -> AcceptanceSummary | None:
    """Return the acceptance, whoever's it is; who may see it is the caller's question."""
    found = store.find_acceptance(session, acceptance_id)
    return summarise(*found) if found else None


def list_acceptances(
    session: Session, wanted: Filter, *, after: UUID | None = None, limit: int = 50
) -> Sequence[AcceptanceSummary]:
    """Return a page of acceptances, newest first, strictly older than `after`."""
    rows = store.list_acceptances(session, wanted, after=after, limit=min(limit, PAGE_MOST))
    return [summarise(acceptance, withdrawal) for acceptance, withdrawal in rows]


def open_disclosures(
    session: Session, *, acceptance_id: UUID, sealer: Sealer
) -> tuple[str, Sequence[str]] | None:
    """Return the signed statement and its disclosures; no disclosures once the person is erased."""
    found = store.find_acceptance(session, acceptance_id)
    if found is None:
        return None
    acceptance = found[0]
    key = sealer.find_subject_key(session, acceptance.person_id)
    if key is None:
        return acceptance.statement, ()
    opened = key.open(acceptance.sealed_disclosures, disclosures_context(acceptance.id))
    disclosures: list[str] = json.loads(opened)
    return acceptance.statement, disclosures


def summarise(acceptance: Acceptance, withdrawal: Withdrawal | None) -> AcceptanceSummary:
    """Return the acceptance as lists show it; names and digests come from the signed statement."""
    claims: Any = read_payload(acceptance.statement)
    publisher, _, model = claims["scope"]["model"].partition("/")
    return AcceptanceSummary(
        id=acceptance.id,
        person_id=acceptance.person_id,
        gate_id=acceptance.gate_id,
        license_version_id=acceptance.license_version_id,
        slug=claims["license"]["slug"],
        title=claims["license"]["title"],
        number=claims["license"]["number"],
        text_sha256=claims["license"]["sha256"],
        publisher=publisher,
        model=model,
        grade=Grade(acceptance.grade),
        accepted_at=acceptance.accepted_at,
        withdrawn_at=withdrawal.withdrawn_at if withdrawal else None,
        entry_id=acceptance.entry_id,
    )


def disclosures_context(acceptance_id: UUID) -> bytes:
    """Return the place that sealed disclosures are bound to."""
    return b"acceptance:disclosures:" + acceptance_id.bytes
