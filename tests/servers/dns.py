"""A DNS server on loopback, by UDP and TCP, that says what a test lets it say."""

import socketserver
import struct
import threading
from collections.abc import Callable, Sequence
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

UDP_MOST_BYTES = 512
Answer = Callable[[dns.message.Message], "bytes | None"]


class DNSServer:
    """Listens on a free port of 127.0.0.1. A name that nobody has told it about does not exist."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        """The names that were asked for, each as often as it was."""
        self._answers: dict[dns.name.Name, Answer] = {}
        self._tcp = _TCP(("127.0.0.1", 0), _Connection)
        self._udp = _UDP(("127.0.0.1", self._tcp.server_address[1]), _Datagram)
        self._tcp.dns = self._udp.dns = self
        self.address = f"127.0.0.1:{self._tcp.server_address[1]}"
        for server in (self._tcp, self._udp):
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        for server in (self._tcp, self._udp):
            server.shutdown()
            server.server_close()

    def say(self, name: str, answer: Answer) -> None:
        """From now on, answer questions about a name so."""
        self._answers[dns.name.from_text(name)] = answer

    def answer(self, wire: bytes, *, by_tcp: bool) -> bytes | None:
        """Return the answer to a question; too long a one is cut on UDP."""
        query = dns.message.from_wire(wire)
        name = query.question[0].name
        self.asked.append(name.to_text(omit_final_dot=True))
        said = self._answers.get(name, rcode(dns.rcode.NXDOMAIN))(query)
        if said is None or by_tcp or len(said) <= UDP_MOST_BYTES:
            return said
        cut = dns.message.make_response(query, recursion_available=True)
        cut.flags |= dns.flags.TC
        return cut.to_wire()


def texts(*values: bytes, alias: str | None = None) -> Answer:
    """These TXT records, each as one string or, beyond 255 bytes, several; perhaps at the end of an alias."""

    def answer(query: dns.message.Message) -> bytes:
        response = dns.message.make_response(query, recursion_available=True)
        name = query.question[0].name
        if alias is not None:
            response.answer.append(dns.rrset.from_text(name, 300, "IN", "CNAME", alias))
            name = dns.name.from_text(alias)
        if values:
            response.answer.append(_txt(name, values))
        return response.to_wire(max_size=65535)

    return answer


def rcode(code: dns.rcode.Rcode) -> Answer:
    """No record, for this reason."""

    def answer(query: dns.message.Message) -> bytes:
        response = dns.message.make_response(query, recursion_available=True)
        response.set_rcode(code)
        return response.to_wire()

    return answer


def referral(query: dns.message.Message) -> bytes:
    """Ask somebody else: what a server answers that does not resolve."""
    response = dns.message.make_response(query)
    response.authority.append(dns.rrset.from_text("example.", 300, "IN", "NS", "ns.example."))
    return response.to_wire()


def silence(_query: dns.message.Message) -> None:
    """No answer at all."""


def garbage(_query: dns.message.Message) -> bytes:
    """Something that is no DNS message."""
    return b"\x00\x01\xff\xff garbage"


def other_question(query: dns.message.Message) -> bytes:
    """The answer to something that was not asked, with the right number."""
    other = dns.message.make_query("other.example.", "TXT", id=query.id)
    return texts(b"value")(other)


def _txt(name: dns.name.Name, values: Sequence[bytes]) -> dns.rrset.RRset:
    records = []
    for value in values:
        pieces = [value[start : start + 255] for start in range(0, len(value), 255)] or [b""]
        wire = b"".join(struct.pack("B", len(piece)) + piece for piece in pieces)
        records.append(dns.rdata.from_wire(dns.rdataclass.IN, dns.rdatatype.TXT, wire, 0, len(wire)))
    return dns.rrset.from_rdata_list(name, 300, records)


class _UDP(socketserver.ThreadingUDPServer):
    dns: DNSServer
    daemon_threads = True


class _TCP(socketserver.ThreadingTCPServer):
    dns: DNSServer
    daemon_threads = True


class _Datagram(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        wire, channel = self.request
        server: Any = self.server
        if (said := server.dns.answer(wire, by_tcp=False)) is not None:
            channel.sendto(said, self.client_address)


class _Connection(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        (length,) = struct.unpack("!H", self.rfile.read(2))
        server: Any = self.server
        if (said := server.dns.answer(self.rfile.read(length), by_tcp=True)) is not None:
            self.wfile.write(struct.pack("!H", len(said)) + said)
