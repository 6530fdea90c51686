"""Access requests as who has a part in them reads them: one whole, one's own, a publisher's queue."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from sqlmodel import Session

from registry import catalog, identity
from registry.access import request_store, service
from registry.access.request_refusals import no_such_request
from registry.access.request_store import QueueFilter
from registry.access.request_views import Draft, Office, RequestLine, RequestView
from registry.access.tables import AccessRequest
from registry.access.transitions import (
    AMONG_REVIEWERS,
    OPEN,
    Actor,
    Cause,
    RequestEvent,
    RequestState,
    Standing,
    Step,
    possible,
    progress_of,
)
from registry.catalog.domain import Command, ModelView, PublisherView, may_any
from registry.catalog.refusals import role_missing
from registry.catalog.reviews import ReviewPolicy
from registry.identity.domain import Scope, not_signed_in, scope_missing
from registry.kernel.outcomes import CorruptRecord, Refusal
from registry.kernel.sealing import SubjectKey

POSITION_MOST = 100
PAGE_MOST = 50
WAITING = (RequestState.SUBMITTED, RequestState.IN_REVIEW)
COUNTED_MOST = 100


def get_request(session: Session, office: Office, request_id: UUID) -> RequestView | Refusal:
    """Return the request, for its applicant and for reviewers of its publisher."""
    row = request_store.find_request(session, request_id)
    if row is None or not parts_of(session, office, row):
        return no_such_request()
    return view(session, office, row)


def list_own(
    session: Session, office: Office, *, after: UUID | None = None, limit: int = PAGE_MOST
) -> Sequence[RequestLine] | Refusal:
    """Return a page of the caller's requests, newest first."""
    if office.principal.person_id is None:
        return not_signed_in("/requests")
    if not office.principal.may(Scope.READ):
        return scope_missing(Scope.READ)
    rows = request_store.list_of_person(
        session, person_id=office.principal.person_id, after=after, limit=limit
    )
    return _lines(session, rows)


def open_own_requests(
    session: Session, office: Office, *, after: UUID | None, limit: int
) -> Sequence[RequestView]:
    """Return a page of the caller's requests, newest first, each with what happened to it."""
    person_id = office.principal.person_id
    if person_id is None:
        return ()
    rows = request_store.list_of_person(session, person_id=person_id, after=after, limit=limit)
    return [view(session, office, row) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAt:
    """A person's request at a publisher, and the grant that came of it."""

    id: UUID
    gate_id: UUID
    state: RequestState
    started_at: datetime
    granted_at: datetime | None
    access_until: datetime | None
    ended_at: datetime | None


def list_requests_at(
    session: Session, *, person_id: UUID, publisher_id: UUID, after: UUID | None, limit: int
) -> Sequence[RequestAt]:
    """Return a page of a person's requests at a publisher, newest first; who may read it is the caller's matter."""
    rows = request_store.list_of_person_at(
        session, person_id=person_id, publisher_id=publisher_id, after=after, limit=limit
    )
    return [
        RequestAt(
            id=request.id,
            gate_id=request.gate_id,
            state=request.state,
            started_at=request.started_at,
            granted_at=grant.granted_at if grant else None,
            access_until=grant.ends_at if grant else None,
            ended_at=end.ended_at if end else None,
        )
        for request, grant, end in rows
    ]


def open_queue(session: Session, office: Office, publisher: str) -> PublisherView | Refusal:
    """Return the publisher whose requests the caller may read: by a reviewing role, a token by its scope too."""
    principal = office.principal
    if principal.person_id is None:
        return not_signed_in(f"/manage/{publisher}/requests")
    found = catalog.find_publisher(session, publisher)
    if isinstance(found, Refusal):
        return found
    if not may_any(service.roles_at(session, found, principal=principal), Command.REVIEW_REQUESTS):
        return role_missing(found.name, Command.REVIEW_REQUESTS)
    may_read = principal.may(Scope.AUDIT) or principal.may(Scope.REVIEW)
    return found if may_read else scope_missing(Scope.REVIEW)


def list_queue(
    session: Session, wanted: QueueFilter, *, after: UUID | None = None, limit: int = PAGE_MOST
) -> Sequence[RequestLine]:
    """Return a page of a publisher's requests, oldest first; who may see it is told by `open_queue`."""
    return _lines(session, request_store.list_queue(session, wanted, after=after, limit=limit))


def count_waiting(session: Session, publisher_id: UUID) -> int:
    """Return how many requests wait for a decision at the publisher, counted no further than a hundred."""
    wanted = QueueFilter(publisher_id=publisher_id, states=WAITING)
    return request_store.count_queue(session, wanted, most=COUNTED_MOST)


def view(session: Session, office: Office, row: AccessRequest) -> RequestView:
    """Return the request as this principal sees it: who reviews sees no other opinion before their own."""
    parts = parts_of(session, office, row)
    standing = standing_of(session, office, row)
    if standing is None or not parts:
        raise CorruptRecord(f"request {row.id} is shown to somebody without a part in it")
    model = catalog.get_model(session, row.model_id)
    policy = policy_of(model)
    grant = request_store.find_grant(session, row.id) if row.state is RequestState.APPROVED else None
    undecided = row.state in WAITING
    return RequestView(
        id=row.id,
        person_id=row.person_id,
        model=model,
        state=row.state,
        state_since=row.state_since,
        started_at=row.started_at,
        sent_at=row.sent_at,
        due_at=row.due_at,
        reapply_at=row.reapply_at,
        assigned_to=row.assigned_to,
        previous_id=row.previous_id,
        position=request_store.count_before(session, row, most=POSITION_MOST) if undecided else None,
        steps=_shown(open_steps(session, office, row), standing, parts),
        grant_ends_at=grant[0].ends_at if grant else None,
        policy=policy,
        seen_as=parts,
        draft=_open_draft(session, office, row) if Actor.APPLICANT in parts else None,
        possible=possible(standing, policy, now=office.now),
    )


def policy_of(model: ModelView) -> ReviewPolicy:
    """Return how the model's gate reviews."""
    return model.gate.review


def parts_of(session: Session, office: Office, row: AccessRequest) -> frozenset[Actor]:
    """Return the parts that the principal has in the request, as far as their credential lets them read it.

    A request that was never sent is its writer's alone.
    """
    principal = office.principal
    parts = {Actor.REGISTRY} if office.as_registry else set()
    if principal.person_id is None:
        return frozenset(parts)
    if principal.person_id == row.person_id and principal.may(Scope.READ):
        parts.add(Actor.APPLICANT)
    if row.sent_at is not None and (principal.may(Scope.AUDIT) or principal.may(Scope.REVIEW)):
        roles = catalog.list_roles_of(session, person_id=principal.person_id)
        held = [role.role for role in roles if role.publisher_id == row.publisher_id]
        if may_any(held, Command.REVIEW_REQUESTS):
            parts.add(Actor.REVIEWER)
    return frozenset(parts)


def standing_of(session: Session, office: Office, row: AccessRequest) -> Standing | None:
    """Return as what the principal acts on the request; None where they have no part in it.

    Applicants act in a browser only; reviewers there, or by a token that may review.
    """
    parts = parts_of(session, office, row)
    if not parts:
        return None
    principal = office.principal
    acts_as = parts
    if principal.session_id is None:
        acts_as -= {Actor.APPLICANT}
        if not principal.may(Scope.REVIEW):
            acts_as -= {Actor.REVIEWER}
    return Standing(
        state=row.state,
        progress=progress_of(open_steps(session, office, row, sealed=False)),
        person_id=principal.person_id,
        acts_as=acts_as,
        is_own=principal.person_id == row.person_id,
    )


def open_steps(
    session: Session, office: Office, row: AccessRequest, *, sealed: bool = True
) -> tuple[Step, ...]:
    """Return what happened to the request, oldest first; nothing said is left once the applicant is erased.

    What they said is opened for themselves alone while their data may only be stored.
    """
    key = _readable_key(session, office, row) if sealed else None
    steps = []
    for step in request_store.list_steps(session, row.id):
        said = json.loads(key.open(step.sealed, sealed_context(step.id))) if key and step.sealed else {}
        steps.append(
            Step(
                event=step.event,
                state=step.state,
                actor_id=step.actor_id,
                at=step.at,
                reason=Cause(step.reason) if step.reason else None,
                until=step.until,
                note=said.get("note", ""),
                answers=said.get("answers", {}),
            )
        )
    return tuple(steps)


def _readable_key(session: Session, office: Office, row: AccessRequest) -> SubjectKey | None:
    reader, person_id = office.principal.person_id, row.person_id
    keys = identity.find_readable_keys(session, [person_id], reader=reader, sealer=office.sealer)
    return keys.get(person_id)


def write_draft(draft: Draft) -> bytes:
    """Return a draft as it is sealed."""
    return msgspec.json.encode({"answers": dict(draft.answers), "note": draft.note})


def sealed_context(step_id: UUID) -> bytes:
    """Return what the sealed words of a step are bound to."""
    return b"request_step:" + step_id.bytes


def draft_context(request_id: UUID) -> bytes:
    """Return what a sealed draft is bound to."""
    return b"request_draft:" + request_id.bytes


def _open_draft(session: Session, office: Office, row: AccessRequest) -> Draft | None:
    key = office.sealer.find_subject_key(session, row.person_id)
    if key is None or row.sealed_draft is None:
        return None
    return msgspec.json.decode(key.open(row.sealed_draft, draft_context(row.id)), type=Draft)


def _shown(steps: Sequence[Step], standing: Standing, parts: frozenset[Actor]) -> tuple[Step, ...]:
    """Leave out what others think as long as it is undecided, and what reviewers settle among themselves."""
    hidden: set[RequestEvent] = set()
    if standing.state in OPEN:
        hidden.add(RequestEvent.ENDORSE)
    if Actor.REVIEWER not in parts and standing.state is not RequestState.REVOKED:
        hidden |= AMONG_REVIEWERS
    return tuple(
        step
        for step in steps
        if step.event not in hidden or (step.actor_id is not None and step.actor_id == standing.person_id)
    )


def _lines(session: Session, rows: Sequence[AccessRequest]) -> Sequence[RequestLine]:
    models = {model_id: catalog.get_model(session, model_id) for model_id in {row.model_id for row in rows}}
    return [
        RequestLine(
            id=row.id,
            person_id=row.person_id,
            repo_id=models[row.model_id].repo_id,
            state=row.state,
            state_since=row.state_since,
            started_at=row.started_at,
            sent_at=row.sent_at,
            due_at=row.due_at,
            assigned_to=row.assigned_to,
            policy=policy_of(models[row.model_id]),
        )
        for row in rows
    ]


def is_late(line: RequestLine, *, now: datetime) -> bool:
    """Whether an undecided request waits longer than the gate's target."""
    return (
        line.state in WAITING
        and line.sent_at is not None
        and (now - line.sent_at).days >= line.policy.target_days
    )
