"""`/operations`: what waits for the operators, what they keep, and everything about one person, for a reason.

For operators in a browser alone. What is decided about people is done by commands on the host; this page says which.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Stream
from sqlmodel import Session

from registry import catalog, identity
from registry.delivery import holds
from registry.delivery.hold_domain import HoldView
from registry.delivery.person_api import REASON_MAX_CHARACTERS, clean_reason
from registry.delivery.personal_export import write_personal_data
from registry.identity import erasures, restrictions
from registry.identity.domain import Channel, Principal, not_signed_in
from registry.identity.erasure_domain import ErasureView
from registry.identity.restriction_domain import RestrictionState, RestrictionView
from registry.identity.visits import Desk, Visit
from registry.identity.ways import WAYS_CHANGE_AGE, again_url, judge_freshness
from registry.kernel.outcomes import Refusal, Remedy
from registry.kernel.page_parts import FormField
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse

PAGE = "/operations"
SHOWN_MOST = 100
"""Of each list; the commands have all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What the operators are to know: the oldest first."""

    erasures: Sequence[ErasureView]
    restrictions: Sequence[RestrictionView]
    holds: Sequence[HoldView]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whose data an operator asks for, and why."""

    person_id: UUID
    reason: str


class OperationPages(Controller):
    """What operators see."""

    path = PAGE
    include_in_schema = False

    @get("/", operation_id="show_operations")
    async def show(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Show what waits."""
        visit = await desk.visits.begin(request)
        if refusal := _judge(visit.principal):
            return refuse(request, refusal)
        return await _show(desk, visit, given={}, errors={})

    @post("/person", operation_id="export_person", status_code=200)
    async def person(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Send everything about one person; the person finds the look and its reason in their own data."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if refusal := _judge(visit.principal) or judge_freshness(
            visit.principal, most=WAYS_CHANGE_AGE, back_to=PAGE, now=desk.clock.now()
        ):
            return refuse(request, refusal)
        if isinstance(form, Refusal):
            return refuse(request, form)
        given = {"person": form.text("person"), "reason": form.text("reason")}
        asked = await desk.database.read(lambda session: find_asked(session, desk, **given))
        if not isinstance(asked, Asked):
            return await _show(desk, visit, given=given, errors=asked)
        now = desk.clock.now()
        await desk.database.write(
            lambda session: catalog.record_look(
                session,
                catalog.Looked.PERSON,
                principal=visit.principal,
                publisher_id=None,
                subject_id=asked.person_id,
                export=True,
                reason=asked.reason,
                now=now,
            )
        )
        return Stream(
            _write(desk, asked),
            media_type="application/json",
            headers={
                "Content-Disposition": f'attachment; filename="person-{asked.person_id}.json"',
                "Cache-Control": "private, no-store",
                "X-Content-Type-Options": "nosniff",
            },
        )


def find_asked(session: Session, desk: Desk, *, person: str, reason: str) -> Asked | dict[str, str]:
    """Return whose data is asked for, or by field why nothing is sent."""
    errors = {}
    said = clean_reason(reason)
    if isinstance(said, Refusal):
        errors = dict(said.errors)
    person_id = _find_person(session, desk, person.strip())
    if person_id is None:
        errors["person"] = "nobody with this address or id is known here"
    elif identity.find_restricted_since(session, person_id):
        errors["person"] = "what is kept about them may only be stored; they themself can export it"
    if errors or person_id is None or isinstance(said, Refusal):
        return errors
    return Asked(person_id=person_id, reason=said)


def _find_person(session: Session, desk: Desk, text: str) -> UUID | None:
    try:
        return identity.find_person_id(session, UUID(text))
    except ValueError:
        return identity.find_person_by_email(session, email=text, sealer=desk.sealer)


async def _write(desk: Desk, asked: Asked) -> AsyncIterator[bytes]:
    """Yield what the person themself can export; the requests are read as theirs, so reviewers stay unnamed."""
    as_theirs = Principal(person_id=asked.person_id, channel=Channel.SESSION)
    async for piece in write_personal_data(desk, as_theirs):
        yield piece


def _judge(principal: Principal) -> Refusal | None:
    if principal.session_id is None:
        return not_signed_in(PAGE)
    if principal.is_operator:
        return None
    return Refusal(
        code="operators-only",
        status=403,
        title="This page is for the operators of this registry",
        detail="Operators are named in the settings of the installation. You are not one of them.",
        remedy=Remedy(text="See what is kept about you", url="/records"),
        decider="Whoever runs this installation",
    )


async def _show(desk: Desk, visit: Visit, *, given: dict[str, str], errors: dict[str, str]) -> Response[Any]:
    now = desk.clock.now()
    waiting = await desk.database.read(
        lambda session: Waiting(
            erasures=erasures.list_waiting(session, sealer=desk.sealer, after=None, limit=SHOWN_MOST),
            restrictions=restrictions.list_open(session, sealer=desk.sealer, after=None, limit=SHOWN_MOST),
            holds=holds.list_holds(session, now=now)[:SHOWN_MOST],
        )
    )
    fresh = judge_freshness(visit.principal, most=WAYS_CHANGE_AGE, back_to=PAGE, now=now) is None
    view = operations_view(waiting, given=given, errors=errors, again_url=None if fresh else again_url(PAGE))
    html = desk.pages.render("operations/index.html", page=visit.page, view=view)
    return respond(html, status_code=422 if errors else 200)


def operations_view(
    waiting: Waiting, *, given: dict[str, str], errors: dict[str, str], again_url: str | None
) -> SimpleNamespace:
    """Return what the page is given."""
    return SimpleNamespace(
        erasures=[
            SimpleNamespace(
                person=str(one.person_id), asked_at=one.asked_at, due_at=one.due_at, owed_by=one.owed_by
            )
            for one in waiting.erasures
        ],
        restrictions=[
            SimpleNamespace(
                person=str(one.person_id), asked_at=one.asked_at, owed_by=one.owed_by, words=one.words or ""
            )
            for one in waiting.restrictions
            if one.state is RestrictionState.WAITING
        ],
        restricted=[
            SimpleNamespace(person=str(one.person_id), since=one.placed_at, lifted_from=one.lifted_from)
            for one in waiting.restrictions
            if one.state is not RestrictionState.WAITING
        ],
        holds=[
            SimpleNamespace(
                subject=one.subject,
                reason=one.reason,
                ordered_by=one.ordered_by,
                placed_at=one.placed_at,
                until=one.until,
                id=str(one.id),
            )
            for one in waiting.holds
        ],
        fields=[
            FormField(
                name="person",
                label="Address, or id here",
                value=given.get("person", ""),
                why="As in the lists above, or as they sign in.",
                error=errors.get("person"),
                max_characters=320,
            ),
            FormField(
                name="reason",
                label="Why you look",
                value=given.get("reason", ""),
                why="Recorded, and shown to the person with their own data.",
                error=errors.get("reason"),
                max_characters=REASON_MAX_CHARACTERS,
            ),
        ],
        post_url=f"{PAGE}/person",
        again_url=again_url,
    )
