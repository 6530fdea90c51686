"""Whether a license carries on the use restrictions of another: compared by slug and strictness (pure)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
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


GAPS = frozenset({Carried.UNKNOWN, Carried.WEAKER, Carried.MISSING})
"""What is not carried on, as far as anybody knows."""


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

    Several licenses are binding together: a restriction is carried on where one of them does so.
    """
    given = list(found)
    is_whole = all(one is not None for one in given)
    have = _reaches(restriction for one in given for restriction in one or ())
    wanted = _reaches(asked)
    rows = [
        _compare(slug, reach, have.get(slug, frozenset()), is_whole=is_whole)
        for slug, reaches in wanted.items()
        for reach in sorted(reaches)
    ]
    added = [
        ComparedRestriction(slug=slug, asked=None, found=reach, carried=Carried.ADDED)
        for slug, reaches in have.items()
        if slug not in wanted
        for reach in sorted(reaches)
    ]
    return sorted([*rows, *added], key=lambda row: (row.slug, row.asked or "", row.found or ""))


def summarise_compared(rows: Iterable[ComparedRestriction]) -> Carried:
    """Return the gravest of what became of the restrictions; `added` where all are carried on and some came to them."""
    found = {row.carried for row in rows}
    gravest = (Carried.MISSING, Carried.WEAKER, Carried.UNKNOWN, Carried.ADDED, Carried.STRICTER)
    return next((one for one in gravest if one in found), Carried.SAME)


def _reaches(restrictions: Iterable[Restriction]) -> Mapping[str, frozenset[Strictness]]:
    """Return how far each restriction reaches; where one text bans without exception, others' exceptions are void."""
    reaches: dict[str, frozenset[Strictness]] = {}
    for one in restrictions:
        standing = reaches.get(one.slug, frozenset())
        if Strictness.FLAT not in standing:
            flat = one.strictness is Strictness.FLAT
            reaches[one.slug] = frozenset({one.strictness}) if flat else standing | {one.strictness}
    return reaches


def _compare(
    slug: str, asked: Strictness, have: Collection[Strictness], *, is_whole: bool
) -> ComparedRestriction:
    found: Strictness | None
    if asked in have:
        found, carried = asked, Carried.SAME
    elif Strictness.FLAT in have:
        found, carried = Strictness.FLAT, Carried.STRICTER
    else:
        # Two exceptions of different kinds have no order; neither carries on the other.
        found, carried = min(have, default=None), Carried.WEAKER if have else Carried.MISSING
    if not is_whole and carried in GAPS:
        # A text that nobody has read may carry it on.
        carried = Carried.UNKNOWN
    return ComparedRestriction(slug=slug, asked=asked, found=found, carried=carried)
