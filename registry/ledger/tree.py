"""The Merkle tree of RFC 6962 §2.1 over hash tiles as in C2SP tlog-tiles; pure functions.

A tile holds up to 256 hashes. Hash `i` of the tile `number` at `level` is the tree hash of the 256^level
leaves that start at leaf `(number * 256 + i) * 256^level`; at level 0 these are the leaf hashes. Only
finished subtrees are stored, so a hash in a tile never changes; the last tile of a level only grows.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence

from registry.kernel.outcomes import CorruptRecord, GatehouseError

HASH_BYTES = 32
TILE_HEIGHT = 8
TILE_WIDTH_HASHES = 1 << TILE_HEIGHT
"""Hashes in a full tile (C2SP tlog-tiles)."""
TILE_BYTES = TILE_WIDTH_HASHES * HASH_BYTES
EMPTY_ROOT = hashlib.sha256().digest()
"""Root of the tree without leaves (RFC 6962 §2.1)."""

ReadTile = Callable[[int, int], bytes]
"""(level, number) to the hashes of that tile, as many as are stored."""
Tiles = Mapping[tuple[int, int], bytes]


class ProofMismatch(GatehouseError):
    """A proof does not connect what it claims to connect."""


def hash_leaf(leaf: bytes) -> bytes:
    """Return the leaf hash (RFC 6962 §2.1: 0x00 before the data)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node (RFC 6962 §2.1: 0x01 before the children)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def tile_widths(size: int) -> dict[tuple[int, int], int]:
    """Return the last tile of each level of a tree of `size` leaves, with the number of hashes in it."""
    widths = {}
    level, hashes = 0, size
    while hashes:
        number, width = divmod(hashes - 1, TILE_WIDTH_HASHES)
        widths[level, number] = width + 1
        level, hashes = level + 1, hashes >> TILE_HEIGHT
    return widths


def grow(size: int, leaf_hashes: Sequence[bytes], *, read_tile: ReadTile) -> dict[tuple[int, int], bytes]:
    """Return every tile that is new or longer after `leaf_hashes` follow the first `size` leaves."""
    changed: dict[tuple[int, int], bytes] = {}
    level, hashes, new = 0, size, list(leaf_hashes)
    while new:
        number, width = divmod(hashes, TILE_WIDTH_HASHES)
        tile = _tile_start(level, number, width, read_tile) if width else b""
        finished = []
        taken = 0
        while taken < len(new):
            room = TILE_WIDTH_HASHES - len(tile) // HASH_BYTES
            tile += b"".join(new[taken : taken + room])
            taken += room
            changed[level, number] = tile
            if len(tile) == TILE_BYTES:
                finished.append(_fold(tile))
                number, tile = number + 1, b""
        level, hashes, new = level + 1, hashes >> TILE_HEIGHT, finished
    return changed


def root_at(size: int, *, read_tile: ReadTile) -> bytes:
    """Return the root of the tree of the first `size` leaves."""
    return _range_root(0, size, read_tile) if size else EMPTY_ROOT


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over `leaf_hashes` by the definition in RFC 6962 §2.1, without tiles."""
    if not leaf_hashes:
        return EMPTY_ROOT
    if len(leaf_hashes) == 1:
        return leaf_hashes[0]
    split = _split(len(leaf_hashes))
    return hash_node(root_of(leaf_hashes[:split]), root_of(leaf_hashes[split:]))


def prove_inclusion(index: int, tree_size: int, *, read_tile: ReadTile) -> list[bytes]:
    """Return the audit path of leaf `index` in the tree of `tree_size` leaves (RFC 6962 §2.1.1)."""
    if not 0 <= index < tree_size:
        raise ValueError(f"no such leaf: got index {index}, expected 0 to {tree_size - 1}")
    proof = []
    low, high = 0, tree_size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            proof.append(_range_root(middle, high, read_tile))
            high = middle
        else:
            proof.append(_range_root(low, middle, read_tile))
            low = middle
    return proof[::-1]


def prove_consistency(old_size: int, new_size: int, *, read_tile: ReadTile) -> list[bytes]:
    """Return the proof that the first `old_size` leaves are the same in both trees (RFC 6962 §2.1.2)."""
    if not 0 <= old_size <= new_size:
        raise ValueError(f"no such trees: got sizes {old_size} and {new_size}, expected 0 <= old <= new")
    if old_size in (0, new_size):
        return []
    proof = []
    low, high = 0, new_size
    while high != old_size:
        middle = low + _split(high - low)
        if old_size <= middle:
            proof.append(_range_root(middle, high, read_tile))
            high = middle
        else:
            proof.append(_range_root(low, middle, read_tile))
            low = middle
    if low:
        proof.append(_range_root(low, high, read_tile))
    return proof[::-1]


def verify_inclusion(
    leaf_hash: bytes, *, index: int, tree_size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Return if `proof` leads from `leaf_hash` at `index` to `root` (RFC 9162 §2.1.3.2).

    Raises:
        ProofMismatch: it does not; the text says what was got and expected.
    """
    if not 0 <= index < tree_size:
        raise ProofMismatch(f"index is outside the tree: got {index}, expected less than {tree_size}")
    node, last, computed = index, tree_size - 1, leaf_hash
    for sibling in proof:
        if last == 0:
            raise ProofMismatch(f"inclusion proof is too long: got {len(proof)} hashes")
        if node & 1 or node == last:
            computed = hash_node(sibling, computed)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            computed = hash_node(computed, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofMismatch(f"inclusion proof is too short: got {len(proof)} hashes")
    if computed != root:
        raise ProofMismatch(
            f"inclusion proof leads to another root: got {computed.hex()}, expected {root.hex()}"
        )


def verify_consistency(
    *, old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Return if the tree with `new_root` extends the tree with `old_root` (RFC 9162 §2.1.4.2).

    Raises:
        ProofMismatch: it does not; the text says what was got and expected.
    """
    if not 0 <= old_size <= new_size:
        raise ProofMismatch(f"the tree would have shrunk: got sizes {old_size} and {new_size}")
    if old_size in (0, new_size):
        _verify_trivial(old_size, old_root, new_root, proof)
        return
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise ProofMismatch("consistency proof is too short: got 0 hashes")
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old_computed = new_computed = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofMismatch(f"consistency proof is too long: got {len(proof)} hashes")
        if node & 1 or node == last:
            old_computed = hash_node(sibling, old_computed)
            new_computed = hash_node(sibling, new_computed)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new_computed = hash_node(new_computed, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofMismatch(f"consistency proof is too short: got {len(proof)} hashes")
    for name, computed, expected in (("old", old_computed, old_root), ("new", new_computed, new_root)):
        if computed != expected:
            raise ProofMismatch(
                f"consistency proof leads to another {name} root: got {computed.hex()}, expected {expected.hex()}"
            )


def _verify_trivial(old_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    if proof:
        raise ProofMismatch(f"consistency proof is too long: got {len(proof)} hashes, expected none")
    expected = EMPTY_ROOT if old_size == 0 else new_root
    if old_root != expected:
        raise ProofMismatch(f"root differs: got {old_root.hex()}, expected {expected.hex()}")


def _split(count: int) -> int:
    """Return the largest power of two that is smaller than `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def _range_root(low: int, high: int, read_tile: ReadTile) -> bytes:
    """Return the tree hash of the leaves from `low` to `high`; `low` starts a subtree at least that large."""
    count = high - low
    if count & (count - 1) == 0:
        return _subtree(count.bit_length() - 1, low, read_tile)
    middle = low + _split(count)
    return hash_node(_range_root(low, middle, read_tile), _range_root(middle, high, read_tile))


def _subtree(height: int, low: int, read_tile: ReadTile) -> bytes:
    """Return the hash of the finished subtree of 2^height leaves that starts at leaf `low`."""
    level, rest = divmod(height, TILE_HEIGHT)
    number, start = divmod(low >> (level * TILE_HEIGHT), TILE_WIDTH_HASHES)
    end = start + (1 << rest)
    return _fold(_tile_start(level, number, end, read_tile)[start * HASH_BYTES :])


def _tile_start(level: int, number: int, width: int, read_tile: ReadTile) -> bytes:
    """Return the first `width` hashes of a tile, which must hold at least these."""
    tile = read_tile(level, number)
    if len(tile) < width * HASH_BYTES or len(tile) % HASH_BYTES:
        raise CorruptRecord(
            f"ledger tile {level}/{number} has the wrong length: "
            f"got {len(tile)} bytes, expected at least {width * HASH_BYTES}"
        )
    return tile[: width * HASH_BYTES]


def _fold(hashes: bytes) -> bytes:
    """Return the root over concatenated hashes, whose number is a power of two."""
    row = [hashes[start : start + HASH_BYTES] for start in range(0, len(hashes), HASH_BYTES)]
    while len(row) > 1:
        row = [hash_node(row[pair], row[pair + 1]) for pair in range(0, len(row), 2)]
    return row[0]
