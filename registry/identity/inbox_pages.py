"""`/inbox`: what a person was told, newest first."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Redirect
from sqlmodel import Session

from registry.identity import notices
from registry.identity.domain import Channel, NoticeView, not_signed_in
from registry.identity.visits import Desk, Visit
from registry.kernel.outcomes import Refusal
from registry.kernel.page_parts import Notice, Pager, Tone
from registry.kernel.pages import format_when, respond
from registry.kernel.problems import AnyRequest, refuse

PAGE_NOTICES = 30


class InboxPages(Controller):
    """The inbox of one person."""

    path = "/inbox"
    include_in_schema = False

    @get("/", operation_id="show_inbox")
    async def show(
        self, request: AnyRequest, desk: NamedDependency[Desk], after: FromQuery[UUID | None] = None
    ) -> Response[Any]:
        """Show what the person was told; looking changes nothing."""
        visit = await desk.visits.begin(request)
        person_id = visit.principal.person_id
        if visit.principal.channel is not Channel.SESSION or person_id is None:
            return refuse(request, not_signed_in(visit.page.path))

        def load(session: Session) -> Any:
            listed = notices.list_notices(
                session, person_id=person_id, sealer=desk.sealer, after=after, limit=PAGE_NOTICES + 1
            )
            refused_at = notices.find_refused_since(session, person_id=person_id)
            return listed, refused_at

        listed, refused_at = await desk.database.read(load)
        view = inbox_view(listed, visit, after=after, problem=_problem(refused_at, visit.email))
        return respond(desk.pages.render("identity/inbox.html", page=visit.page, view=view))

    @post("/read", operation_id="mark_inbox_read", status_code=303)
    async def read(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Note that the person has seen all so far."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        person_id = visit.principal.person_id
        if visit.principal.session_id is None or person_id is None:
            return refuse(request, not_signed_in("/inbox"))
        now = desk.clock.now()
        await desk.database.write(lambda session: notices.mark_read(session, person_id=person_id, now=now))
        return Redirect("/inbox", status_code=303)


def inbox_view(listed: Any, visit: Visit, *, after: UUID | None, problem: Notice | None) -> SimpleNamespace:
    """Return a page of the inbox; `listed` holds one more where it goes on."""
    more = len(listed) > PAGE_NOTICES
    shown = listed[:PAGE_NOTICES]
    return SimpleNamespace(
        problem=problem,
        unread=visit.page.visitor.unread if visit.page.visitor else 0,
        notices=[_shown(notice) for notice in shown],
        pager=(
            Pager(
                said="Newest first",
                next_url=f"/inbox?after={shown[-1].id}" if more else None,
                next_label="Older notices",
                first_url="/inbox" if after else None,
            )
            if more or after
            else None
        ),
    )


def _shown(notice: NoticeView) -> SimpleNamespace:
    return SimpleNamespace(
        subject=notice.message.subject,
        text=notice.message.text,
        at=notice.at,
        url=notice.message.page,
        unread=notice.read_at is None,
    )


def _problem(refused_at: Any, email: str | None) -> Notice | None:
    if refused_at is None:
        return None
    return Notice(
        tone=Tone.STOP,
        title="Mail to you does not arrive",
        text=f"Since {format_when(refused_at, 'minute')} the mail server refuses {email or 'your address'} for good. "
        "All that is told to you still appears here. Sign in with another address, if this one has ended.",
    )
