"""Pages of releases that are to be given up: one's own, and a maintainer's."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect
from sqlmodel import Session

from registry import access, catalog
from registry.catalog import must_updates
from registry.catalog.domain import Command, may_any, model_url
from registry.catalog.must_updates import REASON_MAX_CHARACTERS, Demand, Mark
from registry.delivery import updates
from registry.delivery.domain import UpdateAnswered
from registry.delivery.update_api import export_holders
from registry.delivery.updates import UPDATES, Mine, Told
from registry.identity.domain import nameless, not_signed_in
from registry.identity.visits import Desk, Visit
from registry.kernel.exports import ExportFormat
from registry.kernel.outcomes import Refusal
from registry.kernel.page_parts import FieldKind, FormField, Link, Notice, Option, Pager, Tone
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse

RELEASES_OFFERED = 50
PAGE_HOLDERS = 50
_FIELDS = ("release", "replacement", "update_by", "reason")
_STATES = {
    "notified": "Not answered yet",
    "acknowledged": "Read",
    "confirmed_deleted": "Copies deleted",
}


class UpdatePages(Controller):
    """`/updates`: the releases that one was told to give up."""

    path = UPDATES
    include_in_schema = False

    @get("/", operation_id="show_updates")
    async def show(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Show them, with the buttons that answer."""
        visit = await desk.visits.begin(request)
        if visit.principal.session_id is None:
            return refuse(request, not_signed_in(UPDATES))
        mine = await desk.database.read(lambda session: updates.list_mine(session, visit.principal))
        if isinstance(mine, Refusal):
            return refuse(request, mine)
        view = SimpleNamespace(updates=[_mine(one) for one in mine], post_url=UPDATES)
        return respond(desk.pages.render("records/updates.html", page=visit.page, view=view))

    @post("/", operation_id="answer_update_by_form", status_code=303)
    async def answer(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Record what the holder says."""
        visit, form = await desk.visits.read_own_form(request, back_to=UPDATES)
        if isinstance(form, Refusal):
            return refuse(request, form)
        mark_id, state = _read_id(form.text("mark")), form.text("state")
        if mark_id is None or state not in set(UpdateAnswered):
            return refuse(request, must_updates.no_such_mark("this registry"))
        now = desk.clock.now()
        outcome = await desk.database.write(
            lambda session: updates.answer(
                session, mark_id=mark_id, state=UpdateAnswered(state), principal=visit.principal, now=now
            )
        )
        return (
            refuse(request, outcome) if isinstance(outcome, Refusal) else Redirect(UPDATES, status_code=303)
        )


class MustUpdatePages(Controller):
    """`/{publisher}/{model}/must-updates`: releases that maintainers ask everybody to give up."""

    path = "/{publisher:str}/{model:str}/must-updates"
    include_in_schema = False

    @get("/", operation_id="show_must_updates")
    async def show(
        self, request: AnyRequest, desk: NamedDependency[Desk], publisher: FromPath[str], model: FromPath[str]
    ) -> Response[Any]:
        """Show the marks that stand with their figures, and the form that marks a release.

        The address may fill the form in, as `gatehouse updates mark` does; a person reads it and sends it.
        """
        visit = await desk.visits.begin(request)
        if visit.principal.person_id is None:
            return refuse(request, not_signed_in(visit.page.path))
        given = {name: request.query_params.get(name, "") for name in _FIELDS}
        return await _show(request, desk, visit, (publisher, model), given, {})

    @post("/", operation_id="mark_must_update_by_form", status_code=303)
    async def mark(
        self, request: AnyRequest, desk: NamedDependency[Desk], publisher: FromPath[str], model: FromPath[str]
    ) -> Response[Any]:
        """Mark a release and tell its holders, or take a mark back."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        page = f"{model_url(publisher, model)}/must-updates"
        if visit.principal.session_id is None:
            return refuse(request, not_signed_in(page))
        if isinstance(form, Refusal):
            return refuse(request, form)
        now, principal = desk.clock.now(), visit.principal
        taken = form.text("take_back")
        span = access.read_span("", form.text("update_by"))
        fields = {name: form.text(name) for name in _FIELDS}

        def work(session: Session) -> Mark | Refusal:
            if taken:
                return must_updates.take_back(
                    session,
                    publisher=publisher,
                    name=model,
                    mark_id=_read_id(taken) or UUID(int=0),
                    reason=fields["reason"],
                    principal=principal,
                    now=now,
                )
            until = None if isinstance(span, Refusal) else span[1]
            demand = Demand(
                commit=fields["release"],
                replacement=fields["replacement"],
                update_by=until or now,
                reason=fields["reason"],
            )
            return must_updates.mark_release(
                session, publisher=publisher, name=model, demand=demand, principal=principal, now=now
            )

        outcome = await desk.database.write(work)
        if isinstance(outcome, Refusal) and outcome.status == 422 and not taken:
            return await _show(request, desk, visit, (publisher, model), fields, outcome.errors)
        return refuse(request, outcome) if isinstance(outcome, Refusal) else Redirect(page, status_code=303)

    @get("/{mark_id:uuid}", operation_id="show_must_update_holders")
    async def holders(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        model: FromPath[str],
        mark_id: FromPath[UUID],
        after: FromQuery[UUID | None] = None,
    ) -> Response[Any]:
        """Show who was told and what they said; the look is recorded."""
        visit = await desk.visits.begin(request)
        if visit.principal.person_id is None:
            return refuse(request, not_signed_in(visit.page.path))
        view = await desk.database.write(
            lambda session: load_holders(session, desk, visit, (publisher, model), mark_id, after)
        )
        if isinstance(view, Refusal):
            return refuse(request, view)
        return respond(desk.pages.render("manage/update_holders.html", page=visit.page, view=view))

    @get("/{mark_id:uuid}/holders.csv", operation_id="export_must_update_holders")
    async def csv(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        model: FromPath[str],
        mark_id: FromPath[UUID],
    ) -> Response[Any]:
        """Send everybody who was told, as CSV; the look is recorded."""
        visit = await desk.visits.begin(request)
        if visit.principal.person_id is None:
            return refuse(request, not_signed_in(visit.page.path))
        found = await desk.database.write(
            lambda session: _open(session, desk, visit, (publisher, model), mark_id, export=True)
        )
        if isinstance(found, Refusal):
            return refuse(request, found)
        return export_holders(desk, mark_id, ExportFormat.CSV)


async def _show(
    request: AnyRequest,
    desk: Desk,
    visit: Visit,
    name: tuple[str, str],
    fields: Mapping[str, str],
    errors: Mapping[str, str],
) -> Response[Any]:
    view = await desk.database.read(
        lambda session: load_must_updates(session, desk, visit, name, fields, errors)
    )
    if isinstance(view, Refusal):
        return refuse(request, view)
    html = desk.pages.render("manage/updates.html", page=visit.page, view=view)
    return respond(html, status_code=422 if errors else 200)


def load_must_updates(
    session: Session,
    desk: Desk,
    visit: Visit,
    name: tuple[str, str],
    fields: Mapping[str, str],
    errors: Mapping[str, str],
) -> SimpleNamespace | Refusal:
    """Return the marks of a model and the form, as far as the visitor may see and change them."""
    found = must_updates.find_marks(session, publisher=name[0], name=name[1], principal=visit.principal)
    if isinstance(found, Refusal):
        return found
    model, marks = found
    publisher = catalog.authorise(session, model.publisher, Command.SEE_PRIVATE, principal=visit.principal)
    if isinstance(publisher, Refusal):
        return publisher
    roles = access.roles_at(session, publisher, principal=visit.principal)
    releases = catalog.list_releases(session, model_id=model.id, before=None, limit=RELEASES_OFFERED)
    page = f"{model_url(model.publisher, model.name)}/must-updates"
    may_change = may_any(roles, Command.CHANGE_GATE)
    is_fresh = catalog.is_fresh(visit.principal, desk.clock.now())
    editing = may_change and is_fresh
    marked = {mark.release_id for mark in marks}
    offered = [
        Option(value=one.commit, label=f"{one.commit[:12]} of {one.published_at:%-d %B %Y}")
        for one in releases
    ]
    return SimpleNamespace(
        publisher=access.publisher_head(publisher, roles),
        model=SimpleNamespace(name=model.name, url=model_url(model.publisher, model.name)),
        notice=None if editing else _notice(page, fields, may_change=may_change),
        marks=[
            SimpleNamespace(
                **_about(mark),
                id=str(mark.id),
                figures=_figures(updates.count_told(session, mark.id)),
                holders_url=f"{page}/{mark.id}" if may_any(roles, Command.READ_RECORDS) else None,
            )
            for mark in marks
        ],
        fields=_fields(
            offered,
            {one.commit for one in releases if one.id in marked} | {one.commit for one in releases[:1]},
            fields,
            errors,
        ),
        post_url=page if editing else None,
    )


def load_holders(
    session: Session, desk: Desk, visit: Visit, name: tuple[str, str], mark_id: UUID, after: UUID | None
) -> SimpleNamespace | Refusal:
    """Return a page of those who were told, and record the look."""
    found = _open(session, desk, visit, name, mark_id, export=False)
    if isinstance(found, Refusal):
        return found
    model, mark = found
    publisher = catalog.authorise(session, model.publisher, Command.READ_RECORDS, principal=visit.principal)
    if isinstance(publisher, Refusal):
        return publisher
    roles = access.roles_at(session, publisher, principal=visit.principal)
    rows = updates.list_told(session, mark_id, sealer=desk.sealer, after=after, limit=PAGE_HOLDERS + 1)
    page = f"{model_url(model.publisher, model.name)}/must-updates"
    here, more = f"{page}/{mark_id}", len(rows) > PAGE_HOLDERS
    return SimpleNamespace(
        publisher=access.publisher_head(publisher, roles),
        model=SimpleNamespace(name=model.name, url=model_url(model.publisher, model.name)),
        mark=SimpleNamespace(**_about(mark)),
        figures=_figures(updates.count_told(session, mark_id)),
        rows=[_row(row) for row in rows[:PAGE_HOLDERS]],
        pager=Pager(
            said="In no order of time",
            next_url=f"{here}?after={rows[PAGE_HOLDERS - 1].person_id}" if more else None,
            first_url=here if after else None,
            first_label="Back to the start",
        ),
        back_url=page,
        csv_url=f"{here}/holders.csv",
    )


def _open(
    session: Session, desk: Desk, visit: Visit, name: tuple[str, str], mark_id: UUID, *, export: bool
) -> tuple[catalog.ModelView, Mark] | Refusal:
    found = updates.find_marked(
        session, publisher=name[0], name=name[1], mark_id=mark_id, principal=visit.principal
    )
    if isinstance(found, Refusal):
        return found
    catalog.record_look(
        session,
        catalog.Looked.DOWNLOADS,
        principal=visit.principal,
        publisher_id=found[0].publisher_id,
        export=export,
        now=desk.clock.now(),
    )
    return found


def _mine(one: Mine) -> SimpleNamespace:
    answered = one.told.answers
    return SimpleNamespace(
        **_about(one.mark),
        id=str(one.mark.id),
        repo_id=one.repo_id,
        url=f"/{one.repo_id}/files?revision={one.mark.replacement}",
        state=_STATES[one.told.state],
        may_acknowledge=UpdateAnswered.ACKNOWLEDGED not in answered,
        may_confirm=UpdateAnswered.CONFIRMED_DELETED not in answered,
    )


def _about(mark: Mark) -> dict[str, Any]:
    return {
        "commit": mark.commit,
        "replacement": mark.replacement,
        "update_by": mark.update_by,
        "reason": mark.reason,
        "at": mark.marked_at,
    }


def _figures(figures: updates.Figures) -> list[SimpleNamespace]:
    shown = (
        ("Told", figures.told, f"{figures.downloaded:,} had downloaded it"),
        ("Read it", figures.acknowledged, None),
        ("Deleted their copies", figures.confirmed_deleted, None),
    )
    return [SimpleNamespace(label=label, value=f"{value:,}", detail=detail) for label, value, detail in shown]


def _row(told: Told) -> SimpleNamespace:
    return SimpleNamespace(
        person=told.email or nameless(told.person_id),
        state=_STATES[told.state],
        since=max(told.answers.values(), default=told.told_at),
        told_at=told.told_at,
        downloaded=told.downloaded,
    )


def _fields(
    offered: list[Option], kept: set[str], given: Mapping[str, str], errors: Mapping[str, str]
) -> list[FormField]:
    def options(name: str, *, but: set[str]) -> list[Option]:
        return [
            Option(value=one.value, label=one.label, chosen=one.value == given.get(name))
            for one in offered
            if one.value not in but
        ]

    return [
        FormField(
            name="release",
            label="Release to be given up",
            kind=FieldKind.SELECT,
            value=given.get("release", ""),
            error=errors.get("release"),
            options=options("release", but=kept),
        ),
        FormField(
            name="replacement",
            label="Release to be used instead",
            kind=FieldKind.SELECT,
            value=given.get("replacement", ""),
            error=errors.get("replacement"),
            options=options("replacement", but=set()),
        ),
        FormField(
            name="update_by",
            label="Last day",
            kind=FieldKind.DATE,
            value=given.get("update_by", ""),
            why="After this day (UTC) the release is not handed out any more.",
            error=errors.get("update_by"),
        ),
        FormField(
            name="reason",
            label="Reason",
            kind=FieldKind.LONG_TEXT,
            value=given.get("reason", ""),
            why="Everybody who has the release reads it. It is kept for ever; the log holds its digest.",
            error=errors.get("reason"),
            max_characters=REASON_MAX_CHARACTERS,
        ),
    ]


def _notice(page: str, fields: Mapping[str, str], *, may_change: bool) -> Notice:
    if not may_change:
        return Notice(
            tone=Tone.NOTE,
            title="You may look at this",
            text="Owners and maintainers of the publisher mark releases.",
        )
    filled = urlencode({name: value for name, value in fields.items() if value})
    here = quote(f"{page}?{filled}" if filled else page, safe="/")
    return Notice(
        tone=Tone.WAIT,
        title="Marking a release takes a fresh sign-in",
        text="You signed in more than an hour ago. Sign in again, and the form appears here.",
        link=Link(label="Sign in again", url=f"/sign-in?next={here}"),
    )


def _read_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
