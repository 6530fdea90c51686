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
