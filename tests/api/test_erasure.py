"""Asking to be erased, and what comes of it: waiting, taking back, refusing, handing over, being a stranger; both databases."""

import asyncio
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from registry import acceptances, access, catalog, identity
from registry.audit.service import find_discrepancies
from registry.catalog.domain import Role
from registry.delivery import erasing, holds
from registry.identity import erasures
from registry.identity.domain import Principal
from registry.identity.erasure_domain import PAGE, ErasureState, ErasureView
from registry.kernel.outcomes import Refusal
from tests.api.conftest import Site
from tests.api.test_erased_traces import ask, desk, places_of, run_due
from tests.api.test_requests import owner
from tests.clock import SettableClock
from tests.world import BASE_URL, World

__all__ = ["owner"]


def erase(world: World, person: Principal, *, by_operator: bool = True) -> Any:
    return world.write(erasing.erase, desk=desk(world), person_id=person.person_id, by_operator=by_operator)


async def test_asking_waits_and_is_taken_back(site: Site, owner: Principal, clock: SettableClock) -> None:
    world = site.world
    anna = world.person("anna@uni.example")
    browser = site.browser(anna)
    answer = await browser.post(PAGE, seen_on=PAGE)
    assert (answer.status_code, "Tick the box" in answer.text) == (422, True)
    assert (await browser.post(PAGE, seen_on=PAGE, sure="yes")).status_code == 303
    page = await browser.page(PAGE)
    assert "Your details are destroyed on 30 November 2026" in page
    again = ask(world, anna)
    assert (again.code, again.status) == ("erasure-asked", 409)
    clock.advance(timedelta(days=6))
    assert run_due(world) == 0
    browser = site.browser(anna)
    assert (await browser.post(f"{PAGE}/back", seen_on=PAGE)).status_code == 303
    clock.advance(timedelta(days=30))
    assert run_due(world) == 0
    assert identity_of(world, anna) == "anna@uni.example"
    (late,) = [world.write(erasures.take_back, desk=desk(world), person_id=anna.person_id)]
    assert late.code == "erasure-unknown"


async def test_old_sign_ins_cannot_ask(site: Site, clock: SettableClock) -> None:
    anna = site.world.person("anna@uni.example")
    browser = site.browser(anna)
    clock.advance(timedelta(hours=23))
    assert "Sign in again" in await browser.page(PAGE)
    answer = await browser.post(PAGE, seen_on="/settings/tokens", sure="yes")
    assert answer.status_code == 403
    assert identity_of(site.world, anna) == "anna@uni.example"


async def test_an_operator_refuses_with_words_that_only_the_person_reads(site: Site) -> None:
    world = site.world
    anna = world.person("anna@uni.example")
    ask(world, anna)
    refused = world.write(
        erasures.refuse_erasure, desk=desk(world), person_id=anna.person_id, reason="A claim is open"
    )
    assert refused.state is ErasureState.REFUSED
    assert "A claim is open" in await site.browser(anna).page(PAGE)
    assert not any("claim" in place for place in places_of("a claim is open", world))
    assert isinstance(ask(world, anna), ErasureView)


async def test_nobody_is_erased_on_whom_others_depend(
    site: Site, owner: Principal, clock: SettableClock
) -> None:
    world = site.world
    outcome = erase(world, owner)
    assert isinstance(outcome, Refusal)
    assert (outcome.code, outcome.status) == ("hand-over-first", 409)
    assert "the only owner of quarry" in outcome.detail
    assert "Hand over first" in await site.browser(owner).page(PAGE)
    other = world.person("second@quarry.example")
    given = {"publisher": "quarry", "person_id": other.person_id, "role": Role.OWNER}
    world.write(catalog.add_role, **given, principal=owner, now=world.now)
    assert ask(world, owner).state is ErasureState.WAITING
    # The other one goes meanwhile: the request waits on, and says so.
    roles = world.read(catalog.list_roles_of, person_id=other.person_id)
    world.write(catalog.end_role, publisher="quarry", role_id=roles[0].id, principal=owner, now=world.now)
    clock.advance(timedelta(days=8))
    assert run_due(world) == 1
    assert identity_of(world, owner) == "owner@quarry.example"
    assert "not erased yet" in await site.browser(owner).page("/inbox")


async def test_a_legal_hold_puts_an_erasure_off_in_words(
    site: Site, owner: Principal, clock: SettableClock
) -> None:
    world = site.world
    anna = world.person("anna@uni.example")
    order = holds.Order(person="anna@uni.example", reason="A claim is open", ordered_by="Court of Bergen")
    placed = world.write(holds.place_hold, order=order, sealer=world.sealer, now=world.now)
    assert erase(world, anna).code == "on-hold"
    assert ask(world, anna).state is ErasureState.WAITING
    clock.advance(timedelta(days=8))
    assert run_due(world) == 1
    assert identity_of(world, anna) == "anna@uni.example"
    assert "A claim is open (Court of Bergen)" in await site.browser(anna).page("/inbox")
    world.write(holds.lift_hold, hold_id=placed.id, now=world.now)
    clock.advance(timedelta(days=15))
    assert run_due(world) == 1
    assert identity_of(world, anna) is None
    assert places_of("a claim is open", world) == set()


async def test_whoever_was_erased_is_a_stranger_who_may_come_again(site: Site, owner: Principal) -> None:
    world = site.world
    model = world.model(owner)
    anna = world.person("anna@uni.example")
    world.accept(anna, model)
    token, browser = world.token(anna), site.browser(anna)
    assert (await site.api(f"/api/models/{model.repo_id}", token)).status_code == 200
    first = erase(world, anna)
    assert first.state is ErasureState.DONE
    assert erase(world, anna) == first
    # A session and a token that were being made meanwhile are worth nothing, and go with the sweep.
    late = site.browser(anna)
    late_token = world.token(anna)
    for secret in (token, late_token):
        assert (await site.api(f"/api/models/{model.repo_id}", secret)).status_code == 401
        path = f"/{model.repo_id}/resolve/main/model.safetensors"
        answer = await site.client.get(path, headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == 401
    for seen in (browser, late):
        assert (await seen.get("/records")).status_code == 401
    again = world.person("anna@uni.example")
    assert again.person_id != anna.person_id
    assert isinstance(world.decide(again, model), access.Denial)


async def test_an_act_beside_an_erasure_is_before_it_or_refused(site: Site, owner: Principal) -> None:
    world = site.world
    model = world.model(owner)
    for number in range(6):
        person = world.person(f"p{number}@uni.example")
        command = world.act(person, model)

        def accept(person: Principal = person, command: Any = command) -> Any:
            return world.write(
                acceptances.accept, command=command, principal=person, model=model, issuer=BASE_URL, sign=world.sign,
                sealer=world.sealer, now=world.now,
            )  # fmt: skip

        outcome, erased = await asyncio.gather(
            asyncio.to_thread(accept), asyncio.to_thread(erase, world, person)
        )
        assert erased.state is ErasureState.DONE
        assert isinstance(outcome, acceptances.AcceptanceSummary) or outcome.status in {401, 403}
        assert world.read(world.sealer.find_subject_keys, subject_ids=[person.person_id]) == {}
    world.integrate()
    assert world.read(lambda session: list(find_discrepancies(session, sealer=world.sealer))) == []


async def test_fsck_names_an_erasure_that_was_undone(site: Site) -> None:
    world = site.world
    anna = world.person("anna@uni.example")
    erase(world, anna)
    world.integrate()
    world.write(lambda session: world.sealer.new_subject_key(session, anna.person_id, now=world.now))
    world.write(
        lambda session: session.execute(text("UPDATE person SET erased_at = NULL WHERE email_index IS NULL"))
    )
    found = world.read(
        lambda session: [one.table for one in find_discrepancies(session, sealer=world.sealer)]
    )
    assert found == ["person"]
    world.write(lambda session: session.execute(text("DELETE FROM erasure")))
    found = world.read(
        lambda session: [one.table for one in find_discrepancies(session, sealer=world.sealer)]
    )
    assert found == ["erasure"]


def identity_of(world: World, person: Principal) -> str | None:
    profile = world.read(identity.open_profile, person_id=person.person_id, sealer=world.sealer)
    return profile.email if profile else None
