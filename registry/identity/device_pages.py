"""Pages where a person allows a program that waits with a code (RFC 8628 §3.3), and ends it again."""

from typing import Any
from urllib.parse import quote
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from registry.identity import oauth_service as service
from registry.identity import oauth_views as views
from registry.identity.domain import Channel, not_signed_in
from registry.identity.oauth_api import network_of
from registry.identity.oauth_domain import EndReason
from registry.identity.visits import Desk, Visit
from registry.kernel.outcomes import Refusal
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse

ALLOW = "allow"


class DevicePages(Controller):
    """Typing a code, checking who asks, deciding. Opening a page decides nothing."""

    path = "/device"
    include_in_schema = False

    @get("/", operation_id="show_device_code")
    async def show(
        self, request: AnyRequest, desk: NamedDependency[Desk], user_code: FromQuery[str] = ""
    ) -> Response[Any]:
        """Show the form for the code; one that stands in the address is filled in, and not looked up yet."""
        visit = await desk.visits.begin(request)
        if visit.principal.channel is not Channel.SESSION:
            return to_sign_in(visit)
        return _code_page(desk, visit, views.code_view(user_code))

    @post("/", operation_id="check_device_code", status_code=200)
    async def check(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Show who waits with the code, or that nobody does."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        person_id = visit.principal.person_id
        if visit.principal.channel is not Channel.SESSION or person_id is None:
            return to_sign_in(visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        typed, network, now = form.text("user_code"), network_of(request), desk.clock.now()
        found = await desk.database.write(
            lambda session: service.find_waiting(
                session, typed=typed, person_id=person_id, network=network, sealer=desk.sealer, now=now
            )
        )
        if isinstance(found, Refusal):
            return _refused(request, desk, visit, found, typed)
        view = views.check_view(found, typed=typed, network=network)
        return respond(desk.pages.render("identity/device_check.html", page=visit.page, view=view))

    @post("/decide", operation_id="decide_device", status_code=200)
    async def decide(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Allow or refuse, by the button that was pressed."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        person_id = visit.principal.person_id
        if visit.principal.channel is not Channel.SESSION or person_id is None:
            return to_sign_in(visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        typed, now = form.text("user_code"), desk.clock.now()
        # Whatever is not the one word is a refusal.
        allowed = form.text("decision") == ALLOW
        found = await desk.database.write(
            lambda session: service.decide_waiting(
                session,
                typed=typed,
                approve=allowed,
                person_id=person_id,
                network=network_of(request),
                sealer=desk.sealer,
                now=now,
            )
        )
        if isinstance(found, Refusal):
            return _refused(request, desk, visit, found, typed)
        view = views.DecidedView(allowed=allowed, name=found.client.name)
        return respond(desk.pages.render("identity/device_done.html", page=visit.page, view=view))


class LoginPages(Controller):
    """Ending a program that was signed in; the list is on the token page."""

    path = "/settings/logins"
    include_in_schema = False

    @post("/{login_id:uuid}/revoke", operation_id="revoke_login", status_code=303)
    async def revoke(
        self, request: AnyRequest, desk: NamedDependency[Desk], login_id: FromPath[UUID]
    ) -> Response[Any]:
        """End all tokens of one program's login at once."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        person_id = visit.principal.person_id
        if visit.principal.channel is not Channel.SESSION or person_id is None:
            return refuse(request, not_signed_in("/settings/tokens"))
        if isinstance(form, Refusal):
            return refuse(request, form)
        now = desk.clock.now()
        await desk.database.write(
            lambda session: service.end_login(
                session, person_id=person_id, login_id=login_id, reason=EndReason.REVOKED, now=now
            )
        )
        return Redirect("/settings/tokens", status_code=303)


def to_sign_in(visit: Visit) -> Response[Any]:
    """Send the visitor to sign in, and back to this page after it."""
    return Redirect(f"/sign-in?next={quote(visit.page.path, safe='/')}", status_code=303)


def _refused(request: AnyRequest, desk: Desk, visit: Visit, refusal: Refusal, typed: str) -> Response[Any]:
    if error := refusal.errors.get("user_code"):
        return _code_page(desk, visit, views.code_view(typed, error=error), status_code=refusal.status)
    return refuse(request, refusal)


def _code_page(desk: Desk, visit: Visit, view: views.CodeView, *, status_code: int = 200) -> Response[Any]:
    html = desk.pages.render("identity/device_code.html", page=visit.page, view=view)
    return respond(html, status_code=status_code)
