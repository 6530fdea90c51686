"""Pages of signing in and of credentials: sign-in links, access tokens, web sessions."""

from typing import Any
from urllib.parse import quote
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from registry.identity import mail_links, passkeys, service, views, way_views
from registry.identity.domain import (
    LINK_LIFETIME,
    SESSION_LIFETIME,
    Channel,
    Scope,
    SignedIn,
    TokenSummary,
    new_secret,
    not_signed_in,
    safe_next,
)
from registry.identity.oauth_service import list_logins
from registry.identity.oidc import RelyingParty
from registry.identity.visits import Desk, Visit
from registry.identity.webauthn import WebAuthn
from registry.kernel.outcomes import Refusal
from registry.kernel.page_parts import Notice
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse

BROWSER_COOKIE_SECONDS = 30 * 24 * 3600
LINK_MINUTES = int(LINK_LIFETIME.total_seconds()) // 60


class SignInPages(Controller):
    """Signing in by a mailed link, and signing out."""

    include_in_schema = False

    @get("/sign-in", operation_id="show_sign_in")
    async def show(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        relying_party: NamedDependency[RelyingParty],
        webauthn: NamedDependency[WebAuthn],
        next: FromQuery[str] = "/",  # noqa: A002 - the name in the address
    ) -> Response[Any]:
        """Show the ways to sign in; bind this browser."""
        return await show_sign_in(request, desk, relying_party, webauthn, next_path=safe_next(next))

    @post("/sign-in", operation_id="ask_sign_in_link", status_code=200)
    async def ask(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        relying_party: NamedDependency[RelyingParty],
        webauthn: NamedDependency[WebAuthn],
    ) -> Response[Any]:
        """Mail a link; say the same for known and unknown addresses."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        email, next_path = form.text("email"), safe_next(form.text("next"))
        browser = desk.cookies.read(request.headers, desk.cookies.browser) or ""
        network = request.client.host if request.client else "unknown"
        now = desk.clock.now()
        refusal = await desk.database.write(
            lambda session: mail_links.request_link(
                session,
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
            return await show_sign_in(
                request,
                desk,
                relying_party,
                webauthn,
                next_path=next_path,
                email=email,
                error=refusal.errors["email"],
                status=refusal.status,
            )
        sent = views.LinkSentView(
            email=email.strip(),
            minutes=LINK_MINUTES,
            again_url="/sign-in",
            outbox_url="/outbox" if visit.page.local_mail else None,
        )
        return respond(desk.pages.render("identity/link_sent.html", page=visit.page, view=sent))

    @get("/sign-in/link", operation_id="show_sign_in_link")
    async def show_link(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        token: FromQuery[str] = "",
    ) -> Response[Any]:
        """Show the button that signs in; opening the page uses nothing up."""
        given = desk.cookies.read(request.headers, desk.cookies.browser)
        secret = given or new_secret()
        visit = await desk.visits.begin(request, secret)
        now = desk.clock.now()
        found = await desk.database.read(
            lambda session: mail_links.check_link(
                session, secret=token, browser_secret=given, sealer=desk.sealer, now=now
            )
        )
        view = views.confirm_view(token=token, found=found)
        status = found.status if isinstance(found, Refusal) else 200
        html = desk.pages.render("identity/confirm_link.html", page=visit.page, view=view)
        response = respond(html, status_code=status)
        desk.cookies.set(response, desk.cookies.browser, secret, max_age=BROWSER_COOKIE_SECONDS)
        return response

    @post("/sign-in/link", operation_id="use_sign_in_link", status_code=303)
    async def use_link(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
    ) -> Response[Any]:
        """Use up the link and open a session under a new cookie."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        browser = desk.cookies.read(request.headers, desk.cookies.browser)
        old = desk.cookies.read(request.headers, desk.cookies.session)
        agent = request.headers.get("user-agent", "")
        now = desk.clock.now()
        outcome = await desk.database.write(
            lambda session: mail_links.sign_in(
                session,
                secret=form.text("token"),
                browser_secret=browser,
                old_session=old,
                user_agent=agent,
                operators=desk.settings.operators,
                sealer=desk.sealer,
                now=now,
            )
        )
        if isinstance(outcome, Refusal):
            return refuse(request, outcome)
        return enter(desk, outcome)

    @post("/sign-out", operation_id="sign_out", status_code=303)
    async def sign_out(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
    ) -> Response[Any]:
        """End this web session."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        person_id, session_id = visit.principal.person_id, visit.principal.session_id
        if person_id and session_id:
            now = desk.clock.now()
            await desk.database.write(
                lambda session: service.revoke_session(
                    session, person_id=person_id, session_id=session_id, now=now
                )
            )
        response: Response[Any] = Redirect("/", status_code=303)
        desk.cookies.set(response, desk.cookies.session, "", max_age=0)
        return response


class CredentialPages(Controller):
    """Access tokens and web sessions of the signed-in person; only a session may change them."""

    path = "/settings"
    include_in_schema = False

    @get("/tokens", operation_id="show_tokens")
    async def show_tokens(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
    ) -> Response[Any]:
        """List the person's tokens beside the form for a new one."""
        visit = await desk.visits.begin(request)
        if refusal := needs_session(visit):
            return refuse(request, refusal)
        return await self._tokens(visit, desk)

    @post("/tokens", operation_id="create_token", status_code=200)
    async def create_token(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
    ) -> Response[Any]:
        """Create a token and show it this once."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if refusal := needs_session(visit):
            return refuse(request, refusal)
        if isinstance(form, Refusal):
            return refuse(request, form)
        name, days = form.text("name"), form.text("days")
        scopes = frozenset(Scope(word) for word in form.lists.get("scopes", ()) if word in set(Scope))
        now, person_id = desk.clock.now(), visit.principal.person_id
        assert person_id is not None  # noqa: S101 - needs_session has seen to it
        outcome = await desk.database.write(
            lambda session: service.create_token(
                session,
                person_id=person_id,
                name=name,
                scopes=scopes,
                days=int(days) if days.isdecimal() and len(days) < 5 else 0,
                now=now,
            )
        )
        if isinstance(outcome, Refusal):
            draft = views.TokenDraft(name=name, scopes=scopes, days=days, errors=outcome.errors)
            return await self._tokens(visit, desk, draft=draft)
        return await self._tokens(visit, desk, created=outcome)

    @post("/tokens/{token_id:uuid}/revoke", operation_id="revoke_token", status_code=303)
    async def revoke_token(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        token_id: FromPath[UUID],
    ) -> Response[Any]:
        """End one token at once."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if refusal := needs_session(visit):
            return refuse(request, refusal)
        if isinstance(form, Refusal):
            return refuse(request, form)
        now, person_id = desk.clock.now(), visit.principal.person_id
        assert person_id is not None  # noqa: S101 - needs_session has seen to it
        await desk.database.write(
            lambda session: service.revoke_token(session, person_id=person_id, token_id=token_id, now=now)
        )
        return Redirect("/settings/tokens", status_code=303)

    @get("/sessions", operation_id="show_sessions")
    async def show_sessions(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
    ) -> Response[Any]:
        """List where the person is signed in."""
        visit = await desk.visits.begin(request)
        person_id = visit.principal.person_id
        if (refusal := needs_session(visit)) or person_id is None:
            return refuse(request, refusal or not_signed_in())
        rows = await desk.database.read(lambda session: service.list_sessions(session, person_id=person_id))
        view = views.sessions_view(rows, current=visit.principal.session_id or "", now=desk.clock.now())
        return respond(desk.pages.render("identity/sessions.html", page=visit.page, view=view))

    @post("/sessions/{session_id:str}/revoke", operation_id="revoke_session", status_code=303)
    async def revoke_session(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        session_id: FromPath[str],
    ) -> Response[Any]:
        """End one session at once, or with `others` all but this one."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if refusal := needs_session(visit):
            return refuse(request, refusal)
        if isinstance(form, Refusal):
            return refuse(request, form)
        now, person_id = desk.clock.now(), visit.principal.person_id
        assert person_id is not None  # noqa: S101 - needs_session has seen to it
        keep = visit.principal.session_id or ""
        await desk.database.write(
            lambda session: service.revoke_sessions(
                session, person_id=person_id, session_id=session_id, keep=keep, now=now
            )
        )
        return Redirect("/settings/sessions", status_code=303)

    async def _tokens(
        self,
        visit: Visit,
        desk: Desk,
        *,
        draft: views.TokenDraft | None = None,
        created: tuple[TokenSummary, str] | None = None,
    ) -> Response[Any]:
        person_id = visit.principal.person_id
        assert person_id is not None  # noqa: S101 - needs_session has seen to it
        rows, logins = await desk.database.read(
            lambda session: (
                service.list_tokens(session, person_id=person_id),
                list_logins(session, person_id=person_id, sealer=desk.sealer),
            )
        )
        view = views.tokens_view(
            rows,
            logins=logins,
            draft=draft or views.TokenDraft(),
            created=created,
            base_url=desk.settings.base_url,
            now=desk.clock.now(),
        )
        status = 422 if draft is not None else 200
        html = desk.pages.render("identity/tokens.html", page=visit.page, view=view)
        return respond(html, status_code=status)


def needs_session(visit: Visit) -> Refusal | None:
    """Return the refusal of anybody who is not a person in a browser session."""
    if visit.principal.channel is not Channel.SESSION:
        return not_signed_in(visit.page.path)
    return None


async def show_sign_in(
    request: AnyRequest,
    desk: Desk,
    party: RelyingParty,
    webauthn: WebAuthn,
    *,
    next_path: str,
    email: str = "",
    error: str | None = None,
    notice: Notice | None = None,
    status: int = 200,
) -> Response[Any]:
    """Show every way to sign in; what was typed stays. The browser gets the cookie that all of them need."""
    secret = desk.cookies.read(request.headers, desk.cookies.browser) or new_secret()
    visit = await desk.visits.begin(request, secret)
    passkey = None
    if webauthn.offered:
        challenge = webauthn.challenge(passkeys.SIGNING_IN, visit.browser, now=desk.clock.now())
        passkey = way_views.PasskeyAsk(
            options=webauthn.request_options(challenge), post_url="/sign-in/passkey"
        )
    view = views.sign_in_view(
        email=email,
        next_path=next_path,
        minutes=LINK_MINUTES,
        error=error,
        notice=notice or way_views.silence_notice(party),
        providers=way_views.sign_in_buttons(party),
        passkey=passkey,
    )
    html = desk.pages.render("identity/sign_in.html", page=visit.page, view=view)
    response = respond(html, status_code=status)
    desk.cookies.set(response, desk.cookies.browser, secret, max_age=BROWSER_COOKIE_SECONDS)
    return response


def enter(desk: Desk, signed_in: SignedIn) -> Response[Any]:
    """Give the browser its new session and lead on; to the passkey first if the session waits for it."""
    target = safe_next(signed_in.next_path)
    if signed_in.waits_for_passkey:
        target = f"/sign-in/second-step?next={quote(target, safe='/')}"
    response: Response[Any] = Redirect(target, status_code=303)
    seconds = int(SESSION_LIFETIME.total_seconds())
    desk.cookies.set(response, desk.cookies.session, signed_in.secret, max_age=seconds)
    return response
