"""The request machine: every state against every event, and who may do what."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from registry.access.transitions import (
    BY_EVENT,
    OPEN,
    STATE_WORDS,
    TRANSITIONS,
    Actor,
    Cause,
    Move,
    Progress,
    RequestEvent,
    RequestState,
    Standing,
    Step,
    Transition,
    due_after,
    judge_move,
    possible,
    progress_of,
)
from registry.catalog.reviews import ReviewPolicy
from registry.kernel.outcomes import Refusal
from tests.clock import START

ANNA, BEN, CARL = UUID(int=1), UUID(int=2), UUID(int=3)
NOTHING = Progress(endorsed_by=frozenset(), rejected_by=frozenset(), proposed_by=None, has_appealed=False)
TERMINAL = (RequestState.WITHDRAWN, RequestState.LAPSED, RequestState.CLOSED, RequestState.REVOKED)


def standing(state: RequestState, actor: Actor = Actor.REVIEWER, **changes: Any) -> Standing:
    given: dict[str, Any] = {
        "state": state,
        "progress": NOTHING,
        "person_id": None if actor is Actor.REGISTRY else BEN,
        "acts_as": frozenset({actor}),
        "is_own": actor is Actor.APPLICANT,
    }
    return Standing(**{**given, **changes})


def full(event: RequestEvent) -> Move:
    """A move that brings everything that any event could need."""
    return Move(event=event, note="because", reason=Cause.OTHER)


def judge(event: RequestEvent, where: Standing, policy: ReviewPolicy | None = None) -> Transition | Refusal:
    return judge_move(full(event), where, policy or ReviewPolicy(), page="/requests/1", now=START)


@pytest.mark.parametrize("state", RequestState)
@pytest.mark.parametrize("actor", Actor)
@pytest.mark.parametrize("event", RequestEvent)
def test_nothing_is_possible_beyond_the_table(state: RequestState, actor: Actor, event: RequestEvent) -> None:
    row = BY_EVENT[event]
    progress = NOTHING
    if event in {RequestEvent.REVOKE, RequestEvent.DROP_REVOCATION}:
        progress = Progress(
            endorsed_by=frozenset(), rejected_by=frozenset(), proposed_by=CARL, has_appealed=False
        )
    outcome = judge(event, standing(state, actor, progress=progress))
    allowed = state in row.sources and actor is row.actor
    assert isinstance(outcome, Transition) is allowed
    if isinstance(outcome, Refusal):
        assert outcome.remedy is not None
        assert outcome.decider


@pytest.mark.parametrize("state", TERMINAL)
@pytest.mark.parametrize("actor", Actor)
def test_what_has_ended_does_not_move(state: RequestState, actor: Actor) -> None:
    assert possible(standing(state, actor), ReviewPolicy(), now=START) == ()


def test_every_event_has_one_row_and_every_state_words() -> None:
    assert len(TRANSITIONS) == len(RequestEvent)
    assert STATE_WORDS.keys() == set(RequestState)


@pytest.mark.parametrize("event", [row.event for row in TRANSITIONS if row.actor is Actor.REVIEWER])
def test_nobody_reviews_their_own_request(event: RequestEvent) -> None:
    for state in BY_EVENT[event].sources:
        both = frozenset({Actor.REVIEWER, Actor.APPLICANT})
        outcome = judge(event, standing(state, acts_as=both, is_own=True))
        assert isinstance(outcome, Refusal)
        assert outcome.code == "own-request"


@pytest.mark.parametrize("event", [row.event for row in TRANSITIONS if row.needs_note])
def test_a_decision_that_concerns_the_applicant_says_why(event: RequestEvent) -> None:
    row = BY_EVENT[event]
    for state in row.sources:
        bare = Move(event=event)
        outcome = judge_move(bare, standing(state, row.actor), ReviewPolicy(), page="/", now=START)
        assert isinstance(outcome, Refusal)
        assert outcome.status == 422
        assert "note" in outcome.errors
        assert ("reason" in outcome.errors) is row.needs_reason


def test_an_approval_takes_as_many_reviewers_as_the_gate_asks_for() -> None:
    policy = ReviewPolicy(approvals=2)
    first = judge(RequestEvent.APPROVE, standing(RequestState.IN_REVIEW), policy)
    assert isinstance(first, Transition)
    assert first.event is RequestEvent.ENDORSE
    agreed = Progress(
        endorsed_by=frozenset({BEN}), rejected_by=frozenset(), proposed_by=None, has_appealed=False
    )
    again = judge(RequestEvent.APPROVE, standing(RequestState.IN_REVIEW, progress=agreed), policy)
    assert isinstance(again, Refusal)
    assert again.code == "already-endorsed"
    second = judge(
        RequestEvent.APPROVE, standing(RequestState.IN_REVIEW, progress=agreed, person_id=CARL), policy
    )
    assert isinstance(second, Transition)
    assert second.event is RequestEvent.APPROVE


def test_a_revocation_takes_four_eyes() -> None:
    proposed = Progress(endorsed_by=frozenset(), rejected_by=frozenset(), proposed_by=BEN, has_appealed=False)
    same = judge(RequestEvent.REVOKE, standing(RequestState.APPROVED, progress=proposed))
    assert isinstance(same, Refusal)
    assert same.code == "other-eyes-needed"
    other = judge(RequestEvent.REVOKE, standing(RequestState.APPROVED, progress=proposed, person_id=CARL))
    assert isinstance(other, Transition)
    alone = judge(RequestEvent.REVOKE, standing(RequestState.APPROVED, person_id=CARL))
    assert isinstance(alone, Refusal)
    assert alone.code == "revocation-not-proposed"


def test_an_appeal_goes_to_somebody_else_and_only_once() -> None:
    rejected = Progress(
        endorsed_by=frozenset(), rejected_by=frozenset({BEN}), proposed_by=None, has_appealed=True
    )
    again = judge(RequestEvent.APPEAL, standing(RequestState.REJECTED, Actor.APPLICANT, progress=rejected))
    assert isinstance(again, Refusal)
    assert again.code == "request-appealed"
    for event in (RequestEvent.APPROVE, RequestEvent.REJECT):
        same = judge(event, standing(RequestState.IN_REVIEW, progress=rejected))
        assert isinstance(same, Refusal)
        assert same.code == "other-eyes-needed"
        other = judge(event, standing(RequestState.IN_REVIEW, progress=rejected, person_id=CARL))
        assert isinstance(other, Transition)


def test_a_new_round_of_review_forgets_who_agreed_before() -> None:
    def step(event: RequestEvent, actor: UUID) -> Step:
        return Step(event=event, state=RequestState.IN_REVIEW, actor_id=actor, at=START)

    steps = [step(RequestEvent.SUBMIT, ANNA), step(RequestEvent.ENDORSE, BEN)]
    assert progress_of(steps).endorsed_by == {BEN}
    assert progress_of([*steps, step(RequestEvent.RESUBMIT, ANNA)]).endorsed_by == frozenset()
    proposed = [*steps, step(RequestEvent.PROPOSE_REVOCATION, BEN)]
    assert progress_of(proposed).proposed_by == BEN
    assert progress_of([*proposed, step(RequestEvent.DROP_REVOCATION, CARL)]).proposed_by is None


def test_an_end_in_the_past_is_refused() -> None:
    move = Move(event=RequestEvent.APPROVE, until=START - timedelta(seconds=1))
    outcome = judge_move(move, standing(RequestState.SUBMITTED), ReviewPolicy(), page="/", now=START)
    assert isinstance(outcome, Refusal)
    assert set(outcome.errors) == {"until"}


@pytest.mark.parametrize("state", RequestState)
def test_only_what_waits_for_somebody_can_lapse(state: RequestState) -> None:
    waits = OPEN - {RequestState.DRAFT}
    assert (due_after(state, ReviewPolicy()) is not None) is (state in waits)
