"""Addresses of tiles: one spelling each (C2SP tlog-tiles)."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from registry.ledger.tiles import LEVEL_MAX, NUMBER_MAX, TileAddress, pack_entries, parse_tile_address


@pytest.mark.parametrize(
    ("level", "number", "width", "path"),
    [
        (0, 0, 256, "0/000"),
        (0, 1234067, 256, "0/x001/x234/067"),
        (2, 70, 17, "2/070.p/17"),
        (None, 999, 1, "entries/999.p/1"),
        (63, 1000, 255, "63/x001/000.p/255"),
    ],
)
def test_addresses_are_those_of_the_specification(
    level: int | None, number: int, width: int, path: str
) -> None:
    address = TileAddress(level=level, number=number, width=width)
    assert address.path() == path
    assert parse_tile_address(path) == address


@given(
    level=some.none() | some.integers(0, LEVEL_MAX),
    number=some.integers(0, NUMBER_MAX),
    width=some.integers(1, 256),
)
def test_every_address_comes_back(level: int | None, number: int, width: int) -> None:
    address = TileAddress(level=level, number=number, width=width)
    assert parse_tile_address(address.path()) == address


@given(path=some.from_regex(r"([0-9]{1,2}|entries)/(x[0-9]{3}/)*[0-9]{2,4}(\.p/[0-9]{1,4})?", fullmatch=True))
def test_what_is_read_has_that_one_spelling(path: str) -> None:
    address = parse_tile_address(path)
    assert address is None or address.path() == path


def test_a_bundle_is_each_leaf_after_its_length() -> None:
    assert pack_entries([b"ab", b"", b"c" * 258]) == b"\x00\x02ab\x00\x00\x01\x02" + b"c" * 258
