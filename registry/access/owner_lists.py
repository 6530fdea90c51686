"""Requests at a gate as programs made for the Hub see them: four lists by status, a person at most once in each.

The Hub knows one state for each person and repository; here a person may have sent several requests. `accepted` holds
only people who may download now: whoever was approved and has not accepted the present license is not in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlmodel import Session

from registry import acceptances, catalog
from registry.access import crowds, past, request_reading, request_store
from registry.access.request_views import Office
from registry.access.tables import AccessRequest
from registry.access.transitions import SENDS, RequestEvent, RequestState
from registry.catalog.domain import Command, GateMode, ModelView
from registry.kernel.outcomes import Refusal


class Status(StrEnum):
    """Where somebody stands at a gate, in the Hub's words."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    RESET = "reset"
    """Access was ended without blame; the person may ask again."""


STATES: Mapping[Status, tuple[RequestState, ...]] = {
    Status.PENDING: (RequestState.SUBMITTED, RequestState.IN_REVIEW, RequestState.CHANGES_REQUESTED),
    Status.ACCEPTED: (RequestState.APPROVED,),
    Status.REJECTED: (RequestState.REJECTED, RequestState.REVOKED),
    Status.RESET: (RequestState.CLOSED,),
}
REQUESTS_MOST = 200
"""Of one person at one gate, looked at."""
SENT = tuple(state for state in RequestState if state is not RequestState.DRAFT)
_BY_A_REVIEWER = frozenset(
    {RequestEvent.APPROVE, RequestEvent.REJECT, RequestEvent.REVOKE, RequestEvent.CLOSE}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Somebody in one of the lists."""

    request_id: UUID
    """Of the request; where nobody reviews, of the acceptance that let the person in."""
    person_id: UUID
    status: Status
    at: datetime
    """When they asked, or accepted where nobody reviews."""
    reviewed_at: datetime | None = None
    granted_by: UUID | None = None
    answers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage:
    """A page of a list, and from where the next one goes on; None at the end."""

    items: Sequence[Listed]
    following: UUID | None


def find_seen(session: Session, office: Office, *, publisher: str, name: str) -> ModelView | Refusal:
    """Return a model that the caller may see."""
    return catalog.find_model(session, publisher=publisher, name=name, principal=office.principal)


def open_model(session: Session, office: Office, *, publisher: str, name: str) -> ModelView | Refusal:
    """Return the model whose lists the caller may read: by a reviewing role, and a token by its scope."""
    model = find_seen(session, office, publisher=publisher, name=name)
    if isinstance(model, Refusal):
        return model
    allowed = request_reading.open_queue(session, office, model.publisher)
    return allowed if isinstance(allowed, Refusal) else model


def open_list(
    session: Session, office: Office, *, publisher: str, name: str, statuses: Sequence[Status]
) -> ModelView | Refusal:
    """Return the model whose lists the caller may read; where acceptances stand in them, as records are read."""
    model = open_model(session, office, publisher=publisher, name=name)
    if isinstance(model, Refusal) or not any(lists_acceptances(model, one) for one in statuses):
        return model
    allowed = catalog.authorise(session, model.publisher, Command.READ_RECORDS, principal=office.principal)
    return allowed if isinstance(allowed, Refusal) else model


def lists_acceptances(model: ModelView, status: Status) -> bool:
    """Whether a list is of people whom their acceptance alone lets in, without a request."""
    return status is Status.ACCEPTED and model.gate.mode is not GateMode.MANUAL


def list_page(
    session: Session, office: Office, model: ModelView, status: Status, *, after: UUID | None, limit: int
) -> ListPage:
    """Return a page of a list; it may hold fewer than `limit` and still have a next one."""
    if lists_acceptances(model, status):
        return _list_let_in(session, office, model, after=after)
    rows = request_store.list_at_gate(
        session, gate_id=model.gate.id, states=STATES[status], after=after, limit=limit + 1
    )
    following = rows[limit - 1].id if len(rows) > limit else None
    shown = rows[:limit]
    people = list({row.person_id for row in shown})
    if status is Status.ACCEPTED:
        kept = crowds.list_permitted(session, model, model.gate, people, now=office.now)
        shown = [row for row in shown if row.person_id in kept]
    if status is not Status.PENDING:
        # What came of an earlier request counts no longer once a newer one was sent.
        among = STATES[status] if status is Status.ACCEPTED else SENT
        newest = request_store.list_newest_ids(session, gate_id=model.gate.id, people=people, states=among)
        shown = [row for row in shown if row.id in newest]
    return ListPage(items=[_listed(session, office, row, status) for row in shown], following=following)


def _listed(session: Session, office: Office, row: AccessRequest, status: Status) -> Listed:
    steps = request_reading.open_steps(session, office, row)
    sent = [step for step in steps if step.event in SENDS]
    decided = [step for step in steps if step.event in _BY_A_REVIEWER]
    last = decided[-1] if decided and status is not Status.PENDING else None
    granted = [step.actor_id for step in decided if step.event is RequestEvent.APPROVE]
    return Listed(
        request_id=row.id,
        person_id=row.person_id,
        status=status,
        at=sent[-1].at if sent else row.sent_at or row.started_at,
        reviewed_at=last.at if last else None,
        granted_by=granted[-1] if granted and status is Status.ACCEPTED else None,
        answers=sent[-1].answers if sent else {},
    )


def _list_let_in(session: Session, office: Office, model: ModelView, *, after: UUID | None) -> ListPage:
    """Return a page of those whom their own acceptance lets in; members under a cover are not named one by one."""
    moment = past.find_moment(session, model, office.now)
    page = past.list_holders_after(session, moment, after) if moment else None
    if page is None:
        return ListPage(items=(), following=None)
    holders, following = page
    people = [one.person_id for one in holders if one.acceptances]
    kept = crowds.list_permitted(session, model, model.gate, people, now=office.now)
    return ListPage(
        items=[
            Listed(
                request_id=one.acceptances[0].id,
                person_id=one.person_id,
                status=Status.ACCEPTED,
                at=max(item.accepted_at for item in one.acceptances),
                answers=_answers(session, office, model, one.person_id),
            )
            for one in holders
            if one.acceptances and one.person_id in kept
        ],
        following=following,
    )


def _answers(session: Session, office: Office, model: ModelView, person_id: UUID) -> Mapping[str, str]:
    wanted = acceptances.Filter(gate_ids=[model.gate.id], person_id=person_id)
    opened = acceptances.list_opened(session, wanted, sealer=office.sealer, limit=1)
    return {key: str(value) for key, value in opened[0].answers.items()} if opened else {}
