"""Refusals in the Hub's way: a status, `X-Error-Code`, `X-Error-Message`, `X-HF-Warning`, and a JSON body.

What the Hub's client makes of an answer is decided by its headers (huggingface_hub `hf_raise_for_status`);
HEAD has no body, so everything that people must read stands in a header: ASCII, one line, with the URL.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote

import msgspec
import structlog
from litestar import Response
from litestar.exceptions import HTTPException

from registry.access.single_facts import UpdateFact
from registry.kernel.edge import holds_nul_mark
from registry.kernel.outcomes import GatehouseError, Refusal, Unavailable, UnfitValue
from registry.kernel.problems import (
    RETRY_AFTER_S,
    AnyRequest,
    absolute,
    defect_refusal,
    describe,
    refusal_of,
    refuse,
    remedy_of,
    unavailable_refusal,
    unfit_value_refusal,
    wants_page,
)

MESSAGE_MAX_CHARACTERS = 500
"""Without the URL, which is never cut."""
WRONG_TOKEN_MESSAGE = "Invalid credentials in Authorization header"  # noqa: S105 - what the client compares with
"""The one 401 that clients report as a matter of the token (huggingface_hub `hf_raise_for_status`)."""
RATE_WINDOW_S = 60
NOTHING_THERE = "There is nothing at this address"

_log = structlog.get_logger()


class HubCode(StrEnum):
    """Values of `X-Error-Code`."""

    GATED = "GatedRepo"
    NO_REPO = "RepoNotFound"
    NO_REVISION = "RevisionNotFound"
    NO_ENTRY = "EntryNotFound"
    NOT_GATED = "RepoNotGated"


class Topic(StrEnum):
    """Topics of `X-HF-Warning`: a client shows one message of each topic per process."""

    LICENSE = "license"
    ACCESS = "access"
    UPDATE = "update"
    REVIEW = "review"
    UPLOAD = "upload"


CODES: Mapping[str, HubCode | None] = {
    "sign-in-needed": HubCode.GATED,
    "scope-missing": HubCode.GATED,
    "access-blocked": HubCode.GATED,
    "gate-closed": HubCode.GATED,
    "license-not-accepted": HubCode.GATED,
    "acceptance-outdated": HubCode.GATED,
    "acceptance-withdrawn": HubCode.GATED,
    "cover-not-acknowledged": HubCode.GATED,
    "model-unknown": HubCode.NO_REPO,
    "model-not-found": HubCode.NO_REPO,
    "only-models": HubCode.NO_REPO,
    "revision-unknown": HubCode.NO_REVISION,
    "release-not-found": HubCode.NO_REVISION,
    "no-release-yet": HubCode.NO_REVISION,
    "file-unknown": HubCode.NO_ENTRY,
    "file-address-malformed": HubCode.NO_ENTRY,
    "nothing-to-delete": HubCode.NO_ENTRY,
    "repo-not-gated": HubCode.NOT_GATED,
    "token-unknown": None,
    "not-signed-in": None,
    "role-missing": None,
}
"""The registry's refusal codes in the Hub's words."""
_LICENSE_CODES = frozenset(
    {"license-not-accepted", "acceptance-outdated", "acceptance-withdrawn", "cover-not-acknowledged"}
)
_REASONED = frozenset({"access-blocked", "gate-closed", "acceptance-outdated"})
"""Refusals whose detail says more than the title: the reason that somebody gave, or what changed."""
_QUIET = frozenset({HubCode.NO_ENTRY})
"""Programs look for files that may be absent; a warning each time would use up the topic for what matters."""

_ASCII = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "…": "...", "\xa0": " "})
_RELATIVE = re.compile(r"(?<=\s)/(?=[a-z])")


@dataclass(frozen=True, slots=True, kw_only=True)
class HubAnswer:
    """A refusal ready to be sent; HEAD sends the same without the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def hub_code(refusal: Refusal, *, managing: bool = False) -> HubCode | None:
    """Return the Hub's code of a refusal.

    A refusal of access that is not in the table is GatedRepo all the same: without a code, clients take a
    401 for an absent model and a 403 for trouble with the connection. Who manages a gate (`managing`) is not
    refused its files, and gets no such code.
    """
    if refusal.code in CODES:
        code = CODES[refusal.code]
    else:
        code = HubCode.GATED if refusal.status in {401, 403, 451} else None
    return None if managing and code is HubCode.GATED else code


def hub_status(refusal: Refusal, *, managing: bool = False) -> int:
    """Return the status: a gate answers 401 or 403 only, since clients misread 410 and 451."""
    if managing:
        # The Hub's clients know a form that cannot stand by 400.
        return 400 if refusal.status == 422 else refusal.status
    if hub_code(refusal) is HubCode.GATED and refusal.status != 401:
        return 403
    return refusal.status


def hub_message(refusal: Refusal, *, base_url: str, managing: bool = False) -> str:
    """Return what is missing and what to do where, as one line of ASCII that ends with the URL."""
    said = refusal.title + (f" (since {refusal.since.date().isoformat()})" if refusal.since else "") + "."
    if managing:
        said += " " + " ".join(
            [*(f"{words.rstrip('.')}." for words in refusal.errors.values()), refusal.detail]
        )
    elif refusal.code in _REASONED:
        said += " " + refusal.detail.removeprefix("No file was sent. ")
    remedy = remedy_of(refusal)
    lead = (
        " On this registry, not on huggingface.co: "
        if hub_code(refusal, managing=managing) is HubCode.GATED
        else " "
    )
    text = as_header(said + lead + _RELATIVE.sub(f"{base_url}/", remedy.text))
    url = absolute(remedy.url, base_url)
    return f"{text.rstrip('.')}: {quote(url, safe=_URL_SAFE)}" if url else text


_URL_SAFE = "%/:?=&@#+~!$'()*,;[]"


def as_header(text: str, *, most: int = MESSAGE_MAX_CHARACTERS) -> str:
    """Return `text` as one line of printable ASCII; what cannot be written so becomes a question mark."""
    plain = unicodedata.normalize("NFKD", text.translate(_ASCII))
    kept = "".join(letter for letter in plain if not unicodedata.combining(letter))
    line = "".join(
        letter if " " <= letter <= "~" else " " if letter.isspace() else "?"
        for letter in " ".join(kept.split())
    )
    return line if len(line) <= most else line[: most - 3] + "..."


def warning_of(refusal: Refusal, *, base_url: str) -> str:
    """Return the value of `X-HF-Warning` for a refusal."""
    topic = Topic.LICENSE if refusal.code in _LICENSE_CODES else Topic.ACCESS
    return f"{topic}; {hub_message(refusal, base_url=base_url)}"


def reaccept_warning(repo_id: str, until: datetime, *, base_url: str) -> str:
    """Return the value of `X-HF-Warning` for somebody whose right ends unless they accept the present terms."""
    said = (
        f"Access to {repo_id} ends on {until:%-d %B %Y}, unless its license as it is now is accepted before"
    )
    return f"{Topic.LICENSE}; {said}: {base_url}/{repo_id}/accept"


def update_warning(repo_id: str, update: UpdateFact, *, base_url: str) -> str:
    """Return the value of `X-HF-Warning` for a release that is to be given up."""
    said = f"This release of {repo_id} is to be given up by {update.update_by:%-d %B %Y}. {update.reason}"
    remedy = f"Use release {update.replacement} instead"
    return f"{Topic.UPDATE}; {as_header(said).rstrip('.')}. {remedy}: {base_url}/{repo_id}/files?revision={update.replacement}"


def answer_refusal(
    refusal: Refusal,
    *,
    base_url: str,
    now: datetime | None = None,
    request_id: str | None = None,
    commit: str | None = None,
    managing: bool = False,
) -> HubAnswer:
    """Return the Hub's form of a refusal."""
    code, status = hub_code(refusal, managing=managing), hub_status(refusal, managing=managing)
    message = hub_message(refusal, base_url=base_url, managing=managing)
    wrong_token = refusal.code == "token-unknown"
    headers = {
        "X-Error-Message": WRONG_TOKEN_MESSAGE if wrong_token else message,
        "Cache-Control": "no-store",
        "Content-Type": "application/json",
    }
    if code is not None:
        headers["X-Error-Code"] = code.value
    # Who manages reads the message itself; the topic stays free for refusals of files.
    if code not in _QUIET and (wrong_token or not managing):
        headers["X-HF-Warning"] = warning_of(refusal, base_url=base_url)
    if commit is not None:
        headers["X-Repo-Commit"] = commit
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status == 429:
        wait = RATE_WINDOW_S
        if refusal.until is not None and now is not None:
            wait = max(1, round((refusal.until - now).total_seconds()))
        headers["Retry-After"] = str(wait)
        headers["RateLimit"] = f'"api";r=0;t={wait}'
    if status == 503:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    return HubAnswer(
        status=status, headers=headers, body=_body(refusal, message, status, base_url, request_id)
    )


def _body(refusal: Refusal, message: str, status: int, base_url: str, request_id: str | None) -> bytes:
    """Return the problem's members with `error`, which is the one that the Hub's clients read.

    Without `errors`: the Hub's clients take that name for a list of objects.
    """
    problem = msgspec.to_builtins(describe(refusal, base_url=base_url, request_id=request_id))
    problem.pop("errors", None)
    return msgspec.json.encode({**problem, "status": status, "error": message})


def hub_refuse(
    request: AnyRequest,
    refusal: Refusal,
    *,
    commit: str | None = None,
    headers: Mapping[str, str] | None = None,
    managing: bool = False,
) -> Response[Any]:
    """Answer `request` with `refusal` in the Hub's way; a browser that asks for a page gets one."""
    settings = request.app.state.settings
    answer = answer_refusal(
        refusal,
        base_url=settings.base_url,
        request_id=request.scope.get("request_id"),  # type: ignore[arg-type] # put there by telemetry
        commit=commit,
        managing=managing,
    )
    given = {**answer.headers, **(headers or {})}
    if request.method == "GET" and wants_page(request):
        del given["Content-Type"]
        return refuse(request, refusal, headers=given)
    media_type = given.pop("Content-Type")
    return Response(answer.body, status_code=answer.status, media_type=media_type, headers=given)


def handle_http_exception(request: AnyRequest, error: HTTPException) -> Response[Any]:
    """Answer what the framework refused on a Hub route."""
    headers = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
    return hub_refuse(request, refusal_of(error), headers=headers)


def handle_unavailable(request: AnyRequest, error: Unavailable) -> Response[Any]:
    """Answer an outage on a Hub route: nothing is issued in doubt (P8)."""
    _log.warning("unavailable", part=error.part, reason=error.reason)
    return hub_refuse(request, unavailable_refusal(error))


def handle_unfit_value(request: AnyRequest, error: UnfitValue) -> Response[Any]:
    """Answer a value that the database cannot hold on a Hub route."""
    _log.warning("unfit-value", reason=str(error))
    return hub_refuse(request, unfit_value_refusal())


def refuse_nul(request: AnyRequest, refusal: Refusal) -> Response[Any]:
    """Answer a NUL character on a Hub route: no path has one, so nothing is there; a query cannot be read."""
    if holds_nul_mark(request.scope["raw_path"].partition(b"?")[0]):
        refusal = replace(refusal, code="not-found", status=404, title=NOTHING_THERE)
    return hub_refuse(request, refusal)


def handle_defect(request: AnyRequest, error: Exception) -> Response[Any]:
    """Answer a broken promise on a Hub route; it is logged with its kind and place."""
    _log.error("defect", kind=type(error).__name__, known=isinstance(error, GatehouseError), exc_info=error)
    return hub_refuse(request, defect_refusal())
