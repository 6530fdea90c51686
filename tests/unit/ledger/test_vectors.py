"""The golden vectors: made by the definitions of the standards, met by the registry and by the client."""

import hashlib
import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry.client import merkle as client_merkle
from registry.ledger import notes, signing, tree

VECTORS = Path(__file__).parents[2] / "vectors" / "ledger"
SIZE = 70_000


def load(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


@cache
def tiles() -> dict[tuple[int, int], bytes]:
    hashes = [tree.hash_leaf(f"leaf {index}".encode()) for index in range(SIZE)]
    return tree.grow(0, hashes, read_tile=lambda _level, _number: b"")


def read_tile(level: int, number: int) -> bytes:
    return tiles()[level, number]


def unhex(parts: list[str]) -> list[bytes]:
    return [bytes.fromhex(part) for part in parts]


def test_generator_gives_the_stored_vectors_byte_for_byte(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("ledger_vectors", VECTORS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    generator.write(tmp_path)
    made = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert made == {file.name: file.read_bytes() for file in VECTORS.glob("*.json")}


def test_tiles_are_those_of_the_vectors() -> None:
    made = {
        f"{level}/{number}": hashlib.sha256(hashes).hexdigest() for (level, number), hashes in tiles().items()
    }
    assert made == load("tiles")


@pytest.mark.parametrize("vector", load("tree")["roots"], ids=lambda vector: str(vector["size"]))
def test_root_is_that_of_the_vector(vector: dict[str, Any]) -> None:
    assert tree.root_at(vector["size"], read_tile=read_tile).hex() == vector["root"]


@pytest.mark.parametrize(
    "vector", load("tree")["inclusion"], ids=lambda vector: f"{vector['index']} of {vector['tree_size']}"
)
def test_inclusion_proof_is_that_of_the_vector_and_both_verifiers_accept_it(vector: dict[str, Any]) -> None:
    index, size, root = vector["index"], vector["tree_size"], bytes.fromhex(vector["root"])
    leaf_hash, proof = bytes.fromhex(vector["leaf_hash"]), unhex(vector["proof"])
    assert tree.prove_inclusion(index, size, read_tile=read_tile) == proof
    tree.verify_inclusion(leaf_hash, index=index, tree_size=size, proof=proof, root=root)
    assert client_merkle.root_from_path(index=index, tree_size=size, leaf=leaf_hash, path=proof) == root


@pytest.mark.parametrize(
    "vector", load("tree")["consistency"], ids=lambda vector: f"{vector['old_size']} to {vector['new_size']}"
)
def test_consistency_proof_is_that_of_the_vector(vector: dict[str, Any]) -> None:
    old, new, proof = vector["old_size"], vector["new_size"], unhex(vector["proof"])
    assert tree.prove_consistency(old, new, read_tile=read_tile) == proof
    tree.verify_consistency(
        old_size=old,
        old_root=bytes.fromhex(vector["old_root"]),
        new_size=new,
        new_root=bytes.fromhex(vector["new_root"]),
        proof=proof,
    )


def test_checkpoints_are_those_of_the_vectors() -> None:
    vectors = load("checkpoints")
    name, _, _ = vectors["verifier_key"].partition("+")
    public = bytes.fromhex(vectors["public"])
    assert notes.verifier_key(name, public) == vectors["verifier_key"]
    known = {notes.key_id(name, public): public}
    for vector in vectors["signed"]:
        note = notes.parse_note(vector["note"].encode())
        note.verify(name, known)
        root = bytes.fromhex(vector["root"])
        assert notes.parse_checkpoint_text(note.text) == notes.Checkpoint(
            origin=name, size=vector["size"], root=root
        )
        assert notes.render_note(note.text, note.signatures) == vector["note"]


@pytest.mark.parametrize("vector", load("checkpoints")["refused"], ids=lambda vector: vector["why"])
def test_checkpoint_that_must_be_refused_is_refused(vector: dict[str, Any]) -> None:
    vectors = load("checkpoints")
    name, _, _ = vectors["verifier_key"].partition("+")
    public = bytes.fromhex(vectors["public"])
    with pytest.raises((notes.NoteMalformed, notes.NoteUnverified)):
        note = notes.parse_note(vector["note"].encode())
        note.verify(name, {notes.key_id(name, public): public})
        notes.parse_checkpoint_text(note.text)


def test_signatures_are_those_of_the_vectors() -> None:
    vectors = load("statements")
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vectors["private"]))
    public = private.public_key().public_bytes_raw()
    signer = signing.Signer(kid=signing.thumbprint(public), public=public, private=private)
    assert signer.kid == vectors["kid"]
    for vector in vectors["signed"]:
        assert signer.sign_jws(bytes.fromhex(vector["payload"]), vector["header"]) == vector["jws"]
