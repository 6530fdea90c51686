"""The way around the web framework answers waiting programs alone, and hands everything else on as it came."""

from typing import Any
from urllib.parse import urlencode

import pytest

from registry.identity.oauth_domain import DEVICE_GRANT, OAuthAnswer, oauth_error
from registry.identity.poll_route import polls_first
from registry.kernel.outcomes import Unavailable

POLL = urlencode({"grant_type": DEVICE_GRANT, "device_code": "abc", "client_id": "cli"}).encode()
FORM = b"application/x-www-form-urlencoded"


class Polls:
    """Says the same to everybody, and remembers who asked."""

    def __init__(self, said: OAuthAnswer | Exception | None) -> None:
        self.said = said
        self.asked: list[tuple[str, str]] = []

    async def answer(self, *, device_code: str, client_id: str) -> OAuthAnswer | None:
        self.asked.append((device_code, client_id))
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


async def ask(
    polls: Polls, *pieces: bytes, kind: bytes = FORM, method: str = "POST", path: bytes = b"/oauth/token"
) -> tuple[list[Any], bytes | None]:
    """What is sent, and the body that the framework got; None where it was not asked."""
    sent: list[Any] = []
    handed_on: list[bytes] = []
    coming = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        for number, piece in enumerate(pieces, start=1)
    ]

    async def receive() -> Any:
        return coming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async def framework(_scope: Any, receive_on: Any, _send: Any) -> None:
        body = b""
        while True:
            message = await receive_on()
            body += message["body"]
            if not message["more_body"]:
                break
        handed_on.append(body)

    scope: Any = {
        "type": "http",
        "method": method,
        "raw_path": path,
        "headers": [(b"content-type", kind)],
    }
    await polls_first(polls, {"X-Content-Type-Options": "nosniff"}, framework)(scope, receive, send)  # type: ignore[arg-type] # a stand-in
    return sent, handed_on[0] if handed_on else None


async def test_who_has_to_wait_is_told_so() -> None:
    polls = Polls(oauth_error("authorization_pending"))
    (start, end), handed_on = await ask(polls, POLL)
    assert (start["status"], handed_on, polls.asked) == (400, None, [("abc", "cli")])
    headers = dict(start["headers"])
    assert headers[b"cache-control"] == b"no-store"
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert int(headers[b"content-length"]) == len(end["body"])
    assert b'"error":"authorization_pending"' in end["body"]


@pytest.mark.parametrize("said", [None, Unavailable("database", "away")])
async def test_who_is_allowed_goes_on_and_so_does_an_outage(said: Exception | None) -> None:
    assert await ask(Polls(said), POLL) == ([], POLL)


@pytest.mark.parametrize(
    ("pieces", "changes"),
    [
        ((POLL[:20], POLL[20:]), {}),
        ((POLL + b"&device_code=other",), {}),
        ((POLL.replace(b"abc", b"a%00c"),), {}),
        ((POLL.replace(b"abc", b""),), {}),
        ((POLL.replace(b"device_code", b"refresh_token"),), {}),
        ((b"\xff",), {}),
        ((b"{}",), {"kind": b"application/json"}),
        ((b"x" * 70_000,), {}),
        ((POLL,), {"method": "PUT"}),
        ((POLL,), {"path": b"/oauth/token/"}),
        ((POLL,), {"path": b"/oauth/%74oken"}),
    ],
)
async def test_everything_else_reaches_its_route_as_it_came(
    pieces: tuple[bytes, ...], changes: dict[str, Any]
) -> None:
    polls = Polls(oauth_error("authorization_pending"))
    assert await ask(polls, *pieces, **changes) == ([], b"".join(pieces))
    assert polls.asked == []
