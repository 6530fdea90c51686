"""`python -m tests.bench [--quick] [--only NAME]`: take every measure and print the table.

A full run also writes docs/benchmarks.md. Exits with 1 where a bound was missed.
"""

# ruff: noqa: T201 -- a command that prints
import argparse
import sys
import time
import traceback
from collections.abc import Callable, Iterator

from tests.bench import (
    accepting,
    browsing,
    deciding,
    devices,
    evidence,
    exporting,
    growing,
    hub_downloads,
    listing,
    mirroring,
    pulling,
    report,
    resolving,
    starting,
)
from tests.bench.ground import FULL, QUICK, Ground
from tests.bench.results import Result
from tests.servers.processes import ServerUnavailable

MEASURES: dict[str, Callable[[Ground], Iterator[Result]]] = {
    "resolve": resolving.measure,
    "devices": devices.measure,
    "accept": accepting.measure,
    "pull": pulling.measure,
    "export": exporting.measure,
    "growth": growing.measure,
    "list": listing.measure,
    "start": starting.measure,
    "decide": deciding.measure,
    "evidence": evidence.measure,
    "browser": browsing.measure,
    "hub": hub_downloads.measure,
    "hub-plan": mirroring.measure_plan,
    "hub-converge": mirroring.measure_convergence,
}


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes; the page is not written")
    parser.add_argument("--only", choices=MEASURES, help="one measure; the page is not written")
    args = parser.parse_args()
    ground = Ground(QUICK if args.quick else FULL)
    results: list[Result] = []
    try:
        for name in [args.only] if args.only else MEASURES:
            results.extend(_take(name, ground))
    finally:
        ground.close()
    print(f"{report.facts()}\n\n{report.table(results)}\n\n{report.remarks(results)}")
    if not (args.quick or args.only):
        report.write(results)
    return 1 if any(result.met is False for result in results) else 0


def _take(name: str, ground: Ground) -> list[Result]:
    started = time.monotonic()
    print(f"{name} …", file=sys.stderr, end=" ", flush=True)
    results = []
    try:
        for result in MEASURES[name](ground):
            print(f"{result.measured}: {result.value};", file=sys.stderr, end=" ", flush=True)
            results.append(result)
    except ServerUnavailable as error:
        print(f"left out: {error};", file=sys.stderr, end=" ")
    except Exception:  # noqa: BLE001 # the other measures took minutes: one that breaks does not take them along
        traceback.print_exc()
        results.append(
            Result(measure=name, measured="broke", compared_with="—", value="—", bound="—", met=False)
        )
    print(f"{time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return results


if __name__ == "__main__":
    sys.exit(main())
