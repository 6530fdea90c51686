"""Measure 3: `gatehouse pull` of one large file beside a raw read of the same object over as many connections."""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from registry.client.download import CONNECTIONS, SPAN_MAX_BYTES
from registry.delivery.presign import Addressing
from registry.delivery.s3 import S3ObjectStore
from registry.delivery.seaweedfs import EmbeddedStore, StoreAddress
from registry.identity.domain import Scope
from registry.kernel.clock import SystemClock
from registry.kernel.database import Database
from registry.settings import PREFIX
from tests.bench.ground import Ground, add_people, open_scene
from tests.bench.results import Result
from tests.servers.processes import ROOT

BOUND = 0.90
MEMORY_MAX_BYTES = 150 << 20
MODEL = "quarry/boulder"
FILE_NAME = "boulder.bin"
_BLOCK = 1 << 20
_SAMPLE_SECONDS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """One run of a process that fetched the file."""

    seconds: float
    peak_bytes: int


def measure(ground: Ground) -> Iterator[Result]:
    """Yield one row."""
    size = ground.scale.file_bytes
    with (
        EmbeddedStore(ground.folder / "store") as store,
        ground.database("SQLite") as url,
        ground.service(url, store=store) as service,
    ):
        database = Database(url)
        try:
            scene = open_scene(database)
            publish_token = scene.world.token(scene.owner, *Scope)
            sha256 = _publish(ground.folder, size, base_url=service.base_url, token=publish_token)
            model = scene.world.model(scene.owner, *MODEL.split("/"))
            people, tokens = add_people(scene, 1, prefix="puller", accept=False)
            scene.world.accept(people[0], model, answers={})
        finally:
            database.close()
        link = _link(store, sha256)
        rounds = [
            (_raw(ground.folder, link, size), _pull(ground.folder, service.base_url, tokens[0], sha256))
            for _ in range(ground.scale.rounds + 1)
        ]
    rounds = rounds[1:]  # the first pair warms up
    ratio = median(raw.seconds / pulled.seconds for raw, pulled in rounds)
    peak = max(pulled.peak_bytes for _, pulled in rounds)
    speed = {
        name: size / 1e6 / median(fetch.seconds for fetch in fetches)
        for name, fetches in zip(("raw", "pull"), zip(*rounds, strict=True), strict=True)
    }
    yield Result(
        measure="pull",
        measured=f"`gatehouse pull` of {size >> 20:,} MiB: {speed['pull']:,.0f} MB/s",
        compared_with=f"raw read: {speed['raw']:,.0f} MB/s",
        value=f"{ratio:.2f}",
        bound=f"≥ {BOUND:.2f}",
        met=ratio >= BOUND,
        remarks=(
            (
                f"Same store, {CONNECTIONS} connections, ranges of {SPAN_MAX_BYTES >> 20} MiB, both into a file that is "
                "flushed to the disk, in processes of their own; the pull also asks for the model, verifies the "
                f"signed manifest and hashes every byte. {len(rounds)} rounds by turns."
            ),
        ),
    )
    yield Result(
        measure="pull, memory",
        measured=f"peak of the process: {peak / 1e6:,.0f} MB",
        compared_with="—",
        value=f"{peak / 1e6:,.0f} MB",
        bound=f"< {MEMORY_MAX_BYTES >> 20} MiB",
        met=peak < MEMORY_MAX_BYTES,
    )


def _publish(folder: Path, size: int, *, base_url: str, token: str) -> str:
    """Publish a model with a file of random bytes through the client; return the file's digest."""
    source = folder / "publish"
    source.mkdir()
    (source / "README.md").write_text("# Boulder\n\nRandom bytes.\n")
    hasher = hashlib.sha256()
    with (source / FILE_NAME).open("wb") as file:
        for _ in range(size // _BLOCK):
            block = os.urandom(_BLOCK)
            hasher.update(block)
            file.write(block)
    run_client(folder, base_url, token, "publish", str(source), MODEL, "--license", "sample-openrail-m@1.0")
    shutil.rmtree(source)
    return hasher.hexdigest()


def _pull(folder: Path, base_url: str, token: str, sha256: str) -> Fetch:
    target = folder / "pulled"
    fetch, said = run_client(folder, base_url, token, "pull", MODEL, "--to", str(target), "--json")
    pulled = json.loads(said)
    assert sha256 in {file["sha256"] for file in pulled["files"] if file["state"] == "fetched"}
    shutil.rmtree(target)
    return Fetch(seconds=pulled["seconds"], peak_bytes=fetch.peak_bytes)


def _raw(folder: Path, link: str, size: int) -> Fetch:
    target = folder / "raw"
    words = [link, str(size), str(CONNECTIONS), str(SPAN_MAX_BYTES), str(target)]
    fetch, said = run_process([sys.executable, "-m", "tests.bench.raw_read", *words], dict(os.environ))
    target.unlink()
    return Fetch(seconds=json.loads(said)["seconds"], peak_bytes=fetch.peak_bytes)


def _link(store: StoreAddress, sha256: str) -> str:
    clock = SystemClock()
    adapter = S3ObjectStore(
        endpoint=store.endpoint,
        bucket=store.bucket,
        region=store.region,
        access_key=store.access_key,
        secret_key=store.secret_key,
        addressing=Addressing.PATH,
        clock=clock,
    )
    key = f"blobs/{sha256[:2]}/{sha256}"
    return adapter.presign_get(key, filename=FILE_NAME, expires_s=3600, now=clock.now())


def run_client(folder: Path, base_url: str, token: str, *words: str) -> tuple[Fetch, str]:
    """Run the registry's own client and return as `run_process` does."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environment |= {
        "GATEHOUSE_ENDPOINT": base_url,
        "GATEHOUSE_TOKEN": token,
        "GATEHOUSE_CONFIG_DIR": str(folder / "config"),
        "NO_PROXY": "127.0.0.1",
    }
    return run_process([sys.executable, "-m", "registry.cli", *words], environment)


def run_process(command: list[str], environment: dict[str, str]) -> tuple[Fetch, str]:
    """Return how long a process took and how much memory it held at most, and what it printed."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    # Not `ru_maxrss`: across fork and exec it counts the memory of the parent too.
    peak = 0
    while process.poll() is None:
        peak = max(peak, highest_bytes(process.pid))
        time.sleep(_SAMPLE_SECONDS)
    seconds = time.perf_counter() - started
    said, complaint = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{command[2:5]} ended with {process.returncode}:\n{complaint[-2000:]}")
    return Fetch(seconds=seconds, peak_bytes=peak), said


def highest_bytes(process_id: int) -> int:
    """Return the most memory that the process has held so far; 0 once it ends."""
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0
