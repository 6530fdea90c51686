"""How often waiting programs may ask: at the interval of the protocol, and less often where very many wait."""

import heapq
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from registry.identity.device_polling import POLL_INTERVAL_MAX, POLLS_PER_SECOND, Pace
from registry.identity.oauth_domain import POLL_INTERVAL, POLL_STEP

START = datetime(2026, 1, 1, tzinfo=UTC)
FEW = int(POLLS_PER_SECOND * POLL_INTERVAL.total_seconds())


def run(
    pace: Pace, programs: dict[str, timedelta], *, since: timedelta, lasting: timedelta
) -> list[timedelta]:
    """Let programs ask as RFC 8628 says, spread over their first interval; return when each poll came."""
    due = [
        (since + interval * number / len(programs), number, digest)
        for number, (digest, interval) in enumerate(programs.items())
    ]
    heapq.heapify(due)
    polls = []
    while due[0][0] < since + lasting:
        at, number, digest = heapq.heappop(due)
        polls.append(at)
        if pace.is_too_fast(digest, START + at):
            programs[digest] += POLL_STEP
        heapq.heappush(due, (at + programs[digest], number, digest))
    return polls


def test_few_programs_ask_at_the_interval_of_the_protocol_and_are_never_slowed() -> None:
    pace = Pace()
    programs = {f"few {number}": pace.expect(f"few {number}", START) for number in range(FEW)}
    run(pace, programs, since=timedelta(), lasting=timedelta(minutes=1))
    assert set(programs.values()) == {POLL_INTERVAL}


def test_a_thousand_programs_that_were_told_five_seconds_come_less_often_soon() -> None:
    pace = Pace()
    programs = {f"program {number}": POLL_INTERVAL for number in range(1_000)}
    polls = run(pace, programs, since=timedelta(), lasting=timedelta(minutes=2))
    settled = timedelta(seconds=40)
    assert sum(at >= settled for at in polls) / 80 <= POLLS_PER_SECOND
    assert set(programs.values()) == {timedelta(seconds=20)}


def test_who_begins_in_a_crowd_is_told_its_interval_at_once_and_not_slowed_again() -> None:
    pace = Pace()
    run(
        pace,
        {f"crowd {number}": POLL_INTERVAL for number in range(1_000)},
        since=timedelta(),
        lasting=timedelta(seconds=40),
    )
    told = pace.expect("one more", START + timedelta(seconds=40))
    assert told == timedelta(seconds=17)
    assert not pace.is_too_fast("one more", START + timedelta(seconds=40))


def test_a_crowd_that_went_away_slows_nobody() -> None:
    pace = Pace()
    for number in range(1_000):
        pace.expect(f"gone {number}", START)
    assert pace.expect("late", START + timedelta(minutes=2)) == POLL_INTERVAL


def test_who_was_answered_no_longer_counts() -> None:
    pace = Pace()
    for number in range(1_000):
        pace.expect(f"done {number}", START)
        pace.forget(f"done {number}")
    assert pace.expect("next", START) == POLL_INTERVAL


def test_nobody_can_make_others_wait_for_long_by_starting_many_logins() -> None:
    pace = Pace()
    longest = max(pace.expect(f"flood {number}", START) for number in range(10_000))
    assert longest == POLL_INTERVAL_MAX


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20)), max_size=40))
def test_a_program_that_keeps_its_interval_is_never_slowed_while_few_wait(
    asked: list[tuple[int, int]],
) -> None:
    pace, now = Pace(), START
    last: dict[int, tuple[datetime, timedelta]] = {}
    for program, pause in asked:
        now += timedelta(seconds=pause)
        heard, interval = last.get(program, (None, POLL_INTERVAL))
        slower = pace.is_too_fast(str(program), now)
        if heard is None or now - heard >= interval:
            assert not slower
        last[program] = (now, interval + POLL_STEP if slower else interval)
