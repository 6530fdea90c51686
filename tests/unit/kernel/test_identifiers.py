"""Ids, names and digests."""

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.kernel.identifiers import (
    _MonotonicIds,
    is_commit_id,
    is_name,
    is_sha256_hex,
    is_slug,
    new_id,
    parse_digest,
    sha256,
)

START_NS = 1_790_000_000_000_000_000


def ids_at(monkeypatch: pytest.MonkeyPatch, moments: list[int]) -> list[UUID]:
    """Ids made while the machine's clock shows these moments."""
    maker, times = _MonotonicIds(), iter(moments)
    monkeypatch.setattr(time, "time_ns", lambda: next(times))
    return [maker.next() for _ in moments]


@given(steps=st.lists(st.integers(-(10**12), 10**12), min_size=2, max_size=60))
def test_ids_stay_in_order_when_the_clock_steps_back(steps: list[int]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        made = ids_at(monkeypatch, [START_NS + step for step in steps])
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_more_ids_than_a_millisecond_holds_stay_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    made = ids_at(monkeypatch, [START_NS] * 5_000)
    assert made == sorted(set(made))


def test_an_id_is_a_uuid_of_version_7_and_tells_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    (made,) = ids_at(monkeypatch, [START_NS])
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert made.int >> 80 == START_NS // 1_000_000


def test_threads_get_different_ids() -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _n: new_id(), range(4_000)))
    assert len(set(made)) == 4_000


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("quarry", True),
        ("Quarry-15b_v1.0", True),
        ("a", True),
        ("_a_", True),
        ("", False),
        ("-a", False),
        ("a-", False),
        (".a", False),
        ("a.", False),
        ("a--b", False),
        ("a..b", False),
        ("..", False),
        ("a/b", False),
        ("a b", False),
        ("a\n", False),
        ("a\x00", False),
        ("quarry.git", False),
        ("quаrry", False),  # a Cyrillic letter
        ("x" * 96, True),
        ("x" * 97, False),
    ],
)
def test_names_follow_the_hubs_rules(text: str, holds: bool) -> None:
    assert is_name(text) is holds


@given(st.text(max_size=20))
def test_a_name_never_holds_a_separator_or_a_control_character(text: str) -> None:
    if is_name(text) or is_slug(text):
        assert text.isascii()
        assert text.isprintable()
        assert not set(text) & set("/\\ %?#:@")
        assert ".." not in text


@pytest.mark.parametrize("text", ["openrail-m", "cc-by-4.0", "gpl-3.0+", "x"])
def test_slugs_in_use_are_slugs(text: str) -> None:
    assert is_slug(text)


@pytest.mark.parametrize("text", ["", "A", "a..b", "-a", "a-", "a b", "a\n", "x" * 65, "a/b"])
def test_other_texts_are_no_slugs(text: str) -> None:
    assert not is_slug(text)


@pytest.mark.parametrize("end", ["", "\n", " ", "0", "g"])
def test_digests_are_recognised_exactly(end: str) -> None:
    digest = sha256(b"abc")
    hexadecimal = digest.removeprefix("sha256:")
    assert digest == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert (parse_digest(digest + end) == digest) is (end == "")
    assert is_sha256_hex(hexadecimal + end) is (end == "")
    assert is_commit_id(hexadecimal[:40] + end) is (end == "")
    assert parse_digest(digest.upper()) is None
