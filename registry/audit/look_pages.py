"""`/manage/{publisher}/looks`: who looked at the records of a publisher; for its owners."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlmodel import Session

from registry import access, catalog, identity
from registry.catalog.domain import Command, Role
from registry.identity.domain import Principal, Profile, nameless, not_signed_in
from registry.identity.visits import Desk
from registry.kernel.outcomes import Refusal
from registry.kernel.page_parts import Pager
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse

PAGE_LOOKS = 50
_WORDS = {
    catalog.Looked.ACCEPTANCES: "the list of acceptances",
    catalog.Looked.DOWNLOADS: "the list of downloads",
    catalog.Looked.IMPORTS: "the list of imports",
    catalog.Looked.RECEIPT: "a receipt",
    catalog.Looked.ROLES: "the list of roles",
    catalog.Looked.BLOCKS: "the list of blocks",
    catalog.Looked.REQUESTS: "the list of requests",
    catalog.Looked.REQUEST: "a request",
    catalog.Looked.PERSON: "everything about somebody",
    catalog.Looked.EXPLANATION: "the decision about somebody",
}


class LookPages(Controller):
    """Who looked at what."""

    include_in_schema = False

    @get("/manage/{publisher:str}/looks", operation_id="show_looks")
    async def index(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        after: FromQuery[UUID | None] = None,
    ) -> Response[Any]:
        """Show the looks at personal data, newest first."""
        visit = await desk.visits.begin(request)
        if visit.principal.session_id is None:
            return refuse(request, not_signed_in(visit.page.path))
        view = await desk.database.read(
            lambda session: load_looks(session, desk, visit.principal, publisher, after)
        )
        if isinstance(view, Refusal):
            return refuse(request, view)
        return respond(desk.pages.render("manage/looks.html", page=visit.page, view=view))


def load_looks(
    session: Session, desk: Desk, principal: Principal, publisher: str, after: UUID | None
) -> SimpleNamespace | Refusal:
    """Return the page of looks, or why the visitor may not read it."""
    found = catalog.authorise(session, publisher, Command.MANAGE_ROLES, principal=principal)
    if isinstance(found, Refusal):
        return found
    rows = catalog.list_looks(session, publisher_id=found.id, after=after, limit=PAGE_LOOKS + 1)
    named = {row.looker_id for row in rows} | {row.subject_id for row in rows if row.subject_id}
    return looks_view(
        found,
        access.roles_at(session, found, principal=principal),
        rows,
        people=identity.open_shown(session, person_ids=sorted(named), sealer=desk.sealer),
        after=after,
        is_operator=principal.is_operator,
    )


def looks_view(
    publisher: catalog.PublisherView,
    roles: Sequence[Role],
    rows: Sequence[catalog.LookSummary],
    *,
    people: Mapping[UUID, Profile],
    after: UUID | None,
    is_operator: bool,
) -> SimpleNamespace:
    """Return the page of looks; `rows` holds one more where the list goes on."""
    here = f"/manage/{quote(publisher.name)}/looks"
    more = len(rows) > PAGE_LOOKS
    following = urlencode({"after": rows[PAGE_LOOKS - 1].id}) if more else None
    return SimpleNamespace(
        publisher=access.publisher_head(publisher, roles, is_operator=is_operator),
        rows=[
            SimpleNamespace(
                at=row.looked_at,
                person=_email(people, row.looker_id),
                what=_WORDS[row.what],
                whose=_email(people, row.subject_id) if row.subject_id else None,
                how=("exported" if row.export else "looked at")
                + (", by a program" if row.through_token else "")
                + (f": {row.reason}" if row.reason else ""),
            )
            for row in rows[:PAGE_LOOKS]
        ],
        pager=Pager(
            said="Newest first",
            next_url=f"{here}?{following}" if following else None,
            next_label="Older looks",
            first_url=here if after else None,
        ),
    )


def _email(people: Mapping[UUID, Profile], person_id: UUID) -> str:
    profile = people.get(person_id)
    return profile.email if profile else nameless(person_id)
