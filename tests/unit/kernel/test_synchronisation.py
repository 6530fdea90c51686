"""Whether the clock is synchronised: what the kernel's answer means, asked once a minute."""

import pytest

from registry.kernel.synchronisation import ClockState, ClockWatch, judge, read_kernel


@pytest.mark.parametrize(
    ("state", "status", "said"),
    [
        (0, 0x2001, ClockState.SYNCHRONISED),
        (1, 0x0010, ClockState.SYNCHRONISED),
        (5, 0x0000, ClockState.NOT_SYNCHRONISED),
        (0, 0x0040, ClockState.NOT_SYNCHRONISED),
        (5, 0x2041, ClockState.NOT_SYNCHRONISED),
        (-1, 0, ClockState.NOT_KNOWN),
    ],
)
def test_the_answer_of_the_kernel_is_understood(state: int, status: int, said: ClockState) -> None:
    assert judge(state, status) is said


def test_the_kernel_is_asked_once_a_minute() -> None:
    elapsed, answers = [1000.0], [ClockState.SYNCHRONISED, ClockState.NOT_SYNCHRONISED]
    watch = ClockWatch(lambda: answers.pop(0), elapsed=lambda: elapsed[0])
    assert watch.state() is ClockState.SYNCHRONISED
    elapsed[0] += 59.9
    assert watch.state() is ClockState.SYNCHRONISED
    elapsed[0] += 0.1
    assert watch.state() is ClockState.NOT_SYNCHRONISED


def test_this_machine_gives_one_of_the_three_answers() -> None:
    assert read_kernel() in set(ClockState)


def test_elsewhere_than_on_linux_it_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert read_kernel() is ClockState.NOT_KNOWN
