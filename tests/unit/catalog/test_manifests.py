import hashlib
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.catalog.manifests import (
    GitBlobHasher,
    Manifest,
    ManifestFile,
    ManifestLicense,
    check_entry,
    check_path,
    check_paths,
    commit_id,
    manifest_bytes,
    parse_manifest,
)

FILES = (
    ManifestFile(path="b.bin", size=2, sha256="b" * 64, git_oid="2" * 40),
    ManifestFile(path="README.md", size=1, sha256="a" * 64, git_oid="1" * 40),
)
MANIFEST = Manifest(
    model_id=UUID("018f0000-0000-7000-8000-000000000001"),
    name="tarn/tarn-7b",
    parent=None,
    released_at=datetime(2026, 11, 23, 12, 0, 0, 123000, tzinfo=UTC),
    message="First",
    licenses=(ManifestLicense(slug="tarn", number="1.0", sha256="sha256:" + "c" * 64),),
    files=FILES,
)


def test_the_manifest_and_commit_of_a_release_are_pinned() -> None:
    data = manifest_bytes(MANIFEST)
    assert data == (
        b'{"files":[{"git_oid":"'
        + b"1" * 40
        + b'","path":"README.md","sha256":"'
        + b"a" * 64
        + b'","size":1},'
        b'{"git_oid":"' + b"2" * 40 + b'","path":"b.bin","sha256":"' + b"b" * 64 + b'","size":2}],'
        b'"format":"gatehouse-release/1",'
        b'"licenses":[{"number":"1.0","sha256":"sha256:' + b"c" * 64 + b'","slug":"tarn"}],'
        b'"message":"First","model":{"id":"018f0000-0000-7000-8000-000000000001","name":"tarn/tarn-7b"},'
        b'"parent":null,"released_at":"2026-11-23T12:00:00.123Z"}'
    )
    assert commit_id(data) == hashlib.sha256(b"gatehouse-release-commit/1\0" + data).hexdigest()[:40]


def test_the_order_of_files_does_not_matter_and_the_manifest_reads_back() -> None:
    turned = replace(MANIFEST, files=FILES[::-1])
    assert manifest_bytes(turned) == manifest_bytes(MANIFEST)
    assert parse_manifest(manifest_bytes(MANIFEST)) == turned


@pytest.mark.parametrize(
    "changes",
    [
        {"parent": "0" * 40},
        {"message": "Second"},
        {"released_at": datetime(2026, 11, 23, 12, 0, 0, 124000, tzinfo=UTC)},
        {"files": FILES[:1]},
        {"licenses": ()},
    ],
)
def test_every_fact_changes_the_commit(changes: dict[str, object]) -> None:
    other = replace(MANIFEST, **changes)  # type: ignore[arg-type] # a table of cases
    assert commit_id(manifest_bytes(other)) != commit_id(manifest_bytes(MANIFEST))


@pytest.mark.parametrize(
    "data", [b"{}", b"[]", b"null", b"x", b'{"format":"other"}', b'{"format":"gatehouse-release/1"}']
)
def test_other_manifests_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        parse_manifest(data)


@pytest.mark.parametrize(
    "path",
    [
        "a",
        "README.md",
        "LICENSE",
        "a/b/c.safetensors",
        ".gitattributes",
        "a b+c (1).txt",
        "データ/モデル.bin",
        "model-00001-of-00002.safetensors",
        "👩‍🔬.txt",
        "[id]@2x~.png",
        "x" * 255,
    ],
)
def test_ordinary_paths_are_allowed(path: str) -> None:
    assert check_path(path) is None


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a\\b", "C:\\a", "C:/a", "a\0b"),
        *(
            "a\nb",
            "a\rb",
            "a\x7f",
            "a\u202eb",
            "a\u200bb",
            "\ufeffa",
            "a\u2028b",
            "e\u0301",
            ".git",
            "a/.GIT/config",
        ),
        *(
            ".git/hooks/x",
            "a.",
            "a /b",
            " a",
            "con",
            "NUL.txt",
            "a/COM1",
            "a<b",
            "a>b",
            "a|b",
            'a"b',
            "a?b",
            "a*b",
        ),
        *("x" * 256, "a/" * 512 + "a", "\ud800", "\ue000"),
    ],
)
def test_paths_that_could_harm_are_refused(path: str) -> None:
    assert check_path(path)


@given(st.text(max_size=60))
def test_an_allowed_path_stays_inside_its_folder(path: str) -> None:
    if check_path(path) is None:
        parts = path.split("/")
        assert all(part not in ("", ".", "..") for part in parts)
        assert path.isprintable() or "\u200d" in path or "\u200c" in path or not path.isascii()


@pytest.mark.parametrize(
    ("paths", "wrong"),
    [
        (["a", "b/c"], set()),
        ([], {"files"}),
        (["a", "a"], {"a"}),
        (["README.md", "readme.md"], {"readme.md"}),
        (["straße", "STRASSE"], {"STRASSE"}),
        (["a", "a/b"], {"a/b"}),
        (["a/b", "A"], {"a/b"}),
        (["a/b", "A/c"], {"A/c"}),
        (["../x", "ok"], {"../x"}),
        (["x"] * 100_001, {"files"}),
    ],
)
def test_paths_that_cannot_stand_together_are_named(paths: list[str], wrong: set[str]) -> None:
    assert set(check_paths(paths)) == wrong


def test_a_hundred_thousand_files_are_checked() -> None:
    assert check_paths([f"d{n % 100}/f{n}" for n in range(100_000)]) == {}


@pytest.mark.parametrize(
    ("size", "sha256", "fits"),
    [
        (0, "a" * 64, True),
        (-1, "a" * 64, False),
        (50 * 10**9 + 1, "a" * 64, False),
        (1, "A" * 64, False),
        (1, "a", False),
    ],
)
def test_sizes_and_digests_are_checked(size: int, sha256: str, fits: bool) -> None:
    assert (check_entry(size, sha256) is None) is fits


@given(st.binary(max_size=200), st.integers(1, 50))
def test_chunks_do_not_matter_to_the_git_hash(data: bytes, step: int) -> None:
    hasher = GitBlobHasher(len(data))
    for start in range(0, len(data), step):
        hasher.feed(data[start : start + step])
    assert hasher.hexdigest() == hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def test_the_git_hash_is_that_of_git() -> None:
    hasher = GitBlobHasher(6)
    hasher.feed(b"hello\n")
    found = subprocess.run(
        ["git", "hash-object", "--stdin"], input=b"hello\n", capture_output=True, check=True
    ).stdout.decode()
    assert hasher.hexdigest() == found.strip() == "ce013625030ba8dba906f756967f9e9ca394464a"
