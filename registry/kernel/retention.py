"""What is kept about people and how long, class by class; and what a walk over rows that are due came to."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

DAYS_MOST = 36_500

Spared = Callable[[UUID | None, UUID | None, UUID | None], bool]
"""Whether a record about this person, at this gate, of this model must stay: a legal hold or a restriction stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Days after which each class of data goes; 0: never by itself."""

    connection_days: int = 90
    """Network addresses, browsers and programs: enough to settle a dispute about who acted."""
    ended_acceptance_days: int = 2_192
    """Details of acceptances that were withdrawn: six years, for claims that can still be made."""
    closed_request_days: int = 365
    review_note_days: int = 730
    """What reviewers wrote on a request, also on one that stands."""
    draft_days: int = 90
    download_days: int = 730
    """Who was given which file: two years; after them only how often each day."""
    refused_days: int = 730
    notice_days: int = 730
    sign_in_days: int = 90
    """Browsers that were signed in, after the session ended."""

    def due(self, days: int, now: datetime) -> datetime | None:
        """Return the moment up to which a class of so many days is due; None where it never is."""
        return now - timedelta(days=days) if days else None


DEFAULTS = Retention()


def in_words(days: int) -> str:
    """Return a time as people say it: `90 days`, `12 months`, `6 years`."""
    if days >= 730 and (days % 365 == 0 or days % 1461 in {0, 731}):
        return f"{days // 365} years"
    return "12 months" if days == 365 else f"{days} day{'' if days == 1 else 's'}"


FOR_GOOD = "for good; after erasure it names nobody"
UNTIL_ERASED = "encrypted with a key of your own, until you are erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One kind of thing that is kept about people, as pages say it to them."""

    label: str
    what: str
    why: str
    readers: str
    kept: str


def kept_for(days: int, otherwise: str) -> str:
    """Return how long a class stays that goes after so many days; `otherwise` where it does not go by itself."""
    return f"{in_words(days)}, then deleted" if days else otherwise


def kept_until_erased(days: int, after: str) -> str:
    """Return how long sealed data stays that goes so many days `after` something, if not before with its person."""
    return f"{UNTIL_ERASED}, or until {in_words(days)} {after}" if days else UNTIL_ERASED


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """One step over rows in the order of their ids, oldest first."""

    last: UUID | None
    """The last row that is settled; None: none was due."""
    first_spared: UUID | None
    """The first of them that was due and had to stay."""
    changed: int
    looked: int
    """How many rows were due, spared or not; fewer than the limit: all are settled."""
