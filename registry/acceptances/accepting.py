"""The use case of accepting: many people's acts in one transaction, each with an outcome of its own.

One person may accept several licenses at once, each at the gate that asks for it: all of them, or none.

Steps, in this order because each one depends on the last:

1. Lock the rows of the people, in the order of their ids: acts of one person follow each other, so that a
   double click finds the acceptance of the first one.
2. Load what has been accepted before, the texts, the releases, the profiles with their keys.
3. Judge each act; build, sign and seal what is to be recorded.
4. Insert log entries, acceptances and letters.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import Session

from registry import catalog, identity, ledger
from registry.acceptances import store
from registry.acceptances.domain import (
    AcceptanceSummary,
    AcceptLicense,
    Grade,
    Offer,
    Ticket,
    capacity_errors,
    compare_name,
    invalid_act,
    judge_act,
    judge_actor,
    judge_readiness,
    read_ticket,
)
from registry.acceptances.refusals import nothing_to_accept, organisation_not_verified
from registry.acceptances.remembered import Texts
from registry.acceptances.sd_jwt import Sign, read_disclosure
from registry.acceptances.service import (
    TICKET_SECRET,
    choose_version,
    disclosures_context,
    make_offer,
    summarise,
    summarise_new,
)
from registry.acceptances.statement import Evidence, receipt_letter, sign_statement
from registry.acceptances.store import PastAcceptance
from registry.catalog.domain import ModelView, ReleaseView
from registry.catalog.forms import AnswerErrors, CleanAnswers, validate_answers
from registry.catalog.prerequisites import NONE, Seen, judge_answers, judge_prerequisites
from registry.identity.domain import Principal, Profile
from registry.identity.organisation_domain import OrganisationView, organisation_suspended
from registry.identity.standing_domain import NOTHING_KNOWN, Standing
from registry.kernel import mail
from registry.kernel.identifiers import new_id
from registry.kernel.inserting import in_one_trip
from registry.kernel.outcomes import CorruptRecord, Refusal
from registry.kernel.sealing import Sealer, SubjectKey
from registry.kernel.synchronisation import ClockState
from registry.licenses.domain import Policy, Version

SALT_BYTES = 16
NAMES_COMPARED_MOST = 10
"""How many of a person's latest acceptances a typed name is compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What one person does at one gate, and everything it is recorded with."""

    command: AcceptLicense
    principal: Principal
    model: ModelView
    issuer: str
    sign: Sign
    sealer: Sealer
    now: datetime
    clock_state: ClockState = ClockState.NOT_KNOWN
    sign_in_age: timedelta | None = None
    """How long ago the person may have signed in; None: however long."""
    asked_for: ModelView | None = None
    """The model whose page it was, where that was made from `model`."""
    texts: int = 1
    """How many license texts the same act is on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why nothing was accepted: each refused part of the act by the gate that it was for."""

    parts: Sequence[tuple[UUID, Refusal]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    """What the acts of one transaction are judged by and recorded with."""

    people: Mapping[UUID, tuple[Profile, SubjectKey]]
    past: Mapping[tuple[UUID, UUID], Sequence[PastAcceptance]]
    """By person and gate."""
    texts: Mapping[UUID, tuple[Version, Sequence[Policy]]]
    releases: Mapping[UUID, ReleaseView | None]
    sealed: Mapping[UUID, Sequence[tuple[UUID, bytes]]]
    """By person: their latest acceptances with the sealed disclosures."""
    past_of_organisations: Mapping[tuple[UUID, UUID], Sequence[PastAcceptance]]
    """By organisation and gate."""
    standings: Mapping[Principal, Standing]
    """Of those who are at a gate that asks for something beforehand."""

    def past_of(self, act: Act) -> Sequence[PastAcceptance]:
        """Return what was accepted at this gate before by who accepts now: the person, or the organisation."""
        person_id, capacity = act.principal.person_id, act.command.capacity
        if capacity is not None:
            return self.past_of_organisations.get((capacity.organisation_id, act.model.gate.id), ())
        return self.past.get((person_id, act.model.gate.id), ()) if person_id else ()


Outcome = Sequence[AcceptanceSummary] | Refused | CorruptRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drafted:
    """An acceptance that is to be recorded."""

    evidence: Evidence
    statement: str
    sealed_disclosures: bytes


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
    act = Act(
        command=command,
        principal=principal,
        model=model,
        issuer=issuer,
        sign=sign,
        sealer=sealer,
        now=now,
    )
    (outcome,) = accept_all(session, [[act]], texts=Texts())
    if isinstance(outcome, CorruptRecord):
        raise outcome
    return outcome.parts[0][1] if isinstance(outcome, Refused) else outcome[0]


def accept_all(session: Session, acts: Sequence[Sequence[Act]], *, texts: Texts) -> Sequence[Outcome]:
    """Do as `accept` for each list of acts, which is one person's, as a whole: all of its acts count or none.

    What is wrong with one person's records hinders no other.
    """
    outcomes: dict[int, Outcome] = {}
    waiting = dict(enumerate(acts))
    while waiting:
        # The second act of a person must see what came of the first one.
        first = {
            parts[0].principal.person_id or new_id(): place for place, parts in reversed(waiting.items())
        }
        chosen = {place: waiting.pop(place) for place in sorted(first.values())}
        outcomes.update(zip(chosen, _accept_one_each(session, list(chosen.values()), texts), strict=True))
    return [outcomes[place] for place in range(len(acts))]


def _accept_one_each(session: Session, acts: Sequence[Sequence[Act]], texts: Texts) -> Sequence[Outcome]:
    loaded = _load(session, [act for parts in acts for act in parts], texts)
    decided = [_decide_all(session, parts, loaded) for parts in acts]
    drafted = [
        one
        for outcome in decided
        if isinstance(outcome, list)
        for one in outcome
        if isinstance(one, _Drafted)
    ]
    recorded = iter(_record(session, drafted, sealer=acts[0][0].sealer))
    return [
        [next(recorded) if isinstance(one, _Drafted) else one for one in outcome]
        if isinstance(outcome, list)
        else outcome
        for outcome in decided
    ]


def _decide_all(
    session: Session, acts: Sequence[Act], loaded: _Loaded
) -> list[AcceptanceSummary | _Drafted] | Refused | CorruptRecord:
    """Return what comes of each of a person's acts, or why none of them counts."""
    done: list[AcceptanceSummary | _Drafted] = []
    refused: list[tuple[UUID, Refusal]] = []
    for act in acts:
        try:
            outcome = _decide(session, act, loaded)
        except CorruptRecord as error:
            return error
        if isinstance(outcome, Refusal):
            refused.append((act.model.gate.id, outcome))
        else:
            done.append(outcome)
    return Refused(parts=refused) if refused else done


def _load(session: Session, acts: Sequence[Act], texts: Texts) -> _Loaded:
    person_ids = sorted({act.principal.person_id for act in acts if act.principal.person_id})
    people = identity.lock_people(session, person_ids=person_ids, sealer=acts[0].sealer)
    past: dict[tuple[UUID, UUID], list[PastAcceptance]] = {}
    latest: dict[UUID, list[UUID]] = {}
    for row in store.list_past(session, person_ids=person_ids):
        past.setdefault((row.person_id, row.gate_id), []).append(row)
        latest.setdefault(row.person_id, []).append(row.id)
    return _Loaded(
        people=people,
        past=past,
        texts={
            version_id: texts.find(session, version_id)
            for version_id in {item for act in acts for item in act.model.gate.license_version_ids}
        },
        releases={
            model_id: catalog.find_current_release(session, model_id)
            for model_id in {act.model.id for act in acts}
        },
        sealed=_load_sealed(session, latest),
        past_of_organisations=_load_organisations(session, acts),
        standings={
            act.principal: identity.load_standing(session, act.principal, now=act.now)
            for act in acts
            if act.model.gate.prerequisites != NONE
        },
    )


def _load_organisations(
    session: Session, acts: Sequence[Act]
) -> Mapping[tuple[UUID, UUID], Sequence[PastAcceptance]]:
    """Return what was accepted for the organisations that officers act for; their rows are locked from now on."""
    ids = sorted({act.command.capacity.organisation_id for act in acts if act.command.capacity})
    if not ids:
        return {}
    identity.lock_organisations(session, ids)
    past: dict[tuple[UUID, UUID], list[PastAcceptance]] = {}
    gate_ids = list({act.model.gate.id for act in acts})
    for row in store.list_past_of_organisations(session, organisation_ids=ids, gate_ids=gate_ids):
        if row.organisation_id is not None:
            past.setdefault((row.organisation_id, row.gate_id), []).append(row)
    return past


def _load_sealed(
    session: Session, latest: Mapping[UUID, Sequence[UUID]]
) -> Mapping[UUID, Sequence[tuple[UUID, bytes]]]:
    """Return the sealed disclosures of each person's latest acceptances; who accepts first costs no query."""
    wanted = [one for ids in latest.values() for one in ids[-NAMES_COMPARED_MOST:]]
    sealed: dict[UUID, list[tuple[UUID, bytes]]] = {}
    for acceptance_id, person_id, disclosures in store.list_sealed(session, wanted) if wanted else ():
        sealed.setdefault(person_id, []).append((acceptance_id, disclosures))
    return sealed


def _decide(session: Session, act: Act, loaded: _Loaded) -> AcceptanceSummary | Refusal | _Drafted:
    """Return what is to be recorded, the acceptance that is there already, or why there is none."""
    ticket = read_ticket(act.command.ticket, act.sealer.derive_secret(TICKET_SECRET))
    twin = _repeated(session, act, ticket, loaded)
    if twin is not None:
        return twin
    found = _choose(act, ticket, loaded)
    if found is None:
        return nothing_to_accept(f"/{(act.asked_for or act.model).repo_id}")
    offer, version = found
    acts_for = _judge_capacity(session, act, offer)
    if isinstance(acts_for, Refusal):
        return acts_for
    answers = _judge(act, ticket, offer, loaded)
    if isinstance(answers, Refusal):
        return answers
    person_id = act.principal.person_id
    assert person_id is not None and ticket is not None  # noqa: S101, PT018 - _judge has seen to it
    profile, key = loaded.people[person_id]
    evidence = Evidence(
        acceptance_id=new_id(),
        issuer=act.issuer,
        offer=offer,
        version=version,
        policies=loaded.texts[version.id][1],
        gate=act.model.gate,
        private=act.model.private,
        release=loaded.releases[act.model.id],
        principal=act.principal,
        profile=profile,
        command=act.command,
        ticket=ticket,
        answers=answers.values,
        sequence=sum(
            past.is_withdrawn and past.license_version_id == version.id for past in loaded.past_of(act)
        ),
        salt=os.urandom(SALT_BYTES),
        accepted_at=act.now,
        name=compare_name(act.command.typed_name, _earlier_names(loaded.sealed.get(person_id, ()), key)),
        clock_state=act.clock_state,
        organisation=acts_for,
        texts=act.texts,
    )
    issued = sign_statement(evidence, act.sign)
    disclosures = json.dumps(issued.disclosures).encode()
    return _Drafted(
        evidence=evidence,
        statement=issued.jwt,
        sealed_disclosures=key.seal(disclosures, disclosures_context(evidence.acceptance_id)),
    )


def _judge_capacity(session: Session, act: Act, offer: Offer) -> OrganisationView | Refusal | None:
    """Return the organisation that the person accepts for; None where they accept for themself."""
    capacity = act.command.capacity
    if capacity is None:
        return None
    found = identity.get_organisation(
        session, capacity.organisation_id, principal=act.principal, now=act.now, as_officer=True
    )
    if isinstance(found, Refusal):
        return found
    if found.suspended_at is not None:
        return organisation_suspended(found.name, f"/organisations/{found.id}", since=found.suspended_at)
    if not found.is_verified(act.now):
        return organisation_not_verified(f"/organisations/{found.id}")
    errors = capacity_errors(capacity)
    return invalid_act(offer, errors) if errors else found


def _earlier_names(sealed: Sequence[tuple[UUID, bytes]], key: SubjectKey) -> list[str]:
    names = []
    for acceptance_id, disclosures in sealed:
        stated = map(read_disclosure, json.loads(key.open(disclosures, disclosures_context(acceptance_id))))
        # The person's name stands before all answers, one of which may be called so too.
        names.append(next((value for name, value in stated if name == "name"), None))
    return [name for name in names if isinstance(name, str)]


def _repeated(session: Session, act: Act, ticket: Ticket | None, loaded: _Loaded) -> AcceptanceSummary | None:
    """Return the standing acceptance that this same form has already brought about."""
    if (
        ticket is None
        or act.principal.person_id is None
        or ticket.person_id != act.principal.person_id
        or ticket.session_id != act.principal.session_id
        or act.command.text_sha256 != ticket.text_sha256
    ):
        return None
    for past in loaded.past_of(act):
        if past.license_version_id == ticket.license_version_id and not past.is_withdrawn:
            found = store.find_acceptance(session, past.id)
            return summarise(session, [found])[0] if found else None
    return None


def _choose(act: Act, ticket: Ticket | None, loaded: _Loaded) -> tuple[Offer, Version] | None:
    """Return the text that the ticket names among those still missing, else the first of them."""
    required = [loaded.texts[version_id][0] for version_id in act.model.gate.license_version_ids]
    wanted = ticket.license_version_id if ticket else None
    version = choose_version(required, loaded.past_of(act), wanted=wanted)
    return (
        (make_offer(act.model, version, asked_for=act.asked_for or act.model), version) if version else None
    )


def _judge(act: Act, ticket: Ticket | None, offer: Offer, loaded: _Loaded) -> CleanAnswers | Refusal:
    """Return the answers of an act that counts, or why it does not; every field in error is named at once."""
    standing = loaded.standings.get(act.principal, NOTHING_KNOWN)
    seen = Seen.of(act.principal, standing, act.model.repo_id)
    asked = act.model.gate.prerequisites
    refusal = (
        judge_actor(act.principal, offer)
        or judge_readiness(
            act.principal,
            has_email=act.principal.person_id in loaded.people,
            most=act.sign_in_age,
            page=offer.page,
            now=act.now,
        )
        or judge_prerequisites(asked, seen)
        or judge_answers(asked, act.model.gate.fields, act.command.answers, seen)
    )
    if refusal is not None:
        return refusal
    refusal = judge_act(act.command, ticket, offer, principal=act.principal, now=act.now)
    if refusal is not None and refusal.status != 422:
        return refusal
    answers = validate_answers(act.model.gate.fields, act.command.answers)
    if isinstance(answers, AnswerErrors):
        return invalid_act(offer, {**(refusal.errors if refusal else {}), **answers.errors})
    return refusal or answers


def _record(session: Session, drafted: Sequence[_Drafted], *, sealer: Sealer) -> list[AcceptanceSummary]:
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
    return [summarise_new(item.evidence, entry_id) for item, entry_id in zip(drafted, entry_ids, strict=True)]


def _row(item: _Drafted, entry_id: UUID) -> dict[str, object]:
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
        "grade": Grade.VERIFIED_SIGN_IN.value,
        "accepted_at": evidence.accepted_at,
        "statement": item.statement,
        "sealed_disclosures": item.sealed_disclosures,
        "entry_id": entry_id,
    }
