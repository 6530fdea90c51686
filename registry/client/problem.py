"""Problems of the registry (RFC 9457, with `code`, `remedy`, `decider`, `since`, `until`, `errors`) as typed errors."""

from collections.abc import Callable

from registry.client.errors import (
    ClientError,
    Invalid,
    Malformed,
    NotFound,
    NotSignedIn,
    Refused,
    Unavailable,
    printable,
)
from registry.client.wire import JsonObject, parse_json

RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that say "not now": idempotent calls are tried again."""

MakeAbsolute = Callable[[str], str | None]


def typed_error(
    status: int, body: bytes, *, retry_after_seconds: float | None, make_absolute: MakeAbsolute
) -> ClientError:
    """Return the error for an unsuccessful answer, its remedy's address made absolute."""
    problem = _parse(body)
    # What the server's framework refuses by itself has one sentence for both.
    message = ": ".join(
        dict.fromkeys(part for part in (_text(problem, "title"), _text(problem, "detail")) if part)
    )
    message = message or _text(problem, "error") or f"the registry answered {status} without saying why"
    code = _text(problem, "code")
    advice, remedy_url = _advice(problem, make_absolute)
    if status == 401:
        advice = (*advice, "Sign in: gatehouse login")
        return NotSignedIn(message, advice=advice, code=code, remedy_url=remedy_url)
    if status in {403, 451}:
        return Refused(message, advice=advice, code=code, remedy_url=remedy_url)
    if status == 404:
        return NotFound(message, advice=advice)
    if status in RETRIED_STATUSES or status >= 500:
        advice = (*advice, "Try again later.")
        return Unavailable(message, advice=advice, retry_after_seconds=retry_after_seconds)
    errors = problem.get("errors")
    named = (
        {printable(name): printable(str(text)) for name, text in errors.items()}
        if isinstance(errors, dict)
        else {}
    )
    lines = tuple(f"{name}: {text}" for name, text in named.items())
    return Invalid(message, advice=(*lines, *advice), code=code, errors=named)


def _parse(body: bytes) -> JsonObject:
    """Return the problem's members; none for a page of a proxy or anything else."""
    try:
        value = parse_json(body, what="the answer")
    except Malformed:
        return {}
    return value if isinstance(value, dict) else {}


def _advice(problem: JsonObject, make_absolute: MakeAbsolute) -> tuple[tuple[str, ...], str | None]:
    remedy = problem.get("remedy")
    text, url = "", None
    if isinstance(remedy, dict):
        text = _text(remedy, "text")
        url = make_absolute(_text(remedy, "url")) if _text(remedy, "url") else None
    labelled = (
        f"{label}: {_text(problem, name)}"
        for label, name in (("Who decides", "decider"), ("Since", "since"), ("Until", "until"))
        if _text(problem, name)
    )
    return tuple(line for line in (text, url, *labelled) if line), url


def _text(fields: JsonObject, name: str) -> str:
    value = fields.get(name)
    return printable(value) if isinstance(value, str) else ""
