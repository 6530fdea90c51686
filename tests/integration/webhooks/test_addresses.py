"""Webhooks lead nowhere that they may not: private networks, names that mean them, other servers by TLS."""

import ipaddress
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from registry.kernel import outbound
from registry.kernel.outbound import Reach
from registry.webhooks.domain import Trouble
from registry.webhooks.receiver import post, url_trouble
from tests.integration.webhooks.receiving import Receiver, receiving
from tests.world import run


@pytest.fixture
def receiver() -> Any:
    with receiving() as found:
        yield found


def send(url: str, reach: Reach) -> Trouble | None:
    trouble: Trouble | None = run(post(url, headers={}, body=b"{}", reach=reach)).trouble
    return trouble


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/x",
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://10.0.0.7/x",
        "https://169.254.169.254/latest/meta-data",
        "https://100.100.100.200/x",
        "https://0.0.0.0/x",
        "https://user:secret@hooks.example/x",
        "https://hooks.example/x#part",
        "https://hooks.example/a b",
        "https://hooks.example/\n",
        "https://hööks.example/x",
        "https:///x",
        "https://hooks.example:99999/x",
        "ftp://hooks.example/x",
        "javascript:alert(1)",
        "",
        "https://hooks.example/" + "x" * 500,
    ],
)
def test_an_address_that_is_none_of_a_receiver_is_not_taken(url: str) -> None:
    assert url_trouble(url, Reach.PUBLIC)


@pytest.mark.parametrize(
    "url", ["https://hooks.example/x?code=1", "https://hooks.example:8443/", "https://8.8.8.8/"]
)
def test_a_public_address_is_taken(url: str) -> None:
    assert url_trouble(url, Reach.PUBLIC) is None


def test_a_private_network_is_reached_only_where_the_settings_allow_it() -> None:
    assert url_trouble("https://10.0.0.7/x", Reach.PRIVATE) is None
    assert url_trouble("https://169.254.169.254/x", Reach.PRIVATE)
    assert url_trouble("https://localhost/x", Reach.PRIVATE)


class Names:
    """What names mean, one answer after the other."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.asked = 0
        self._answers = answers
        monkeypatch.setattr(socket, "getaddrinfo", self)

    def __call__(self, _host: object, port: object, *_given: object, **_named: object) -> list[Any]:
        found = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]


@pytest.mark.parametrize("found", [["127.0.0.1"], ["93.184.215.14", "127.0.0.1"], ["192.168.1.1"]])
def test_a_name_that_means_a_private_address_is_not_connected_to(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, found: list[str]
) -> None:
    Names(monkeypatch, found)
    port = receiver.url.rpartition(":")[2]
    assert send(f"https://hooks.example:{port}/hook", Reach.PUBLIC) is Trouble.UNREACHABLE
    assert receiver.got == []


def test_a_name_that_means_something_else_the_second_time_is_asked_once(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(monkeypatch, ["127.0.0.1"], ["10.0.0.1"])
    port = receiver.url.rpartition(":")[2]
    assert send(f"http://hooks.example:{port}/hook", Reach.LOOPBACK) is None
    assert (names.asked, len(receiver.got)) == (1, 1)
    assert receiver.got[0].headers["host"] == f"hooks.example:{port}"


def test_who_stands_in_between_without_a_certificate_for_the_name_gets_nothing(tmp_path: Path) -> None:
    with receiving(_self_signed(tmp_path)) as middle:
        url = middle.url.replace("http:", "https:")
        assert send(f"{url}/hook", Reach.LOOPBACK) is Trouble.UNREACHABLE
        assert middle.got == []


def _self_signed(folder: Path) -> Any:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    file = folder / "middle.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return lambda sock: context.wrap_socket(sock, server_side=True)


def test_a_receiver_that_sends_its_answer_too_slowly_is_given_up(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    until = threading.Event()
    receiver.before = lambda: until.wait(5) and None
    monkeypatch.setattr(outbound, "WHOLE_SECONDS", 0.3)
    assert send(f"{receiver.url}/hook", Reach.LOOPBACK) is Trouble.TOO_SLOW
    until.set()
