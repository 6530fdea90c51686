"""Use cases of access requests: ask, move, read, lapse. What may happen stands in `transitions`."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import Session

from registry import catalog, identity, ledger
from registry.access import facts, request_reading, request_store, telling
from registry.access.domain import Denial, ReasonCode, decide
from registry.access.request_reading import parts_of, policy_of, sealed_context, standing_of, view
from registry.access.request_refusals import (
    already_granted,
    ask_first,
    made_by_form,
    move_on,
    needs_a_person,
    no_such_request,
    nothing_to_ask,
)
from registry.access.request_views import Draft, Office, RequestView
from registry.access.tables import AccessGrant, AccessGrantEnd, AccessRequest, RequestStep
from registry.access.transitions import (
    BY_EVENT,
    BY_ITSELF,
    ENDS,
    LAPSE_WARNING,
    NOTE_MAX_CHARACTERS,
    SENDS,
    Actor,
    Move,
    RequestEvent,
    RequestState,
    Transition,
    due_after,
    judge_move,
)
from registry.catalog.domain import GateMode, ModelView
from registry.catalog.forms import ANSWER_MAX_CHARACTERS, AnswerErrors, validate_answers
from registry.catalog.prerequisites import Seen, judge_answers
from registry.catalog.refusals import malformed
from registry.catalog.reviews import ReviewPolicy
from registry.identity.domain import ANONYMOUS, Scope, not_signed_in, scope_missing
from registry.identity.restriction_domain import applicant_restricted, use_restricted
from registry.identity.standing_domain import NOTHING_KNOWN
from registry.kernel.canonical import canonical_bytes
from registry.kernel.clock import iso
from registry.kernel.identifiers import new_id
from registry.kernel.outcomes import CorruptRecord, Refusal
from registry.kernel.sealing import Sealer

RENEWAL_WINDOW = timedelta(days=30)
"""How long before its end a grant may be renewed."""


def ask(
    session: Session,
    office: Office,
    *,
    publisher: str,
    model: str,
    answers: Mapping[str, object],
    note: str,
    as_draft: bool = False,
) -> RequestView | Refusal:
    """Return the person's request for the gate of a model: sent, sent again after changes, or kept as a draft.

    Asking twice gives the same request. A grant that stands is renewed only in its last days.
    """
    # Load and decide.
    opened = _open(session, office, publisher=publisher, model=model)
    if isinstance(opened, Refusal):
        return opened
    found, open_one, newest = opened
    given: Mapping[str, str] = {}
    seen = Seen.of(office.principal, NOTHING_KNOWN, found.repo_id)
    if not as_draft:
        if refusal := judge_answers(found.gate.prerequisites, found.gate.fields, answers, seen):
            return refusal
        clean = validate_answers(found.gate.fields, answers)
        errors = dict(clean.errors) if isinstance(clean, AnswerErrors) else {}
        if not note.strip():
            errors["note"] = "Say what you need the files for"
        if errors:
            return malformed("The request is not sent yet", errors, code="request-incomplete")
        given = clean.values if not isinstance(clean, AnswerErrors) else {}
    # Record.
    row = open_one or _start(session, office, found, newest)
    if row.state in {RequestState.SUBMITTED, RequestState.IN_REVIEW}:
        return view(session, office, row)
    if as_draft:
        request_store.keep_draft(session, row.id, _seal_draft(session, office, row, found, answers, note))
        return view(session, office, request_store.lock_request(session, row.id) or row)
    event = RequestEvent.RESUBMIT if row.state is RequestState.CHANGES_REQUESTED else RequestEvent.SUBMIT
    return carry_out(session, office, request_id=row.id, wanted=Move(event=event, note=note), answers=given)


def open_asking(
    session: Session, office: Office, *, publisher: str, model: str
) -> tuple[ModelView, RequestView | None] | Refusal:
    """Return the model and the person's open request at its gate, where they may ask for access."""
    opened = _open(session, office, publisher=publisher, model=model)
    if isinstance(opened, Refusal):
        return opened
    found, open_one, _ = opened
    return found, view(session, office, open_one) if open_one else None


def send(
    session: Session, office: Office, *, request_id: UUID, answers: Mapping[str, object], note: str
) -> RequestView | Refusal:
    """Return the applicant's own draft or returned request, sent with these answers."""
    row = request_store.find_request(session, request_id)
    if row is None or Actor.APPLICANT not in parts_of(session, office, row):
        return no_such_request()
    model = catalog.get_model(session, row.model_id)
    if row.state not in {RequestState.DRAFT, RequestState.CHANGES_REQUESTED}:
        return move_on(row.id)
    return ask(session, office, publisher=model.publisher, model=model.name, answers=answers, note=note)


def _open(
    session: Session, office: Office, *, publisher: str, model: str
) -> tuple[ModelView, AccessRequest | None, AccessRequest | None] | Refusal:
    """Return the model, the person's open request at its gate, and their newest one, if they may ask."""
    found = catalog.find_model(session, publisher=publisher, name=model, principal=office.principal)
    if isinstance(found, Refusal):
        return found
    person_id = office.principal.person_id
    if person_id is None or office.principal.session_id is None:
        return not_signed_in(f"/{found.repo_id}/request")
    open_one = request_store.find_open(session, person_id=person_id, gate_id=found.gate.id)
    newest = open_one or request_store.find_newest(session, person_id=person_id, gate_id=found.gate.id)
    return _judge_asking(session, office, found, newest) or (found, open_one, newest)


def _judge_asking(
    session: Session, office: Office, model: ModelView, newest: AccessRequest | None
) -> Refusal | None:
    gathered = facts.gather_by_name(
        session, office.principal, publisher=model.publisher, model=model.name, now=office.now
    )
    if gathered is None:
        return nothing_to_ask(model.repo_id)
    verdict = decide(gathered.facts)
    if isinstance(verdict, Denial):
        unmet = next(reason for reason in verdict.reasons if not reason.met)
        if unmet.code is not ReasonCode.REVIEW:
            return verdict.refusal
    if model.gate.mode is not GateMode.MANUAL:
        return nothing_to_ask(model.repo_id)
    grant = request_store.find_standing_grant(
        session, person_id=office.principal.person_id or new_id(), gate_id=model.gate.id, now=office.now
    )
    if grant is not None and (grant.ends_at is None or grant.ends_at - office.now > RENEWAL_WINDOW):
        return already_granted(model.repo_id, grant.ends_at)
    if newest is not None and newest.reapply_at is not None and office.now < newest.reapply_at:
        return ask_first(f"/requests/{newest.id}", newest.reapply_at)
    return None


def _start(session: Session, office: Office, model: ModelView, newest: AccessRequest | None) -> AccessRequest:
    assert office.principal.person_id is not None  # noqa: S101 - `ask` has seen to it
    row = AccessRequest(
        id=new_id(),
        person_id=office.principal.person_id,
        gate_id=model.gate.id,
        publisher_id=model.publisher_id,
        model_id=model.id,
        previous_id=newest.id if newest else None,
        started_at=office.now,
        state=RequestState.DRAFT,
        state_since=office.now,
        is_open=True,
    )
    if request_store.insert_request(session, row):
        _put_step(session, office, row, BY_EVENT[RequestEvent.START], number=1, model=model)
        return row
    # The same person asked in another window at the same moment; that request is this one.
    twin = request_store.find_open(session, person_id=row.person_id, gate_id=row.gate_id)
    if twin is None:
        raise CorruptRecord("a request was refused as a double and its twin is not there")
    return twin


def _seal_draft(
    session: Session,
    office: Office,
    row: AccessRequest,
    model: ModelView,
    answers: Mapping[str, object],
    note: str,
) -> bytes | None:
    """Return what was filled in so far, sealed by the person's key; a draft may be wrong or half done."""
    key = office.sealer.find_subject_key(session, row.person_id)
    if key is None:
        return None
    asked = {field.key for field in model.gate.fields}
    kept = {
        name: text[:ANSWER_MAX_CHARACTERS]
        for name, text in answers.items()
        if name in asked and isinstance(text, str)
    }
    draft = Draft(answers=kept, note=note[:NOTE_MAX_CHARACTERS])
    return key.seal(request_reading.write_draft(draft), request_reading.draft_context(row.id))


def move(session: Session, office: Office, *, request_id: UUID, wanted: Move) -> RequestView | Refusal:
    """Return the request after a move that somebody asked for by its name."""
    row = request_store.find_request(session, request_id)
    parts = parts_of(session, office, row) if row else frozenset()
    if row is None or not parts:
        return no_such_request()
    actor = BY_EVENT[wanted.event].actor
    if office.principal.session_id is None and actor in parts:
        if actor is Actor.APPLICANT:
            return needs_a_person(f"/requests/{request_id}")
        if not office.principal.may(Scope.REVIEW):
            return scope_missing(Scope.REVIEW)
    if wanted.event in SENDS | BY_ITSELF:
        return made_by_form(catalog.get_model(session, row.model_id).repo_id)
    return carry_out(session, office, request_id=request_id, wanted=wanted)


def carry_out(
    session: Session,
    office: Office,
    *,
    request_id: UUID,
    wanted: Move,
    answers: Mapping[str, str] | None = None,
) -> RequestView | Refusal:
    """Return the request after the move; a grant begins or ends in the same transaction."""
    # Load.
    row = request_store.lock_request(session, request_id)
    standing = standing_of(session, office, row) if row else None
    if row is None or standing is None:
        return no_such_request()
    model = catalog.get_model(session, row.model_id)
    policy = policy_of(model)
    # Decide.
    page = f"/requests/{request_id}"
    taken = judge_move(wanted, standing, policy, page=page, now=office.now)
    if isinstance(taken, Refusal):
        return taken
    if refusal := _judge_restriction(session, row, taken, page):
        return refusal
    # Record.
    target = taken.target or row.state
    until = _until(wanted, taken, policy, office.now)
    steps = request_store.list_steps(session, row.id)
    _put_step(
        session,
        office,
        row,
        taken,
        number=len(steps) + 1,
        model=model,
        wanted=wanted,
        until=until,
        answers=answers,
    )
    wait = due_after(target, policy)
    request_store.move_request(
        session,
        row,
        state=target,
        now=office.now,
        due_at=office.now + wait if wait else None,
        sent_at=office.now if taken.event in SENDS else row.sent_at,
        reapply_at=until if target is RequestState.REJECTED else None,
        assigned_to=_assigned(row, taken, office),
    )
    _change_grant(session, office, row, taken, until=until)
    moved = view(session, office, request_store.lock_request(session, request_id) or row)
    telling.tell(session, moved, taken, wanted, office=office)
    telling.announce(session, moved, taken, office=office)
    return moved


def _judge_restriction(session: Session, row: AccessRequest, taken: Transition, page: str) -> Refusal | None:
    """Return why a request stays as it is: the applicant's data may only be stored. What ends something goes on."""
    since = None if taken.event in ENDS else identity.find_restricted_since(session, row.person_id)
    if since is None:
        return None
    if taken.actor is Actor.APPLICANT:
        return use_restricted(since, nothing="Nothing was sent.")
    return applicant_restricted(page, since)


def _until(wanted: Move, taken: Transition, policy: ReviewPolicy, now: datetime) -> datetime | None:
    if taken.event is RequestEvent.APPROVE:
        return wanted.until or (now + timedelta(days=policy.grant_days) if policy.grant_days else None)
    if taken.event is RequestEvent.REJECT:
        return wanted.until or now + timedelta(days=policy.reapply_days)
    return None


def _assigned(row: AccessRequest, taken: Transition, office: Office) -> UUID | None:
    if taken.event is RequestEvent.TAKE:
        return office.principal.person_id
    return None if taken.event is RequestEvent.APPEAL else row.assigned_to


def _put_step(
    session: Session,
    office: Office,
    row: AccessRequest,
    taken: Transition,
    *,
    number: int,
    model: ModelView,
    wanted: Move | None = None,
    until: datetime | None = None,
    answers: Mapping[str, str] | None = None,
) -> None:
    step_id = new_id()
    said = {"note": wanted.note.strip() if wanted else "", "answers": dict(answers or {})}
    sealed = None
    key = office.sealer.find_subject_key(session, row.person_id)
    if key is not None and any(said.values()):
        sealed = key.seal(json.dumps(said).encode(), sealed_context(step_id))
    request_store.insert_step(
        session,
        RequestStep(
            id=step_id,
            request_id=row.id,
            number=number,
            event=taken.event,
            state=taken.target or row.state,
            actor_id=None if taken.actor is Actor.REGISTRY else office.principal.person_id,
            at=office.now,
            reason=wanted.reason.value if wanted and wanted.reason and taken.needs_reason else None,
            until=until,
            gate_revision_id=model.gate.revision_id,
            sealed=sealed,
        ),
    )


def _change_grant(
    session: Session, office: Office, row: AccessRequest, taken: Transition, *, until: datetime | None
) -> None:
    if taken.event is RequestEvent.APPROVE:
        grant = AccessGrant(
            id=new_id(),
            request_id=row.id,
            person_id=row.person_id,
            # Where the model is now: it may have gone behind another gate since it was asked for.
            gate_id=catalog.get_model(session, row.model_id).gate.id,
            granted_at=office.now,
            ends_at=until,
            entry_id=new_id(),
        )
        leaf = grant_leaf(grant, act="granted", at=office.now)
        grant.entry_id = ledger.append(session, kind="grant", leaf=leaf, now=office.now)
        request_store.insert_grant(session, grant)
        catalog.tell_followers_of_gate(session, grant.gate_id, now=office.now)
        return
    if taken.target not in {RequestState.CLOSED, RequestState.REVOKED}:
        return
    found = request_store.find_grant(session, row.id)
    if found is None or found[1] is not None:
        raise CorruptRecord(f"request {row.id} is approved and its grant does not stand")
    revoked = taken.target is RequestState.REVOKED
    leaf = grant_leaf(found[0], act="revoked" if revoked else "closed", at=office.now)
    entry_id = ledger.append(session, kind="grant", leaf=leaf, now=office.now)
    assert office.principal.person_id is not None  # noqa: S101 - a person ends a grant, never the registry
    end = AccessGrantEnd(
        grant_id=found[0].id,
        revoked=revoked,
        ended_by=office.principal.person_id,
        ended_at=office.now,
        entry_id=entry_id,
    )
    request_store.insert_grant_end(session, end)
    catalog.tell_followers_of_gate(session, found[0].gate_id, now=office.now)


def lapse_due(session: Session, *, sealer: Sealer, base_url: str, now: datetime, most: int = 100) -> int:
    """Let requests lapse whose time has come, and warn those whose time comes; return how many moved."""
    office = Office(principal=ANONYMOUS, sealer=sealer, base_url=base_url, now=now, as_registry=True)
    waiting = identity.list_restricted(session)
    moved = 0
    for row in request_store.list_due(session, before=office.now, warned=True, but_of=waiting, limit=most):
        outcome = carry_out(session, office, request_id=row.id, wanted=Move(event=RequestEvent.LAPSE))
        moved += not isinstance(outcome, Refusal)
    soon = office.now + LAPSE_WARNING
    for row in request_store.list_due(session, before=soon, warned=False, but_of=waiting, limit=most):
        request_store.mark_warned(session, row.id, now=office.now)
        telling.warn(session, view(session, office, row), office=office)
        moved += 1
    return moved


def grant_leaf(grant: AccessGrant, *, act: str, at: datetime) -> bytes:
    """Return the canonical bytes of a grant or its end: the leaf of its ledger entry."""
    return canonical_bytes(
        {
            "v": 1,
            "kind": "grant",
            "act": act,
            "at": iso(at),
            "grant": str(grant.id),
            "request": str(grant.request_id),
            "person": str(grant.person_id),
            "gate": str(grant.gate_id),
            "until": iso(grant.ends_at) if grant.ends_at else None,
        }
    )
