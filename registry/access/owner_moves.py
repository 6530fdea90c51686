"""What programs made for the Hub do with requests, by the moves of our own machine and none besides.

The Hub's `accepted` is our approval, `rejected` a rejection or, of access that was given, a revocation by two
reviewers; `pending` and `reset` of access that was given end it without blame, and the person asks anew.
"""

from dataclasses import dataclass, replace
from uuid import UUID

from sqlmodel import Session

from registry import identity
from registry.access import crowds, owner_lists, request_reading, request_store, requesting
from registry.access.owner_lists import STATES, Status
from registry.access.request_refusals import (
    already_granted,
    gate_reviews_nobody,
    grant_needs_request,
    no_such_request,
    not_gated,
    not_taken_back,
)
from registry.access.request_views import Office, RequestView
from registry.access.tables import AccessRequest
from registry.access.transitions import Cause, Move, RequestEvent, RequestState
from registry.catalog.domain import GateMode, ModelView
from registry.identity.domain import Scope, scope_missing
from registry.kernel.outcomes import Refusal

ENDED_NOTE = "The access was ended by the publisher, without blame. You may ask again."
"""What the applicant reads where the program gave no reason."""
NAME_MAX_CHARACTERS = 320


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """What a program wants: whose request, where it should stand, and why."""

    status: Status
    user: str | None = None
    """An address, or the person's id."""
    request_id: UUID | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """What was recorded; `left` says in words what is still needed before it has the effect that was asked for."""

    request_id: UUID
    left: str | None = None


def open_to_move(session: Session, office: Office, *, publisher: str, name: str) -> ModelView | Refusal:
    """Return the model whose requests the caller may decide on."""
    model = owner_lists.open_model(session, office, publisher=publisher, name=name)
    if not isinstance(model, Refusal) and not office.principal.may(Scope.REVIEW):
        return scope_missing(Scope.REVIEW)
    return model


def handle(
    session: Session,
    office: Office,
    *,
    publisher: str,
    name: str,
    wanted: Handling,
    again_is_done: bool = False,
) -> Handled | Refusal:
    """Return what was recorded.

    A request that stands there already is refused like one that does not exist, or counts as done (`again_is_done`).
    """
    model = open_to_move(session, office, publisher=publisher, name=name)
    if isinstance(model, Refusal):
        return model
    row = _find(session, office, model, wanted)
    if row is None:
        return _none_there(model, wanted.status)
    if row.state in STATES[wanted.status]:
        return Handled(request_id=row.id) if again_is_done else no_such_request()
    return _carry_out(session, office, model, row, wanted)


def grant(session: Session, office: Office, *, publisher: str, name: str, user: str) -> Handled | Refusal:
    """Return the approval of somebody's request; who has sent none is not granted anything."""
    model = open_to_move(session, office, publisher=publisher, name=name)
    if isinstance(model, Refusal):
        return model
    wanted = Handling(status=Status.ACCEPTED, user=user)
    if model.gate.mode is not GateMode.MANUAL:
        return _none_there(model, wanted.status)
    row = _find(session, office, model, wanted)
    if row is not None and row.state is RequestState.APPROVED:
        found = request_store.find_grant(session, row.id)
        if found is not None and found[1] is None and (found[0].ends_at or office.now) >= office.now:
            return replace(already_granted(model.repo_id, found[0].ends_at), status=400)
    if row is None or row.state not in STATES[Status.PENDING]:
        return grant_needs_request(model.repo_id)
    return _carry_out(session, office, model, row, wanted)


def find_own(session: Session, office: Office, *, publisher: str, name: str) -> UUID | Refusal:
    """Return the caller's own open request at the gate of a model."""
    person_id = office.principal.person_id
    model = owner_lists.find_seen(session, office, publisher=publisher, name=name)
    if isinstance(model, Refusal):
        return model
    row = request_store.find_open(session, person_id=person_id, gate_id=model.gate.id) if person_id else None
    return row.id if row is not None else no_such_request()


def _find(session: Session, office: Office, model: ModelView, wanted: Handling) -> AccessRequest | None:
    """Return the request that is meant: by its id, or the one of the person that the status can be asked of."""
    if wanted.request_id is not None:
        row = request_store.find_request(session, wanted.request_id)
        is_here = row is not None and row.gate_id == model.gate.id and row.sent_at is not None
        return row if is_here else None
    person_id = _find_person(session, office, wanted.user or "")
    if person_id is None:
        return None
    rows = request_store.list_at_gate(
        session,
        gate_id=model.gate.id,
        states=owner_lists.SENT,
        after=None,
        limit=owner_lists.REQUESTS_MOST,
        person_id=person_id,
    )
    pending = [row for row in rows if row.state in STATES[Status.PENDING]]
    approved = [row for row in rows if row.state is RequestState.APPROVED]
    first = {
        Status.ACCEPTED: pending,
        Status.REJECTED: pending or approved,
        Status.PENDING: approved,
        Status.RESET: approved,
    }[wanted.status]
    return (first or rows)[-1] if rows else None


def _find_person(session: Session, office: Office, user: str) -> UUID | None:
    if "@" in user:
        return identity.find_shown_by_email(session, email=user[:NAME_MAX_CHARACTERS], sealer=office.sealer)
    try:
        return UUID(user)
    except ValueError:
        return None


def _none_there(model: ModelView, status: Status) -> Refusal:
    if model.gate.is_open():
        return not_gated(model.repo_id)
    if model.gate.mode is GateMode.AUTO:
        return gate_reviews_nobody(model.publisher, model.repo_id)
    return grant_needs_request(model.repo_id) if status is Status.ACCEPTED else no_such_request()


def _carry_out(
    session: Session, office: Office, model: ModelView, row: AccessRequest, wanted: Handling
) -> Handled | Refusal:
    move = _move_for(session, office, row, wanted)
    if isinstance(move, Refusal):
        return move
    moved = requesting.move(session, office, request_id=row.id, wanted=move)
    if isinstance(moved, Refusal):
        return moved
    return Handled(request_id=row.id, left=_left(session, office, model, moved, wanted.status, move))


def _move_for(session: Session, office: Office, row: AccessRequest, wanted: Handling) -> Move | Refusal:
    note = wanted.reason
    if wanted.status is Status.ACCEPTED:
        return Move(event=RequestEvent.APPROVE)
    if row.state is not RequestState.APPROVED:
        if wanted.status is Status.REJECTED:
            return Move(event=RequestEvent.REJECT, reason=Cause.OTHER, note=note)
        return not_taken_back(row.id)
    if wanted.status is not Status.REJECTED:
        return Move(event=RequestEvent.CLOSE, note=note or ENDED_NOTE)
    standing = request_reading.standing_of(session, office, row)
    if standing is not None and standing.progress.proposed_by is not None:
        return Move(event=RequestEvent.REVOKE)
    return Move(event=RequestEvent.PROPOSE_REVOCATION, reason=Cause.OTHER, note=note)


def _left(
    session: Session, office: Office, model: ModelView, moved: RequestView, status: Status, move: Move
) -> str | None:
    if move.event is RequestEvent.PROPOSE_REVOCATION:
        return "The revocation is proposed; access stays until another reviewer rejects it as well"
    if status is Status.PENDING:
        return "The access is ended; nothing is pending until the person asks again"
    if status is not Status.ACCEPTED:
        return None
    if moved.state is not RequestState.APPROVED:
        return "Your approval is recorded; this gate asks for another reviewer as well"
    person_id = moved.person_id
    if person_id not in crowds.list_permitted(session, model, model.gate, [person_id], now=office.now):
        return "The request is approved; files open once the person meets what else the gate asks for"
    return None
