"""Inclusion in an RFC 6962 Merkle tree, re-derived from a leaf and its audit path."""

import hashlib
from collections.abc import Sequence

from registry.client.errors import VerificationFailed

HASH_BYTES = 32
PATH_MAX_COUNT = 63
"""Longest audit path of a tree with at most 2^63 - 1 leaves."""


def leaf_hash(leaf: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256(0x00 || leaf) (RFC 6962 §2.1)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256(0x01 || left || right) (RFC 6962 §2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_from_path(*, index: int, tree_size: int, leaf: bytes, path: Sequence[bytes]) -> bytes:
    """Return the root that a leaf hash and its audit path lead to (RFC 9162 §2.1.3.2).

    Raises:
        VerificationFailed: the index is outside the tree, or the path has the wrong length for it.
    """
    if not 0 <= index < tree_size:
        raise VerificationFailed(f"index {index} is outside a tree of {tree_size} leaves")
    node, last, result = index, tree_size - 1, leaf
    for sibling in path:
        if last == 0:
            raise VerificationFailed(f"the path has {len(path)} hashes, more than index {index} needs")
        if node & 1 or node == last:
            result = node_hash(sibling, result)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            result = node_hash(result, sibling)
        node >>= 1
        last >>= 1
    if last != 0:
        raise VerificationFailed(f"the path has {len(path)} hashes, fewer than index {index} needs")
    return result


def check_consistency(
    *, old_size: int, old_root: bytes, new_size: int, new_root: bytes, path: Sequence[bytes]
) -> None:
    """Return if the tree with `new_root` begins with the leaves of the one with `old_root` (RFC 9162 §2.1.4.2).

    Raises:
        VerificationFailed: the path does not show it, or has the wrong length.
    """
    if not 0 <= old_size <= new_size:
        raise VerificationFailed(f"a tree of {new_size} leaves does not begin with {old_size}")
    if old_size in {0, new_size}:
        if path:
            raise VerificationFailed(f"the path has {len(path)} hashes, expected none")
        if old_size and old_root != new_root:
            raise VerificationFailed(
                f"two roots for {new_size} leaves: {old_root.hex()} and {new_root.hex()}"
            )
        return
    # The largest finished subtree at the right edge of the old tree; a whole old tree is one itself.
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    hashes = list(path) if node else [old_root, *path]
    if not hashes:
        raise VerificationFailed("the path has no hashes")
    old, new = hashes[0], hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise VerificationFailed(f"the path has {len(path)} hashes, more than {old_size} leaves need")
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise VerificationFailed(f"the path has {len(path)} hashes, fewer than {old_size} leaves need")
    if old != old_root:
        raise VerificationFailed(
            f"the path starts from another old root: {old.hex()}, expected {old_root.hex()}"
        )
    if new != new_root:
        raise VerificationFailed(
            f"the path leads to another new root: {new.hex()}, expected {new_root.hex()}"
        )
