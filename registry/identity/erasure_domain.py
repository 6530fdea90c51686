"""Rules of erasure: the states of a request, and what stands in its way."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from registry.kernel.clock import iso
from registry.kernel.outcomes import Refusal, Remedy

PAGE = "/records/erasure"
ANSWERED_WITHIN = timedelta(days=30)
"""An answer is owed within a month (GDPR article 12(3))."""
SWEPT_AFTER = timedelta(hours=1)
"""No request and no sign-in that began before an erasure lasts so long."""
REASON_MAX_CHARACTERS = 500


class ErasureState(StrEnum):
    """What became of a request to be erased; all but the first are ends."""

    WAITING = "waiting"
    TAKEN_BACK = "taken-back"
    REFUSED = "refused"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureView:
    """A request to be erased, as the person and the operators see it."""

    id: UUID
    person_id: UUID
    by_operator: bool
    asked_at: datetime
    due_at: datetime
    state: ErasureState
    decided_at: datetime | None
    reason: str | None
    """Why it was refused; None where it was not, or once the person is erased."""

    @property
    def owed_by(self) -> datetime:
        """Until when the person must have an answer."""
        return self.asked_at + ANSWERED_WITHIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What only one person holds: it must be handed over before they are erased."""

    what: str
    """`the only owner of quarry`."""
    url: str


def judge_offices(offices: Sequence[Office]) -> Refusal | None:
    """Return why somebody may not be erased yet: others depend on them; None if nobody does."""
    if not offices:
        return None
    return Refusal(
        code="hand-over-first",
        status=409,
        title="Others depend on this account",
        detail=f"It is {', and '.join(one.what for one in offices)}. Without it nobody could act there any more. "
        "Nothing was erased.",
        remedy=Remedy(
            text="Make somebody else an owner or an officer first, then ask again", url=offices[0].url
        ),
        decider="You do",
    )


def already_asked(asked: ErasureView) -> Refusal:
    """Return the refusal of asking twice."""
    return Refusal(
        code="erasure-asked",
        status=409,
        title="You have asked for it already",
        detail=f"Your details are destroyed on {iso(asked.due_at)}, unless you take it back before. Nothing changed.",
        remedy=Remedy(text="See the request, or take it back", url=PAGE),
        decider="You do",
        since=asked.asked_at,
    )


def nothing_asked() -> Refusal:
    """Return the refusal of deciding on a request that is not there, or decided."""
    return Refusal(
        code="erasure-unknown",
        status=404,
        title="There is no request to be erased that waits",
        detail="It was taken back or decided already, or nobody asked. Nothing changed.",
        remedy=Remedy(text="See your records", url=PAGE),
    )


def not_confirmed() -> Refusal:
    """Return the refusal of a form whose box was not ticked."""
    return Refusal(
        code="erasure-not-confirmed",
        status=422,
        title="You did not confirm it",
        detail="Being erased cannot be undone, so the box has to be ticked. Nothing changed.",
        remedy=Remedy(text="Tick the box, then send the form again", url=PAGE),
        errors={"sure": "Tick the box to go on"},
    )
