"""The receipt that is attached to a PDF is verified; a PDF that is bent is refused in words."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.client import receipt as receipts
from registry.client.errors import Malformed
from registry.client.keys import parse_key_set
from registry.client.receipt_pdf import read_attached
from registry.client.verify import Step, Trust, TrustedKeys, verify_receipt
from tests.pdfs import ONE_FILE, attach

VECTORS = Path(__file__).parents[2] / "vectors" / "receipt"
RECEIPT = (VECTORS / "good" / "all-disclosed.json").read_bytes()
GIVEN = TrustedKeys(
    keys=parse_key_set(json.loads((VECTORS / "keys.json").read_bytes()), where="keys"), source=Trust.GIVEN
)
PLAIN = b"<</Type /EmbeddedFile /Length %d>>"


@pytest.mark.parametrize(
    "pdf",
    [
        attach(RECEIPT),
        attach(RECEIPT, head=PLAIN, deflate=False),
        attach(RECEIPT, head=b"<< /Filter [ /FlateDecode ] /Type /EmbeddedFile /Length %d >>"),
    ],
    ids=["packed", "plain", "array"],
)
def test_the_attached_receipt_verifies_and_the_pages_count_for_nothing(pdf: bytes) -> None:
    outcome = verify_receipt(pdf, trusted=GIVEN)
    assert outcome.is_verified
    assert outcome.steps[0].text.endswith("what the pages show was not checked")
    assert outcome.statement == verify_receipt(RECEIPT, trusted=GIVEN).statement


def test_an_altered_receipt_in_a_pdf_fails_at_its_own_step() -> None:
    altered = RECEIPT.replace(b'"index": ', b'"index": 1', 1)
    assert altered != RECEIPT
    failure = verify_receipt(attach(altered), trusted=GIVEN).failure
    assert failure is not None
    assert failure.step is Step.INCLUSION


@pytest.mark.parametrize(
    ("pdf", "said"),
    [
        (b"%PDF-1.7\n%%EOF", "no file that can be read here attached"),
        (attach(RECEIPT, RECEIPT), "has 2 files attached"),
        (attach(RECEIPT, head=b"<</Type/EmbeddedFile/Length 9 0 R>>"), "cannot be read here"),
        (attach(RECEIPT, head=b"<</Type/EmbeddedFile>>"), "cannot be read here"),
        (b"%PDF-1.7 /Type/EmbeddedFile", "cannot be read here"),
        (attach(RECEIPT, head=b"<</Length %d/Type/EmbeddedFile/Filter/LZWDecode>>"), "unknown way"),
        (attach(RECEIPT, head=b"<</Length %d/Type/EmbeddedFile/Filter[/FlateDecode/Crypt]>>"), "unknown way"),
        (attach(RECEIPT, cut=200), "damaged"),
        (attach(RECEIPT, deflate=False), "damaged"),
        (attach(b"not a receipt"), "not valid JSON"),
    ],
)
def test_a_bent_pdf_is_refused_in_words(pdf: bytes, said: str) -> None:
    failure = verify_receipt(pdf, trusted=GIVEN).failure
    assert failure is not None
    assert failure.step is Step.FORMAT
    assert said in failure.text


def test_a_bomb_is_not_unpacked() -> None:
    with pytest.raises(Malformed, match="longer than 1000 bytes"):
        read_attached(attach(b"\0" * 20_000_000), limit=1_000)


@given(st.binary(max_size=200), st.integers(min_value=0, max_value=400))
def test_any_bytes_are_refused_or_read_and_nothing_else_happens(junk: bytes, at: int) -> None:
    pdf = attach(b"{}", head=ONE_FILE)
    with pytest.raises(Malformed):
        receipts.parse_receipt(pdf[: at + 5] + junk + pdf[at + 5 :])
