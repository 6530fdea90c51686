"""Service accounts: what lets them in, what stops them at once, and who may have a token of one."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from registry import catalog, identity
from registry.delivery.domain import FileRefused, UrlIssued
from registry.identity import organisations
from registry.identity import service_accounts as accounts
from registry.identity.domain import Principal, Scope
from registry.identity.ending import end_person
from registry.identity.service_account_domain import AccountView, NewToken
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from tests.clock import SettableClock
from tests.integration.access.covers import MEMBER, Scene, cover_scene
from tests.world import CARD, World


@pytest.fixture
def scene(database: Database, clock: SettableClock) -> Scene:
    return cover_scene(database, clock)


def make(world: World, who: Principal, organisation_id: UUID | None = None, name: str = "cluster") -> Any:
    return world.write(
        accounts.make_account, name=name, organisation_id=organisation_id, principal=who, now=world.now
    )


def token_of(world: World, who: Principal, account: AccountView, *scopes: Scope, days: int = 30) -> Any:
    asked = NewToken(name="cluster", scopes=frozenset(scopes or {Scope.READ}), days=days)
    return world.write(
        accounts.create_token, account_id=account.id, asked=asked, principal=who, now=world.now
    )


def account_of(scene: Scene) -> tuple[AccountView, str]:
    """An account of the organisation, and a token of it."""
    made = make(scene.world, scene.officer, scene.organisation.id)
    assert isinstance(made, AccountView), made
    return made, token_of(scene.world, scene.officer, made)[1]


def change(scene: Scene, who: Principal, account: AccountView, act: accounts.Act) -> Any:
    return scene.world.write(
        accounts.change, account_id=account.id, act=act, principal=who, now=scene.world.now
    )


def told(scene: Scene, token: str) -> str:
    """What the hot path says to the token; the decision of pages and lists must say the same."""
    outcome = scene.world.resolve(token)
    principal = scene.world.read(identity.authenticate_token, token=token, now=scene.world.now)
    if isinstance(outcome, UrlIssued):
        assert scene.code(principal) is None
        return "permitted"
    assert isinstance(outcome, FileRefused), outcome
    same = principal.code if isinstance(principal, Refusal) else scene.code(principal)
    assert outcome.refusal.code == same
    return outcome.refusal.code


def test_the_cover_lets_the_account_in_and_the_record_names_both(scene: Scene) -> None:
    account, token = account_of(scene)
    assert told(scene, token) == "service-account-not-covered"
    scene.world.accept(scene.officer, scene.model)
    assert told(scene, token) == "service-account-not-covered", "its sponsor's own acceptance is no cover"
    cover = scene.accept()
    assert told(scene, token) == "permitted"
    rows = scene.world.read(
        lambda session: (
            session.connection()
            .execute(
                text(
                    "SELECT person_id, token_id, account_id, service_token_id, acceptance_id FROM download_record"
                )
            )
            .all()
        )
    )
    person, ordinary, named, by_token, rested_on = (
        str(value).replace("-", "") if value is not None else None for value in rows[-1]
    )
    assert (person, ordinary, named, rested_on) == (None, None, account.id.hex, cover.id.hex)
    assert by_token is not None


def test_a_withdrawn_cover_leaves_members_time_but_stops_the_account_at_once(scene: Scene) -> None:
    _, token = account_of(scene)
    member, cover = scene.join(), scene.accept()
    assert told(scene, token) == "permitted"
    scene.world.withdraw(scene.officer, cover.id)
    assert scene.code(member) is None
    assert told(scene, token) == "service-account-not-covered"


def test_an_account_of_a_person_has_their_own_acceptances_and_no_cover(scene: Scene) -> None:
    member = scene.join()
    made = make(scene.world, member)
    token = token_of(scene.world, member, made)[1]
    scene.accept()
    assert scene.code(member) is None
    assert told(scene, token) == "service-account-not-covered"
    own = scene.world.accept(member, scene.model)
    assert told(scene, token) == "permitted"
    scene.world.withdraw(member, own.id)
    assert told(scene, token) == "service-account-not-covered"


def test_each_end_stops_the_account_at_once_with_its_own_words(scene: Scene, clock: SettableClock) -> None:
    account, token = account_of(scene)
    scene.accept()
    colleague = scene.join()
    scene.world.write(
        organisations.name_member,
        organisation_id=scene.organisation.id,
        email=MEMBER,
        is_officer=True,
        principal=scene.officer,
        sealer=scene.world.sealer,
        now=scene.world.now,
    )
    change(scene, colleague, account, accounts.Act.SUSPEND)
    assert told(scene, token) == "service-account-suspended"
    change(scene, colleague, account, accounts.Act.RESUME)
    assert told(scene, token) == "permitted"
    scene.world.write(
        organisations.end_membership,
        organisation_id=scene.organisation.id,
        person_id=scene.officer.person_id,
        principal=scene.officer,
        now=scene.world.now,
    )
    assert told(scene, token) == "service-account-orphaned"
    # Another officer goes on with it; what the first one holds is dead for good.
    assert token_of(scene.world, colleague, account).code == "sponsor-needed"
    assert change(scene, colleague, account, accounts.Act.TAKE_OVER).works
    assert told(scene, token) == "token-unknown"
    second = token_of(scene.world, colleague, account, days=7)[1]
    assert told(scene, second) == "permitted"
    clock.advance(timedelta(days=7))
    assert told(scene, second) == "token-unknown"
    third = token_of(scene.world, colleague, account)[1]
    assert change(scene, colleague, account, accounts.Act.END).ended_at is not None
    assert told(scene, third) == "token-unknown"
    assert token_of(scene.world, colleague, account).code == "service-account-stopped"


def test_a_block_of_the_sponsor_and_an_end_of_their_sign_ins_reach_the_account(
    scene: Scene, clock: SettableClock
) -> None:
    _, token = account_of(scene)
    scene.accept()
    assert told(scene, token) == "permitted"
    scene.world.write(
        end_person, email="mara@nordlab.example", sealer=scene.world.sealer, now=scene.world.now
    )
    assert told(scene, token) == "token-unknown"


def test_only_a_sponsor_in_a_browser_makes_tokens_and_outsiders_learn_nothing(scene: Scene) -> None:
    account, _ = account_of(scene)
    outsider, member = scene.world.person("noor@else.example"), scene.join()
    for stranger in (outsider, member):
        assert token_of(scene.world, stranger, account).code == "service-account-unknown"
        assert change(scene, stranger, account, accounts.Act.END).code == "service-account-unknown"
    by_token = replace(scene.officer, session_id=None)
    assert token_of(scene.world, by_token, account).code == "not-signed-in"
    assert make(scene.world, member, scene.organisation.id).code == "officer-needed"
    assert make(scene.world, scene.officer, name="Two words").code == "service-account-malformed"
    asked = token_of(scene.world, scene.officer, account, Scope.READ, Scope.AUDIT)
    assert asked.code == "service-account-malformed"


def test_what_a_base_asks_for_is_asked_of_the_account_too(scene: Scene) -> None:
    """The lineage rule: a cover at the model's own gate does not do for the gate of its base."""
    _, token = account_of(scene)
    scene.accept()
    world = scene.world
    owner = world.person("owner@quarry.example")
    publisher = world.read(catalog.find_publisher, name="quarry")
    card = b"---\nlicense: other\nbase_model: quarry/quarry-15b\n---\n# Derived\n"
    derived = world.release(
        owner,
        publisher,
        name="derived",
        requires=(),
        files={"README.md": card, "model.safetensors": b"x" * 64},
    )
    issued = world.resolve(token, model=derived.name)
    assert isinstance(issued, UrlIssued), issued
    cover = world.read(
        lambda session: (
            session.connection()
            .execute(text("SELECT id FROM acceptance WHERE organisation_id IS NOT NULL"))
            .scalar_one()
        )
    )
    world.withdraw(scene.officer, UUID(str(cover)))
    refused = world.resolve(token, model=derived.name)
    assert isinstance(refused, FileRefused)
    assert refused.refusal.code == "service-account-not-covered"
    assert refused.refusal.remedy is not None
    assert "/accept" in (refused.refusal.remedy.url or "")


def test_it_publishes_where_its_sponsor_may_and_opens_no_gate(scene: Scene) -> None:
    world = scene.world
    owner = world.person("owner@quarry.example")
    publisher = world.read(catalog.find_publisher, name="quarry")

    def acting(sponsor: Principal, *scopes: Scope) -> Principal:
        token = token_of(world, sponsor, make(world, sponsor), *scopes)[1]
        principal = world.read(identity.authenticate_token, token=token, now=world.now)
        assert isinstance(principal, Principal)
        return principal

    machine = acting(owner, Scope.READ, Scope.PUBLISH)
    files = {"README.md": CARD, "model.safetensors": b"y" * 64}
    world.release(machine, publisher, requires=(), files=files)
    for who, name, code in (
        (machine, "another-model", "person-needed"),
        (acting(owner), "quarry-15b", "scope-missing"),
        (acting(scene.officer, Scope.PUBLISH), "quarry-15b", "role-missing"),
    ):
        with pytest.raises(AssertionError, match=code):
            world.release(
                who, publisher, name=name, requires=(), files={**files, "model.safetensors": name.encode()}
            )
