"""Mirrors over the JSON API and on the command line, with a Hub on loopback."""

import contextlib
import io
import json
import sys
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

import pytest

from registry.cli import hub as commands
from registry.client.errors import ClientError
from registry.client.wire import Fields
from registry.hub_sync.schemas import TokenInput
from registry.identity.domain import Scope
from tests.api.conftest import Site
from tests.servers.fake_hub import FakeHub, serving

REPO = "hf-org/hf-model"
TOKEN = "hf_" + "t" * 34
MODEL = "/api/v1/models/quarry/quarry-15b/hub"


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with serving() as running:
        for name in ("release-bot", "eve"):
            running.add_user(name)
        running.add_organisation("hf-org", **{"release-bot": "admin"})
        running.add_model(REPO, gated="manual")
        yield running


@pytest.fixture
def more_settings(hub: FakeHub) -> dict[str, Any]:
    return {"hub_endpoint": hub.url}


class Caller:
    """Somebody with a token who speaks to the API."""

    def __init__(self, site: Site, *scopes: Scope, email: str = "owner@quarry.example") -> None:
        self.site = site
        token = site.world.token(site.world.person(email), *scopes)
        self.headers = {"Authorization": f"Bearer {token}"}

    async def get(self, path: str) -> Any:
        return await self.site.client.get(path, headers=self.headers)

    async def post(self, path: str, body: object = None) -> Any:
        return await self.site.client.post(path, json=body, headers=self.headers)


@pytest.fixture
def owner(site: Site) -> Caller:
    site.world.gated_model()
    return Caller(site, Scope.PUBLISH)


async def test_from_the_token_to_the_end_of_the_pairing(owner: Caller, hub: FakeHub) -> None:
    hub.ask(REPO, "eve")
    hub.set_status(REPO, "eve", "accepted")
    missing = await owner.post(MODEL, {"repository": "hf-org/hf-model"})
    assert (missing.status_code, missing.json()["code"]) == (409, "hub-token-missing")
    stored = await owner.post("/api/v1/publishers/quarry/hub-token", {"token": hub.add_token("release-bot")})
    assert stored.json() == {"account": "release-bot", "role": "write"}
    assert (await owner.get(MODEL)).json()["code"] == "mirror-missing"
    linked = await owner.post(MODEL, {"repository": "hf-org/hf-model"})
    assert linked.status_code == 200, linked.text
    assert linked.json()["kept_since"] is None

    plan = (await owner.get(f"{MODEL}/plan")).json()
    assert [(one["deed"], one["user"]) for one in plan["actions"]] == [("cancel", "eve")]
    assert hub.statuses(REPO) == {"eve": "accepted"}

    applied = (await owner.post(f"{MODEL}/apply")).json()
    assert applied["settled"]
    assert applied["mirror"]["done"] == {"cancel": 1}
    assert hub.statuses(REPO) == {"eve": "pending"}
    status = (await owner.get(MODEL)).json()
    assert status["kept_since"]
    assert [one["outcome"] for one in status["calls"]] == ["done"]
    assert status["calls"][0]["hub_request_id"].startswith("Root=1-")
    ended = (await owner.post(f"{MODEL}/unlink")).json()
    assert ended["ended_at"]
    assert (await owner.get(MODEL)).status_code == 409


async def test_what_the_hub_refuses_is_told_with_what_to_do(owner: Caller) -> None:
    answer = await owner.post("/api/v1/publishers/quarry/hub-token", {"token": TOKEN})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "hub-said-no")
    assert "token-refused" in problem["detail"]
    assert TOKEN not in answer.text


@pytest.mark.parametrize(
    "token", ["", "short", "with a space in it", "line\nbreak-and-more", "ü" * 20, "x" * 301]
)
async def test_what_is_no_token_is_not_sent_to_the_hub(owner: Caller, hub: FakeHub, token: str) -> None:
    answer = await owner.post("/api/v1/publishers/quarry/hub-token", {"token": token})
    assert answer.status_code in {400, 422}
    assert hub.seen == []


async def test_others_learn_nothing_of_a_mirror(site: Site, owner: Caller, hub: FakeHub) -> None:
    for other in (Caller(site, Scope.READ), Caller(site, Scope.PUBLISH, email="eve@lab.example")):
        for answer in (
            await other.get(MODEL),
            await other.get(f"{MODEL}/plan"),
            await other.post(f"{MODEL}/apply"),
            await other.post("/api/v1/publishers/quarry/hub-token", {"token": TOKEN}),
        ):
            assert answer.status_code == 403
    assert hub.seen == []


def test_a_token_is_in_no_text_of_its_input() -> None:
    assert TOKEN not in repr(TokenInput(token=TOKEN))


CARD = {
    "changes": ["extra_gated_prompt"],
    "kept": [],
    "conflicts": ["the text of the card"],
    "trouble": "",
    "committed": "",
    "committed_at": None,
}
NONE = {"count": 0, "named": []}
WEIGHTS = {
    "place": "both",
    "equal": {"count": 2, "named": ["a", "b"]},
    "different": {"count": 1, "named": ["model.safetensors"]},
    "only_here": NONE,
    "only_there": NONE,
    "trouble": "",
}
MIRROR = {
    "weights": WEIGHTS,
    "card": CARD,
    "model": "quarry/quarry-15b",
    "repository": "hf-org/hf-model",
    "group": "",
    "account": "release-bot",
    "kept_since": None,
    "looked_at": None,
    "settled_at": None,
    "next_at": None,
    "trouble_words": "the Hub answered 500",
    "granted": 3,
    "waiting": 1,
    "drifts": {"mode-flipped": 1},
}
ACTION = {"deed": "accept", "user": "mara", "request_id": "r1", "why": "the registry permits it"}
DRIFT = {"drift": "mode-flipped", "words": "the gate was opened"}


class Answers:
    """A registry that answers what the API answers."""

    sent: str = ""

    def _fields(self, value: object) -> Fields:
        return Fields(value, where="answer")

    def store_hub_token(self, _publisher: str, token: str) -> Fields:
        self.sent = token
        return self._fields({"account": "release-bot", "role": "write"})

    def link_mirror(self, *_: object) -> Fields:
        return self._fields(MIRROR)

    def get_mirror(self, *_: object) -> Fields:
        return self._fields(MIRROR)

    def unlink_mirror(self, *_: object) -> Fields:
        return self._fields(MIRROR)

    def plan_mirror(self, *_: object) -> Fields:
        return self._fields({**MIRROR, "actions": [ACTION], "drifts": [DRIFT], "seconds": 0, "card": CARD})

    def apply_mirror(self, *_: object, card: str | None) -> Fields:
        return self._fields({"settled": False, "done": [ACTION], "drifts": [DRIFT], "mirror": MIRROR})


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    found = Answers()

    @contextlib.contextmanager
    def connected(_choice: object) -> Iterator[Answers]:
        yield found

    monkeypatch.setattr(commands, "choose_registry", lambda _args: None)
    monkeypatch.setattr(commands, "connected", connected)
    return found


def given(**values: Any) -> Namespace:
    return Namespace(**{"model": "quarry/quarry-15b", "json": False, "card": None, **values})


def test_the_token_comes_from_stdin_and_is_not_written(
    answers: Answers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{TOKEN}\n"))
    assert commands.token(given(publisher="quarry")) == 0
    assert answers.sent == TOKEN
    said = capsys.readouterr()
    assert "release-bot (write)" in said.out
    assert TOKEN not in said.out + said.err
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    with pytest.raises(ClientError):
        commands.token(given(publisher="quarry"))


@pytest.mark.usefixtures("answers")
def test_commands_say_in_words_what_the_api_answers(capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.link(given(repository="hf-org/hf-model", group=None)) == 0
    assert commands.plan(given()) == 0
    assert commands.status(given()) == 0
    assert commands.unlink(given()) == 0
    said = capsys.readouterr()
    assert "quarry/quarry-15b = hf-org/hf-model" in said.out
    assert "the registry permits it" in said.out
    assert "mode-flipped: the gate was opened" in said.err
    assert "drift mode-flipped" in said.out
    assert "changed on both sides, left as the Hub has it\tthe text of the card" in said.out
    assert "--card registry" in said.err
    assert "Weights: here and at the Hub. Files: 2 equal, 1 different." in said.err
    assert "weights-differ: model.safetensors" in said.err
    with pytest.raises(ClientError, match="the Hub answered 500"):
        commands.apply(given())
    capsys.readouterr()
    assert commands.plan(given(json=True)) == 0
    assert json.loads(capsys.readouterr().out)["actions"] == [ACTION]
