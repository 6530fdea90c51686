"""Whether a license carries on the restrictions of another."""

import pytest

from registry.licenses.compatibility import Carried, compare_restrictions, summarise_compared
from registry.licenses.domain import Restriction, Strictness

FLAT, INTENT, CONSENT = Strictness.FLAT, Strictness.INTENT_ONLY, Strictness.UNLESS_CONSENT


def terms(**restrictions: Strictness) -> tuple[Restriction, ...]:
    return tuple(Restriction(slug=slug, strictness=strictness) for slug, strictness in restrictions.items())


@pytest.mark.parametrize(
    ("asked", "found", "carried"),
    [
        (terms(a=FLAT, b=INTENT), [terms(b=INTENT, a=FLAT)], Carried.SAME),
        (terms(a=INTENT), [terms(a=FLAT)], Carried.STRICTER),
        (terms(a=INTENT), [terms(a=INTENT), terms(a=FLAT)], Carried.STRICTER),
        (terms(a=FLAT), [terms(a=FLAT, b=FLAT)], Carried.ADDED),
        (terms(a=FLAT), [terms(a=INTENT)], Carried.WEAKER),
        (terms(a=CONSENT), [terms(a=INTENT)], Carried.WEAKER),
        (terms(a=FLAT, b=FLAT), [terms(a=INTENT)], Carried.MISSING),
        (terms(a=FLAT, b=FLAT), [terms(a=FLAT), terms(b=FLAT)], Carried.SAME),
        (terms(a=FLAT), [()], Carried.MISSING),
        (terms(a=FLAT), [None], Carried.UNKNOWN),
        (terms(a=FLAT), [terms(a=INTENT), None], Carried.UNKNOWN),
        (terms(a=FLAT), [terms(a=FLAT), None], Carried.SAME),
        ((), [None], Carried.SAME),
    ],
)
def test_the_gravest_difference_is_told(
    asked: tuple[Restriction, ...], found: list[tuple[Restriction, ...] | None], carried: Carried
) -> None:
    assert summarise_compared(compare_restrictions(asked, found)) is carried
