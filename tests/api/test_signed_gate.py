"""A gate that takes only acceptances signed by the acceptor (grade A): one decision on every way."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from registry import access
from registry.access import crowds
from registry.access.domain import Denial, Permit
from registry.access.permitted import Narrowing, list_permitted
from registry.catalog.domain import ModelView
from registry.identity.domain import Channel, Principal, Scope
from tests import ssh
from tests.api.conftest import Site
from tests.api.test_accepting_on_a_terminal import ACCEPTANCE, Acting
from tests.integration.access.test_prerequisites import ask_beforehand, set_passkey

pytestmark = ssh.needed
MODEL = "/quarry/quarry-15b"
FILE = f"{MODEL}/resolve/main/model.safetensors"


@pytest.fixture
def acting(site: Site, tmp_path: Path) -> Acting:
    return Acting(site, ssh.make_key(tmp_path, "ed25519"))


def listed(acting: Acting, principal: Principal) -> list[Any]:
    return list(
        acting.world.read(
            list_permitted,
            principal=principal,
            narrowing=Narrowing(),
            now=acting.world.now,
            before=None,
            limit=50,
        )
    )


def crowd(acting: Acting, model: ModelView) -> frozenset[Any]:
    def work(session: Any) -> frozenset[Any]:
        people = crowds.list_crowd(session, model.gate.id, most=100, now=acting.world.now).people
        return crowds.list_permitted(session, model, model.gate, people, now=acting.world.now)

    return acting.world.read(work)


def as_token(person: Principal) -> Principal:
    return Principal(person_id=person.person_id, channel=Channel.TOKEN, scopes=frozenset({Scope.READ}))


async def test_acceptance_without_a_signature_stops_counting_and_one_with_it_opens(acting: Acting) -> None:
    world, mara = acting.world, acting.mara
    await acting.register()
    before = world.model(world.person("owner@quarry.example"))
    world.accept(mara, before)
    assert isinstance(world.decide(mara, before), Permit)
    model = ask_beforehand(world, own_signature=True)
    decision = world.decide(mara, model)
    assert isinstance(decision, Denial)
    assert decision.refusal.code == "own-signature-required"
    assert "gatehouse accept quarry/quarry-15b" in (
        decision.refusal.remedy.text if decision.refusal.remedy else ""
    )
    assert listed(acting, mara) == []
    assert crowd(acting, model) == frozenset()
    refused = await acting.site.api(FILE, acting.token)
    assert (refused.status_code, refused.json()["code"]) == (403, "own-signature-required")

    answer = await acting.send(ACCEPTANCE, await acting.signed())
    assert answer.status_code == 201, answer.text
    assert isinstance(world.decide(mara, model), Permit)
    assert len(listed(acting, mara)) == 1
    assert crowd(acting, model) == {mara.person_id}
    assert (await acting.site.api(FILE, acting.token)).status_code == 302
    items = (await acting.site.api("/api/v1/receipts", acting.token)).json()["items"]
    assert [one["grade"] for one in items] == ["A", "B"]

    world.withdraw(mara, UUID(items[0]["id"]))
    assert world.decide(mara, model).refusal.code == "own-signature-required"
    assert (await acting.site.api(FILE, acting.token)).status_code == 403
    assert (await acting.send(ACCEPTANCE, await acting.signed())).status_code == 201
    assert isinstance(world.decide(mara, model), Permit)


async def test_page_takes_no_button_and_tells_how_to_sign(acting: Acting) -> None:
    world, mara = acting.world, acting.mara
    model = ask_beforehand(world, own_signature=True)
    browser = acting.site.browser(mara)
    page = await browser.page(f"{MODEL}/accept")
    assert "Add a passkey" in page
    assert "gatehouse accept quarry/quarry-15b" in page
    assert "Accept Sample OpenRAIL-M 1.0</button>" not in page
    refusal = world.accept(mara, model)
    assert refusal.code == "own-signature-required"
    set_passkey(world, mara)
    assert world.accept(mara, model).code == "own-signature-required"
    assert isinstance(world.decide(mara, model), Denial)
    shown = await browser.page(f"{MODEL}/license")
    assert "signed with a passkey or an SSH key" in shown


async def test_gate_that_asks_says_so_in_the_api_and_keeps_its_bytes_where_it_does_not(
    acting: Acting,
) -> None:
    world = acting.world
    ask_beforehand(world, email=True)
    answer = await acting.site.api(f"/api/v1/models{MODEL}", acting.token)
    assert answer.json()["gate"]["prerequisites"]["own_signature"] is False
    ask_beforehand(world, email=True, own_signature=True)
    answer = await acting.site.api(f"/api/v1/models{MODEL}", acting.token)
    assert answer.json()["gate"]["prerequisites"]["own_signature"] is True
    assert world.read(access_facts_are_the_same, acting=acting)


def access_facts_are_the_same(session: Any, *, acting: Acting) -> bool:
    """The list and the single decision gather the same."""
    model = acting.world.model(acting.world.person("owner@quarry.example"))
    now = acting.world.now
    principal = as_token(acting.mara)
    one = access.gather_by_name(session, principal, publisher="quarry", model="quarry-15b", now=now)
    many = access.gather_by_ids(session, principal, model_ids=[model.id], now=now)
    met = [item.acceptance_id for item in one.facts.requirements]
    return met == [item.acceptance_id for item in many[model.id].facts.requirements]
