"""One registry keeps a model of another in step, by the other's owner API: two applications, two databases."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import AsyncTestClient

from registry import access, catalog
from registry.access import requesting
from registry.access.request_views import Office, RequestView
from registry.catalog.domain import GateMode
from registry.catalog.reviews import AS_USUAL
from registry.identity.domain import Principal, Scope
from registry.kernel.clock import SystemClock
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from registry.parts import build_parts
from registry.settings import Settings
from tests.applications import application
from tests.e2e.hub.conftest import Scene, Stage
from tests.world import ANSWERS, BASE_URL, MASTER_SECRET, World, presigning_store

pytestmark = pytest.mark.filterwarnings("ignore:Warnings while validating metadata")
"""The library says aloud what the other registry remarks about a card."""
SCOPES = (Scope.READ, Scope.REVIEW, Scope.PUBLISH, Scope.AUDIT)
HERE = "/api/v1/models/quarry/quarry-15b/hub"


@dataclass
class There:
    """The other registry: a gate of mode manual at which people ask."""

    scene: Scene

    @property
    def world(self) -> World:
        return self.scene.registry.world

    def change_gate(self, mode: GateMode, *, approvals: int = 1) -> None:
        demand = catalog.GateDemand(
            mode=mode,
            licenses=(f"{self.scene.slug}@1.0",),
            fields=self.scene.model.gate.fields,
            review=replace(AS_USUAL, approvals=approvals),
        )
        changed = self.world.write(
            catalog.change_gate,
            publisher=self.scene.publisher.name,
            name="demo-model",
            demand=demand,
            principal=self.scene.owner,
            now=self.world.now,
        )
        assert isinstance(changed, catalog.GateView), changed

    def person(self, email: str) -> Principal:
        """Somebody who has accepted the license there."""
        found = self.world.person(email)
        accepted = self.world.accept(found, self.world.model(found, self.scene.publisher.name, "demo-model"))
        assert not isinstance(accepted, Refusal), accepted
        return found

    def ask(self, person: Principal) -> None:
        office = Office(
            principal=person,
            sealer=self.world.sealer,
            base_url=self.scene.registry.url,
            now=self.world.now,
        )
        asked = self.world.write(
            requesting.ask,
            office=office,
            publisher=self.scene.publisher.name,
            model="demo-model",
            answers=ANSWERS,
            note="for my thesis",
        )
        assert isinstance(asked, RequestView), asked

    def card(self) -> str:
        model = self.world.model(self.scene.owner, self.scene.publisher.name, "demo-model")
        release = self.world.read(catalog.find_current_release, model_id=model.id)
        return (self.world.read(catalog.find_text, release_id=release.id, path="README.md") or b"").decode()

    def may(self, person: Principal) -> bool:
        model = self.world.model(person, self.scene.publisher.name, "demo-model")
        return isinstance(self.world.decide(person, model), access.Permit)


@dataclass
class Here:
    """This registry, by its JSON API."""

    world: World
    client: Any
    headers: dict[str, str]

    async def ask(self, path: str, body: object = None) -> Any:
        if body is None:
            answer = await self.client.get(path, headers=self.headers)
        else:
            answer = await self.client.post(path, json=body, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def plan(self) -> list[str]:
        return [one["deed"] for one in (await self.ask(f"{HERE}/plan"))["actions"]]

    async def apply(self) -> Any:
        return await self.ask(f"{HERE}/apply", {})


@pytest.fixture
def there(stage: Stage) -> There:
    found = There(stage.scene())
    found.change_gate(GateMode.MANUAL)
    return found


@pytest.fixture
def file(sqlite_template: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "here.db"
    copy.write_bytes(sqlite_template.read_bytes())
    return copy


@pytest.fixture
async def here(there: There, file: Path, tmp_path: Path) -> AsyncIterator[Here]:
    database, clock = Database(f"sqlite:///{file}"), SystemClock()
    world = World(database=database, clock=clock, store=presigning_store(clock))
    world.gated_model()
    settings = Settings(
        base_url=BASE_URL,
        data_dir=tmp_path,
        master_key=MASTER_SECRET.hex(),
        worker_inline=False,
        contact="help@quarry.example",
        hub_endpoint=there.scene.registry.url,
    )
    assert world.store is not None
    token = world.token(world.person("owner@quarry.example"), Scope.PUBLISH)
    parts = build_parts(settings, store=world.store, database=database, clock=clock)
    with application(parts) as app:
        async with AsyncTestClient(app, base_url=BASE_URL) as client:
            found = Here(world, client, {"Authorization": f"Bearer {token}"})
            other = there.world.token(there.scene.owner, *SCOPES)
            stored = await found.ask("/api/v1/publishers/quarry/hub-token", {"token": other})
            assert stored["role"] == "write"
            assert "@" not in stored["account"]
            await found.ask(HERE, {"repository": there.scene.repo})
            yield found
    database.close()


async def test_who_has_accepted_here_is_let_in_there_until_it_is_taken_back(here: Here, there: There) -> None:
    email = f"mara-{there.scene.publisher.name}@nordlab.example"
    mara, eve = there.person(email), there.person(f"eve-{there.scene.publisher.name}@lab.example")
    for one in (mara, eve):
        there.ask(one)
    assert await here.plan() == [], "nobody has accepted here"
    me = here.world.person(email)
    accepted = here.world.accept(me, here.world.model(me))
    assert await here.plan() == ["accept"]
    applied = await here.apply()
    assert (applied["settled"], applied["mirror"]["granted"], applied["mirror"]["waiting"]) == (True, 1, 1)
    assert (there.may(mara), there.may(eve)) == (True, False)
    assert await here.plan() == []
    card = there.card()
    assert f"{BASE_URL}/quarry/quarry-15b/hub" in card, "the card there names this registry"

    here.world.withdraw(me, accepted.id)
    applied = await here.apply()
    assert (applied["settled"], [one["deed"] for one in applied["done"]]) == (True, ["reset"])
    assert not there.may(mara)


async def test_who_is_blocked_here_loses_it_there_and_is_rejected_when_they_ask_anew(
    here: Here, there: There
) -> None:
    email = f"noor-{there.scene.publisher.name}@uni.example"
    noor, me = there.person(email), here.world.person(email)
    there.ask(noor)
    here.world.accept(me, here.world.model(me))
    await here.apply()
    assert there.may(noor)
    blocked = here.world.write(
        access.block_person,
        publisher="quarry",
        person_id=me.person_id,
        reason="Broke the terms.",
        until=None,
        principal=here.world.person("owner@quarry.example"),
        now=here.world.now,
    )
    assert not isinstance(blocked, Refusal), blocked
    assert [one["deed"] for one in (await here.apply())["done"]] == ["reset"]
    assert not there.may(noor)
    there.ask(noor)
    assert [one["deed"] for one in (await here.apply())["done"]] == ["reject"]
    assert await here.plan() == []


async def test_what_the_other_registry_refuses_is_said_and_not_forced(here: Here, there: There) -> None:
    email = f"ola-{there.scene.publisher.name}@uni.example"
    ola, me = there.person(email), here.world.person(email)
    here.world.accept(me, here.world.model(me))
    there.change_gate(GateMode.MANUAL, approvals=2)
    there.ask(ola)
    applied = await here.apply()
    assert applied["settled"], applied
    found = {one["drift"]: one["words"] for one in applied["drifts"]}
    assert found.keys() == {"refused", "weights-differ"}
    assert "another reviewer" in found["refused"]
    assert not there.may(ola)

    there.change_gate(GateMode.AUTO)
    applied = await here.apply()
    assert not applied["settled"]
    assert "fresh sign-in" in applied["mirror"]["trouble_words"]
    model = there.world.model(there.scene.owner, there.scene.publisher.name, "demo-model")
    assert model.gate.mode is GateMode.AUTO
