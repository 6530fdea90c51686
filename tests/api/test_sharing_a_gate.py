"""One gate for many models: stated, confirmed, logged; acceptances and grants open all of them."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from registry import access, catalog
from registry.access.domain import Denial, Permit
from registry.catalog.domain import GateMode, ModelView
from registry.catalog.tables import Model
from registry.identity.domain import Principal
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from tests.api.conftest import Site
from tests.clock import SettableClock
from tests.integration.access.covers import cover_scene
from tests.world import WEIGHTS, World

GATE = "/quarry/second/gate"
SHARING = f"{GATE}/sharing"


@pytest.fixture
def owner(world: World) -> Principal:
    """Two models, each behind a gate of its own that asks for the same license."""
    world.gated_model()
    owner = world.person("owner@quarry.example")
    world.release(owner, world.read(catalog.find_publisher, name="quarry"), name="second")
    return owner


def second(world: World, owner: Principal) -> ModelView:
    return world.model(owner, name="second")


def move(world: World, owner: Principal, target: str | None, **given: Any) -> Any:
    asked = {"publisher": "quarry", "name": "second", "target": target, "principal": owner, "now": world.now}
    return world.write(catalog.move_model, **{**asked, **given})


def found(world: World) -> list[Any]:
    world.integrate()
    return list(world.read(lambda session: list(catalog.find_discrepancies(session))))


async def test_a_move_states_who_gains_and_loses_and_happens_once_confirmed(
    site: Site, owner: Principal
) -> None:
    world = site.world
    first, both, alone = (world.person(f"{name}@lab.example") for name in ("first", "both", "alone"))
    for person in (first, both):
        world.accept(person, world.model(owner))
    for person in (both, alone):
        world.accept(person, second(world, owner))
    browser = site.browser(owner)
    assert "quarry/quarry-15b</option>" in await browser.page(GATE)
    stated = await browser.post(SHARING, seen_on=GATE, target="quarry/quarry-15b", do="preview")
    assert stated.status_code == 200
    assert "1 person may download as before" in stated.text
    assert "1 person cannot download it any more" in stated.text
    assert "1 person may download at once" in stated.text
    assert second(world, owner).gate.id != world.model(owner).gate.id
    fields = dict(
        re.findall(
            r'type="hidden" name="([a-z_]+)" value="([^"]*)"', stated.text[stated.text.rindex("<form") :]
        )
    )
    late = {**fields, "revision": "9"}
    token = unescape(late.pop("_csrf"))
    assert (await browser.post(SHARING, seen_on=GATE, token=token, **late, do="confirm")).status_code == 409
    fields.pop("_csrf")
    answer = await browser.post(SHARING, seen_on=GATE, token=token, **fields, do="confirm")
    assert (answer.status_code, answer.headers["location"]) == (303, GATE)
    moved = second(world, owner)
    assert moved.gate.id == world.model(owner).gate.id
    assert isinstance(world.decide(first, moved), Permit)
    assert isinstance(world.decide(alone, moved), Denial)
    shown = await browser.page("/quarry/quarry-15b/gate")
    assert 'href="/quarry/second"' in shown
    assert found(world) == []
    # What was accepted at the gate that the model left stays in the publisher's register.
    register = await browser.page("/manage/quarry/acceptances", search="alone@lab.example")
    assert "1 record that fit the filters" in register


async def test_the_effect_counts_members_under_a_cover_and_nobody_who_is_blocked(
    site: Site, database: Database, clock: SettableClock
) -> None:
    scene = cover_scene(database, clock, world=site.world)
    world, owner = site.world, site.world.person("owner@quarry.example")
    world.release(owner, world.read(catalog.find_publisher, name="quarry"), name="second")
    scene.accept()
    scene.join()
    barred, alone = world.person("barred@lab.example"), world.person("alone@lab.example")
    for person in (barred, alone):
        world.accept(person, scene.model)
    world.write(
        access.block_person,
        publisher="quarry",
        person_id=barred.person_id,
        reason="misuse",
        until=None,
        principal=owner,
        now=world.now,
    )
    browser = site.browser(owner)
    away = "/quarry/quarry-15b/gate"
    stated = await browser.post(f"{away}/sharing", seen_on=away, target="quarry/second", do="preview")
    assert "3 people cannot download it any more" in stated.text
    assert "0 people may download as before" in stated.text
    joins = await browser.post(SHARING, seen_on=GATE, target="quarry/quarry-15b", do="preview")
    assert "3 people may download at once" in joins.text


def test_one_acceptance_opens_all_and_a_gate_of_its_own_starts_anew(world: World, owner: Principal) -> None:
    assert not isinstance(move(world, owner, "quarry/quarry-15b"), Refusal)
    person = world.person()
    world.accept(person, second(world, owner))
    for model in (world.model(owner), second(world, owner)):
        assert isinstance(world.decide(person, model), Permit)
    shared = second(world, owner).gate
    parted = move(world, owner, None)
    own = parted.gate
    assert own.id != shared.id
    assert (own.number, own.mode, own.license_version_ids) == (1, shared.mode, shared.license_version_ids)
    assert (own.form_digest, own.review, own.prerequisites) == (
        shared.form_digest,
        shared.review,
        shared.prerequisites,
    )
    assert isinstance(world.decide(person, world.model(owner)), Permit)
    assert isinstance(world.decide(person, parted), Denial)
    assert move(world, owner, None).code == "gate-not-shared"
    assert found(world) == []


def test_a_model_that_was_moved_behind_our_back_is_found(world: World, owner: Principal) -> None:
    before = second(world, owner).gate.id
    moved = move(world, owner, "quarry/quarry-15b")
    world.write(
        lambda session: session.exec(update(Model).where(col(Model.id) == moved.id).values(gate_id=before))
    )
    assert [(one.table, one.row_id) for one in found(world)] == [("model", str(moved.id))]


def test_who_may_move_a_model_and_whither(world: World, owner: Principal) -> None:
    stranger = world.person("stranger@lab.example")
    assert move(world, stranger, "quarry/quarry-15b", principal=stranger).code == "role-missing"
    old = world.now - timedelta(hours=2)
    assert move(world, owner, "quarry/quarry-15b", principal=replace(owner, signed_in_at=old)).code == (
        "fresh-sign-in-needed"
    )
    assert move(world, owner, "quarry/second").code == "gate-shared-already"
    world.publisher(stranger, "other")
    theirs = world.release(stranger, world.read(catalog.find_publisher, name="other"), name="third")
    assert move(world, owner, theirs.repo_id).code == "gate-of-another-publisher"
    assert move(world, owner, "quarry/none").code == "model-not-found"
    assert found(world) == []


def test_weights_do_not_slip_behind_a_looser_gate(world: World, owner: Principal) -> None:
    publisher = world.read(catalog.find_publisher, name="quarry")
    world.release(owner, publisher, name="open", requires=())
    copy = {"model.safetensors": WEIGHTS + b"second"}
    world.release(owner, publisher, name="copy", files=copy)
    refused = move(world, owner, "quarry/open")
    assert refused.code == "weights-gated-elsewhere"
    # Nothing else holds these bytes: a maintainer may open them, as by changing the gate.
    assert not isinstance(move(world, owner, "quarry/open", name="quarry-15b"), Refusal)
    assert world.model(owner).gate.mode is GateMode.AUTO
    anybody = world.person("anybody@lab.example")
    assert isinstance(world.decide(anybody, world.model(owner)), Permit)
