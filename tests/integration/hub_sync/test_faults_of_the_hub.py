"""What goes wrong with the Hub of the tests when a test says so, what it limits, and how other processes move it."""

import json
import subprocess
import sys

import httpx2
import pytest

from tests.servers.fake_hub import Trouble, serving
from tests.servers.processes import ROOT

REPO = "nordlab/model"
LIST = f"/api/models/{REPO}/user-access-request/pending"


@pytest.fixture
def hub():
    with serving() as running:
        running.add_user("keeper")
        running.add_user("mara")
        running.add_organisation("nordlab", keeper="write")
        running.add_model(REPO, gated="manual")
        yield running


@pytest.fixture
def client(hub):
    headers = {"authorization": f"Bearer {hub.add_token('keeper')}"}
    with httpx2.Client(base_url=hub.url, headers=headers, trust_env=False) as session:
        yield session


def grant(client):
    return client.post(f"/api/models/{REPO}/user-access-request/grant", json={"user": "mara"})


@pytest.mark.parametrize(
    ("trouble", "status"),
    [
        (Trouble.TOO_MANY, 429),
        (Trouble.ERROR, 500),
        (Trouble.BAD_GATEWAY, 502),
        (Trouble.WRONG_JSON, 200),
        (Trouble.NOT_JSON, 200),
        (Trouble.HTML, 200),
        (Trouble.ELSEWHERE, 302),
        (Trouble.EMPTY_YES, 200),
    ],
)
def test_a_fault_answers_once_and_does_nothing(hub, client, trouble, status):
    hub.fail(trouble, method="POST", path="/grant")
    assert client.get("/api/whoami-v2").status_code == 200
    assert grant(client).status_code == status
    assert hub.statuses(REPO) == {}
    assert grant(client).json() == {}
    assert hub.statuses(REPO) == {"mara": "accepted"}


def test_a_cut_answer_was_done(hub, client):
    hub.fail(Trouble.CUT, path="/grant")
    with pytest.raises(httpx2.RemoteProtocolError):
        grant(client)
    assert hub.statuses(REPO) == {"mara": "accepted"}


def test_silence_outlasts_the_patience_of_the_client(hub, client):
    hub.fail(Trouble.SILENT, path="/grant")
    with pytest.raises(httpx2.ReadTimeout):
        client.post(f"/api/models/{REPO}/user-access-request/grant", json={"user": "mara"}, timeout=0.05)
    assert hub.statuses(REPO) == {}


def test_endless_lists_always_name_another_page(hub, client):
    hub.fail(Trouble.ENDLESS, path="/pending", times=5)
    address, seen = LIST, set()
    for _ in range(5):
        address = client.get(address).links["next"]["url"]
        seen.add(address)
    assert len(seen) == 5


def test_a_token_ends_between_two_calls(hub, client):
    hub.fail(Trouble.TOKEN_REVOKED, path="/pending", skip=1)
    assert [client.get(LIST).status_code for _ in range(3)] == [200, 401, 401]


def test_windows_of_five_minutes_limit_requests(hub, client):
    hub.set_quota("keeper", 2)
    hub.advance(290)
    answers = [client.get("/api/whoami-v2") for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert answers[-1].headers["ratelimit"] == '"api";r=0;t=10'
    assert answers[-1].headers["ratelimit-policy"] == '"fixed window";"api";q=2;w=300'
    hub.advance(10)
    assert client.get("/api/whoami-v2").status_code == 200


def test_other_processes_move_the_hub_by_its_own_paths():
    command = [sys.executable, "-m", "tests.servers.fake_hub"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with httpx2.Client(base_url=url, trust_env=False) as session:
            for deed, args in [
                ("add_user", ["nordlab"]),
                ("add_user", ["mara"]),
                ("add_model", [REPO]),
                ("set_gated", [REPO, "auto"]),
                ("ask", [REPO, "mara"]),
                ("fail", ["error"]),
            ]:
                assert session.post(f"/-/{deed}", content=json.dumps({"args": args})).status_code == 200
            assert session.get("/api/whoami-v2").status_code == 500
            assert session.get("/-/state").json()["models"][REPO]["requests"] == {"mara": "accepted"}
            assert session.post("/-/close", content="{}").status_code == 404
        process.stdin.close()
        assert process.wait(10) == 0
