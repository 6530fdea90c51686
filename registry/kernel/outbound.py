"""The one way out: requests to addresses that somebody named in a setting or in another server's answer.

A request leaves only to an address that its `Reach` allows; the address that was checked is the one that is
connected to, so a name that resolves differently the second time gains nothing (DNS rebinding). Redirects are
never followed. Answers are bounded in bytes and in time, and are not unpacked.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from urllib.parse import urlsplit

import httpx2

from registry.kernel.outcomes import GatehouseError

ANSWER_MAX_BYTES = 512 * 1024
CONNECT_SECONDS = 5.0
SILENCE_SECONDS = 5.0
ADDRESSES_MOST = 4
"""How many addresses of one name are tried."""
WHOLE_SECONDS = 10.0
"""How long one request with its answer may take in all."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class Reach(StrEnum):
    """How far requests on behalf of one setting may go."""

    PUBLIC = "public"
    """https to addresses of the public Internet."""
    PRIVATE = "private"
    """Also https to private networks; never loopback or link-local ones, where machines keep their secrets."""
    LOOPBACK = "loopback"
    """This machine alone, also without TLS: for tests and for a provider beside the registry."""


class OutboundRefused(GatehouseError):
    """A request was not sent, or its answer not read, because it goes beyond what is allowed."""


class OutboundTooSlow(OutboundRefused):
    """The answer did not come in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """Opens clients for one reach."""

    reach: Reach

    def options(self) -> dict[str, object]:
        """Return the keyword arguments with which any `httpx2` client keeps to the rules."""
        return {
            "transport": GuardedTransport(self.reach),
            "follow_redirects": False,
            "trust_env": False,
            "timeout": httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS),
            "headers": {"Accept-Encoding": "identity", "User-Agent": "gatehouse"},
        }

    def client(self) -> httpx2.AsyncClient:
        """Return a client; use it in `async with`."""
        return httpx2.AsyncClient(**self.options())  # type: ignore[arg-type] # the arguments of its own constructor


def reach_of(url: str, *, private: bool = False) -> Reach:
    """Return how far requests for a setting with this address may go."""
    if is_loopback_host(urlsplit(url).hostname):
        return Reach.LOOPBACK
    return Reach.PRIVATE if private else Reach.PUBLIC


def is_loopback_host(host: str | None) -> bool:
    """Whether a host name means this machine."""
    return host in _LOOPBACK_NAMES


def scheme_trouble(url: str, reach: Reach) -> str | None:
    """Return what is wrong with an address before anything is looked up; None if it may be tried."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "it is not an address"
    if not parts.hostname:
        return "it names no host"
    if parts.username is not None or parts.password is not None:
        return "it carries a user name"
    if parts.scheme == "https" or (parts.scheme == "http" and reach is Reach.LOOPBACK):
        return None
    return f"it is not https but {parts.scheme or 'without a scheme'}"


def address_trouble(address: Address, reach: Reach) -> str | None:
    """Return why an address may not be connected to; None if it may."""
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        return address_trouble(mapped, reach)
    if reach is Reach.LOOPBACK:
        return None if address.is_loopback else "it is not on this machine"
    if address.is_global and not address.is_multicast:
        return None
    if reach is Reach.PRIVATE and address.is_private and not _holds_secrets(address):
        return None
    return "it leads into a network that is not public"


def _holds_secrets(address: Address) -> bool:
    """Whether services of the machine or its cloud answer there, such as instance metadata."""
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or address in _METADATA_ADDRESSES
    )


_METADATA_ADDRESSES = frozenset(
    map(ipaddress.ip_address, ("169.254.169.254", "fd00:ec2::254", "100.100.100.200"))
)


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Checks where each request goes, and how much comes back."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._inner = httpx2.AsyncHTTPTransport(verify=_tls(), trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request to the address that was checked; answers come back bounded.

        Raises:
            OutboundRefused: the address is not allowed, or the answer is not one that is read.
        """
        if trouble := scheme_trouble(str(request.url), self._reach):
            raise OutboundRefused(f"the address may not be asked: {trouble}")
        host = request.url.host
        deadline = asyncio.get_running_loop().time() + WHOLE_SECONDS
        try:
            async with asyncio.timeout_at(deadline):
                addresses = await self._resolve(host, request.url.port or _port(request.url.scheme))
                answer = await self._ask(request, addresses)
        except TimeoutError:
            raise OutboundTooSlow(f"no answer within {WHOLE_SECONDS:.0f} seconds") from None
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            await answer.aclose()
            raise OutboundRefused("the answer is packed, which was not asked for")
        assert isinstance(answer.stream, httpx2.AsyncByteStream)  # noqa: S101 - an async transport answers so
        answer.stream = _BoundedStream(answer.stream, deadline)
        return answer

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()

    async def _ask(self, request: httpx2.Request, addresses: Sequence[Address]) -> httpx2.Response:
        """Send the request to the first of the addresses that takes the connection."""
        last = len(addresses) - 1
        for place, address in enumerate(addresses):
            sent = httpx2.Request(
                request.method,
                request.url.copy_with(host=str(address)),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": request.url.host},
            )
            try:
                return await self._inner.handle_async_request(sent)
            except httpx2.ConnectError:
                if place == last:
                    raise
        raise OutboundRefused(f"the name {request.url.host} has no address")

    async def _resolve(self, host: str, port: int) -> Sequence[Address]:
        try:
            addresses: Sequence[Address] = [ipaddress.ip_address(host)]
        except ValueError:
            addresses = await _look_up(host, port)
        for address in addresses:
            # One bad address among good ones is a way in as well.
            if trouble := address_trouble(address, self._reach):
                raise OutboundRefused(f"the address of {host} may not be asked: {trouble}")
        return addresses[:ADDRESSES_MOST]


async def _look_up(host: str, port: int) -> Sequence[Address]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise OutboundRefused(f"the name {host} cannot be resolved") from error
    return list(dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in found))


class _BoundedStream(httpx2.AsyncByteStream):
    """The body of an answer, up to a size and a moment."""

    def __init__(self, inner: httpx2.AsyncByteStream, deadline: float) -> None:
        self._inner = inner
        self._deadline = deadline

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size, chunks = 0, aiter(self._inner)
        while True:
            try:
                async with asyncio.timeout_at(self._deadline):
                    chunk = await anext(chunks, None)
            except TimeoutError:
                raise OutboundTooSlow(f"the answer took longer than {WHOLE_SECONDS:.0f} seconds") from None
            if chunk is None:
                return
            size += len(chunk)
            if size > ANSWER_MAX_BYTES:
                raise OutboundRefused(f"the answer is larger than {ANSWER_MAX_BYTES} bytes")
            yield chunk

    async def aclose(self) -> None:
        """Close the body."""
        await self._inner.aclose()


def _port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


@cache
def _tls() -> ssl.SSLContext:
    # Reading the machine's certificates takes longer than a request.
    return ssl.create_default_context()
