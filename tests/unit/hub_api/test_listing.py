"""The tree of a release, against git itself."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.catalog.domain import FileView
from registry.catalog.manifests import GitBlobHasher
from registry.hub_api.listing import Folder, Listing

CONTENTS = {
    "README.md": b"card",
    "a/b/deep.txt": b"deep",
    "a/b.txt": b"beside",
    "a-b/x": b"dash sorts before slash",
    "a.b": b"dot sorts before slash",
    "a0": b"zero sorts after slash",
    "ä/ö.txt": b"letters",
}


def file(path: str, content: bytes = b"") -> FileView:
    hasher = GitBlobHasher(len(content))
    hasher.feed(content)
    return FileView(
        path=path, size=len(content), sha256="0" * 64, git_oid=hasher.hexdigest(), large=False, flags=()
    )


def paths(entries: object) -> list[str]:
    return [entry.path for entry in entries]  # type: ignore[attr-defined]


@pytest.fixture
def listing() -> Listing:
    return Listing(file(path, content) for path, content in CONTENTS.items())


def test_the_root_shows_its_own_files_and_folders(listing: Listing) -> None:
    page = listing.page("", recursive=False, after=None, limit=100)
    assert page is not None
    assert paths(page[0]) == ["README.md", "a", "a-b", "a.b", "a0", "ä"]
    assert page[1] is False


def test_a_folder_shows_what_is_in_it(listing: Listing) -> None:
    page = listing.page("a", recursive=True, after=None, limit=100)
    assert page is not None
    assert paths(page[0]) == ["a/b", "a/b.txt", "a/b/deep.txt"]


def test_neither_a_file_nor_nothing_is_a_folder(listing: Listing) -> None:
    assert listing.page("README.md", recursive=False, after=None, limit=10) is None
    assert listing.page("none", recursive=True, after=None, limit=10) is None


@pytest.mark.parametrize("recursive", [True, False])
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_together_are_the_whole(listing: Listing, recursive: bool, limit: int) -> None:
    whole = listing.page("", recursive=recursive, after=None, limit=1000)
    assert whole is not None
    gathered: list[str] = []
    after, more = None, True
    while more:
        page = listing.page("", recursive=recursive, after=after, limit=limit)
        assert page is not None
        gathered += paths(page[0])
        after, more = gathered[-1], page[1]
    assert gathered == paths(whole[0])


def test_entries_are_found_by_path(listing: Listing) -> None:
    assert isinstance(listing.find("a/b"), Folder)
    assert isinstance(listing.find("a/b.txt"), FileView)
    assert listing.find("a/c") is None
    assert listing.find("") is None


def test_folders_have_the_ids_that_git_gives_them(listing: Listing, tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    for path, content in CONTENTS.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)

    def git(*arguments: str) -> str:
        command = ["git", "-c", "core.quotepath=off", "-c", "core.filemode=false", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
        return done.stdout.decode()

    git("init", "-q")
    git("add", ".")
    root = git("write-tree").strip()
    for line in git("ls-tree", "-r", "-t", root).splitlines():
        head, path = line.split("\t")
        _, kind, oid = head.split(" ")
        entry = listing.find(path)
        assert entry is not None
        assert (entry.oid if isinstance(entry, Folder) else entry.git_oid) == oid, (kind, path)


def test_a_very_deep_release_is_listed() -> None:
    deep = "/".join(["d"] * 511)
    listing = Listing([file(deep + "/f"), file("top")])
    assert len(listing) == 511 + 2
    assert isinstance(listing.find(deep), Folder)


@given(st.sets(st.lists(st.sampled_from(["a", "b", "a-", "a.", "a0"]), min_size=1, max_size=4).map("/".join)))
def test_every_file_appears_once(names: set[str]) -> None:
    kept = {name for name in names if not any(other.startswith(name + "/") for other in names)}
    listing = Listing([file(name) for name in sorted(kept)])
    page = listing.page("", recursive=True, after=None, limit=10_000)
    assert page is not None
    assert {entry.path for entry in page[0] if isinstance(entry, FileView)} == kept
    assert paths(listing.files) == sorted(kept)
