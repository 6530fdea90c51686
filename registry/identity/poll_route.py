"""Polls of programs that wait, answered before the web framework: a thousand of them take little from everybody else.

Only "wait" and "no" are answered here. Whatever else comes to the address, or cannot be read, goes on to its route
with the body as it arrived.
"""

from collections.abc import Mapping

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, ReceiveMessage, Scope, Send

from registry.identity.device_polling import DevicePolls
from registry.identity.oauth_api import parse_fields
from registry.identity.oauth_domain import DEVICE_GRANT, OAuthAnswer
from registry.kernel.outcomes import Unavailable

PATH = "/oauth/token"


def polls_first(polls: DevicePolls, headers: Mapping[str, str], next_app: ASGIApp) -> ASGIApp:
    """Return an application that answers who has to wait itself, and leaves everything else to `next_app`."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] != "POST" or scope["raw_path"] != PATH.encode():
            await next_app(scope, receive, send)
            return
        first = await receive()
        waits = await _look(polls, scope, first)
        if waits is None:
            await next_app(scope, _again(first, receive), send)
            return
        scope["path_template"] = PATH
        await _send(send, waits, headers)

    return answer


async def _look(polls: DevicePolls, scope: Scope, first: ReceiveMessage) -> OAuthAnswer | None:
    """Return the answer to a poll of a program that has to wait; None if this is something else."""
    if first["type"] != "http.request" or first.get("more_body"):
        return None
    kind = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    fields = parse_fields(first.get("body", b""), kind.decode("latin-1"))
    if fields is None or fields.get("grant_type") != DEVICE_GRANT or not fields.get("device_code"):
        return None
    try:
        return await polls.answer(device_code=fields["device_code"], client_id=fields.get("client_id", ""))
    except Unavailable:
        return None  # The route says so in its own words.


def _again(first: ReceiveMessage, receive: Receive) -> Receive:
    """Return a `receive` that gives `first` once more, then what follows."""
    waiting = [first]

    async def give() -> ReceiveMessage:
        return waiting.pop() if waiting else await receive()

    return give


async def _send(send: Send, found: OAuthAnswer, headers: Mapping[str, str]) -> None:
    body = msgspec.json.encode(found.body)
    said = {**headers, **found.headers, "Content-Type": "application/json", "Content-Length": str(len(body))}
    await send(
        {
            "type": "http.response.start",
            "status": found.status,
            "headers": [
                (name.lower().encode("ascii"), value.encode("ascii")) for name, value in said.items()
            ],
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})
