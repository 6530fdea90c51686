"""A base's license comes with every model made from it, over generations, whatever a later card says (G9, P1, P2)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from registry import access, catalog
from registry.catalog import fsck, lineage
from registry.delivery.domain import FileRefused, UrlIssued
from registry.identity.domain import ANONYMOUS, Principal
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from tests.clock import SettableClock
from tests.world import World

BASE = "quarry/quarry-15b"


@pytest.fixture
def world(database: Database, clock: SettableClock) -> World:
    return World(database=database, clock=clock)


def derive(world: World, owner: Principal, name: str, *bases: str, **changes: Any) -> Any:
    """Publish a model without a license of its own whose card names these bases."""
    publisher = world.read(catalog.find_publisher, name="quarry")
    listed = "".join(f"- {base}\n" for base in bases)
    stated = f"base_model:\n{listed}base_model_relation: finetune\n" if bases else ""
    card = f"---\nlicense: other\n{stated}---\n# {name}\n".encode()
    weights = changes.pop("files", {"model.safetensors": b"\x00\x01" + name.encode() * 2000})
    files = {"README.md": card, **weights}
    return world.release(owner, publisher, name=name, requires=(), files=files, **changes)


def code(world: World, who: Principal, model: Any) -> str | None:
    verdict = world.decide(who, model)
    return None if isinstance(verdict, access.Permit) else verdict.refusal.code


def remove(world: World, who: Principal, name: str, **changes: Any) -> Any:
    given = {"base": BASE, "reason": "The card was wrong: trained anew.", **changes}
    return world.write(
        lineage.remove_base, publisher="quarry", name=name, principal=who, now=world.now, **given
    )


def test_the_license_of_a_base_is_asked_for_over_generations_and_named(world: World) -> None:
    base = world.gated_model()
    owner, person = world.person("owner@quarry.example"), world.person()
    child = derive(world, owner, "slate", "Quarry/Quarry-15b", "elsewhere/unknown")
    grandchild = derive(world, owner, "marl", "quarry/slate")
    assert code(world, ANONYMOUS, grandchild) == "sign-in-needed"
    for model in (child, grandchild):
        verdict = world.decide(person, model)
        assert verdict.refusal.code == "license-not-accepted"
        assert verdict.refusal.remedy.url == f"/{model.repo_id}/accept?license=sample-openrail-m@1.0"
        assert f"comes with the base {BASE}" in verdict.refusal.detail
        assert verdict.reasons[-1].inherited_from == BASE
        assert isinstance(world.resolve(person, model=model.name), FileRefused)
    accepted = world.accept(person, base)
    for model in (child, grandchild):
        assert world.decide(person, model).acceptance_ids == (accepted.id,)
        assert isinstance(world.resolve(person, model=model.name), UrlIssued)
    world.withdraw(person, accepted.id)
    assert isinstance(world.resolve(person, model="marl"), FileRefused)
    assert list(world.read(fsck.find_discrepancies)) == []


def test_weights_of_a_derivative_take_its_license_along(world: World) -> None:
    """The same bytes elsewhere: refused without the base, and under another publisher; taken with it (G9)."""
    world.gated_model()
    owner = world.person("owner@quarry.example")
    derive(world, owner, "slate", BASE)
    weights = {"model.safetensors": b"\x00\x01" + b"slate" * 2000}
    with pytest.raises(AssertionError, match="weights-gated-elsewhere"):
        derive(world, owner, "free", files=weights)
    again = derive(world, owner, "again", "quarry/slate", files=weights)
    assert code(world, world.person(), again) == "license-not-accepted"
    world.clock.advance(timedelta(minutes=1))
    fresh = replace(owner, signed_in_at=world.now)
    refused = remove(world, fresh, "again", base="quarry/slate")
    assert refused.code == "weights-gated-elsewhere"
    assert code(world, world.person(), again) == "license-not-accepted"


def test_a_card_without_its_base_does_not_escape_a_maintainer_can_take_it_out(world: World) -> None:
    world.gated_model()
    owner, person = world.person("owner@quarry.example"), world.person()
    derive(world, owner, "slate", BASE)
    marl = derive(world, owner, "marl", "quarry/slate")
    slate = derive(world, owner, "slate")
    assert code(world, person, slate) == "license-not-accepted"
    stale = Principal(person_id=owner.person_id, channel=owner.channel, scopes=owner.scopes)
    assert remove(world, stale, "slate").code == "fresh-sign-in-needed"
    assert remove(world, person, "slate").status == 403
    assert remove(world, owner, "slate", reason="  ").status == 422
    assert remove(world, owner, "slate", base="quarry/marl").code == "no-such-base"
    assert code(world, person, slate) == "license-not-accepted"
    assert remove(world, owner, "slate") == []
    assert code(world, person, slate) is None
    assert code(world, person, marl) is None
    assert list(world.read(fsck.find_discrepancies)) == []
    derive(world, owner, "slate", BASE)
    assert code(world, person, marl) == "license-not-accepted"


def test_a_base_that_becomes_private_still_asks_and_is_not_named(world: World) -> None:
    world.gated_model()
    owner, person = world.person("owner@quarry.example"), world.person()
    slate = derive(world, owner, "slate", BASE)

    def hide(session: Any) -> None:
        session.connection().exec_driver_sql(
            "UPDATE model SET private = NOT private WHERE name = 'quarry-15b'"
        )

    world.database.write_now(hide)
    verdict = world.decide(person, slate)
    assert verdict.refusal.code == "license-not-accepted"
    assert "quarry-15b" not in str(verdict)
    found = world.read(lineage.find_recorded_bases, publisher="quarry", name="slate", principal=person)
    assert [base.shown_name for base in found] == [None]


def test_no_two_models_are_made_from_each_other(world: World) -> None:
    world.gated_model()
    owner = world.person("owner@quarry.example")
    derive(world, owner, "slate", BASE)
    derive(world, owner, "marl", "quarry/slate")
    with pytest.raises(AssertionError, match="lineage-circular"):
        derive(world, owner, "slate", "quarry/marl")
    assert (
        world.read(lambda session: lineage.list_bases(session, world.model(owner, name="slate").id))[
            0
        ].repo_id
        == BASE
    )


def test_what_was_taken_out_behind_our_back_is_named(world: World) -> None:
    world.gated_model()
    owner = world.person("owner@quarry.example")
    derive(world, owner, "slate", BASE)
    world.database.write_now(
        lambda session: session.connection().exec_driver_sql("DELETE FROM model_lineage") and None
    )
    assert [found.table for found in world.read(lambda s: list(fsck.find_discrepancies(s)))] == [
        "model_lineage"
    ]
    assert not isinstance(
        world.read(lineage.find_recorded_bases, publisher="quarry", name="slate", principal=owner), Refusal
    )
