"""Fetch files from the store through several connections at once, straight from presigned URLs.

One thread per connection takes spans: of one large file, or of many small ones. A file's bytes are hashed while
later ones still arrive. A URL that the store no longer takes is asked for anew, so that a withdrawn right ends a
running download; a connection that breaks is resumed where it broke.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from registry.client.errors import ClientError, Unavailable, VerificationFailed, printable
from registry.client.folder import TargetFolder
from registry.client.partial import PartialFile, Settled, Span
from registry.client.progress import Progress
from registry.client.release import ReleaseFile
from registry.client.store import RangeIgnored, StoreConnection, TransferBroke, URLExpired
from registry.client.transport import Redirect, seconds_to_wait

CONNECTIONS = 8
SPAN_MAX_BYTES = 32 << 20
"""Large enough that the round trip of a new request does not count on a far store."""
SPAN_MIN_BYTES = 4 << 20
"""At the start of a file spans are small, so that hashing can begin; at its end, so that all finish together."""
HASHED_BESIDE_FROM_BYTES = 8 << 20
"""Files of this size on get a thread of their own for hashing; smaller ones are hashed by who ends them."""
FAILURES_MAX = 6
"""Tries of one span without a single new byte."""
RENEWALS_MAX = 3
"""New URLs for one span without a single new byte: then the store refuses for another reason than age."""
REPORT_STEP_BYTES = 2 << 20
INTERRUPT_PATIENCE_SECONDS = 0.5

Locate = Callable[[ReleaseFile], Redirect | bytes]
"""Asks the registry for one file: a presigned URL, or the bytes of a small text. Raises when it refuses."""


class _Stopped(Exception):
    """Another thread has failed, or the user has pressed Ctrl-C."""


@dataclass(slots=True)
class _Job:
    """One open file."""

    partial: PartialFile
    lock: threading.Lock = field(default_factory=threading.Lock)
    location: Redirect | bytes | None = None
    is_settling: bool = False
    started_over: bool = False

    @property
    def file(self) -> ReleaseFile:
        return self.partial.file


class Download:
    """One run over a list of files; used once."""

    def __init__(
        self,
        *,
        folder: TargetFolder,
        locate: Locate,
        progress: Progress,
        connections: int = CONNECTIONS,
        store_timeout_seconds: float = 60.0,
    ) -> None:
        self._folder = folder
        self._locate = locate
        self._progress = progress
        self._connections = connections
        self._store_timeout_seconds = store_timeout_seconds
        self._changed = threading.Condition()
        self._waiting: deque[ReleaseFile] = deque()
        self._open: list[_Job] = []
        self._opening = 0
        self._error: BaseException | None = None
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._stores: list[StoreConnection] = []
        self.fetched_bytes = 0
        self.resumed_bytes = 0

    def run(self, files: Sequence[ReleaseFile]) -> None:
        """Return when every file is in its place, with the right digest, durably.

        Raises:
            ClientError: what stopped the first file that failed; the others stop too, and what was fetched stays.
        """
        self._waiting.extend(files)
        for _ in range(min(self._connections, max(1, self._useful_connections(files)))):
            self._start(self._work)
        try:
            self._join(None)
        except BaseException as error:
            # Ctrl-C: threads get a moment to note what they have; the process ends with or without them.
            self._fail(error)
            self._join(INTERRUPT_PATIENCE_SECONDS)
            raise
        for job in self._open:
            job.partial.close()
        if self._error is not None:
            raise self._error
        self._folder.sync_folders()

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name="gatehouse-pull", daemon=True)
        with self._changed:
            self._threads.append(thread)
        thread.start()

    def _join(self, patience_seconds: float | None) -> None:
        """Wait for every thread, those included that start while we wait."""
        at = 0
        while at < len(self._threads):
            self._threads[at].join(patience_seconds)
            at += 1

    def _useful_connections(self, files: Sequence[ReleaseFile]) -> int:
        return sum(1 + file.size // SPAN_MIN_BYTES for file in files[: self._connections])

    def _fail(self, error: BaseException) -> None:
        """Keep the first error and let everybody stop at the next chance."""
        with self._changed:
            if self._error is None:
                self._error = error
            self._stop.set()
            self._changed.notify_all()
            jobs, stores = list(self._open), list(self._stores)
        for store in stores:
            store.abort()
        for job in jobs:
            job.partial.wake()

    def _work(self) -> None:
        store = StoreConnection(timeout_seconds=self._store_timeout_seconds)
        with self._changed:
            self._stores.append(store)
        try:
            while (claim := self._next_claim()) is not None:
                job, span = claim
                try:
                    self._carry(store, job, span)
                finally:
                    job.partial.put_back(span)
                    self._notify()
                if job.partial.is_complete():
                    self._settle_small(job)
        except _Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 - carried to the thread that called `run`
            self._fail(error)
        finally:
            store.close()

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _next_claim(self) -> tuple[_Job, Span] | None:
        """Return the next stretch to fetch; None when nothing is left for this thread."""
        while True:
            with self._changed:
                if self._stop.is_set():
                    return None
                for job in self._open:
                    span = job.partial.take(at_most_bytes=self._span_bytes(job))
                    if span is not None:
                        return job, span
                if not self._waiting or len(self._open) + self._opening >= self._connections:
                    if not (self._open or self._waiting or self._opening):
                        return None
                    self._changed.wait()
                    continue
                file = self._waiting.popleft()
                self._opening += 1
            self._open_file(file)

    def _open_file(self, file: ReleaseFile) -> None:
        is_large = file.size >= HASHED_BESIDE_FROM_BYTES
        job = None
        try:
            job = _Job(partial=PartialFile(self._folder, file), is_settling=is_large)
        finally:
            # One step, so that nobody sees neither an opening nor an open file and goes home.
            with self._changed:
                self._opening -= 1
                if job is not None:
                    self._open.append(job)
                    self.resumed_bytes += job.partial.resumed_bytes
                self._changed.notify_all()
        self._progress.advance(job.partial.resumed_bytes)
        if is_large:
            self._start(lambda: self._settle_beside(job))
        elif job.partial.is_complete():
            self._settle_small(job)

    def _span_bytes(self, job: _Job) -> int:
        if self._connections == 1:
            return job.file.size
        missing = job.partial.missing_bytes()
        share = min(missing, job.file.size - missing) // (4 * self._connections)
        return max(SPAN_MIN_BYTES, min(SPAN_MAX_BYTES, share))

    def _carry(self, store: StoreConnection, job: _Job, span: Span) -> None:
        """Fetch all of `span`, through renewed URLs and new connections if need be."""
        failures = renewals = 0
        sink = _Sink(self, job.partial, span)
        while span.position < span.end:
            before = span.position
            location = self._location(job)
            try:
                if isinstance(location, bytes):
                    sink(memoryview(self._checked_inline(job, location))[span.position : span.end])
                else:
                    store.read_range(location.url, span.position, span.end, sink)
            except URLExpired:
                renewals = renewals + 1 if span.position == before else 1
                if renewals > RENEWALS_MAX:
                    raise Unavailable(
                        f"the store refuses {printable(job.file.path)}, although the registry permits it",
                        advice=("Check the clocks of this machine and of the registry.",),
                    ) from None
                self._forget_location(job, location)
            except TransferBroke as error:
                failures = failures + 1 if span.position == before else 1
                if failures >= FAILURES_MAX:
                    raise Unavailable(
                        f"{printable(job.file.path)} cannot be fetched: {error}",
                        advice=("Run the same command again: it goes on where it stopped.",),
                    ) from None
                self._pause(seconds_to_wait(None, attempt=failures - 1, now=time.time()))
                # A URL may be the trouble too, for example of a store that has moved.
                self._forget_location(job, location)
            except RangeIgnored:
                self._start_over_whole(job, span)
                return
            finally:
                sink.report()

    def _location(self, job: _Job) -> Redirect | bytes:
        """Return where the file is, asking the registry once for all connections."""
        with job.lock:
            if self._stop.is_set():
                raise _Stopped
            if job.location is None:
                job.location = self._locate(job.file)
            return job.location

    def _forget_location(self, job: _Job, used: Redirect | bytes) -> None:
        """Let the next request ask for a new URL, unless another connection already has one."""
        with job.lock:
            if job.location is used:
                job.location = None

    def _checked_inline(self, job: _Job, data: bytes) -> bytes:
        if len(data) != job.file.size:
            raise VerificationFailed(
                f"{printable(job.file.path)} has {len(data)} bytes, expected {job.file.size}"
            )
        return data

    def _start_over_whole(self, job: _Job, span: Span) -> None:
        """Go on with a store that cannot serve ranges: possible with one connection, from the first byte."""
        if self._connections != 1 or job.started_over:
            raise ClientError(
                "the store does not serve ranges of files",
                advice=("Try again with --connections 1.",),
            )
        job.started_over = True
        self._progress.advance(-span.position)
        job.partial.put_back(span)
        job.partial.start_over()

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise _Stopped

    def _settle_beside(self, job: _Job) -> None:
        """Hash a large file while it arrives."""
        try:
            while not self._settle_once(job):
                self._fetch_again(job)
        except BaseException as error:  # noqa: BLE001 - carried to the thread that called `run`
            self._fail(error)

    def _settle_small(self, job: _Job) -> None:
        """Hash a complete small file, unless another connection is at it."""
        with self._changed:
            if job.is_settling:
                return
            job.is_settling = True
        if not self._settle_once(job):
            self._fetch_again(job)
            with self._changed:
                job.is_settling = False
                self._changed.notify_all()

    def _settle_once(self, job: _Job) -> bool:
        """Check a file and put it in its place; False if its bytes are wrong."""
        outcome = job.partial.settle(self._stop.is_set)
        if outcome is Settled.IN_PLACE:
            self._close_job(job)
        return outcome is not Settled.WRONG_DIGEST

    def _fetch_again(self, job: _Job) -> None:
        """Fetch a file once more if an earlier run has left wrong bytes; fresh bytes get no second chance."""
        if not job.partial.resumed_bytes:
            job.partial.discard()
            raise VerificationFailed(
                f"the bytes of {printable(job.file.path)} are not those of the release: "
                f"their SHA-256 is not {job.file.sha256}",
                advice=("Nothing was kept of it. Tell the publisher or the operator of the registry.",),
            )
        self._progress.say(f"{job.file.path}: what an earlier run left is damaged, fetching it again")
        self._progress.advance(-job.file.size)
        job.partial.start_over()
        self._notify()

    def _close_job(self, job: _Job) -> None:
        job.partial.close()
        with self._changed:
            self._open.remove(job)
            self._changed.notify_all()

    def count(self, amount_bytes: int) -> None:
        """Add fetched bytes to the count."""
        with self._changed:
            self.fetched_bytes += amount_bytes
        self._progress.advance(amount_bytes)

    def check_running(self) -> None:
        """Return if the run goes on; otherwise unwind the calling thread."""
        if self._stop.is_set():
            raise _Stopped


class _Sink:
    """Writes what a connection hands over, and reports it in larger steps."""

    def __init__(self, download: Download, partial: PartialFile, span: Span) -> None:
        self._download = download
        self._partial = partial
        self._span = span
        self._unreported = 0

    def __call__(self, data: memoryview) -> None:
        self._download.check_running()
        self._partial.write(self._span, data)
        self._unreported += len(data)
        if self._unreported >= REPORT_STEP_BYTES:
            self.report()

    def report(self) -> None:
        """Report what was not reported yet."""
        if self._unreported:
            self._download.count(self._unreported)
            self._unreported = 0
