"""Pull against a store that cuts, expires, lies and stalls."""

from pathlib import Path

import pytest

from registry.client.api import Registry
from registry.client.errors import (
    ClientError,
    Refused,
    Unavailable,
    VerificationFailed,
)
from registry.client.pull import FileState, pull
from tests.unit.client.pulling import MIB, Told, contents, noise, order, run
from tests.unit.client.stub import MODEL, Fault, Stub

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.usefixtures("small_steps")


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
