"""Measure 7: how long `gatehouse --help` takes from start to end."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.bench.ground import Ground
from tests.bench.results import Result

BOUND_MS = 200
RUNS = 20


def measure(ground: Ground) -> Iterator[Result]:
    """Yield one row."""
    del ground
    command = [str(Path(sys.executable).with_name("gatehouse")), "--help"]
    times = []
    for _ in range(RUNS + 1):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append((time.perf_counter() - started) * 1000)
    milliseconds = median(times[1:])  # the first run compiles
    yield Result(
        measure="start-up",
        measured=f"`gatehouse --help`: {milliseconds:,.0f} ms (best of {RUNS}: {min(times):,.0f} ms)",
        compared_with="—",
        value=f"{milliseconds:,.0f} ms",
        bound=f"< {BOUND_MS} ms",
        met=milliseconds < BOUND_MS,
    )
