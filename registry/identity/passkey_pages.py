"""Pages of passkeys: sign in with one, as the second step, again; add and remove them."""

from typing import Any
from urllib.parse import quote
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from registry.identity import passkeys, sessions, way_views
from registry.identity.domain import Proof, SignedIn, digest_of, not_signed_in, safe_next
from registry.identity.pages import enter, needs_session
from registry.identity.provider_pages import load_ways, needs_fresh_session, stale_url
from registry.identity.visits import Desk, Form
from registry.identity.webauthn import WebAuthn
from registry.kernel.outcomes import Refusal
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse

PASSKEYS = "/settings/passkeys"


class PasskeySignInPages(Controller):
    """`/sign-in/passkey`, `/sign-in/second-step`, `/sign-in/again/passkey`."""

    path = "/sign-in"
    include_in_schema = False

    @post("/passkey", operation_id="sign_in_with_passkey", status_code=303)
    async def sign_in(
        self, request: AnyRequest, desk: NamedDependency[Desk], webauthn: NamedDependency[WebAuthn]
    ) -> Response[Any]:
        """Sign in whoever the passkey belongs to."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        outcome = await _sign_in(
            request, desk, webauthn, form, purpose=passkeys.SIGNING_IN, bound_to=visit.browser
        )
        return refuse(request, outcome) if isinstance(outcome, Refusal) else enter(desk, outcome)

    @post("/again/passkey", operation_id="sign_in_again_with_passkey", status_code=303)
    async def sign_in_again(
        self, request: AnyRequest, desk: NamedDependency[Desk], webauthn: NamedDependency[WebAuthn]
    ) -> Response[Any]:
        """Sign in again the person who is signed in, and nobody else."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if refusal := needs_session(visit):
            return refuse(request, refusal)
        if isinstance(form, Refusal):
            return refuse(request, form)
        outcome = await _sign_in(
            request,
            desk,
            webauthn,
            form,
            purpose=passkeys.AGAIN,
            bound_to=visit.browser,
            only=visit.principal.person_id,
        )
        return refuse(request, outcome) if isinstance(outcome, Refusal) else enter(desk, outcome)

    @get("/second-step", operation_id="show_second_step")
    async def show_second_step(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        webauthn: NamedDependency[WebAuthn],
        next: FromQuery[str] = "/",  # noqa: A002 - the name in the address
    ) -> Response[Any]:
        """Ask for the passkey that a session waits for."""
        visit = await desk.visits.begin(request)
        next_path = safe_next(next)
        secret = desk.cookies.read(request.headers, desk.cookies.session) or ""
        now = desk.clock.now()
        waiting = await desk.database.read(
            lambda session: sessions.find_waiting(session, secret=secret, now=now)
        )
        if waiting is None:
            return Redirect(f"/sign-in?next={quote(next_path, safe='/')}", status_code=303)
        known = await desk.database.read(lambda session: passkeys.known_credentials(session, waiting[0]))
        challenge = webauthn.challenge(passkeys.SECOND_STEP, digest_of(secret), now=now)
        view = way_views.SecondStepView(
            next=next_path,
            passkey=way_views.PasskeyAsk(
                options=webauthn.request_options(challenge, allowed=known), post_url="/sign-in/second-step"
            ),
        )
        return respond(desk.pages.render("identity/second_step.html", page=visit.page, view=view))

    @post("/second-step", operation_id="take_second_step", status_code=303)
    async def take_second_step(
        self, request: AnyRequest, desk: NamedDependency[Desk], webauthn: NamedDependency[WebAuthn]
    ) -> Response[Any]:
        """Open the session that waited."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        secret = desk.cookies.read(request.headers, desk.cookies.session) or ""
        now = desk.clock.now()
        waiting = await desk.database.read(
            lambda session: sessions.find_waiting(session, secret=secret, now=now)
        )
        if waiting is None:
            return refuse(request, not_signed_in(safe_next(form.text("next"))))
        outcome = await _sign_in(
            request,
            desk,
            webauthn,
            form,
            purpose=passkeys.SECOND_STEP,
            bound_to=digest_of(secret),
            only=waiting[0],
            earlier=waiting[1],
        )
        return refuse(request, outcome) if isinstance(outcome, Refusal) else enter(desk, outcome)


class PasskeyPages(Controller):
    """`/settings/passkeys`."""

    path = PASSKEYS
    include_in_schema = False

    @get("/", operation_id="show_passkeys")
    async def show(
        self, request: AnyRequest, desk: NamedDependency[Desk], webauthn: NamedDependency[WebAuthn]
    ) -> Response[Any]:
        """List the person's passkeys beside the form for a new one."""
        visit = await desk.visits.begin(request)
        person_id = visit.principal.person_id
        if (refusal := needs_session(visit)) or person_id is None:
            return refuse(request, refusal or not_signed_in())
        ways = await load_ways(desk, visit)
        add = None
        if webauthn.offered:
            known = await desk.database.read(lambda session: passkeys.known_credentials(session, person_id))
            challenge = webauthn.challenge(passkeys.ADDING, visit.browser, now=desk.clock.now())
            label = visit.page.visitor.label if visit.page.visitor else "account"
            options = webauthn.creation_options(challenge, person_id=person_id, label=label, known=known)
            add = way_views.PasskeyAsk(options=options, post_url=PASSKEYS)
        why_not = None if webauthn.offered else desk.settings.base_url
        view = way_views.passkeys_view(
            ways, add=add, why_not=why_not, again_url=stale_url(desk, visit, PASSKEYS)
        )
        return respond(desk.pages.render("identity/passkeys.html", page=visit.page, view=view))

    @post("/", operation_id="add_passkey", status_code=303)
    async def add(
        self, request: AnyRequest, desk: NamedDependency[Desk], webauthn: NamedDependency[WebAuthn]
    ) -> Response[Any]:
        """Add the passkey that the browser made."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if refusal := needs_fresh_session(desk, visit, PASSKEYS):
            return refuse(request, refusal)
        if isinstance(form, Refusal):
            return refuse(request, form)
        now, person_id = desk.clock.now(), visit.principal.person_id
        assert person_id is not None  # noqa: S101 - needs_fresh_session has seen to it
        outcome = await desk.database.write(
            lambda session: passkeys.add_passkey(
                session,
                person_id=person_id,
                answer=form.text("credential"),
                name=form.text("name"),
                bound_to=visit.browser,
                webauthn=webauthn,
                now=now,
            )
        )
        return refuse(request, outcome) if outcome else Redirect(PASSKEYS, status_code=303)

    @post("/{passkey_id:uuid}/remove", operation_id="remove_passkey", status_code=303)
    async def remove(
        self, request: AnyRequest, desk: NamedDependency[Desk], passkey_id: FromPath[UUID]
    ) -> Response[Any]:
        """Remove a passkey."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if refusal := needs_fresh_session(desk, visit, PASSKEYS):
            return refuse(request, refusal)
        if isinstance(form, Refusal):
            return refuse(request, form)
        person_id = visit.principal.person_id
        assert person_id is not None  # noqa: S101 - needs_fresh_session has seen to it
        outcome = await desk.database.write(
            lambda session: passkeys.remove_passkey(session, person_id=person_id, passkey_id=passkey_id)
        )
        return refuse(request, outcome) if outcome else Redirect(PASSKEYS, status_code=303)

    @post("/asking", operation_id="ask_for_passkey", status_code=303)
    async def ask(self, request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
        """Ask for a passkey at each sign-in by other means, or no longer."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if refusal := needs_fresh_session(desk, visit, PASSKEYS):
            return refuse(request, refusal)
        if isinstance(form, Refusal):
            return refuse(request, form)
        person_id = visit.principal.person_id
        assert person_id is not None  # noqa: S101 - needs_fresh_session has seen to it
        outcome = await desk.database.write(
            lambda session: passkeys.ask_for_passkey(
                session, person_id=person_id, asks=form.text("asks") == "yes"
            )
        )
        return refuse(request, outcome) if outcome else Redirect(PASSKEYS, status_code=303)


async def _sign_in(
    request: AnyRequest,
    desk: Desk,
    webauthn: WebAuthn,
    form: Form,
    *,
    purpose: str,
    bound_to: str,
    only: UUID | None = None,
    earlier: Proof | None = None,
) -> SignedIn | Refusal:
    old = desk.cookies.read(request.headers, desk.cookies.session)
    agent = request.headers.get("user-agent", "")
    now = desk.clock.now()
    return await desk.database.write(
        lambda session: passkeys.sign_in(
            session,
            answer=form.text("credential"),
            purpose=purpose,
            bound_to=bound_to,
            only=only,
            earlier=earlier,
            old_session=old,
            user_agent=agent,
            next_path=form.text("next"),
            webauthn=webauthn,
            now=now,
        )
    )
