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
from typing import Self
from urllib.parse import urlencode, urlsplit

from registry.identity import oauth_service
from registry.identity.oauth_domain import DEVICE_GRANT, GATEHOUSE_CLIENT, POLL_INTERVAL, POLL_STEP
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
SETTLING_SECONDS = 40
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
        with (
            ground.service(url) as service,
            Programs(service.base_url, code_file) as programs,
            apart(service),
        ):
            programs.ask()
            time.sleep(SETTLING_SECONDS)
            settling = programs.rest()
            for _ in range(scale.rounds + 1):
                alone = run_wrk(service.base_url, scene.file_path, token_file, scale.load_seconds)
                programs.ask()
                beside = run_wrk(service.base_url, scene.file_path, token_file, scale.load_seconds)
                polls += programs.rest()
                pairs.append((alone, beside))
    finally:
        database.close()
    if any(load.refused + load.broken for pair in pairs for load in pair):
        raise RuntimeError("gated requests were refused or broke; nothing can be said")
    polls_per_second = polls / (len(pairs) * scale.load_seconds)
    pairs = pairs[1:]  # the first pair warms up
    ratio = median(beside.rate / alone.rate for alone, beside in pairs)
    return _result(
        kind,
        f"{kind}: {median(pair[1].rate for pair in pairs):,.0f}/s, p99 {median(pair[1].p99_ms for pair in pairs):.1f} ms",
        f"without them: {median(pair[0].rate for pair in pairs):,.0f}/s, "
        f"p99 {median(pair[0].p99_ms for pair in pairs):.1f} ms",
        f"{ratio:.2f}",
        ratio >= 1 - LOSS_MAX,
        remark=f"{DEVICES:,} programs of {NETWORKS} networks; the service has one core, wrk and the asking programs "
        f"the other. They begin at one poll each {POLL_INTERVAL.total_seconds():.0f} s and obey slow_down: "
        f"{settling / SETTLING_SECONDS:,.0f} polls/s in the first {SETTLING_SECONDS} s, which are not measured, then "
        f"{polls_per_second:,.0f} polls/s.",
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
        cost="A poll takes 1.0 ms of the service's processor time, where a gated resolve in full load takes 0.5 ms; "
        "1,000 programs at the interval of the protocol would be 200 polls a second, a fifth of one process. So "
        "where more than 300 wait, each is asked to come less often (slow_down), until all together ask 60 times a "
        "second; who begins then is told the longer interval at once. A login that was allowed among 1,000 others is "
        "noticed up to 20 s later instead of 5 s.",
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


class Programs:
    """All waiting programs, in a process of their own: they ask where told to go, and rest where told to rest."""

    def __init__(self, base_url: str, code_file: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.devices", base_url, str(code_file)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._process.kill()
        self._process.wait()

    def ask(self) -> None:
        """Let every program ask at its interval, from now on."""
        self._say("ask")

    def rest(self) -> int:
        """Let none ask any more; return how often they did since told to."""
        return int(self._say("rest"))

    def _say(self, word: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


class _Asking:
    """The programs as RFC 8628 §3.5 has them: who is told to slow down comes five seconds later from then on."""

    def __init__(self, base_url: str, codes: list[str]) -> None:
        self._address = urlsplit(base_url)
        self._intervals = dict.fromkeys(codes, POLL_INTERVAL.total_seconds())
        self._polls = 0

    async def ask_until(self, rest: asyncio.Event) -> int:
        """Ask until told to rest; return how often."""
        self._polls = 0
        started = time.monotonic()
        await asyncio.gather(
            *(
                self._one(code, started + interval * number / len(self._intervals), rest)
                for number, (code, interval) in enumerate(self._intervals.items())
            )
        )
        return self._polls

    async def _one(self, code: str, due: float, rest: asyncio.Event) -> None:
        while not rest.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(rest.wait(), max(0.0, due - time.monotonic()))
                return
            answer = await self._poll(code)
            assert b"authorization_pending" in answer or b"slow_down" in answer, answer
            self._polls += 1
            if b"slow_down" in answer:
                self._intervals[code] += POLL_STEP.total_seconds()
            due += self._intervals[code]

    async def _poll(self, code: str) -> bytes:
        body = urlencode({"grant_type": DEVICE_GRANT, "device_code": code, "client_id": GATEHOUSE_CLIENT.id})
        reader, writer = await asyncio.open_connection(self._address.hostname, self._address.port)
        writer.write(
            f"POST /oauth/token HTTP/1.1\r\nHost: {self._address.netloc}\r\nContent-Length: {len(body)}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n\r\n{body}".encode()
        )
        answer = await reader.read()
        writer.close()
        return answer


async def main() -> None:
    """Obey the words on stdin; answer each on stdout."""
    with open(sys.argv[2], encoding="utf-8") as file:  # noqa: ASYNC230, PTH123 - before anything runs
        asking = _Asking(sys.argv[1], file.read().splitlines())
    while await asyncio.to_thread(sys.stdin.readline):
        rest = asyncio.Event()
        running = asyncio.create_task(asking.ask_until(rest))
        sys.stdout.write("asking\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        rest.set()
        sys.stdout.write(f"{await running}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
