"""Measure 13: the Hub's own client: `hf download` of a sharded model beside a bare redirector, and how soon files are resolved.

Through both, the same client with the same settings fetches the same objects of the same store.
"""

import asyncio
import contextlib
import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from registry.delivery.seaweedfs import EmbeddedStore
from registry.identity.domain import Scope
from registry.kernel.database import Database
from registry.settings import PREFIX
from tests.bench.ground import Ground, add_people, free_port, open_scene, wait_until_ready
from tests.bench.pulling import run_client, run_process
from tests.bench.results import Result
from tests.servers.processes import ROOT

BOUND = 0.95
CLIENTS = 16
P95_MAX_MS = 15
SHARDS = 8
MODEL = "quarry/shards"
ROUNDS = 3
_BLOCK = 1 << 20


def measure(ground: Ground) -> Iterator[Result]:
    """Yield the row of the downloads, then those of the single requests."""
    yield _measure_download(ground)
    yield from _measure_resolve(ground)


def _measure_download(ground: Ground) -> Result:
    size = 2 * ground.scale.file_bytes
    with (
        EmbeddedStore(ground.folder / "shards-store") as store,
        ground.database("SQLite") as url,
        ground.service(url, store=store) as service,
        _redirector(service.base_url, ground.folder) as redirector,
    ):
        database = Database(url)
        try:
            scene = open_scene(database)
            _publish(ground.folder, size, service.base_url, scene.world.token(scene.owner, *Scope))
            people, tokens = add_people(scene, 1, prefix="shards", accept=False)
            scene.world.accept(people[0], scene.world.model(scene.owner, *MODEL.split("/")), answers={})
        finally:
            database.close()
        rounds = [
            (
                _download(ground.folder, redirector, tokens[0], size),
                _download(ground.folder, service.base_url, tokens[0], size),
            )
            for _ in range(ROUNDS + 1)
        ]
    rounds = rounds[1:]  # the first pair warms up, and fills the redirector
    ratio = median(bare / through for bare, through in rounds)
    speed = [size / 1e6 / median(seconds) for seconds in zip(*rounds, strict=True)]
    return Result(
        measure="hf download",
        measured=f"{SHARDS} files, {size >> 20:,} MiB, through the registry: {speed[1]:,.0f} MB/s",
        compared_with=f"through a bare redirector: {speed[0]:,.0f} MB/s",
        value=f"{ratio:.2f}",
        bound=f"≥ {BOUND:.2f}",
        met=ratio >= BOUND,
        remarks=(
            (
                f"The whole process of `hf download`, start and the questions about the model included; {len(rounds)} rounds "
                "by turns, each into an empty folder. The redirector repeats what the registry answered to the first round."
            ),
        ),
    )


def _measure_resolve(ground: Ground) -> Iterator[Result]:
    with ground.database("SQLite") as url:
        database = Database(url)
        try:
            scene = open_scene(database)
            _, tokens = add_people(scene, ground.scale.people, prefix="p", accept=True)
        finally:
            database.close()
        with ground.service(url) as service:
            for method, status in (("HEAD", 200), ("GET", 302)):
                asked = Asked(address=service.base_url, method=method, path=scene.file_path, status=status)
                asyncio.run(_ask(asked, tokens, ground.scale.load_seconds / 2))  # warms up
                took = sorted(asyncio.run(_ask(asked, tokens, ground.scale.load_seconds)))
                p50, p95, p99 = (1000 * took[len(took) * part // 100] for part in (50, 95, 99))
                yield Result(
                    measure=f"{method} resolve, {CLIENTS} clients",
                    measured=f"SQLite: {len(took) / ground.scale.load_seconds:,.0f}/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms",
                    compared_with="—",
                    value=f"p95 {p95:.1f} ms",
                    bound=f"< {P95_MAX_MS} ms",
                    met=p95 < P95_MAX_MS,
                    remarks=(
                        "One worker. Each client, all in one process beside it, asks again at once, so that both cores are busy.",
                    ),
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the clients ask again and again, and the status that each answer must have."""

    address: str
    method: str
    path: str
    status: int


async def _ask(asked: Asked, tokens: Sequence[str], seconds: float) -> list[float]:
    """Return how many seconds each answer took."""
    where = urlsplit(asked.address)
    took: list[float] = []
    ends = time.perf_counter() + seconds

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        for token in itertools.cycle(tokens[number::CLIENTS]):
            began = time.perf_counter()
            if began >= ends:
                break
            writer.write(
                f"{asked.method} {asked.path} HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
            )
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            if not head.startswith(f"http/1.1 {asked.status} ".encode()):
                raise RuntimeError(f"expected {asked.status}, got:\n{head.decode(errors='replace')[:400]}")
            if asked.method != "HEAD":
                await reader.readexactly(
                    int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
                )
            took.append(time.perf_counter() - began)
        writer.close()

    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    return took


def _publish(folder: Path, size: int, base_url: str, token: str) -> None:
    source = folder / "shards"
    source.mkdir()
    (source / "README.md").write_text("# Shards\n\nRandom bytes.\n")
    for number in range(1, SHARDS + 1):
        with (source / f"model-{number:05}-of-{SHARDS:05}.bin").open("wb") as file:
            for _ in range(size // SHARDS // _BLOCK):
                file.write(os.urandom(_BLOCK))
    run_client(folder, base_url, token, "publish", str(source), MODEL, "--license", "sample-openrail-m@1.0")
    shutil.rmtree(source)


def _download(folder: Path, endpoint: str, token: str, size: int) -> float:
    """Return how many seconds the client took for the whole model into an empty folder."""
    target, home = folder / "downloaded", folder / "hf-home"
    environment = {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "HF_"))}
    environment |= {
        "HF_ENDPOINT": endpoint,
        "HF_TOKEN": token,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "NO_PROXY": "127.0.0.1",
    }
    client = str(Path(sys.executable).with_name("hf"))
    fetch, _ = run_process([client, "download", MODEL, "--local-dir", str(target)], environment)
    found = sum(file.stat().st_size for file in target.glob("*.bin"))
    if found != size:
        raise RuntimeError(f"{found} bytes were downloaded, expected {size}")
    shutil.rmtree(target)
    shutil.rmtree(home, ignore_errors=True)
    return fetch.seconds


@contextlib.contextmanager
def _redirector(registry: str, folder: Path) -> Iterator[str]:
    port = free_port()
    log = folder / "redirector.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.redirector", str(port), registry],
            cwd=ROOT,
            stdout=file,
            stderr=file,
        )
        try:
            wait_until_ready(f"http://127.0.0.1:{port}/health/live", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()
