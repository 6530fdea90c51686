"""Webhooks over the JSON API."""

from typing import Any

import pytest

from registry.identity.domain import Scope
from registry.kernel.news import Event
from registry.webhooks.schemas import WebhookInput
from tests.api.conftest import Site
from tests.api.test_mirrors import Caller

HOOKS = "/api/v1/publishers/quarry/webhooks"
URL = "https://hooks.example/quarry?code=s3cret"


@pytest.fixture
def owner(site: Site) -> Caller:
    site.world.gated_model()
    return Caller(site, Scope.PUBLISH)


async def put(caller: Caller, path: str, body: object) -> Any:
    return await caller.site.client.put(path, json=body, headers=caller.headers)


async def test_from_adding_to_deleting(owner: Caller) -> None:
    made = await owner.post(HOOKS, {"url": URL, "events": ["access.revoked"], "models": ["quarry-15b"]})
    assert made.status_code == 201, made.text
    assert made.headers["cache-control"] == "private, no-store"
    secret, path = made.json()["secret"], f"{HOOKS}/{made.json()['id']}"
    assert secret.startswith("whsec_")
    assert len(secret) == 50
    shown = await owner.get(path)
    assert shown.json() == {**made.json(), "secret": None}
    assert secret not in (await owner.get(HOOKS)).text
    rotated = (await owner.post(f"{path}/rotate", {"overlap_hours": 2})).json()
    assert rotated["secret"] not in {secret, None}
    assert rotated["previous_secret_until"]
    sent = await owner.post(f"{path}/test")
    assert (sent.status_code, sent.json()["state"], sent.json()["body"]["type"]) == (
        202,
        "pending",
        "webhook.test",
    )
    (logged,) = (await owner.get(f"{path}/deliveries?limit=1")).json()["items"]
    assert logged == sent.json()
    off = (await put(owner, path, {"on": False, "events": []})).json()
    assert (off["on"], off["off_reason"], off["events"], off["url"]) == (False, "by-hand", [], URL)
    (logged,) = (await owner.get(f"{path}/deliveries")).json()["items"]
    assert logged["state"] == "dropped"
    refused = (await owner.post(f"{path}/deliveries/{logged['id']}/replay")).json()
    assert refused["code"] == "webhook-off"
    assert refused["remedy"]["url"].endswith(f"/manage/quarry/webhooks/{made.json()['id']}")
    assert (await put(owner, path, {"on": True})).json()["on"]
    assert (await owner.post(f"{path}/deliveries/{logged['id']}/replay")).json()["state"] == "pending"
    assert (await owner.post(f"{path}/end")).status_code == 200
    assert (await owner.get(path)).json()["code"] == "webhook-unknown"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "http://hooks.example/x"}, "url"),
        ({"url": "https://127.0.0.1/x"}, "url"),
        ({"url": "https://169.254.169.254/x"}, "url"),
        ({"url": URL, "events": ["access.revoked", "no.such"]}, "events"),
        ({"url": URL, "models": ["no-such"]}, "models"),
        ({"url": URL, "hub_secret": "line-end\n"}, "hub_secret"),
    ],
)
async def test_what_cannot_be_one_is_refused_with_the_field(owner: Caller, body: Any, field: str) -> None:
    answer = await owner.post(HOOKS, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "webhook-malformed")
    assert list(answer.json()["errors"]) == [field]
    assert (await owner.get(HOOKS)).json() == {"items": []}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": ""},
        {"url": "https://hooks.example/" + "x" * 600},
        {"url": URL, "secret": "mine"},
        {"url": URL, "hub_secret": "with a space"},
        {"url": URL, "hub_secret": "line\r\nX-Injected: yes"},
        {"url": URL, "events": "access.revoked"},
        {"url": URL, "models": ["x"] * 101},
    ],
)
async def test_what_does_not_fit_the_form_reaches_no_use_case(owner: Caller, body: Any) -> None:
    assert (await owner.post(HOOKS, body)).status_code == 400


async def test_a_webhook_is_its_own_publishers_alone(site: Site, owner: Caller) -> None:
    path = f"{HOOKS}/{(await owner.post(HOOKS, {'url': URL})).json()['id']}"
    eve = site.world.person("eve@lab.example")
    site.world.publisher(eve, "meadow")
    rival = Caller(site, Scope.PUBLISH, email="eve@lab.example")
    for answer in (
        await rival.get(path),
        await rival.get(f"{path}/deliveries"),
        await rival.post(f"{path}/rotate", {}),
        await rival.post(f"{path}/end"),
    ):
        assert answer.status_code == 403
    elsewhere = path.replace("quarry", "meadow")
    assert (await rival.get(elsewhere)).json()["code"] == "webhook-unknown"
    assert (await rival.post(f"{elsewhere}/rotate", {})).status_code == 404
    assert (await owner.get(path)).json()["on"]


def test_neither_address_nor_secret_is_in_a_text_of_the_input() -> None:
    assert "s3cret" not in repr(WebhookInput(url=URL, hub_secret="hub-s3cret"))


def test_every_event_is_documented(request: pytest.FixtureRequest) -> None:
    page = (request.config.rootpath / "docs" / "webhooks.md").read_text()
    assert [event.value for event in Event if f"`{event.value}`" not in page] == []
