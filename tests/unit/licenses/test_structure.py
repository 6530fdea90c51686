"""Parts, clauses and their ids."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.licenses.known import licenses_folder
from registry.licenses.structure import ClauseKind, PartKind, Structure, parse, plain, written
from registry.licenses.texts import decode

PIECES = st.sampled_from(
    [
        *(
            "Section I: PREAMBLE",
            "Section 2 -- Scope.",
            "Attachment A",
            "USE RESTRICTIONS",
            "# Title",
            "## Part",
        ),
        *(
            "1. Definitions",
            "1.Glued",
            "5.1. You may",
            "5.2 When",
            "(a) one;",
            "(b) two",
            "i. roman",
            "ii. more",
        ),
        *(
            "- bullet",
            "* other",
            "• dot",
            "=====",
            "---",
            "END OF TERMS",
            "“Harm” means loss.",
            "plain words go on",
        ),
        *(
            "a sentence ends.",
            "Grant. Subject to terms",
            "**Bold**",
            "(4) wrapped",
            "A. Capital",
            "v) five",
            "x" * 200,
        ),
    ]
)
GAPS = st.sampled_from(["\n", "\n\n", "\n    ", "\r\n", "\n\t", " ", "\u2028", "\n \n  "])


def assert_holds_every_word(text: str) -> Structure:
    structure = parse(text)
    assert "".join("".join(written(structure)).split()) == "".join(text.split())
    ids = [clause.id for clause in structure.clauses] + [part.id for part in structure.parts]
    assert len(set(ids)) == len(ids)
    return structure


@given(st.lists(st.tuples(PIECES, GAPS), max_size=40))
def test_no_word_is_lost_whatever_the_layout(pieces: list[tuple[str, str]]) -> None:
    assert_holds_every_word("".join(piece + gap for piece, gap in pieces))


@given(st.text(max_size=300))
def test_any_text_has_a_structure(text: str) -> None:
    assert_holds_every_word(text)


@pytest.mark.shared
def test_no_word_of_the_real_texts_is_lost(shared: Path) -> None:
    files = [*shared.glob("licenses/*.txt"), *shared.glob("licenses/*.md")]
    assert len(files) == 34
    for file in files:
        assert_holds_every_word(decode(file.read_bytes()))


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "title", "parts", "attachment"),
    [
        ("bigcode-openrail-m", "BigCode Open RAIL-M v1 License Agreement", 6, 14),
        ("bigscience-bloom-rail-1.0", "BigScience RAIL License v1.0", 6, 13),
        ("bigscience-openrail-m", "BigScience Open RAIL-M License", 6, 13),
        ("creativeml-openrail-m", "CreativeML Open RAIL-M", 6, 11),
        ("openrail++-2022-11-24", "CreativeML Open RAIL++-M License", 6, 11),
        ("other--deepseek", "DEEPSEEK LICENSE AGREEMENT", 6, 11),
        ("other--faipl-1.0-sd", "Fair AI Public License 1.0-SD", 17, 11),
    ],
)
def test_attachments_of_real_licenses_have_their_items(
    shared: Path, name: str, title: str, parts: int, attachment: int
) -> None:
    structure = parse(decode((shared / "licenses" / f"{name}.txt").read_bytes()))
    assert structure.title == title
    assert len(structure.parts) == parts
    assert structure.restrictions is not None
    items = [clause for clause in structure.restrictions.clauses if clause.kind is ClauseKind.CLAUSE]
    assert len(items) == attachment


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("bigcode-openrail-m", ["c-1-n", "c-4", "c-5.1", "c-5.1-b", "c-5.2-c", "c-13", "a-a", "a-n"]),
        ("bigscience-bloom-rail-1.0", ["c-1-12", "c-2", "c-4-4", "c-5", "c-12", "a-13"]),
        ("cc-by-nc-4.0", ["section-2-a-5-b", "section-3-a-1-a-v", "section-8-d"]),
        ("gemma", ["c-1.1-f", "c-1.2", "c-4.9"]),
        ("llama2", ["c-1-b-v", "c-5-c", "c-7"]),
        ("other--rail-s-1.0", ["c-3-2-4-viii", "c-4-v", "c-7"]),
        ("other--aipubs-openrail-m-0.1-coral", ["c-4-d", "a-2-g", "a-3-c"]),
        ("other--nvidia-open-model-license", ["c-redistribution", "c-governing-law"]),
        ("other--falcon-2-11b", ["c-acceptable-use", "c-trademarks"]),
    ],
)
def test_clauses_of_real_licenses_can_be_linked(shared: Path, name: str, ids: list[str]) -> None:
    structure = parse(decode((shared / "licenses" / f"{name}.txt").read_bytes()))
    assert set(ids) <= {clause.id for clause in structure.clauses}


def test_own_license_is_read_as_its_author_meant_it() -> None:
    structure = assert_holds_every_word(
        (licenses_folder() / "gatehouse-openrail-m" / "1.1.md").read_text(encoding="utf-8")
    )
    assert structure.title == "Gatehouse OpenRAIL-M 1.1"
    assert [part.kind for part in structure.parts] == [
        PartKind.FRONT, *[PartKind.SECTION] * 4, PartKind.ATTACHMENT,
    ]  # fmt: skip
    assert [part.heading for part in structure.parts][1] == "Section I: Preamble"
    clauses = {clause.id: clause for clause in structure.clauses}
    assert clauses["c-2"].heading == "Grant of copyright license."
    assert clauses["c-6.1-b"].label == "6.1 (b)"
    assert clauses["c-6.1-b"].depth == 1
    assert clauses["a-q"].label == "A (q)"
    assert clauses["a-q"].mark == "(q)"
    assert structure.reading_minutes == round(structure.word_count / 200)


def test_wrapped_lines_that_look_like_marks_are_no_items() -> None:
    text = (
        "1. The rights that this agreement gives under the numbers in paragraph 2(a)\n"
        "(4) never end, and the rights that are given to everybody in the Section\n"
        "6. They cover, as said with more words than are needed in the Attachment\n"
        "A of this agreement and in the Section that follows here, all of it.\n"
    )
    assert [clause.mark for clause in parse(text).clauses] == ["1."]


def test_word_broken_at_its_hyphen_comes_together() -> None:
    (clause,) = parse(
        "This is a worldwide, royalty-free, non-\nexclusive and rather long-winded grant."
    ).clauses
    assert clause.paragraphs == (
        "This is a worldwide, royalty-free, non-exclusive and rather long-winded grant.",
    )


def test_plain_drops_markdown_emphasis_and_nothing_else() -> None:
    assert plain("**Harm** is *not* 2 * 3 * 4, `x_y_z`") == "Harm is not 2 * 3 * 4, x_y_z"
