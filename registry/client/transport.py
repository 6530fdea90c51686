"""One session with one registry: the bearer token, retries, and problems turned into typed errors.

The token is attached to requests to the registry's own origin only. The session follows no redirect to
another origin. Neither tokens nor query strings are logged or kept in errors.
"""

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal, Self
from urllib.parse import quote, urljoin, urlsplit

import httpx2

from registry.client.errors import ClientError, Malformed, Unavailable, printable
from registry.client.problem import RETRIED_STATUSES, typed_error
from registry.client.wire import Fields, JsonObject, parse_json

ANSWER_MAX_BYTES = 64 << 20
"""Longest JSON answer that is read; a manifest of 100,000 files takes about 25 MB."""
PROBLEM_MAX_BYTES = 256 << 10
ATTEMPTS_MAX = 5
BACKOFF_FIRST_SECONDS = 0.5
BACKOFF_MAX_SECONDS = 20.0
RETRY_AFTER_MAX_SECONDS = 120.0
"""A longer wait than this is reported instead of waited for."""
CONNECT_TIMEOUT_SECONDS = 10.0
READ_TIMEOUT_SECONDS = 60.0
REDIRECTS_MAX = 5
USER_AGENT = "gatehouse/0.1.0"

# httpx2 logs every URL at INFO; a redirect's URL is presigned.
logging.getLogger("httpx2").setLevel(logging.WARNING)
logging.getLogger("httpcore2").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Redirect:
    """The registry points to another place; its URL may be presigned and is not shown."""

    url: str

    def __repr__(self) -> str:
        return "Redirect(…)"


class _BodyCut(Unavailable):
    """An answer began and did not end."""


def safe_path(*segments: str) -> str:
    """Return URL path segments, each percent-encoded, joined by slashes."""
    return "/".join(quote(segment, safe="") for segment in segments)


def seconds_to_wait(header: str | None, *, attempt: int, now: float) -> float:
    """Return how long to wait before try `attempt` + 1: what `Retry-After` asks, else growing steps."""
    if header:
        try:
            return max(0.0, float(int(header)))
        except ValueError:
            pass
        try:
            return max(0.0, parsedate_to_datetime(header).timestamp() - now)
        except ValueError:
            pass
    step = min(BACKOFF_MAX_SECONDS, BACKOFF_FIRST_SECONDS * 2.0**attempt)
    return step * (0.75 + random.random() / 2)  # noqa: S311 - spreads clients out, no secret


class Session:
    """Talks to one registry; may be used by several threads at once."""

    def __init__(
        self,
        *,
        endpoint: str,
        token: str | None,
        pause: Callable[[float], None] = time.sleep,
        read_timeout_seconds: float = READ_TIMEOUT_SECONDS,
    ) -> None:
        self.endpoint = endpoint
        self.is_signed_in = token is not None
        self.pause = pause
        self._token = token
        self._origin = _origin(endpoint)
        self._client = httpx2.Client(
            headers={"User-Agent": USER_AGENT},
            timeout=httpx2.Timeout(read_timeout_seconds, connect=CONNECT_TIMEOUT_SECONDS),
            limits=httpx2.Limits(max_connections=32, max_keepalive_connections=16),
            follow_redirects=False,
        )

    def __repr__(self) -> str:
        return f"Session(endpoint={self.endpoint!r}, is_signed_in={self.is_signed_in})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all connections."""
        self._client.close()

    def absolute(self, reference: str) -> str | None:
        """Return a reference that the registry sent as a full http(s) URL, or None if it is none."""
        try:
            url = urljoin(self.endpoint + "/", reference)
            parts = urlsplit(url)
        except ValueError:
            return None
        return printable(url) if parts.scheme in {"http", "https"} and parts.hostname else None

    def get_json(self, path: str, *, query: Mapping[str, str] | None = None) -> Fields:
        """Return the JSON object at `path`; tried again on 429 and 5xx."""
        return self._read_json("GET", path, query=query, idempotent=True)

    def post_json(self, path: str, body: JsonObject, *, idempotent: bool) -> Fields:
        """Post `body` and return the JSON answer; tried again only where that does no harm."""
        return self._read_json("POST", path, body=body, idempotent=idempotent)

    def put_json(self, path: str, body: JsonObject) -> Fields:
        """Put `body` and return the JSON answer; tried again on 429 and 5xx."""
        return self._read_json("PUT", path, body=body, idempotent=True)

    def get_bytes(self, path: str, *, accept: str = "*/*", limit: int = ANSWER_MAX_BYTES) -> bytes:
        """Return the exact bytes at `path`; tried again on 429 and 5xx, and where they break off."""
        return self._read("GET", path, headers={"Accept": accept}, idempotent=True, limit=limit)

    def stream(self, path: str, *, query: Mapping[str, str], accept: str) -> Iterator[bytes]:
        """Yield the body at `path` piece by piece; a body that breaks off raises, what came is incomplete."""
        with self.opened("GET", path, query=query, headers={"Accept": accept}, idempotent=True) as response:
            yield from response.iter_bytes()

    def locate(self, path: str, *, limit: int) -> Redirect | bytes:
        """Return where the registry sends a download, or the bytes where it serves a small text itself."""
        with self.opened("GET", path, idempotent=True, to_store=True) as response:
            if response.is_redirect:
                return Redirect(str(response.url.join(response.headers["location"])))
            return _read_bounded(response, limit)

    def _read(
        self,
        method: Literal["GET", "POST", "PUT"],
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: JsonObject | None = None,
        headers: Mapping[str, str],
        idempotent: bool,
        limit: int = ANSWER_MAX_BYTES,
    ) -> bytes:
        attempt = 0
        while True:
            try:
                with self.opened(
                    method, path, query=query, body=body, headers=headers, idempotent=idempotent
                ) as response:
                    return _read_bounded(response, limit)
            except _BodyCut:
                attempt += 1
                if not idempotent or attempt >= ATTEMPTS_MAX:
                    raise
                self.pause(seconds_to_wait(None, attempt=attempt, now=time.time()))

    def _read_json(
        self,
        method: Literal["GET", "POST", "PUT"],
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: JsonObject | None = None,
        idempotent: bool,
    ) -> Fields:
        data = self._read(
            method,
            path,
            query=query,
            body=body,
            headers={"Accept": "application/json"},
            idempotent=idempotent,
        )
        return Fields(parse_json(data, what=f"the answer of {path}"), where=f"the answer of {path}")

    @contextmanager
    def opened(
        self,
        method: Literal["GET", "POST", "PUT"],
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: JsonObject | None = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool,
        to_store: bool = False,
    ) -> Iterator[httpx2.Response]:
        """Give the successful response, its body unread; `to_store` also gives redirects elsewhere.

        Raises:
            ClientError: the typed form of every other answer, and of a registry that does not answer.
        """
        url = httpx2.URL(self.endpoint + path)
        if query:
            url = url.copy_merge_params(dict(query))
        response = self._send_until_answered(
            self._request(method, url, body, headers), idempotent=idempotent, to_store=to_store
        )
        try:
            yield response
        except httpx2.TransportError:
            raise _BodyCut(
                f"the answer of the registry at {self.endpoint} broke off",
                advice=("Run the command again.",),
            ) from None
        finally:
            response.close()

    def _request(
        self,
        method: str,
        url: httpx2.URL,
        body: JsonObject | None,
        headers: Mapping[str, str] | None,
    ) -> httpx2.Request:
        request = self._client.build_request(method, url, json=body, headers=headers)
        # The only place that attaches the token, after a look at the origin.
        if self._token is not None and _origin(str(url)) == self._origin:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def _send_until_answered(
        self, request: httpx2.Request, *, idempotent: bool, to_store: bool
    ) -> httpx2.Response:
        attempt = 0
        redirects = 0
        while True:
            may_retry = idempotent and attempt + 1 < ATTEMPTS_MAX
            try:
                response = self._client.send(request, stream=True)
            except httpx2.TransportError as error:
                if not may_retry:
                    raise self._unreachable(error) from None
                self.pause(seconds_to_wait(None, attempt=attempt, now=time.time()))
                attempt += 1
                continue
            if response.is_success:
                return response
            if response.is_redirect and "location" in response.headers:
                if to_store and not self._is_own(response):
                    return response
                redirects += 1
                request = self._follow(response, request, redirects)
                continue
            wait = seconds_to_wait(response.headers.get("retry-after"), attempt=attempt, now=time.time())
            worth_it = response.status_code in RETRIED_STATUSES and wait <= RETRY_AFTER_MAX_SECONDS
            if not (may_retry and worth_it):
                raise self._error(response)
            response.close()
            self.pause(wait)
            attempt += 1

    def _is_own(self, response: httpx2.Response) -> bool:
        """Whether a redirect stays in the registry's file grammar: a renamed model, not the store."""
        target = response.url.join(response.headers["location"])
        return _origin(str(target)) == self._origin and "/resolve/" in target.path and not target.query

    def _follow(self, response: httpx2.Response, request: httpx2.Request, count: int) -> httpx2.Request:
        """Return the request that a redirect within the registry asks for.

        Raises:
            ClientError: it leads to another origin, turns a POST around, or never ends.
        """
        target = response.url.join(response.headers["location"])
        response.close()
        elsewhere = _origin(str(target))
        if elsewhere != self._origin:
            raise ClientError(
                f"the registry at {self.endpoint} sends requests to another address, {printable(elsewhere)}",
                advice=("If that is its new address, sign in there: gatehouse login --endpoint …",),
            )
        if request.method != "GET" or count > REDIRECTS_MAX:
            raise ClientError(f"the registry answers {request.method} with redirects that cannot be followed")
        return self._request("GET", target, None, {"Accept": request.headers.get("accept", "*/*")})

    def _unreachable(self, error: httpx2.TransportError) -> Unavailable:
        reason = {
            "ConnectTimeout": "it does not answer",
            "ReadTimeout": "it stopped answering",
            "ConnectError": "no connection",
        }.get(type(error).__name__, "the connection broke off")
        return Unavailable(
            f"the registry at {self.endpoint} cannot be reached: {reason}",
            advice=("Check the address and the network, then try again.",),
        )

    def _error(self, response: httpx2.Response) -> ClientError:
        """Return the typed error for an unsuccessful answer, and close it."""
        try:
            body = _read_bounded(response, PROBLEM_MAX_BYTES)
        except (ClientError, httpx2.HTTPError):
            body = b""
        finally:
            response.close()
        header = response.headers.get("retry-after")
        wait = None if header is None else seconds_to_wait(header, attempt=0, now=time.time())
        return typed_error(response.status_code, body, retry_after_seconds=wait, make_absolute=self.absolute)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{port}"


def _read_bounded(response: httpx2.Response, limit: int) -> bytes:
    pieces: list[bytes] = []
    length = 0
    for piece in response.iter_bytes():
        length += len(piece)
        if length > limit:
            raise Malformed(f"the registry's answer is longer than {limit} bytes")
        pieces.append(piece)
    return b"".join(pieces)
