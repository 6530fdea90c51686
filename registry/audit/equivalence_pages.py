"""The page on which maintainers see what flows down to a model, and decide what flows down from it."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect
from sqlmodel import Session

from registry import access, catalog, licenses
from registry.access.restriction_views import view_decision, view_row, view_terms
from registry.catalog import equivalences, inherited_terms
from registry.catalog.domain import Command, may_any, model_url
from registry.catalog.equivalence_store import Decision
from registry.catalog.equivalences import (
    NAME_MAX_CHARACTERS,
    PAGE_DECISIONS,
    REASON_MAX_CHARACTERS,
    Claim,
)
from registry.identity.domain import not_signed_in
from registry.identity.visits import Desk, Form, Visit
from registry.kernel.outcomes import Refusal
from registry.kernel.page_parts import FieldKind, FormField, Link, Notice, Option, Pager, Tone
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse
from registry.licenses import Version

_CLAIM = ("model", "base_license", "own_license")


class EquivalencePages(Controller):
    """`/{publisher}/{model}/equivalences`: restrictions from bases, and decisions about models made from this one."""

    path = "/{publisher:str}/{model:str}/equivalences"
    include_in_schema = False

    @get("/", operation_id="show_equivalences")
    async def show(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        model: FromPath[str],
        before: FromQuery[UUID | None] = None,
    ) -> Response[Any]:
        """Show both, and the difference of the two licenses that the query names."""
        visit = await desk.visits.begin(request)
        if visit.principal.person_id is None:
            return refuse(request, not_signed_in(visit.page.path))
        # Its name in the query is that of the model which is made from this one.
        asked = {name: str(request.query_params.get(name, ""))[:200] for name in _CLAIM}
        return await _show(request, desk, visit, (publisher, model), asked, {}, before=before)

    @post("/", operation_id="decide_equivalence_by_form", status_code=303)
    async def decide(
        self, request: AnyRequest, desk: NamedDependency[Desk], publisher: FromPath[str], model: FromPath[str]
    ) -> Response[Any]:
        """Record a decision, or withdraw one."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit, max_fields=200)
        page = f"{model_url(publisher, model)}/equivalences"
        if visit.principal.session_id is None:
            return refuse(request, not_signed_in(page))
        if isinstance(form, Refusal):
            return refuse(request, form)
        outcome = await desk.database.write(
            lambda session: _record(session, desk, visit, (publisher, model), form)
        )
        if isinstance(outcome, Refusal) and outcome.status == 422 and not form.text("withdraw"):
            given = {name: form.text(name) for name in (*_CLAIM, "reason", "name")}
            return await _show(
                request,
                desk,
                visit,
                (publisher, model),
                given,
                outcome.errors,
                chosen=form.lists.get("restriction", ()),
            )
        return refuse(request, outcome) if isinstance(outcome, Refusal) else Redirect(page, status_code=303)


def _record(
    session: Session, desk: Desk, visit: Visit, name: tuple[str, str], form: Form
) -> Decision | Refusal:
    if form.text("withdraw"):
        return equivalences.withdraw(
            session,
            publisher=name[0],
            name=name[1],
            decision_id=_read_id(form.text("withdraw")),
            reason=form.text("reason"),
            principal=visit.principal,
            sealer=desk.sealer,
            now=desk.clock.now(),
        )
    claim = Claim(
        model=form.text("model").strip(),
        base_license=form.text("base_license"),
        own_license=form.text("own_license").strip(),
        restrictions=tuple(form.lists.get("restriction", ())),
        reason=form.text("reason"),
        name=form.text("name"),
    )
    return equivalences.decide(
        session,
        publisher=name[0],
        name=name[1],
        claim=claim,
        principal=visit.principal,
        sealer=desk.sealer,
        now=desk.clock.now(),
    )


async def _show(
    request: AnyRequest,
    desk: Desk,
    visit: Visit,
    name: tuple[str, str],
    given: Mapping[str, str],
    errors: Mapping[str, str],
    *,
    chosen: Sequence[str] = (),
    before: UUID | None = None,
) -> Response[Any]:
    view = await desk.database.read(
        lambda session: load_equivalences(
            session, desk, visit, name, given, errors, chosen=chosen, before=before
        )
    )
    if isinstance(view, Refusal):
        return refuse(request, view)
    html = desk.pages.render("manage/equivalences.html", page=visit.page, view=view)
    return respond(html, status_code=422 if errors else 200)


def load_equivalences(
    session: Session,
    desk: Desk,
    visit: Visit,
    name: tuple[str, str],
    given: Mapping[str, str],
    errors: Mapping[str, str],
    *,
    chosen: Sequence[str],
    before: UUID | None,
) -> SimpleNamespace | Refusal:
    """Return the page, as far as the visitor may see it and decide."""
    found = equivalences.list_given(
        session,
        publisher=name[0],
        name=name[1],
        principal=visit.principal,
        sealer=desk.sealer,
        before=before,
    )
    if isinstance(found, Refusal):
        return found
    model, decisions = found
    publisher = catalog.authorise(session, model.publisher, Command.SEE_PRIVATE, principal=visit.principal)
    if isinstance(publisher, Refusal):
        return publisher
    roles = access.roles_at(session, publisher, principal=visit.principal)
    may_change = may_any(roles, Command.CHANGE_GATE)
    editing = may_change and catalog.is_fresh(visit.principal, desk.clock.now())
    bases = inherited_terms.find_asking(session, [], visit.principal, model_id=model.id)
    page = f"{model_url(model.publisher, model.name)}/equivalences"
    required = [licenses.get_version_by_id(session, one) for one in model.gate.license_version_ids]
    compared, boxes = _compare(session, required, given, chosen)
    again = f"{page}?{urlencode({key: value for key in _CLAIM if (value := given.get(key))})}"
    return SimpleNamespace(
        publisher=access.publisher_head(publisher, roles),
        model=SimpleNamespace(name=model.name, url=model_url(model.publisher, model.name)),
        notice=None if editing else _notice(again, may_change=may_change),
        inherited=view_terms(
            session, inherited_terms.compare(session, inherited_terms.of_model(model), bases), desk.sealer
        ),
        is_compared=bool(bases) and bool(model.gate.license_version_ids),
        decisions=[view_decision(one) for one in decisions[:PAGE_DECISIONS]],
        pager=_pager(page, decisions, before),
        asked=_asked(required, given, errors),
        compared=compared,
        boxes=boxes,
        boxes_error=errors.get("restrictions"),
        fields=_fields(given, errors),
        page_url=page,
        post_url=page if editing else None,
    )


def _compare(
    session: Session,
    required: Sequence[Version],
    given: Mapping[str, str],
    chosen: Sequence[str],
) -> tuple[SimpleNamespace | None, list[Option]]:
    """Return the difference of the two licenses that are named, if they are there, and what may be ticked."""
    asked = next((one for one in required if one.reference == given.get("base_license")), None)
    reference = licenses.parse_reference(given.get("own_license", "").strip())
    own = (
        licenses.find_version(session, reference.slug, reference.number)
        if reference and reference.number
        else None
    )
    if asked is None or own is None or not given.get("model"):
        return None, []
    rows = equivalences.find_gaps(session, asked, own)
    compared = SimpleNamespace(
        title=f"{own.reference} beside {asked.reference}",
        rows=[view_row(row) for row in rows or ()],
        unread=rows is None,
        claim=[(name, given.get(name, "")) for name in _CLAIM],
    )
    boxes = [
        Option(value=slug, label=licenses.describe_restriction(slug), detail=slug, chosen=slug in chosen)
        for slug in dict.fromkeys(row.slug for row in rows or ())
    ]
    return compared, boxes


def _asked(
    required: Sequence[Version], given: Mapping[str, str], errors: Mapping[str, str]
) -> list[FormField]:
    return [
        FormField(
            name="model",
            label="Model that is made from this one",
            value=given.get("model", ""),
            why="PUBLISHER/MODEL; it need not be published yet.",
            error=errors.get("model"),
            max_characters=200,
        ),
        FormField(
            name="base_license",
            label="License that this model’s gate asks for",
            kind=FieldKind.SELECT,
            value=given.get("base_license", ""),
            error=errors.get("base_license"),
            options=[
                Option(value=one.reference, label=one.name, chosen=one.reference == given.get("base_license"))
                for one in required
            ],
        ),
        FormField(
            name="own_license",
            label="License of the other model",
            value=given.get("own_license", ""),
            why="With its number: name@1.0.",
            error=errors.get("own_license"),
            max_characters=200,
        ),
    ]


def _fields(given: Mapping[str, str], errors: Mapping[str, str]) -> list[FormField]:
    return [
        FormField(
            name="reason",
            label="Why it reaches the same",
            kind=FieldKind.LONG_TEXT,
            value=given.get("reason", ""),
            why="Everybody who sees the other model reads it. Kept for ever; the log holds its digest.",
            error=errors.get("reason"),
            max_characters=REASON_MAX_CHARACTERS,
        ),
        FormField(
            name="name",
            label="Your name",
            value=given.get("name", ""),
            why="Shown with the decision. It goes when your data is erased.",
            error=errors.get("name"),
            autocomplete="name",
            max_characters=NAME_MAX_CHARACTERS,
        ),
    ]


def _pager(page: str, decisions: Sequence[Decision], before: UUID | None) -> Pager | None:
    more = len(decisions) > PAGE_DECISIONS
    if not more and before is None:
        return None
    return Pager(
        said="Newest first",
        next_url=f"{page}?before={decisions[PAGE_DECISIONS - 1].id}" if more else None,
        next_label="Earlier decisions",
        first_url=page if before else None,
        first_label="Back to the newest",
    )


def _notice(page: str, *, may_change: bool) -> Notice:
    if not may_change:
        return Notice(
            tone=Tone.NOTE,
            title="You may look at this",
            text="Owners and maintainers of the publisher decide.",
        )
    return Notice(
        tone=Tone.WAIT,
        title="Deciding takes a fresh sign-in",
        text="You signed in more than an hour ago. Sign in again, and the form appears here.",
        link=Link(label="Sign in again", url=f"/sign-in?{urlencode({'next': page})}"),
    )


def _read_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)
