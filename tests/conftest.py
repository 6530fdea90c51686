"""The ground that all tests stand on: real databases, object store, mail server and browser; a settable clock."""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import settings as hypothesis_settings
from playwright.async_api import async_playwright
from sqlalchemy import event
from sqlalchemy.engine import make_url

from registry.delivery.presign import Addressing
from registry.delivery.s3 import S3ObjectStore
from registry.delivery.seaweedfs import StoreAddress
from registry.kernel.clock import SystemClock
from registry.kernel.database import Database
from tests.clock import SettableClock
from tests.servers import browser as chromium
from tests.servers.dns import DNSServer
from tests.servers.network import clear_environment, forbid_other_machines
from tests.servers.processes import ROOT, Run, ServerUnavailable
from tests.servers.schema import migrate
from tests.servers.smtp import SMTPSink

TEMPLATE = "gatehouse_template"

MEMORY = Path("/dev/shm")
"""A folder in memory, where the system has it; what is made in it is for this user alone."""
MEMORY_LEAST_BYTES = 6 * 1024**3
"""What must be free there; a run takes about a tenth of it."""

_run_key = pytest.StashKey[Run]()

# Times on a busy machine say nothing about the code; in CI the examples are the same in every run.
hypothesis_settings.register_profile("gatehouse", deadline=None, derandomize="CI" in os.environ)
hypothesis_settings.load_profile("gatehouse")


def pytest_configure(config: pytest.Config) -> None:
    _prefer_memory()
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker is None:
        folder = Path(tempfile.mkdtemp(prefix="gatehouse-tests-"))
        config.stash[_run_key] = Run(folder=folder, root_pid=os.getpid())
    else:
        config.stash[_run_key] = Run(folder=Path(worker["run_folder"]), root_pid=worker["run_root_pid"])
    clear_environment(os.environ, home=str(config.stash[_run_key].folder / "hf-home"))
    forbid_other_machines()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    run = node.config.stash[_run_key]
    node.workerinput["run_folder"] = str(run.folder)
    node.workerinput["run_root_pid"] = run.root_pid


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or _run_key not in config.stash:
        return
    run = config.stash[_run_key]
    run.stop_servers()
    shutil.rmtree(run.folder, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say once per reason what this run left out."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[text.removeprefix("Skipped: ")] += 1
    if reasons:
        terminalreporter.section("left out", sep="-")
        for reason, count in reasons.most_common():
            terminalreporter.write_line(f"{count} {'test' if count == 1 else 'tests'}: {reason}")


@pytest.fixture(scope="session")
def run(pytestconfig: pytest.Config) -> Run:
    """The test run, shared by all workers."""
    return pytestconfig.stash[_run_key]


@pytest.fixture(scope="session")
def sqlite_template(run: Run) -> Path:
    """A migrated SQLite file to copy."""
    file = run.folder / "template.sqlite"
    with run.locked("sqlite"):
        if not file.exists():
            draft = file.with_suffix(".draft")
            migrate(f"sqlite:///{draft}")
            draft.replace(file)
    return file


@pytest.fixture(scope="session")
def postgres_url(run: Run) -> str:
    """URL of the maintenance database of a real PostgreSQL that holds a migrated template."""
    try:
        url: str = run.server("postgres")["url"]
    except ServerUnavailable as error:
        pytest.skip(str(error))
    with run.locked("postgres-template"), psycopg.connect(url, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone():
            connection.execute(f"CREATE DATABASE {TEMPLATE}_draft")
            migrate(_with_database(url, f"{TEMPLATE}_draft"))
            connection.execute(f"ALTER DATABASE {TEMPLATE}_draft RENAME TO {TEMPLATE}")
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a migrated database of the test's own; each test runs once per kind."""
    if request.param == "sqlite":
        file = tmp_path / "gatehouse.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), file)
        yield f"sqlite:///{file}"
        return
    server = request.getfixturevalue("postgres_url")
    name = f"test_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        # By way of the log, the default, a copy of ten megabytes takes several times as long.
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
        yield _with_database(server, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database of the test's own, on SQLite and on PostgreSQL."""
    database = Database(database_url)
    if database.dialect == "sqlite":
        for engine in (database.engine, database._reader):
            event.listen(engine, "connect", _return_rows_in_reverse)
    yield database
    database.close()


@pytest.fixture
def clock() -> SettableClock:
    """A clock that stands still until the test moves it."""
    return SettableClock()


@pytest.fixture(scope="session")
def object_store_address(run: Run) -> StoreAddress:
    """Address and keys of a real S3 server, shared by all workers."""
    address = run.server("seaweedfs")
    del address["keeper_pid"]
    return StoreAddress(**address)


@pytest.fixture
def object_store(object_store_address: StoreAddress) -> S3ObjectStore:
    """The S3 adapter over a real server; the test's keys are its own."""
    return S3ObjectStore(
        endpoint=object_store_address.endpoint,
        bucket=object_store_address.bucket,
        region=object_store_address.region,
        access_key=object_store_address.access_key,
        secret_key=object_store_address.secret_key,
        addressing=Addressing.PATH,
        clock=SystemClock(),  # the server checks times by the machine's clock
        prefix=f"{uuid4().hex}/",
    )


@pytest.fixture
def smtp() -> Iterator[SMTPSink]:
    """A mail server that keeps what it is sent."""
    sink = SMTPSink()
    yield sink
    sink.close()


@pytest.fixture
def dns_server() -> Iterator[DNSServer]:
    """A DNS server that says what the test lets it say."""
    server = DNSServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real third-party texts and cards, which are not in this repository."""
    named = os.environ.get("GATEHOUSE_SHARED")
    folder = Path(named) if named else ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(
            "the folder with real license texts and cards is absent (beside the repository, or GATEHOUSE_SHARED)"
        )
    return folder


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Any]:
    """A running Chromium, shared by the tests of one worker."""
    executable = chromium.find_chromium()
    if executable is None:
        pytest.skip(chromium.MISSING)
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=executable, args=chromium.flags())
        yield running
        await running.close()


@pytest.fixture
async def browser_page(browser: Any) -> AsyncIterator[Any]:
    """A page in a fresh browser profile (playwright's async API)."""
    context = await browser.new_context(locale="en-US", viewport={"width": 1280, "height": 900})
    context.set_default_timeout(15_000)
    yield await context.new_page()
    await context.close()


def _prefer_memory() -> None:
    """Keep what tests write in memory: thousands of databases come and go, each of hundreds of files.

    On a disk, making them took more than half of the time of a run.
    """
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return
    if shutil.disk_usage(MEMORY).free >= MEMORY_LEAST_BYTES:
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None


def _with_database(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _return_rows_in_reverse(connection: Any, _record: object) -> None:
    # A query that forgot its ORDER BY shows at once.
    connection.execute("PRAGMA reverse_unordered_selects=ON")
