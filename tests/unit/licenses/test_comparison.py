"""Two texts side by side."""

import random
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.licenses.comparison import Comparison, Row, RowKind, compare
from registry.licenses.known import licenses_folder
from registry.licenses.structure import parse
from registry.licenses.texts import decode


def own(number: str) -> str:
    return (licenses_folder() / "gatehouse-openrail-m" / f"{number}.md").read_text(encoding="utf-8")


def differing(comparison: Comparison) -> list[tuple[str, str | None, str | None]]:
    return [
        (row.kind.value, row.old_label, row.new_label)
        for row in comparison.rows
        if row.kind is not RowKind.UNCHANGED
    ]


def marked(row: Row) -> tuple[list[str], list[str]]:
    return [one.text for one in row.old if one.is_marked], [one.text for one in row.new if one.is_marked]


def test_material_change_of_our_license_is_shown_clause_by_clause() -> None:
    comparison = compare(parse(own("1.0.1")), parse(own("1.1")))
    assert differing(comparison) == [
        ("changed", "Title", "Title"),
        ("changed", "6.1 (e)", "6.1 (e)"),
        ("changed", "8", "8"),
        ("changed", "A (c)", "A (c)"),
        ("minor", "A (m)", "A (m)"),
        ("minor", "A (n)", "A (n)"),
        ("added", None, "A (o)"),
        ("added", None, "A (p)"),
        ("added", None, "A (q)"),
    ]
    row = next(row for row in comparison.rows if row.new_label == "6.1 (e)")
    assert marked(row) == (
        ["different."],
        ["different, and from what kinds of data the difference was learned."],
    )
    runs = [(row.first_label, row.last_label) for row in comparison.rows if row.kind is RowKind.UNCHANGED]
    assert ("A (d)", "A (l)") in runs


def test_every_clause_of_both_texts_is_accounted_for() -> None:
    old, new = parse(own("1.0")), parse(own("1.1"))
    comparison = compare(old, new)
    headings = sum(bool(part.heading) for part in new.parts)
    gone = comparison.count(RowKind.REMOVED)
    assert sum(row.count for row in comparison.rows) - gone == len(list(new.clauses)) + headings


def test_same_text_in_another_layout_is_identical() -> None:
    comparison = compare(parse(own("1.1")), parse(own("1.1").replace("\n\n", "\r\n\r\n")))
    assert comparison.is_identical
    assert len(comparison.rows) == 1
    assert not comparison.is_coarse


def test_clause_that_only_moved_is_said_to_have_moved() -> None:
    old = "1. Alpha beta gamma delta.\n\n2. One two three four.\n\n3. Red green blue white."
    new = "1. Red green blue white.\n\n2. Alpha beta gamma delta.\n\n3. One two three four."
    rows = compare(parse(old), parse(new)).rows
    assert {row.kind for row in rows} == {RowKind.MOVED}
    assert sorted((row.old_label, row.new_label) for row in rows) == [("1", "2"), ("2", "3"), ("3", "1")]


def test_removed_clause_stays_in_view() -> None:
    (unchanged, removed) = compare(parse("1. Stays here.\n\n2. Goes away."), parse("1. Stays here.")).rows
    assert unchanged.kind is RowKind.UNCHANGED
    assert removed.kind is RowKind.REMOVED
    assert removed.old[0].text == "Goes away."


@pytest.mark.shared
def test_real_pair_differs_only_where_it_is_known_to(shared: Path) -> None:
    texts = [decode((shared / "licenses" / name).read_bytes()) for name in (
        "creativeml-openrail-m.txt", "openrail++-2022-11-24.txt",
    )]  # fmt: skip
    comparison = compare(parse(texts[0]), parse(texts[1]))
    assert [label for _, _, label in differing(comparison)] == [
        "Opening, paragraph 1", "Title", "Opening, paragraph 2", "7",
    ]  # fmt: skip


WORDS = st.lists(st.sampled_from(["a", "b", "c", "and", "the", "law."]), min_size=1, max_size=30)


@given(WORDS, WORDS)
def test_both_sides_of_a_changed_clause_can_be_read_whole(old: list[str], new: list[str]) -> None:
    base = "kept words that make the clause alike "
    texts = [f"1. {base}{' '.join(words)}" for words in (old, new)]
    comparison = compare(parse(texts[0]), parse(texts[1]))
    for side in ("old", "new"):
        said = [one for row in comparison.rows for one in getattr(row, side)]
        if said:
            whole = texts[0 if side == "old" else 1].removeprefix("1. ")
            assert " ".join(one.text for one in said) == whole
    for row in comparison.rows:
        unmarked = [[one.text for one in side if not one.is_marked] for side in (row.old, row.new)]
        assert " ".join(unmarked[0]) == " ".join(unmarked[1])


@pytest.mark.parametrize(
    "kind", ["repeated", "alternating", "random", "items", "equal items", "one line each"]
)
def test_hostile_texts_are_compared_in_bounded_time(kind: str) -> None:
    chance = random.Random(1)
    words = [" ".join(chance.choice("abcd") for _ in range(20_000)) for _ in range(2)]
    texts = {
        "repeated": ("a " * 200_000, "a " * 199_999 + "b"),
        "alternating": ("a b " * 20_000, "b a a " * 15_000),
        "random": (words[0], words[1]),
        "items": tuple(
            "".join(f"{n}. {chance.choice('abcd')} {chance.random()}\n" for n in range(5_000))
            for _ in range(2)
        ),
        "equal items": ("- x\n" * 5_000, "- y\n- x\n" * 2_500),
        "one line each": ("x\n\n" * 5_000, "y\n\n" * 5_000),
    }[kind]
    begun = time.process_time()
    comparison = compare(parse(texts[0]), parse(texts[1]))
    assert time.process_time() - begun < 10
    assert comparison.rows
