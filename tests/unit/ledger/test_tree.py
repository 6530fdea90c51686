"""The Merkle tree against its definition in RFC 6962 and against another implementation."""

import time
from functools import cache

import pymerkle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.kernel.outcomes import CorruptRecord
from registry.ledger import tree

SIZES_OF_NOTE = (1, 2, 3, 7, 8, 255, 256, 257, 511, 512, 513, 700)


def leaf(index: int) -> bytes:
    return b"leaf %d" % index


def reader(tiles: dict[tuple[int, int], bytes]) -> tree.ReadTile:
    return lambda level, number: tiles[level, number]


def build(size: int, *, batch: int = 97) -> dict[tuple[int, int], bytes]:
    tiles: dict[tuple[int, int], bytes] = {}
    for start in range(0, size, batch):
        new = [tree.hash_leaf(leaf(index)) for index in range(start, min(start + batch, size))]
        tiles |= tree.grow(start, new, read_tile=reader(tiles))
    return tiles


LARGEST = 70_000
"""The example of C2SP tlog-tiles."""


@cache
def large() -> dict[tuple[int, int], bytes]:
    return build(LARGEST, batch=5_000)


def read_large(level: int, number: int) -> bytes:
    return large()[level, number]


@cache
def oracle(size: int = 700) -> pymerkle.InmemoryTree:
    merkle = pymerkle.InmemoryTree(algorithm="sha256")
    for index in range(size):
        merkle.append_entry(leaf(index))
    return merkle


def defined_proof(hashes: list[bytes], old_size: int, *, known: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 6962 §2.1.2, word for word."""
    if old_size == len(hashes):
        return [] if known else [tree.root_of(hashes)]
    split = 1 << ((len(hashes) - 1).bit_length() - 1)
    if old_size <= split:
        return [*defined_proof(hashes[:split], old_size, known=known), tree.root_of(hashes[split:])]
    return [*defined_proof(hashes[split:], old_size - split, known=False), tree.root_of(hashes[:split])]


def test_empty_tree_has_the_root_of_the_standard() -> None:
    assert tree.root_at(0, read_tile=read_large) == tree.root_of([]) == tree.EMPTY_ROOT
    assert tree.EMPTY_ROOT.hex().startswith("e3b0c44298fc1c149afbf4c8996fb924")


@pytest.mark.parametrize("size", SIZES_OF_NOTE)
def test_root_equals_definition_and_oracle(size: int) -> None:
    root = tree.root_at(size, read_tile=read_large)
    assert root == tree.root_of([tree.hash_leaf(leaf(index)) for index in range(size)])
    assert root == oracle().get_root(size)


def test_tiles_of_the_specification_example_have_the_stated_widths() -> None:
    tiles = large()
    assert sum(1 for level, _ in tiles if level == 0) == 274
    assert len(tiles[0, 273]) == 112 * tree.HASH_BYTES
    assert len(tiles[1, 0]) == tree.TILE_BYTES
    assert len(tiles[1, 1]) == 17 * tree.HASH_BYTES
    assert len(tiles[2, 0]) == 1 * tree.HASH_BYTES
    assert tree.tile_widths(LARGEST) == {(0, 273): 112, (1, 1): 17, (2, 0): 1}
    assert tree.tile_widths(256) == {(0, 0): 256, (1, 0): 1}
    assert tree.tile_widths(0) == {}


@given(sizes=st.lists(st.integers(0, 600), min_size=1, max_size=5))
@settings(max_examples=25, deadline=None)
def test_tiles_do_not_depend_on_how_entries_were_batched(sizes: list[int]) -> None:
    tiles: dict[tuple[int, int], bytes] = {}
    total = 0
    for count in sizes:
        new = [tree.hash_leaf(leaf(index)) for index in range(total, total + count)]
        tiles |= tree.grow(total, new, read_tile=reader(tiles))
        total += count
    assert tiles == build(total, batch=10_000)
    assert {key: len(tiles[key]) // 32 for key in tree.tile_widths(total)} == tree.tile_widths(total)


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_inclusion_proof_is_the_oracles_and_verifies(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 700))
    index = data.draw(st.integers(0, size - 1))
    proof = tree.prove_inclusion(index, size, read_tile=read_large)
    theirs = oracle().prove_inclusion(index + 1, size)
    assert proof == theirs.path[1:]
    tree.verify_inclusion(
        tree.hash_leaf(leaf(index)), index=index, tree_size=size, proof=proof, root=oracle().get_root(size)
    )


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_consistency_proof_is_the_definitions_and_verifies(data: st.DataObject) -> None:
    new_size = data.draw(st.integers(1, 700))
    old_size = data.draw(st.integers(1, new_size))
    proof = tree.prove_consistency(old_size, new_size, read_tile=read_large)
    assert proof == defined_proof([tree.hash_leaf(leaf(index)) for index in range(new_size)], old_size)
    tree.verify_consistency(
        old_size=old_size,
        old_root=oracle().get_root(old_size),
        new_size=new_size,
        new_root=oracle().get_root(new_size),
        proof=proof,
    )


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_proofs_over_several_tile_levels_verify(data: st.DataObject) -> None:
    new_size = data.draw(st.integers(60_000, LARGEST))
    old_size = data.draw(st.integers(0, new_size))
    index = data.draw(st.integers(0, new_size - 1))
    new_root = tree.root_at(new_size, read_tile=read_large)
    tree.verify_inclusion(
        tree.hash_leaf(leaf(index)),
        index=index,
        tree_size=new_size,
        proof=tree.prove_inclusion(index, new_size, read_tile=read_large),
        root=new_root,
    )
    tree.verify_consistency(
        old_size=old_size,
        old_root=tree.root_at(old_size, read_tile=read_large),
        new_size=new_size,
        new_root=new_root,
        proof=tree.prove_consistency(old_size, new_size, read_tile=read_large),
    )


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_changed_inclusion_proof_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 700))
    index = data.draw(st.integers(0, size - 1))
    root = tree.root_at(size, read_tile=read_large)
    proof = tree.prove_inclusion(index, size, read_tile=read_large)
    leaf_hash = tree.hash_leaf(leaf(index))
    place = data.draw(st.integers(0, len(proof) - 1))
    flipped = bytes([proof[place][0] ^ 1]) + proof[place][1:]
    other = data.draw(st.integers(0, size - 1).filter(lambda number: number != index))
    # Some shorter trees give another index the very same path; the leaf is at one of them only.
    variants = [
        (leaf_hash, index, [*proof[:place], flipped, *proof[place + 1 :]]),
        (leaf_hash, index, proof[:place] + proof[place + 1 :]),
        (leaf_hash, index, [*proof, proof[place]]),
        (tree.hash_leaf(leaf(other)), index, proof),
        (leaf_hash, other, proof),
        (leaf_hash, size, proof),
        (leaf_hash, -1, proof),
    ]
    for hash_, at, path in variants:
        with pytest.raises(tree.ProofMismatch):
            tree.verify_inclusion(hash_, index=at, tree_size=size, proof=path, root=root)


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_changed_consistency_proof_is_refused(data: st.DataObject) -> None:
    new_size = data.draw(st.integers(3, 700))
    old_size = data.draw(st.integers(1, new_size - 1))
    old_root = tree.root_at(old_size, read_tile=read_large)
    new_root = tree.root_at(new_size, read_tile=read_large)
    proof = tree.prove_consistency(old_size, new_size, read_tile=read_large)
    place = data.draw(st.integers(0, len(proof) - 1))
    flipped = bytes([proof[place][0] ^ 1]) + proof[place][1:]
    changed = [*proof[:place], flipped, *proof[place + 1 :]]
    variants = [
        (old_size, old_root, new_size, new_root, changed),
        (old_size, old_root, new_size, new_root, proof[:place] + proof[place + 1 :]),
        (old_size, old_root, new_size, new_root, [*proof, proof[place]]),
        (old_size, old_root, new_size, new_root, []),
        (old_size, new_root, new_size, new_root, proof),
        (old_size, old_root, new_size, old_root, proof),
        (new_size, new_root, old_size, old_root, proof),
        (0, old_root, new_size, new_root, []),
        (0, tree.EMPTY_ROOT, new_size, new_root, proof),
        (new_size, old_root, new_size, new_root, []),
    ]
    for old, old_hash, new, new_hash, path in variants:
        with pytest.raises(tree.ProofMismatch):
            tree.verify_consistency(
                old_size=old, old_root=old_hash, new_size=new, new_root=new_hash, proof=path
            )


@pytest.mark.parametrize(("index", "size"), [(-1, 5), (5, 5), (0, 0)])
def test_no_proof_for_a_leaf_outside_the_tree(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no such leaf"):
        tree.prove_inclusion(index, size, read_tile=read_large)


@pytest.mark.parametrize(("old", "new"), [(-1, 5), (6, 5)])
def test_no_proof_between_trees_that_cannot_be(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="no such trees"):
        tree.prove_consistency(old, new, read_tile=read_large)


@pytest.mark.parametrize("stored", [b"", b"\0" * 32 * 43, b"\0" * (32 * 44 + 1)])
def test_tile_of_the_wrong_length_is_a_corrupt_record(stored: bytes) -> None:
    with pytest.raises(CorruptRecord, match="ledger tile 0/1 has the wrong length"):
        tree.root_at(300, read_tile=lambda _level, number: stored if number else large()[0, 0])


def test_proof_at_a_million_entries_takes_less_than_ten_milliseconds() -> None:
    # The tree's hashes stand in for themselves: what costs time is the reading and hashing.
    tile = large()[0, 0]
    slowest = 0.0
    for index in (0, 499_999, 999_999):
        start = time.perf_counter()
        proof = tree.prove_inclusion(index, 1_000_000, read_tile=lambda _level, _number: tile)
        tree.prove_consistency(index + 1, 1_000_000, read_tile=lambda _level, _number: tile)
        slowest = max(slowest, time.perf_counter() - start)
        assert len(proof) >= 12
    assert slowest < 0.02, f"two proofs took {slowest * 1000:.1f} ms"
