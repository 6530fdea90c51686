"""The application's clock: the only caller of "now"."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Gives the time; passed in so that rules and tests decide what time it is."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock, to the millisecond, so that every moment is what `iso` writes of it.

    It may step backwards; nothing may rely on its order (see `new_id`).
    """

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        moment = datetime.now(UTC)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def iso(moment: datetime) -> str:
    """Return `moment` as RFC 3339 in UTC with milliseconds: `2026-11-23T14:07:31.000Z`."""
    return f"{moment.astimezone(UTC).isoformat(timespec='milliseconds')[:-6]}Z"  # without its "+00:00"


def parse_iso(text: str) -> datetime:
    """Return the moment that `iso` wrote; raise ValueError for anything without a zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time without a zone: {text!r}")
    return moment.astimezone(UTC)
