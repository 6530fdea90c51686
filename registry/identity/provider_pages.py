"""Pages of signing in with a provider, and of signing in again."""

from typing import Any
from urllib.parse import urlsplit

import structlog
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from registry.identity import linking, passkeys, way_views
from registry.identity.domain import new_secret, not_signed_in, safe_next
from registry.identity.oidc import RelyingParty
from registry.identity.pages import (
    BROWSER_COOKIE_SECONDS,
    enter,
    needs_session,
    show_sign_in,
)
from registry.identity.visits import Desk, Visit
from registry.identity.ways import (
    WAYS_CHANGE_AGE,
    Purpose,
    Ways,
    again_url,
    judge_freshness,
    return_refusal,
    unknown_provider,
)
from registry.identity.webauthn import WebAuthn
from registry.kernel.outcomes import Refusal
from registry.kernel.pages import respond
from registry.kernel.problems import AnyRequest, refuse

_log = structlog.get_logger()
IDENTITIES = "/settings/identities"


class ProviderPages(Controller):
    """`/sign-in/provider`, `/sign-in/callback`, `/sign-in/again`."""

    path = "/sign-in"
    include_in_schema = False

    @post("/provider/{provider_id:str}", operation_id="go_to_provider", status_code=200)
    async def go(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        relying_party: NamedDependency[RelyingParty],
        webauthn: NamedDependency[WebAuthn],
        provider_id: FromPath[str],
    ) -> Response[Any]:
        """Send the browser to a provider in order to sign in."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if isinstance(form, Refusal):
            return refuse(request, form)
        next_path = safe_next(form.text("next"))
        outcome = await leave(request, desk, visit, relying_party, provider_id, Purpose.SIGN_IN, next_path)
        if isinstance(outcome, Refusal) and outcome.status == 503:
            notice = way_views.failure_notice(outcome)
            return await show_sign_in(
                request, desk, relying_party, webauthn, next_path=next_path, notice=notice, status=503
            )
        return refuse(request, outcome) if isinstance(outcome, Refusal) else outcome

    @get("/callback/{provider_id:str}", operation_id="come_back_from_provider")
    async def come_back(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        relying_party: NamedDependency[RelyingParty],
        provider_id: FromPath[str],
    ) -> Response[Any]:
        """Take the answer that the browser brings back; it counts once.

        Steps, in this order: (1) the visit is used up, whatever follows; (2) the provider is asked, with no
        transaction open; (3) what came of it is recorded.
        """
        visit = await desk.visits.begin(request)
        provider = relying_party.find(provider_id)
        answer = _answer(request)
        if provider is None:
            return refuse(request, unknown_provider())
        if answer is None:
            return refuse(request, return_refusal("sign-in-unknown", "This answer cannot be read"))
        browser = desk.cookies.read(request.headers, desk.cookies.browser)
        old = desk.cookies.read(request.headers, desk.cookies.session)
        agent = request.headers.get("user-agent", "")
        now = desk.clock.now()
        ended = await desk.database.write(
            lambda session: linking.end_visit(
                session,
                state=answer.get("state", ""),
                provider=provider,
                principal=visit.principal,
                browser_secret=browser,
                sealer=desk.sealer,
                now=now,
            )
        )
        if isinstance(ended, Refusal):
            return _refuse_return(request, ended, provider_id)
        noted, asked = ended
        claimed = await relying_party.finish(provider, asked, answer)
        if isinstance(claimed, Refusal):
            return _refuse_return(request, claimed, provider_id)
        now = desk.clock.now()
        outcome = await desk.database.write(
            lambda session: linking.welcome(
                session,
                visit=noted,
                provider=provider,
                claimed=claimed,
                old_session=old,
                user_agent=agent,
                operators=desk.settings.operators,
                base_url=desk.settings.base_url,
                sealer=desk.sealer,
                now=now,
            )
        )
        if isinstance(outcome, Refusal):
            return _refuse_return(request, outcome, provider_id)
        return enter(desk, outcome) if outcome else Redirect(safe_next(noted.next_path), status_code=303)

    @get("/again", operation_id="show_sign_in_again")
    async def show_again(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        relying_party: NamedDependency[RelyingParty],
        webauthn: NamedDependency[WebAuthn],
        next: FromQuery[str] = "/",  # noqa: A002 - the name in the address
    ) -> Response[Any]:
        """Show the ways in which the same person can show again that they are there."""
        browser = desk.cookies.read(request.headers, desk.cookies.browser) or new_secret()
        visit = await desk.visits.begin(request, browser)
        next_path = safe_next(next)
        if needs_session(visit):
            return refuse(request, not_signed_in(next_path))
        ways = await load_ways(desk, visit)
        view = again_view(visit, ways, relying_party, webauthn, desk, next_path)
        response = respond(desk.pages.render("identity/sign_in_again.html", page=visit.page, view=view))
        desk.cookies.set(response, desk.cookies.browser, browser, max_age=BROWSER_COOKIE_SECONDS)
        return response

    @post("/again/provider/{provider_id:str}", operation_id="go_to_provider_again", status_code=200)
    async def go_again(
        self,
        request: AnyRequest,
        desk: NamedDependency[Desk],
        relying_party: NamedDependency[RelyingParty],
        provider_id: FromPath[str],
    ) -> Response[Any]:
        """Send the browser to a provider in order to sign in anew."""
        visit = await desk.visits.begin(request)
        form = await desk.visits.read_form(request, visit)
        if refusal := needs_session(visit):
            return refuse(request, refusal)
        if isinstance(form, Refusal):
            return refuse(request, form)
        next_path = safe_next(form.text("next"))
        outcome = await leave(request, desk, visit, relying_party, provider_id, Purpose.AGAIN, next_path)
        return refuse(request, outcome) if isinstance(outcome, Refusal) else outcome


async def leave(
    request: AnyRequest,
    desk: Desk,
    visit: Visit,
    party: RelyingParty,
    provider_id: str,
    purpose: Purpose,
    next_path: str,
) -> Response[Any] | Refusal:
    """Note the visit, ask where the provider wants people, and lead there.

    The page leads on by a header, without a redirect: `form-action 'self'` forbids forms that end elsewhere.
    """
    provider = party.find(provider_id)
    if provider is None:
        return unknown_provider()
    browser = desk.cookies.read(request.headers, desk.cookies.browser) or new_secret()
    network = request.client.host if request.client else "unknown"
    now = desk.clock.now()
    asked = await desk.database.write(
        lambda session: linking.begin_visit(
            session,
            provider=provider,
            purpose=purpose,
            principal=visit.principal,
            browser_secret=browser,
            network=network,
            next_path=next_path,
            sealer=desk.sealer,
            now=now,
        )
    )
    if isinstance(asked, Refusal):
        return asked
    url = await party.authorization_url(provider, asked)
    if isinstance(url, Refusal):
        return url
    view = way_views.leaving_view(provider, url, urlsplit(url).netloc)
    html = desk.pages.render("identity/leaving.html", page=visit.page, view=view)
    response = respond(html, headers={"Refresh": f"0; url={url}"})
    desk.cookies.set(response, desk.cookies.browser, browser, max_age=BROWSER_COOKIE_SECONDS)
    return response


async def load_ways(desk: Desk, visit: Visit) -> Ways:
    """Return all the ways in of the signed-in person."""
    person_id = visit.principal.person_id
    assert person_id is not None  # noqa: S101 - needs_session has seen to it
    return await desk.database.read(
        lambda session: linking.list_ways(session, person_id=person_id, sealer=desk.sealer)
    )


def again_view(
    visit: Visit, ways: Ways, party: RelyingParty, webauthn: WebAuthn, desk: Desk, next_path: str
) -> way_views.AgainView:
    """Return the page for signing in again, with the ways that really ask again."""
    issuers = {account.issuer for account in ways.accounts}
    linked = [provider for provider in party.providers if provider.issuer in issuers]
    asking = [provider for provider in linked if provider.can_ask_again]
    has_other = bool(ways.email or (ways.passkeys and webauthn.offered) or asking)
    now = desk.clock.now()
    ask = None
    if ways.passkeys and webauthn.offered:
        challenge = webauthn.challenge(passkeys.AGAIN, visit.browser, now=now)
        ask = way_views.PasskeyAsk(
            options=webauthn.request_options(challenge), post_url="/sign-in/again/passkey"
        )
    return way_views.AgainView(
        label=visit.page.visitor.label if visit.page.visitor else "",
        since=visit.principal.signed_in_at or now,
        next=next_path,
        email=ways.email,
        email_post_url="/sign-in",
        # A provider that answers from an earlier sign-in shows little; it is offered where nothing else is.
        providers=[
            way_views.ProviderButton(name=item.name, post_url=f"/sign-in/again/provider/{item.id}")
            for item in (asking if has_other else linked)
        ],
        passkey=ask,
    )


def needs_fresh_session(desk: Desk, visit: Visit, back_to: str) -> Refusal | None:
    """Return the refusal of who may not change ways in: not signed in, or too long ago."""
    return needs_session(visit) or judge_freshness(
        visit.principal, most=WAYS_CHANGE_AGE, back_to=back_to, now=desk.clock.now()
    )


def stale_url(desk: Desk, visit: Visit, back_to: str) -> str | None:
    """Return where to sign in again, if that is needed before a change."""
    return again_url(back_to) if needs_fresh_session(desk, visit, back_to) else None


def _answer(request: AnyRequest) -> dict[str, str] | None:
    """Return the parameters that came back; None if one is there twice, or too long."""
    pairs = list(request.query_params.multi_items())
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)) or any(len(value) > 4096 or "\x00" in value for _, value in pairs):
        return None
    return dict(pairs)


def _refuse_return(request: AnyRequest, refusal: Refusal, provider_id: str) -> Response[Any]:
    _log.info("sign-in.refused", provider=provider_id, code=refusal.code)
    return refuse(request, refusal)
