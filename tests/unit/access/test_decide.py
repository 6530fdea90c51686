"""`decide`: by cases, and the properties that keep the gate shut (P1, P2, P10)."""

import dataclasses
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.access.blocks import judge_block
from registry.access.domain import (
    Denial,
    Facts,
    Permit,
    ReasonCode,
    decide,
)
from registry.access.single_facts import BlockFact, Earlier, Requirement
from registry.catalog.domain import GateMode
from registry.identity.domain import ANONYMOUS, Channel, Principal, Scope
from tests.clock import START

PERSON = Principal(person_id=UUID(int=1), channel=Channel.SESSION, scopes=frozenset(Scope), session_id="s")
READER = Principal(person_id=UUID(int=1), channel=Channel.TOKEN, scopes=frozenset({Scope.READ}))
AUDITOR = Principal(person_id=UUID(int=1), channel=Channel.TOKEN, scopes=frozenset({Scope.AUDIT}))
OPERATOR = dataclasses.replace(PERSON, is_operator=True)
BLOCK = BlockFact(reason="shared the weights", since=START, until=None)


def requirement(slug: str = "tarn", *, accepted: bool, number: str = "1.1") -> Requirement:
    return Requirement(
        license_version_id=UUID(int=hash(slug) % 2**64 + 1),
        slug=slug,
        title=slug.title(),
        number=number,
        acceptance_id=UUID(int=7) if accepted else None,
        accepted_at=START if accepted else None,
    )


def known(*, source: str | None = None, **changes: Any) -> Requirement:
    """A license that is not accepted, of which an earlier version was."""
    earlier = Earlier(**{"number": "1.0", "accepted_at": START, "withdrawn_at": None, **changes})
    return dataclasses.replace(requirement(accepted=False), earlier=earlier, source=source)


def facts(**changes: Any) -> Facts:
    given_: dict[str, Any] = {
        "principal": PERSON,
        "model_id": UUID(int=2),
        "publisher": "quarry",
        "model": "quarry-15b",
        "mode": GateMode.AUTO,
        "requirements": (requirement(accepted=True),),
    }
    return Facts(**{**given_, **changes})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"principal": READER}, None),
        ({"requirements": ()}, None),
        ({"requirements": (), "principal": ANONYMOUS}, None),
        ({"requirements": (), "principal": AUDITOR}, "scope-missing"),
        ({"requirements": (), "principal": ANONYMOUS, "mode": GateMode.MANUAL}, "sign-in-needed"),
        ({"requirements": (), "mode": GateMode.MANUAL}, "review-needed"),
        ({"requirements": (), "mode": GateMode.CLOSED}, "gate-closed"),
        ({"requirements": (), "block": BLOCK}, "access-blocked"),
        ({"principal": ANONYMOUS}, "sign-in-needed"),
        ({"principal": AUDITOR}, "scope-missing"),
        ({"block": BLOCK}, "access-blocked"),
        ({"block": BLOCK, "principal": READER}, "access-blocked"),
        ({"mode": GateMode.CLOSED}, "gate-closed"),
        ({"mode": GateMode.MANUAL}, "review-needed"),
        ({"requirements": (requirement(accepted=False),)}, "license-not-accepted"),
        ({"requirements": (requirement(accepted=False),), "principal": OPERATOR}, "license-not-accepted"),
        (
            {"requirements": (requirement(accepted=True), requirement("moor", accepted=False))},
            "license-not-accepted",
        ),
        ({"requirements": (known(),)}, "acceptance-outdated"),
        ({"requirements": (known(withdrawn_at=START),)}, "acceptance-withdrawn"),
        ({"requirements": (known(is_cover=True),)}, "acceptance-outdated"),
        ({"requirements": (known(is_cover=True, withdrawn_at=START),)}, "license-not-accepted"),
        ({"requirements": (known(source="quarry/base"),)}, "license-not-accepted"),
    ],
)
def test_the_verdict_by_cases(changes: dict[str, Any], code: str | None) -> None:
    verdict = decide(facts(**changes))
    assert (verdict.refusal.code if isinstance(verdict, Denial) else None) == code


def test_a_permit_names_the_acceptances_it_rests_on() -> None:
    verdict = decide(facts())
    assert isinstance(verdict, Permit)
    assert verdict.acceptance_ids == (UUID(int=7),)
    assert all(reason.met for reason in verdict.reasons)


def test_the_refusal_of_a_missing_license_leads_to_its_page() -> None:
    verdict = decide(facts(requirements=(requirement("tarn+x", accepted=False, number="1.1 b"),)))
    assert isinstance(verdict, Denial)
    assert verdict.refusal.remedy is not None
    assert verdict.refusal.remedy.url == "/quarry/quarry-15b/accept?license=tarn%2Bx@1.1%20b"


principals = st.builds(
    lambda person, channel, scopes, operator: Principal(
        person_id=person, channel=channel, scopes=scopes, is_operator=operator
    ),
    person=st.none() | st.uuids(),
    channel=st.sampled_from(Channel),
    scopes=st.frozensets(st.sampled_from(Scope)),
    operator=st.booleans(),
)
requirements = st.builds(
    lambda version, slug, acceptance: Requirement(
        license_version_id=version,
        slug=slug,
        title=slug.title(),
        number="1.0",
        acceptance_id=acceptance,
        accepted_at=START if acceptance else None,
    ),
    version=st.uuids(),
    slug=st.sampled_from(("tarn", "moor", "beck")),
    acceptance=st.none() | st.uuids(),
)
earliers = st.builds(
    Earlier,
    number=st.just("0.9"),
    accepted_at=st.just(START),
    withdrawn_at=st.none() | st.just(START),
    is_cover=st.booleans(),
)
all_facts = st.builds(
    Facts,
    principal=principals,
    model_id=st.uuids(),
    publisher=st.just("quarry"),
    model=st.just("quarry-15b"),
    mode=st.sampled_from(GateMode),
    requirements=st.lists(requirements, max_size=4).map(tuple),
    block=st.none() | st.just(BLOCK),
    contact=st.sampled_from(("", "help@quarry.example")),
)


def permitted(given_: Facts) -> bool:
    return isinstance(decide(given_), Permit)


@given(all_facts, st.data())
def test_taking_an_acceptance_away_never_opens(given_: Facts, data: st.DataObject) -> None:
    if not given_.requirements:
        return
    place = data.draw(st.integers(0, len(given_.requirements) - 1))
    less = list(given_.requirements)
    less[place] = dataclasses.replace(less[place], acceptance_id=None, accepted_at=None)
    after = dataclasses.replace(given_, requirements=tuple(less))
    assert not permitted(after)


@given(all_facts, requirements, st.integers(0, 4))
def test_adding_a_requirement_never_opens(given_: Facts, more: Requirement, place: int) -> None:
    longer = (*given_.requirements[:place], more, *given_.requirements[place:])
    if permitted(dataclasses.replace(given_, requirements=longer)):
        assert permitted(given_)


@given(all_facts)
def test_a_block_always_closes(given_: Facts) -> None:
    assert not permitted(dataclasses.replace(given_, block=BLOCK))


@given(all_facts, st.sampled_from((GateMode.MANUAL, GateMode.CLOSED)))
def test_a_gate_that_is_not_open_lets_nobody_through(given_: Facts, mode: GateMode) -> None:
    assert not permitted(dataclasses.replace(given_, mode=mode))


@given(all_facts, earliers)
def test_what_only_explains_never_decides(given_: Facts, earlier: Earlier) -> None:
    told = tuple(dataclasses.replace(one, earlier=earlier) for one in given_.requirements)
    assert permitted(given_) == permitted(dataclasses.replace(given_, requirements=told, contact="x"))


@given(all_facts)
def test_being_an_operator_opens_nothing(given_: Facts) -> None:
    plain = dataclasses.replace(given_, principal=dataclasses.replace(given_.principal, is_operator=False))
    assert permitted(given_) == permitted(plain)


@given(all_facts)
def test_fewer_scopes_or_no_person_never_open(given_: Facts) -> None:
    weaker = dataclasses.replace(given_.principal, scopes=frozenset())
    if permitted(dataclasses.replace(given_, principal=weaker)):
        assert permitted(given_)
    nobody = dataclasses.replace(given_, principal=ANONYMOUS)
    assert not permitted(nobody) or (not given_.requirements and given_.mode is GateMode.AUTO)


@given(all_facts)
def test_a_permit_rests_on_an_acceptance_of_every_requirement(given_: Facts) -> None:
    verdict = decide(given_)
    if isinstance(verdict, Permit):
        assert len(verdict.acceptance_ids) == len(given_.requirements)
        assert verdict.model_id == given_.model_id
        assert verdict.principal == given_.principal


@given(all_facts)
def test_every_denial_says_what_to_do_and_agrees_with_its_reasons(given_: Facts) -> None:
    verdict = decide(given_)
    if isinstance(verdict, Permit):
        return
    refusal = verdict.refusal
    assert refusal.status in {401, 403}
    assert refusal.title
    assert refusal.detail
    assert refusal.decider
    assert refusal.remedy is not None
    assert refusal.remedy.text
    assert refusal.remedy.url is not None
    assert refusal.remedy.url.startswith("/")
    unmet = [reason for reason in verdict.reasons if not reason.met]
    order = list(ReasonCode)
    assert unmet
    assert [order.index(reason.code) for reason in verdict.reasons] == sorted(
        order.index(reason.code) for reason in verdict.reasons
    )
    if unmet[0].code is ReasonCode.SIGNED_IN:
        assert refusal.status == 401


@pytest.mark.parametrize(
    ("reason", "until", "oneself", "fields"),
    [
        ("shared the weights", None, False, set()),
        ("shared the weights", START + timedelta(days=1), False, set()),
        ("", None, False, {"reason"}),
        ("   ", None, False, {"reason"}),
        ("x" * 301, None, False, {"reason"}),
        ("two\nlines", None, False, {"reason"}),
        ("turned \u202e round", None, False, {"reason"}),
        ("fine", START, False, {"until"}),
        ("fine", START - timedelta(days=1), False, {"until"}),
        ("fine", None, True, {"email"}),
        ("", START, True, {"reason", "until", "email"}),
    ],
)
def test_a_block_has_a_reason_an_end_in_the_future_and_another_person(
    reason: str, until: Any, oneself: bool, fields: set[str]
) -> None:
    refusal = judge_block(reason, until, now=START, oneself=oneself)
    assert set(refusal.errors if refusal else {}) == fields
