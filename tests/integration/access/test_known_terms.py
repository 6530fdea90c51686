"""Whoever has to accept changed terms is told what changed, in figures and with the way to the comparison."""

import io
from argparse import Namespace
from contextlib import redirect_stdout
from datetime import timedelta
from typing import Any, Self

import msgspec
import pytest

from registry import identity
from registry.access.api import DecisionOut, TermsChangedOut
from registry.cli import models
from registry.client.wire import Fields
from registry.kernel.database import Database
from tests.clock import SettableClock
from tests.integration.access.changing import TEXT_30, Gate, changing_gate
from tests.integration.access.test_service_accounts import account_of
from tests.world import BASE_URL


@pytest.fixture
def gate(database: Database, clock: SettableClock) -> Gate:
    return changing_gate(database, clock)


def changes_of(told: DecisionOut) -> TermsChangedOut | None:
    (reason,) = (one for one in told.reasons if one.code == "license-accepted")
    return reason.changes


ONE_TO_THREE = TermsChangedOut(
    slug="sample-openrail-m",
    old="1.0",
    new="3.0",
    change_class="material",  # type: ignore[arg-type] # as it is on the wire
    changed=1,
    added=1,
    removed=1,
    reworded=0,
    url=f"{BASE_URL}/licenses/sample-openrail-m/compare?from=1.0&to=3.0",
)


def test_the_figures_are_told_while_time_is_left_and_after_it(gate: Gate, clock: SettableClock) -> None:
    anna = gate.world.person("anna@uni.example")
    gate.accept(anna)
    assert changes_of(gate.told(anna)) is None
    gate.require("2.0")
    gate.require("3.0")
    in_time = gate.told(anna)
    assert in_time.permitted
    assert in_time.until is not None
    assert changes_of(in_time) == ONE_TO_THREE
    clock.advance(timedelta(days=31))
    late = gate.told(anna)
    assert (late.permitted, late.code) == (False, "acceptance-outdated")
    assert changes_of(late) == ONE_TO_THREE
    assert late.detail.endswith("Clauses since 1.0: 1 changed, 1 new, 1 removed.")
    gate.accept(anna)
    assert changes_of(gate.told(anna)) is None


def test_newcomers_are_told_of_no_change(gate: Gate) -> None:
    gate.accept(gate.world.person("anna@uni.example"))
    gate.require("2.0")
    told = gate.told(gate.world.person("noor@uni.example"))
    assert (told.code, changes_of(told)) == ("license-not-accepted", None)


def test_who_was_covered_is_told_what_changed_since_the_cover(gate: Gate, clock: SettableClock) -> None:
    member = gate.scene.join()
    gate.scene.accept()
    gate.require("3.0")
    covered = gate.told(member)
    assert (covered.permitted, changes_of(covered)) == (True, ONE_TO_THREE)
    clock.advance(timedelta(days=31))
    late = gate.told(member)
    assert (late.code, changes_of(late)) == ("acceptance-outdated", ONE_TO_THREE)
    assert late.title == "Sample OpenRAIL-M 3.0 is needed; your organisation accepted 1.0"


def test_a_cover_that_was_taken_back_is_not_called_an_own_withdrawal(
    gate: Gate, clock: SettableClock
) -> None:
    member = gate.scene.join()
    cover = gate.scene.accept()
    gate.world.withdraw(gate.scene.officer, cover.id)
    clock.advance(timedelta(days=15))
    told = gate.told(member)
    assert (told.code, changes_of(told)) == ("license-not-accepted", None)
    (reason,) = (one for one in told.reasons if one.code == "license-accepted")
    assert reason.detail == "Your organisation withdrew its acceptance of 1.0."


def test_a_cover_whose_organisation_proves_its_domain_no_more_is_not_called_outdated(
    gate: Gate, clock: SettableClock
) -> None:
    member = gate.scene.join()
    gate.scene.accept()
    clock.advance(timedelta(days=400))
    told = gate.told(member)
    assert (told.code, changes_of(told)) == ("license-not-accepted", None)


def test_an_officers_act_for_the_organisation_is_not_told_as_their_own(gate: Gate) -> None:
    gate.accept(gate.scene.officer)
    gate.require("2.0", days=0)
    gate.scene.accept()
    gate.require("3.0", days=0)
    told = gate.told(gate.scene.officer)
    assert told.title == "Sample OpenRAIL-M 3.0 is needed; you accepted 1.0"


def test_a_service_account_is_told_what_changed_since_its_organisations_acceptance(gate: Gate) -> None:
    _, token = account_of(gate.scene)
    gate.scene.accept()
    gate.require("3.0", days=0)
    account = gate.world.read(identity.authenticate_token, token=token, now=gate.world.now)
    told = gate.told(account)
    assert (told.code, changes_of(told)) == ("service-account-not-covered", ONE_TO_THREE)


def test_an_editorial_version_changes_nothing_and_is_not_told(gate: Gate) -> None:
    anna = gate.world.person("anna@uni.example")
    gate.require("3.0")
    gate.accept(anna)
    gate.world.license("3.0.1", TEXT_30.replace(b"3.0", b"3.0.1"), "editorial")
    gate.require("3.0.1")
    told = gate.told(anna)
    assert (told.permitted, told.until, changes_of(told)) == (True, None, None)


def test_the_command_line_says_it_with_the_address(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    anna = gate.world.person("anna@uni.example")
    gate.accept(anna)
    gate.require("3.0", days=0)

    class Registry:
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            return None

        def explain(self, *_: Any, **__: Any) -> Fields:
            return Fields(msgspec.to_builtins(gate.told(anna)), where="the answer")

    monkeypatch.setattr(models, "connected", lambda _url: Registry())
    monkeypatch.setattr(models, "choose_registry", lambda _args: BASE_URL)
    out = io.StringIO()
    with redirect_stdout(out):
        assert models.explain(Namespace(model="quarry/quarry-15b", json=False, person=None)) == 0
    said = "what changed since 1.0 (material): 1 changed, 1 new, 1 removed"
    assert f"{said} {BASE_URL}/licenses/sample-openrail-m/compare?from=1.0&to=3.0" in out.getvalue()
