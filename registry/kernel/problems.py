"""Refusal or exception to RFC 9457 problem: JSON for programs, a page for people.

Every error of the registry's own API and pages leaves through here, in one shape. The Hub-compatible
routes render the same refusals in the Hub's way (see `hub_api`).
"""

from collections.abc import Callable
from typing import Any

import msgspec
import structlog
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, ValidationException

from registry.kernel.clock import iso
from registry.kernel.outcomes import GatehouseError, Refusal, Remedy, Unavailable

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_S = 5
_log = structlog.get_logger()

AnyRequest = Request[Any, Any, Any]
RenderPage = Callable[[AnyRequest, "Problem"], bytes]
"""Draws the page of a problem; given by the composition root."""


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
    remedy = refusal.remedy
    return Problem(
        type=f"{base_url}/problems/{refusal.code}",
        title=refusal.title,
        status=refusal.status,
        detail=refusal.detail,
        code=refusal.code,
        remedy=RemedyView(text=remedy.text, url=absolute(remedy.url, base_url)) if remedy else None,
        decider=refusal.decider,
        since=iso(refusal.since) if refusal.since else None,
        until=iso(refusal.until) if refusal.until else None,
        errors=dict(refusal.errors),
        request_id=request_id,
    )


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
        page: bytes = state.render_problem(request, problem)
        return Response(page, status_code=problem.status, media_type=MediaType.HTML, headers=given)
    return Response(problem, status_code=problem.status, media_type=PROBLEM_JSON, headers=given)


def wants_page(request: AnyRequest) -> bool:
    """Whether the client is a browser asking for a page."""
    if request.scope["path"].startswith(("/api/", "/oauth/")):
        return False
    return "text/html" in request.headers.get("accept", "")


def handle_http_exception(request: AnyRequest, error: HTTPException) -> Response[Any]:
    """Answer what the framework refused: unknown routes, methods, malformed input."""
    return refuse(request, refusal_of(error), headers=dict(error.headers or {}))


def refusal_of(error: HTTPException) -> Refusal:
    """Return the framework's refusal in our words."""
    status = error.status_code
    code, title, remedy = _FRAMEWORK.get(status, ("request-refused", "The request was refused", None))
    errors = {}
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        errors = {
            str(item.get("key") or "body"): str(item.get("message", ""))[:200]
            for item in error.extra
            if isinstance(item, dict)
        }
    detail = str(error.detail)[:300] if status < 500 and status != 404 else title + "."
    return Refusal(
        code=code,
        status=status,
        title=title,
        detail=detail,
        remedy=Remedy(text=remedy) if remedy else None,
        errors=errors,
    )


_FRAMEWORK: dict[int, tuple[str, str, str | None]] = {
    400: ("malformed-request", "The request is malformed", "Mend what the errors name, then send it again"),
    401: ("not-signed-in", "You are not signed in", "Sign in, or send a token"),
    403: ("forbidden", "You may not do this", None),
    404: ("not-found", "There is nothing at this address", "Check the address, or start from the catalog"),
    405: ("method-not-allowed", "This address does not answer that method", None),
    413: ("too-large", "The request is too large", "Send less at once"),
    415: ("unsupported-media-type", "The body is of a type that is not read here", None),
    429: ("rate-limited", "Too many requests", "Wait, then try again"),
}


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
        decider="The operators of this registry",
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
        decider="The operators of this registry",
    )
