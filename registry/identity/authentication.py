"""Request to `Principal`: a bearer token, or the cookie of a web session, or nobody.

A token that is not known is refused here, before any route runs, and so is a service account wherever
something would change, but for the routes that are open to it. A stale cookie makes an anonymous
visitor. A request that changes something with a cookie must come from our own pages (Fetch Metadata).
"""

from collections.abc import Mapping
from dataclasses import replace
from http.cookies import CookieError, SimpleCookie

from litestar import Request, Response
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from registry.identity import service, sessions
from registry.identity.domain import ANONYMOUS, Principal
from registry.identity.service_account_domain import person_needed
from registry.kernel.clock import Clock
from registry.kernel.country_database import CountryDatabase
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal, Remedy, Unavailable
from registry.kernel.pages import is_cross_origin
from registry.kernel.problems import AnyRequest, handle_unavailable, refuse

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_AUTHENTICATION = "own_authentication"
"""Route option of handlers that read the token themselves (the Hub-compatible routes)."""
OPEN_TO_ACCOUNTS = "open_to_accounts"
"""Route option of handlers that change something and that a service account may call; no other one."""


class Cookies:
    """Names of our cookies; with https they are `__Host-` cookies, which no subdomain can set."""

    def __init__(self, *, secure: bool) -> None:
        prefix = "__Host-" if secure else ""
        self.secure = secure
        self.session = f"{prefix}gatehouse_session"
        self.browser = f"{prefix}gatehouse_browser"

    def read(self, headers: Mapping[str, str], name: str) -> str | None:
        """Return the value of the cookie `name`."""
        jar: SimpleCookie = SimpleCookie()
        try:
            jar.load(headers.get("cookie", "")[:8192])
        except CookieError:
            return None
        return jar[name].value if name in jar else None

    def set(self, response: Response[str], name: str, value: str, *, max_age: int) -> None:
        """Set one of our cookies: not for scripts, not for other sites."""
        response.set_cookie(
            key=name,
            value=value,
            max_age=max_age,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="lax",
        )


class Authentication(ASGIMiddleware):
    """Puts the principal into the scope, or refuses the request."""

    scopes = (ScopeType.HTTP,)
    exclude_opt_key = OWN_AUTHENTICATION

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        cookies: Cookies,
        base_url: str,
        countries: CountryDatabase,
    ) -> None:
        self.countries = countries
        self.database = database
        self.clock = clock
        self.cookies = cookies
        self.base_url = base_url

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Answer with a refusal, or go on as the principal."""
        request: AnyRequest = Request(scope, receive=receive, send=send)
        try:
            outcome = await self._authenticate(request)
        except Unavailable as error:
            response = handle_unavailable(request, error)
            await response.to_asgi_response(None, request)(scope, receive, send)
            return
        if isinstance(outcome, Principal) and outcome.account is not None:
            opened = scope["route_handler"].opt.get(OPEN_TO_ACCOUNTS, False)
            if request.method not in SAFE_METHODS and not opened:
                outcome = person_needed()
        if isinstance(outcome, Refusal):
            response = refuse(request, outcome)
            await response.to_asgi_response(None, request)(scope, receive, send)
            return
        address = request.client.host if request.client else None
        if outcome.person_id is not None and (country := self.countries.find(address)):
            outcome = replace(outcome, country=country)
        scope["principal"] = outcome  # type: ignore[typeddict-unknown-key] # our own key in an open dict
        await next_app(scope, receive, send)

    async def _authenticate(self, request: AnyRequest) -> Principal | Refusal:
        now = self.clock.now()
        if token := bearer_token(request.headers):
            return await authenticate_token(self.database, token=token, clock=self.clock)
        secret = self.cookies.read(request.headers, self.cookies.session)
        if request.method not in SAFE_METHODS and is_cross_origin(dict(request.headers), self.base_url):
            return cross_origin()
        if secret is None:
            return ANONYMOUS
        principal = await self.database.read(
            lambda session: sessions.authenticate_session(session, secret=secret, now=now)
        )
        return principal or ANONYMOUS


async def authenticate_token(database: Database, *, token: str, clock: Clock) -> Principal | Refusal:
    """Return the principal of a token, noting its use now and then."""
    now = clock.now()
    outcome = await database.read(lambda session: service.authenticate_token(session, token=token, now=now))
    if isinstance(outcome, Principal):
        stale = await database.read(lambda session: service.token_use_is_stale(session, token=token, now=now))
        if stale is not None:
            await database.write(lambda session: service.note_token_use(session, token_id=stale, now=now))
    return outcome


def bearer_token(headers: Mapping[str, str]) -> str | None:
    """Return the token of the `Authorization` header (RFC 6750); other schemes count as none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def principal_of(scope: Scope) -> Principal:
    """Return the principal that `Authentication` found; handlers with their own get the anonymous one."""
    found = scope.get("principal", ANONYMOUS)
    return found if isinstance(found, Principal) else ANONYMOUS


def cross_origin() -> Refusal:
    """Return the refusal of a change that another site's page asked for."""
    return Refusal(
        code="cross-origin",
        status=403,
        title="The request came from another site",
        detail="Changes are only made from this registry's own pages. Nothing happened.",
        remedy=Remedy(text="Open the page here and press the button there"),
    )
