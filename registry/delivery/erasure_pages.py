"""Page of being erased: ask for it, see what became of it, take it back."""

from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from registry.delivery import erasing
from registry.identity import erasures
from registry.identity.domain import Principal, not_signed_in
from registry.identity.erasure_domain import PAGE, ErasureState, ErasureView, Office, not_confirmed
from registry.identity.visits import Desk, Visit
from registry.identity.ways import WAYS_CHANGE_AGE, again_url, judge_freshness
from registry.kernel.outcomes import Refusal
from registry.kernel.page_parts import Link, Notice, Tone
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse


class ErasurePages(Controller):
    """`/records/erasure`."""

    path = PAGE
    include_in_schema = False

    @get("/", operation_id="show_erasure")
    async def show(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Say what goes and what stays, and offer it."""
        visit = await desk.visits.begin(request)
        if visit.principal.session_id is None:
            return refuse(request, not_signed_in(PAGE))
        return await _show(desk, visit, error=None)

    @post("/", operation_id="ask_erasure", status_code=303)
    async def ask(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Ask to be erased."""
        visit, form = await desk.visits.read_own_form(request, back_to=PAGE)
        if isinstance(form, Refusal):
            return refuse(request, form)
        if refusal := _judge_age(desk, visit.principal):
            return refuse(request, refusal)
        if form.text("sure") != "yes":
            return await _show(desk, visit, error=not_confirmed().errors["sure"])
        person_id, office = visit.principal.person_id, _desk(desk)
        assert person_id is not None  # noqa: S101 - a web session has one
        grace = timedelta(days=desk.settings.erasure_grace_days)
        outcome = await desk.database.write(
            lambda session: erasures.ask_erasure(
                session,
                office,
                person_id=person_id,
                offices=erasing.list_offices(session, person_id=person_id),
                grace=grace,
            )
        )
        return refuse(request, outcome) if isinstance(outcome, Refusal) else Redirect(PAGE, status_code=303)

    @post("/back", operation_id="take_back_erasure", status_code=303)
    async def back(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Take the request back; that takes no fresh sign-in."""
        visit, form = await desk.visits.read_own_form(request, back_to=PAGE)
        if isinstance(form, Refusal):
            return refuse(request, form)
        person_id, office = visit.principal.person_id, _desk(desk)
        assert person_id is not None  # noqa: S101 - a web session has one
        # Where nothing waits any more, the page says so.
        await desk.database.write(lambda session: erasures.take_back(session, office, person_id=person_id))
        return Redirect(PAGE, status_code=303)


async def _show(desk: Desk, visit: Visit, *, error: str | None) -> Response[Any]:
    person_id = visit.principal.person_id
    assert person_id is not None  # noqa: S101 - the routes have seen to it
    asked, offices = await desk.database.read(
        lambda session: (
            erasures.find_erasure(session, person_id=person_id, sealer=desk.sealer),
            erasing.list_offices(session, person_id=person_id),
        )
    )
    view = erasure_view(
        asked,
        offices,
        grace_days=desk.settings.erasure_grace_days,
        again_url=again_url(PAGE) if _judge_age(desk, visit.principal) else None,
        error=error,
    )
    page = desk.pages.render("records/erasure.html", page=visit.page, view=view)
    return respond(page, status_code=422 if error else 200)


def erasure_view(
    asked: ErasureView | None,
    offices: Sequence[Office],
    *,
    grace_days: int,
    again_url: str | None,
    error: str | None,
) -> SimpleNamespace:
    """Return what the page is given."""
    return SimpleNamespace(
        notice=_notice(asked),
        waits=asked is not None and asked.state is ErasureState.WAITING,
        offices=[Link(label=one.what, url=one.url) for one in offices],
        grace_days=grace_days,
        export_url="/records/export.json",
        again_url=again_url,
        post_url=PAGE,
        back_url=f"{PAGE}/back",
        error=error,
    )


def _notice(asked: ErasureView | None) -> Notice | None:
    if asked is None or asked.state is ErasureState.TAKEN_BACK:
        return None
    if asked.state is ErasureState.WAITING:
        return Notice(
            tone=Tone.WAIT,
            title=f"Your details are destroyed on {asked.due_at:%-d %B %Y}",
            text=f"You asked for it on {asked.asked_at:%-d %B %Y}. Until then you can take it back.",
        )
    return Notice(
        tone=Tone.STOP,
        title="Your last request was refused",
        text=f"{asked.reason or ''} You can ask again, complain to a supervisory authority, or go to a court.",
    )


def _judge_age(desk: Desk, principal: Principal) -> Refusal | None:
    return judge_freshness(principal, most=WAYS_CHANGE_AGE, back_to=PAGE, now=desk.clock.now())


def _desk(desk: Desk) -> erasures.Desk:
    return erasures.Desk(sealer=desk.sealer, base_url=desk.settings.base_url, now=desk.clock.now())
