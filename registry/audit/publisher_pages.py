"""Pages for a publisher's staff: what is published and on its way, roles, blocks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, SkipValidation
from litestar.response import Redirect
from sqlmodel import Session

from registry import access, catalog, identity
from registry.audit import publisher_views as views
from registry.audit.publisher_views import Draft
from registry.catalog.domain import Command, Role, UploadState, may_any
from registry.catalog.storage import ObjectStore, ask
from registry.identity.domain import Principal, invalid_email, normalise_email, not_signed_in
from registry.identity.visits import Desk, Form, Visit
from registry.kernel.outcomes import Refusal, Unavailable
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse

PROGRESS_MOST = 10
"""Uploads that the store is asked about for one page."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A page with people's data; that somebody looks at it is recorded."""

    template: str
    what: catalog.Looked
    publisher: str


class PublisherPages(Controller):
    """`/manage/{publisher}`: what its staff sees and does."""

    path = "/manage/{publisher:str}"
    include_in_schema = False

    @get("/", operation_id="show_publishing")
    async def publishing(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        store: NamedDependency[SkipValidation[ObjectStore]],
        publisher: FromPath[str],
        after: FromQuery[UUID | None] = None,
    ) -> Response[Any]:
        """Show the models with their newest release, and the uploads under way."""
        visit = await desk.visits.begin(request)
        if visit.principal.session_id is None:
            return refuse(request, not_signed_in(visit.page.path))
        loaded = await desk.database.read(
            lambda session: load_publishing(session, desk, visit.principal, publisher, after)
        )
        if isinstance(loaded, Refusal):
            return refuse(request, loaded)
        found, roles, models, uploads, people = loaded
        stored = await ask(store, ask_progress, store, uploads)
        view = views.publishing_view(
            found,
            roles,
            models,
            uploads,
            stored=stored,
            people=people,
            after=after,
            base_url=desk.settings.base_url,
        )
        return respond(desk.pages.render("manage/publish_status.html", page=visit.page, view=view))

    @get("/roles", operation_id="show_roles")
    async def roles(
        self, request: AnyRequest, desk: NamedDependency[Desk], publisher: FromPath[str]
    ) -> Response[Any]:
        """Show who may do what."""
        visit = await desk.visits.begin(request)
        if visit.principal.session_id is None:
            return refuse(request, not_signed_in(visit.page.path))
        return await _show_roles(request, desk, visit, publisher, Draft())

    @post("/roles", operation_id="add_role_by_form", status_code=303)
    async def add_role(
        self, request: AnyRequest, desk: NamedDependency[Desk], publisher: FromPath[str]
    ) -> Response[Any]:
        """Give a role to the person with an address."""
        visit = await desk.visits.begin(request)
        form = await _read(request, desk, visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        now = desk.clock.now()

        def work(session: Session) -> object:
            found = catalog.authorise(session, publisher, Command.MANAGE_ROLES, principal=visit.principal)
            if isinstance(found, Refusal):
                return found
            if form.text("role") not in set(Role):
                return _invalid({"role": "Choose a role"})
            person_id = _person(session, desk, form.text("email"), now)
            if isinstance(person_id, Refusal):
                return person_id
            return catalog.add_role(
                session,
                publisher=publisher,
                person_id=person_id,
                role=Role(form.text("role")),
                principal=visit.principal,
                now=now,
            )

        outcome = await desk.database.write(work)
        if isinstance(outcome, Refusal) and outcome.status == 422:
            draft = Draft(fields=form.fields, errors=outcome.errors)
            return await _show_roles(request, desk, visit, publisher, draft)
        return _done(request, outcome, f"/manage/{publisher}/roles")

    @post("/roles/{role_id:uuid}/end", operation_id="end_role_by_form", status_code=303)
    async def end_role(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        role_id: FromPath[UUID],
    ) -> Response[Any]:
        """End a role; the record of it stays."""
        visit = await desk.visits.begin(request)
        form = await _read(request, desk, visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        now = desk.clock.now()
        outcome = await desk.database.write(
            lambda session: catalog.end_role(
                session, publisher=publisher, role_id=role_id, principal=visit.principal, now=now
            )
        )
        return _done(request, outcome, f"/manage/{publisher}/roles")

    @get("/blocks", operation_id="show_blocks")
    async def blocks(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        after: FromQuery[UUID | None] = None,
    ) -> Response[Any]:
        """Show whom the publisher keeps out, ended blocks too."""
        visit = await desk.visits.begin(request)
        if visit.principal.session_id is None:
            return refuse(request, not_signed_in(visit.page.path))
        return await _show_blocks(request, desk, visit, publisher, Draft(), after)

    @post("/blocks", operation_id="block_person_by_form", status_code=303)
    async def block(
        self, request: AnyRequest, desk: NamedDependency[Desk], publisher: FromPath[str]
    ) -> Response[Any]:
        """Bar the person with an address from every gate of the publisher, at once."""
        visit = await desk.visits.begin(request)
        form = await _read(request, desk, visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        now = desk.clock.now()
        outcome = await desk.database.write(
            lambda session: access.block_address(
                session,
                publisher=publisher,
                email=form.text("email"),
                reason=form.text("reason"),
                last_day=form.text("until"),
                principal=visit.principal,
                sealer=desk.sealer,
                now=now,
            )
        )
        if isinstance(outcome, Refusal) and outcome.status == 422:
            draft = Draft(fields=form.fields, errors=outcome.errors)
            return await _show_blocks(request, desk, visit, publisher, draft, None)
        return _done(request, outcome, f"/manage/{publisher}/blocks")

    @post("/blocks/{block_id:uuid}/end", operation_id="lift_block_by_form", status_code=303)
    async def lift(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        publisher: FromPath[str],
        block_id: FromPath[UUID],
    ) -> Response[Any]:
        """End a block before its time."""
        visit = await desk.visits.begin(request)
        form = await _read(request, desk, visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        now = desk.clock.now()
        outcome = await desk.database.write(
            lambda session: access.lift_block(
                session, publisher=publisher, block_id=block_id, principal=visit.principal, now=now
            )
        )
        return _done(request, outcome, f"/manage/{publisher}/blocks")


def load_publishing(
    session: Session, desk: Desk, principal: Principal, publisher: str, after: UUID | None
) -> Any:
    """Return what the publishing page shows, or why the visitor may not see it."""
    found = catalog.authorise(session, publisher, Command.SEE_PRIVATE, principal=principal)
    if isinstance(found, Refusal):
        return found
    models = catalog.list_models(
        session, principal=principal, publisher_id=found.id, before=after, limit=views.PAGE_MODELS + 1
    )
    uploads = catalog.list_uploads(session, publisher_id=found.id)
    people = identity.open_shown(
        session, person_ids=[upload.started_by for upload in uploads], sealer=desk.sealer
    )
    return found, access.roles_at(session, found, principal=principal), models, uploads, people


def ask_progress(store: ObjectStore, uploads: Sequence[catalog.UploadLine]) -> dict[UUID, int]:
    """Return how many bytes of open uploads the store has; nothing where it cannot be asked now."""
    stored: dict[UUID, int] = {}
    underway = [one for one in uploads if one.state is UploadState.OPEN and one.multipart_id]
    try:
        for upload in underway[:PROGRESS_MOST]:
            parts = store.list_parts(upload.storage_key, upload.multipart_id or "") or []
            stored[upload.id] = sum(part.size for part in parts)
    except Unavailable:
        return stored
    return stored


async def _show_roles(
    request: AnyRequest, desk: Desk, visit: Visit, publisher: str, draft: Draft
) -> Response[Any]:
    principal = visit.principal

    def load(session: Session) -> Any:
        members = catalog.list_roles(session, publisher=publisher, principal=principal)
        found = catalog.find_publisher(session, publisher)
        if isinstance(members, Refusal):
            return members
        if isinstance(found, Refusal):
            return found
        named = {member.person_id for member in members}
        named |= {member.granted_by for member in members if member.granted_by}
        held = access.roles_at(session, found, principal=principal)
        return views.roles_view(
            found,
            held,
            members,
            people=identity.open_shown(session, person_ids=sorted(named), sealer=desk.sealer),
            may_manage=may_any(held, Command.MANAGE_ROLES) or principal.is_operator,
            draft=draft,
            is_operator=principal.is_operator,
        )

    shown = Shown(template="manage/roles.html", what=catalog.Looked.ROLES, publisher=publisher)
    return await _render(request, desk, visit, load, shown, draft)


async def _show_blocks(
    request: AnyRequest, desk: Desk, visit: Visit, publisher: str, draft: Draft, after: UUID | None
) -> Response[Any]:
    principal = visit.principal

    def load(session: Session) -> Any:
        blocks = access.list_blocks(
            session, publisher=publisher, principal=principal, after=after, limit=views.PAGE_BLOCKS + 1
        )
        found = catalog.find_publisher(session, publisher)
        if isinstance(blocks, Refusal):
            return blocks
        if isinstance(found, Refusal):
            return found
        named = {person for block in blocks for person in (block.person_id, block.blocked_by)}
        return views.blocks_view(
            found,
            access.roles_at(session, found, principal=principal),
            blocks,
            people=identity.open_shown(session, person_ids=sorted(named), sealer=desk.sealer),
            draft=draft,
            after=after,
            now=desk.clock.now(),
        )

    shown = Shown(template="manage/blocks.html", what=catalog.Looked.BLOCKS, publisher=publisher)
    return await _render(request, desk, visit, load, shown, draft)


async def _render(
    request: AnyRequest,
    desk: Desk,
    visit: Visit,
    load: Callable[[Session], T | Refusal],
    shown: Shown,
    draft: Draft,
) -> Response[Any]:
    view = await desk.database.read(load)
    if isinstance(view, Refusal):
        return refuse(request, view)
    now = desk.clock.now()

    def note(session: Session) -> None:
        found = catalog.find_publisher(session, shown.publisher)
        if not isinstance(found, Refusal):
            catalog.record_look(
                session, shown.what, principal=visit.principal, publisher_id=found.id, now=now
            )

    await desk.database.write(note)
    html = desk.pages.render(shown.template, page=visit.page, view=view)
    return respond(html, status_code=422 if draft.errors else 200)


async def _read(request: AnyRequest, desk: Desk, visit: Visit) -> Form | Refusal:
    """Return the posted form of somebody who is signed in in this browser."""
    form = await desk.visits.read_form(request, visit)
    if visit.principal.session_id is None:
        return not_signed_in("/manage")
    return form


def _person(session: Session, desk: Desk, text: str, now: datetime) -> UUID | Refusal:
    """Return the person with an address, known or not, so that nobody learns here who is."""
    address = normalise_email(text)
    if address is None:
        return invalid_email(text)
    return identity.ensure_person(session, email=address, sealer=desk.sealer, now=now)


def _invalid(errors: dict[str, str]) -> Refusal:
    return Refusal(
        code="invalid-role",
        status=422,
        title="No role was given",
        detail="Some fields need mending.",
        errors=errors,
    )


def _done(request: AnyRequest, outcome: object, page: str) -> Response[Any]:
    return refuse(request, outcome) if isinstance(outcome, Refusal) else Redirect(page, status_code=303)
