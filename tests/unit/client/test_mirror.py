"""A copy of a log: what is kept was verified, and what contradicts it is noticed and named."""

import random
from pathlib import Path

import pytest

from registry.client.errors import ClientError, Malformed, Unavailable, VerificationFailed
from registry.client.mirror import CHECKPOINT, CONFLICTING, LogDeparted, check_copy, follow
from registry.client.shelf import Folder, open_shelf
from registry.client.tiles import Place, places_of
from tests.unit.client.logs import MemoryLog, files_of


@pytest.fixture
def shelf(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "copy")


def test_a_copy_is_the_log_and_grows_with_it(tmp_path: Path, shelf: Folder) -> None:
    log = MemoryLog()
    for count, added in ((3, 3), (253, 253), (44, 44), (600, 600), (0, 0)):
        followed = follow(log.grow(count), shelf, keys=[log.key])
        assert (followed.size, followed.added, followed.root) == (len(log.leaves), added, log.root())
        assert check_copy(shelf, keys=[log.key]).size == len(log.leaves)
        files = files_of(tmp_path / "copy")
        assert files["checkpoint"] == log.checkpoint().encode()
        for place in places_of(len(log.leaves)):
            assert files[place.path] == log.honest(place)


def test_only_what_is_new_is_fetched(shelf: Folder) -> None:
    log = MemoryLog().grow(70_000)
    follow(log, shelf, keys=[log.key])
    log.fetched.clear()
    follow(log.grow(10), shelf, keys=[log.key])
    assert len(log.fetched) <= 6
    assert [place for place in log.fetched if place.level is None] == [
        Place(level=None, number=273, width=122)
    ]


def test_partial_tiles_go_when_the_whole_one_is_there(tmp_path: Path, shelf: Folder) -> None:
    log = MemoryLog().grow(5)
    follow(log, shelf, keys=[log.key])
    follow(log.grow(251), shelf, keys=[log.key])
    files = files_of(tmp_path / "copy")
    assert not [path for path in files if path.startswith(("tile/0/000.p", "tile/entries/000.p"))]
    assert "tile/1/000.p/1" in files


def test_a_log_that_was_set_back_is_noticed(tmp_path: Path, shelf: Folder) -> None:
    log = MemoryLog().grow(300)
    follow(log, shelf, keys=[log.key])
    before = files_of(tmp_path / "copy")
    del log.leaves[280:]
    with pytest.raises(LogDeparted, match="set back: it shows 280 entries, and had signed 300"):
        follow(log, shelf, keys=[log.key])
    after = files_of(tmp_path / "copy")
    assert after.pop(CONFLICTING) == log.checkpoint().encode()
    assert after == before


@pytest.mark.parametrize("at", [0, 255, 256, 299])
@pytest.mark.parametrize("size", [290, 300, 900])
def test_a_fork_is_noticed_and_the_entry_named(shelf: Folder, at: int, size: int) -> None:
    log = MemoryLog().grow(300)
    follow(log, shelf, keys=[log.key])
    if at >= size:
        return
    log.leaves[at] = b"rewritten"
    del log.leaves[size:]
    log.grow(size - len(log.leaves))
    with pytest.raises(LogDeparted, match=f"forked.* entry {at} is the first that differs"):
        follow(log, shelf, keys=[log.key])


def test_a_fork_without_its_tiles_is_a_fork_all_the_same(shelf: Folder) -> None:
    log = MemoryLog().grow(300)
    follow(log, shelf, keys=[log.key])
    log.leaves[7] = b"rewritten"
    for place in places_of(300):
        log.altered[place.path] = b"gone"
    with pytest.raises(LogDeparted, match="do not show where"):
        follow(log, shelf, keys=[log.key])


def test_an_entry_that_does_not_fit_the_tree_is_named_and_nothing_counts(
    tmp_path: Path, shelf: Folder
) -> None:
    log = MemoryLog().grow(300)
    follow(log, shelf, keys=[log.key])
    kept = files_of(tmp_path / "copy")["checkpoint"]
    place = Place(level=None, number=1, width=54)
    log.grow(10)
    log.altered[place.path] = log.honest(place).replace(b"entry 305", b"entry 999")
    with pytest.raises(VerificationFailed, match="entry 305 was altered"):
        follow(log, shelf, keys=[log.key])
    assert files_of(tmp_path / "copy")["checkpoint"] == kept
    log.altered.clear()
    assert follow(log, shelf, keys=[log.key]).added == 10


def test_a_checkpoint_of_somebody_else_or_of_another_log_is_refused(shelf: Folder) -> None:
    log = MemoryLog().grow(3)
    follow(log, shelf, keys=[log.key])
    stranger = MemoryLog(seed=2).grow(4)
    with pytest.raises(VerificationFailed, match="no key for checkpoints that is known here"):
        follow(stranger, shelf, keys=[log.key])
    other = MemoryLog(origin="other.example/ledger").grow(4)
    with pytest.raises(VerificationFailed, match=r"another log answers.*registry\.example.*other\.example"):
        follow(other, shelf, keys=[log.key, other.key])


def test_a_copy_that_was_cut_off_goes_on(tmp_path: Path, shelf: Folder) -> None:
    log = MemoryLog().grow(700)
    places = [place for place in places_of(700) if place.level is None]
    for place in places:
        log.altered[place.path] = b""
    for place in places:  # one bundle further each time
        with pytest.raises((VerificationFailed, Malformed)):
            follow(log, shelf, keys=[log.key])
        assert "checkpoint" not in files_of(tmp_path / "copy")
        del log.altered[place.path]
    follow(log, shelf, keys=[log.key])
    assert check_copy(shelf, keys=[log.key]).size == 700


def test_a_tile_that_is_not_there_ends_the_look_and_not_the_copy(shelf: Folder) -> None:
    log = MemoryLog().grow(10)
    follow(log, shelf, keys=[log.key])
    note = log.grow(10).checkpoint()
    del log.leaves[15:]  # the checkpoint is ahead of the tiles

    class Ahead(MemoryLog):
        def checkpoint(self) -> str:
            return note

    ahead = Ahead()
    ahead.leaves = log.leaves
    with pytest.raises(Unavailable):
        follow(ahead, shelf, keys=[log.key])
    assert check_copy(shelf, keys=[log.key]).size == 10


def test_every_altered_byte_of_a_copy_is_found(tmp_path: Path, shelf: Folder) -> None:
    log = MemoryLog().grow(270)
    follow(log, shelf, keys=[log.key])
    files = files_of(tmp_path / "copy")
    dice = random.Random(4)
    for path, data in files.items():
        # All bytes of small files; some of each large one, all of them would take minutes.
        spots = range(len(data)) if len(data) < 600 else dice.sample(range(len(data)), 60)
        for at in spots:
            changed = bytes([data[at] ^ (1 << dice.randrange(8))])
            (tmp_path / "copy" / path).write_bytes(data[:at] + changed + data[at + 1 :])
            with pytest.raises(ClientError) as raised:
                check_copy(shelf, keys=[log.key])
            assert raised.value.exit_code in {1, 5}
        for other in (data[:-1], data + b"x", b""):
            (tmp_path / "copy" / path).write_bytes(other)
            with pytest.raises(ClientError):
                check_copy(shelf, keys=[log.key])
        (tmp_path / "copy" / path).unlink()
        with pytest.raises(ClientError, match=r"missing|there is no checkpoint"):
            check_copy(shelf, keys=[log.key])
        (tmp_path / "copy" / path).write_bytes(data)
    check_copy(shelf, keys=[log.key])


@pytest.mark.parametrize("target", ["ftp://x/y", "s3:///x", "s3://b/x?y", "https://x"])
def test_a_copy_stands_in_a_folder_or_a_bucket(target: str) -> None:
    with pytest.raises(ClientError, match="in a folder, or at s3"):
        open_shelf(target)


def test_the_kept_checkpoint_is_text(tmp_path: Path, shelf: Folder) -> None:
    log = MemoryLog().grow(3)
    follow(log, shelf, keys=[log.key])
    (tmp_path / "copy" / CHECKPOINT).write_bytes(b"\xff")
    with pytest.raises(VerificationFailed, match="not UTF-8"):
        follow(log, shelf, keys=[log.key])
