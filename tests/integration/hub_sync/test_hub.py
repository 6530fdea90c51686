"""The adapter against a server on loopback: what it sends, and what it makes of answers, honest or not."""

import json
from uuid import UUID

import pytest

from registry.hub_sync.applying import Answered, Failed, Trouble
from registry.hub_sync.domain import Action, Actual, Deed, HubGate, HubState
from registry.hub_sync.hub import HubSession
from tests.integration.hub_sync.hub_server import TOKEN, serving
from tests.unit.hub_sync.simulated_hub import SimulatedHub

MARA, NOOR, OLA = (f"{number:024x}" for number in (1, 2, 3))
REPO = "hf-org/hf-model"


@pytest.fixture
def server(monkeypatch):
    # What the environment says is nothing to the mirror.
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_else")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    hub = SimulatedHub(names={MARA: "mara", NOOR: "noor", OLA: "ola"}, gate=HubGate.MANUAL)
    with serving(hub) as running:
        yield running


@pytest.fixture
def session(server):
    return HubSession(endpoint=server.endpoint, token=TOKEN)


def act(deed, **given):
    return Action(deed=deed, why="", person_id=UUID(int=1), **given)


def test_all_pages_of_all_lists_are_read(server, session):
    server.page_entries = 1
    for account in (MARA, NOOR, OLA):
        server.hub.submit(account)
    server.hub.set_by_hand(OLA, "accepted")
    found = session.read(REPO)
    assert isinstance(found, Actual)
    assert {(one.user_id, one.name, one.state) for one in found.applicants} == {
        (MARA, "mara", HubState.PENDING),
        (NOOR, "noor", HubState.PENDING),
        (OLA, "ola", HubState.ACCEPTED),
    }
    assert {one["authorization"] for one in server.headers} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    ("deed", "sent"),
    [
        (Deed.ACCEPT, {"requestId": "r1", "status": "accepted"}),
        (Deed.REJECT, {"requestId": "r1", "status": "rejected", "rejectionReason": "Blocked."}),
        (Deed.RESET, {"requestId": "r1", "status": "reset", "resetReason": "Blocked."}),
        (Deed.CANCEL, {"requestId": "r1", "status": "pending"}),
    ],
)
def test_each_deed_is_the_call_that_the_hub_knows(server, session, deed, sent):
    server.hub.submit(MARA)
    server.hub.set_by_hand(MARA, "accepted" if deed is not Deed.ACCEPT else "pending")
    answer = session.do(REPO, act(deed, user="mara", request_id="r1", reason="Blocked."))
    assert isinstance(answer, Answered)
    assert answer.hub_request_id.startswith("Root=1-")
    method, target, body = server.requests[-1]
    assert (method, target) == ("POST", f"/api/models/{REPO}/user-access-request/handle")
    assert body == sent


def test_the_gate_is_set_to_manual(server, session):
    server.hub.gate = HubGate.OPEN
    assert isinstance(session.do(REPO, act(Deed.CLOSE)), Answered)
    assert server.requests[-1] == ("PUT", f"/api/models/{REPO}/settings", {"gated": "manual"})
    assert server.hub.gate is HubGate.MANUAL


def test_a_grant_asks_first_whose_name_it_is(server, session):
    assert isinstance(session.do(REPO, act(Deed.GRANT, user="mara", user_id=MARA)), Answered)
    server.hub.names |= {MARA: "mara-l", OLA: "mara"}
    refused = session.do(REPO, act(Deed.GRANT, user="mara", user_id=MARA))
    assert isinstance(refused, Failed)
    assert refused.trouble is Trouble.REFUSED
    assert server.hub.readers == {MARA}


def test_what_is_as_it_should_be_already_is_stale(server, session):
    server.hub.submit(MARA)
    answer = session.do(REPO, act(Deed.CANCEL, request_id="r1"))
    assert isinstance(answer, Failed)
    assert answer.trouble is Trouble.STALE


def html(_method, _target):
    return 200, {"Content-Type": "text/html"}, b"<html>Sign in to continue</html>"


def endless(_method, target):
    if "user-access-request" not in target:
        return None
    following = target.replace("cursor=", "cursor=1") if "cursor" in target else f"{target}&cursor=1"
    return 200, {"Link": f'<{following}>; rel="next"'}, b"[]"


def around(_method, target):
    return (200, {"Link": f'<{target}>; rel="next"'}, b"[]") if "user-access" in target else None


def elsewhere(_method, target):
    link = '<http://127.0.0.1:9/list>; rel="next"'
    return (200, {"Link": link}, b"[]") if "user-access" in target else None


def other_list(_method, target):
    entry = [{"user": {"_id": MARA, "user": "mara"}, "requestId": "r1", "status": "accepted"}]
    return (200, {}, json.dumps(entry).encode()) if target.partition("?")[0].endswith("pending") else None


def nameless(_method, target):
    return (200, {}, b'[{"status": "pending"}]') if target.partition("?")[0].endswith("pending") else None


def control(_method, target):
    entry = [{"user": {"user": "a\nb"}, "requestId": "r1"}]
    return (200, {}, json.dumps(entry).encode()) if "user-access" in target else None


def deep(_method, _target):
    return 200, {}, b"[" * 200_000


def unknown_gate(_method, _target):
    return 200, {}, b'{"id": "hf-org/hf-model", "gated": "sometimes", "sha": null}'


def redirect(_method, _target):
    return 302, {"Location": "http://127.0.0.1:9/steal"}, b""


def odd(_method, _target):
    return 418, {}, b""


@pytest.mark.parametrize(
    "twist",
    [html, endless, around, elsewhere, other_list, nameless, control, deep, unknown_gate, redirect, odd],
    ids=lambda one: one.__name__,
)
def test_an_answer_that_no_hub_gives_is_a_failure_and_nothing_is_read_from_it(server, session, twist):
    server.hub.submit(MARA)
    server.twist = twist
    found = session.read(REPO)
    assert isinstance(found, Failed), found
    assert found.trouble is Trouble.UNREADABLE
    assert TOKEN not in found.words
    assert len(server.requests) < 1_600


@pytest.mark.parametrize(
    ("status", "headers", "trouble"),
    [
        (401, {}, Trouble.TOKEN_REFUSED),
        (403, {}, Trouble.NOT_ALLOWED),
        (404, {"X-Error-Code": "RepoNotFound"}, Trouble.REPO_GONE),
        (404, {}, Trouble.STALE),
        (400, {}, Trouble.REFUSED),
        (400, {"X-Error-Code": "RepoNotGated"}, Trouble.STALE),
        (429, {"Retry-After": "7"}, Trouble.RATE_LIMITED),
        (500, {}, Trouble.UNREACHABLE),
        (307, {"Location": "/api/models/evil/repo/user-access-request/handle"}, Trouble.UNREADABLE),
    ],
)
def test_every_no_to_a_change_is_told_as_what_it_is(server, session, status, headers, trouble):
    server.twist = lambda *_: (status, headers, b"{}")
    answer = session.do(REPO, act(Deed.ACCEPT, request_id="r1"))
    assert isinstance(answer, Failed)
    assert answer.trouble is trouble
    assert answer.retry_seconds == (7.0 if status == 429 else 0.0)
    assert len(server.requests) == 1, "nothing is tried twice"


def test_an_answer_that_is_too_large_is_not_read(server, session):
    server.twist = lambda *_: (200, {}, b" " * (9 * 1024 * 1024))
    found = session.read(REPO)
    assert isinstance(found, Failed)
    assert found.trouble is Trouble.UNREACHABLE


def test_a_renamed_repository_is_read_under_its_new_name(server, session):
    server.hub.repo_id = "hf-org/new-name"
    server.twist = lambda _method, target: (
        (307, {"Location": "/api/models/hf-org/new-name"}, b"") if REPO in target else None
    )
    found = session.read(REPO)
    assert isinstance(found, Actual)
    assert found.repo_id == "hf-org/new-name"


def test_letting_in_waits_for_our_share_of_the_quota_and_taking_away_does_not(server, session):
    server.extra = {"RateLimit": '"api";r=499;t=120', "RateLimit-Policy": '"fixed window";"api";q=1000;w=300'}
    server.hub.submit(MARA)
    server.hub.set_by_hand(NOOR, "accepted")
    session.read(REPO)
    waits = session.do(REPO, act(Deed.ACCEPT, request_id="r1"))
    assert isinstance(waits, Failed)
    assert (waits.trouble, waits.retry_seconds) == (Trouble.RATE_LIMITED, 121.0)
    assert isinstance(session.do(REPO, act(Deed.CANCEL, user="noor")), Answered)
    assert server.hub.readers == set()


def test_the_token_is_checked_for_what_it_is_needed_for(server, session):
    who = session.who()
    assert not isinstance(who, Failed)
    assert (who.name, who.role) == ("release-bot", "write")
    assert session.may_manage(REPO) is None
    server.role = "read"
    refused = session.may_manage(REPO)
    assert refused is not None
    assert refused.trouble is Trouble.NOT_ALLOWED
    server.token = "hf_another"
    refused = session.may_manage(REPO)
    assert refused is not None
    assert refused.trouble is Trouble.TOKEN_REFUSED


def test_nobody_listens():
    session = HubSession(endpoint="http://127.0.0.1:9", token=TOKEN)
    found = session.read(REPO)
    assert isinstance(found, Failed)
    assert found.trouble is Trouble.UNREACHABLE


@pytest.mark.parametrize("endpoint", ["https://10.0.0.1", "https://169.254.169.254", "http://192.0.2.1"])
def test_addresses_inside_are_not_asked(endpoint):
    found = HubSession(endpoint=endpoint, token=TOKEN).read(REPO)
    assert isinstance(found, Failed)
    assert found.trouble is Trouble.UNREACHABLE
    assert "may not be asked" in found.words
