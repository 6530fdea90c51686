"""Pages for maintainers who bring in who accepted elsewhere: send a report, see what would come of it, confirm, invite."""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from registry import acceptances, access, catalog
from registry.acceptances import inviting, report_staging
from registry.acceptances.report_staging import REPORT_MAX_BYTES
from registry.audit import import_views
from registry.audit.reading import COUNTED_MOST
from registry.catalog.domain import Command
from registry.identity.domain import not_signed_in
from registry.identity.visits import FORM_MAX_BYTES, Desk, Visit
from registry.kernel.outcomes import Refusal, Remedy
from registry.kernel.page_parts import Notice, Tone
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse

REPORTS_SHOWN = 10
ON_THE_PAGE = frozenset({"report-unreadable", "report-too-large", "report-missing", "reports-waiting"})
"""Refusals of a file that are said above the form."""


class ImportPages(Controller):
    """`/manage/{publisher}/imports`: reports of who accepted elsewhere."""

    path = "/manage/{publisher:str}/imports"
    include_in_schema = False

    @get("/", operation_id="show_imports")
    async def index(
        self, request: AnyRequest, desk: NamedDependency[Desk], publisher: FromPath[str]
    ) -> Response[Any]:
        """Show how far the people of each model have come, the reports under way, and the form for another."""
        visit = await desk.visits.begin(request)
        if visit.principal.session_id is None:
            return refuse(request, not_signed_in(visit.page.path))
        return await _show(request, desk, visit, publisher)

    @post(
        "/",
        operation_id="send_import_report",
        status_code=303,
        request_max_body_size=REPORT_MAX_BYTES + FORM_MAX_BYTES,
    )
    async def send(
        self, request: AnyRequest, desk: NamedDependency[Desk], publisher: FromPath[str]
    ) -> Response[Any]:
        """Read a report; nothing is imported by it, the next page shows what would come of it."""
        visit = await desk.visits.begin(request)
        if visit.principal.session_id is None:
            return refuse(request, not_signed_in(f"/manage/{publisher}/imports"))
        # Before a byte of the file is taken.
        allowed = await desk.database.read(
            lambda session: catalog.authorise(
                session, publisher, Command.IMPORT_ACCEPTORS, principal=visit.principal
            )
        )
        if isinstance(allowed, Refusal):
            return refuse(request, allowed)
        upload = await desk.visits.read_upload(request, visit, file="report")
        if isinstance(upload, Refusal):
            refusal = _too_large() if upload.code == "form-too-large" else upload
        elif upload.file is None:
            refusal = _missing()
        else:
            with upload.file:
                staged = await report_staging.stage_report(
                    desk.database,
                    upload.file,
                    publisher=publisher,
                    name=upload.form.text("model"),
                    principal=visit.principal,
                    sealer=desk.sealer,
                    now=desk.clock.now(),
                )
            if not isinstance(staged, Refusal):
                return Redirect(f"/manage/{publisher}/imports/{staged}", status_code=303)
            refusal = staged
        if refusal.code in ON_THE_PAGE:
            return await _show(request, desk, visit, publisher, refusal)
        return refuse(request, refusal)

    @get("/{report_id:uuid}", operation_id="show_import_report")
    async def report(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        report_id: FromPath[UUID],
    ) -> Response[Any]:
        """Show what would come of a report; once it is confirmed, how far it is and what came of it."""
        visit = await desk.visits.begin(request)
        if visit.principal.session_id is None:
            return refuse(request, not_signed_in(visit.page.path))

        def load(session: Session) -> SimpleNamespace | Refusal:
            allowed = _head(session, publisher, visit)
            if isinstance(allowed, Refusal):
                return allowed
            found = report_staging.find_sent(
                session, report_id, publisher=publisher, principal=visit.principal
            )
            return found if isinstance(found, Refusal) else import_views.report_view(allowed[1], found)

        view = await desk.database.read(load)
        if isinstance(view, Refusal):
            return refuse(request, view)
        return respond(desk.pages.render("manage/import_report.html", page=visit.page, view=view))

    @post("/{report_id:uuid}", operation_id="answer_import_report", status_code=303)
    async def answer(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        report_id: FromPath[UUID],
    ) -> Response[Any]:
        """Have a report imported, or discard it."""
        page = f"/manage/{publisher}/imports"
        visit, form = await desk.visits.read_own_form(request, back_to=page)
        if isinstance(form, Refusal):
            return refuse(request, form)
        work: Callable[[Session], Refusal | None]
        if form.text("do") == "discard":
            work = partial(
                report_staging.discard_report,
                report_id=report_id,
                publisher=publisher,
                principal=visit.principal,
                sealer=desk.sealer,
            )
        else:
            page = f"{page}/{report_id}"
            work = partial(
                report_staging.confirm_report,
                report_id=report_id,
                publisher=publisher,
                invite=form.text("invite") == "on",
                principal=visit.principal,
                now=desk.clock.now(),
            )
        refusal = await desk.database.write(work)
        return refuse(request, refusal) if refusal else Redirect(page, status_code=303)

    @post("/invitations", operation_id="invite_imported_by_form", status_code=303)
    async def invite(
        self, request: AnyRequest, desk: NamedDependency[Desk], publisher: FromPath[str]
    ) -> Response[Any]:
        """Have everybody invited who was imported for a model without an invitation."""
        visit, form = await desk.visits.read_own_form(request, back_to=f"/manage/{publisher}/imports")
        if isinstance(form, Refusal):
            return refuse(request, form)
        outcome = await inviting.ask_to_invite_all(
            desk.database,
            publisher=publisher,
            name=form.text("model"),
            principal=visit.principal,
            now=desk.clock.now(),
        )
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        return Redirect(f"/manage/{publisher}/imports", status_code=303)


def _head(
    session: Session, publisher: str, visit: Visit
) -> tuple[catalog.PublisherView, SimpleNamespace] | Refusal:
    return access.open_head(session, publisher, Command.IMPORT_ACCEPTORS, principal=visit.principal)


async def _show(
    request: AnyRequest, desk: Desk, visit: Visit, publisher: str, refusal: Refusal | None = None
) -> Response[Any]:
    def load(session: Session) -> SimpleNamespace | Refusal:
        allowed = _head(session, publisher, visit)
        if isinstance(allowed, Refusal):
            return allowed
        found, head = allowed
        own = catalog.list_own_models(session, publisher_id=found.id)
        models = {one.model_id: one.name for one in own}
        return import_views.imports_view(
            head,
            list(models.values()),
            acceptances.list_model_imports(session, models, most=COUNTED_MOST + 1),
            report_staging.list_sent(session, list(models), limit=REPORTS_SHOWN),
            notice=_said(refusal) if refusal else None,
        )

    view = await desk.database.read(load)
    if isinstance(view, Refusal):
        return refuse(request, view)
    page = desk.pages.render("manage/imports.html", page=visit.page, view=view)
    return respond(page, status_code=refusal.status if refusal else 200)


def _said(refusal: Refusal) -> Notice:
    remedy = f" {refusal.remedy.text}." if refusal.remedy else ""
    return Notice(tone=Tone.STOP, title=refusal.title, text=f"{refusal.detail}{remedy}")


def _too_large() -> Refusal:
    return Refusal(
        code="report-too-large",
        status=413,
        title="The file is too large for this page",
        detail=f"A file of at most {REPORT_MAX_BYTES >> 20} MB is read here. Nothing was imported.",
        remedy=Remedy(
            text="Import it with `gatehouse acceptors import`, which takes a million rows, or in parts"
        ),
    )


def _missing() -> Refusal:
    return Refusal(
        code="report-missing",
        status=422,
        title="No file was chosen",
        detail="Nothing was imported.",
        remedy=Remedy(text="Choose a report, and send the form again"),
    )
