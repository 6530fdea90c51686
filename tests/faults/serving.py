"""The service as `gatehouse serve` runs it, in processes of its own, and what people do with it over HTTP."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2

from registry.delivery.seaweedfs import StoreAddress
from registry.identity.domain import Principal, digest_of
from registry.identity.tables import WebSession
from registry.kernel.identifiers import new_id
from tests.servers.processes import ROOT
from tests.world import MASTER_SECRET, World

DEADLINE_S = 30
START_WITHIN_S = 100
SERVE = (sys.executable, "-m", "registry.cli", "serve")
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


@dataclass(frozen=True)
class Service:
    """A running service."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def client(self, **headers: str) -> httpx2.Client:
        """A program that follows nothing by itself."""
        return httpx2.Client(base_url=self.url, headers=headers, timeout=DEADLINE_S, trust_env=False)

    def program(self, token: str) -> httpx2.Client:
        return self.client(Authorization=f"Bearer {token}")

    def readiness(self) -> tuple[int, dict[str, str]]:
        """Status and parts of /health/ready."""
        with self.client() as client:
            answer = client.get("/health/ready")
        return answer.status_code, answer.json()["parts"]

    def wait_until_ready(self) -> None:
        """Return when the service says by itself that it is ready."""
        wait_until(lambda: self.readiness()[0] == 200, "the service is not ready")

    def worker_ids(self) -> list[int]:
        """The processes that answer requests."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(child) for child in children if b"resource_tracker" not in _command(child)]

    def resident_bytes(self) -> int:
        """Memory of the processes that answer requests."""
        pages = sum(int(Path(f"/proc/{child}/statm").read_text().split()[1]) for child in self.worker_ids())
        return pages * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def served(
    folder: Path, database_url: str, store: StoreAddress, *arguments: str, **settings: object
) -> Iterator[Service]:
    """Run the service until the end of the block."""
    with started(folder, database_url, store, *arguments, **settings) as service:
        wait_until_up(service)
        yield service


@contextlib.contextmanager
def started(
    folder: Path,
    database_url: str,
    store: StoreAddress,
    *arguments: str,
    port: int | None = None,
    **settings: object,
) -> Iterator[Service]:
    """Start the service without waiting for it; settings that are not named are those of a test."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    given: dict[str, object] = {
        "base_url": url,
        "data_dir": folder,
        "database_url": database_url,
        "master_key": MASTER_SECRET.hex(),
        "s3_endpoint": store.endpoint,
        "s3_bucket": store.bucket,
        "s3_region": store.region,
        "s3_access_key": store.access_key,
        "s3_secret_key": store.secret_key,
        **settings,
    }
    environment = os.environ | {f"GATEHOUSE_{name.upper()}": str(value) for name, value in given.items()}
    log = folder / f"service-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*SERVE, "--host", "127.0.0.1", "--port", str(port), *arguments],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        yield Service(url=url, process=process, log=log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_up(service: Service) -> None:
    """Return when the service answers; raise with its log if it ends instead."""

    def is_up() -> bool:
        if service.process.poll() is not None:
            raise AssertionError(f"the service ended:\n{service.log.read_text(errors='replace')[-4000:]}")
        with contextlib.suppress(httpx2.TransportError), service.client() as client:
            return client.get("/health/live").status_code == 200
        return False

    wait_until(is_up, f"the service did not start; see {service.log}", within_s=START_WITHIN_S)


def wait_until(holds: Callable[[], bool], otherwise: str, *, within_s: float = DEADLINE_S) -> None:
    """Return when it holds; fail after the deadline."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)


def cookie_of(world: World, person: Principal) -> str:
    """A browser session of the person; its cookie."""
    secret = str(new_id())
    world.write(
        lambda session: session.add(
            WebSession(
                digest=digest_of(secret),
                person_id=person.person_id,
                method="email-link",
                created_at=world.now,
                expires_at=world.now + timedelta(days=1),
            )
        )
    )
    return f"gatehouse_session={secret}"


@dataclass(frozen=True)
class FilledForm:
    """The acceptance page as one person's browser holds it, filled in."""

    service: Service
    cookie: str
    path: str
    fields: dict[str, str]

    def post(self, *, at: Service | None = None) -> httpx2.Response:
        """Send it, to another process where one is named."""
        with (at or self.service).client(Cookie=self.cookie, Origin=self.service.url) as browser:
            return browser.post(self.path, data=self.fields)


def fill_form(service: Service, world: World, person: Principal, repo: str) -> FilledForm:
    """Open the acceptance page of a model as the person, and fill it in."""
    cookie = cookie_of(world, person)
    with service.client(Cookie=cookie) as browser:
        page = browser.get(f"/{repo}/accept")
    assert page.status_code == 200, page.text[:2000]
    fields = {
        **dict(HIDDEN.findall(page.text)),
        "declaration": "on",
        "typed_name": "Mara Lindqvist",
        "answer-0": "Nordlab Institute",
        "answer-1": "NO",
    }
    return FilledForm(service=service, cookie=cookie, path=f"/{repo}/accept", fields=fields)


def receipt_id(answer: httpx2.Response) -> UUID:
    """The acceptance that a posted form led to."""
    assert answer.status_code == 303, (answer.status_code, answer.text[:1000])
    return UUID(answer.headers["location"].removeprefix("/records/").partition("?")[0])


def is_problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """Make sure that the answer is a problem in the one shape (RFC 9457), and return it."""
    assert answer.status_code == status, (answer.status_code, answer.text[:1000])
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["type"].endswith(f"/problems/{code}")
    assert problem["title"]
    assert problem["detail"]
    assert problem["remedy"]["text"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert "X-Amz-" not in answer.text
    assert "location" not in answer.headers
    if status == 503:
        assert int(answer.headers["retry-after"]) > 0
    return problem


def is_outage(answer: httpx2.Response) -> dict[str, Any]:
    """Make sure that the answer says plainly that a part is out of reach and gives nothing away."""
    problem = is_problem(answer, 503, "unavailable")
    assert answer.headers["content-type"].startswith("application/problem+json")
    return problem


def is_hub_outage(answer: httpx2.Response) -> None:
    """Make sure that a Hub client is told of the outage in its own way."""
    problem = is_problem(answer, 503, "unavailable")
    assert problem["error"] == answer.headers["x-error-message"]
    assert answer.headers["x-hf-warning"]
    assert "x-error-code" not in answer.headers


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(process_id: str) -> bytes:
    return Path(f"/proc/{process_id}/cmdline").read_bytes()
