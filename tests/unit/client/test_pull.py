"""Pull against a store that cuts, expires, lies and stalls."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.client import download
from registry.client.api import Registry
from registry.client.errors import (
    ClientError,
    NotFound,
    NotSignedIn,
    Refused,
    Unavailable,
    UnsafePath,
    UsageProblem,
    VerificationFailed,
)
from registry.client.folder import TargetFolder
from registry.client.keys import parse_keys
from registry.client.progress import Silent
from registry.client.pull import FileState, Pulled, PullOrder, pull
from registry.client.transport import Session
from tests.unit.client.stub import MODEL, TOKEN, Fault, Key, Stub

MIB = 1 << 20
ROOT = Path(__file__).resolve().parents[3]


class Told(Silent):
    """Keeps what the user would have been told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.counted = 0
        self.total = 0

    def say(self, text: str) -> None:
        self.lines.append(text)

    def begin(self, label: str, total_bytes: int) -> None:
        self.counted, self.total = 0, total_bytes

    def advance(self, amount_bytes: int) -> None:
        self.counted += amount_bytes


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def order(folder: Path, **more: Any) -> PullOrder:
    return PullOrder(publisher="tarn", name="otter", folder=folder, **more)


def run(registry: Registry, folder: Path, **more: Any) -> Pulled:
    return pull(registry, order(folder, **more), progress=Silent(), pause=registry.session.pause)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make small test files behave as large ones do, and retries immediate."""
    monkeypatch.setattr(download, "SPAN_MIN_BYTES", 256 << 10)
    monkeypatch.setattr(download, "SPAN_MAX_BYTES", MIB)
    monkeypatch.setattr(download, "HASHED_BESIDE_FROM_BYTES", MIB)
    monkeypatch.setattr(download, "seconds_to_wait", lambda *_args, **_more: 0.0)


@pytest.fixture
def otter(stub: Stub) -> dict[str, bytes]:
    """A release with one large file, some small ones, an empty one, and texts that the registry serves itself."""
    stub.files = {
        "README.md": b"# Otter\n",
        "config.json": b"{}",
        "empty.txt": b"",
        "nested/deep/tokenizer v1+2.json": noise(3000),
        "model.safetensors": noise(6 * MIB + 17),
    }
    stub.inline = {"README.md", "config.json"}
    return stub.files


def test_pull_brings_every_file_and_leaves_nothing_else(
    registry: Registry, otter: dict[str, bytes], tmp_path: Path
) -> None:
    pulled = run(registry, tmp_path / "to")
    assert contents(tmp_path / "to") == otter
    assert not (tmp_path / "to" / ".gatehouse").exists()
    assert {file.state for file in pulled.files} == {FileState.FETCHED}
    assert pulled.fetched_bytes == sum(map(len, otter.values()))
    assert pulled.release.licenses == ("tarn-openrail-m@1.1",)


def test_large_file_comes_in_parallel_ranges_from_one_record(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path
) -> None:
    run(registry, tmp_path, include=("model.safetensors",))
    ranges = sorted(stub.ranges())
    assert len(ranges) > 4
    assert [start for start, _ in ranges] == [0, *[end for _, end in ranges[:-1]]]
    assert len([path for path in stub.paths("api") if "/resolve/" in path]) == 1


def test_token_goes_to_the_registry_and_never_to_the_store(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path
) -> None:
    run(registry, tmp_path)
    seen = {(request.server, "authorization" in request.headers) for request in stub.requests}
    assert seen == {("api", True), ("store", False)}


def test_token_stays_home_even_where_the_store_shares_the_registrys_address(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path
) -> None:
    stub.same_origin_store = True
    run(registry, tmp_path)
    at_store = [request for request in stub.requests if request.path.startswith("/objects/")]
    assert at_store
    assert all("authorization" not in request.headers for request in at_store)


def test_second_pull_fetches_nothing_and_records_no_download(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path
) -> None:
    run(registry, tmp_path)
    stub.requests.clear()
    pulled = run(registry, tmp_path)
    assert {file.state for file in pulled.files} == {FileState.ALREADY_THERE}
    assert not stub.paths("store")
    assert not [path for path in stub.paths("api") if "/resolve/" in path]


def test_file_that_was_altered_in_place_is_fetched_anew(
    registry: Registry, otter: dict[str, bytes], tmp_path: Path
) -> None:
    run(registry, tmp_path)
    (tmp_path / "config.json").write_bytes(b"[]")
    (tmp_path / "empty.txt").write_bytes(b"not empty")
    pulled = run(registry, tmp_path)
    assert contents(tmp_path) == otter
    assert [file.path for file in pulled.files if file.state is FileState.FETCHED] == [
        "config.json",
        "empty.txt",
    ]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(times=5, cut_after=100_000),
        Fault(times=5, cut_after=0),
        Fault(times=4, status=403),
        Fault(times=4, status=503),
        Fault(times=4, status=429),
        Fault(times=3, status=400),
    ],
    ids=["cut in the middle", "cut at once", "expired", "unavailable", "too many", "expired as 400"],
)
def test_store_that_misbehaves_for_a_while_delays_only(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path, fault: Fault
) -> None:
    stub.faults = [fault]
    run(registry, tmp_path)
    assert contents(tmp_path) == otter
    assert fault.times == 0


def test_dropped_body_is_resumed_where_it_broke(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path
) -> None:
    stub.faults = [Fault(cut_after=512 << 10)]
    pulled = run(registry, tmp_path, include=("*.safetensors",), connections=1)
    assert stub.ranges() == [(0, 6 * MIB + 17), (512 << 10, 6 * MIB + 17)]
    assert pulled.fetched_bytes == 6 * MIB + 17


def test_expired_url_is_asked_for_anew(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path
) -> None:
    stub.faults = [Fault(status=403)]
    run(registry, tmp_path, include=("*.safetensors",), connections=1)
    assert len([path for path in stub.paths("api") if "/resolve/" in path]) == 2


def test_right_that_ends_during_a_download_stops_it_with_what_to_do(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path
) -> None:
    stub.faults = [Fault(times=1, cut_after=1 * MIB), Fault(times=1, status=403)]
    stub.refuse_resolve_after = 1
    with pytest.raises(Refused) as caught:
        run(registry, tmp_path, include=("*.safetensors",), connections=1)
    assert "withdrawn" in caught.value.message
    assert not (tmp_path / "model.safetensors").exists()
    assert list((tmp_path / ".gatehouse").iterdir())


def test_store_that_keeps_refusing_is_reported_and_not_hammered(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path
) -> None:
    stub.faults = [Fault(times=10_000, status=403)]
    with pytest.raises(Unavailable, match="the store refuses"):
        run(registry, tmp_path, include=("*.safetensors",))
    assert len(stub.paths("store")) < 100


def test_store_that_keeps_failing_is_reported(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path
) -> None:
    stub.faults = [Fault(times=10_000, status=500)]
    with pytest.raises(Unavailable, match="the store answered 500"):
        run(registry, tmp_path, include=("*.safetensors",))


def test_file_missing_in_the_store_is_reported_without_its_url(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path
) -> None:
    stub.faults = [Fault(times=1, status=404)]
    with pytest.raises(ClientError, match="answered 404") as caught:
        run(registry, tmp_path, include=("*.safetensors",), connections=1)
    assert "Signature" not in "".join((caught.value.message, *caught.value.advice))


@pytest.mark.parametrize("name", ["model.safetensors", "nested/deep/tokenizer v1+2.json"])
def test_wrong_bytes_from_the_store_never_become_a_file(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path, name: str
) -> None:
    stub.faults = [Fault(flip_first_byte=True)]
    with pytest.raises(VerificationFailed, match="not those of the release"):
        run(registry, tmp_path, include=(name,), connections=1)
    assert contents(tmp_path) == {}
    run(registry, tmp_path, include=(name,))
    assert contents(tmp_path) == {name: otter[name]}


@pytest.mark.parametrize("data", [b"# Otter!", b"# Otter\n!", b""], ids=["altered", "longer", "shorter"])
def test_wrong_text_from_the_registry_never_becomes_a_file(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path, data: bytes
) -> None:
    stub.api_answers = [(f"/{MODEL}/resolve/", 200, {}, data)]
    with pytest.raises(VerificationFailed):
        run(registry, tmp_path, include=("README.md",))
    assert contents(tmp_path) == {}


def test_store_without_ranges_serves_one_connection_after_a_cut(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path
) -> None:
    stub.faults = [Fault(cut_after=2 * MIB), Fault(ignore_range=True), Fault(ignore_range=True)]
    run(registry, tmp_path, include=("*.safetensors",), connections=1)
    assert contents(tmp_path) == {"model.safetensors": otter["model.safetensors"]}


def test_store_without_ranges_is_explained_where_ranges_are_needed(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path
) -> None:
    stub.faults = [Fault(times=10_000, ignore_range=True)]
    with pytest.raises(ClientError, match="does not serve ranges") as caught:
        run(registry, tmp_path, include=("*.safetensors",))
    assert "--connections 1" in " ".join(caught.value.advice)


def test_broken_run_is_resumed_by_the_next(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path
) -> None:
    stub.faults = [Fault(cut_after=3 * MIB), Fault(times=10, status=500)]
    with pytest.raises(Unavailable):
        run(registry, tmp_path, include=("*.safetensors",), connections=1)
    stub.faults, stub.requests = [], []
    pulled = run(registry, tmp_path, include=("*.safetensors",), connections=1)
    assert contents(tmp_path) == {"model.safetensors": otter["model.safetensors"]}
    assert pulled.resumed_bytes == 3 * MIB
    assert stub.ranges() == [(3 * MIB, 6 * MIB + 17)]


@pytest.mark.parametrize("size", [700 << 10, 6 * MIB])
def test_damaged_remains_of_an_earlier_run_are_fetched_once_more(
    registry: Registry, stub: Stub, tmp_path: Path, size: int
) -> None:
    stub.files = {"weights.bin": noise(size)}
    stub.faults = [Fault(cut_after=size // 2), Fault(times=10, status=500)]
    with pytest.raises(Unavailable):
        run(registry, tmp_path, connections=1)
    part = next((tmp_path / ".gatehouse").glob("*.part"))
    with part.open("r+b") as file:
        file.write(b"damage")
    told = Told()
    pull(registry, order(tmp_path, connections=1), progress=told, pause=registry.session.pause)
    assert contents(tmp_path) == stub.files
    assert "damaged" in " ".join(told.lines)
    assert told.counted == told.total


@pytest.mark.parametrize(
    "journal",
    [b"", b"0 1048576\n1048576 20", b"9 5\n", b"0 999999999999\n", b"\x00\xff", b"0 524288\n0 524288\n"],
)
def test_any_journal_leads_to_the_right_file(
    registry: Registry, stub: Stub, tmp_path: Path, journal: bytes
) -> None:
    stub.files = {"weights.bin": noise(2 * MIB)}
    stub.faults = [Fault(cut_after=1 * MIB), Fault(times=10, status=500)]
    with pytest.raises(Unavailable):
        run(registry, tmp_path, connections=1)
    next((tmp_path / ".gatehouse").glob("*.spans")).write_bytes(journal)
    run(registry, tmp_path)
    assert contents(tmp_path) == stub.files


def test_progress_ends_at_the_total(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path
) -> None:
    stub.faults = [Fault(times=3, cut_after=300_000)]
    told = Told()
    pull(registry, order(tmp_path), progress=told, pause=registry.session.pause)
    assert told.counted == told.total == sum(map(len, otter.values()))


# What the manifest may not do


@pytest.mark.parametrize(
    "path",
    [
        "../evil",
        "a/../../evil",
        "/etc/evil",
        "a//b",
        "./a",
        "a/.",
        "",
        "a\\..\\b",
        "a\x00b",
        "a\nb",
        "a" * 256,
        "/".join(["a" * 100] * 11),
        ".gatehouse/x.part",
    ],
)
def test_hostile_path_is_refused_before_anything_is_fetched(
    registry: Registry, stub: Stub, tmp_path: Path, path: str
) -> None:
    stub.files = {"ok": b"fine"}
    stub.entries = [
        {"path": path, "size": 4, "sha256": hashlib.sha256(b"fine").hexdigest(), "git_oid": "0" * 40}
    ]
    with pytest.raises(UnsafePath):
        run(registry, tmp_path / "to")
    assert not (tmp_path / "to").exists()
    assert not [path for path in stub.paths("api") if "/resolve/" in path]


@pytest.mark.parametrize("paths", [("a", "a"), ("a", "a/b"), ("a/b/c", "a/b")])
def test_paths_that_cannot_stand_together_are_refused(
    registry: Registry, stub: Stub, tmp_path: Path, paths: tuple[str, ...]
) -> None:
    stub.entries = [{"path": path, "size": 0, "sha256": hashlib.sha256(b"").hexdigest()} for path in paths]
    with pytest.raises(UnsafePath):
        run(registry, tmp_path)


def test_link_in_the_folder_does_not_lead_outside(
    registry: Registry, otter: dict[str, bytes], tmp_path: Path
) -> None:
    outside, to = tmp_path / "outside", tmp_path / "to"
    outside.mkdir()
    to.mkdir()
    (to / "nested").symlink_to(outside)
    with pytest.raises(UnsafePath, match="link"):
        run(registry, to)
    assert not list(outside.iterdir())


def test_link_in_a_files_place_is_replaced_and_its_target_left_alone(
    registry: Registry, otter: dict[str, bytes], tmp_path: Path
) -> None:
    outside, to = tmp_path / "outside.json", tmp_path / "to"
    outside.write_bytes(b"{}")
    to.mkdir()
    (to / "config.json").symlink_to(outside)
    outside.write_bytes(b"precious")
    run(registry, to)
    assert outside.read_bytes() == b"precious"
    assert not (to / "config.json").is_symlink()


def test_link_in_place_of_the_state_folder_is_refused(
    registry: Registry, otter: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / ".gatehouse").symlink_to(tmp_path)
    with pytest.raises(UnsafePath):
        run(registry, tmp_path / "to")


def test_folder_in_a_files_place_is_reported(
    registry: Registry, otter: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "config.json").mkdir()
    with pytest.raises(ClientError, match=r"cannot write config\.json"):
        run(registry, tmp_path)


def test_two_pulls_into_one_folder_do_not_mix(
    registry: Registry, otter: dict[str, bytes], tmp_path: Path
) -> None:
    folder = TargetFolder(tmp_path)
    try:
        with pytest.raises(ClientError, match="another pull"):
            run(registry, tmp_path)
    finally:
        folder.close()
    run(registry, tmp_path)
    assert contents(tmp_path) == otter


def test_disk_without_room_is_told_before_the_first_byte(
    registry: Registry, stub: Stub, tmp_path: Path
) -> None:
    stub.entries = [{"path": "huge", "size": 10**15, "sha256": "0" * 64}]
    with pytest.raises(ClientError, match="not enough room"):
        run(registry, tmp_path)
    assert not stub.paths("store")


# What the manifest must be


def tampered(stub: Stub, **members: Any) -> tuple[str, int, dict[str, str], Any]:
    manifest = stub.manifest()
    digest = "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()
    body = {"manifest": manifest, "digest": digest, "signature": stub.key.sign(manifest.encode())} | members
    return (f"/api/v1/models/{MODEL}/releases/", 200, {}, body)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda stub: {"manifest": stub.manifest() + " "}, "manifest digest differs"),
        (lambda stub: {"digest": "sha256:" + "0" * 64}, "manifest digest differs"),
        (lambda stub: {"signature": Key("eve").sign(stub.manifest().encode())}, "does not publish"),
        (
            lambda stub: {"signature": Key("eve").sign(stub.manifest().encode(), kid=stub.key.kid)},
            "does not fit its content",
        ),
        (lambda stub: {"signature": stub.key.sign(b"{}")}, "over another text"),
        (
            lambda stub: {
                "signature": stub.key.sign(stub.manifest().encode(), typ="gatehouse-acceptance+sd-jwt")
            },
            "signed as another thing",
        ),
        (
            lambda stub: {"signature": stub.key.sign(stub.manifest().encode(), alg="none")},
            "expected 'Ed25519'",
        ),
    ],
    ids=[
        "text",
        "digest",
        "stranger",
        "stranger under our name",
        "other text",
        "acceptance",
        "algorithm none",
    ],
)
def test_manifest_that_is_not_signed_as_it_stands_is_refused(
    registry: Registry,
    stub: Stub,
    otter: dict[str, bytes],
    tmp_path: Path,
    change: Callable[[Stub], dict[str, Any]],
    words: str,
) -> None:
    stub.api_answers = [tampered(stub, **change(stub))]
    with pytest.raises(VerificationFailed, match=words):
        run(registry, tmp_path)
    assert not stub.paths("store")


def test_manifest_of_another_commit_is_refused(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path
) -> None:
    model = stub.model()
    model["release"]["commit"] = "0" * 40
    stub.api_answers = [(f"/api/v1/models/{MODEL}", 200, {}, model)]
    with pytest.raises(VerificationFailed, match="that of commit"):
        run(registry, tmp_path)


def test_manifest_of_another_model_is_refused(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path
) -> None:
    model = stub.model() | {"id": "something else", "name": "weasel"}
    stub.api_answers = [(f"/api/v1/models/{MODEL}", 200, {}, model)]
    with pytest.raises(VerificationFailed, match="expected tarn/weasel"):
        run(registry, tmp_path)


def test_key_that_was_not_there_at_sign_in_is_told(
    registry: Registry, stub: Stub, otter: dict[str, bytes], tmp_path: Path
) -> None:
    told = Told()
    pinned = parse_keys([Key("older").jwk], where="pinned")
    pull(registry, order(tmp_path, pinned=pinned), progress=told, pause=registry.session.pause)
    assert "did not have when you signed in" in " ".join(told.lines)


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
    told = Told()
    pull(registry, order(tmp_path, wait=True), progress=told, pause=waited.append)
    assert contents(tmp_path) == otter
    assert waited == [2.0, 2.5, 3.125]
    assert f"{stub.api_url}/{MODEL}/accept" in told.lines


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
