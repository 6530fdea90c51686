"""`hf auth`: signing in with a token, asking who one is, and what a wrong token leads to."""

import json

import pytest

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


def test_login_without_a_token_names_the_token_page(new_client: HubClient, registry: Registry) -> None:
    outcome = new_client.hf("auth", "login")
    assert outcome.code != 0
    assert f"{registry.url}/settings/tokens" in outcome.text


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
    token = registry.world.token(ready_scene.owner)
    outcome = new_client.hf("upload", f"{ready_scene.publisher.name}/new-model", str(file), token=token)
    assert outcome.code != 0
    assert "gatehouse publish" in outcome.text
