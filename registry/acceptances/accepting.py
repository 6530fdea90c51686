"""The use case of accepting: many people's acts in one transaction, each with an outcome of its own.

One person may accept several licenses at once, each at the gate that asks for it: all of them, or none.

Steps, in this order because each one depends on the last:

1. Lock the rows of the people, in the order of their ids: acts of one person follow each other, so that a
   double click finds the acceptance of the first one.
2. Load what has been accepted before, the texts, the releases, the profiles with their keys.
3. Judge each act; build, sign and seal what is to be recorded.
4. Insert log entries, acceptances and letters.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from registry import identity
from registry.acceptances import store
from registry.acceptances.acts import Act, Loaded, load
from registry.acceptances.declaration import (
    Challenge,
    Chosen,
    Signer,
    declaration_bytes,
    judge_challenge,
    used,
)
from registry.acceptances.domain import (
    AcceptanceSummary,
    AcceptLicense,
    Offer,
    Ticket,
    capacity_errors,
    compare_name,
    invalid_act,
    judge_act,
    judge_actor,
    judge_readiness,
    read_ticket,
    seat_of,
)
from registry.acceptances.holder_key import holder_key_not_proven, is_at_hand
from registry.acceptances.recording import Drafted, draft, record
from registry.acceptances.refusals import nothing_to_accept, organisation_not_verified, own_signature_needed
from registry.acceptances.remembered import Texts
from registry.acceptances.sd_jwt import Sign, read_disclosure
from registry.acceptances.service import (
    TICKET_SECRET,
    choose_version,
    make_offer,
    open_sealed,
    summarise,
)
from registry.acceptances.statement import Evidence, OwnSignature
from registry.catalog.domain import ModelView
from registry.catalog.forms import AnswerErrors, CleanAnswers, validate_answers
from registry.catalog.prerequisites import Seen, judge_answers, judge_prerequisites
from registry.identity.domain import Principal
from registry.identity.organisation_domain import OrganisationView, organisation_suspended
from registry.identity.restriction_domain import use_restricted
from registry.identity.standing_domain import NOTHING_KNOWN
from registry.kernel.identifiers import new_id, sha256
from registry.kernel.outcomes import CorruptRecord, Refusal
from registry.kernel.sealing import Sealer, SubjectKey
from registry.licenses.domain import Version

SALT_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why nothing was accepted: each refused part of the act by the gate that it was for."""

    parts: Sequence[tuple[UUID, Refusal]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What the person is to sign, and what comes back with the signature."""

    declaration: bytes
    challenge: Challenge


Outcome = Sequence[AcceptanceSummary] | Refused | CorruptRecord


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
    loaded = load(session, [act for parts in acts for act in parts], texts)
    decided = [_decide_all(session, parts, loaded) for parts in acts]
    drafted = [
        one for outcome in decided if isinstance(outcome, list) for one in outcome if isinstance(one, Drafted)
    ]
    recorded = iter(record(session, drafted, sealer=acts[0][0].sealer))
    return [
        [next(recorded) if isinstance(one, Drafted) else one for one in outcome]
        if isinstance(outcome, list)
        else outcome
        for outcome in decided
    ]


def _decide_all(
    session: Session, acts: Sequence[Act], loaded: Loaded
) -> list[AcceptanceSummary | Drafted] | Refused | CorruptRecord:
    """Return what comes of each of a person's acts, or why none of them counts.

    A signature of the person's own is looked at last, over what would be recorded.
    """
    try:
        decided = _judge_all(session, acts, loaded)
        if isinstance(decided, Refused):
            return decided
        own = _check_own(session, acts, decided, loaded)
    except CorruptRecord as error:
        return error
    if isinstance(own, Refused):
        return own
    return [
        one
        if isinstance(one, AcceptanceSummary)
        else draft(
            replace(one, own=own) if own else one, sign=act.sign, key=loaded.people[one.profile.person_id][1]
        )
        for act, one in zip(acts, decided, strict=True)
    ]


def _judge_all(
    session: Session, acts: Sequence[Act], loaded: Loaded
) -> list[AcceptanceSummary | Evidence] | Refused:
    done: list[AcceptanceSummary | Evidence] = []
    refused: list[tuple[UUID, Refusal]] = []
    for act in acts:
        outcome = _decide(session, act, loaded)
        if isinstance(outcome, Refusal):
            refused.append((act.model.gate.id, outcome))
        else:
            done.append(outcome)
    return Refused(parts=refused) if refused else done


def _check_own(
    session: Session,
    acts: Sequence[Act],
    decided: Sequence[AcceptanceSummary | Evidence],
    loaded: Loaded,
) -> OwnSignature | Refused | None:
    """Return the person's own signature over what is to be recorded; None where none is given, or nothing is."""
    own, evidence = acts[0].own, [one for one in decided if isinstance(one, Evidence)]
    if own is None or not evidence:
        return None
    first = evidence[0]
    declaration = declaration_bytes(evidence)
    refusal = judge_challenge(
        own.challenge,
        declaration,
        first.offer,
        way=own.way,
        person_id=first.profile.person_id,
        now=first.accepted_at,
    )
    if refusal is None and any(store.find_acceptance(session, one.acceptance_id) for one in evidence):
        refusal = used(first.offer)
    if refusal is not None or own.check is None:
        return Refused(parts=[(first.gate.id, refusal or used(first.offer))])
    profile, key = loaded.people[first.profile.person_id]
    if not all(is_at_hand(one.command.holder_key, one.command.possession, declaration) for one in evidence):
        return Refused(parts=[(first.gate.id, holder_key_not_proven())])
    outcome = own.check(session, declaration, Signer(profile=profile, key=key, now=first.accepted_at))
    return Refused(parts=[(first.gate.id, outcome)]) if isinstance(outcome, Refusal) else outcome


def declare(session: Session, acts: Sequence[Act], *, texts: Texts) -> Declared | Refused:
    """Return what the person is to sign for these acts, if they count as they stand; nothing is recorded."""
    parts = [Chosen(acceptance_id=new_id(), salt=os.urandom(SALT_BYTES)) for _ in acts]
    acts = [replace(act, chosen=part) for act, part in zip(acts, parts, strict=True)]
    decided = _judge_all(session, acts, load(session, acts, texts))
    if isinstance(decided, Refused):
        return decided
    evidence = [one for one in decided if isinstance(one, Evidence)]
    if not evidence:
        act = acts[0]
        refusal = nothing_to_accept(f"/{(act.asked_for or act.model).repo_id}")
        return Refused(parts=[(act.model.gate.id, refusal)])
    declaration = declaration_bytes(evidence)
    challenge = Challenge(
        person_id=evidence[0].profile.person_id,
        way=evidence[0].way,
        parts=tuple(parts),
        declaration=sha256(declaration),
        made_at=evidence[0].accepted_at,
    )
    return Declared(declaration=declaration, challenge=challenge)


def _decide(session: Session, act: Act, loaded: Loaded) -> AcceptanceSummary | Refusal | Evidence:
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
    chosen = act.chosen or Chosen(acceptance_id=new_id(), salt=os.urandom(SALT_BYTES))
    return Evidence(
        acceptance_id=chosen.acceptance_id,
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
        sequence=sum(past.license_version_id == version.id for past in loaded.past_of(act)),
        salt=chosen.salt,
        accepted_at=act.now,
        name=compare_name(act.command.typed_name, _earlier_names(loaded.sealed.get(person_id, ()), key)),
        clock_state=act.clock_state,
        organisation=acts_for,
        texts=act.texts,
        way=act.way,
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
        stated = map(read_disclosure, open_sealed(key, disclosures, acceptance_id))
        # The person's name stands before all answers, one of which may be called so too.
        names.append(next((value for name, value in stated if name == "name"), None))
    return [name for name in names if isinstance(name, str)]


def _repeated(session: Session, act: Act, ticket: Ticket | None, loaded: Loaded) -> AcceptanceSummary | None:
    """Return the standing acceptance that this same form has already brought about."""
    if (
        ticket is None
        or act.principal.person_id is None
        or ticket.person_id != act.principal.person_id
        or ticket.session_id != seat_of(act.principal)
        or act.command.text_sha256 != ticket.text_sha256
    ):
        return None
    for past in loaded.past_of(act):
        if past.license_version_id == ticket.license_version_id and past.counts(
            signed=act.model.gate.prerequisites.own_signature
        ):
            found = store.find_acceptance(session, past.id)
            return summarise(session, [found])[0] if found else None
    return None


def _choose(act: Act, ticket: Ticket | None, loaded: Loaded) -> tuple[Offer, Version] | None:
    """Return the text that the ticket names among those still missing, else the first of them."""
    required = [loaded.texts[version_id][0] for version_id in act.model.gate.license_version_ids]
    wanted = ticket.license_version_id if ticket else None
    signed = act.model.gate.prerequisites.own_signature
    version = choose_version(required, loaded.past_of(act), wanted=wanted, signed=signed)
    return (
        (make_offer(act.model, version, asked_for=act.asked_for or act.model), version) if version else None
    )


def _judge_restriction(act: Act, loaded: Loaded) -> Refusal | None:
    """Return why nothing is recorded about a person whose data may only be stored; their row is locked."""
    found = loaded.people.get(act.principal.person_id) if act.principal.person_id else None
    since = found[0].restricted_at if found else None
    return use_restricted(since, nothing="Nothing was accepted.") if since else None


def _judge(act: Act, ticket: Ticket | None, offer: Offer, loaded: Loaded) -> CleanAnswers | Refusal:
    """Return the answers of an act that counts, or why it does not; every field in error is named at once."""
    standing = loaded.standings.get(act.principal, NOTHING_KNOWN)
    seen = Seen.of(act.principal, standing, act.model.repo_id)
    asked = act.model.gate.prerequisites
    refusal = (
        judge_actor(act.principal, offer, act.way)
        or _judge_restriction(act, loaded)
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
    if refusal is None and asked.own_signature and act.own is None:
        refusal = own_signature_needed(offer.page)
    if refusal is not None:
        return refusal
    refusal = judge_act(
        act.command,
        ticket,
        offer,
        principal=act.principal,
        now=act.now,
        way=act.way,
        texts=act.texts,
    )
    if refusal is not None and refusal.status != 422:
        return refusal
    answers = validate_answers(act.model.gate.fields, act.command.answers)
    if isinstance(answers, AnswerErrors):
        return invalid_act(offer, {**(refusal.errors if refusal else {}), **answers.errors})
    return refusal or answers
