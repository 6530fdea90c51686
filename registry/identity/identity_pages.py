"""Pages of all the ways in that one has, and of the address of an account without one."""

from typing import Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from registry.identity import addresses, linking, way_views
from registry.identity.domain import new_secret, not_signed_in, safe_next
from registry.identity.oidc import RelyingParty
from registry.identity.pages import BROWSER_COOKIE_SECONDS, LINK_MINUTES, needs_session
from registry.identity.provider_pages import leave, load_ways, needs_fresh_session, stale_url
from registry.identity.views import LinkSentView
from registry.identity.visits import Desk
from registry.identity.ways import Purpose
from registry.kernel.outcomes import Refusal
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse

IDENTITIES = "/settings/identities"


class IdentityPages(Controller):
    """`/settings/identities` and `/settings/email`."""

    path = "/settings"
    include_in_schema = False

    @get("/identities", operation_id="show_identities")
    async def show(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        relying_party: NamedDependency[RelyingParty],
    ) -> Response[Any]:
        """List all the ways in that the person has."""
        visit = await desk.visits.begin(request)
        if refusal := needs_session(visit):
            return refuse(request, refusal)
        view = way_views.identities_view(
            await load_ways(desk, visit), relying_party, again_url=stale_url(desk, visit, IDENTITIES)
        )
        return respond(desk.pages.render("identity/identities.html", page=visit.page, view=view))

    @post("/identities/add/{provider_id:str}", operation_id="add_identity", status_code=200)
    async def add(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        relying_party: NamedDependency[RelyingParty],
        provider_id: FromPath[str],
    ) -> Response[Any]:
        """Send the browser to a provider in order to add the account there."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if refusal := needs_fresh_session(desk, visit, IDENTITIES):
            return refuse(request, refusal)
        if isinstance(form, Refusal):
            return refuse(request, form)
        next_path = safe_next(form.text("next") or IDENTITIES)
        outcome = await leave(request, desk, visit, relying_party, provider_id, Purpose.LINK, next_path)
        return refuse(request, outcome) if isinstance(outcome, Refusal) else outcome

    @post("/identities/{identity_id:uuid}/remove", operation_id="remove_identity", status_code=303)
    async def remove(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        identity_id: FromPath[UUID],
    ) -> Response[Any]:
        """Remove an account at a provider."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if refusal := needs_fresh_session(desk, visit, IDENTITIES):
            return refuse(request, refusal)
        if isinstance(form, Refusal):
            return refuse(request, form)
        person_id = visit.principal.person_id
        assert person_id is not None  # noqa: S101 - needs_fresh_session has seen to it
        now = desk.clock.now()
        outcome = await desk.database.write(
            lambda session: linking.unlink(session, person_id=person_id, identity_id=identity_id, now=now)
        )
        return refuse(request, outcome) if outcome else Redirect(IDENTITIES, status_code=303)

    @get("/email", operation_id="show_email")
    async def show_email(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        next: FromQuery[str] = IDENTITIES,  # noqa: A002 - the name in the address
    ) -> Response[Any]:
        """Ask a person without an address for one."""
        browser = desk.cookies.read(request.headers, desk.cookies.browser) or new_secret()
        visit = await desk.visits.begin(request, browser)
        if refusal := needs_session(visit):
            return refuse(request, refusal)
        if visit.email is not None:
            return Redirect(safe_next(next), status_code=303)
        view = way_views.email_view(email="", next_path=safe_next(next))
        response = respond(desk.pages.render("identity/email.html", page=visit.page, view=view))
        desk.cookies.set(response, desk.cookies.browser, browser, max_age=BROWSER_COOKIE_SECONDS)
        return response

    @post("/email", operation_id="ask_email_link", status_code=200)
    async def ask_email(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Mail a link that makes the address the person's own."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if refusal := needs_session(visit):
            return refuse(request, refusal)
        if isinstance(form, Refusal):
            return refuse(request, form)
        email, next_path = form.text("email"), safe_next(form.text("next"))
        browser = desk.cookies.read(request.headers, desk.cookies.browser) or ""
        network = request.client.host if request.client else "unknown"
        now, person_id = desk.clock.now(), visit.principal.person_id
        assert person_id is not None  # noqa: S101 - needs_session has seen to it
        refusal = await desk.database.write(
            lambda session: addresses.request_address(
                session,
                person_id=person_id,
                email=email,
                browser_secret=browser,
                network=network,
                next_path=next_path,
                base_url=desk.settings.base_url,
                sealer=desk.sealer,
                now=now,
            )
        )
        if refusal is not None and refusal.status != 422:
            return refuse(request, refusal)
        if refusal is not None:
            view = way_views.email_view(email=email, next_path=next_path, error=refusal.errors["email"])
            html = desk.pages.render("identity/email.html", page=visit.page, view=view)
            return respond(html, status_code=422)
        sent = LinkSentView(
            email=email.strip(),
            minutes=LINK_MINUTES,
            again_url="/settings/email",
            outbox_url="/outbox" if visit.page.local_mail else None,
        )
        return respond(desk.pages.render("identity/link_sent.html", page=visit.page, view=sent))

    @get("/email/link", operation_id="show_email_link")
    async def show_email_link(
        self, request: AnyRequest, desk: NamedDependency[Desk], token: FromQuery[str] = ""
    ) -> Response[Any]:
        """Show the button that confirms the address; opening the page uses nothing up."""
        visit = await desk.visits.begin(request)
        person_id = visit.principal.person_id
        if (refusal := needs_session(visit)) or person_id is None:
            return refuse(request, refusal or not_signed_in())
        browser = desk.cookies.read(request.headers, desk.cookies.browser)
        now = desk.clock.now()
        found = await desk.database.read(
            lambda session: addresses.check_address(
                session,
                secret=token,
                person_id=person_id,
                browser_secret=browser,
                sealer=desk.sealer,
                now=now,
            )
        )
        if isinstance(found, Refusal):
            return refuse(request, found)
        view = way_views.confirm_email_view(token=token, found=found)
        return respond(desk.pages.render("identity/confirm_email.html", page=visit.page, view=view))

    @post("/email/link", operation_id="use_email_link", status_code=303)
    async def use_email_link(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Use up the link and keep the address."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        person_id = visit.principal.person_id
        if (refusal := needs_session(visit)) or person_id is None:
            return refuse(request, refusal or not_signed_in())
        browser = desk.cookies.read(request.headers, desk.cookies.browser)
        now = desk.clock.now()
        outcome = await desk.database.write(
            lambda session: addresses.confirm_address(
                session,
                secret=form.text("token"),
                person_id=person_id,
                browser_secret=browser,
                sealer=desk.sealer,
                now=now,
            )
        )
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        return Redirect(safe_next(outcome), status_code=303)
