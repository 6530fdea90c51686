"""Adapter to receivers: one POST by the guarded way out, and what came of it. The answer's body is never read."""

import ipaddress
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx2

from registry.kernel.outbound import (
    Outbound,
    OutboundRefused,
    OutboundTooSlow,
    Reach,
    address_trouble,
    is_loopback_host,
    scheme_trouble,
)
from registry.webhooks.domain import Answer, Trouble

URL_MOST_CHARACTERS = 500


def url_trouble(url: str, reach: Reach) -> str | None:
    """Return why an address cannot be that of a receiver; None if it may be tried. No name is looked up."""
    if len(url) > URL_MOST_CHARACTERS:
        return f"it has more than {URL_MOST_CHARACTERS} characters"
    if not url.isascii() or not url.isprintable() or " " in url:
        return "it has characters that stand in no address"
    if trouble := scheme_trouble(url, reach):
        return trouble
    parts = urlsplit(url)
    if parts.fragment:
        return "it has a fragment, which is never sent"
    try:
        address = ipaddress.ip_address(parts.hostname or "")
    except ValueError:
        outside = is_loopback_host(parts.hostname) and reach is not Reach.LOOPBACK
        return "it leads into a network that is not public" if outside else None
    return address_trouble(address, reach)


async def post(url: str, *, headers: Mapping[str, str], body: bytes, reach: Reach) -> Answer:
    """Return what came of sending the body there once."""
    begun = time.monotonic()
    status, trouble = await _try(url, headers, body, reach)
    return Answer(status=status, trouble=trouble, duration_ms=round((time.monotonic() - begun) * 1000))


async def _try(
    url: str, headers: Mapping[str, str], body: bytes, reach: Reach
) -> tuple[int | None, Trouble | None]:
    try:
        async with (
            Outbound(reach=reach).client() as client,
            client.stream("POST", url, headers=dict(headers), content=body) as answer,
        ):
            return answer.status_code, _judge(answer.status_code)
    except (OutboundTooSlow, httpx2.TimeoutException):
        return None, Trouble.TOO_SLOW
    except (OutboundRefused, httpx2.HTTPError, httpx2.InvalidURL):
        return None, Trouble.UNREACHABLE


def _judge(status: int) -> Trouble | None:
    if 200 <= status < 300:
        return None
    return Trouble.REDIRECT if 300 <= status < 400 else Trouble.STATUS
