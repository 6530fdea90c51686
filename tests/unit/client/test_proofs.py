"""Merkle paths, checkpoints and keys: against the definitions of their specifications."""

import base64
import hashlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.client.errors import Malformed, VerificationFailed
from registry.client.keys import KeyUse, decode_base64, decode_base64url, encode_base64url, parse_keys
from registry.client.merkle import leaf_hash, root_from_path
from registry.client.notes import check_checkpoint, note_key_id, parse_checkpoint
from registry.client.wire import Fields, parse_json
from tests.vectors.receipt import writer as made

SPECIFICATION_CHECKPOINT = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
)


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(b"%d" % number) for number in range(count)]


@given(data=st.data(), size=st.integers(1, 70))
def test_path_made_by_definition_leads_to_the_root_made_by_definition(data: st.DataObject, size: int) -> None:
    index = data.draw(st.integers(0, size - 1))
    hashes = leaves(size)
    path = made.audit_path(index, hashes)
    assert root_from_path(index=index, tree_size=size, leaf=hashes[index], path=path) == made.tree_root(
        hashes
    )


@given(data=st.data(), size=st.integers(1, 40))
def test_path_leads_to_the_root_from_its_own_index_and_size_only(data: st.DataObject, size: int) -> None:
    index = data.draw(st.integers(0, size - 1))
    other_index, other_size = data.draw(st.integers(0, 45)), data.draw(st.integers(1, 45))
    hashes = leaves(size)
    path = made.audit_path(index, hashes)
    try:
        root = root_from_path(index=other_index, tree_size=other_size, leaf=hashes[index], path=path)
    except VerificationFailed:
        return
    # The same shape of path can come from another size; another index never leads to the same root.
    assert root != made.tree_root(hashes) or other_index == index or hashes[index] in path


@given(data=st.data(), size=st.integers(2, 40), flip=st.integers(0, 255))
def test_altered_path_leads_elsewhere(data: st.DataObject, size: int, flip: int) -> None:
    index = data.draw(st.integers(0, size - 1))
    hashes = leaves(size)
    path = made.audit_path(index, hashes)
    at = data.draw(st.integers(0, len(path) - 1))
    path[at] = bytes([path[at][0] ^ (flip or 1)]) + path[at][1:]
    assert root_from_path(index=index, tree_size=size, leaf=hashes[index], path=path) != made.tree_root(
        hashes
    )


def test_leaf_hash_is_that_of_the_specification() -> None:
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


def test_checkpoint_of_the_specification_is_read() -> None:
    checkpoint = parse_checkpoint(SPECIFICATION_CHECKPOINT)
    assert (checkpoint.origin, checkpoint.tree_size) == ("example.com/behind-the-sofa", 20852163)
    assert [name for name, _, _ in checkpoint.signatures] == ["example.com/behind-the-sofa"]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n\n", "\n"),
        lambda text: text.rstrip("\n"),
        lambda text: text.replace("20852163", "020852163"),
        lambda text: text.replace("20852163", "-1"),
        lambda text: text.replace("20852163", "9" * 30),
        lambda text: text.replace("q2I=", "q2J="),
        lambda text: text.replace("CsUY", "Cs"),
        lambda text: text.replace("\n20852163", ""),
        lambda text: text.replace("— ", "- "),
        lambda text: text.replace("YQ8=", "YQ9="),
        lambda text: text.replace(" Az3g", "  Az3g"),
        lambda text: text.replace("— example.com", "— exam+ple.com"),
        lambda text: text + "\n",
        lambda text: text.replace("\n20852163", "\r\n20852163"),
        lambda text: text + text.rsplit("\n\n", 1)[1] * 200,
        lambda text: "\n" + text,
        lambda text: text + "— a AAAA\n",
        lambda text: "",
    ],
    ids=range(18),
)
def test_malformed_checkpoint_is_refused(change: Any) -> None:
    changed = change(SPECIFICATION_CHECKPOINT)
    assert changed != SPECIFICATION_CHECKPOINT
    with pytest.raises(Malformed):
        parse_checkpoint(changed)


def test_extension_lines_of_a_checkpoint_are_signed_with_it() -> None:
    text = f"{made.ORIGIN}\n5\n{base64.b64encode(bytes(32)).decode()}\nan extension\n"
    keys = parse_keys(made.keys(), where="keys")
    checkpoint = parse_checkpoint(f"{text}\n{made.sign_note(text)}")
    assert check_checkpoint(checkpoint, keys).use is KeyUse.CHECKPOINT
    altered = parse_checkpoint(f"{text.replace('extension', 'EXTENSION')}\n{made.sign_note(text)}")
    with pytest.raises(VerificationFailed):
        check_checkpoint(altered, keys)


def test_key_id_depends_on_the_name() -> None:
    raw = bytes(32)
    expected = hashlib.sha256(b"a.example/log\n\x01" + raw).digest()[:4]
    assert note_key_id("a.example/log", raw) == expected
    assert note_key_id("b.example/log", raw) != expected


@given(data=st.binary(max_size=100))
def test_base64url_reads_what_it_writes(data: bytes) -> None:
    assert decode_base64url(encode_base64url(data), what="x") == data


@pytest.mark.parametrize("text", ["A", "AB==", "AB=", "A B", "A+B/", "é", "AR", "AAB", "AA\n"])
def test_base64url_has_one_spelling(text: str) -> None:
    with pytest.raises(Malformed):
        decode_base64url(text, what="x")


@pytest.mark.parametrize("text", ["AA", "AB==", "AA= =", "A-__", "é===", "AAA=AAA="])
def test_base64_has_one_spelling(text: str) -> None:
    with pytest.raises(Malformed):
        decode_base64(text, what="x")


@pytest.mark.parametrize(
    "members",
    [
        {"crv": "X25519"},
        {"kty": "EC"},
        {"use": "sig"},
        {"x": encode_base64url(bytes(31))},
        {"x": 5},
        {"kid": "other"},
        {"valid_from": "2026-01-01T00:00:00"},
        {"valid_from": None},
        {"valid_until": "soon"},
        {"d": "secret"},
    ],
    ids=str,
)
def test_key_that_is_not_well_formed_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        parse_keys([made.jwk("statement", "statement") | members], where="keys")


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda s: st.lists(s) | st.dictionaries(st.text(), s),
    )
)
def test_members_are_read_or_refused_by_name_and_never_raise_otherwise(value: Any) -> None:
    for name in ("text", "number", "flag", "moment", "member", "values", "texts", "members"):
        # Anything but `Malformed` fails the test.
        with suppress(Malformed):
            getattr(Fields(value, where="here"), name)("x")


@pytest.mark.parametrize(
    "data", [b'{"a": 1, "a": 1}', b"[NaN]", b"[-Infinity]", b"\xff", b"{", b"[" * 100_000]
)
def test_lenient_json_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse_json(data, what="it")
