"""SD-JWT (RFC 9901): digests, salts, and that the signed part names nobody."""

import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.acceptances.sd_jwt import (
    decode,
    digest,
    encode,
    hidden_digests,
    issue,
    open_claims,
    read_disclosure,
    read_payload,
)
from registry.kernel.outcomes import CorruptRecord


def fake_sign(payload: bytes) -> str:
    return f"{encode(b'{}')}.{encode(payload)}.{encode(b'signature')}"


texts = st.text(alphabet=st.characters(codec="utf-8"), max_size=20)
hidden = st.dictionaries(texts, texts, max_size=5)


@given(hidden, st.dictionaries(texts, texts, max_size=4))
def test_every_hidden_claim_is_one_disclosure_whose_digest_is_signed(
    claims: dict[str, str], answers: dict[str, str]
) -> None:
    for name in ("answers", "iss"):
        claims.pop(name, None)
    issued = issue({"iss": "x"}, {**claims, "answers": dict(answers)}, groups=("answers",), sign=fake_sign)
    payload = read_payload(issued.jwt)
    assert {digest(item) for item in issued.disclosures} == hidden_digests(payload)
    assert len(issued.disclosures) == len(claims) + len(answers)
    assert payload["_sd_alg"] == "sha-256"
    opened = open_claims(payload, issued.disclosures)
    assert opened == {"iss": "x", **claims, "answers": answers}
    assert open_claims(payload, ()) == {"iss": "x", "answers": {}}
    assert issued.whole() == "~".join([issued.jwt, *issued.disclosures]) + "~"


def test_the_signed_part_names_nobody_and_tells_no_order() -> None:
    given_ = {"name": "Mara Lindqvist", "email": "mara@nordlab.example", "ip_address": "192.0.2.7"}
    issued = issue({"iss": "x"}, given_, groups=(), sign=fake_sign)
    signed = decode(issued.jwt.split(".")[1])
    for value in given_.values():
        assert value.encode() not in signed
    listed: Any = read_payload(issued.jwt)["_sd"]
    assert listed == sorted(listed)


def test_equal_values_have_different_salts_of_128_bits() -> None:
    made = [issue({}, {"email": "a@b.example"}, groups=(), sign=fake_sign).disclosures[0] for _ in range(50)]
    salts = [json.loads(decode(item))[0] for item in made]
    assert len(set(salts)) == 50
    assert {len(decode(salt)) for salt in salts} == {16}
    assert len({digest(item) for item in made}) == 50


def test_the_digest_is_over_the_disclosure_as_it_travels() -> None:
    # RFC 9901 §4.2.3: SHA-256 over the ASCII bytes of the base64url text, itself as unpadded base64url.
    travelling = encode(json.dumps(["_26bc4LT-ac6q2KI6cBW5es", "family_name", "Möbius"]).encode())
    expected = base64.urlsafe_b64encode(hashlib.sha256(travelling.encode()).digest()).rstrip(b"=").decode()
    assert digest(travelling) == expected


def test_the_digest_of_the_rfcs_example_disclosure() -> None:
    # RFC 9901 §4.2.1 and §4.2.3: ["_26bc4LT-ac6q2KI6cBW5es", "family_name", "Möbius"].
    travelling = "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"
    assert digest(travelling) == "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0"
    assert read_disclosure(travelling) == ("family_name", "Möbius")


@pytest.mark.parametrize("jwt", ["", "a", "a.b.c", "a.!!!.c", "é.é.é", f"a.{encode(b'[1]')}.c"])
def test_what_is_no_statement_is_a_corrupt_record(jwt: str) -> None:
    with pytest.raises(CorruptRecord):
        read_payload(jwt)


@pytest.mark.parametrize(
    "content", [b"{}", b'"x"', b"[]", b"[1]", b'["s","n"]', b'["s","n",1,2]', b"\xff", b"7"]
)
def test_what_is_no_disclosure_is_a_corrupt_record(content: bytes) -> None:
    with pytest.raises(CorruptRecord):
        read_disclosure(encode(content))


@given(st.binary(max_size=60))
def test_base64url_comes_back_without_padding(data: bytes) -> None:
    assert decode(encode(data)) == data
    assert "=" not in encode(data)
