"""The page of SSH keys."""

from typing import Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from registry.identity import ssh_keys, way_views
from registry.identity.pages import needs_session
from registry.identity.provider_pages import needs_fresh_session, stale_url
from registry.identity.visits import Desk, Visit
from registry.kernel.outcomes import Refusal
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse


class SSHKeyPages(Controller):
    """`/settings/ssh-keys`."""

    path = ssh_keys.PAGE
    include_in_schema = False

    @get("/", operation_id="show_ssh_keys")
    async def show(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """List the person's SSH keys beside the form for a new one."""
        visit = await desk.visits.begin(request)
        if refusal := needs_session(visit):
            return refuse(request, refusal)
        return await _page(desk, visit)

    @post("/", operation_id="add_ssh_key", status_code=303)
    async def add(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Register a public key."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if refusal := needs_fresh_session(desk, visit, ssh_keys.PAGE):
            return refuse(request, refusal)
        if isinstance(form, Refusal):
            return refuse(request, form)
        now, person_id = desk.clock.now(), visit.principal.person_id
        assert person_id is not None  # noqa: S101 - needs_fresh_session has seen to it
        outcome = await desk.database.write(
            lambda session: ssh_keys.add_ssh_key(
                session,
                person_id=person_id,
                text=form.text("key"),
                name=form.text("name"),
                sealer=desk.sealer,
                base_url=desk.settings.base_url,
                now=now,
            )
        )
        if isinstance(outcome, Refusal):
            if not outcome.errors:
                return refuse(request, outcome)
            draft = way_views.SSHKeyDraft(
                key=form.text("key"), name=form.text("name"), error=outcome.errors["key"]
            )
            return await _page(desk, visit, draft, status=outcome.status)
        return Redirect(ssh_keys.PAGE, status_code=303)

    @post("/{key_id:uuid}/remove", operation_id="remove_ssh_key", status_code=303)
    async def remove(
        self, request: AnyRequest, desk: NamedDependency[Desk], key_id: FromPath[UUID]
    ) -> Response[Any]:
        """Let a key sign nothing more."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if refusal := needs_fresh_session(desk, visit, ssh_keys.PAGE):
            return refuse(request, refusal)
        if isinstance(form, Refusal):
            return refuse(request, form)
        now, person_id = desk.clock.now(), visit.principal.person_id
        assert person_id is not None  # noqa: S101 - needs_fresh_session has seen to it
        outcome = await desk.database.write(
            lambda session: ssh_keys.remove_ssh_key(
                session,
                person_id=person_id,
                key_id=key_id,
                sealer=desk.sealer,
                base_url=desk.settings.base_url,
                now=now,
            )
        )
        return refuse(request, outcome) if outcome else Redirect(ssh_keys.PAGE, status_code=303)


async def _page(
    desk: Desk, visit: Visit, draft: way_views.SSHKeyDraft | None = None, *, status: int = 200
) -> Response[Any]:
    person_id = visit.principal.person_id
    assert person_id is not None  # noqa: S101 - the callers have seen to it
    keys = await desk.database.read(
        lambda session: ssh_keys.list_ssh_keys(session, person_id=person_id, sealer=desk.sealer)
    )
    view = way_views.ssh_keys_view(
        keys, draft or way_views.SSHKeyDraft(), again_url=stale_url(desk, visit, ssh_keys.PAGE)
    )
    html = desk.pages.render("identity/ssh_keys.html", page=visit.page, view=view)
    return respond(html, status_code=status)
