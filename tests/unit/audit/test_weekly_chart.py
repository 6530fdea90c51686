"""The chart of acceptances per week: its figures, and when it is not drawn."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.audit.weekly_chart import OTHERS, WEEKS, draw, week_starts

NOW = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
STARTS = week_starts(NOW)


@pytest.mark.parametrize("day", [23, 25, 29])
def test_weeks_begin_on_monday_and_the_last_one_is_running(day: int) -> None:
    starts = week_starts(datetime(2026, 11, day, 23, 59, tzinfo=UTC))
    assert starts[-1] == datetime(2026, 11, 23, tzinfo=UTC)
    assert len(starts) == WEEKS
    assert {(later - earlier).days for earlier, later in pairwise(starts)} == {7}


def test_fewer_than_five_are_not_drawn() -> None:
    assert draw(STARTS, {}) is None
    assert draw(STARTS, {"A 1.0": [0] * 11 + [4]}) is None
    assert draw(STARTS, {"A 1.0": [0] * 11 + [5]}) is not None


def test_older_texts_are_drawn_as_one() -> None:
    chart = draw(STARTS, {name: [number] * WEEKS for number, name in enumerate("ABCD", 1)})
    assert chart is not None
    assert chart.legend == ["A", "B", OTHERS]
    assert chart.rows[0].counts == [1, 2, 7]
    assert chart.rows[0].total == 10


def test_it_says_in_words_what_it_shows() -> None:
    chart = draw(STARTS, {"A 1.1": [0] * 10 + [128, 14]})
    assert chart is not None
    assert chart.says == (
        "142 acceptances in 12 weeks, most in the week of 16 November with 128. "
        "The week of 23 November is not over."
    )


@given(
    st.dictionaries(st.sampled_from("ABCDE"), st.lists(st.integers(0, 10**7), min_size=WEEKS, max_size=WEEKS))
)
def test_every_bar_lies_in_the_picture_and_the_table_has_every_acceptance(
    counts: dict[str, list[int]],
) -> None:
    chart = draw(STARTS, counts)
    total = sum(map(sum, counts.values()))
    if chart is None:
        assert total < 5
        return
    assert sum(row.total for row in chart.rows) == total
    for bar in chart.bars:
        assert float(bar.y) >= 9.9
        assert float(bar.y) + float(bar.height) <= 194.2
        assert float(bar.x) + float(bar.width) <= chart.right
