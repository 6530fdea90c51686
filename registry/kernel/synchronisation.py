"""Whether the machine's clock follows a time source, as the kernel knows; asked at most once a minute."""

import ctypes
import ctypes.util
import sys
import time
from collections.abc import Callable
from enum import StrEnum

ASKED_EVERY_S = 60.0
_STA_UNSYNC = 0x0040
"""Bit of `timex.status` (Linux, `sys/timex.h`): the clock is not synchronised."""
_TIME_ERROR = 5
"""State that `adjtimex` returns for a clock that is not synchronised."""


class ClockState(StrEnum):
    """What the kernel says about the clock."""

    SYNCHRONISED = "synchronised"
    NOT_SYNCHRONISED = "not synchronised"
    NOT_KNOWN = "not known"


class _Timex(ctypes.Structure):
    """The head of `struct timex`, and room for the rest of it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 512),
    )


class ClockWatch:
    """Knows the state of the clock without asking the kernel for each act."""

    def __init__(
        self,
        read: "Callable[[], ClockState] | None" = None,
        *,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read or read_kernel
        self._elapsed = elapsed
        self._known: tuple[float, ClockState] | None = None

    def state(self) -> ClockState:
        """Return the state of the clock, at most a minute old."""
        now = self._elapsed()
        if self._known is None or now - self._known[0] >= ASKED_EVERY_S:
            self._known = (now, self._read())
        return self._known[1]


def read_kernel() -> ClockState:
    """Return what the kernel says; not known where it has no such call or refuses it."""
    if sys.platform != "linux":
        return ClockState.NOT_KNOWN
    given = _Timex()  # With `modes` zero the call only reads and needs no privilege.
    try:
        state = int(ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True).adjtimex(ctypes.byref(given)))
    except (OSError, AttributeError):
        return ClockState.NOT_KNOWN
    return judge(state, int(given.status))


def judge(state: int, status: int) -> ClockState:
    """Return what the answer of `adjtimex` means."""
    if state < 0:
        return ClockState.NOT_KNOWN
    if state == _TIME_ERROR or status & _STA_UNSYNC:
        return ClockState.NOT_SYNCHRONISED
    return ClockState.SYNCHRONISED
