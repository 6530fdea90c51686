"""Use cases: offer a text, accept it, read and withdraw acceptances, hand out receipts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session

from registry import catalog, identity, ledger, licenses
from registry.acceptances import store
from registry.acceptances.domain import (
    AcceptanceSummary,
    Grade,
    Offer,
)
from registry.acceptances.refusals import already_withdrawn, no_such_acceptance
from registry.acceptances.sd_jwt import read_payload
from registry.acceptances.statement import Evidence, withdrawal_fact
from registry.acceptances.store import Filter, PastAcceptance
from registry.acceptances.tables import Acceptance, Withdrawal
from registry.catalog.domain import ModelView
from registry.identity.domain import Principal
from registry.identity.organisation_domain import MEMBERS_GRACE
from registry.kernel.announcing import announce
from registry.kernel.news import Event, News
from registry.kernel.outcomes import Refusal
from registry.kernel.sealing import Sealer, SubjectKey
from registry.licenses.domain import Version

TICKET_SECRET = "acceptance-ticket"  # noqa: S105 - the purpose of a derived secret
PAGE_MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A text that somebody has to accept, and the model whose gate asks for it."""

    model: ModelView
    offer: Offer
    version: Version


def list_offers(
    session: Session,
    *,
    person_id: UUID | None,
    model: ModelView,
    ancestors: Sequence[ModelView] = (),
    organisation_id: UUID | None = None,
) -> Sequence[Offered]:
    """Return all that the person, or the organisation, has not accepted yet of what comes with a model.

    Each at the gate that asks for it: the model's own first, then those of its ancestors, but for what the own
    gate asks for in the same or a later series.
    """
    asking = [model, *ancestors]
    gates = [one.gate.id for one in asking]
    if organisation_id is not None:
        past = store.list_past_of_organisations(session, organisation_ids=[organisation_id], gate_ids=gates)
    else:
        past = store.list_past(session, person_ids=[person_id], gate_ids=gates) if person_id else ()
    signed = {one.gate.id for one in asking if one.gate.prerequisites.own_signature}
    standing = {
        (one.gate_id, one.license_id, one.series) for one in past if one.counts(signed=one.gate_id in signed)
    }
    own: dict[UUID, int] = {}
    offered: list[Offered] = []
    for one in asking:
        for version_id in one.gate.license_version_ids:
            version = licenses.get_version_by_id(session, version_id)
            if one is model:
                own[version.license_id] = max(version.series, own.get(version.license_id, 0))
            elif own.get(version.license_id, 0) >= version.series:
                continue
            if (one.gate.id, version.license_id, version.series) not in standing:
                offer = make_offer(one, version, asked_for=model)
                offered.append(Offered(model=one, offer=offer, version=version))
    return offered


def choose_version(
    required: Sequence[Version],
    past: Sequence[PastAcceptance],
    *,
    wanted: UUID | None,
    signed: bool = False,
) -> Version | None:
    """Return the `wanted` one of the required texts that are still missing after these acceptances, or the first."""
    standing = {(item.license_id, item.series) for item in past if item.counts(signed=signed)}
    missing = [version for version in required if (version.license_id, version.series) not in standing]
    if not missing:
        return None
    return next((item for item in missing if item.id == wanted), missing[0])


def make_offer(model: ModelView, version: Version, *, asked_for: ModelView) -> Offer:
    """Return the offer of a text that the gate of `model` asks for, on the page of another or its own."""
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
        asked_for="" if asked_for.id == model.id else asked_for.repo_id,
    )


def withdraw(
    session: Session, *, acceptance_id: UUID, principal: Principal, now: datetime
) -> AcceptanceSummary | Refusal:
    """End the right that rests on the acceptance, at once; acceptance and withdrawal stay on record."""
    found = store.find_acceptance(session, acceptance_id)
    if found is None or not _may_withdraw(session, found[0], principal, now):
        return no_such_acceptance()
    acceptance, withdrawal = found
    if withdrawal is not None:
        return already_withdrawn(withdrawal.withdrawn_at)
    until = now + MEMBERS_GRACE if acceptance.organisation_id else None
    fact = withdrawal_fact(
        acceptance_id=acceptance.id,
        person_id=principal.person_id or acceptance.person_id,
        at=now,
        members_until=until,
    )
    with session.begin_nested() as attempt:
        entry_id = ledger.append(session, kind="withdrawal", leaf=fact, now=now)
        withdrawal = Withdrawal(
            acceptance_id=acceptance.id,
            withdrawn_at=now,
            members_until=until,
            statement=fact,
            entry_id=entry_id,
        )
        recorded = store.insert_withdrawal(session, withdrawal)
        if not recorded:
            attempt.rollback()
    if not recorded:
        return already_withdrawn(now)
    catalog.tell_followers_of_gate(session, acceptance.gate_id, now=now)
    told = News(
        event=Event.ACCEPTANCE_WITHDRAWN, at=now, gate=acceptance.gate_id, acceptances=(acceptance.id,)
    )
    announce(session, told)
    summary = summarise(session, [(acceptance, withdrawal)])[0]
    if acceptance.organisation_id is not None and until is not None:
        ended = identity.CoverWithdrawn(
            organisation_id=acceptance.organisation_id,
            license=f"{summary.title} {summary.number}",
            until=until,
            by=principal.person_id or acceptance.person_id,
        )
        identity.put_cover_withdrawn(session, ended, now=now)
    return summary


def _may_withdraw(session: Session, acceptance: Acceptance, principal: Principal, now: datetime) -> bool:
    """Whether it is the person's own, or was made for an organisation of which they are an officer."""
    if acceptance.organisation_id is None:
        return acceptance.person_id == principal.person_id
    found = identity.get_organisation(
        session, acceptance.organisation_id, principal=principal, now=now, as_officer=True
    )
    return not isinstance(found, Refusal)


def get_acceptance(session: Session, acceptance_id: UUID) -> AcceptanceSummary | None:
    """Return the acceptance, whoever's it is; who may see it is the caller's question."""
    found = store.find_acceptance(session, acceptance_id)
    return summarise(session, [found])[0] if found else None


def list_acceptances(
    session: Session, wanted: Filter, *, after: UUID | None = None, limit: int = 50
) -> Sequence[AcceptanceSummary]:
    """Return a page of acceptances, newest first, strictly older than `after`."""
    rows = store.list_acceptances(session, wanted, after=after, limit=min(limit, PAGE_MOST))
    return summarise(session, rows)


def open_disclosures(
    session: Session, *, acceptance_id: UUID, sealer: Sealer
) -> tuple[str, Sequence[str]] | None:
    """Return the signed statement and its disclosures; none once the person is erased."""
    found = store.find_acceptance(session, acceptance_id)
    if found is None:
        return None
    acceptance = found[0]
    key = sealer.find_subject_key(session, acceptance.person_id)
    if key is None:
        return acceptance.statement, ()
    return acceptance.statement, open_sealed(key, acceptance.sealed_disclosures, acceptance.id)


def summarise(
    session: Session, rows: Sequence[tuple[Acceptance, Withdrawal | None]]
) -> list[AcceptanceSummary]:
    """Return acceptances as lists show them; names and digests come from the signed statements.

    The name of a model that was private is sealed there; it is that of the model's row.
    """
    claims: list[Any] = [read_payload(acceptance.statement) for acceptance, _ in rows]
    unnamed = [UUID(one["scope"]["model_id"]) for one in claims if "model" not in one["scope"]]
    named = catalog.name_models(session, unnamed) if unnamed else {}
    return [
        _summary(acceptance, withdrawal, stated, named)
        for (acceptance, withdrawal), stated in zip(rows, claims, strict=True)
    ]


def _summary(
    acceptance: Acceptance,
    withdrawal: Withdrawal | None,
    claims: Any,
    named: Mapping[UUID, tuple[str, str]],
) -> AcceptanceSummary:
    scope = claims["scope"]
    publisher, model = scope["model"].split("/", 1) if "model" in scope else named[UUID(scope["model_id"])]
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
        organisation_id=acceptance.organisation_id,
    )


def summarise_new(evidence: Evidence, entry_id: UUID) -> AcceptanceSummary:
    """Return an acceptance that was just recorded, as lists show it."""
    offer = evidence.offer
    return AcceptanceSummary(
        id=evidence.acceptance_id,
        person_id=evidence.profile.person_id,
        gate_id=offer.gate_id,
        license_version_id=offer.license_version_id,
        slug=offer.slug,
        title=offer.title,
        number=offer.number,
        text_sha256=offer.text_sha256,
        publisher=offer.publisher,
        model=offer.model,
        grade=evidence.grade,
        accepted_at=evidence.accepted_at,
        withdrawn_at=None,
        entry_id=entry_id,
        organisation_id=evidence.organisation.id if evidence.organisation else None,
    )


def open_sealed(key: SubjectKey, sealed: bytes, acceptance_id: UUID) -> list[str]:
    """Return the disclosures of an acceptance that are left; none once their time is over."""
    if not sealed:
        return []
    opened: list[str] = json.loads(key.open(sealed, disclosures_context(acceptance_id)))
    return opened


def disclosures_context(acceptance_id: UUID) -> bytes:
    """Return the place that sealed disclosures are bound to."""
    return b"acceptance:disclosures:" + acceptance_id.bytes
