"""A log read by its tiles (C2SP tlog-tiles): nothing of them counts before it leads to a signed root.

A tile holds up to 256 hashes; those of level L are the roots of 256^L leaves each. The tiles at the right edge
give the root of the tree together; every other tile is bound by one hash of the tile above it. So any leaf is
reached through as many tiles as the tree has levels.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from registry.client.errors import Malformed, VerificationFailed
from registry.client.merkle import HASH_BYTES, node_hash

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
ENTRIES_MAX_BYTES = TILE_WIDTH * (2 + 65_535)
"""Longest bundle: 256 entries, each after its length in 16 bits."""
EMPTY_ROOT = hashlib.sha256().digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a tile, or a bundle of entries, stands in the log."""

    level: int | None
    """None: a bundle of entries."""
    number: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Address below the log's own, `tile/…`."""
        groups = []
        number = self.number
        while True:
            groups.append(f"{number % 1000:03}")
            number //= 1000
            if not number:
                break
        folders = "".join(f"x{group}/" for group in reversed(groups[1:]))
        level = "entries" if self.level is None else str(self.level)
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{level}/{folders}{groups[0]}{partial}"

    @property
    def name(self) -> str:
        """What people are told."""
        what = "bundle of entries" if self.level is None else f"tile of level {self.level},"
        return f"{what} number {self.number}"


Fetch = Callable[[Place], bytes]
"""The bytes at a place."""


def places_of(size: int, *, known: int = 0) -> Iterator[Place]:
    """Yield where a log of `size` leaves has tiles and bundles that one of `known` leaves has not, leaves first."""
    level, hashes, before = 0, size, known
    while hashes:
        for number in range(before // TILE_WIDTH, -(-hashes // TILE_WIDTH)):
            width = min(TILE_WIDTH, hashes - number * TILE_WIDTH)
            if number * TILE_WIDTH + width == before:
                continue
            if level == 0:
                yield Place(level=None, number=number, width=width)
            yield Place(level=level, number=number, width=width)
        level, hashes, before = level + 1, hashes >> TILE_HEIGHT, before >> TILE_HEIGHT


class VerifiedTiles:
    """The tiles of one signed tree head; each is checked against it before it is given away."""

    def __init__(self, fetch: Fetch, *, size: int, root: bytes) -> None:
        """Fetch the right edge of the tree and hold it to `root`.

        Raises:
            VerificationFailed: the edge leads to another root.
            Malformed: a tile has the wrong length.
        """
        self.size = size
        self._fetch = fetch
        self._edge = {
            level: self._read(Place(level=level, number=hashes // TILE_WIDTH, width=hashes % TILE_WIDTH))
            for level, hashes in enumerate(_levels(size))
            if hashes % TILE_WIDTH
        }
        self._recent: dict[int, tuple[int, bytes]] = {}
        got = root_over(_peaks(self._edge[level]) for level in sorted(self._edge, reverse=True))
        if got != root:
            raise VerificationFailed(
                f"the tiles of {size} leaves lead to another root: got {got.hex()}, expected {root.hex()}"
            )

    def tile(self, level: int, number: int) -> bytes:
        """Return the hashes of a tile that this tree has, as many as it has.

        Raises:
            VerificationFailed: they are not those that the tree head is made of.
        """
        hashes = self.size >> (level * TILE_HEIGHT)
        if number == hashes // TILE_WIDTH and level in self._edge:
            return self._edge[level]
        if number >= hashes // TILE_WIDTH:
            raise ValueError(f"no tile {number} at level {level} in a tree of {self.size} leaves")
        known = self._recent.get(level)
        if known is not None and known[0] == number:
            return known[1]
        above, at = divmod(number, TILE_WIDTH)
        expected = hash_at(self.tile(level + 1, above), at)
        place = Place(level=level, number=number)
        tile = self._read(place)
        if _fold(_split(tile)) != expected:
            raise VerificationFailed(f"the {place.name} was altered: the tree head binds other hashes")
        self._recent[level] = (number, tile)
        return tile

    def root_at(self, size: int) -> bytes:
        """Return the root that the first `size` leaves have in this tree."""
        if not 0 <= size <= self.size:
            raise ValueError(f"a tree of {self.size} leaves has no beginning of {size}")
        peaks = []
        for level, hashes in reversed(list(enumerate(_levels(size)))):
            if width := hashes % TILE_WIDTH:
                peaks.append(_peaks(self.tile(level, hashes // TILE_WIDTH)[: width * HASH_BYTES]))
        return root_over(peaks)

    def _read(self, place: Place) -> bytes:
        tile = self._fetch(place)
        if len(tile) != place.width * HASH_BYTES:
            raise Malformed(f"the {place.name} has {len(tile)} bytes, expected {place.width * HASH_BYTES}")
        return tile


def first_difference(one: VerifiedTiles, other: VerifiedTiles, *, size: int) -> int:
    """Return the first of `size` leaves in which two trees differ whose roots at `size` do."""
    levels = _levels(size)
    low, high = 0, levels[-1]
    for level in range(len(levels) - 1, 0, -1):
        at = next((at for at in range(low, high) if _hash(one, level, at) != _hash(other, level, at)), high)
        # What has no hash at this level yet is looked for at the next one.
        low, high = at * TILE_WIDTH, min((at + 1) * TILE_WIDTH, levels[level - 1])
    return next(at for at in range(low, high) if _hash(one, 0, at) != _hash(other, 0, at))


def split_entries(bundle: bytes, place: Place) -> list[bytes]:
    """Return the leaves of a bundle.

    Raises:
        Malformed: it does not hold exactly as many as the place has.
    """
    leaves: list[bytes] = []
    at = 0
    while at < len(bundle) and len(leaves) < place.width:
        end = at + 2 + int.from_bytes(bundle[at : at + 2], "big")
        if at + 2 > len(bundle) or end > len(bundle):
            raise Malformed(f"the {place.name} breaks off in entry {len(leaves)}")
        leaves.append(bundle[at + 2 : end])
        at = end
    if at != len(bundle) or len(leaves) != place.width:
        raise Malformed(
            f"the {place.name} holds {'more' if at != len(bundle) else 'fewer'} than {place.width} entries"
        )
    return leaves


def hash_at(tile: bytes, at: int) -> bytes:
    """Return one hash of a tile."""
    return tile[at * HASH_BYTES : (at + 1) * HASH_BYTES]


def root_over(peaks_by_level: Iterator[Sequence[bytes]] | Sequence[Sequence[bytes]]) -> bytes:
    """Return the root over finished subtrees, the largest first (RFC 6962 §2.1)."""
    peaks = [peak for level in peaks_by_level for peak in level]
    if not peaks:
        return EMPTY_ROOT
    root = peaks.pop()
    while peaks:
        root = node_hash(peaks.pop(), root)
    return root


def _levels(size: int) -> list[int]:
    """Return how many finished hashes a tree of `size` leaves has at each level of tiles."""
    counts = [size]
    while counts[-1] >= TILE_WIDTH:
        counts.append(counts[-1] >> TILE_HEIGHT)
    return counts


def _hash(tiles: VerifiedTiles, level: int, at: int) -> bytes:
    return hash_at(tiles.tile(level, at // TILE_WIDTH), at % TILE_WIDTH)


def _split(tile: bytes) -> list[bytes]:
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


def _peaks(tile: bytes) -> list[bytes]:
    """Return the roots of the finished subtrees over the hashes of a partial tile, the largest first."""
    hashes = _split(tile)
    peaks = []
    while hashes:
        width = 1 << (len(hashes).bit_length() - 1)
        peaks.append(_fold(hashes[:width]))
        hashes = hashes[width:]
    return peaks


def _fold(hashes: Sequence[bytes]) -> bytes:
    """Return the root over hashes whose number is a power of two."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]
