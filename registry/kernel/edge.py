"""What is done at the edge, before and after every route: NUL characters are refused, headers are added.

No name, search word or text holds one (PostgreSQL cannot even store it), so a request that brings one is
malformed, whatever it asks for. Forms are looked at where they are read (`identity.visits`).
"""

from collections.abc import Callable, Mapping
from typing import Any

from litestar import Request, Response
from litestar.enums import ScopeType
from litestar.exceptions import ValidationException
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from registry.kernel.outcomes import Refusal, Remedy
from registry.kernel.problems import AnyRequest

_NUL_MARKS = (b"%00", b"\x00")

RefuseNul = Callable[[AnyRequest, Refusal], Response[Any]]
"""Answers the refusal in the shape that the client reads; given by the composition root."""


def refuse_nul(refuse: RefuseNul, next_app: ASGIApp) -> ASGIApp:
    """Return an application that refuses every address with a NUL character, and hands on the others."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and (refusal := _judge(scope["raw_path"], scope["query_string"])):
            request: AnyRequest = Request(scope, receive=receive, send=send)
            response = refuse(request, refusal)
            await response.to_asgi_response(None, request)(scope, receive, send)
            return
        await next_app(scope, receive, send)

    return answer


def with_headers(next_app: ASGIApp, headers: Mapping[str, str]) -> ASGIApp:
    """Return an application whose every answer carries these headers too, whoever gives it."""
    added = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await next_app(scope, receive, send_on)

    return answer


def _judge(raw_path: bytes, query: bytes) -> Refusal | None:
    if holds_nul_mark(raw_path.partition(b"?")[0]):
        return nul_refusal("The address")
    return nul_refusal("The query of the address") if holds_nul_mark(query) else None


def holds_nul_mark(encoded: bytes) -> bool:
    """Whether percent-encoded text holds a NUL character; `%2500` is the text `%00` and holds none."""
    return any(mark in encoded for mark in _NUL_MARKS)


def nul_refusal(where: str) -> Refusal:
    """Return the refusal of an address with a NUL character in it."""
    return Refusal(
        code="malformed-request",
        status=400,
        title="The request is malformed",
        detail=f"{where} holds a NUL character, which nothing here has in its name. Nothing was changed.",
        remedy=Remedy(text="Leave the character out, or start from the catalog", url="/"),
    )


class GuardedRequest(Request[Any, Any, Any]):
    """A request whose JSON body holds no NUL character."""

    async def json(self) -> Any:
        """Return the JSON body.

        Raises:
            ValidationException: a text in it holds a NUL character; the error names the field.
        """
        value = await super().json()
        if (place := find_nul(value)) is not None:
            raise ValidationException(
                detail="a text in the body holds a NUL character",
                extra=[{"key": place, "message": "holds a NUL character"}],
            )
        return value


def find_nul(value: Any) -> str | None:
    """Return where in decoded JSON a text holds a NUL character, as a path with dots; None if nowhere."""
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        place, item = waiting.pop()
        if isinstance(item, str):
            if "\x00" in item:
                return place or "body"
        elif isinstance(item, dict):
            if any("\x00" in key for key in item):
                return place or "body"
            waiting.extend((f"{place}.{key}".lstrip("."), member) for key, member in item.items())
        elif isinstance(item, list):
            waiting.extend((f"{place}.{number}".lstrip("."), member) for number, member in enumerate(item))
    return None
