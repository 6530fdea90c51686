"""How long a request may take to arrive: a client that sends its body byte by byte holds nothing for long."""

import asyncio

from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, Receive, ReceiveMessage, Scope, Send


def bodies_in_time(next_app: ASGIApp, *, seconds: float) -> ASGIApp:
    """Return an application that gives a body `seconds` from the first look at it until its end, else answers 408."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await next_app(scope, receive, send)
            return
        await next_app(scope, _Body(receive, seconds), send)

    return answer


class _Body:
    """`receive` of one request."""

    def __init__(self, receive: Receive, seconds: float) -> None:
        self._receive = receive
        self._seconds = seconds
        self._until: float | None = None
        self._is_whole = False

    async def __call__(self) -> ReceiveMessage:
        """Return the next piece; what comes after the whole body, such as a hang-up, may take its time."""
        if self._is_whole:
            return await self._receive()
        if self._until is None:
            self._until = asyncio.get_running_loop().time() + self._seconds
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(
                status_code=408, detail=f"The body had not arrived whole after {self._seconds:g} s."
            ) from None
        self._is_whole = message["type"] != "http.request" or not message.get("more_body")
        return message
