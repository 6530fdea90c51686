"""The adapter against a server on loopback: what it sends, and what it makes of answers, honest or not."""

import json
from uuid import UUID

import pytest

from registry.hub_sync import hub as adapter
from registry.hub_sync.applying import Answered, Failed, Trouble
from registry.hub_sync.domain import Action, Actual, Deed, HubGate, HubState
from registry.hub_sync.hub import HubSession
from tests.servers.fake_hub import Trouble as Fault
from tests.servers.fake_hub import serving

REPO = "hf-org/hf-model"
MANY = [f"person-{number:02}" for number in range(12)]


@pytest.fixture
def hub(monkeypatch):
    # What the environment says is nothing to the mirror.
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_else")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with serving() as running:
        for name in ("release-bot", "mara", "noor", "ola"):
            running.add_user(name)
        running.add_organisation("hf-org", **{"release-bot": "admin"})
        running.add_model(REPO, gated="manual")
        yield running


@pytest.fixture
def token(hub):
    return hub.add_token("release-bot")


@pytest.fixture
def session(hub, token):
    return HubSession(endpoint=hub.url, token=token)


def act(deed, **given):
    return Action(deed=deed, why="", person_id=UUID(int=1), **given)


def put(hub, name, status):
    """Let the person ask and be decided about by hand; return the id of the request."""
    hub.ask(REPO, name)
    hub.set_status(REPO, name, status)
    return hub.model(REPO).gate.requests[hub.user(name).id].id


def last(hub):
    seen = hub.seen[-1]
    return seen.method, seen.path, json.loads(seen.body)


def test_all_pages_of_all_lists_are_read(hub, token, session, monkeypatch):
    monkeypatch.setattr(adapter, "PAGE_ENTRIES", 10)
    for name in MANY:
        hub.add_user(name)
        hub.ask(REPO, name)
    put(hub, "ola", "accepted")
    found = session.read(REPO)
    assert isinstance(found, Actual)
    assert {(one.user_id, one.name, one.state) for one in found.applicants} == {
        *((hub.user(name).id, name, HubState.PENDING) for name in MANY),
        (hub.user("ola").id, "ola", HubState.ACCEPTED),
    }
    assert len(hub.calls(path="/pending")) == 2
    assert {one.headers["authorization"] for one in hub.seen} == {f"Bearer {token}"}


@pytest.mark.parametrize(
    ("deed", "sent"),
    [
        (Deed.ACCEPT, {"status": "accepted"}),
        (Deed.REJECT, {"status": "rejected", "rejectionReason": "Blocked."}),
        (Deed.RESET, {"status": "reset", "resetReason": "Blocked."}),
        (Deed.CANCEL, {"status": "pending"}),
    ],
)
def test_each_deed_is_the_call_that_the_hub_knows(hub, session, deed, sent):
    request_id = put(hub, "mara", "accepted" if deed is not Deed.ACCEPT else "pending")
    answer = session.do(REPO, act(deed, user="mara", request_id=request_id, reason="Blocked."))
    assert isinstance(answer, Answered)
    assert answer.hub_request_id.startswith("Root=1-")
    path = f"/api/models/{REPO}/user-access-request/handle"
    assert last(hub) == ("POST", path, {"requestId": request_id, **sent})
    assert hub.statuses(REPO) == {"mara": sent["status"]}


def test_the_gate_is_set_to_manual(hub, session):
    hub.set_gated(REPO, gated=False)
    assert isinstance(session.do(REPO, act(Deed.CLOSE)), Answered)
    assert last(hub) == ("PUT", f"/api/models/{REPO}/settings", {"gated": "manual"})
    found = session.read(REPO)
    assert isinstance(found, Actual)
    assert found.gate is HubGate.MANUAL


def test_a_grant_asks_first_whose_name_it_is(hub, session):
    mara = hub.user("mara").id
    assert isinstance(session.do(REPO, act(Deed.GRANT, user="mara", user_id=mara)), Answered)
    hub.rename_user("mara", "mara-l")
    hub.rename_user("ola", "mara")
    refused = session.do(REPO, act(Deed.GRANT, user="mara", user_id=mara))
    assert isinstance(refused, Failed)
    assert refused.trouble is Trouble.REFUSED
    assert hub.statuses(REPO) == {"mara-l": "accepted"}


def test_what_is_as_it_should_be_already_is_stale(hub, session):
    answer = session.do(REPO, act(Deed.CANCEL, request_id=put(hub, "mara", "pending")))
    assert isinstance(answer, Failed)
    assert answer.trouble is Trouble.STALE


def entry(**given):
    return json.dumps([{"user": {"_id": "a" * 24, "user": "mara"}, "requestId": "r1", **given}])


LISTS = "user-access-request"
NO_HUB = {
    "html": {"trouble": Fault.HTML},
    "endless": {"trouble": Fault.ENDLESS, "path": LISTS, "times": 99},
    "around": {
        "headers": {"Link": f'</api/models/{REPO}/{LISTS}/pending?limit=1000>; rel="next"'},
        "body": "[]",
        "path": LISTS,
        "times": 9,
    },
    "elsewhere": {"headers": {"Link": '<http://127.0.0.1:9/list>; rel="next"'}, "body": "[]", "path": LISTS},
    "other-list": {"body": entry(status="accepted"), "path": "/pending"},
    "nameless": {"body": '[{"status": "pending"}]', "path": "/pending"},
    "control": {"body": entry(user={"user": "a\nb"}), "path": LISTS},
    "deep": {"body": "[" * 200_000},
    "unknown-gate": {"body": '{"id": "hf-org/hf-model", "gated": "sometimes", "sha": null}'},
    "redirect": {"trouble": Fault.ELSEWHERE},
    "odd": {"status": 418},
}


@pytest.mark.parametrize("fault", NO_HUB)
def test_an_answer_that_no_hub_gives_is_a_failure_and_nothing_is_read_from_it(
    hub, token, session, fault, monkeypatch
):
    monkeypatch.setattr(adapter, "PAGES_MOST", 20)
    hub.ask(REPO, "mara")
    hub.fail(**{"trouble": Fault.SAID, **NO_HUB[fault]})
    found = session.read(REPO)
    assert isinstance(found, Failed), found
    assert found.trouble is Trouble.UNREADABLE
    assert token not in found.words
    assert len(hub.seen) <= 21


@pytest.mark.parametrize(
    ("status", "headers", "trouble"),
    [
        (401, {}, Trouble.TOKEN_REFUSED),
        (403, {}, Trouble.NOT_ALLOWED),
        (404, {"X-Error-Code": "RepoNotFound"}, Trouble.REPO_GONE),
        (404, {}, Trouble.STALE),
        (400, {}, Trouble.REFUSED),
        (400, {"X-Error-Code": "RepoNotGated"}, Trouble.STALE),
        (202, {}, Trouble.REFUSED),
        (429, {"Retry-After": "7"}, Trouble.RATE_LIMITED),
        (500, {}, Trouble.UNREACHABLE),
        (307, {"Location": "/api/models/evil/repo/user-access-request/handle"}, Trouble.UNREADABLE),
    ],
)
def test_every_no_to_a_change_is_told_as_what_it_is(hub, session, status, headers, trouble):
    hub.fail(Fault.SAID, status=status, headers=headers)
    answer = session.do(REPO, act(Deed.ACCEPT, request_id="r1"))
    assert isinstance(answer, Failed)
    assert answer.trouble is trouble
    assert answer.retry_seconds == (7.0 if status == 429 else 0.0)
    assert len(hub.seen) == 1, "nothing is tried twice"


def test_an_answer_that_is_too_large_is_not_read(hub, session):
    hub.fail(Fault.SAID, body=" " * (9 * 1024 * 1024))
    found = session.read(REPO)
    assert isinstance(found, Failed)
    assert found.trouble is Trouble.UNREACHABLE


def test_a_renamed_repository_is_read_under_its_new_name(hub, session):
    hub.rename_model(REPO, "hf-org/new-name")
    found = session.read(REPO)
    assert isinstance(found, Actual)
    assert found.repo_id == "hf-org/new-name"


def test_letting_in_waits_for_our_share_of_the_quota_and_taking_away_does_not(hub, session):
    hub.set_quota("release-bot", 8)
    request_id = put(hub, "mara", "pending")
    put(hub, "noor", "accepted")
    session.read(REPO)
    waits = session.do(REPO, act(Deed.ACCEPT, request_id=request_id))
    assert isinstance(waits, Failed)
    assert (waits.trouble, waits.retry_seconds) == (Trouble.RATE_LIMITED, 301.0)
    assert isinstance(session.do(REPO, act(Deed.CANCEL, user="noor")), Answered)
    assert hub.statuses(REPO) == {"mara": "pending", "noor": "pending"}


def test_the_token_is_checked_for_what_it_is_needed_for(hub, token, session):
    who = session.who()
    assert not isinstance(who, Failed)
    assert (who.name, who.role) == ("release-bot", "write")
    assert session.may_manage(REPO) is None
    reader = HubSession(endpoint=hub.url, token=hub.add_token("release-bot", role="read"))
    refused = reader.may_manage(REPO)
    assert refused is not None
    assert refused.trouble is Trouble.NOT_ALLOWED
    hub.revoke_token(token)
    refused = session.may_manage(REPO)
    assert refused is not None
    assert refused.trouble is Trouble.TOKEN_REFUSED


def test_nobody_listens():
    session = HubSession(endpoint="http://127.0.0.1:9", token="hf_nobody")
    found = session.read(REPO)
    assert isinstance(found, Failed)
    assert found.trouble is Trouble.UNREACHABLE


@pytest.mark.parametrize("endpoint", ["https://10.0.0.1", "https://169.254.169.254", "http://192.0.2.1"])
def test_addresses_inside_are_not_asked(endpoint):
    found = HubSession(endpoint=endpoint, token="hf_nobody").read(REPO)
    assert isinstance(found, Failed)
    assert found.trouble is Trouble.UNREACHABLE
    assert "may not be asked" in found.words
