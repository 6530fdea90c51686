"""What may become of an access request: one table, read by use cases, pages, API and tests.

A request is an application of one person for one gate. Nothing here says who may download: an approved
request brings about a grant, and `access.decide` looks at the grant (a revoked, closed or expired one gives
no right).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from registry.catalog.reviews import ReviewPolicy
from registry.kernel.outcomes import Refusal, Remedy

NOTE_MAX_CHARACTERS = 2_000
LAPSE_WARNING = timedelta(days=7)
"""How long before a request lapses the applicant is warned."""


class RequestState(StrEnum):
    """Where a request stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    IN_REVIEW = "in-review"
    CHANGES_REQUESTED = "changes-requested"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    CLOSED = "closed"
    REVOKED = "revoked"


class RequestEvent(StrEnum):
    """What somebody does with a request."""

    START = "start"
    SUBMIT = "submit"
    RESUBMIT = "resubmit"
    TAKE = "take"
    RETURN = "return-for-changes"
    ENDORSE = "endorse"
    """One of several reviewers that a gate asks for agrees; the last one needed approves."""
    APPROVE = "approve"
    REJECT = "reject"
    APPEAL = "appeal"
    WITHDRAW = "withdraw"
    LAPSE = "lapse"
    CLOSE = "close"
    RELINQUISH = "relinquish"
    PROPOSE_REVOCATION = "propose-revocation"
    DROP_REVOCATION = "drop-revocation"
    REVOKE = "revoke"


class Actor(StrEnum):
    """As what somebody acts on a request."""

    APPLICANT = "applicant"
    REVIEWER = "reviewer"
    REGISTRY = "registry"


class Cause(StrEnum):
    """Why a request was rejected or a grant revoked; each has words that the applicant reads."""

    INCOMPLETE = "incomplete"
    NOT_VERIFIABLE = "not-verifiable"
    OUT_OF_SCOPE = "out-of-scope"
    USE_NOT_ALLOWED = "use-not-allowed"
    COUNTRY = "country"
    MISUSE = "misuse"
    OTHER = "other"


CAUSE_WORDS: Mapping[Cause, str] = {
    Cause.INCOMPLETE: "The request does not say enough to decide on it",
    Cause.NOT_VERIFIABLE: "What the request says could not be verified",
    Cause.OUT_OF_SCOPE: "This release is meant for other uses than the one described",
    Cause.USE_NOT_ALLOWED: "The described use is one that the license prohibits",
    Cause.COUNTRY: "The release cannot be given to the country named",
    Cause.MISUSE: "The files were used or passed on against the license",
    Cause.OTHER: "Another reason, which the note states",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One row: who may do this, from where it starts, where it leads, what it has to bring."""

    event: RequestEvent
    sources: frozenset[RequestState]
    target: RequestState | None
    """None: the request stays in its state."""
    actor: Actor
    label: str
    """What the button says."""
    past: str
    """What the trail says afterwards."""
    needs_note: bool = False
    needs_reason: bool = False
    not_decider: bool = False
    """Who proposed it may not do this as well: it takes four eyes."""


_S, _E = RequestState, RequestEvent
_UNDECIDED = frozenset({_S.SUBMITTED, _S.IN_REVIEW})
_SENT = _UNDECIDED | {_S.CHANGES_REQUESTED}
OPEN = _SENT | {_S.DRAFT}
"""A person has at most one request in these states at a gate."""

# fmt: off
TRANSITIONS: tuple[Transition, ...] = (
    Transition(event=_E.START, sources=frozenset(), target=_S.DRAFT, actor=Actor.APPLICANT,
               label="Keep as a draft", past="Draft begun"),
    Transition(event=_E.SUBMIT, sources=frozenset({_S.DRAFT}), target=_S.SUBMITTED, actor=Actor.APPLICANT,
               label="Send the request", past="Request sent", needs_note=True),
    Transition(event=_E.RESUBMIT, sources=frozenset({_S.CHANGES_REQUESTED}), target=_S.SUBMITTED,
               actor=Actor.APPLICANT, label="Send the changed request", past="Changed request sent",
               needs_note=True),
    Transition(event=_E.TAKE, sources=frozenset({_S.SUBMITTED}), target=_S.IN_REVIEW, actor=Actor.REVIEWER,
               label="Take it for review", past="Review began"),
    Transition(event=_E.RETURN, sources=frozenset({_S.IN_REVIEW}), target=_S.CHANGES_REQUESTED,
               actor=Actor.REVIEWER, label="Ask for changes", past="Changes asked for", needs_note=True),
    Transition(event=_E.ENDORSE, sources=_UNDECIDED, target=_S.IN_REVIEW, actor=Actor.REVIEWER,
               label="Approve", past="One reviewer agreed"),
    Transition(event=_E.APPROVE, sources=_UNDECIDED, target=_S.APPROVED, actor=Actor.REVIEWER,
               label="Approve", past="Approved"),
    Transition(event=_E.REJECT, sources=_UNDECIDED, target=_S.REJECTED, actor=Actor.REVIEWER,
               label="Reject", past="Rejected", needs_note=True, needs_reason=True),
    Transition(event=_E.APPEAL, sources=frozenset({_S.REJECTED}), target=_S.IN_REVIEW, actor=Actor.APPLICANT,
               label="Appeal to another reviewer", past="Appealed", needs_note=True),
    Transition(event=_E.WITHDRAW, sources=OPEN, target=_S.WITHDRAWN, actor=Actor.APPLICANT,
               label="Withdraw the request", past="Withdrawn by the applicant"),
    Transition(event=_E.LAPSE, sources=_SENT, target=_S.LAPSED, actor=Actor.REGISTRY,
               label="Lapse", past="Lapsed without a decision"),
    Transition(event=_E.CLOSE, sources=frozenset({_S.APPROVED}), target=_S.CLOSED, actor=Actor.REVIEWER,
               label="End the access, without blame", past="Access ended by the publisher", needs_note=True),
    Transition(event=_E.RELINQUISH, sources=frozenset({_S.APPROVED}), target=_S.CLOSED, actor=Actor.APPLICANT,
               label="Give the access back", past="Access given back by the applicant"),
    Transition(event=_E.PROPOSE_REVOCATION, sources=frozenset({_S.APPROVED}), target=None,
               actor=Actor.REVIEWER, label="Propose to revoke", past="Revocation proposed",
               needs_note=True, needs_reason=True),
    Transition(event=_E.DROP_REVOCATION, sources=frozenset({_S.APPROVED}), target=None, actor=Actor.REVIEWER,
               label="Drop the proposal", past="Revocation not confirmed"),
    Transition(event=_E.REVOKE, sources=frozenset({_S.APPROVED}), target=_S.REVOKED, actor=Actor.REVIEWER,
               label="Confirm the revocation", past="Revoked", not_decider=True),
)
# fmt: on
BY_EVENT: Mapping[RequestEvent, Transition] = {row.event: row for row in TRANSITIONS}
SENDS = frozenset({_E.SUBMIT, _E.RESUBMIT})
"""The applicant's answers go with these, so they are made with the form of the gate."""
BY_ITSELF = frozenset({_E.START, _E.ENDORSE, _E.LAPSE})
"""Nobody asks for these by name: they come about by others."""
ENDS = frozenset({_E.WITHDRAW, _E.RELINQUISH, _E.CLOSE, _E.PROPOSE_REVOCATION, _E.DROP_REVOCATION, _E.REVOKE})
"""These take something away and need nothing that the applicant wrote: they go on while its use is restricted."""
GRAVE = frozenset({_E.REJECT, _E.PROPOSE_REVOCATION, _E.REVOKE})
AMONG_REVIEWERS = frozenset({_E.PROPOSE_REVOCATION, _E.DROP_REVOCATION})
"""Reviewers settle these among themselves; the applicant reads of them only once access was revoked."""

STATE_WORDS: Mapping[RequestState, str] = {
    _S.DRAFT: "Not sent yet",
    _S.SUBMITTED: "Waiting for a reviewer",
    _S.IN_REVIEW: "Being reviewed",
    _S.CHANGES_REQUESTED: "Sent back for changes",
    _S.APPROVED: "Approved",
    _S.REJECTED: "Rejected",
    _S.WITHDRAWN: "Withdrawn",
    _S.LAPSED: "Lapsed",
    _S.CLOSED: "Ended",
    _S.REVOKED: "Revoked",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What somebody wants to do with a request, and what they bring."""

    event: RequestEvent
    note: str = ""
    reason: Cause | None = None
    until: datetime | None = None
    """Approve: when the grant ends. Reject: from when one may ask again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happened to a request."""

    event: RequestEvent
    state: RequestState
    actor_id: UUID | None
    at: datetime
    reason: Cause | None = None
    until: datetime | None = None
    note: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What the steps so far amount to, as far as the rules look at it."""

    endorsed_by: frozenset[UUID]
    """Who agreed in the present round of review."""
    rejected_by: frozenset[UUID]
    proposed_by: UUID | None
    """Who proposed a revocation that is still open."""
    has_appealed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the rules look at: where the request is, and who wants to move it."""

    state: RequestState
    progress: Progress
    person_id: UUID | None
    acts_as: frozenset[Actor]
    is_own: bool
    """The actor is the applicant: nobody reviews their own request."""


def progress_of(steps: Sequence[Step]) -> Progress:
    """Return what the steps, oldest first, amount to."""
    endorsed: set[UUID] = set()
    rejected: set[UUID] = set()
    proposed: UUID | None = None
    appealed = False
    for step in steps:
        actor = step.actor_id
        if step.event in {RequestEvent.SUBMIT, RequestEvent.RESUBMIT, RequestEvent.APPEAL}:
            endorsed.clear()
        appealed = appealed or step.event is RequestEvent.APPEAL
        if step.event is RequestEvent.PROPOSE_REVOCATION:
            proposed = actor
        elif step.event in {RequestEvent.DROP_REVOCATION, RequestEvent.REVOKE}:
            proposed = None
        elif actor is not None and step.event is RequestEvent.ENDORSE:
            endorsed.add(actor)
        elif actor is not None and step.event is RequestEvent.REJECT:
            rejected.add(actor)
    return Progress(
        endorsed_by=frozenset(endorsed),
        rejected_by=frozenset(rejected),
        proposed_by=proposed,
        has_appealed=appealed,
    )


def judge_move(
    move: Move, standing: Standing, policy: ReviewPolicy, *, page: str, now: datetime
) -> Transition | Refusal:
    """Return the row of the table that this move takes, or why it may not be made.

    A reviewer's `APPROVE` becomes `ENDORSE` while the gate asks for more reviewers than have agreed.
    """
    row = BY_EVENT[move.event]
    if move.event is RequestEvent.APPROVE and len(standing.progress.endorsed_by) + 1 < policy.approvals:
        row = BY_EVENT[RequestEvent.ENDORSE]
    if row.actor not in standing.acts_as:
        return not_yours(page)
    if standing.state not in row.sources:
        return _not_now(row, standing.state, page)
    if row.actor is Actor.REVIEWER and (refusal := _judge_reviewer(row, standing, page)) is not None:
        return refusal
    if row.event is RequestEvent.APPEAL and standing.progress.has_appealed:
        return _refusal("request-appealed", 409, "The request was appealed once already", page,
                        text="Wait until you may ask again")  # fmt: skip
    errors = _missing(move, row, now)
    if errors:
        return _refusal("request-incomplete", 422, "Nothing was recorded", page,
                        text="Mend the marked fields, then send the form again", errors=errors)  # fmt: skip
    return row


def _judge_reviewer(row: Transition, standing: Standing, page: str) -> Refusal | None:
    if standing.is_own:
        return _refusal(
            "own-request", 403, "Nobody reviews their own request", page, text="Ask another reviewer"
        )
    progress, actor = standing.progress, standing.person_id
    agrees = row.event in {RequestEvent.ENDORSE, RequestEvent.APPROVE}
    if agrees and actor in progress.endorsed_by:
        return _refusal(
            "already-endorsed", 409, "You have agreed to this request already", page,
            text="Another reviewer has to agree as well",
        )  # fmt: skip
    decides = agrees or row.event is RequestEvent.REJECT
    if (row.not_decider and actor == progress.proposed_by) or (decides and actor in progress.rejected_by):
        return _refusal(
            "other-eyes-needed", 403, "This takes another reviewer than you", page,
            text="Ask another reviewer of the publisher",
        )  # fmt: skip
    if row.event in {RequestEvent.REVOKE, RequestEvent.DROP_REVOCATION}:
        if progress.proposed_by is None:
            return _refusal("revocation-not-proposed", 409, "No revocation is proposed", page,
                            text="Propose it first, with its reason")  # fmt: skip
    elif row.event is RequestEvent.PROPOSE_REVOCATION and progress.proposed_by is not None:
        return _refusal("revocation-proposed", 409, "A revocation is proposed already", page,
                        text="Another reviewer confirms it or drops it")  # fmt: skip
    return None


_WHY = {
    Actor.APPLICANT: "Say why; the reviewers read it",
    Actor.REVIEWER: "Say why; the applicant reads it",
    Actor.REGISTRY: "Say why",
}


def _missing(move: Move, row: Transition, now: datetime) -> dict[str, str]:
    errors = {}
    if row.needs_note and not move.note.strip():
        errors["note"] = _WHY[row.actor] if row.event not in SENDS else "Say what you need the files for"
    if len(move.note) > NOTE_MAX_CHARACTERS:
        errors["note"] = f"Write at most {NOTE_MAX_CHARACTERS:,} characters"
    if row.needs_reason and move.reason is None:
        errors["reason"] = "Choose a reason"
    if move.until is not None and move.until <= now:
        errors["until"] = "Choose a day in the future, or leave it empty"
    return errors


def possible(standing: Standing, policy: ReviewPolicy, *, now: datetime) -> tuple[Transition, ...]:
    """Return what this person may do now, as buttons show it: by the same rules as the deed itself."""
    found = []
    for row in TRANSITIONS:
        if row.event is RequestEvent.ENDORSE:
            continue
        reason = Cause.OTHER if row.needs_reason else None
        move = Move(event=row.event, note="…" if row.needs_note else "", reason=reason)
        if isinstance(judge_move(move, standing, policy, page="/", now=now), Transition):
            found.append(row)
    return tuple(found)


def due_after(state: RequestState, policy: ReviewPolicy) -> timedelta | None:
    """Return after how long in this state a request lapses."""
    if state is RequestState.CHANGES_REQUESTED:
        return timedelta(days=policy.changes_days)
    return timedelta(days=policy.answer_days) if state in _UNDECIDED else None


def not_yours(page: str) -> Refusal:
    """Return the refusal of an act on a request by somebody who has no part in it."""
    return _refusal("request-not-yours", 403, "This is not for you to do", page,
                    text="Ask the applicant, or a reviewer of the publisher")  # fmt: skip


def _not_now(row: Transition, state: RequestState, page: str) -> Refusal:
    return _refusal(
        "request-moved-on", 409, f"“{row.label}” is not possible now", page,
        detail=f"The request is in the state “{STATE_WORDS[state].lower()}”. Nothing was recorded.",
        text="Look at the request as it stands now",
    )  # fmt: skip


def _refusal(
    code: str,
    status: int,
    title: str,
    page: str,
    *,
    text: str,
    detail: str = "Nothing was recorded.",
    errors: Mapping[str, str] | None = None,
) -> Refusal:
    return Refusal(
        code=code,
        status=status,
        title=title,
        detail=detail,
        remedy=Remedy(text=text, url=page),
        decider="The reviewers of the publisher",
        errors=dict(errors or {}),
    )
