"""Measure 1: gated downloads a second (token, decision, presigned URL, durable record, 302) beside a bare route."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from sqlalchemy import text

from registry.kernel.database import Database
from tests.bench.ground import Ground, Scene, add_people, open_scene
from tests.bench.results import Result
from tests.bench.service import BARE_PATH

CLIENTS = 64
BOUNDS = {"SQLite": 0.30, "PostgreSQL": 0.15}
CHECKED_REQUESTS_PER_CLIENT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What wrk counted."""

    requests: int
    seconds: float
    refused: int
    broken: int
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def measure(ground: Ground) -> Iterator[Result]:
    """Yield one row per database."""
    if shutil.which("wrk") is None:
        for kind, bound in BOUNDS.items():
            yield Result(
                measure="gated resolve",
                measured=kind,
                compared_with="bare JSON route",
                value="left out: wrk is not installed (apt install wrk)",
                bound=f"≥ {bound:.2f}",
                met=None,
            )
        return
    for kind in BOUNDS:
        with ground.database(kind) as url:
            yield _measure_one(ground, kind, url)


def _measure_one(ground: Ground, kind: str, url: str) -> Result:
    scale = ground.scale
    database = Database(url)
    try:
        scene = open_scene(database)
        _, tokens = add_people(scene, scale.people, prefix="r", accept=True)
        token_file = ground.folder / "tokens"
        token_file.write_text("\n".join(tokens))
        with ground.service(url) as service:
            pairs = [
                (
                    run_wrk(service.base_url, BARE_PATH, token_file, scale.load_seconds),
                    run_wrk(service.base_url, scene.file_path, token_file, scale.load_seconds),
                )
                for _ in range(scale.rounds + 1)
            ]
            exact = check_records(scene, service.base_url, tokens, database)
        issued = sum(gated.requests - gated.refused for _, gated in pairs)
        refused = sum(gated.refused + gated.broken for _, gated in pairs)
        surplus = count_records(database) - exact - issued
    finally:
        database.close()
    if refused:
        raise RuntimeError(f"{refused} gated requests were refused or broke; nothing can be said")
    if not 0 <= surplus <= CLIENTS * len(pairs):
        raise RuntimeError(f"{issued} URLs left, and {surplus} more records than that were found")
    pairs = pairs[1:]  # the first pair warms up
    bare, gated = median(pair[0].rate for pair in pairs), median(pair[1].rate for pair in pairs)
    ratio = median(pair[1].rate / pair[0].rate for pair in pairs)
    return Result(
        measure="gated resolve",
        measured=f"{kind}: {gated:,.0f}/s, p50 {median(p[1].p50_ms for p in pairs):.1f} ms, "
        f"p99 {median(p[1].p99_ms for p in pairs):.1f} ms",
        compared_with=f"bare JSON route: {bare:,.0f}/s, p50 {median(p[0].p50_ms for p in pairs):.1f} ms, "
        f"p99 {median(p[0].p99_ms for p in pairs):.1f} ms",
        value=f"{ratio:.2f}",
        bound=f"≥ {BOUNDS[kind]:.2f}",
        met=ratio >= BOUNDS[kind],
        remarks=(
            (
                f"{CLIENTS} connections, {len(tokens):,} people, {len(pairs)} rounds of {scale.load_seconds} s "
                f"by turns; {issued:,} URLs counted by wrk, each with its record; {surplus} more records of requests "
                "that were in flight when a round ended."
            ),
            f"In {exact:,} requests of {CLIENTS} clients that wait for every answer: as many records as URLs.",
        ),
    )


def run_wrk(base_url: str, path: str, token_file: Path, seconds: int) -> Load:
    """Return what wrk counted: one thread, so that the server keeps the other core."""
    script = Path(__file__).with_name("load.lua")
    command = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}s", "-s", str(script), base_url]
    said = subprocess.run(
        [*command, "--", path, str(token_file)],
        check=True,
        capture_output=True,
        text=True,
        timeout=seconds + 60,
    ).stdout
    line = next(line for line in said.splitlines() if line.startswith("RESULT "))
    return Load(**json.loads(line.removeprefix("RESULT ")))


def check_records(scene: Scene, base_url: str, tokens: list[str], database: Database) -> int:
    """Return the number of URLs that clients got, each of whose records is found by the request's id."""

    def ask(first: int) -> list[str]:
        connection = HTTPConnection(urlsplit(base_url).netloc, timeout=30)
        ids = []
        for number in range(CHECKED_REQUESTS_PER_CLIENT):
            token = tokens[(first + number * CLIENTS) % len(tokens)]
            connection.request("GET", scene.file_path, headers={"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 302, answer.status
            ids.append(str(answer.headers["x-request-id"]))
        connection.close()
        return ids

    with ThreadPoolExecutor(CLIENTS) as threads:
        ids = {found for per_client in threads.map(ask, range(CLIENTS)) for found in per_client}
    recorded = database.read_now(
        lambda session: set(
            session.connection().execute(text("SELECT request_id FROM download_record")).scalars()
        )
    )
    if missing := len(ids - recorded):
        raise RuntimeError(f"{missing} URLs left without a record")
    return len(ids)


def count_records(database: Database) -> int:
    """Return how many download records there are."""
    return database.read_now(
        lambda session: int(
            session.connection().execute(text("SELECT count(*) FROM download_record")).scalar_one()
        )
    )
