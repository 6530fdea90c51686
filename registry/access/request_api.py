"""Access requests over the JSON API: one's own, one of them, a publisher's queue, and the moves."""

from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from sqlmodel import Session

from registry.access import queue_views, request_reading, requesting
from registry.access.reading import record_request_look
from registry.access.request_pages import office_of, read_move
from registry.access.request_refusals import no_such_request
from registry.access.request_store import QueueFilter
from registry.access.request_views import Office, RequestLine, RequestView
from registry.access.transitions import CAUSE_WORDS, SENDS, STATE_WORDS, RequestEvent, Step
from registry.identity.domain import Principal
from registry.identity.visits import Desk
from registry.kernel.clock import iso
from registry.kernel.outcomes import Refusal
from registry.kernel.problems import AnyRequest, Problem, refuse

_PROBLEM = ResponseSpec(
    Problem, media_type="application/problem+json", description="Refused; says what to do."
)
Limit = Annotated[int, QueryParameter(ge=1, le=request_reading.PAGE_MOST)]
State = Annotated[str, QueryParameter(name="state", max_length=32)]


class RequestLineOut(msgspec.Struct, frozen=True, kw_only=True):
    """A request in a list."""

    id: str
    model: str
    state: str
    state_words: str
    since: str
    sent_at: str | None
    lapses_at: str | None
    taken: bool
    url: str


class RequestPageOut(msgspec.Struct, frozen=True, kw_only=True):
    """A page of requests."""

    requests: list[RequestLineOut]
    next: str | None


class StepOut(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a request."""

    event: str
    state: str
    at: str
    by: str
    """`you`, `applicant`, `reviewer` or `registry`."""
    reason: str | None
    reason_words: str | None
    until: str | None
    note: str
    answers: dict[str, str]


class MoveOut(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the caller may do now."""

    event: str
    label: str
    needs_note: bool
    needs_reason: bool


class RequestOut(msgspec.Struct, frozen=True, kw_only=True):
    """A request with all that happened to it, as far as the caller may read it."""

    id: str
    model: str
    state: str
    state_words: str
    since: str
    sent_at: str | None
    lapses_at: str | None
    reapply_at: str | None
    access_until: str | None
    position: int | None
    """How many undecided requests of the publisher come before it."""
    target_days: int
    approvals_needed: int
    previous: str | None
    url: str
    steps: list[StepOut]
    possible: list[MoveOut]


class MoveIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What comes with a move."""

    note: Annotated[str, msgspec.Meta(max_length=4_000)] = ""
    reason: str = ""
    until: Annotated[str, msgspec.Meta(max_length=40)] = ""
    """A day, such as 2027-01-31."""
    answers: dict[str, str] | None = None
    """Only with `submit` and `resubmit`."""


class RequestsApi(Controller):
    """Requests by the applicant and by reviewers."""

    path = "/api/v1/requests"
    tags = ("requests",)

    @get("/", operation_id="list_requests", responses={401: _PROBLEM, 403: _PROBLEM})
    async def own(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        after: FromQuery[UUID | None] = None,
        limit: Limit = 20,
    ) -> Response[RequestPageOut]:
        """Answer the caller's own requests, newest first."""
        office = office_of(desk, principal)
        lines = await desk.database.read(
            lambda session: request_reading.list_own(session, office, after=after, limit=limit + 1)
        )
        if isinstance(lines, Refusal):
            return refuse(request, lines)
        base = desk.settings.base_url
        return _private(_page(lines, limit, base, f"{base}/api/v1/requests?limit={limit}"))

    @get("/{request_id:uuid}", operation_id="get_request", responses={401: _PROBLEM, 404: _PROBLEM})
    async def one(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        request_id: FromPath[UUID],
    ) -> Response[RequestOut]:
        """Answer a request with what happened to it, to its applicant and to reviewers; their look is recorded."""
        office = office_of(desk, principal)
        found = await desk.database.read(
            lambda session: request_reading.get_request(session, office, request_id)
        )
        return await _answer(request, desk, office, found)

    @post(
        "/{request_id:uuid}/{event:str}",
        operation_id="move_request",
        status_code=200,
        responses={401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM},
    )
    async def move(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        request_id: FromPath[UUID],
        event: FromPath[str],
        data: JSONBody[MoveIn],
    ) -> Response[RequestOut]:
        """Move a request: applicants in a browser session, reviewers there or by a token with the scope review."""
        wanted = read_move(event, {"note": data.note, "reason": data.reason, "until": data.until})
        if wanted is None:
            return refuse(request, no_such_request())
        if isinstance(wanted, Refusal):
            return refuse(request, wanted)
        office, given = office_of(desk, principal), wanted

        def work(session: Session) -> RequestView | Refusal:
            if given.event in SENDS and data.answers is not None and principal.session_id is not None:
                return requesting.send(
                    session, office, request_id=request_id, answers=data.answers, note=data.note
                )
            return requesting.move(session, office, request_id=request_id, wanted=given)

        return await _answer(request, desk, office, await desk.database.write(work))


class QueueApi(Controller):
    """A publisher's requests."""

    path = "/api/v1/publishers/{publisher:str}/requests"
    tags = ("requests",)

    @get("/", operation_id="list_publisher_requests", responses={401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM})
    async def queue(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        principal: NamedDependency[Principal],
        publisher: FromPath[str],
        shown: State = "waiting",
        after: FromQuery[UUID | None] = None,
        limit: Limit = 20,
    ) -> Response[RequestPageOut]:
        """Answer the requests at a publisher, oldest first, to its reviewers; the look is recorded."""
        office = office_of(desk, principal)

        def load(session: Session) -> Any:
            found = request_reading.open_queue(session, office, publisher)
            if isinstance(found, Refusal):
                return found
            wanted = QueueFilter(publisher_id=found.id, states=queue_views.states_of(shown))
            return found.id, request_reading.list_queue(session, wanted, after=after, limit=limit + 1)

        loaded = await desk.database.read(load)
        if isinstance(loaded, Refusal):
            return refuse(request, loaded)
        publisher_id, lines = loaded
        await record_request_look(desk, principal, publisher_id=publisher_id)
        base = desk.settings.base_url
        here = f"{base}/api/v1/publishers/{publisher}/requests?state={quote(shown)}&limit={limit}"
        return _private(_page(lines, limit, base, here))


def _page(lines: Any, limit: int, base_url: str, here: str) -> RequestPageOut:
    shown = list(lines)[:limit]
    return RequestPageOut(
        requests=[_line(line, base_url) for line in shown],
        next=f"{here}&after={shown[-1].id}" if len(lines) > limit else None,
    )


def _line(line: RequestLine, base_url: str) -> RequestLineOut:
    return RequestLineOut(
        id=str(line.id),
        model=line.repo_id,
        state=line.state.value,
        state_words=STATE_WORDS[line.state],
        since=iso(line.state_since),
        sent_at=iso(line.sent_at) if line.sent_at else None,
        lapses_at=iso(line.due_at) if line.due_at else None,
        taken=line.assigned_to is not None,
        url=f"{base_url}/requests/{line.id}",
    )


async def _answer(
    request: AnyRequest, desk: Desk, office: Office, outcome: RequestView | Refusal
) -> Response[RequestOut]:
    if isinstance(outcome, Refusal):
        return refuse(request, outcome)
    if office.principal.person_id != outcome.person_id:
        await record_request_look(
            desk,
            office.principal,
            publisher_id=outcome.model.publisher_id,
            subject_id=outcome.person_id,
        )
    return _private(view_request(outcome, office, desk.settings.base_url))


def view_request(found: RequestView, office: Office, base_url: str) -> RequestOut:
    """Return a request as it goes out; reviewers are not named in it."""
    return RequestOut(
        id=str(found.id),
        model=found.model.repo_id,
        state=found.state.value,
        state_words=STATE_WORDS[found.state],
        since=iso(found.state_since),
        sent_at=iso(found.sent_at) if found.sent_at else None,
        lapses_at=iso(found.due_at) if found.due_at else None,
        reapply_at=iso(found.reapply_at) if found.reapply_at else None,
        access_until=iso(found.grant_ends_at) if found.grant_ends_at else None,
        position=found.position,
        target_days=found.policy.target_days,
        approvals_needed=found.policy.approvals,
        previous=str(found.previous_id) if found.previous_id else None,
        url=f"{base_url}/requests/{found.id}",
        steps=[_step(step, found, office) for step in found.steps],
        possible=[
            MoveOut(
                event=row.event.value,
                label=row.label,
                needs_note=row.needs_note,
                needs_reason=row.needs_reason,
            )
            for row in found.possible
        ],
    )


def _step(step: Step, found: RequestView, office: Office) -> StepOut:
    by = "registry" if step.event is RequestEvent.LAPSE else "reviewer"
    if step.actor_id == found.person_id:
        by = "applicant"
    if step.actor_id is not None and step.actor_id == office.principal.person_id:
        by = "you"
    return StepOut(
        event=step.event.value,
        state=step.state.value,
        at=iso(step.at),
        by=by,
        reason=step.reason.value if step.reason else None,
        reason_words=CAUSE_WORDS[step.reason] if step.reason else None,
        until=iso(step.until) if step.until else None,
        note=step.note,
        answers=dict(step.answers),
    )


def _private(out: Any) -> Response[Any]:
    return Response(out, headers={"Cache-Control": "private, no-store"})
