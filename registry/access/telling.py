"""What people are told about requests: one message for each step, in the words of the step."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import Session

from registry import catalog, identity
from registry.access.request_views import Office, RequestView
from registry.access.transitions import CAUSE_WORDS, STATE_WORDS, Move, RequestEvent, Transition
from registry.catalog.domain import Command
from registry.identity.domain import Message
from registry.kernel import announcing
from registry.kernel.news import Event, News

_TO_REVIEWERS = frozenset({RequestEvent.SUBMIT, RequestEvent.RESUBMIT, RequestEvent.APPEAL})
_SILENT = frozenset({RequestEvent.START, RequestEvent.ENDORSE, RequestEvent.PROPOSE_REVOCATION,
                     RequestEvent.DROP_REVOCATION})  # fmt: skip
"""Steps that are not the applicant's news: drafts, and what reviewers settle among themselves."""

_NEWS = {
    RequestEvent.SUBMIT: Event.REQUEST_MADE,
    RequestEvent.RESUBMIT: Event.REQUEST_CHANGED,
    RequestEvent.RETURN: Event.REQUEST_RETURNED,
    RequestEvent.APPEAL: Event.REQUEST_APPEALED,
    RequestEvent.APPROVE: Event.REQUEST_ACCEPTED,
    RequestEvent.REJECT: Event.REQUEST_REJECTED,
    RequestEvent.WITHDRAW: Event.REQUEST_WITHDRAWN,
    RequestEvent.LAPSE: Event.REQUEST_LAPSED,
    RequestEvent.CLOSE: Event.ACCESS_ENDED,
    RequestEvent.RELINQUISH: Event.ACCESS_ENDED,
    RequestEvent.PROPOSE_REVOCATION: Event.REVOCATION_PROPOSED,
    RequestEvent.DROP_REVOCATION: Event.REVOCATION_DROPPED,
    RequestEvent.REVOKE: Event.ACCESS_REVOKED,
}
"""What programs of the publisher hear of; the other steps are drafts, or what a reviewer does alone."""


def announce(session: Session, request: RequestView, taken: Transition, *, office: Office) -> None:
    """Let the publisher's webhooks hear of a step, by the ids of request and model alone."""
    event = _NEWS.get(taken.event)
    if event is None or (event is Event.REQUEST_WITHDRAWN and request.sent_at is None):
        return  # A draft that was never sent is nobody's news.
    item = News(
        event=event,
        at=office.now,
        model=request.model.id,
        request=request.id,
        status=request.state.value,
    )
    announcing.announce(session, item)


def tell(session: Session, request: RequestView, taken: Transition, wanted: Move, *, office: Office) -> None:
    """Tell the applicant, and for what waits for them the reviewers."""
    repo = request.model.repo_id
    page = f"/requests/{request.id}"
    if taken.event not in _SILENT:
        lines = [f"{taken.past}: your request for {repo}."]
        reason = wanted.reason if taken.needs_reason else None
        if taken.event is RequestEvent.REVOKE:
            reason = next((step.reason for step in reversed(request.steps) if step.reason is not None), None)
        if reason is not None:
            lines.append(f"Reason: {CAUSE_WORDS[reason]}.")
        if request.grant_ends_at is not None:
            lines.append(f"The access ends on {request.grant_ends_at:%-d %B %Y}.")
        if request.reapply_at is not None:
            lines.append(f"You can ask again from {request.reapply_at:%-d %B %Y}.")
        lines.append(
            f"It stands at: {STATE_WORDS[request.state].lower()}. The page shows all of it, and what"
        )
        lines.append("you can do next.")
        message = Message(
            kind=f"request-{taken.event.value}",
            subject=f"{taken.past}: {repo}",
            text="\n".join(lines),
            page=page,
        )
        _send(session, [request.person_id], message, office=office)
    if taken.event in _TO_REVIEWERS:
        message = Message(
            kind="request-waits",
            subject=f"A request for {repo} waits for review",
            text=f"{taken.past}. The request for {repo} waits for a reviewer.",
            page=page,
        )
        _send_to_reviewers(session, request, message, office=office)
    elif taken.event is RequestEvent.PROPOSE_REVOCATION:
        message = Message(
            kind="revocation-waits",
            subject=f"A revocation of access to {repo} waits for a second reviewer",
            text=f"A reviewer proposes to revoke an access to {repo}. Another one confirms it or drops it.",
            page=page,
        )
        _send_to_reviewers(session, request, message, office=office)


def warn(session: Session, request: RequestView, *, office: Office) -> None:
    """Tell the applicant that the request will lapse, and the reviewers that it waits."""
    repo = request.model.repo_id
    due = f"{request.due_at:%-d %B %Y}" if request.due_at else "soon"
    message = Message(
        kind="request-will-lapse",
        subject=f"Your request for {repo} lapses on {due}",
        text=f"Your request for {repo} lapses on {due}, unless it moves on before.",
        page=f"/requests/{request.id}",
    )
    _send(session, [request.person_id], message, office=office)
    waiting = Message(
        kind="request-will-lapse",
        subject=f"A request for {repo} lapses on {due}",
        text=f"A request for {repo} lapses on {due} without a decision.",
        page=f"/requests/{request.id}",
    )
    _send_to_reviewers(session, request, waiting, office=office)


def _send_to_reviewers(session: Session, request: RequestView, message: Message, *, office: Office) -> None:
    """Put the message into the reviewers' inboxes at once; their mail is one digest a day."""
    reviewers = catalog.list_people_who_may(
        session, publisher_id=request.model.publisher_id, command=Command.REVIEW_REQUESTS
    )
    others = [one for one in reviewers if one != request.person_id]
    _send(session, others, message, office=office, by_mail=False)


def _send(
    session: Session, people: Sequence[UUID], message: Message, *, office: Office, by_mail: bool = True
) -> None:
    identity.notify(
        session,
        people,
        message,
        base_url=office.base_url,
        sealer=office.sealer,
        now=office.now,
        by_mail=by_mail,
    )
