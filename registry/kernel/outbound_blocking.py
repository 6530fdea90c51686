"""The way out of `outbound` for libraries that block their thread: the same rules, for one origin alone."""

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from functools import cache

import httpx2

from registry.kernel.outbound import (
    ADDRESSES_MOST,
    CONNECT_SECONDS,
    Address,
    OutboundRefused,
    Reach,
    address_trouble,
    scheme_trouble,
)

SILENCE_SECONDS = 10.0


class OneOriginTransport(httpx2.BaseTransport):
    """Sends requests to one origin and nowhere else, to the address that was checked; answers come back bounded."""

    def __init__(self, origin: str, reach: Reach, *, answer_max_bytes: int, whole_seconds: float) -> None:
        self._origin = _origin_of(httpx2.URL(origin))
        self._reach = reach
        self._answer_max_bytes = answer_max_bytes
        self._whole_seconds = whole_seconds
        self._inner = httpx2.HTTPTransport(verify=_tls(), trust_env=False)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request.

        Raises:
            OutboundRefused: it goes elsewhere, to an address that is not allowed, or its answer is not one that is read.
        """
        if _origin_of(request.url) != self._origin:
            raise OutboundRefused("the address is not of the server that the settings name")
        if trouble := scheme_trouble(str(request.url), self._reach):
            raise OutboundRefused(f"the address may not be asked: {trouble}")
        deadline = time.monotonic() + self._whole_seconds
        answer = self._ask(request, self._resolve(request.url))
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            answer.close()
            raise OutboundRefused("the answer is packed, which was not asked for")
        assert isinstance(answer.stream, httpx2.SyncByteStream)  # noqa: S101 - a blocking transport answers so
        answer.stream = _BoundedStream(answer.stream, self._answer_max_bytes, deadline)
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()

    def _ask(self, request: httpx2.Request, addresses: Sequence[Address]) -> httpx2.Response:
        last = len(addresses) - 1
        request.headers["Accept-Encoding"] = "identity"
        for place, address in enumerate(addresses):
            sent = httpx2.Request(
                request.method,
                request.url.copy_with(host=str(address)),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": request.url.host},
            )
            try:
                return self._inner.handle_request(sent)
            except httpx2.ConnectError:
                if place == last:
                    raise
        raise OutboundRefused(f"the name {request.url.host} has no address")

    def _resolve(self, url: httpx2.URL) -> Sequence[Address]:
        try:
            addresses: Sequence[Address] = [ipaddress.ip_address(url.host)]
        except ValueError:
            addresses = _look_up(url.host, url.port or (443 if url.scheme == "https" else 80))
        for address in addresses:
            if trouble := address_trouble(address, self._reach):
                raise OutboundRefused(f"the address of {url.host} may not be asked: {trouble}")
        return addresses[:ADDRESSES_MOST]


def timeouts() -> httpx2.Timeout:
    """Return how long one step of a request may take."""
    return httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)


def _origin_of(url: httpx2.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def _look_up(host: str, port: int) -> Sequence[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise OutboundRefused(f"the name {host} cannot be resolved") from error
    return list(dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in found))


class _BoundedStream(httpx2.SyncByteStream):
    """The body of an answer, up to a size and a moment."""

    def __init__(self, inner: httpx2.SyncByteStream, most: int, deadline: float) -> None:
        self._inner = inner
        self._most = most
        self._deadline = deadline

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._inner:
            size += len(chunk)
            if size > self._most:
                raise OutboundRefused(f"the answer is larger than {self._most} bytes")
            if time.monotonic() > self._deadline:
                raise OutboundRefused("the answer took too long")
            yield chunk

    def close(self) -> None:
        """Close the body."""
        self._inner.close()


@cache
def _tls() -> ssl.SSLContext:
    # Reading the machine's certificates takes longer than a request.
    return ssl.create_default_context()
