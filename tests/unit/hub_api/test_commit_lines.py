"""Commits are read line by line within bounds, and nothing unknown in them is passed over."""

import base64
import hashlib
import io
import json
from typing import Any

import pytest

from registry.catalog.commits import Drop, Put
from registry.catalog.small_files import SMALL_MAX_BYTES
from registry.hub_api import commit_lines
from registry.hub_api.commit_lines import BATCH_BYTES, LINE_MAX_BYTES, CommitLines
from registry.kernel.outcomes import Refusal

HEADER = {"key": "header", "value": {"summary": "Say it", "description": "", "parentCommit": "a" * 40}}
OID = "b" * 64


def body(*lines: Any) -> io.BytesIO:
    return io.BytesIO(
        b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    )


def file(path: str, content: bytes) -> dict[str, Any]:
    value = {"path": path, "content": base64.b64encode(content).decode(), "encoding": "base64"}
    return {"key": "file", "value": value}


def read(*lines: Any) -> CommitLines:
    commit = CommitLines(body(*lines))
    while batch := commit.next_batch():
        assert not isinstance(batch, Refusal), batch
    return commit


def test_a_commit_of_every_kind_of_line() -> None:
    commit = read(
        HEADER,
        file("README.md", b"# Hello"),
        {"key": "file", "value": {"path": "plain.txt", "content": "na\u00efve", "encoding": "utf-8"}},
        {"key": "lfsFile", "value": {"path": "w.bin", "algo": "sha256", "oid": OID, "size": 7}},
        {"key": "lfsFile", "value": {"path": "copy.bin", "algo": "sha256", "oid": OID}},
        {"key": "deletedFile", "value": {"path": "old.txt"}},
        {"key": "deletedFolder", "value": {"path": "old/"}},
    )
    assert commit.header is not None
    assert (commit.header.summary, commit.header.parentCommit) == ("Say it", "a" * 40)
    assert commit.changes == [
        Put(path="README.md", sha256=hashlib.sha256(b"# Hello").hexdigest(), size=7),
        Put(path="plain.txt", sha256=hashlib.sha256("na\u00efve".encode()).hexdigest(), size=6),
        Put(path="w.bin", sha256=OID, size=7),
        Put(path="copy.bin", sha256=OID, size=None),
        Drop(path="old.txt", is_folder=False),
        Drop(path="old/", is_folder=True),
    ]
    assert commit.large == {OID: "w.bin"}


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (file("a", b"a"),),
        (HEADER, HEADER),
        (file("a", b"a"), HEADER),
        (HEADER, b"not json"),
        (HEADER, b""),
        (HEADER, b"[" * 100_000),
        (HEADER, b'{"key": "file"}'),
        (HEADER, b"\xff\xfe"),
        (HEADER, {"key": "submodule", "value": {"path": "a"}}),
        (HEADER, {"key": "deletedFile", "value": {"path": ""}}),
        (HEADER, {"key": "deletedFile", "value": {"path": "a" * 2000}}),
        (HEADER, {"key": "deletedFile", "value": {"path": "a", "recursive": True}}),
        (HEADER, {"key": "file", "value": {"path": "a", "content": "%%%", "encoding": "base64"}}),
        (HEADER, {"key": "file", "value": {"path": "a", "content": "aa", "encoding": "rot13"}}),
        (HEADER, {"key": "file", "value": {"path": 7, "content": "aa", "encoding": "utf-8"}}),
        (HEADER, {"key": "lfsFile", "value": {"path": "a", "algo": "md5", "oid": OID, "size": 1}}),
        (HEADER, {"key": "lfsFile", "value": {"path": "a", "algo": "sha256", "oid": "B" * 64, "size": 1}}),
        (HEADER, {"key": "lfsFile", "value": {"path": "a", "algo": "sha256", "oid": OID, "size": -1}}),
        (HEADER, {"key": "lfsFile", "value": {"path": "a", "algo": "sha256", "oid": OID, "size": 2**63}}),
        ({"key": "header", "value": {"summary": "x", "parentCommit": "main"}},),
        ({"key": "header", "value": {"summary": "x" * 5_000}},),
        (HEADER, file("a", b"a" * (SMALL_MAX_BYTES + 1))),
        (HEADER, b" " * (LINE_MAX_BYTES + 1)),
    ],
    ids=lambda lines: str(lines)[-60:],
)
def test_what_cannot_be_read_is_refused(lines: tuple[Any, ...]) -> None:
    commit = CommitLines(body(*lines))
    found: Any = commit.next_batch()
    while found and not isinstance(found, Refusal):
        found = commit.next_batch()
    assert isinstance(found, Refusal)
    assert found.code == "malformed-request"
    assert OID not in found.detail


def test_small_files_come_in_batches_that_fit_in_memory() -> None:
    content = bytes(range(256)) * 4096
    commit = CommitLines(
        body(HEADER, *(file(f"{number}", content[number:] + content[:number]) for number in range(6)))
    )
    first = commit.next_batch()
    assert isinstance(first, list)
    assert sum(small.measured.size for small in first) == BATCH_BYTES
    assert len(commit.next_batch()) == 2  # type: ignore[arg-type]
    assert commit.next_batch() == []


def test_many_small_files_come_in_batches_and_the_same_bytes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit_lines, "BATCH_FILES", 2)
    commit = CommitLines(body(HEADER, *(file(f"{n}", b"%d" % (n % 3)) for n in range(9))))
    assert [len(commit.next_batch()) for _ in range(3)] == [2, 1, 0]  # type: ignore[arg-type]
    assert len(commit.changes) == 9


def test_operations_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit_lines, "OPERATIONS_MAX_COUNT", 2)
    gone = {"key": "deletedFile", "value": {"path": "a"}}
    assert CommitLines(body(HEADER, gone, gone)).next_batch() == []
    refused = CommitLines(body(HEADER, gone, gone, gone)).next_batch()
    assert isinstance(refused, Refusal)
    assert "at most 2 operations" in refused.detail
