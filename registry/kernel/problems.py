"""Refusal or exception to RFC 9457 problem: JSON for programs, a page for people.

Every error of the registry's own API and pages leaves through here, in one shape. The Hub-compatible
routes render the same refusals in the Hub's way (see `hub_api`).
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog
from litestar import Litestar, MediaType, Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import Receive, Scope, Send

from registry.kernel.clock import iso
from registry.kernel.outcomes import GatehouseError, Refusal, Remedy, Unavailable, UnfitValue
from registry.kernel.pages import SECURITY_HEADERS

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_S = 5
_log = structlog.get_logger()

AnyRequest = Request[Any, Any, Any]
RenderPage = Callable[[AnyRequest, "Problem"], bytes]
"""Draws the page of a problem; given by the composition root."""
BeginPage = Callable[[AnyRequest], Awaitable[None]]
"""Finds out who visits, where no handler has; given by the composition root."""


class RemedyView(msgspec.Struct, frozen=True, kw_only=True):
    """What to do, and where."""

    text: str
    url: str | None = None


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457 problem details with the answers that P10 asks for."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    code: str = ""
    remedy: RemedyView | None = None
    decider: str | None = None
    since: str | None = None
    until: str | None = None
    errors: dict[str, str] = msgspec.field(default_factory=dict)
    request_id: str | None = None


def describe(refusal: Refusal, *, base_url: str, request_id: str | None = None) -> Problem:
    """Return the problem that `refusal` is, with absolute URLs."""
    remedy = remedy_of(refusal)
    return Problem(
        type=f"{base_url}/problems/{refusal.code}",
        title=refusal.title,
        status=refusal.status,
        detail=refusal.detail,
        code=refusal.code,
        remedy=RemedyView(text=remedy.text, url=absolute(remedy.url, base_url)),
        decider=refusal.decider,
        since=iso(refusal.since) if refusal.since else None,
        until=iso(refusal.until) if refusal.until else None,
        errors=dict(refusal.errors),
        request_id=request_id,
    )


def remedy_of(refusal: Refusal) -> Remedy:
    """Return what to do and where (P10); where an act has no place of its own, what the code means is told."""
    explained = f"/problems/{refusal.code}"
    if refusal.remedy is None:
        return Remedy(text="Read what this means and what to do", url=explained)
    return refusal.remedy if refusal.remedy.url else Remedy(text=refusal.remedy.text, url=explained)


def absolute(url: str | None, base_url: str) -> str | None:
    """Return a path of this registry as a whole URL."""
    return base_url + url if url and url.startswith("/") else url


def refuse(request: AnyRequest, refusal: Refusal, *, headers: dict[str, str] | None = None) -> Response[Any]:
    """Answer `request` with `refusal`: as a page where the client prefers HTML, else as JSON."""
    state = request.app.state
    problem = describe(refusal, base_url=state.settings.base_url, request_id=request.scope.get("request_id"))  # type: ignore[arg-type] # put there by telemetry
    given = {"Cache-Control": "no-store", "Vary": "Accept", **(headers or {})}
    if refusal.status == 401:
        given.setdefault("WWW-Authenticate", "Bearer")
    if wants_page(request):
        return _ProblemPage(problem, status_code=problem.status, headers={**SECURITY_HEADERS, **given})
    return Response(problem, status_code=problem.status, media_type=PROBLEM_JSON, headers=given)


class _ProblemPage(Response[Any]):
    """The page of a problem, drawn when it is sent: who visits may have to be looked up before."""

    def to_asgi_response(self, app: Litestar | None, request: AnyRequest, **given: Any) -> Any:
        """Return the application that draws and sends the page."""
        problem: Problem = self.content
        answer = super().to_asgi_response

        async def send_page(scope: Scope, receive: Receive, send: Send) -> None:
            state = request.app.state
            if problem.status < 500:
                await state.begin_page(request)
            self.content, self.media_type = state.render_problem(request, problem), MediaType.HTML
            await answer(app, request, **given)(scope, receive, send)

        return send_page


def wants_page(request: AnyRequest) -> bool:
    """Whether the client is a browser asking for a page."""
    if request.scope["path"].startswith(("/api/", "/oauth/")):
        return False
    return "text/html" in request.headers.get("accept", "")


def handle_http_exception(request: AnyRequest, error: HTTPException) -> Response[Any]:
    """Answer what the framework refused: unknown routes, methods, malformed input."""
    return refuse(request, refusal_of(error), headers=dict(error.headers or {}))


def refusal_of(error: HTTPException) -> Refusal:
    """Return the framework's refusal in our words; what it calls its own fault is a mistake of ours."""
    if error.status_code >= 500:
        return defect_refusal()
    known = _FRAMEWORK.get(error.status_code, _OTHERWISE)
    code, title, said, remedy, url = known
    errors = {}
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        errors = {
            str(item.get("key") or "body"): str(item.get("message", ""))[:200]
            for item in error.extra
            if isinstance(item, dict)
        }
    return Refusal(
        code=code,
        status=error.status_code,
        title=title,
        detail=said or str(error.detail)[:300],
        remedy=Remedy(text=remedy, url=url),
        decider=OPERATORS if code == "forbidden" else None,
        errors=errors,
    )


OPERATORS = "The operators of this registry"

# Code, title, what happened (the framework's own words where there are none), what to do, where.
_FRAMEWORK: dict[int, tuple[str, str, str, str, str]] = {
    400: (
        "malformed-request",
        "The request is malformed",
        "",
        "Mend what the errors name, then send it again",
        "/problems/malformed-request",
    ),
    401: (
        "not-signed-in",
        "You are not signed in",
        "The request names nobody who may do this. Nothing was changed.",
        "Sign in, or send a token",
        "/sign-in",
    ),
    403: (
        "forbidden",
        "You may not do this",
        "The server does not allow it. Nothing was changed.",
        "Ask the operators, if you think that you should",
        "/privacy",
    ),
    404: (
        "not-found",
        "There is nothing at this address",
        "It is mistyped, or what it named is gone. Nothing was sent.",
        "Check the address, or start from the catalog",
        "/",
    ),
    405: (
        "method-not-allowed",
        "This address does not answer that method",
        "The answer names the methods that it answers, in the header Allow. Nothing was changed.",
        "See the description of the API",
        "/api/v1/schema",
    ),
    408: (
        "request-too-slow",
        "The request did not arrive in time",
        "Its body came too slowly. Nothing was changed.",
        "Send it again over a better line",
        "/problems/request-too-slow",
    ),
    413: (
        "too-large",
        "The request is too large",
        "Weights go straight to the object store, never through the API. Nothing was changed.",
        "Send less at once",
        "/problems/too-large",
    ),
    415: (
        "unsupported-media-type",
        "The body is of a type that is not read here",
        "The API reads JSON. Nothing was changed.",
        "Send the body as application/json",
        "/api/v1/schema",
    ),
    429: (
        "rate-limited",
        "Too many requests",
        "There is a limit to how often this may be asked. Nothing was changed.",
        "Wait, then try again",
        "/problems/rate-limited",
    ),
}
_OTHERWISE = (
    "request-refused",
    "The request was refused",
    "",
    "Ask otherwise; the detail says what the server could not take",
    "/problems/request-refused",
)


def handle_unavailable(request: AnyRequest, error: Unavailable) -> Response[Any]:
    """Answer an outage: doubt closes the gate (P8), nothing was confirmed, trying again is right."""
    _log.warning("unavailable", part=error.part, reason=error.reason)
    return refuse(request, unavailable_refusal(error), headers={"Retry-After": str(RETRY_AFTER_S)})


def unavailable_refusal(error: Unavailable) -> Refusal:
    """Return an outage as what the reader can do about it."""
    return Refusal(
        code="unavailable",
        status=503,
        title=f"The {error.part} cannot be reached",
        detail="The registry could not consult it, so nothing was issued or recorded. Nothing is lost.",
        remedy=Remedy(text="Try again in a minute"),
        decider=OPERATORS,
    )


def handle_unfit_value(request: AnyRequest, error: UnfitValue) -> Response[Any]:
    """Answer a value that the database cannot hold: nothing was changed, and asking otherwise is right."""
    _log.warning("unfit-value", reason=str(error))
    return refuse(request, unfit_value_refusal())


def unfit_value_refusal() -> Refusal:
    """Return a value that cannot be stored as what the reader can do about it."""
    return Refusal(
        code="malformed-request",
        status=400,
        title="The request is malformed",
        detail="A value in it is outside of what can be stored or searched for. Nothing was changed.",
        remedy=Remedy(text="Mend the value, then ask again", url="/problems/malformed-request"),
    )


def handle_defect(request: AnyRequest, error: Exception) -> Response[Any]:
    """Answer a broken promise: logged with its kind and place, never with its data."""
    _log.error("defect", kind=type(error).__name__, known=isinstance(error, GatehouseError), exc_info=error)
    return refuse(request, defect_refusal())


def defect_refusal() -> Refusal:
    """Return a mistake of ours as what the reader can do about it."""
    return Refusal(
        code="internal-error",
        status=500,
        title="The registry made a mistake",
        detail="The mistake is ours and was logged; nothing was issued or recorded.",
        remedy=Remedy(text="Try again; if it stays, tell the operators the request id"),
        decider=OPERATORS,
    )
