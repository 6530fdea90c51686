"""Addresses of tiles and the bytes of entry bundles (C2SP tlog-tiles); pure functions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from registry.ledger.notes import TREE_SIZE_MAX
from registry.ledger.tree import TILE_WIDTH_HASHES

LEVEL_MAX = 63
NUMBER_MAX = TREE_SIZE_MAX // TILE_WIDTH_HASHES
ENTRY_LENGTH_BYTES = 2
ENTRIES = "entries"
"""Stands in an address where a hash tile has its level."""

_ADDRESS = re.compile(
    r"(?P<level>0|[1-9][0-9]?|entries)/(?P<number>(?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?\Z"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TileAddress:
    """Which hash tile, or which bundle of entries, and how many of its first members."""

    level: int | None
    """None: a bundle of entries."""
    number: int
    width: int
    """1 to 256; 256 is the whole tile."""

    def path(self) -> str:
        """Return the address below `tile/`; `parse_tile_address` gives this address again."""
        digits = f"{self.number:03}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        parts = [digits[start : start + 3] for start in range(0, len(digits), 3)]
        number = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
        level = ENTRIES if self.level is None else str(self.level)
        suffix = "" if self.width == TILE_WIDTH_HASHES else f".p/{self.width}"
        return f"{level}/{number}{suffix}"


def parse_tile_address(path: str) -> TileAddress | None:
    """Return what the address below `tile/` names; None where it is none, or another spelling of one."""
    found = _ADDRESS.match(path)
    if found is None:
        return None
    level = None if found["level"] == ENTRIES else int(found["level"])
    address = TileAddress(
        level=level,
        number=int(found["number"].replace("x", "").replace("/", "")),
        width=int(found["width"]) if found["width"] else TILE_WIDTH_HASHES,
    )
    if (level or 0) > LEVEL_MAX or address.number > NUMBER_MAX:
        return None
    # One spelling each: no leading `x000/`, no `.p/256`.
    return address if address.path() == path else None


def pack_entries(leaves: Sequence[bytes]) -> bytes:
    """Return the bundle of the leaves: each after its length in 16 bits, big-endian."""
    return b"".join(len(leaf).to_bytes(ENTRY_LENGTH_BYTES, "big") + leaf for leaf in leaves)
