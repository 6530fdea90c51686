"""Whether a license carries on the use restrictions of another: compared by slug and strictness (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from registry.licenses.domain import Restriction, Strictness


class Carried(StrEnum):
    """What became of a restriction, or of all of them."""

    SAME = "same"
    STRICTER = "stricter"
    """Carried on without the exception that it had."""
    ADDED = "added"
    """Not among those that are to be carried on."""
    UNKNOWN = "unknown"
    """The registry does not know what one of the licenses restricts."""
    WEAKER = "weaker"
    """Carried on with an exception that it did not have."""
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRestriction:
    """One restriction in both licenses."""

    slug: str
    asked: Strictness | None
    """As it is to be carried on; None: it is not."""
    found: Strictness | None
    """As the other license has it; None: it is not known to have it."""
    carried: Carried


def compare_restrictions(
    asked: Iterable[Restriction], found: Iterable[Sequence[Restriction] | None]
) -> Sequence[ComparedRestriction]:
    """Return each restriction of `asked` and of the licenses `found`, by slug; None is a license nobody has read.

    Several licenses are binding together: of each restriction the strictest counts.
    """
    given = list(found)
    is_whole = all(one is not None for one in given)
    have = _strictest(restriction for one in given for restriction in one or ())
    wanted = _strictest(asked)
    return [
        ComparedRestriction(
            slug=slug,
            asked=wanted.get(slug),
            found=have.get(slug),
            carried=_judge(wanted.get(slug), have.get(slug), is_whole=is_whole),
        )
        for slug in sorted(wanted.keys() | have.keys())
    ]


def summarise_compared(rows: Iterable[ComparedRestriction]) -> Carried:
    """Return the gravest of what became of the restrictions; `added` where all are carried on and some came to them."""
    found = {row.carried for row in rows}
    gravest = (Carried.MISSING, Carried.WEAKER, Carried.UNKNOWN, Carried.ADDED, Carried.STRICTER)
    return next((one for one in gravest if one in found), Carried.SAME)


def _strictest(restrictions: Iterable[Restriction]) -> Mapping[str, Strictness]:
    strictest: dict[str, Strictness] = {}
    for one in restrictions:
        if one.slug not in strictest or one.strictness is Strictness.FLAT:
            strictest[one.slug] = one.strictness
    return strictest


def _judge(asked: Strictness | None, found: Strictness | None, *, is_whole: bool) -> Carried:
    if asked is None:
        return Carried.ADDED
    if found is None:
        return Carried.MISSING if is_whole else Carried.UNKNOWN
    if asked is found:
        return Carried.SAME
    if found is Strictness.FLAT:
        return Carried.STRICTER
    # Two exceptions of different kinds have no order; neither carries on the other. A text that nobody has read
    # may do so.
    return Carried.WEAKER if is_whole else Carried.UNKNOWN
