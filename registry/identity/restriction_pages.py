"""Page of restriction: ask that one's data is stored only, see what became of it, take it back."""

from types import SimpleNamespace
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from registry.identity import erasures, restrictions
from registry.identity.domain import Principal, not_signed_in
from registry.identity.restriction_domain import (
    GROUND_WORDS,
    LIFTED_AFTER,
    PAGE,
    WORDS_MAX_CHARACTERS,
    RestrictionState,
    RestrictionView,
)
from registry.identity.visits import Desk, Visit
from registry.identity.ways import WAYS_CHANGE_AGE, again_url, judge_freshness
from registry.kernel.outcomes import Refusal
from registry.kernel.page_parts import Notice, Tone
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse


class RestrictionPages(Controller):
    """`/records/restriction`."""

    path = PAGE
    include_in_schema = False

    @get("/", operation_id="show_restriction")
    async def show(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Say what it does, and offer it."""
        visit = await desk.visits.begin(request)
        if visit.principal.session_id is None:
            return refuse(request, not_signed_in(PAGE))
        return await _show(desk, visit)

    @post("/", operation_id="ask_restriction", status_code=303)
    async def ask(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Ask for it."""
        visit, form = await desk.visits.read_own_form(request, back_to=PAGE)
        if isinstance(form, Refusal):
            return refuse(request, form)
        if refusal := _judge_age(desk, visit.principal):
            return refuse(request, refusal)
        person_id, office = visit.principal.person_id, _desk(desk)
        assert person_id is not None  # noqa: S101 - a web session has one
        ground, words = form.text("ground"), form.text("words")
        outcome = await desk.database.write(
            lambda session: restrictions.ask_restriction(
                session, office, person_id=person_id, ground=ground, words=words
            )
        )
        if isinstance(outcome, Refusal) and outcome.errors:
            return await _show(desk, visit, error=outcome.errors["ground"], ground=ground, words=words)
        return refuse(request, outcome) if isinstance(outcome, Refusal) else Redirect(PAGE, status_code=303)

    @post("/back", operation_id="take_back_restriction", status_code=303)
    async def back(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Take it back: the request, or the restriction itself."""
        visit, form = await desk.visits.read_own_form(request, back_to=PAGE)
        if isinstance(form, Refusal):
            return refuse(request, form)
        if refusal := _judge_age(desk, visit.principal):
            return refuse(request, refusal)
        person_id, office = visit.principal.person_id, _desk(desk)
        assert person_id is not None  # noqa: S101 - a web session has one
        # Where nothing stands any more, the page says so.
        await desk.database.write(
            lambda session: restrictions.take_back(session, office, person_id=person_id)
        )
        return Redirect(PAGE, status_code=303)


async def _show(
    desk: Desk, visit: Visit, *, error: str | None = None, ground: str = "", words: str = ""
) -> Response[Any]:
    person_id = visit.principal.person_id
    assert person_id is not None  # noqa: S101 - the routes have seen to it
    found = await desk.database.read(
        lambda session: restrictions.find_restriction(session, person_id=person_id, sealer=desk.sealer)
    )
    view = restriction_view(
        found,
        again_url=again_url(PAGE) if _judge_age(desk, visit.principal) else None,
        error=error,
        ground=ground,
        words=words,
    )
    page = desk.pages.render("records/restriction.html", page=visit.page, view=view)
    return respond(page, status_code=422 if error else 200)


def restriction_view(
    found: RestrictionView | None, *, again_url: str | None, error: str | None, ground: str, words: str
) -> SimpleNamespace:
    """Return what the page is given."""
    return SimpleNamespace(
        notice=_notice(found),
        is_open=found is not None and found.is_open,
        grounds=[
            SimpleNamespace(key=key.value, label=label, chosen=key.value == ground)
            for key, label in GROUND_WORDS.items()
        ],
        words=words,
        words_most=WORDS_MAX_CHARACTERS,
        told_days=LIFTED_AFTER.days,
        erasure_url="/records/erasure",
        again_url=again_url,
        post_url=PAGE,
        back_url=f"{PAGE}/back",
        error=error,
    )


def _notice(found: RestrictionView | None) -> Notice | None:
    if found is None:
        return None
    if found.state is RestrictionState.WAITING:
        return Notice(
            tone=Tone.WAIT,
            title="You asked for a restriction",
            text=f"The operators answer by {found.owed_by:%-d %B %Y}. Until then your data is used as before.",
        )
    if found.state is RestrictionState.STANDING and found.placed_at is not None:
        return Notice(
            tone=Tone.OK,
            title=f"Your data has been stored only since {found.placed_at:%-d %B %Y}",
            text="You can take that back at any time. Before the operators lift it, you are told.",
        )
    if found.state is RestrictionState.ENDING and found.lifted_from is not None:
        return Notice(
            tone=Tone.WAIT,
            title=f"The restriction is lifted on {found.lifted_from:%-d %B %Y}",
            text=f"Until then it stands. The operators give this reason: {found.reason or ''} You can ask them to look at it "
            "again, complain to a supervisory authority, or go to a court.",
        )
    if found.state is RestrictionState.REFUSED:
        return Notice(
            tone=Tone.STOP,
            title="Your last request was refused",
            text=f"{found.reason or ''} You can ask again, complain to a supervisory authority, or go to a court.",
        )
    return None


def _judge_age(desk: Desk, principal: Principal) -> Refusal | None:
    return judge_freshness(principal, most=WAYS_CHANGE_AGE, back_to=PAGE, now=desk.clock.now())


def _desk(desk: Desk) -> erasures.Desk:
    return erasures.Desk(sealer=desk.sealer, base_url=desk.settings.base_url, now=desk.clock.now())
