"""`explain`: what is required, what is met by which fact, what is missing, who decides, since when."""

import io
from argparse import Namespace
from contextlib import redirect_stdout
from typing import Any, Self

import msgspec
import pytest

from registry import access
from registry.access.api import view_decision
from registry.cli import models
from registry.client.wire import Fields
from registry.kernel.database import Database
from tests.clock import SettableClock
from tests.world import BASE_URL, World


@pytest.fixture
def world(database: Database, clock: SettableClock) -> World:
    return World(database=database, clock=clock)


def test_each_reason_names_the_fact_that_meets_it_and_who_can_change_it(world: World) -> None:
    model = world.gated_model()
    person = world.person()
    before = view_decision(world.decide(person, model), BASE_URL)
    missing = [reason for reason in before.reasons if not reason.met]
    assert [reason.code for reason in missing] == ["license-accepted"]
    assert missing[0].decider == "You do"
    assert before.remedy is not None
    accepted = world.accept(person, model)
    after = view_decision(world.decide(person, model), BASE_URL)
    met = {reason.code: reason for reason in after.reasons}
    assert met["license-accepted"].acceptance == str(accepted.id)
    assert met["license-accepted"].since is not None


def test_the_page_the_api_and_the_refusal_of_a_file_say_the_same(world: World) -> None:
    model = world.gated_model()
    person = world.person()
    explained = world.read(
        access.explain, principal=person, publisher=model.publisher, model=model.name, now=world.now
    )
    assert isinstance(explained, access.Denial)
    resolved: Any = world.resolve(person)
    assert resolved.refusal.code == explained.refusal.code


def test_the_command_line_says_all_of_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    model = world.gated_model()
    person = world.person()

    class Registry:
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            return None

        def explain(self, _publisher: str, _name: str, **others: str | None) -> Fields:
            assert others == {"person": None}
            said = view_decision(world.decide(person, model), BASE_URL)
            return Fields(msgspec.to_builtins(said), where="the answer")

    monkeypatch.setattr(models, "connected", lambda _url: Registry())
    monkeypatch.setattr(models, "choose_registry", lambda _args: BASE_URL)

    def explain() -> str:
        out = io.StringIO()
        with redirect_stdout(out):
            assert models.explain(Namespace(model=model.repo_id, json=False, person=None)) == 0
        return out.getvalue()

    first = explain()
    assert "no - You have not accepted Sample OpenRAIL-M 1.0" in first
    assert "missing  Sample OpenRAIL-M 1.0 not accepted yet" in first
    assert f"{BASE_URL}/{model.repo_id}/accept" in first
    accepted = world.accept(person, model)
    then = explain()
    assert "yes - You may download" in then
    assert f"by acceptance {accepted.id}" in then
