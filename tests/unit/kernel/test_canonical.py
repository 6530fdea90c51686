"""Canonical bytes (RFC 8785) and moments as text."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from registry.kernel.canonical import canonical_bytes, canonical_digest
from registry.kernel.clock import SystemClock, iso, parse_iso

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=6), values, max_size=5))
def test_the_order_in_which_members_were_put_in_makes_no_difference(value: dict[str, object]) -> None:
    turned = dict(reversed(list(value.items())))
    assert canonical_bytes(turned) == canonical_bytes(value)  # type: ignore[arg-type]
    assert canonical_digest(turned) == canonical_digest(value)  # type: ignore[arg-type]


@given(values | st.dictionaries(st.text(max_size=6) | st.text("abz_{\x7f", max_size=3), values, max_size=5))
def test_the_fast_encoder_writes_what_the_library_writes(value: object) -> None:
    assert canonical_bytes(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


def test_the_example_of_rfc_8785_is_reproduced() -> None:
    # RFC 8785 §3.2.2 and §3.2.3, without the floating-point numbers.
    value = {
        "string": "\u20ac$\u000f\nA'B\"\\\\\"/",
        "literals": [None, True, False],
        "\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7,
    }  # fmt: skip
    expected = (
        '{"\\r":2,"1":4,"literals":[null,true,false],"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/",'
        '"\u0080":6,"\u00f6":7,"\u20ac":1,"\U0001f600":5,"\ufb33":3}'
    )
    assert canonical_bytes(value) == expected.encode()


@pytest.mark.parametrize("value", [2**53, -(2**53), float("nan"), float("inf"), "\ud800"])
def test_what_readers_would_read_differently_is_refused(value: object) -> None:
    with pytest.raises(Exception):  # noqa: B017 - the library's own kinds
        canonical_bytes({"x": value})  # type: ignore[dict-item]


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9990, 1, 1)))  # noqa: DTZ001
def test_a_moment_survives_as_text_to_the_millisecond(naive: datetime) -> None:
    moment = naive.replace(tzinfo=UTC, microsecond=naive.microsecond // 1000 * 1000)
    assert parse_iso(iso(moment)) == moment
    assert iso(moment.astimezone(timezone(timedelta(hours=13)))) == iso(moment)
    assert iso(moment).endswith("Z")


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        parse_iso("2026-11-23T14:07:31")


def test_the_machines_clock_gives_what_its_text_says() -> None:
    now = SystemClock().now()
    assert parse_iso(iso(now)) == now
