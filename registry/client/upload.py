"""Send files to the store in parts, several at once, by presigned URLs; go on where an earlier run was killed.

The registry knows which parts the store has. A part counts as there only with the size that it must have, and the
whole is hashed by the registry before it becomes a file: an upload that lies about its digest ends as `failed`.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from registry.client.answers import Upload, UploadState
from registry.client.api import Registry
from registry.client.errors import ClientError, Malformed, Unavailable, VerificationFailed, printable
from registry.client.progress import Progress
from registry.client.store import StoreConnection, TransferBroke, URLExpired
from registry.client.transport import seconds_to_wait

CONNECTIONS = 6
URLS_AT_ONCE = 16
"""Part URLs that are asked for at a time: they live for minutes, so not all of a large file's at once."""
FAILURES_MAX = 6
RENEWALS_MAX = 3
PARTS_MAX_COUNT = 10_000
"""Most parts of one upload (S3 multipart uploads)."""
VERIFY_POLL_FIRST_SECONDS = 0.2
VERIFY_POLL_GROWTH = 1.4
VERIFY_POLL_MAX_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFile:
    """A file to publish, as it was when it was hashed."""

    path: str
    """In the release: relative, with slashes."""
    source: Path
    size: int
    modified_ns: int
    sha256: str


class _Stopped(Exception):
    """Another thread has failed, or the user has pressed Ctrl-C."""


@dataclass(slots=True)
class _Job:
    """One file on its way to the store."""

    upload_id: str
    file: LocalFile
    part_size: int
    waiting: deque[int]
    unfinished: int
    lock: threading.Lock = field(default_factory=threading.Lock)
    urls: dict[int, str] = field(default_factory=dict)
    descriptor: int = -1

    def stretch(self, number: int) -> tuple[int, int]:
        """Return start and length of part `number`."""
        start = (number - 1) * self.part_size
        return start, min(self.part_size, self.file.size - start)

    def close(self) -> None:
        """Release the file, if it is open."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
        self.descriptor = -1


def missing_parts(upload: Upload) -> list[int]:
    """Return the numbers of the parts that the store lacks, or has in another size.

    Raises:
        Malformed: the registry's part size makes no sense.
    """
    if upload.size == 0:
        return []
    if upload.part_size <= 0 or upload.size > upload.part_size * PARTS_MAX_COUNT:
        raise Malformed(f"the registry asks for parts of {upload.part_size} bytes of a file of {upload.size}")
    count = -(-upload.size // upload.part_size)
    last = upload.size - (count - 1) * upload.part_size
    return [
        number
        for number in range(1, count + 1)
        if upload.parts.get(number) != (last if number == count else upload.part_size)
    ]


class Uploading:
    """One run over a list of open uploads; used once."""

    def __init__(
        self,
        registry: Registry,
        *,
        progress: Progress,
        connections: int = CONNECTIONS,
        store_timeout_seconds: float = 60.0,
    ) -> None:
        self._registry = registry
        self._progress = progress
        self._connections = connections
        self._store_timeout_seconds = store_timeout_seconds
        self._lock = threading.Lock()
        self._jobs: list[_Job] = []
        self._tasks: deque[tuple[_Job, int]] = deque()
        self._error: BaseException | None = None
        self._stop = threading.Event()
        self._stores: list[StoreConnection] = []

    def run(self, uploads: Sequence[tuple[Upload, LocalFile]]) -> None:
        """Return when every part is in the store and every upload is closed for verification.

        Raises:
            ClientError: what stopped the first part that failed; parts that arrived stay for the next run.
        """
        for upload, file in uploads:
            self._add(upload, file)
        threads = [
            threading.Thread(target=self._work, name="gatehouse-publish", daemon=True)
            for _ in range(max(1, min(self._connections, len(self._tasks))))
        ]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except BaseException as error:
            self._fail(error)
            raise
        for job in self._jobs:
            job.close()
        if self._error is not None:
            raise self._error

    def _add(self, upload: Upload, file: LocalFile) -> None:
        numbers = missing_parts(upload)
        job = _Job(
            upload_id=_id_of(upload),
            file=file,
            part_size=upload.part_size,
            waiting=deque(numbers),
            unfinished=len(numbers),
        )
        there = file.size - sum(job.stretch(number)[1] for number in numbers)
        self._progress.advance(there)
        if not numbers:
            # Killed between the last part and the request to verify.
            self._registry.complete_upload(job.upload_id)
        self._jobs.append(job)
        self._tasks.extend((job, number) for number in numbers)

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            if self._error is None:
                self._error = error
            self._stop.set()
            stores = list(self._stores)
        for store in stores:
            store.abort()

    def _work(self) -> None:
        store = StoreConnection(timeout_seconds=self._store_timeout_seconds)
        with self._lock:
            self._stores.append(store)
        try:
            while not self._stop.is_set():
                with self._lock:
                    if not self._tasks:
                        return
                    job, number = self._tasks.popleft()
                self._send(store, job, number)
                self._finish_part(job)
        except _Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 - carried to the thread that called `run`
            self._fail(error)
        finally:
            store.close()

    def _send(self, store: StoreConnection, job: _Job, number: int) -> None:
        """Store part `number`, through renewed URLs and new connections if need be."""
        start, length = job.stretch(number)
        failures = renewals = 0
        while True:
            counter = _Counter(self._progress, self._check_running)
            try:
                store.put_part(self._url(job, number), self._descriptor(job), start, length, counter)
                return
            except URLExpired:
                renewals += 1
                counter.take_back()
                if renewals > RENEWALS_MAX:
                    raise Unavailable(
                        f"the store refuses {printable(job.file.path)}, although the registry permits it",
                        advice=("Check the clocks of this machine and of the registry.",),
                    ) from None
            except TransferBroke as error:
                failures += 1
                counter.take_back()
                if failures >= FAILURES_MAX:
                    raise Unavailable(
                        f"{printable(job.file.path)} cannot be sent: {error}",
                        advice=("Run the same command again: it goes on where it stopped.",),
                    ) from None
                if self._stop.wait(seconds_to_wait(None, attempt=failures - 1, now=time.time())):
                    raise _Stopped from None
            with job.lock:
                job.urls.pop(number, None)

    def _url(self, job: _Job, number: int) -> str:
        """Return the URL of a part; asks for those of the next parts at once."""
        with job.lock:
            if number not in job.urls:
                following = [other for other in job.waiting if other > number][: URLS_AT_ONCE - 1]
                job.urls |= self._registry.sign_parts(job.upload_id, [number, *following])
            if number in job.waiting:
                job.waiting.remove(number)
            url = job.urls.get(number)
        if url is None:
            raise Malformed(f"the registry gave no URL for part {number} of {printable(job.file.path)}")
        return url

    def _descriptor(self, job: _Job) -> int:
        """Return the open file, if it is still the one that was hashed."""
        with job.lock:
            if job.descriptor < 0:
                descriptor = os.open(job.file.source, os.O_RDONLY | os.O_CLOEXEC)
                about = os.fstat(descriptor)
                if (about.st_size, about.st_mtime_ns) != (job.file.size, job.file.modified_ns):
                    os.close(descriptor)
                    raise ClientError(
                        f"{printable(job.file.path)} was changed while it was published",
                        advice=("Let the folder rest, then publish again.",),
                    )
                job.descriptor = descriptor
            return job.descriptor

    def _finish_part(self, job: _Job) -> None:
        with job.lock:
            job.unfinished -= 1
            if job.unfinished:
                return
            job.close()
        self._registry.complete_upload(job.upload_id)

    def _check_running(self) -> None:
        if self._stop.is_set():
            raise _Stopped


class _Counter:
    """Counts the bytes of one try, so that a failed one can be taken back."""

    def __init__(self, progress: Progress, check_running: Callable[[], None]) -> None:
        self._progress = progress
        self._check_running = check_running
        self._sent = 0

    def __call__(self, amount: int) -> None:
        self._check_running()
        self._sent += amount
        self._progress.advance(amount)

    def take_back(self) -> None:
        self._progress.advance(-self._sent)
        self._sent = 0


def await_verification(
    registry: Registry,
    uploads: Sequence[tuple[Upload, LocalFile]],
    *,
    progress: Progress,
    pause: Callable[[float], None],
) -> None:
    """Return when the registry has confirmed the digest of every upload.

    Raises:
        VerificationFailed: it found other bytes than were stated.
    """
    pending = deque(uploads)
    progress.begin("Waiting for the registry to verify", sum(file.size for _, file in pending))
    seconds = VERIFY_POLL_FIRST_SECONDS
    while pending:
        for _ in range(len(pending)):
            upload, file = pending.popleft()
            state = registry.get_upload(_id_of(upload))
            if state.state is UploadState.FAILED:
                raise VerificationFailed(
                    f"the registry refuses {printable(file.path)}: {state.problem or 'it gives no reason'}",
                    advice=("Nothing was published. If the file was changed meanwhile, publish again.",),
                )
            if state.state is UploadState.STORED:
                progress.advance(file.size)
                seconds = VERIFY_POLL_FIRST_SECONDS
            else:
                pending.append((upload, file))
        if pending:
            pause(seconds)
            seconds = min(VERIFY_POLL_MAX_SECONDS, seconds * VERIFY_POLL_GROWTH)


def _id_of(upload: Upload) -> str:
    if upload.id is None:
        raise Malformed("the registry names an open upload without an id")
    return upload.id
