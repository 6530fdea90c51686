"""Covers, and who held access when, at a gate that takes only what its acceptor has signed; SQLite and PostgreSQL."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from registry import access
from registry.acceptances import accepting
from registry.acceptances.accepting import Texts
from registry.acceptances.acts import Act
from registry.acceptances.declaration import OwnAct
from registry.acceptances.domain import Capacity, Grade
from registry.acceptances.statement import OwnSignature
from registry.acceptances.words import Way
from registry.access import past
from registry.identity.domain import Principal
from registry.kernel.database import Database
from tests.clock import SettableClock
from tests.integration.access.covers import OUTSIDER, Scene, cover_scene
from tests.integration.access.test_prerequisites import ask_beforehand
from tests.world import BASE_URL


@pytest.fixture
def scene(database: Database, clock: SettableClock) -> Scene:
    return cover_scene(database, clock)


def accept_signed(scene: Scene, who: Principal, **changes: Any) -> Any:
    """What comes of accepting with a signature that was checked and stands."""
    world = scene.world
    act = Act(
        command=world.act(who, scene.model, **changes),
        principal=who,
        model=scene.model,
        issuer=BASE_URL,
        sign=world.sign,
        sealer=world.sealer,
        now=world.now,
        own=OwnAct(way=Way.PASSKEY),
    )
    declared = world.write(accepting.declare, acts=[act], texts=Texts())
    signature = OwnSignature(claim={"format": "a test"}, amr=("swk",))
    own = OwnAct(way=Way.PASSKEY, challenge=declared.challenge, check=lambda *_: signature)
    signed = replace(act, own=own, chosen=declared.challenge.parts[0])
    (outcome,) = world.write(accepting.accept_all, acts=[[signed]], texts=Texts())
    return outcome[0]


def for_all(scene: Scene) -> Capacity:
    return Capacity(organisation_id=scene.organisation.id, authorised=True, title="Head of research")


def demand_signature(scene: Scene) -> None:
    scene.model = ask_beforehand(scene.world, own_signature=True)


def held(scene: Scene, at: Any) -> dict[Any, list[Any]]:
    """Who held access then, with the acceptances that it rested on."""
    moment = scene.world.read(past.find_moment, model=scene.model, at=at)
    page = scene.world.read(past.list_holders_after, moment=moment, after=None)
    return {one.person_id: [used.id for used in one.acceptances] for one in (page[0] if page else ())}


def test_a_cover_that_its_officer_has_not_signed_stops_counting_for_everybody(scene: Scene) -> None:
    scene.accept()
    member = scene.join()
    assert (scene.code(member), scene.code(scene.officer)) == (None, None)
    demand_signature(scene)
    # A member has accepted nothing themself.
    assert scene.code(member) == "license-not-accepted"
    assert scene.code(scene.officer) is not None


def test_a_cover_that_is_signed_covers_members_and_nobody_else(scene: Scene) -> None:
    unsigned = scene.accept()
    member, outsider = scene.join(), scene.world.person(OUTSIDER)
    demand_signature(scene)
    assert scene.accept().code == "own-signature-required"
    signed = accept_signed(scene, scene.officer, capacity=for_all(scene))
    assert (unsigned.grade, signed.grade) == (Grade.VERIFIED_SIGN_IN, Grade.OWN_SIGNATURE)
    assert signed.organisation_id == scene.organisation.id
    assert scene.permit(member).acceptance_ids == (signed.id,)
    assert scene.code(outsider) == "license-not-accepted"
    scene.world.withdraw(scene.officer, signed.id)
    assert scene.code(member) == "license-not-accepted"


def test_a_members_own_signature_counts_beside_an_unsigned_cover(scene: Scene) -> None:
    scene.accept()
    member = scene.join()
    demand_signature(scene)
    own = accept_signed(scene, member)
    assert own.grade is Grade.OWN_SIGNATURE
    assert scene.permit(member).acceptance_ids == (own.id,)
    assert scene.code(scene.officer) == "license-not-accepted"


def test_a_member_who_signed_for_themself_binds_nobody_else(scene: Scene) -> None:
    member, other = scene.join(), scene.join("ada@nordlab.example")
    demand_signature(scene)
    accept_signed(scene, member)
    assert (scene.code(member), scene.code(other)) == (None, "license-not-accepted")


def test_a_signed_cover_ends_with_the_membership(scene: Scene) -> None:
    member = scene.join()
    demand_signature(scene)
    accept_signed(scene, scene.officer, capacity=for_all(scene))
    assert scene.code(member) is None
    stranger = scene.world.person(OUTSIDER)
    assert isinstance(scene.world.decide(stranger, scene.model), access.Denial)


def test_as_of_tells_when_a_signature_was_asked_for_and_by_which_acceptance_access_was_held(
    scene: Scene, clock: SettableClock
) -> None:
    world = scene.world
    mara, noor = (world.person(f"{name}@else.example") for name in ("mara", "noor"))
    plain = {one.person_id: world.accept(one, scene.model).id for one in (mara, noor)}
    before = world.now
    clock.advance(timedelta(hours=1))
    demand_signature(scene)
    asked = world.now
    clock.advance(timedelta(hours=1))
    signed = accept_signed(scene, mara)
    after = world.now
    clock.advance(timedelta(hours=1))
    world.withdraw(mara, signed.id)
    assert held(scene, before) == {one: [accepted] for one, accepted in plain.items()}
    assert held(scene, asked) == {}
    assert held(scene, after) == {mara.person_id: [signed.id]}
    assert held(scene, world.now) == {}
    moment = world.read(past.find_moment, model=scene.model, at=after)
    assert moment.gate.asks_signature
    assert moment.unknown == []


def test_as_of_names_covers_only_where_they_could_count(scene: Scene, clock: SettableClock) -> None:
    scene.accept()
    before = scene.world.now
    clock.advance(timedelta(hours=1))
    demand_signature(scene)
    asked = scene.world.now
    clock.advance(timedelta(hours=1))
    signed = accept_signed(scene, scene.officer, capacity=for_all(scene))

    def covers(at: Any) -> list[Any]:
        moment = scene.world.read(past.find_moment, model=scene.model, at=at)
        assert bool(moment.unknown) is bool(moment.covers)
        return [one.id for one in moment.covers]

    assert len(covers(before)) == 1
    assert covers(asked) == []
    assert covers(scene.world.now) == [signed.id]


def test_as_of_still_says_what_else_is_not_on_record(scene: Scene) -> None:
    scene.model = ask_beforehand(scene.world, own_signature=True, email=True)
    moment = scene.world.read(past.find_moment, model=scene.model, at=scene.world.now)
    assert "not on record" in moment.unknown[0]
