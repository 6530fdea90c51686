"""Measure: gated downloads a second while 1,000 programs wait to be allowed and ask every five seconds."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median
from urllib.parse import urlencode, urlsplit

from registry.identity import oauth_service
from registry.identity.oauth_domain import DEVICE_GRANT, GATEHOUSE_CLIENT, POLL_INTERVAL
from registry.kernel.clock import SystemClock
from registry.kernel.database import Database
from registry.kernel.sealing import Sealer
from tests.bench.ground import Ground, Service, add_people, open_scene
from tests.bench.resolving import run_wrk
from tests.bench.results import Result
from tests.servers.processes import ROOT
from tests.world import MASTER_SECRET

DEVICES = 1_000
LOSS_MAX = 0.10
NETWORKS = 20
KINDS = ("SQLite", "PostgreSQL")


def measure(ground: Ground) -> Iterator[Result]:
    """Yield one row per database."""
    for kind in KINDS:
        if shutil.which("wrk") is None:
            yield _result(kind, "left out: wrk is not installed (apt install wrk)", "", "—", None)
            continue
        with ground.database(kind) as url:
            yield _measure_one(ground, kind, url)


def _measure_one(ground: Ground, kind: str, url: str) -> Result:
    scale = ground.scale
    database = Database(url)
    try:
        scene = open_scene(database)
        _, tokens = add_people(scene, scale.people, prefix="d", accept=True)
        token_file = ground.folder / "tokens"
        token_file.write_text("\n".join(tokens))
        code_file = ground.folder / "codes"
        code_file.write_text("\n".join(start_devices(database)))
        pairs, polls = [], 0
        with ground.service(url) as service, apart(service):
            for _ in range(scale.rounds + 1):
                alone = run_wrk(service.base_url, scene.file_path, token_file, scale.load_seconds)
                with polling(service.base_url, str(code_file)) as count:
                    beside = run_wrk(service.base_url, scene.file_path, token_file, scale.load_seconds)
                polls += count[0]
                pairs.append((alone, beside))
    finally:
        database.close()
    if any(load.refused + load.broken for pair in pairs for load in pair):
        raise RuntimeError("gated requests were refused or broke; nothing can be said")
    pairs = pairs[1:]  # the first pair warms up
    ratio = median(beside.rate / alone.rate for alone, beside in pairs)
    return _result(
        kind,
        f"{kind}: {median(pair[1].rate for pair in pairs):,.0f}/s, p99 {median(pair[1].p99_ms for pair in pairs):.1f} ms",
        f"without them: {median(pair[0].rate for pair in pairs):,.0f}/s, "
        f"p99 {median(pair[0].p99_ms for pair in pairs):.1f} ms",
        f"{ratio:.2f}",
        ratio >= 1 - LOSS_MAX,
        remark=f"{DEVICES:,} programs of {NETWORKS} networks, each asking every "
        f"{POLL_INTERVAL.total_seconds():.0f} s; the service has one core, wrk and the asking programs the other; "
        f"{polls:,} polls, all answered authorization_pending or slow_down.",
    )


def _result(
    kind: str,
    measured: str,
    beside: str,
    value: str,
    met: bool | None,
    *,
    remark: str = "",
) -> Result:
    return Result(
        measure="resolve beside device logins",
        measured=measured or kind,
        compared_with=beside or "without them",
        value=value,
        bound=f"≥ {1 - LOSS_MAX:.2f}",
        met=met,
        cost="1,000 programs at the interval of the protocol are 200 requests a second. They share one read of the "
        "database per tenth of a second and are answered before the web framework. Measured apart on SQLite, with "
        "nothing beside: a poll takes 1.0 ms of the service's processor time, on a new connection and on a kept one "
        "alike, where a gated resolve in full load takes 0.5 ms. That is a fifth of the one core on which a process "
        "runs Python; which part of a poll it is, is not profiled yet. The asking process has no core of its own here.",
        remarks=(remark,) if remark else (),
    )


def start_devices(database: Database) -> list[str]:
    """Let programs wait; return their device codes."""
    sealer, now = Sealer(MASTER_SECRET), SystemClock().now()
    codes = []
    for number in range(DEVICES):
        started = database.write_now(
            partial(
                oauth_service.start_device,
                client=GATEHOUSE_CLIENT,
                scopes=(),
                program="bench",
                network=f"198.51.100.{number % NETWORKS}",
                sealer=sealer,
                now=now,
            )
        )
        assert isinstance(started, oauth_service.StartedDevice), started
        codes.append(started.device_code)
    return codes


@contextlib.contextmanager
def apart(service: Service) -> Iterator[None]:
    """Keep the service on one core, and who asks it on another: what asking costs is not the service's time."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        for process in (service.process_id, *service.worker_ids()):
            for thread in Path(f"/proc/{process}/task").iterdir():
                os.sched_setaffinity(int(thread.name), {cores[0]})
        os.sched_setaffinity(0, {cores[1]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, set(cores))


@contextlib.contextmanager
def polling(base_url: str, code_file: str) -> Iterator[list[int]]:
    """Let all programs ask meanwhile, in a process of their own; afterwards, say how often they did."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.devices", base_url, code_file],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "asking\n"
    count: list[int] = []
    try:
        yield count
        said, _ = process.communicate("", timeout=60)
        count.append(int(said))
    finally:
        process.kill()
        process.wait()


async def _poll_all(base_url: str, codes: list[str], stop: asyncio.Event) -> int:
    parts = urlsplit(base_url)
    interval = POLL_INTERVAL.total_seconds()
    polls = 0

    async def one(number: int, code: str) -> None:
        nonlocal polls
        body = urlencode({"grant_type": DEVICE_GRANT, "device_code": code, "client_id": GATEHOUSE_CLIENT.id})
        request = (
            f"POST /oauth/token HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(body)}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n\r\n{body}"
        ).encode()
        due = time.monotonic() + interval * number / len(codes)
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), max(0.0, due - time.monotonic()))
                return
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            writer.write(request)
            answer = await reader.read()
            writer.close()
            assert b"authorization_pending" in answer or b"slow_down" in answer, answer
            polls += 1
            due += interval

    await asyncio.gather(*(one(number, code) for number, code in enumerate(codes)))
    return polls


async def main() -> None:
    """Ask until stdin ends, then print how often."""
    with open(sys.argv[2], encoding="utf-8") as file:  # noqa: ASYNC230, PTH123 - before anything runs
        codes = file.read().splitlines()
    stop = asyncio.Event()
    sys.stdout.write("asking\n")
    sys.stdout.flush()
    running = asyncio.create_task(_poll_all(sys.argv[1], codes, stop))
    await asyncio.to_thread(sys.stdin.read)
    stop.set()
    sys.stdout.write(f"{await running}\n")


if __name__ == "__main__":
    asyncio.run(main())
