"""`hf auth`: signing in with a token, asking who one is, and what a wrong token leads to."""

import json
import re
import time

import pytest

from registry.identity import oauth_service
from registry.identity.domain import Scope
from registry.kernel.outcomes import Refusal
from tests.e2e.hub.conftest import HubClient, Registry, Scene

pytestmark = [pytest.mark.hub, pytest.mark.slow]


def test_login_with_a_token_keeps_it_under_its_name(ready_scene: Scene, client: HubClient) -> None:
    login = client.hf("auth", "login", "--token", ready_scene.token)
    assert login.code == 0, login.text
    assert (client.home / "token").read_text() == ready_scene.token
    assert "laptop" in (client.home / "stored_tokens").read_text()
    whoami = client.hf("auth", "whoami")
    assert whoami.code == 0, whoami.text
    assert "@nordlab.example" in whoami.text
    download = client.hf("download", ready_scene.repo, "config.json")
    assert download.code == 0, download.text


def test_a_wrong_token_is_refused_with_the_place_to_get_one(client: HubClient, registry: Registry) -> None:
    login = client.hf("auth", "login", "--token", "hf_" + "q" * 34)
    assert login.code != 0
    assert not (client.home / "token").exists()
    whoami = client.hf("auth", "whoami", token="hf_" + "q" * 34)
    assert whoami.code != 0
    if client.shows_warnings:
        assert f"{registry.url}/settings/tokens" in login.stderr
        assert f"{registry.url}/settings/tokens" in whoami.stderr


def decide(registry: Registry, scene: Scene, code: str, *, approve: bool) -> None:
    world = registry.world
    decided = world.write(
        oauth_service.decide_waiting,
        typed=code,
        approve=approve,
        person_id=scene.person.person_id,
        network="127.0.0.1",
        sealer=world.sealer,
        now=world.now,
    )
    assert not isinstance(decided, Refusal), decided


def test_login_in_the_browser_needs_nothing_but_the_endpoint(
    ready_scene: Scene, new_client: HubClient, registry: Registry
) -> None:
    with new_client.started("auth", "login") as login:
        code = login.wait_for(r"[B-Z]{4}-[B-Z]{4}")
        assert f"{registry.url}/device?user_code={code}" in login.said
        decide(registry, ready_scene, code, approve=True)
        assert login.finish() == 0, login.said
    token = (new_client.home / "token").read_text()
    assert token.startswith("gatehouse_oauth_")
    stored = (new_client.home / "stored_tokens").read_text()
    assert "refresh_token" in stored
    assert "expires_at" in stored
    whoami = new_client.hf("auth", "whoami")
    assert ready_scene.person_email in whoami.text
    download = new_client.hf("download", ready_scene.repo, "config.json")
    assert download.code == 0, download.text
    assert (new_client.home / "token").read_text() == token, "a fresh token is not refreshed at each start"


def test_a_token_that_soon_ends_is_refreshed_by_the_client_itself(
    ready_scene: Scene, new_client: HubClient, registry: Registry
) -> None:
    with new_client.started("auth", "login") as login:
        decide(registry, ready_scene, login.wait_for(r"[B-Z]{4}-[B-Z]{4}"), approve=True)
        assert login.finish() == 0, login.said
    first = (new_client.home / "token").read_text()
    stored = new_client.home / "stored_tokens"
    soon = f"expires_at = {int(time.time()) + 3600}"
    stored.write_text(re.sub(r"expires_at = [\d.]+", soon, stored.read_text()))
    whoami = new_client.hf("auth", "whoami")
    assert whoami.code == 0, whoami.text
    second = (new_client.home / "token").read_text()
    assert second.startswith("gatehouse_oauth_")
    assert second != first


def test_a_refused_login_says_so(ready_scene: Scene, new_client: HubClient, registry: Registry) -> None:
    with new_client.started("auth", "login") as login:
        decide(registry, ready_scene, login.wait_for(r"[B-Z]{4}-[B-Z]{4}"), approve=False)
        assert login.finish() != 0
    assert "denied" in login.said
    assert not (new_client.home / "token").exists()


def test_publishers_are_the_organisations(ready_scene: Scene, client: HubClient, registry: Registry) -> None:
    token = registry.world.token(ready_scene.owner)
    body = client.python("hub.whoami()", token=token)["value"]
    assert [org["name"] for org in body["orgs"]] == [ready_scene.publisher.name]
    assert json.dumps(body).count("laptop") == 1


def test_an_upload_is_told_how_models_are_published(
    ready_scene: Scene, new_client: HubClient, registry: Registry
) -> None:
    file = new_client.home / "x.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("x")
    token = registry.world.token(ready_scene.owner, Scope.READ, Scope.PUBLISH)
    outcome = new_client.hf("upload", f"{ready_scene.publisher.name}/new-model", str(file), token=token)
    assert outcome.code != 0
    assert "gatehouse publish" in outcome.text
