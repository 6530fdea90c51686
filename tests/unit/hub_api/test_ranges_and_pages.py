"""Ranges, cursors and links."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.hub_api.domain import (
    RangeKind,
    Span,
    decode_cursor,
    encode_cursor,
    is_true,
    lfs_pointer_size,
    next_link,
    select_range,
    split_filters,
    tags_of,
)

WHOLE, NOTHING = RangeKind.WHOLE, RangeKind.UNSATISFIABLE


@pytest.mark.parametrize(
    ("header", "size", "expected"),
    [
        (None, 10, WHOLE),
        ("", 10, WHOLE),
        ("bytes=0-", 10, Span(start=0, end=10)),
        ("bytes=3-", 10, Span(start=3, end=10)),
        ("bytes=3-4", 10, Span(start=3, end=5)),
        ("bytes=3-99", 10, Span(start=3, end=10)),
        ("bytes=-4", 10, Span(start=6, end=10)),
        ("bytes=-99", 10, Span(start=0, end=10)),
        (" bytes=9-9 ", 10, Span(start=9, end=10)),
        ("bytes=10-", 10, NOTHING),
        ("bytes=999999999999999999-", 10, NOTHING),
        ("bytes=-0", 10, NOTHING),
        ("bytes=0-", 0, NOTHING),
        ("bytes=-5", 0, NOTHING),
        ("bytes=-", 10, WHOLE),
        ("bytes=5-3", 10, WHOLE),
        ("bytes=0-1,3-4", 10, WHOLE),
        ("items=0-1", 10, WHOLE),
        ("bytes=a-b", 10, WHOLE),
        ("bytes=9999999999999999999999-", 10, WHOLE),
    ],
)
def test_a_range_selects_one_part_or_the_whole(
    header: str | None, size: int, expected: Span | RangeKind
) -> None:
    assert select_range(header, size) == expected


@given(st.text(max_size=40), st.integers(0, 10**6))
def test_a_selected_part_lies_within_the_file(header: str, size: int) -> None:
    found = select_range("bytes=" + header, size)
    assert isinstance(found, RangeKind) or 0 <= found.start < found.end <= size


@given(st.text(max_size=300))
def test_a_cursor_comes_back(text: str) -> None:
    assert decode_cursor(encode_cursor(text)) == text


@given(st.text(max_size=50))
def test_a_foreign_cursor_is_text_or_nothing(word: str) -> None:
    assert decode_cursor(word) is None or isinstance(decode_cursor(word), str)


def test_the_next_page_is_absolute_and_keeps_every_parameter() -> None:
    query = [("recursive", "True"), ("expand", "a"), ("expand", "b"), ("cursor", "old")]
    link = next_link("https://models.example", "/api/models/a/b/tree/main", query, after="x/y")
    expected = "recursive=True&expand=a&expand=b&cursor=" + encode_cursor("x/y")
    assert link == f'<https://models.example/api/models/a/b/tree/main?{expected}>; rel="next"'


def test_flags_are_read_as_clients_write_them() -> None:
    assert [is_true(text) for text in ("true", "True", "1", "false", "False", "", None)] == [True] * 3 + [
        False
    ] * 4


def test_filters_may_be_repeated_or_listed() -> None:
    assert split_filters(["a,b", "c", " license:x "]) == ("a", "b", "c", "license:x")


def test_a_pointer_has_the_size_that_git_lfs_writes() -> None:
    # What the Hub states of `all-MiniLM-L6-v2/model.safetensors`.
    digest = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    assert lfs_pointer_size(digest, 90_868_376) == 133


def test_the_licenses_of_the_gate_are_tags_whatever_the_card_says() -> None:
    card = {"": ["safetensors", "en", "en"], "license": ["other"], "base_model": ["a/b"]}
    assert tags_of(card, ["tarn-m"]) == [
        *("safetensors", "en", "license:other", "base_model:a/b", "license:tarn-m")
    ]
