"""Pull and the gate: what is missing, waiting for a person, and whole processes that are killed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.client.api import Registry
from registry.client.errors import (
    NotFound,
    NotSignedIn,
    Refused,
    UsageProblem,
)
from registry.client.pull import pull
from registry.client.transport import Session
from tests.unit.client.pulling import MIB, Told, contents, noise, order, run
from tests.unit.client.stub import MODEL, TOKEN, Fault, Stub

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.usefixtures("small_steps")


# Access


def test_missing_acceptance_says_what_where_and_who(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path
) -> None:
    stub.permitted = False
    with pytest.raises(Refused) as caught:
        run(registry, tmp_path / "to")
    error = caught.value
    assert "Tarn OpenRAIL-M 1.1 is not accepted" in error.message
    assert "Read and accept Tarn OpenRAIL-M 1.1" in error.advice
    assert f"{stub.api_url}/{MODEL}/accept" in error.advice
    assert "Who decides: You do; no review follows" in error.advice
    assert not (tmp_path / "to").exists()


def test_caller_without_token_is_told_to_sign_in(
    stub: Stub, otter: dict[str, bytes], tmp_path: Path, waited: list[float]
) -> None:
    stub.permitted = False
    with (
        Session(endpoint=stub.api_url, token=None, pause=waited.append) as session,
        pytest.raises(NotSignedIn) as caught,
    ):
        run(Registry(session), tmp_path, wait=True)
    assert "gatehouse login" in " ".join(caught.value.advice)


def test_wait_goes_on_as_soon_as_a_person_has_accepted(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path, waited: list[float]
) -> None:
    stub.permitted = False
    stub.permit_after = 3
    stub.until = "2026-12-24T12:00:00Z"
    told = Told()
    pull(registry, order(tmp_path, wait=True), progress=told, pause=waited.append)
    assert contents(tmp_path) == otter
    assert waited == [2.0, 2.5, 3.125]
    assert f"{stub.api_url}/{MODEL}/accept" in told.lines
    assert "Note: Until 24 December 2026, unless the license as it is now is accepted before." in told.lines


def test_wait_honours_retry_after_and_outlives_an_outage(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path, waited: list[float]
) -> None:
    stub.permitted = False
    stub.permit_after = 1
    stub.api_answers = [(f"/api/v1/models/{MODEL}/access", 429, {"Retry-After": "300"}, {})]
    run(registry, tmp_path, wait=True)
    assert contents(tmp_path) == otter
    assert waited == [2.0, 300.0]


def test_open_files_come_without_acceptance(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path
) -> None:
    model = stub.model()
    model["access"] = {
        "permitted": False,
        "code": "license-not-accepted",
        "title": "",
        "detail": "",
        "remedy": None,
    }
    stub.api_answers = [(f"/api/v1/models/{MODEL}", 200, {}, model)]
    run(registry, tmp_path, include=("README.md",))
    assert contents(tmp_path) == {"README.md": otter["README.md"]}


def test_patterns_choose_files(registry: Registry, otter: dict[str, bytes], tmp_path: Path) -> None:
    run(registry, tmp_path, include=("*.json", "nested/"), exclude=("config*",))
    assert set(contents(tmp_path)) == {"nested/deep/tokenizer v1+2.json"}


def test_patterns_that_fit_nothing_are_a_usage_problem(
    registry: Registry, otter: dict[str, bytes], tmp_path: Path
) -> None:
    with pytest.raises(UsageProblem):
        run(registry, tmp_path / "to", include=("*.gguf",))


def test_model_without_release_is_reported(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path
) -> None:
    stub.api_answers = [(f"/api/v1/models/{MODEL}", 200, {}, stub.model() | {"release": None})]
    with pytest.raises(NotFound, match="no release"):
        run(registry, tmp_path)


# Whole processes


PULL_AND_TELL_MEMORY = """
import re, sys
from registry.cli import main
status = main(sys.argv[1:])
peak = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]
print(f"peak={peak}", file=sys.stderr)
sys.exit(status)
"""


def start_pull(stub: Stub, folder: Path, *more: str) -> subprocess.Popen[str]:
    addresses = {"GATEHOUSE_ENDPOINT": stub.api_url, "GATEHOUSE_TOKEN": TOKEN}
    return subprocess.Popen(
        [sys.executable, "-c", PULL_AND_TELL_MEMORY, "pull", MODEL, "--to", str(folder), "--json", *more],
        cwd=ROOT,
        env={**os.environ, **addresses, "XDG_CONFIG_HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(holds: Callable[[], bool]) -> None:
    """Look again until it holds; another process needs a moment."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def test_pull_killed_in_the_middle_goes_on_where_it_was(stub: Stub, tmp_path: Path) -> None:
    stub.files = {"weights.bin": noise(40 * MIB)}
    stub.faults = [Fault(times=1, stall_after=20 * MIB)]
    process = start_pull(stub, tmp_path, "--connections", "1")
    assert stub.stalled.wait(20)
    wait_until(lambda: b"16777216\n" in b"".join(p.read_bytes() for p in tmp_path.rglob("*.spans")))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "weights.bin").exists()
    stub.go_on.set()
    stub.faults, stub.requests = [], []
    again = start_pull(stub, tmp_path, "--connections", "4")
    answer, talk = again.communicate(timeout=60)
    assert again.returncode == 0, talk
    assert (tmp_path / "weights.bin").read_bytes() == stub.files["weights.bin"]
    outcome = json.loads(answer)
    assert outcome["resumed_bytes"] == 16 * MIB
    assert min(start for start, _ in stub.ranges()) == 16 * MIB


def test_memory_stays_flat_whatever_the_size(stub: Stub, tmp_path: Path) -> None:
    stub.files = {"weights.bin": noise(MIB) * 400}
    process = start_pull(stub, tmp_path, "--quiet")
    _, talk = process.communicate(timeout=100)
    assert process.returncode == 0, talk
    assert (tmp_path / "weights.bin").stat().st_size == 400 * MIB
    # The kernel's own high-water mark; `ru_maxrss` would count what the parent had before exec.
    assert int(talk.partition("peak=")[2]) < 150 * 1024
