"""Requests with their bytes as they are, which the client of the framework would mend first."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from litestar import Litestar


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request got."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


async def ask(
    app: Litestar,
    method: str,
    target: str,
    *,
    body: bytes = b"",
    client: str = "192.0.2.7",
    **headers: str,
) -> Answer:
    """Ask at the raw `target`; names of headers are written with underscores."""
    path, _, query = target.partition("?")
    given = {"host": "gatehouse.test:8400", "content-length": str(len(body))}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        # As granian decodes it.
        "path": unquote_to_bytes(path).decode("utf-8", "replace"),
        "raw_path": path.encode("ascii"),
        "root_path": "",
        "query_string": query.encode("ascii"),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
        "client": (client, 40_000),
        "server": ("gatehouse.test", 8400),
        "state": {},
    }
    sent: list[dict[str, Any]] = []
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)  # type: ignore[arg-type] # plain dicts are what servers send
    start = sent[0]
    named = {name.decode().lower(): value.decode("latin-1") for name, value in start["headers"]}
    return Answer(start["status"], named, b"".join(message.get("body", b"") for message in sent[1:]))
