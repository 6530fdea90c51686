"""Reading a log by its tiles; held against the registry's own tree, which shares no code with it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from registry.client.errors import Malformed, VerificationFailed
from registry.client.merkle import leaf_hash, node_hash
from registry.client.tiles import (
    EMPTY_ROOT,
    TILE_WIDTH,
    Place,
    VerifiedTiles,
    first_difference,
    places_of,
    root_over,
    split_entries,
)
from registry.ledger import tiles as served
from registry.ledger import tree
from tests.unit.client.logs import MemoryLog

SIZES = some.integers(1, 3 * TILE_WIDTH) | some.sampled_from([65_535, 65_536, 65_537, 66_000])


def read(log: MemoryLog) -> VerifiedTiles:
    return VerifiedTiles(log.fetch, size=len(log.leaves), root=log.root())


@given(some.none() | some.integers(0, 63), some.integers(0, served.NUMBER_MAX), some.integers(1, 256))
def test_paths_are_those_that_the_registry_serves(level: int | None, number: int, width: int) -> None:
    theirs = served.TileAddress(level=level, number=number, width=width)
    assert Place(level=level, number=number, width=width).path == f"tile/{theirs.path()}"


@settings(max_examples=25, deadline=None)
@given(size=some.integers(1, 3 * TILE_WIDTH), part=some.floats(0, 1))
def test_the_root_of_every_beginning_is_that_of_the_registry(size: int, part: float) -> None:
    log = MemoryLog().grow(size)
    stored = log.tree()
    beginning = round(size * part)
    assert read(log).root_at(beginning) == tree.root_at(beginning, read_tile=lambda *at: stored[at])


@settings(max_examples=25, deadline=None)
@given(size=some.integers(1, 3 * TILE_WIDTH), part=some.floats(0, 1, exclude_max=True))
def test_the_first_leaf_that_differs_is_found(size: int, part: float) -> None:
    one, other = MemoryLog().grow(size), MemoryLog().grow(size)
    at = int(size * part)
    other.leaves[at] = b"another"
    assert first_difference(read(one), read(other), size=size) == at


def test_the_first_leaf_that_differs_is_found_behind_two_levels() -> None:
    one, other = MemoryLog().grow(66_000), MemoryLog().grow(66_000)
    one_tree, other_tree = one.tree(), None
    for at in (0, 300, 65_535, 65_536, 65_999):
        other.leaves = [*one.leaves]
        other.leaves[at] = b"another"
        other_tree = other.tree()
        found = first_difference(
            VerifiedTiles(reader(one_tree), size=66_000, root=root(one_tree)),
            VerifiedTiles(reader(other_tree), size=66_000, root=root(other_tree)),
            size=66_000,
        )
        assert found == at


def reader(stored: dict[tuple[int, int], bytes]) -> object:
    return lambda place: stored[place.level, place.number][: place.width * 32]


def root(stored: dict[tuple[int, int], bytes]) -> bytes:
    return tree.root_at(66_000, read_tile=lambda *at: stored[at])


def test_a_leaf_among_ten_million_takes_as_many_tiles_as_the_tree_has_levels() -> None:
    size = 10_000_000
    same = [leaf_hash(b"the same entry")]
    for _ in range(3):
        row = same[-1]
        for _ in range(8):
            row = node_hash(row, row)
        same.append(row)
    fetched: list[Place] = []

    def fetch(place: Place) -> bytes:
        fetched.append(place)
        assert place.level is not None
        return same[place.level] * place.width

    class Unchecked(VerifiedTiles):
        """Takes the root that the edge gives: it is made up here."""

    edge = Unchecked.__new__(Unchecked)
    try:
        edge.__init__(fetch, size=size, root=b"")  # type: ignore[misc] # to learn the root
    except VerificationFailed as error:
        expected = bytes.fromhex(error.message.partition("got ")[2].partition(",")[0])
    levels = 3  # 256^3 > 10,000,000
    for index in (0, 1, 4_999_999, 9_984_000, 9_999_999):
        fetched.clear()
        tiles = VerifiedTiles(fetch, size=size, root=expected)
        assert len(fetched) <= levels
        at = index % TILE_WIDTH
        assert tiles.tile(0, index // TILE_WIDTH)[at * 32 : at * 32 + 32] == same[0]
        assert len(fetched) <= 2 * levels


def test_an_empty_log_has_the_empty_root() -> None:
    assert read_empty().root_at(0) == EMPTY_ROOT == root_over([])


def read_empty() -> VerifiedTiles:
    return VerifiedTiles(lambda _: b"", size=0, root=EMPTY_ROOT)


@pytest.mark.parametrize("level", [0, 1])
def test_an_altered_tile_is_named(level: int) -> None:
    log = MemoryLog().grow(600)
    place = Place(level=0, number=1) if level == 0 else Place(level=1, number=0, width=2)
    honest = log.honest(place)
    log.altered[place.path] = honest[:40] + bytes([honest[40] ^ 1]) + honest[41:]
    with pytest.raises(VerificationFailed, match="altered" if level == 0 else "another root"):
        read(log).tile(0, 1)


@pytest.mark.parametrize("length", [0, 31, 8191, 8193])
def test_a_tile_of_another_length_is_none(length: int) -> None:
    log = MemoryLog().grow(600)
    log.altered["tile/0/001"] = bytes(length)
    with pytest.raises(Malformed, match=f"has {length} bytes, expected 8192"):
        read(log).tile(0, 1)


@given(some.lists(some.binary(max_size=300), min_size=1, max_size=20))
def test_entries_come_out_of_a_bundle_as_they_went_in(leaves: list[bytes]) -> None:
    place = Place(level=None, number=0, width=len(leaves))
    assert split_entries(served.pack_entries(leaves), place) == leaves


@given(some.binary(max_size=80), some.integers(1, 4))
def test_no_bytes_are_taken_for_another_number_of_entries(data: bytes, width: int) -> None:
    place = Place(level=None, number=0, width=width)
    try:
        leaves = split_entries(data, place)
    except Malformed:
        return
    assert served.pack_entries(leaves) == data
    assert len(leaves) == width


@pytest.mark.parametrize(
    ("known", "size"), [(0, 1), (0, 256), (0, 70_000), (255, 256), (256, 257), (300, 301)]
)
def test_what_a_larger_log_has_more_is_listed_once(known: int, size: int) -> None:
    before, after = set(places_of(known)) if known else set(), set(places_of(size))
    more = list(places_of(size, known=known))
    assert set(more) == after - before
    assert len(more) == len(set(more))
