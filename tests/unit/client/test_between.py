"""What a log gained between two states: proven, counted, in words; from a served log or a copy."""

import base64
import json
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import cli
from registry.acceptances import fsck as acceptances_fsck
from registry.audit import service as audit_service
from registry.client.between import KeptLog, ReadLog
from registry.client.entries import UNKNOWN, read_entry
from registry.client.errors import ExitCode, VerificationFailed
from registry.client.keys import encode_base64url
from registry.client.mirror import LogDeparted, follow
from registry.client.shelf import Folder
from registry.identity.ending import PERSON_ENDED
from tests.unit.client.logs import MemoryLog
from tests.vectors.receipt import writer

START = datetime(2026, 11, 1, tzinfo=UTC)
RECEIPT = Path(writer.__file__).parent / "good" / "all-disclosed.json"


def fact(at: datetime, kind: str = "withdrawal", **members: Any) -> bytes:
    return json.dumps({"v": 1, "kind": kind, "at": at.isoformat(), **members}).encode()


def timed(count: int) -> MemoryLog:
    """A log with an entry each minute."""
    log = MemoryLog()
    log.leaves = [fact(START + timedelta(minutes=at), acceptance=f"a-{at}") for at in range(count)]
    return log


def opened(log: MemoryLog) -> ReadLog:
    return ReadLog(log, [log.key])


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 1), (255, 257), (256, 512), (300, 700), (700, 700)])
def test_the_entries_between_two_sizes_are_those_of_the_log(old: int, new: int) -> None:
    log = timed(700)
    read = opened(log)
    found = list(read.entries(read.at_size(old), read.at_size(new)))
    assert found == list(enumerate(log.leaves))[old:new]


@pytest.mark.parametrize("at", [-1, 0, 1, 255, 256, 511, 699, 5000])
def test_a_time_stands_for_all_entries_before_the_first_later_one(at: int) -> None:
    log = timed(700)
    expected = max(0, min(700, at + 1))
    assert opened(log).at_time(START + timedelta(minutes=at)).size == expected
    assert opened(log).at_time(START + timedelta(minutes=at, seconds=59)).size == expected


def test_entries_without_a_time_do_not_hinder_the_search() -> None:
    log = timed(600)
    for at in (*range(40), *range(250, 300), *range(590, 600)):
        log.leaves[at] = b"\x00 something else"
    assert opened(log).at_time(START + timedelta(minutes=420)).size == 421


def test_a_kept_checkpoint_is_held_to_the_log() -> None:
    log = timed(300)
    kept = log.checkpoint()
    log.grow(100)
    assert opened(log).at_checkpoint(kept, name="kept").size == 300
    log.leaves[7] = b"rewritten"
    with pytest.raises(LogDeparted, match=r"forked.*300 entries in kept"):
        opened(log).at_checkpoint(kept, name="kept")
    del log.leaves[200:]
    with pytest.raises(LogDeparted, match=r"set back.*shows 200 entries, and had signed 300"):
        opened(log).at_checkpoint(kept, name="kept")
    other = MemoryLog(origin="elsewhere/ledger").grow(5)
    with pytest.raises(VerificationFailed, match="of another log: elsewhere/ledger"):
        opened(log).at_checkpoint(other.checkpoint(), name="kept")
    forger = MemoryLog(seed=9).grow(5)
    with pytest.raises(VerificationFailed, match="no key for checkpoints"):
        opened(log).at_checkpoint(forger.checkpoint(), name="kept")


def test_an_altered_entry_or_tile_is_named_and_not_told() -> None:
    log = timed(600)
    read = opened(log)
    first = read.at_size(0)
    place = next(p for p in log.fetched if p.level == 0)
    log.altered["tile/entries/001"] = log.honest(type(place)(level=None, number=1)).replace(
        b"a-300", b"a-999"
    )
    with pytest.raises(VerificationFailed, match="entry 300 was altered"):
        list(read.entries(first, read.newest()))


def test_every_kind_that_the_registry_appends_has_words() -> None:
    kinds = {*audit_service._LEAF_CHECKS, *acceptances_fsck.KINDS, PERSON_ENDED} - {
        "acceptance",
        "acceptor.imported",
    }
    for kind in kinds:
        assert "does not know" not in read_entry(fact(START, kind)).said, kind
    assert read_entry(fact(START, "of-tomorrow")).said == "of a kind that this version does not know"


def test_an_acceptance_is_told_without_a_person() -> None:
    document = json.loads(RECEIPT.read_bytes())
    leaf = document["sd_jwt"].partition("~")[0].encode()
    entry = read_entry(leaf)
    assert entry.kind == "acceptance"
    assert entry.at is not None
    assert entry.said == ("Imagined OpenRAIL-M 1.1 was accepted, grade (not stated), for a private model")


def test_an_import_is_told_as_what_it_is() -> None:
    claims = {
        "grade": "C",
        "scope": {"model": "a/b"},
        "times": {"stated": None, "imported": "2026-01-01T00:00:00Z"},
    }
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=")
    entry = read_entry(b"eyJ9." + payload + b".x")
    assert (entry.kind, entry.said) == (
        "acceptor.imported",
        "somebody was imported who accepted elsewhere, text unknown, grade C, for a/b",
    )


@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda text: f'{{"kind":{json.dumps(text)},"at":"2026-01-01T00:00:00Z"}}'.encode()))  # fmt: skip
def test_no_bytes_break_the_words(leaf: bytes) -> None:
    entry = read_entry(leaf)
    assert not any(unicodedata.category(one) == "Cc" for one in entry.said + entry.kind)


@pytest.mark.parametrize(
    "leaf",
    [b"", b"eyJ", b"eyJ.eyJ.eyJ", b"eyJ.e30.x", b"[]", b"{}", b'{"kind":1,"at":2}', b'{"kind":"role","at":"never"}',
     b'{"kind":"role","at":"0001-01-01T00:00:00+23:59"}', b'{"kind":"role","at":"9999-12-31T23:59:59-23:59"}',
     b"{" * 5000, b'{"kind":"role","kind":"role"}'],
)  # fmt: skip
def test_a_leaf_that_is_not_understood_is_counted_all_the_same(leaf: bytes) -> None:
    assert read_entry(leaf).kind == UNKNOWN


@pytest.fixture
def copy(tmp_path: Path) -> tuple[MemoryLog, Path]:
    log = timed(300)
    log.leaves[299] = fact(START + timedelta(minutes=299), "role", role="owner", publisher="p-1", act="given")
    folder = tmp_path / "copy"
    follow(log, Folder(folder), keys=[log.key])
    jwk = {
        "kty": "OKP", "crv": "Ed25519", "kid": log.key.kid, "use": log.key.use.value,
        "x": encode_base64url(log.public), "valid_from": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    (folder / "keys.json").write_text(json.dumps({"keys": [jwk]}))
    return log, folder


def test_a_copy_reads_like_a_served_log(copy: tuple[MemoryLog, Path]) -> None:
    log, folder = copy
    read = ReadLog(KeptLog(Folder(folder)), [log.key])
    assert [index for index, _ in read.entries(read.at_size(298), read.newest())] == [298, 299]
    (folder / "tile/entries/001.p/44").unlink()
    with pytest.raises(VerificationFailed, match=r"bundle of entries number 1 is missing"):
        list(read.entries(read.at_size(298), read.newest()))
    with pytest.raises(VerificationFailed, match="holds no copy of a log"):
        KeptLog(Folder(folder / "none")).checkpoint()


def between(*words: str) -> int:
    return cli.main(("ledger", "between", *words))


def test_the_command_tells_each_entry_and_counts_them(
    copy: tuple[MemoryLog, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, folder = copy
    kept = tmp_path / "kept.txt"
    older = MemoryLog()
    older.leaves = log.leaves[:297]
    kept.write_text(older.checkpoint())
    assert between(str(kept), "--source", str(folder)) == 0
    told = capsys.readouterr()
    lines = [line.split("\t") for line in told.out.splitlines()]
    assert [line[0] for line in lines] == ["297", "298", "299"]
    assert lines[0][2:] == ["withdrawal", "acceptance a-297 was withdrawn"]
    assert lines[2][1:] == ["2026-11-01T04:59:00.000Z", "role", "role owner at publisher p-1 given"]
    assert "the log of 300 entries begins with that of 297" in told.err
    assert "3 entries between them" in told.err
    assert f"key {log.key.kid} has signed" in told.err
    assert between("297", "2026-11-01T04:58:00Z", "--source", str(folder), "--json") == 0
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert documents[0]["old"] == {"size": 297, "root": older.root().hex()}
    assert [one["index"] for one in documents[1:-1]] == [297, 298]
    assert documents[-1] == {"entries": 2, "kinds": {"withdrawal": 2}}
    assert between("2026-11-01", "--source", str(folder), "--summary") == 0
    assert capsys.readouterr().out == "role\t1\nwithdrawal\t298\n"


@pytest.mark.parametrize(
    ("states", "code", "said"),
    [
        (("301",), ExitCode.VERIFICATION_FAILED, "has 300 entries, fewer than 301"),
        (("9" * 30,), ExitCode.USAGE, "no log has 999"),
        (("20", "10"), ExitCode.USAGE, "the other way round"),
        (("nowhere.txt",), ExitCode.USAGE, "neither a file, a number of entries, nor a time"),
    ],
)
def test_states_that_cannot_be_meant_are_refused(
    copy: tuple[MemoryLog, Path],
    capsys: pytest.CaptureFixture[str],
    states: tuple[str, ...],
    code: ExitCode,
    said: str,
) -> None:
    assert between(*states, "--source", str(copy[1])) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert said in told.err


def test_a_checkpoint_that_the_copy_contradicts_ends_with_5(
    copy: tuple[MemoryLog, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "kept.txt"
    forked = timed(250)
    forked.leaves[3] = b"another"
    kept.write_text(forked.checkpoint())
    assert between(str(kept), "--source", str(copy[1])) == 5
    assert "the log was forked" in capsys.readouterr().err
    kept.write_bytes(b"\xff")
    assert between(str(kept), "--source", str(copy[1])) == ExitCode.FAILURE
