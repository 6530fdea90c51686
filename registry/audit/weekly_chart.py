"""Acceptances per week, drawn on the server: bars for the newest texts, and the same figures as a table."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from types import SimpleNamespace

from registry.kernel.pages import format_when, plural

WEEKS = 12
SERIES_MOST = 3
PEOPLE_LEAST = 5
"""Fewer acceptances are not drawn: a chart of so few says who they were."""
OTHERS = "Other texts"
_WIDTH, _LEFT, _TOP, _BOTTOM = 960, 48, 10, 194
_BAR_SHARE = 0.6
_LINES = 4


def week_starts(now: datetime) -> Sequence[datetime]:
    """Return the beginnings of the last weeks, Monday 00:00 UTC, the running one last."""
    monday = datetime.combine(now.date() - timedelta(days=now.weekday()), time(), now.tzinfo)
    return [monday - timedelta(weeks=back) for back in range(WEEKS - 1, -1, -1)]


def draw(starts: Sequence[datetime], counts: Mapping[str, Sequence[int]]) -> SimpleNamespace | None:
    """Return the chart of `counts` by text, the newest text first; None where there is too little to draw."""
    series = _fold({name: numbers for name, numbers in counts.items() if any(numbers)})
    totals = [sum(numbers[week] for numbers in series.values()) for week in range(len(starts))]
    if sum(totals) < PEOPLE_LEAST:
        return None
    step = _step(max(totals))
    scale = (_BOTTOM - _TOP) / (step * _LINES)
    slot = (_WIDTH - _LEFT) / len(starts)
    names = [format_when(start.date()).rsplit(" ", 1)[0] for start in starts]
    most = max(range(len(totals)), key=lambda week: totals[week])
    return SimpleNamespace(
        since=starts[0].date(),
        until=starts[-1].date(),
        says=f"{plural(sum(totals), 'acceptance')} in {len(starts)} weeks, most in the week of {names[most]} with "
        f"{totals[most]:,}. The week of {names[-1]} is not over.",
        right=_WIDTH,
        left=_LEFT,
        lines=[
            SimpleNamespace(y=_round(_BOTTOM - step * line * scale), label=f"{step * line:,}", base=line == 0)
            for line in range(_LINES + 1)
        ],
        bars=list(_bars(series, len(starts), slot, scale)),
        # Every second week is named, counted from the running one, so that names do not touch.
        labels=[
            SimpleNamespace(x=_round(_LEFT + slot * (week + 0.5)), text=_short(start))
            for week, start in enumerate(starts)
            if (len(starts) - 1 - week) % 2 == 0
        ],
        legend=list(series),
        rows=[
            SimpleNamespace(
                week=_short(start),
                counts=[numbers[week] for numbers in series.values()],
                total=totals[week],
            )
            for week, start in enumerate(starts)
        ],
    )


def _fold(counts: Mapping[str, Sequence[int]]) -> Mapping[str, Sequence[int]]:
    """Return at most as many series as can be told apart; the older texts are one."""
    if len(counts) <= SERIES_MOST:
        return counts
    names = list(counts)
    rest = [counts[name] for name in names[SERIES_MOST - 1 :]]
    kept = {name: counts[name] for name in names[: SERIES_MOST - 1]}
    return {**kept, OTHERS: [sum(numbers) for numbers in zip(*rest, strict=True)]}


def _step(most: int) -> int:
    """Return the distance of the lines: 1, 2 or 5 times a power of ten, as small as holds `most`."""
    power = 1
    while True:
        for digit in (1, 2, 5):
            if digit * power * _LINES >= most:
                return digit * power
        power *= 10


def _bars(
    series: Mapping[str, Sequence[int]], weeks: int, slot: float, scale: float
) -> Sequence[SimpleNamespace]:
    bars = []
    for week in range(weeks):
        top = float(_BOTTOM)
        # The oldest text at the foot, as the one that came first.
        for place, numbers in reversed(list(enumerate(series.values()))):
            if numbers[week]:
                height = numbers[week] * scale
                top -= height
                x = _LEFT + slot * (week + (1 - _BAR_SHARE) / 2)
                bars.append(
                    SimpleNamespace(
                        series=place,
                        x=_round(x),
                        y=_round(top),
                        width=_round(slot * _BAR_SHARE),
                        height=_round(height),
                    )
                )
    return bars


def _short(start: datetime) -> str:
    return f"{start.day} {format_when(start, 'short').split()[1]}"


def _round(number: float) -> str:
    return f"{number:.1f}"
