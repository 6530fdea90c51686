"""Rules of restriction (GDPR article 18): the states of a request, and what is refused while one stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from registry.kernel.outcomes import Refusal, Remedy

PAGE = "/records/restriction"
ANSWERED_WITHIN = timedelta(days=30)
"""An answer is owed within a month (GDPR article 12(3))."""
STANDING_CHANGED = "person.standing-changed"
"""Outbox topic: a restriction of somebody's data began or ended, so that they may download no more, or again."""
LIFTED_AFTER = timedelta(days=7)
"""How long before operators lift a restriction the person is told (GDPR article 18(3))."""
WORDS_MAX_CHARACTERS = 500


class RestrictionState(StrEnum):
    """What became of a request to restrict the use of somebody's data; the last four are ends."""

    WAITING = "waiting"
    STANDING = "standing"
    ENDING = "ending"
    """It stands, and the person was told when operators lift it."""
    TAKEN_BACK = "taken-back"
    REFUSED = "refused"
    LIFTED = "lifted"
    ERASED = "erased"
    """The person was erased: nothing is left to restrict."""


OPEN = (RestrictionState.WAITING, RestrictionState.STANDING, RestrictionState.ENDING)
RESTRICTS = (RestrictionState.STANDING, RestrictionState.ENDING)


class Ground(StrEnum):
    """On which of the four grounds of GDPR article 18(1) somebody asks."""

    ACCURACY = "accuracy"
    UNLAWFUL = "unlawful"
    CLAIMS = "claims"
    OBJECTION = "objection"


GROUND_WORDS: Mapping[Ground, str] = {
    Ground.ACCURACY: "Something that is kept about me is wrong, and it has to be checked",
    Ground.UNLAWFUL: "My data is used unlawfully, and I do not want it erased",
    Ground.CLAIMS: "The registry needs it no longer, and I need it for a legal claim",
    Ground.OBJECTION: "I have objected to the use of my data, and it is not decided yet",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictionView:
    """A request or a restriction, as the person and the operators see it."""

    id: UUID
    person_id: UUID
    ground: Ground | None
    """None: the operators placed it of their own accord."""
    words: str | None
    """What the person said about it; None where nothing, or once they are erased."""
    asked_at: datetime
    state: RestrictionState
    placed_at: datetime | None
    lifted_from: datetime | None
    """When operators lift it, while it ends."""
    ended_at: datetime | None
    reason: str | None
    """Why operators refused or lift it; None where they did not, or once the person is erased."""

    @property
    def owed_by(self) -> datetime:
        """Until when the person must have an answer."""
        return self.asked_at + ANSWERED_WITHIN

    @property
    def is_open(self) -> bool:
        """Whether it waits or stands."""
        return self.state in OPEN


def use_restricted(since: datetime, *, nothing: str, decider: str = "You do") -> Refusal:
    """Return the refusal of whatever would use restricted data; `nothing` says what did not happen."""
    return Refusal(
        code="use-restricted",
        status=403,
        title="The use of your data is restricted",
        detail=f"{nothing} While the restriction stands, what is kept about you is stored and not used otherwise.",
        remedy=Remedy(text="Take the restriction back, if you want to go on", url=PAGE),
        decider=decider,
        since=since,
    )


def applicant_restricted(page: str, since: datetime) -> Refusal:
    """Return the refusal of deciding on the request of somebody whose data may only be stored."""
    return Refusal(
        code="applicant-restricted",
        status=409,
        title="The use of the applicant's data is restricted",
        detail="What they wrote is stored and shown to nobody, so nothing can be decided on it. Nothing changed.",
        remedy=Remedy(text="Wait: the request is open again once the restriction ends", url=page),
        decider="The applicant, or the operators of this registry",
        since=since,
    )


def already_open(found: RestrictionView) -> Refusal:
    """Return the refusal of asking for what was asked for, or stands."""
    stands = found.state in RESTRICTS
    return Refusal(
        code="restriction-asked",
        status=409,
        title="The use of your data is restricted already" if stands else "You have asked for it already",
        detail="Nothing changed.",
        remedy=Remedy(text="See it, or take it back", url=PAGE),
        decider="You do" if stands else "The operators of this registry",
        since=found.placed_at or found.asked_at,
    )


def nothing_open() -> Refusal:
    """Return the refusal of deciding on a request or restriction that is not there, or is over."""
    return Refusal(
        code="restriction-unknown",
        status=404,
        title="There is no such request or restriction now",
        detail="It was taken back or decided already, or nobody asked. Nothing changed.",
        remedy=Remedy(text="See your records", url=PAGE),
    )


def ground_missing() -> Refusal:
    """Return the refusal of a form without one of the four grounds, or with too many words."""
    return Refusal(
        code="restriction-incomplete",
        status=422,
        title="The request is not sent yet",
        detail="It needs one of the four grounds that the law knows, "
        f"and at most {WORDS_MAX_CHARACTERS} characters in your own words. Nothing changed.",
        remedy=Remedy(text="Choose a ground, then send the form again", url=PAGE),
        errors={"ground": "Choose one of these grounds, and keep your words short"},
    )
