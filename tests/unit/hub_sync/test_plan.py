"""What is to be done at a Hub repository, case by case."""

from uuid import UUID

import pytest

from registry.hub_sync.domain import (
    Account,
    Actual,
    Applicant,
    Deed,
    Desired,
    Drift,
    HubGate,
    HubState,
    Person,
    Wish,
    fit_reason,
    merge,
    plan,
    strictest,
)

MARA = UUID(int=1)
NOOR = UUID(int=2)
MARA_AT_HUB = "a" * 24
PAGE = "https://registry.example/org/model"


def person(wish, who=MARA, subject=MARA_AT_HUB, name="mara", asks=False, **given):
    account = Account(person_id=who, subject=subject, name=name)
    return Person(id=who, wish=wish, accounts=(account,), asks=account if asks else None, **given)


def applicant(state, user_id=MARA_AT_HUB, name="mara", request_id="r1"):
    return Applicant(state=state, user_id=user_id, name=name, request_id=request_id)


def desired(*people, **given):
    given = {"repo_id": "hf/m", "page": PAGE, "settled": True, **given}
    return Desired(people=people, **given)


def actual(*applicants, gate=HubGate.MANUAL, repo_id="hf/m", revision=""):
    return Actual(repo_id=repo_id, gate=gate, revision=revision, applicants=applicants)


P, A, R = HubState.PENDING, HubState.ACCEPTED, HubState.REJECTED


@pytest.mark.parametrize(
    ("wish", "state", "deed"),
    [
        (Wish.PERMITTED, P, Deed.ACCEPT),
        (Wish.PERMITTED, A, None),
        (Wish.PERMITTED, R, Deed.ACCEPT),
        (Wish.WAITING, P, None),
        (Wish.WAITING, A, Deed.RESET),
        (Wish.WAITING, R, None),
        (Wish.SUPERSEDED, P, None),
        (Wish.SUPERSEDED, A, Deed.RESET),
        (Wish.SUPERSEDED, R, None),
        (Wish.SUSPENDED, P, None),
        (Wish.SUSPENDED, A, Deed.CANCEL),
        (Wish.SUSPENDED, R, None),
        (Wish.BARRED, P, Deed.REJECT),
        (Wish.BARRED, A, Deed.REJECT),
        (Wish.BARRED, R, None),
    ],
)
def test_what_the_registry_says_decides_about_an_applicant(wish, state, deed):
    found = plan(desired(person(wish)), actual(applicant(state)))
    assert [one.deed for one in found.actions] == ([deed] if deed else [])
    assert all(one.person_id == MARA for one in found.actions)


@pytest.mark.parametrize(("state", "deed"), [(P, None), (A, Deed.CANCEL), (R, None)])
def test_an_account_that_nobody_proved_waits_whoever_let_it_in(state, deed):
    found = plan(desired(), actual(applicant(state)))
    assert [one.deed for one in found.actions] == ([deed] if deed else [])
    drifts = [one.drift for one in found.noticed]
    assert drifts == ([Drift.GRANTED_OUTSIDE] if state is A else [])


def test_a_name_that_passed_to_another_account_gives_its_new_owner_nothing():
    other = applicant(P, user_id="b" * 24, name="mara")
    assert plan(desired(person(Wish.PERMITTED)), actual(other)).actions == ()


def test_a_renamed_account_is_known_by_its_id():
    (action,) = plan(desired(person(Wish.PERMITTED)), actual(applicant(P, name="mara-l"))).actions
    assert (action.deed, action.user, action.request_id) == (Deed.ACCEPT, "mara-l", "r1")


def test_a_name_alone_counts_only_where_the_list_tells_no_id_and_one_person_proved_it():
    nameless = applicant(P, user_id="")
    assert len(plan(desired(person(Wish.PERMITTED)), actual(nameless)).actions) == 1
    twice = desired(person(Wish.PERMITTED), person(Wish.PERMITTED, NOOR, "c" * 24, "Mara"))
    assert plan(twice, actual(nameless)).actions == ()


def test_a_hidden_requester_is_known_only_by_a_request_that_was_seen_before():
    hidden = applicant(P, user_id="", name="")
    assert plan(desired(person(Wish.PERMITTED)), actual(hidden)).actions == ()
    seen = desired(person(Wish.PERMITTED), request_ids={"r1": MARA})
    assert [one.deed for one in plan(seen, actual(hidden)).actions] == [Deed.ACCEPT]


@pytest.mark.parametrize("gate", [HubGate.OPEN, HubGate.AUTO])
def test_the_gate_is_closed_before_anything_else_and_said_to_be_flipped(gate):
    found = plan(
        desired(person(Wish.PERMITTED)), actual(applicant(P), applicant(A, "d" * 24, "eve", "r2"), gate=gate)
    )
    assert [one.deed for one in found.actions] == [Deed.CLOSE, Deed.CANCEL, Deed.ACCEPT]
    assert Drift.MODE_FLIPPED in [one.drift for one in found.noticed]


def test_before_the_first_settled_pass_nothing_counts_as_drift():
    found = plan(desired(settled=False), actual(applicant(A), gate=HubGate.OPEN))
    assert found.noticed == ()
    assert [one.deed for one in found.actions] == [Deed.CLOSE, Deed.CANCEL]


def test_somebody_who_never_applied_is_granted_only_with_their_consent():
    assert plan(desired(person(Wish.PERMITTED)), actual()).actions == ()
    (action,) = plan(desired(person(Wish.PERMITTED, asks=True)), actual()).actions
    assert (action.deed, action.user) == (Deed.GRANT, "mara")
    assert plan(desired(person(Wish.WAITING, asks=True)), actual()).actions == ()
    assert plan(desired(person(Wish.PERMITTED, asks=True)), actual(applicant(A))).actions == ()


@pytest.mark.parametrize(("state", "deeds"), [(A, [Deed.RESET]), (P, []), (R, [])])
def test_who_took_it_back_is_taken_off_the_list_before_anything_else_is_done(state, deeds):
    found = plan(desired(person(Wish.PERMITTED, leaves=True)), actual(applicant(state)))
    assert [one.deed for one in found.actions] == deeds
    assert all(one.reason.endswith(f"{PAGE}/hub") for one in found.actions)


def test_a_repository_of_another_name_lets_nobody_in_and_still_loses_whom_it_must():
    found = plan(
        desired(person(Wish.PERMITTED), person(Wish.BARRED, NOOR, "c" * 24, "noor")),
        actual(applicant(P), applicant(A, "c" * 24, "noor", "r2"), repo_id="hf/other"),
    )
    assert [one.deed for one in found.actions] == [Deed.REJECT]
    assert [one.drift for one in found.noticed] == [Drift.REPO_RENAMED]


def test_another_revision_is_told():
    found = plan(desired(revision="a" * 40), actual(revision="b" * 40))
    assert [one.drift for one in found.noticed] == [Drift.CARD_EDITED]
    assert found.is_settled


def test_models_of_a_group_count_as_one_and_the_strictest_decides():
    assert merge([{MARA: Wish.PERMITTED, NOOR: Wish.PERMITTED}, {MARA: Wish.SUPERSEDED}]) == {
        MARA: Wish.SUPERSEDED,
        NOOR: Wish.WAITING,
    }
    assert strictest([Wish.PERMITTED, Wish.BARRED]) is Wish.BARRED


def test_reasons_carry_the_address_and_fit_the_hub():
    (action,) = plan(desired(person(Wish.SUPERSEDED)), actual(applicant(A))).actions
    assert action.reason.endswith(PAGE)
    assert len(fit_reason("Accept the terms at https://r.example/" + "x" * 170)) <= 200
    assert "https://r.example/" in fit_reason("Accept the terms at https://r.example/" + "x" * 170)
