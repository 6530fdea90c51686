"""Cards are merged part by part; nothing that others changed is overwritten unasked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.hub_sync.cards import (
    LICENSE,
    MANAGED,
    TEXT,
    Ours,
    Side,
    Terms,
    merge,
    put_together,
    take_apart,
    want,
)

CARD = b"---\r\nlicense: openrail # as it is\r\ntags:\r\n- a\r\n- b\r\nextra: |\r\n  two\r\n\r\n  lines\r\n---\r\n# A model\r\n"
PAGE = "https://registry.example/org/model"


def terms(card=CARD, **given):
    return Terms(page=PAGE, host="registry.example", card=card, **given)


def test_lines_that_nobody_changed_stay_byte_for_byte():
    parts = take_apart(CARD, b"text")
    assert list(parts) == ["license", "tags", "extra", TEXT, LICENSE]
    readme, license_text = put_together(parts)
    assert (readme.replace(b"---\n", b"---\r\n"), license_text) == (CARD, b"text")


@pytest.mark.parametrize(
    "card",
    [
        b"---\na: 1\na: 2\n---\n",
        b"---\na: [\n---\n",
        b"---\n- a\n---\n",
        b"---\na: 'x\nb: y'\n---\n",
        b"\xff\xfe",
        b"---\na: &a [*a, *a]\n---\n" + b"x" * 1_100_000,
    ],
)
def test_a_head_that_cannot_be_taken_apart_is_left_alone(card):
    assert take_apart(card, None) is None


def test_the_prompt_names_the_registry_and_keeps_the_publishers_own():
    card = b'---\nextra_gated_prompt: "Be kind."\n---\nText\n'
    parts = want(terms(card)).parts
    assert f"{PAGE}/hub" in parts["extra_gated_prompt"]
    assert "Be kind." in parts["extra_gated_prompt"]
    assert take_apart(put_together(parts)[0], None) == {one: parts[one] for one in parts}
    assert list(want(terms(None)).parts) == list(MANAGED)


def test_license_keys_are_set_where_the_card_says_nothing_of_it():
    given = {"license": b"The text.\n", "license_name": "sample-1.0"}
    parts = want(terms(b"---\ntags: a\n---\n", **given)).parts
    assert parts["license_link"] == "license_link: LICENSE\n"
    assert parts[LICENSE] == "The text.\n"
    assert want(terms(CARD, **given)).parts["license"] == "license: openrail # as it is\r\n"


BOTH = {"a": "a: 1\n", TEXT: "text\n"}


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "result", "kind"),
    [
        ("1", "1", "1", "1", None),
        ("1", "2", "1", "2", "changes"),
        ("1", "1", "2", "2", "kept"),
        ("1", "2", "3", "3", "conflicts"),
        ("1", "2", "2", "2", None),
        ("1", None, "1", None, "changes"),
        ("1", None, "2", "2", "conflicts"),
        ("1", "1", None, None, "kept"),
        (None, "1", None, "1", "changes"),
        (None, "1", "2", "2", "conflicts"),
        (None, None, "2", "2", None),
    ],
)
def test_each_part_is_compared_three_ways(base, ours, theirs, result, kind):
    def one(value):
        return {} if value is None else {"key": value}

    found = merge(one(base), Ours(parts=one(ours), is_whole=True), one(theirs))
    assert found.parts.get("key") == result
    assert {
        name: getattr(found, name) for name in ("changes", "kept", "conflicts") if getattr(found, name)
    } == ({kind: ["key"]} if kind else {})


def test_what_the_registry_says_nothing_of_stays_as_the_hub_has_it():
    found = merge({"key": "1"}, Ours(parts={}, is_whole=False), {"key": "2"})
    assert (found.parts, found.changes, found.conflicts) == ({"key": "2"}, [], [])


@pytest.mark.parametrize(("side", "taken"), [(Side.REGISTRY, "2"), (Side.HUB, "3")])
def test_somebody_says_whose_is_taken_and_it_is_no_conflict_afterwards(side, taken):
    ours = Ours(parts={"key": "2"}, is_whole=True)
    found = merge({"key": "1"}, ours, {"key": "3"}, prefer=side)
    assert found.parts == {"key": taken}
    assert merge(found.base, ours, found.parts).conflicts == []


def test_the_managed_keys_are_set_at_first_and_an_edit_of_them_is_left_and_told_later():
    (key,) = MANAGED[:1]
    ours = Ours(parts={key: "2"}, is_whole=False)
    first = merge(None, ours, {key: "1"})
    assert (first.parts, first.changes) == ({key: "2"}, [key])
    assert merge(first.base, ours, {key: "3"}).kept == [key]


VALUES = st.dictionaries(st.sampled_from("abcd"), st.sampled_from("123"))


@given(VALUES, VALUES, VALUES)
def test_a_merge_settles_and_overwrites_nothing_that_changed_at_the_hub(base, ours, theirs):
    wanted = Ours(parts=ours, is_whole=True)
    found = merge(base, wanted, theirs)
    for part, shown in theirs.items():
        if found.parts.get(part) != shown:
            assert base.get(part) == shown
    again = merge(found.base, wanted, found.parts)
    assert (again.parts, again.changes) == (found.parts, [])
    assert again.conflicts == found.conflicts
