from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from registry.catalog.front_matter import CARD_MAX_BYTES, load_metadata, split_card


def codes(text: str) -> list[str]:
    return [problem.code for problem in load_metadata(text).problems]


@pytest.mark.parametrize(
    ("data", "raw", "body", "problems"),
    [
        (b"---\na: 1\n---\nHi\n", b"---\na: 1\n---\n", "Hi\n", []),
        (b"---\r\na: 1\r\n---\r\nHi\r\n", b"---\r\na: 1\r\n---\r\n", "Hi\r\n", []),
        (b"\xef\xbb\xbf---\na: 1\n---\nHi", b"\xef\xbb\xbf---\na: 1\n---\n", "Hi", []),
        (b"---\n---\nHi", b"---\n---\n", "Hi", []),
        (b"---  \na: 1\n---", b"---  \na: 1\n---", "", []),
        (b"\n\n---\na: 1\n---\n", b"\n\n---\na: 1\n---\n", "", ["front-matter-not-first"]),
        (b"# Hi\n", b"", "# Hi\n", ["front-matter-missing"]),
        (b"\xef\xbb\xbf# Hi\n", b"", "# Hi\n", ["front-matter-missing"]),
        (b"---\na: 1\n", b"", "---\na: 1\n", ["front-matter-unclosed"]),
        (b"---\na: 1\n----\n", b"", "---\na: 1\n----\n", ["front-matter-unclosed"]),
        (b"", b"", "", []),
        (b"---\na: 1\n---\n\xff", b"---\na: 1\n---\n", "\N{REPLACEMENT CHARACTER}", ["not-utf-8"]),
    ],
)
def test_front_matter_is_found_and_kept_byte_for_byte(
    data: bytes, raw: bytes, body: str, problems: list[str]
) -> None:
    parts = split_card(data)
    assert (parts.raw, parts.body) == (raw, body)
    assert [problem.code for problem in parts.problems] == problems


@given(st.text(), st.text())
def test_front_matter_and_body_together_are_the_file(head: str, body: str) -> None:
    data = f"---\n{head}\n---\n{body}".encode("utf-8", "surrogatepass")
    parts = split_card(data)
    if not any(problem.code == "not-utf-8" for problem in parts.problems):
        assert parts.raw + parts.body.encode() == data


@given(st.binary(max_size=500))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    parts = split_card(b"---\n" + data + b"\n---\n")
    load_metadata(parts.text)


def test_a_card_of_too_many_bytes_is_cut_and_says_so() -> None:
    parts = split_card(b"---\na: 1\n---\n" + b"x" * CARD_MAX_BYTES)
    assert parts.problems[0].code == "card-too-large"
    assert len(parts.raw) + len(parts.body) == CARD_MAX_BYTES


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("language: no", {"language": "no"}),
        ("a: yes\nb: On\nc: OFF", {"a": "yes", "b": "On", "c": "OFF"}),
        ("a: true\nb: False\nc: ~\nd:\ne: null", {"a": True, "b": False, "c": None, "d": None, "e": None}),
        ("a: 2023-01-01\nb: 12:30", {"a": "2023-01-01", "b": "12:30"}),
        ("a: 010\nb: 1_000\nc: 0x1F", {"a": "010", "b": "1_000", "c": "0x1F"}),
        ("a: 1.5\nb: 1e3\nc: .inf\nd: .nan", {"a": 1.5, "b": 1000.0, "c": ".inf", "d": ".nan"}),
        ("a: 9007199254740993", {"a": "9007199254740993"}),
        ("a: '1'\nb: \"true\"\nc: !!str 5", {"a": "1", "b": "true", "c": "5"}),
        ("1: a\ntrue: b\nnull: c", {"1": "a", "true": "b", "null": "c"}),
        ("a: &x {k: 1}\nb: {<<: *x, j: 2}", {"a": {"k": 1}, "b": {"k": 1, "j": 2}}),
        ("? |\n  long key\n: v", {"long key\n": "v"}),
        ("a: >-\n  folded\n  text\nb: |\n  kept\n  text\n", {"a": "folded text", "b": "kept\ntext\n"}),
        ("", {}),
        ("# only a comment", {}),
    ],
)
def test_values_are_read_as_the_hub_reads_them(text: str, values: dict[str, Any]) -> None:
    assert load_metadata(text).values == values


def test_an_ambiguous_word_is_reported_with_its_line() -> None:
    (problem,) = load_metadata("license: mit\nlanguage: no\n", first_line=2).problems
    assert (problem.code, problem.line) == ("yaml-ambiguous-word", 3)
    assert "quotes" in problem.message


@pytest.mark.parametrize(
    ("text", "code", "kept"),
    [
        ("a: 1\na: 2", "yaml-duplicate-key", {"a": 2}),
        ("a: !!python/object/apply:os.system ['x']\nb: 1", "yaml-tag-refused", {"a": None, "b": 1}),
        ("a: !secret x\nb: 1", "yaml-tag-refused", {"a": None, "b": 1}),
        ("? [a, b]\n: 1\nc: 2", "yaml-key-not-text", {"c": 2}),
        ("a: 1\n--- \nb: 2", "yaml-several-documents", {"a": 1}),
        ("a: *nowhere\nb: 1", "yaml-unknown-alias", {"b": 1}),
        ("a: &a [*a]\nb: 1", "yaml-unknown-alias", {"b": 1}),
        ("a: [1, 2\nb: 1", "yaml-broken", {"b": 1}),
        ("a: b: c\nlicense: mit", "yaml-broken", {"license": "mit"}),
        ("a:\n\t- x\nb: 1", "yaml-tab", None),
        ("- a\n- b", "front-matter-not-a-mapping", {}),
        ("just text", "front-matter-not-a-mapping", {}),
        ("a: \x01x", "control-characters", {"a": "\N{REPLACEMENT CHARACTER}x"}),
        ("a: " + "[" * 40 + "]" * 40 + "\nb: 1", "yaml-too-deep", {"b": 1}),
    ],
)
def test_trouble_is_reported_and_the_rest_is_kept(text: str, code: str, kept: dict[str, Any] | None) -> None:
    loaded = load_metadata(text)
    assert code in [problem.code for problem in loaded.problems]
    if kept is not None:
        assert loaded.values == kept


def test_an_alias_bomb_is_refused_before_it_is_built() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 20)]
    assert "yaml-too-large" in codes("\n".join(lines))


def test_millions_of_open_brackets_end_quickly() -> None:
    assert "yaml-too-deep" in codes("a: " + "[" * 900_000)


def test_the_list_of_problems_is_bounded() -> None:
    loaded = load_metadata("\n".join("a: 1" for _ in range(5_000)))
    assert len(loaded.problems) <= 101


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.text(st.characters(codec="utf-8", categories=["L", "N", "Zs", "P"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abcdef", min_size=1, max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.text("abcdefgh_", min_size=1, max_size=8), PLAIN, min_size=1, max_size=5))
def test_what_a_yaml_library_writes_is_read_back(values: dict[str, Any]) -> None:
    written = yaml.safe_dump(values, allow_unicode=True, default_style='"')
    assert load_metadata(written).values == values
