"""Reading TXT records from a real server that is honest, absent, broken or hostile."""

import asyncio

import dns.rcode
import pytest

from registry.identity.dns_records import LOOK_UPS_AT_ONCE, DNSRecords
from registry.kernel.outcomes import GatehouseError
from tests.servers.dns import (
    Answer,
    DNSServer,
    garbage,
    other_question,
    rcode,
    referral,
    silence,
    texts,
)

NAME = "_gatehouse-challenge.nordlab.example"


@pytest.fixture
def records(dns_server: DNSServer) -> DNSRecords:
    return DNSRecords([dns_server.address], timeout_seconds=1)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (texts(b"one"), [b"one"]),
        (texts(b"one", b"two"), [b"one", b"two"]),
        (texts(b"\xff\xfe not text"), [b"\xff\xfe not text"]),
        (texts(b"x" * 700), [b"x" * 700]),
        (texts(b"aliased", alias="elsewhere.example."), [b"aliased"]),
        (texts(*(f"value {number}".encode() for number in range(1000))), 1000),
        (texts(b"y" * 60_000), [b"y" * 60_000]),
        (texts(), []),
        (texts(alias="nothing.example."), []),
        (rcode(dns.rcode.NXDOMAIN), []),
    ],
)
async def test_what_a_server_says_is_read(
    dns_server: DNSServer, records: DNSRecords, answer: Answer, found: list[bytes] | int
) -> None:
    dns_server.say(NAME, answer)
    read = await records.find_texts(NAME)
    assert read is not None
    assert (len(read) if isinstance(found, int) else sorted(read)) == found


@pytest.mark.parametrize(
    "answer",
    [
        rcode(dns.rcode.SERVFAIL),
        rcode(dns.rcode.REFUSED),
        rcode(dns.rcode.NOTIMP),
        rcode(dns.rcode.YXDOMAIN),
        silence,
        garbage,
        other_question,
        referral,
    ],
)
async def test_a_server_that_does_not_know_has_not_said_no(
    dns_server: DNSServer, records: DNSRecords, answer: Answer
) -> None:
    dns_server.say(NAME, answer)
    assert await records.find_texts(NAME) is None


async def test_nobody_there_has_not_said_no(dns_server: DNSServer) -> None:
    gone = DNSServer()
    gone.close()
    assert await DNSRecords([gone.address], timeout_seconds=1).find_texts(NAME) is None
    # The next one of the settings is asked then.
    dns_server.say(NAME, texts(b"one"))
    assert await DNSRecords([gone.address, dns_server.address], timeout_seconds=3).find_texts(NAME) == [
        b"one"
    ]


async def test_a_name_that_cannot_be_is_not_asked_for(dns_server: DNSServer, records: DNSRecords) -> None:
    assert await records.find_texts("a" * 64 + ".example") is None
    assert await records.find_texts(".".join(["a" * 60] * 5)) is None
    assert dns_server.asked == []


async def test_names_are_asked_for_as_they_are_and_once(dns_server: DNSServer, records: DNSRecords) -> None:
    dns_server.say(NAME, texts(b"one"))
    await records.find_texts(NAME)
    await records.find_texts("short")
    assert dns_server.asked == [NAME, "short"]


async def test_many_look_ups_of_a_silent_name_end_in_their_time(
    dns_server: DNSServer, records: DNSRecords
) -> None:
    dns_server.say(NAME, silence)
    async with asyncio.timeout(10):
        found = await asyncio.gather(*(records.find_texts(NAME) for _ in range(LOOK_UPS_AT_ONCE * 3)))
    assert set(found) == {None}
    dns_server.say(NAME, texts(b"one"))
    assert await records.find_texts(NAME) == [b"one"]


@pytest.mark.parametrize(
    "server", ["dns.example", "192.0.2.53:0", "192.0.2.53:x", "192.0.2.53:65536", "", "[::1", "1.2.3.4:٥٣"]
)
def test_a_setting_that_names_no_machine_is_refused(server: str) -> None:
    with pytest.raises(GatehouseError, match="GATEHOUSE_DNS_SERVERS"):
        DNSRecords([server])


@pytest.mark.parametrize("server", ["192.0.2.53", "192.0.2.53:5353", "2001:db8::53", "[2001:db8::53]:5353"])
def test_addresses_of_both_kinds_are_taken(server: str) -> None:
    DNSRecords([server])
