"""Too much, too slow, too many: answers are bounded, memory stays, and the next visitor is served."""

import contextlib
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from registry.delivery.seaweedfs import StoreAddress
from registry.identity.domain import Scope
from registry.kernel.clock import SystemClock
from registry.kernel.database import Database
from tests.faults.serving import Service, is_problem, served, wait_until
from tests.world import World

MiB = 1024 * 1024
PATIENCE_S = 1
"""What the service is told to wait for a request to arrive."""
WITHIN_S = 15
GROWTH_MOST_BYTES = 96 * MiB
"""More than buffers of all connections at once, far less than what is sent."""
CONNECTIONS = 600
MODEL = "quarry/quarry-15b"


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, object_store_address: StoreAddress
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("hostile")
    shutil.copyfile(sqlite_template, folder / "gatehouse.db")
    url = f"sqlite:///{folder / 'gatehouse.db'}"
    with served(folder, url, object_store_address, request_seconds=PATIENCE_S) as running:
        yield running


@pytest.fixture(scope="module")
def token(service: Service) -> Iterator[str]:
    database = Database(f"sqlite:///{service.log.parent / 'gatehouse.db'}")
    world = World(database=database, clock=SystemClock())
    world.gated_model()
    yield world.token(world.person("owner@quarry.example"), *Scope)
    database.close()


@pytest.fixture(autouse=True)
def stays_well(service: Service, token: str) -> Iterator[None]:
    """Before and after each test the service answers; what was sent at it does not stay in its memory."""
    del token
    assert _is_well(service)
    before = service.resident_bytes()
    yield
    assert _is_well(service)
    assert service.resident_bytes() - before < GROWTH_MOST_BYTES
    assert b"defect" not in service.log.read_bytes()


def _is_well(service: Service) -> bool:
    with service.client() as client:
        return client.get(f"/{MODEL}").status_code == 200


class Line:
    """A bare connection."""

    def __init__(self, service: Service) -> None:
        host, port = service.url.removeprefix("http://").split(":")
        self._socket = socket.create_connection((host, int(port)), timeout=WITHIN_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def flood(self, piece: bytes, *, most_bytes: int) -> int:
        """Send until the other side has enough; return how much it took."""
        taken = 0
        with contextlib.suppress(OSError):
            while taken < most_bytes:
                self._socket.sendall(piece)
                taken += len(piece)
        return taken

    def answer(self) -> bytes:
        """What comes until the end; empty if the connection was just closed."""
        said = b""
        with contextlib.suppress(ConnectionError):
            while data := self._socket.recv(65536):
                said += data
        return said

    @property
    def local_port(self) -> int:
        return int(self._socket.getsockname()[1])


def status_of(answer: bytes) -> int | None:
    """The status of an answer, None for a connection that was closed without one."""
    return int(answer.split(b" ", 2)[1]) if answer else None


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + b"a" * (10 * MiB),
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X-Many: a\r\n" * 200_000,
        b"GET /" + b"a" * (10 * MiB) + b" HTTP/1.1\r\nHost: a\r\n",
        b"GET /?q=" + b"a" * (10 * MiB) + b" HTTP/1.1\r\nHost: a\r\n",
        b"A" * (10 * MiB),
    ],
    ids=["one-header", "many-headers", "path", "query", "no-http"],
)
def test_a_head_of_ten_megabytes_is_refused_early(service: Service, head: bytes) -> None:
    with Line(service) as line:
        taken = line.flood(head[:65536], most_bytes=65536)
        taken += line.flood(head[65536 : 65536 + MiB] or b"x", most_bytes=len(head))
        assert status_of(line.answer()) in {400, 414, 431, None}
        assert taken < 9 * MiB, "it went on reading"


@pytest.mark.parametrize("length", [2_000, 20_000, 50_000])
def test_a_path_that_is_merely_long_is_refused_in_our_words(service: Service, length: int) -> None:
    with service.client() as client:
        for path in (
            "a" * length,
            f"{MODEL}/resolve/main/" + "a" * length,
            f"api/v1/models/{'a' * length}/x",
        ):
            answer = client.get(f"/{path}")
            assert answer.status_code in {400, 401, 404, 414}
            if "json" in answer.headers.get("content-type", ""):
                assert answer.json()["code"]


ROUTES = [
    ("/api/v1/models", True),
    (f"/api/v1/models/{MODEL}/uploads", True),
    (f"/{MODEL}/accept", False),
    ("/sign-in", False),
    (f"/{MODEL}/resolve/main/README.md", True),
    (f"/api/models/{MODEL}/paths-info/main", True),
    ("/nothing/here/at/all", True),
]


@pytest.mark.parametrize(("path", "is_json"), ROUTES)
@pytest.mark.parametrize("stated", [True, False], ids=["stated-10-GB", "endless"])
def test_a_body_without_end_is_cut_off(
    service: Service, token: str, path: str, *, is_json: bool, stated: bool
) -> None:
    kind = "application/json" if is_json else "application/x-www-form-urlencoded"
    length = "Content-Length: 10000000000" if stated else "Transfer-Encoding: chunked"
    piece = b"10000\r\n" + b"a" * 65536 + b"\r\n"
    with Line(service) as line:
        line.send(
            f"POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: {kind}\r\n{length}\r\n\r\n".encode()
        )
        taken = line.flood(piece, most_bytes=64 * MiB)
        assert taken < 48 * MiB, "it went on reading"
        status = status_of(line.answer())
    assert status in {400, 403, 404, 405, 413, None}, status


@pytest.mark.parametrize(("path", "is_json"), ROUTES)
def test_a_body_that_trickles_is_given_up(service: Service, token: str, path: str, *, is_json: bool) -> None:
    kind = "application/json" if is_json else "application/x-www-form-urlencoded"
    with Line(service) as line:
        line.send(
            f"POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: {kind}\r\nContent-Length: 1000\r\n\r\n".encode()
        )
        started_at = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - started_at < 2 * PATIENCE_S:
                line.send(b"a")
                time.sleep(0.1)
        status = status_of(line.answer())
        assert time.monotonic() - started_at < WITHIN_S
    assert status in {403, 404, 405, 408, None}, status


@pytest.mark.parametrize(
    ("path", "is_hub"),
    [(f"/api/v1/models/{MODEL}/uploads", False), (f"/api/models/{MODEL}/paths-info/main", True)],
)
def test_a_body_that_stops_is_told_so_in_the_routes_own_shape(
    service: Service, token: str, path: str, *, is_hub: bool
) -> None:
    def half() -> Iterator[bytes]:
        yield b'{"files": ['
        time.sleep(1.5 * PATIENCE_S)

    with service.program(token) as client:
        answer = client.post(path, content=half(), headers={"Content-Type": "application/json"})
    problem = is_problem(answer, 408, "request-too-slow")
    if is_hub:
        assert problem["error"] == answer.headers["x-error-message"]


def test_a_head_that_trickles_is_given_up(service: Service) -> None:
    with Line(service) as line:
        started_at = time.monotonic()
        line.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
        with contextlib.suppress(OSError):
            while time.monotonic() - started_at < 2 * PATIENCE_S:
                line.send(b"X-Slow: a\r\n")
                time.sleep(0.1)
        assert status_of(line.answer()) in {400, 408, None}
        assert time.monotonic() - started_at < WITHIN_S


def test_many_connections_shut_nobody_out(service: Service) -> None:
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(Line(service)) for _ in range(CONNECTIONS)]
        for line in lines[::2]:
            line.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
        assert _is_well(service)
    wait_until(lambda: _open_connections(service) < 20, "the connections stay open")


def _open_connections(service: Service) -> int:
    (worker,) = service.worker_ids()
    kinds = []
    for descriptor in Path(f"/proc/{worker}/fd").iterdir():
        with contextlib.suppress(OSError):
            kinds.append(str(descriptor.readlink()))
    return sum(kind.startswith("socket:") for kind in kinds)
