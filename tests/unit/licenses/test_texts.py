"""Exact and normalised digests, and hostile input."""

import json
import re
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.licenses.texts import (
    TEXT_MAX_BYTES,
    TEXT_MAX_LINES,
    check_text,
    decode,
    exact_digest,
    is_normalised_digest,
    normalised_digest,
    normalised_words,
)

VECTORS = json.loads((Path(__file__).parent / "normalised_vectors.json").read_text(encoding="utf-8"))

SAMPLE = """\
1. Use conditions. You will not Use the Model:

(a) to break a law that applies to You;
(b) to deceive – see Section 5. Nor more than 2. Not for "Llama 3" users of Llama 3.
    - non-exclusive rights
"""


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_normalised_digest_stays_what_it_was(vector: dict[str, str]) -> None:
    assert normalised_digest(vector["text"].encode()) == vector["digest"]


@pytest.mark.parametrize(
    "other",
    [
        SAMPLE.replace("\n", "\r\n"),
        "\ufeff" + SAMPLE,
        SAMPLE.replace("(a)", "a.").replace("(b)", "b."),
        SAMPLE.replace("(a)", "*").replace("(b)", "•").replace("1. Use", "# Use"),
        SAMPLE.replace("(a) ", "").replace("(b) ", "ii) ").replace("1. Use", "1.Use"),
        SAMPLE.replace("Use conditions.", "**Use conditions.**").replace('"', "“"),
        SAMPLE.replace(" ", "\u00a0"),
        SAMPLE.replace("deceive –", "deceive --"),
        SAMPLE.replace("Model", "Mo\u00addel"),
        textwrap.fill(SAMPLE, 30),
        " ".join(SAMPLE.split()),
    ],
)
def test_layout_and_marks_do_not_count(other: str) -> None:
    assert normalised_digest(other.encode()) == normalised_digest(SAMPLE.encode())
    assert exact_digest(other.encode()) != exact_digest(SAMPLE.encode())


@pytest.mark.parametrize(
    "other",
    [
        SAMPLE.replace("not ", ""),
        SAMPLE.replace("Section 5.", "Section 6."),
        SAMPLE.replace("more than 2.", "more than 3."),
        SAMPLE.replace("users of Llama 3.", "users of Llama 4.").replace('Llama 3"', 'Llama 4"'),
        SAMPLE.replace("Model", "model"),
        SAMPLE.replace("law that", "law, that"),
    ],
)
def test_words_numbers_capitals_and_commas_count(other: str) -> None:
    assert normalised_digest(other.encode()) != normalised_digest(SAMPLE.encode())


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Sections 5 and 8. Next", ["Sections", "5", "and", "8.", "Next"]),
        ("thirty (30) days", ["thirty", "(30)", "days"]),
        ("Copyright (c) 2026", ["Copyright", "(c)", "2026"]),
        ("as in Attachment A. Then", ["as", "in", "Attachment", "A.", "Then"]),
        ("be ill. Or", ["be", "ill.", "Or"]),
        ("the following: (i) this; and (ii) that", ["the", "following:", "this;", "and", "that"]),
        ("the end; iv. another 5.1. third", ["the", "end;", "another", "third"]),
        ("(see b) above", ["(see", "b)", "above"]),
        ("===== ---- * * *", []),
    ],
)
def test_list_marks_go_and_references_stay(text: str, kept: list[str]) -> None:
    assert normalised_words(text) == kept


@given(
    st.lists(st.text(st.characters(categories=["Lu", "Ll"], max_codepoint=0x17F), min_size=2), min_size=1),
    st.data(),
)
def test_white_space_between_words_never_counts(words: list[str], data: st.DataObject) -> None:
    spaces = st.sampled_from([" ", "\n", "\r\n", "\t", "  \n ", "\u00a0"])
    other = "".join(word + data.draw(spaces) for word in words)
    assert normalised_digest(other.encode()) == normalised_digest(" ".join(words).encode())


@given(st.binary(max_size=400))
def test_any_bytes_have_digests(data: bytes) -> None:
    assert is_normalised_digest(normalised_digest(data))
    check_text(data)
    decode(data)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xff\xfeL\x00i\x00", "license-text-not-utf8"),
        ("Lizenz für".encode("latin-1"), "license-text-not-utf8"),
        (b"\xed\xa0\x80 surrogate", "license-text-not-utf8"),
        (b"a\x00b", "license-text-control-character"),
        (b"a\x1b[2Jb", "license-text-control-character"),
        ("a\u202eb".encode(), "license-text-deceptive"),
        ("a\u2066b".encode(), "license-text-deceptive"),
        ("a\U000e0041b".encode(), "license-text-deceptive"),
        (b"", "license-text-empty"),
        (b" \n\t -- ", "license-text-empty"),
        (b"a" * (TEXT_MAX_BYTES + 1), "license-text-too-large"),
        (b"a\n" * (TEXT_MAX_LINES + 1), "license-text-too-large"),
        (b"a\r" * (3 * TEXT_MAX_LINES), "license-text-too-large"),
    ],
)
def test_hostile_text_is_refused(data: bytes, code: str) -> None:
    refusal = check_text(data)
    assert refusal is not None
    assert refusal.code == code
    assert refusal.remedy is not None
    assert refusal.errors["text"]


@pytest.mark.parametrize(
    "data",
    ["\ufeffText\r\nwith\ttabs\r\n".encode(), "naïve “quotes” © \u2028 line".encode(), "متن مجوز".encode()],
)
def test_unusual_but_honest_text_is_taken_as_it_is(data: bytes) -> None:
    assert check_text(data) is None


@pytest.mark.shared
def test_real_texts_keep_their_normalised_digest_under_other_wraps_and_marks(shared: Path) -> None:
    files = sorted([*shared.glob("licenses/*.txt"), *shared.glob("licenses/*.md")])
    assert len(files) == 34
    digests = set()
    for file in files:
        text = decode(file.read_bytes())
        digest = normalised_digest(text.encode())
        digests.add(digest)
        assert check_text(file.read_bytes()) is None
        for width in (40, 72, 100, 10**6):
            assert normalised_digest(textwrap.fill(text, width).encode()) == digest, (file.name, width)
        for mark in ("* ", "(1) ", "7. ", "• ", "b. ", ""):
            assert normalised_digest(_with_marks(text, mark).encode()) == digest, (file.name, mark)
    assert len(digests) == 34


def _with_marks(text: str, mark: str) -> str:
    enumerator = r"(?:\d{1,2}(?:\.\d{1,2})*|[a-z]|[ivx]+)"
    return re.sub(rf"(?m)^([ \t]*)(?:\(?{enumerator}\)|{enumerator}\.|[-*•])[ \t]+", rf"\g<1>{mark}", text)
