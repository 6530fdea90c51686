"""Whether a license carries on the restrictions of another."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.licenses.compatibility import GAPS, Carried, compare_restrictions, summarise_compared
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


_RESTRICTIONS = st.builds(
    Restriction, slug=st.sampled_from(["a", "b", "c"]), strictness=st.sampled_from(Strictness)
)
_LICENSES = st.lists(_RESTRICTIONS, max_size=5)


def carries(asked: list[Restriction], *found: list[Restriction] | None) -> bool:
    return not {row.carried for row in compare_restrictions(asked, found)} & GAPS


@given(_LICENSES)
def test_a_license_carries_itself_on(one: list[Restriction]) -> None:
    assert carries(one, one)


@given(_LICENSES, _LICENSES, _LICENSES)
def test_what_carries_on_a_carrier_carries_on_all_that_it_does(
    base: list[Restriction], more: list[Restriction], last: list[Restriction]
) -> None:
    for middle in (more, [*base, *more], [*more, *(replace(one, strictness=FLAT) for one in base)]):
        for final in (last, [*middle, *last], [*last, *(replace(one, strictness=FLAT) for one in middle)]):
            if carries(base, middle) and carries(middle, final):
                assert carries(base, final)


@given(_LICENSES, st.lists(_LICENSES | st.none(), max_size=3), _LICENSES, st.integers(0, 3))
def test_a_further_restriction_or_license_never_turns_yes_to_no(
    asked: list[Restriction], found: list[list[Restriction] | None], more: list[Restriction], at: int
) -> None:
    if carries(asked, *found):
        assert carries(asked, *found, more)
        assert carries(
            asked, *[[*one, *more] if one is not None and at == i else one for i, one in enumerate(found)]
        )
        assert carries(asked, *found, None)


@given(_LICENSES, st.lists(_LICENSES | st.none(), max_size=3), _RESTRICTIONS)
def test_asking_for_less_never_turns_yes_to_no(
    asked: list[Restriction], found: list[list[Restriction] | None], more: Restriction
) -> None:
    if carries([*asked, more], *found):
        assert carries(asked, *found)
