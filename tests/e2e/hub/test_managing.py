"""Scripts written for the Hub manage a gate here, unmodified, and are told in words what they cannot do."""

import re
from typing import Any

import pytest

from registry import catalog
from registry.access import requesting
from registry.access.request_views import Office, RequestView
from registry.catalog.domain import GateMode
from registry.identity.domain import Scope
from tests.e2e.hub.conftest import HubClient, Scene, Stage
from tests.world import ANSWERS


class Gate:
    """A gate of mode manual at which somebody has asked, and the Hub's client in its reviewer's hand."""

    def __init__(self, scene: Scene, client: HubClient) -> None:
        self.scene, self.client = scene, client
        world = scene.registry.world
        changed = world.write(
            catalog.change_gate,
            publisher=scene.publisher.name,
            name="demo-model",
            demand=catalog.GateDemand(
                mode=GateMode.MANUAL, licenses=(f"{scene.slug}@1.0",), fields=scene.model.gate.fields
            ),
            principal=scene.owner,
            now=world.now,
        )
        assert isinstance(changed, catalog.GateView), changed
        scene.accept()
        asked = world.write(
            requesting.ask,
            office=Office(
                principal=scene.person, sealer=world.sealer, base_url=scene.registry.url, now=world.now
            ),
            publisher=scene.publisher.name,
            model="demo-model",
            answers=ANSWERS,
            note="for my thesis",
        )
        assert isinstance(asked, RequestView), asked
        self.token = world.token(scene.owner, Scope.REVIEW, Scope.PUBLISH)

    def call(self, method: str, *arguments: str, **named: Any) -> Any:
        given = ", ".join([*map(repr, arguments), *(f"{name}={value!r}" for name, value in named.items())])
        return self.client.python(f"api.{method}({self.scene.repo!r}, {given})", token=self.token)

    def names(self, status: str) -> list[str]:
        found = self.call(f"list_{status}_access_requests")
        assert "value" in found, found
        return [one["username"] for one in found["value"]]

    def fetch(self) -> Any:
        return self.client.python(
            f"hub.hf_hub_download({self.scene.repo!r}, 'model.safetensors')", token=self.scene.token
        )


@pytest.fixture
def gate(stage: Stage, new_client: HubClient) -> Gate:
    return Gate(stage.scene(), new_client)


def test_a_script_lists_accepts_and_ends_access(gate: Gate) -> None:
    email = gate.scene.person_email
    (pending,) = gate.call("list_pending_access_requests")["value"]
    assert (pending["username"], pending["status"], pending["email"]) == (email, "pending", email)
    assert pending["fields"] == ANSWERS
    assert gate.fetch()["error"] == "GatedRepoError"
    assert "value" in gate.call("accept_access_request", request_id=pending["request_id"])
    assert gate.names("accepted") == [email]
    assert gate.names("pending") == []
    assert "value" in gate.fetch()
    again = gate.call("accept_access_request", email)
    assert (again["error"], "404" in again["text"]) == ("HfHubHTTPError", True)
    ended = gate.call("cancel_access_request", email)
    assert "value" in ended
    assert "asks again" in ended["stderr"]
    assert gate.names("accepted") == []


def test_a_script_rejects_with_a_reason(gate: Gate) -> None:
    email = gate.scene.person_email
    silent = gate.call("reject_access_request", email, rejection_reason=None)
    assert silent["error"] == "BadRequestError"
    assert "the applicant reads it" in silent["text"]
    assert "value" in gate.call("reject_access_request", email, rejection_reason="Say more")
    assert gate.names("rejected") == [email]
    assert gate.fetch()["error"] == "GatedRepoError"


def test_a_script_gives_nothing_to_who_has_not_asked_and_opens_no_gate(gate: Gate) -> None:
    outcome = gate.call("grant_access", "nobody@nordlab.example")
    assert outcome["error"] == "HfHubHTTPError"
    assert f"{gate.scene.registry.url}/{gate.scene.repo}/request" in outcome["text"]
    opened = gate.call("update_repo_settings", gated="auto")
    assert opened["error"] == "HfHubHTTPError"
    assert "fresh sign-in" in opened["text"]
    assert "value" in gate.call("update_repo_settings", gated="manual")
    command = gate.client.hf("repos", "settings", gate.scene.repo, "--gated", "false", token=gate.token)
    assert command.code == 1
    assert "fresh sign-in" in command.text
    assert gate.names("pending") == [gate.scene.person_email]


def test_the_page_that_clients_print_leads_to_the_way_to_accept(stage: Stage, new_client: HubClient) -> None:
    """`transformers` and others print `{endpoint}/{id}`: the model's page offers what is left to do."""
    scene = stage.scene()
    page = new_client.python(
        f"hub.utils.get_session().get('{scene.registry.url}/{scene.repo}', headers={{'Accept': 'text/html'}}).text"
    )["value"]
    assert re.search(rf"href=\"/sign-in\?next=/{scene.repo}[^\"]*\"", page)
    assert "license" in page
