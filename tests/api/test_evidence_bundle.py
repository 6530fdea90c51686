"""The evidence bundle: made by the registry, verified by the client, for those who may read the records."""

from datetime import timedelta

import pytest
from sqlmodel import select

from registry import catalog
from registry.acceptances.forgetting import forget_imports, list_imports_of
from registry.audit import bundle
from registry.catalog.domain import Command
from registry.catalog.look_tables import Look
from registry.client.verify_bundle import BundleVerification, verify_bundle
from registry.identity.domain import Principal, Scope
from tests.api.conftest import Site
from tests.integration.acceptances.imports import bring_in, claimed, prove
from tests.world import World

PATH = "/api/v1/audit/bundle"


@pytest.fixture
def owner(world: World) -> Principal:
    world.gated_model()
    return world.person("owner@quarry.example")


async def fetch(site: Site, who: Principal, **query: str) -> tuple[bytes, BundleVerification]:
    answer = await site.api(PATH, site.world.token(who, Scope.AUDIT), publisher="quarry", **query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["cache-control"] == "private, no-store"
    return answer.content, verify_bundle(answer.content)


async def test_what_the_registry_hands_out_verifies(site: Site, owner: Principal) -> None:
    world = site.world
    model = world.model(owner)
    people = [world.person(f"person{number}@lab.example") for number in range(3)]
    accepted = [world.accept(one, model, typed_name="Person Secret") for one in people]
    world.withdraw(people[1], accepted[1].id)
    world.integrate()
    data, outcome = await fetch(site, owner)
    assert outcome.failure is None, outcome.failure
    assert {one["jti"] for one in outcome.statements} == {str(one.id) for one in accepted}
    assert outcome.withdrawn == {str(accepted[1].id)}
    assert b"Person Secret" not in data
    assert all("name" not in one and "email" not in one for one in outcome.statements)
    _, again = await fetch(site, owner)
    assert again.failure is None


async def test_details_are_in_it_only_where_asked_for_and_gone_with_the_person(
    site: Site, owner: Principal
) -> None:
    world = site.world
    person, erased = world.person("ada@lab.example"), world.person("gone@lab.example")
    for one in (person, erased):
        world.accept(one, world.model(owner), typed_name="Ada Secret")
    world.database.write_now(lambda session: world.sealer.destroy_subject_key(session, erased.person_id))
    world.integrate()
    _, outcome = await fetch(site, owner, details="true")
    assert outcome.failure is None, outcome.failure
    assert sorted(one.get("email") or "" for one in outcome.statements) == ["", "ada@lab.example"]


async def test_it_narrows_and_says_what_the_log_has_not_published(site: Site, owner: Principal) -> None:
    world = site.world
    model = world.model(owner)
    world.accept(world.person("first@lab.example"), model)
    world.integrate()
    day = (world.now - timedelta(days=1)).date().isoformat()
    _, none = await fetch(site, owner, until=day)
    assert (none.failure, none.statements) == (None, ())
    world.accept(world.person("second@lab.example"), model)
    _, late = await fetch(site, owner, model="quarry-15b", license="sample-openrail-m@1.0")
    assert late.failure is None
    assert late.index is not None
    assert late.index.unpublished == 1
    assert len(late.statements) == 1


async def test_it_is_for_those_who_read_the_records(site: Site, owner: Principal) -> None:
    world = site.world
    assert (await site.api(PATH, publisher="quarry")).status_code == 401
    assert (await site.api(PATH, world.token(owner, Scope.READ), publisher="quarry")).status_code == 403
    stranger = world.token(world.person("rival@tarn.example"), Scope.AUDIT)
    assert (await site.api(PATH, stranger, publisher="quarry")).status_code == 403
    token = world.token(owner, Scope.AUDIT)
    assert (await site.api(PATH, token, publisher="quarry", grade="B")).status_code == 422
    world.integrate()
    assert (await site.api(PATH, token, publisher="quarry")).status_code == 200
    looks = world.read(lambda session: session.exec(select(Look)).all())
    assert [(look.what, look.export) for look in looks] == [("acceptances", True)]


async def test_too_much_and_too_early_are_refused(
    site: Site, owner: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = site.world
    token = world.token(owner, Scope.AUDIT)
    early = await site.api(PATH, token, publisher="quarry")
    assert (early.status_code, early.json()["code"]) == (409, "bundle-not-ready")
    for number in range(2):
        world.accept(world.person(f"person{number}@lab.example"), world.model(owner))
    world.integrate()
    monkeypatch.setattr(bundle, "MOST_ACCEPTANCES", 1)
    refused = await site.api(PATH, token, publisher="quarry")
    assert (refused.status_code, refused.json()["code"]) == (422, "bundle-too-large")
    assert refused.json()["remedy"]


async def test_imports_stand_in_it_as_what_they_are(site: Site, owner: Principal) -> None:
    world = site.world
    bring_in(world, claimed(), claimed("ben@uni.example"), claimed("gone@lab.example"))
    mara = prove(world, world.person())
    accepted = world.accept(mara, world.model(mara))
    gone = world.read(list_imports_of, email="gone@lab.example", sealer=world.sealer)
    world.write(forget_imports, import_ids=gone, sealer=world.sealer, now=world.now)
    world.integrate()
    data, outcome = await fetch(site, owner)
    assert outcome.failure is None, outcome.failure
    assert [one["jti"] for one in outcome.statements] == [str(accepted.id)]
    assert [(one["grade"], one["text"]) for one in outcome.imports] == [("C", "unknown")] * 3
    assert list(outcome.upgraded.values()) == [str(accepted.id)]
    assert not any("email" in one for one in outcome.imports)
    assert b"upgrades/" in data
    _, whole = await fetch(site, owner, details="true")
    assert sorted(str(one.get("email")) for one in whole.imports) == [
        "None",
        "ben@uni.example",
        "mara@nordlab.example",
    ]
    looks = world.read(lambda session: session.exec(select(Look)).all())
    assert sorted(look.what for look in looks) == ["acceptances", "acceptances", "imports"]


async def test_imports_are_left_out_where_days_a_license_or_the_asker_say_so(
    site: Site, owner: Principal
) -> None:
    bring_in(site.world, claimed())
    site.world.integrate()
    before = (site.world.now - timedelta(days=1)).date().isoformat()
    today = site.world.now.date().isoformat()
    for asked, count in (
        ({"since": today, "until": today, "model": "quarry/quarry-15b"}, 1),
        ({"until": before}, 0),
        ({"license": "sample-openrail-m"}, 0),
        ({"imports": "false"}, 0),
    ):
        _, outcome = await fetch(site, owner, **asked)
        assert (outcome.failure, len(outcome.imports)) == (None, count), asked


async def test_the_name_of_a_private_model_is_disclosed_for_imports_too(site: Site, owner: Principal) -> None:
    world = site.world
    publisher = world.read(
        catalog.authorise, publisher="quarry", command=Command.SEE_PRIVATE, principal=owner
    )
    world.release(owner, publisher, name="hidden-1b", private=True)
    bring_in(world, claimed(), name="hidden-1b")
    world.integrate()
    _, outcome = await fetch(site, owner)
    assert outcome.failure is None, outcome.failure
    (claims,) = outcome.imports
    assert claims["scope"]["model"] == "quarry/hidden-1b"  # type: ignore[index]
    assert "email" not in claims


async def test_too_many_imports_are_said_to_be_these(
    site: Site, owner: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring_in(site.world, claimed(), claimed("ben@uni.example"))
    site.world.integrate()
    monkeypatch.setattr(bundle, "MOST_IMPORTS", 1)
    token = site.world.token(owner, Scope.AUDIT)
    refused = await site.api(PATH, token, publisher="quarry")
    assert (refused.status_code, refused.json()["code"]) == (422, "bundle-too-large")
    assert "at most 1 imports" in refused.json()["detail"]
    _, outcome = await fetch(site, owner, imports="false")
    assert outcome.failure is None


async def test_only_the_name_of_a_private_model_is_disclosed(site: Site, owner: Principal) -> None:
    world = site.world
    publisher = world.read(
        catalog.authorise, publisher="quarry", command=Command.SEE_PRIVATE, principal=owner
    )
    hidden = world.release(owner, publisher, name="hidden-1b", private=True)
    world.accept(owner, hidden)
    world.integrate()
    _, outcome = await fetch(site, owner)
    assert outcome.failure is None, outcome.failure
    (claims,) = outcome.statements
    assert claims["scope"]["model"] == "quarry/hidden-1b"  # type: ignore[index]
    assert "email" not in claims
