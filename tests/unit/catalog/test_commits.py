"""What a list of changes makes of a release's files."""

import time

import pytest

from registry.catalog.commits import Change, Drop, Put, apply_changes
from registry.catalog.domain import StatedFile


def stated(*paths: str) -> dict[str, StatedFile]:
    return {path: StatedFile(path=path, sha256="0" * 64, size=1) for path in paths}


def put(path: str, digest: str = "1") -> Put:
    return Put(path=path, sha256=digest * 64, size=2)


def drop(path: str, *, is_folder: bool = False) -> Drop:
    return Drop(path=path, is_folder=is_folder)


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ((), {"a", "d/b", "d/e/c"}),
        ((put("f"), put("d/f")), {"a", "d/b", "d/e/c", "f", "d/f"}),
        ((drop("a"),), {"d/b", "d/e/c"}),
        ((drop("d/", is_folder=True),), {"a"}),
        ((drop("d/e", is_folder=True),), {"a", "d/b"}),
        ((drop("d", is_folder=True), put("d/b")), {"a", "d/b"}),
        ((put("d/new"), drop("d", is_folder=True)), {"a"}),
        ((drop("a"), put("a/b")), {"d/b", "d/e/c", "a/b"}),
        ((put("a"), drop("a")), {"d/b", "d/e/c"}),
    ],
)
def test_changes_are_made_in_their_order(changes: tuple[Change, ...], left: set[str]) -> None:
    files = apply_changes(stated("a", "d/b", "d/e/c"), changes, {})
    assert isinstance(files, list)
    assert {file.path for file in files} == left


@pytest.mark.parametrize(
    "change",
    [drop("b"), drop("d"), drop("a", is_folder=True), drop("x/", is_folder=True), drop("d/b/c"), drop("/a")],
)
def test_what_is_not_there_cannot_be_dropped(change: Drop) -> None:
    assert apply_changes(stated("a", "d/b"), [change], {}) == change


def test_new_bytes_replace_old_ones_and_a_copy_takes_the_size_that_is_known() -> None:
    files = apply_changes(
        stated("a", "b"), [put("a"), Put(path="b", sha256="2" * 64, size=None)], {"2" * 64: 7}
    )
    assert isinstance(files, list)
    assert {file.path: (file.sha256[0], file.size) for file in files} == {"a": ("1", 2), "b": ("2", 7)}


def test_many_dropped_folders_take_no_look_at_every_file_each() -> None:
    paths = [f"d{number}/x" for number in range(30_000)]
    changes: list[Change] = []
    for number in range(30_000):
        changes += [drop(f"d{number}", is_folder=True), put(f"e{number}/y")]
    begun = time.monotonic()
    files = apply_changes(stated(*paths), changes, {})
    assert isinstance(files, list)
    assert len(files) == 30_000
    assert time.monotonic() - begun < 20
