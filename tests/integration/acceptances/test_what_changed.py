"""The acceptance page shows what changed since this person's last acceptance, and since no other."""

from datetime import timedelta

import pytest

from registry import catalog
from registry.acceptances.accept_page import ShownText
from registry.identity import organisations
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from tests.clock import SettableClock
from tests.integration.access.changing import Gate, changing_gate


@pytest.fixture
def gate(database: Database, clock: SettableClock) -> Gate:
    return changing_gate(database, clock)


def said(text: ShownText) -> tuple[str | None, str]:
    return text.earlier.number if text.earlier else None, text.earlier_says


def test_who_accepted_nothing_is_shown_no_change(gate: Gate) -> None:
    gate.accept(gate.world.person("anna@uni.example"))
    gate.require("2.0")
    assert said(gate.shown(gate.world.person("noor@uni.example"))) == (None, "")


def test_who_skipped_a_version_is_shown_what_changed_since_their_own(gate: Gate) -> None:
    anna = gate.world.person("anna@uni.example")
    gate.accept(anna)
    gate.require("2.0")
    gate.require("3.0")
    assert said(gate.shown(anna)) == ("1.0", "You accepted Sample OpenRAIL-M 1.0 before.")


def test_the_newest_of_several_own_acceptances_counts(gate: Gate, clock: SettableClock) -> None:
    anna = gate.world.person("anna@uni.example")
    gate.accept(anna)
    gate.require("2.0")
    clock.advance(timedelta(minutes=1))
    gate.accept(anna)
    gate.require("3.0")
    assert said(gate.shown(anna))[0] == "2.0"


def test_what_an_officer_accepted_for_the_organisation_is_not_their_own(gate: Gate) -> None:
    gate.accept(gate.scene.officer)
    gate.require("2.0")
    gate.scene.accept()
    gate.require("3.0")
    assert said(gate.shown(gate.scene.officer))[0] == "1.0"


def test_for_the_organisation_its_own_acceptance_counts_whichever_officer_made_it(gate: Gate) -> None:
    gate.scene.accept()
    gate.require("2.0")
    gate.accept(gate.scene.officer)
    gate.require("3.0")
    shown = gate.shown(gate.scene.officer, organisation=True)
    assert said(shown) == ("1.0", "Nordlab Institute accepted Sample OpenRAIL-M 1.0 before.")


def test_who_was_covered_is_shown_what_changed_since_the_cover(gate: Gate) -> None:
    member = gate.scene.join()
    gate.scene.accept()
    gate.require("2.0")
    assert said(gate.shown(member)) == ("1.0", "Nordlab Institute accepted Sample OpenRAIL-M 1.0 before.")
    assert said(gate.shown(gate.world.person("noor@else.example"))) == (None, "")


def test_an_own_acceptance_counts_before_a_newer_cover(gate: Gate, clock: SettableClock) -> None:
    member = gate.scene.join()
    gate.accept(member)
    gate.require("2.0")
    clock.advance(timedelta(minutes=1))
    gate.scene.accept()
    gate.require("3.0")
    assert said(gate.shown(member))[0] == "1.0"


def test_what_was_taken_back_counts_where_nothing_else_stands(gate: Gate, clock: SettableClock) -> None:
    anna = gate.world.person("anna@uni.example")
    first = gate.accept(anna)
    gate.require("2.0")
    clock.advance(timedelta(minutes=1))
    second = gate.accept(anna)
    gate.world.withdraw(anna, second.id)
    assert said(gate.shown(anna)) == ("1.0", "You accepted Sample OpenRAIL-M 1.0 before.")
    gate.world.withdraw(anna, first.id)
    assert said(gate.shown(anna)) == (None, ""), "the same text was accepted last, and taken back"
    gate.require("3.0")
    assert said(gate.shown(anna)) == ("2.0", "You accepted Sample OpenRAIL-M 2.0 before, and took it back.")


def test_what_was_accepted_at_another_gate_is_not_compared(gate: Gate) -> None:
    world, anna = gate.world, gate.world.person("anna@uni.example")
    owner = world.person("owner@quarry.example")
    publisher = world.read(catalog.find_publisher, name="quarry")
    world.release(owner, publisher, name="pebble", requires=("sample-openrail-m@2.0",))
    gate.accept(anna)
    assert said(gate.shown(anna, model="pebble")) == (None, "")


def test_a_member_who_left_is_shown_nothing_of_the_organisation(gate: Gate) -> None:
    member = gate.scene.join()
    gate.scene.accept()
    gate.require("2.0")
    ended = gate.world.write(
        organisations.end_membership,
        organisation_id=gate.scene.organisation.id,
        person_id=member.person_id,
        principal=member,
        now=gate.world.now,
    )
    assert not isinstance(ended, Refusal), ended
    assert said(gate.shown(member)) == (None, "")
