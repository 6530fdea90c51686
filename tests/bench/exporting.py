"""Measure 4: the register of very many acceptances as JSONL, opened row by row and streamed."""

import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from registry.identity.domain import Scope
from registry.kernel.database import Database
from tests.bench.bulk import load_sealed
from tests.bench.ground import Ground, Service, open_scene
from tests.bench.results import Result

FIRST_BYTE_MAX_SECONDS = 0.5
GROWTH_MAX_BYTES = 32 << 20
_SAMPLE_SECONDS = 0.02


def measure(ground: Ground) -> Iterator[Result]:
    """Yield one row for the first byte and one for memory."""
    count = ground.scale.exported
    with ground.database("SQLite") as url:
        database = Database(url)
        try:
            scene = open_scene(database)
            token = scene.world.token(scene.owner, Scope.AUDIT)
            load_sealed(url, scene, count)
        finally:
            database.close()
        with ground.service(url) as service:
            path = f"/api/v1/audit/acceptances?publisher={scene.model.publisher}"
            _fetch(service, f"{path}&limit=200", token)  # what the first request imports is not the export's
            with Watch(service) as watch:
                first_byte, seconds, lines = _fetch(service, f"{path}&format=jsonl", token)
    if lines != count:
        raise RuntimeError(f"the export has {lines} lines, expected {count}")
    yield Result(
        measure="audit export, first byte",
        measured=f"{count:,} acceptances as JSONL: first byte after {first_byte * 1000:,.0f} ms, "
        f"all after {seconds:,.1f} s ({count / seconds:,.0f}/s)",
        compared_with="—",
        value=f"{first_byte:.2f} s",
        bound=f"< {FIRST_BYTE_MAX_SECONDS} s",
        met=first_byte < FIRST_BYTE_MAX_SECONDS,
        remarks=(
            "Every row has a real statement, and disclosures sealed by a key of its own person; SQLite.",
        ),
    )
    yield Result(
        measure="audit export, memory",
        measured=f"the server's own memory: {watch.before / 1e6:,.0f} MB before, {watch.peak / 1e6:,.0f} MB at most",
        compared_with="—",
        value=f"+{watch.growth / 1e6:,.0f} MB",
        bound=f"< {GROWTH_MAX_BYTES >> 20} MiB",
        met=watch.growth < GROWTH_MAX_BYTES,
    )


class Watch:
    """The most memory that the service's workers hold together; the mapped database file is not counted."""

    def __init__(self, service: Service) -> None:
        self._workers = service.worker_ids()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self.before = self.peak = 0

    @property
    def growth(self) -> int:
        return self.peak - self.before

    def __enter__(self) -> Self:
        self.before = self.peak = self._now()
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(_SAMPLE_SECONDS):
            self.peak = max(self.peak, self._now())

    def _now(self) -> int:
        return sum(own_bytes(worker) for worker in self._workers)


def own_bytes(process_id: int) -> int:
    """Return how much memory a process holds that is not a mapped file."""
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the process has no memory: it has ended")


def _fetch(service: Service, path: str, token: str) -> tuple[float, float, int]:
    """Return the seconds until the first byte of the body, until the last, and the number of lines."""
    connection = HTTPConnection(urlsplit(service.base_url).netloc, timeout=600)
    started = time.perf_counter()
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    body = answer.read(1)
    first_byte = time.perf_counter() - started
    assert answer.status == 200, answer.status
    lines = body.count(b"\n")
    while block := answer.read(1 << 18):
        lines += block.count(b"\n")
    connection.close()
    return first_byte, time.perf_counter() - started, lines
