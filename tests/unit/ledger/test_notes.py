"""Signed notes and checkpoints: the examples of the specifications, and one error per malformation."""

import base64
import contextlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from registry.ledger import notes

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PRIVATE.public_key().public_bytes_raw()
NAME = "registry.example/ledger"
EMPTY = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
ROOT = base64.b64decode(EMPTY)

SPECIFICATION_NOTE = (
    "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n"
    "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
)
SPECIFICATION_CHECKPOINT = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
)


def signed(text: str, *, name: str = NAME, private: Ed25519PrivateKey = PRIVATE) -> notes.NoteSignature:
    public = private.public_key().public_bytes_raw()
    return notes.NoteSignature(
        name=name, key_id=notes.key_id(name, public), signature=private.sign(text.encode())
    )


def note_of(text: str, *signatures: notes.NoteSignature) -> bytes:
    return notes.render_note(text, signatures).encode()


def known(name: str = NAME, public: bytes = PUBLIC) -> dict[bytes, bytes]:
    return {notes.key_id(name, public): public}


def test_note_of_the_specification_is_read() -> None:
    note = notes.parse_note(SPECIFICATION_NOTE.encode())
    assert note.text.endswith("sole:\n\ned è subito sera.\n")
    assert note.signatures[0].name == "quasimodo.example/salvatore"
    assert note.signatures[0].key_id.hex() == "367ba04b"
    assert notes.render_note(note.text, note.signatures) == SPECIFICATION_NOTE


def test_checkpoint_of_the_specification_is_read() -> None:
    note = notes.parse_note(SPECIFICATION_CHECKPOINT.encode())
    checkpoint = notes.parse_checkpoint_text(note.text)
    assert checkpoint.origin == "example.com/behind-the-sofa"
    assert checkpoint.size == 20852163
    assert checkpoint.text() == note.text


def test_key_of_the_go_checksum_database_has_its_published_id() -> None:
    public = base64.b64decode("Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8")[1:]
    assert notes.verifier_key("sum.golang.org", public) == (
        "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    )


def test_signed_note_verifies_with_the_known_key() -> None:
    text = "origin\n1\nroot\n"
    note = notes.parse_note(note_of(text, signed(text)))
    assert note.verify(NAME, known()) == notes.key_id(NAME, PUBLIC)


def test_signatures_of_unknown_keys_are_ignored() -> None:
    text = "a\n"
    witness = notes.NoteSignature(name="witness.example", key_id=b"abcd", signature=b"whatever")
    same_id = notes.NoteSignature(name="other", key_id=notes.key_id(NAME, PUBLIC), signature=b"whatever")
    same_name = notes.NoteSignature(name=NAME, key_id=b"abcd", signature=b"whatever")
    note = notes.parse_note(note_of(text, witness, same_id, same_name, signed(text)))
    assert note.verify(NAME, known()) == notes.key_id(NAME, PUBLIC)


def test_note_without_a_known_key_is_unverified() -> None:
    stranger = Ed25519PrivateKey.from_private_bytes(bytes(32))
    note = notes.parse_note(note_of("a\n", signed("a\n", private=stranger)))
    with pytest.raises(notes.NoteUnverified, match="no signature of a known key"):
        note.verify(NAME, known())


def test_wrong_signature_of_a_known_key_spoils_the_note() -> None:
    note = notes.parse_note(note_of("a\n", signed("a\n"), signed("b\n")))
    with pytest.raises(notes.NoteUnverified, match="does not fit the text"):
        note.verify(NAME, known())


GOOD = note_of("a\nb\n", signed("a\nb\n")).decode()
HEAD, LINE = GOOD.split("\n\n")
MARKED = "— " + NAME + " "


@pytest.mark.parametrize(
    ("note", "problem"),
    [
        (GOOD.encode() + b"\xff", "not UTF-8 at byte"),
        (b"x" * (notes.NOTE_MAX_BYTES + 1), "too long"),
        (GOOD.replace("a", "a\r", 1).encode(), "control character at character 1"),
        (GOOD.replace("a", "a\t", 1).encode(), "control character at character 1"),
        (b"", "no blank line"),
        (HEAD.encode(), "no blank line"),
        (f"{HEAD}\n{LINE}".encode(), "no blank line"),
        (f"{HEAD}\n\n".encode(), "no signature line"),
        (f"{GOOD}\n".encode(), "no signature line"),
        (GOOD.removesuffix("\n").encode(), "not end with a newline"),
        (f"{HEAD}\n\n{LINE * 101}".encode(), "too many signature lines"),
        (f"{HEAD}\n\n- {NAME} {LINE.split()[2]}\n".encode(), "does not start with an em dash"),
        (f"{HEAD}\n\n—{NAME} {LINE.split()[2]}\n".encode(), "does not start with an em dash"),
        (f"{HEAD}\n\n— {NAME}\n".encode(), "has no signature"),
        (f"{HEAD}\n\n—  {LINE.split()[2]}\n".encode(), "key name is empty"),
        (f"{HEAD}\n\n— a+b {LINE.split()[2]}\n".encode(), "holds a space or a plus sign"),
        (f"{HEAD}\n\n— a\u00a0b {LINE.split()[2]}\n".encode(), "holds a space or a plus sign"),
        (f"{HEAD}\n\n{MARKED}@@@@\n".encode(), "signature is not base64"),
        (f"{HEAD}\n\n{MARKED}AAAAAAA\n".encode(), "signature is not base64"),
        (f"{HEAD}\n\n{MARKED}é\n".encode(), "signature is not base64"),
        (f"{HEAD}\n\n{MARKED}AAAAAAB=\n".encode(), "signature is not canonical base64"),
        (f"{HEAD}\n\n{MARKED}AAAAAA==\n".encode(), "signature is too short"),
    ],
)
def test_each_malformed_note_is_refused_with_its_reason(note: bytes, problem: str) -> None:
    with pytest.raises(notes.NoteMalformed, match=problem):
        notes.parse_note(note)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"o\n1\n{EMPTY}", "does not end with a newline"),
        ("o\n1\n", "too few lines: got 2"),
        (f"\n1\n{EMPTY}\n", "empty origin"),
        (f"o\n01\n{EMPTY}\n", "not a plain decimal"),
        (f"o\n-1\n{EMPTY}\n", "not a plain decimal"),
        (f"o\n+1\n{EMPTY}\n", "not a plain decimal"),
        (f"o\n1 \n{EMPTY}\n", "not a plain decimal"),
        (f"o\n\n{EMPTY}\n", "not a plain decimal"),
        (f"o\n١\n{EMPTY}\n", "not a plain decimal"),
        (f"o\n9223372036854775808\n{EMPTY}\n", "too large"),
        (f"o\n1{'0' * 5000}\n{EMPTY}\n", "too large"),
        ("o\n1\n*\n", "root hash is not base64"),
        (f"o\n1\n{EMPTY[:-1]}\n", "root hash is not base64"),
        (f"o\n1\n{EMPTY[:-2]}V=\n", "root hash is not canonical base64"),
        ("o\n1\nAAAA\n", "root hash has the wrong length: got 3 bytes"),
        (f"o\n1\n{EMPTY}\n\n", "empty extension line"),
    ],
)
def test_each_malformed_checkpoint_is_refused_with_its_reason(text: str, problem: str) -> None:
    with pytest.raises(notes.NoteMalformed, match=problem):
        notes.parse_checkpoint_text(text)


@pytest.mark.parametrize(
    "checkpoint",
    [
        notes.Checkpoint(origin="evil\n999", size=1, root=ROOT),
        notes.Checkpoint(origin="o", size=1, root=b"short"),
        notes.Checkpoint(origin="o", size=-1, root=ROOT),
        notes.Checkpoint(origin="o", size=1, root=ROOT, extensions=("",)),
    ],
)
def test_checkpoint_that_would_read_differently_is_not_written(checkpoint: notes.Checkpoint) -> None:
    with pytest.raises(notes.NoteMalformed):
        checkpoint.text()


@given(
    size=st.integers(0, notes.TREE_SIZE_MAX),
    root=st.binary(min_size=32, max_size=32),
    extensions=st.lists(st.text(st.characters(exclude_categories=["C"]), min_size=1), max_size=3),
)
def test_checkpoint_is_read_as_it_was_written(size: int, root: bytes, extensions: list[str]) -> None:
    checkpoint = notes.Checkpoint(origin=NAME, size=size, root=root, extensions=tuple(extensions))
    note = notes.parse_note(note_of(checkpoint.text(), signed(checkpoint.text())))
    assert notes.parse_checkpoint_text(note.text) == checkpoint
    note.verify(NAME, known())


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_a_note_or_malformed(content: bytes) -> None:
    with contextlib.suppress(notes.NoteMalformed):
        notes.parse_checkpoint_text(notes.parse_note(content).text)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b"])
def test_key_names_that_notes_cannot_carry_are_refused(name: str) -> None:
    with pytest.raises(notes.NoteMalformed, match="key name"):
        notes.key_id(name, PUBLIC)
