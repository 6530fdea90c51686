"""The one way to the DNS: which TXT records a name has, by the resolvers of the settings or of the system.

No address that a user names is ever asked. Answers are as large as the protocol allows at most (64 KiB), and an
alias (CNAME) is followed by the resolver alone.
"""

import asyncio
import ipaddress
from collections.abc import Sequence

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
import structlog

from registry.kernel.outcomes import GatehouseError

LOOK_UPS_AT_ONCE = 16
"""How many names are asked for at a time in one process; further ones wait, within their time."""
DNS_PORT = 53

_log = structlog.get_logger()


class DNSRecords:
    """Asks resolvers for TXT records."""

    def __init__(self, servers: Sequence[str] = (), *, timeout_seconds: float = 5) -> None:
        """Take the addresses of resolvers, as `192.0.2.53` or `[2001:db8::53]:5353`; none: the system's.

        Raises:
            GatehouseError: one of them is not the address of a machine.
        """
        self._servers = [_read_server(text) for text in servers]
        self._timeout = timeout_seconds
        self._free = asyncio.Semaphore(LOOK_UPS_AT_ONCE)

    async def find_texts(self, name: str) -> Sequence[bytes] | None:
        """Return the TXT records of a name, none if it has none for sure; None if nobody could say."""
        try:
            async with asyncio.timeout(self._timeout), self._free:
                answer = await self._resolver().resolve(
                    dns.name.from_text(name),
                    dns.rdatatype.TXT,
                    raise_on_no_answer=False,
                    lifetime=self._timeout,
                    search=False,
                )
        except dns.resolver.NXDOMAIN:
            return ()
        except (dns.exception.DNSException, OSError, TimeoutError) as error:
            _log.info("dns.unanswered", error=type(error).__name__)
            return None
        if answer.rrset is None:
            return None if _is_referral(answer) else ()
        return [b"".join(record.strings) for record in answer.rrset]

    def _resolver(self) -> dns.asyncresolver.Resolver:
        # Made anew for each look-up: the system's resolvers may change while the process runs.
        resolver = dns.asyncresolver.Resolver(configure=not self._servers)
        if self._servers:
            resolver.nameservers = self._servers
        return resolver


def _is_referral(answer: dns.resolver.Answer) -> bool:
    """Whether the server only named others who may know: it has not said that there is no record."""
    kinds = {found.rdtype for found in answer.response.authority}
    return dns.rdatatype.NS in kinds and dns.rdatatype.SOA not in kinds


def _read_server(text: str) -> dns.nameserver.Nameserver:
    host, port = text, str(DNS_PORT)
    if not _is_address(text):
        host, _, port = text.rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
    if not _is_address(host) or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise GatehouseError(f"GATEHOUSE_DNS_SERVERS has {text!r}; expected an address such as 192.0.2.53")
    return dns.nameserver.Do53Nameserver(host, int(port))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
