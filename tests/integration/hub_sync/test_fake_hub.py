"""The Hub of the tests, by the Hub's own client: each row of what the real one was seen to do."""

from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi, get_session, set_client_factory
from huggingface_hub.errors import (
    BadRequestError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
)
from huggingface_hub.utils._http import default_client_factory

from tests.servers.fake_hub import serving

REPO = "nordlab/model"


@pytest.fixture
def hub():
    # Adapters of other tests leave a session of theirs in the library.
    set_client_factory(default_client_factory)
    with serving() as running:
        for name in ("keeper", "mara", "noor", "ola"):
            running.add_user(name)
        running.add_organisation("nordlab", keeper="admin")
        running.add_model(REPO, gated="manual")
        yield running


@pytest.fixture
def owner(hub):
    return HfApi(endpoint=hub.url, token=hub.add_token("keeper"))


def of(hub, user):
    return HfApi(endpoint=hub.url, token=hub.add_token(user, role="read"))


def raw(hub, method, path, *, token=None, **given):
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return get_session().request(method, f"{hub.url}{path}", headers=headers, **given)


def decide(hub, owner, path, **body):
    return raw(hub, "POST", f"/api/models/{REPO}/user-access-request/{path}", token=owner.token, json=body)


def status_of(refused):
    return refused.value.response.status_code


# The methods of the client.


@pytest.mark.parametrize("status", ["pending", "accepted", "rejected"])
def test_each_list_has_the_requests_in_its_state(hub, owner, status):
    hub.ask(REPO, "mara", Affiliation="Nordlab")
    hub.ask(REPO, "noor")
    hub.set_status(REPO, "mara", status)
    hub.set_status(REPO, "noor", "reset")
    (found,) = getattr(owner, f"list_{status}_access_requests")(REPO)
    assert (found.username, found.email, found.status) == ("mara", "mara@example.org", status)
    assert found.fields == {"Affiliation": "Nordlab"}


@pytest.mark.parametrize("by", ["user", "request_id"])
def test_a_request_is_accepted_put_back_and_rejected(hub, owner, by):
    hub.ask(REPO, "mara")
    (request,) = owner.list_pending_access_requests(REPO)
    who = {by: {"user": "mara", "request_id": request.request_id}[by]}
    owner.accept_access_request(REPO, **who)
    assert hub.statuses(REPO) == {"mara": "accepted"}
    owner.cancel_access_request(REPO, **who)
    assert hub.statuses(REPO) == {"mara": "pending"}
    owner.reject_access_request(REPO, **who, rejection_reason="x" * 200)
    assert hub.statuses(REPO) == {"mara": "rejected"}


def test_access_is_granted_to_who_never_asked_and_hides_their_address(hub, owner):
    owner.grant_access(REPO, "mara")
    (found,) = owner.list_accepted_access_requests(REPO)
    assert (found.username, found.email) == ("mara", None)


@pytest.mark.parametrize("gated", ["auto", "manual", False])
def test_the_gate_is_set_and_read(hub, owner, gated):
    owner.update_repo_settings(REPO, gated=gated)
    found = owner.model_info(REPO, expand=["gated"])
    assert (found.gated, found.sha) == (gated, None)
    assert owner.model_info(REPO).card_data["license"] == "openrail"


def test_settings_that_the_client_does_not_know_are_taken_and_not_shown(hub, owner):
    path, body = f"/api/models/{REPO}/settings", {"orgMembersGated": True, "gatedNotificationsMode": "bulk"}
    answer = raw(hub, "PUT", path, token=owner.token, json=body)
    assert (answer.status_code, answer.json()) == (200, {})
    with pytest.raises(GatedRepoError):
        owner.auth_check(REPO)


def test_a_batch_reports_each_and_repeats_without_complaint(hub, owner):
    hub.ask(REPO, "mara")
    hub.ask(REPO, "noor")
    requests = [{"user": "mara"}, {"userId": hub.user("noor").id}, {"user": "nobody"}]
    for _ in range(2):
        answer = decide(hub, owner, "batch", status="accepted", requests=requests)
        assert [one["ok"] for one in answer.json()["results"]] == [True, True, False]
    assert hub.statuses(REPO) == {"mara": "accepted", "noor": "accepted"}


def test_a_reset_is_listed_and_lets_the_person_ask_anew(hub, owner):
    hub.ask(REPO, "mara")
    hub.set_status(REPO, "mara", "accepted")
    assert decide(hub, owner, "handle", user="mara", status="reset", resetReason="new terms").json() == {}
    path = f"/api/models/{REPO}/user-access-request/reset"
    (before,) = raw(hub, "GET", path, token=owner.token).json()
    hub.advance(60)
    hub.ask(REPO, "mara")
    (after,) = owner.list_pending_access_requests(REPO)
    assert after.request_id != before["requestId"]
    assert after.timestamp > hub.state.clock.now.replace(minute=0)


def test_the_report_is_an_attachment_with_all_states(hub, owner):
    hub.ask(REPO, "mara")
    owner.grant_access(REPO, "noor")
    answer = raw(hub, "GET", f"/{REPO}/user-access-report", token=owner.token)
    assert answer.headers["content-disposition"] == (
        'attachment; filename="user-access-report-nordlab-model.json"'
    )
    mara, noor = answer.json()
    assert (mara["user"], mara["status"], "reviewedAt" in mara) == ("mara", "pending", False)
    assert (noor["status"], noor["grantedBy"]["user"], "email" in noor) == ("accepted", "keeper", False)


@pytest.mark.parametrize("kind", ["data", "json"])
def test_a_person_asks_and_withdraws(hub, owner, kind):
    token = of(hub, "mara").token
    fields = {"Affiliation": "Nordlab"}
    asked = raw(hub, "POST", f"/{REPO}/ask-access", token=token, follow_redirects=False, **{kind: fields})
    assert (asked.status_code, asked.headers["location"]) == (303, f"{hub.url}/{REPO}")
    (found,) = owner.list_pending_access_requests(REPO)
    assert found.fields == fields
    raw(hub, "POST", f"/api/models/{REPO}/user-access-request/cancel", token=token)
    assert hub.statuses(REPO) == {}


# Items of lists.


def test_pages_hold_a_thousand_at_most_and_name_the_next_one(hub, owner):
    for number in range(1_003):
        hub.add_user(f"u{number}")
        hub.ask(REPO, f"u{number}")
    assert len({one.username for one in owner.list_pending_access_requests(REPO)}) == 1_003
    assert len(hub.calls("GET", "/pending")) == 2
    path = f"/api/models/{REPO}/user-access-request/pending"
    assert raw(hub, "GET", f"{path}?limit=10", token=owner.token).links["next"]["url"].startswith(hub.url)


def test_lists_are_narrowed_by_name_and_time(hub, owner):
    hub.ask(REPO, "mara")
    hub.advance(3_600)
    hub.ask(REPO, "noor")
    path = f"/api/models/{REPO}/user-access-request/pending"
    for query, names in [
        ("q=MA", ["mara"]),
        ("after=2026-11-01T00:30:00Z", ["noor"]),
        ("before=2026-11-01T00:30:00.000Z", ["mara"]),
    ]:
        answer = raw(hub, "GET", f"{path}?{query}", token=owner.token)
        assert [one["user"]["user"] for one in answer.json()] == names


def test_hidden_people_are_known_by_their_request_alone(hub, owner):
    hub.model(REPO).hides_names = True
    hub.ask(REPO, "mara")
    (found,) = owner.list_pending_access_requests(REPO)
    assert found.username is None
    with pytest.raises(HfHubHTTPError) as refused:
        owner.accept_access_request(REPO, user="mara")
    assert status_of(refused) == 404
    owner.accept_access_request(REPO, request_id=found.request_id)
    assert hub.statuses(REPO) == {"mara": "accepted"}


def test_lists_may_lag(hub, owner):
    hub.set_lag(1)
    hub.advance(1)
    hub.ask(REPO, "mara")
    assert list(owner.list_pending_access_requests(REPO)) == []
    hub.advance(1)
    assert len(list(owner.list_pending_access_requests(REPO))) == 1


# The states.


@pytest.mark.parametrize(("gated", "status"), [("auto", "accepted"), ("manual", "pending")])
def test_the_mode_decides_about_new_requests(hub, gated, status):
    hub.set_gated(REPO, gated)
    hub.ask(REPO, "mara")
    assert hub.statuses(REPO) == {"mara": status}


@pytest.mark.parametrize("status", ["pending", "accepted", "rejected"])
def test_asking_again_changes_nothing(hub, status):
    hub.ask(REPO, "mara")
    hub.set_status(REPO, "mara", status)
    before = vars(hub.model(REPO).gate.requests[hub.user("mara").id]).copy()
    hub.advance(60)
    hub.ask(REPO, "mara")
    assert vars(hub.model(REPO).gate.requests[hub.user("mara").id]) == before


@pytest.mark.parametrize("status", ["pending", "accepted", "rejected", "reset"])
def test_the_state_that_is_already_there_is_404_as_if_nobody_had_asked(hub, owner, status):
    hub.ask(REPO, "mara")
    hub.set_status(REPO, "mara", status)
    same = decide(hub, owner, "handle", user="mara", status=status)
    absent = decide(hub, owner, "handle", user="noor", status=status)
    assert (same.status_code, same.json()) == (404, absent.json())
    assert "x-error-code" not in same.headers


@pytest.mark.parametrize("status", ["pending", "rejected", "reset"])
def test_a_grant_lets_in_from_any_other_state(hub, owner, status):
    hub.ask(REPO, "mara")
    hub.set_status(REPO, "mara", status)
    owner.grant_access(REPO, "mara")
    assert hub.statuses(REPO) == {"mara": "accepted"}
    with pytest.raises(BadRequestError) as refused:
        owner.grant_access(REPO, "mara")
    assert "x-error-code" not in refused.value.response.headers


def test_automatic_gates_leave_who_waits(hub, owner):
    hub.ask(REPO, "mara")
    owner.update_repo_settings(REPO, gated="auto")
    assert hub.statuses(REPO) == {"mara": "pending"}


def test_decisions_outlast_an_open_gate(hub, owner):
    hub.ask(REPO, "mara")
    owner.accept_access_request(REPO, user="mara")
    owner.update_repo_settings(REPO, gated=False)
    of(hub, "noor").auth_check(REPO)
    assert len(list(owner.list_accepted_access_requests(REPO))) == 1
    for call in (owner.grant_access, owner.reject_access_request):
        more = {"rejection_reason": None} if call == owner.reject_access_request else {}
        with pytest.raises(BadRequestError) as refused:
            call(REPO, "mara", **more)
        assert refused.value.response.headers["x-error-code"] == "RepoNotGated"
    owner.update_repo_settings(REPO, gated="manual")
    of(hub, "mara").auth_check(REPO)
    with pytest.raises(GatedRepoError):
        of(hub, "noor").auth_check(REPO)


def test_a_group_decides_once_for_all_its_repositories(hub, owner):
    hub.add_model("nordlab/other", gated="manual")
    hub.group(REPO, "nordlab/other")
    owner.grant_access(REPO, "mara")
    assert hub.statuses("nordlab/other") == {"mara": "accepted"}


# Refusals of the owner's calls.


def test_no_token_and_a_wrong_one_are_401(hub):
    for token in (False, "hf_wrong"):
        with pytest.raises(HfHubHTTPError) as refused:
            HfApi(endpoint=hub.url, token=token).grant_access(REPO, "mara")
        assert status_of(refused) == 401
        assert "x-error-code" not in refused.value.response.headers


def test_who_may_not_write_is_403(hub):
    hub.add_model("nordlab/other", gated="manual")
    elsewhere = hub.add_token("keeper", role="fineGrained", repos=["nordlab/other"])
    for token in (hub.add_token("keeper", role="read"), hub.add_token("mara"), elsewhere):
        with pytest.raises(HfHubHTTPError) as refused:
            list(HfApi(endpoint=hub.url, token=token).list_pending_access_requests(REPO))
        assert status_of(refused) == 403
    HfApi(endpoint=hub.url, token=elsewhere).grant_access("nordlab/other", "mara")


def test_absent_and_hidden_repositories_are_404(hub, owner):
    with pytest.raises(RepositoryNotFoundError):
        owner.grant_access("nordlab/none", "mara")
    owner.update_repo_settings(REPO, private=True)
    with pytest.raises(RepositoryNotFoundError):
        of(hub, "mara").model_info(REPO)
    with pytest.raises(HfHubHTTPError) as refused:
        HfApi(endpoint=hub.url, token=False).model_info(REPO)
    assert status_of(refused) == 401


def test_unknown_people_are_404_without_a_code(hub, owner):
    with pytest.raises(HfHubHTTPError) as refused:
        owner.grant_access(REPO, "nobody")
    assert status_of(refused) == 404
    assert not isinstance(refused.value, RepositoryNotFoundError)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "user-access-request/handle", {"user": "mara", "status": "granted"}),
        ("POST", "user-access-request/handle", {"status": "accepted"}),
        ("POST", "user-access-request/handle", {"user": "mara", "requestId": "1", "status": "accepted"}),
        (
            "POST",
            "user-access-request/handle",
            {"user": "mara", "status": "rejected", "rejectionReason": "x" * 201},
        ),
        ("POST", "user-access-request/handle", {"user": "mara", "status": "accepted", "note": "x"}),
        ("POST", "user-access-request/batch", {"status": "accepted", "requests": []}),
        ("PUT", "settings", {"gated": True}),
        ("GET", "user-access-request/pending?limit=9", None),
        ("GET", "user-access-request/pending?page=2", None),
    ],
)
def test_what_no_specification_tells_is_400_and_a_violation(hub, owner, method, path, body):
    given = {} if body is None else {"json": body}
    answer = raw(hub, method, f"/api/models/{REPO}/{path}", token=owner.token, **given)
    assert answer.status_code == 400
    assert len(hub.take_violations()) == 1


def test_unknown_paths_and_methods_are_violations(hub, owner):
    assert raw(hub, "GET", f"/api/models/{REPO}/settings", token=owner.token).status_code == 405
    assert raw(hub, "GET", "/api/models", token=owner.token).status_code == 404
    assert len(hub.take_violations()) == 2


def test_a_violation_fails_the_test():
    with pytest.raises(AssertionError, match="no such path"), serving() as running:
        raw(running, "GET", "/api/else")


# The gate to people, cards, names, limits, webhooks.


@pytest.mark.parametrize("status", [None, "pending", "rejected", "reset", "accepted"])
def test_the_gate_answers_each_state_in_a_sentence_of_its_own(hub, status):
    if status:
        hub.ask(REPO, "mara")
        hub.set_status(REPO, "mara", status)
    if status == "accepted":
        of(hub, "mara").auth_check(REPO)
        return
    with pytest.raises(GatedRepoError) as refused:
        of(hub, "mara").auth_check(REPO)
    assert status_of(refused) == 403
    assert (f"{hub.url}/{REPO}" in refused.value.server_message) == (status in {None, "reset"})
    with pytest.raises(GatedRepoError) as refused:
        HfApi(endpoint=hub.url, token=False).auth_check(REPO)
    assert status_of(refused) == 401


def test_cards_are_free_by_resolve_and_gated_by_raw(hub, tmp_path):
    hub.put_file(REPO, "weights.bin", b"w" * 100)
    api = of(hub, "mara")
    file = Path(api.hf_hub_download(REPO, "README.md", cache_dir=tmp_path))
    assert file.read_bytes().startswith(b"---\nlicense: openrail")
    with pytest.raises(GatedRepoError):
        api.hf_hub_download(REPO, "weights.bin", cache_dir=tmp_path)
    assert raw(hub, "GET", f"/{REPO}/raw/main/README.md", token=api.token).status_code == 403


def test_a_commit_stands_on_the_one_it_saw(hub, owner):
    seen = owner.model_info(REPO).sha
    card = CommitOperationAdd("README.md", b"---\nextra_gated_prompt: Read the license.\n---\n# Model\n")
    done = owner.create_commit(REPO, [card], commit_message="card", parent_commit=seen)
    assert owner.model_info(REPO).sha == done.oid
    assert owner.model_info(REPO).card_data["extra_gated_prompt"] == "Read the license."
    other = CommitOperationAdd("LICENSE", b"text")
    with pytest.raises(HfHubHTTPError) as refused:
        owner.create_commit(REPO, [other], commit_message="license", parent_commit=seen)
    assert status_of(refused) == 412
    assert [one.title for one in owner.list_repo_commits(REPO)] == ["card", "initial commit"]


def test_a_broken_card_is_refused(hub, owner):
    card = CommitOperationAdd("README.md", b"---\nlicense: [\n---\n")
    with pytest.raises(ValueError, match="Invalid metadata"):
        owner.create_commit(REPO, [card], commit_message="card")


def test_repositories_are_made_moved_and_deleted(hub, owner):
    owner.create_repo("nordlab/fresh")
    found = hub.model("nordlab/fresh").id
    owner.move_repo("nordlab/fresh", "nordlab/renamed")
    assert owner.model_info("nordlab/fresh").id == "nordlab/renamed"
    owner.update_repo_settings("nordlab/fresh", gated="manual")
    assert (hub.model("nordlab/renamed").id, hub.model("nordlab/renamed").gated) == (found, "manual")
    assert {one.status for one in hub.calls(path="nordlab/fresh")} >= {307}
    owner.delete_repo("nordlab/renamed")
    with pytest.raises(RepositoryNotFoundError):
        owner.model_info("nordlab/renamed")


def test_names_change_and_ids_stay(hub, owner):
    hub.ask(REPO, "mara")
    path = f"/api/models/{REPO}/user-access-request/pending"
    before = raw(hub, "GET", path, token=owner.token).json()[0]["user"]
    hub.rename_user("mara", "mara-k")
    after = raw(hub, "GET", path, token=owner.token).json()[0]["user"]
    assert (before["_id"], after["user"]) == (after["_id"], "mara-k")


def test_whoami_tells_the_account_and_what_the_token_is_for(hub, owner):
    found = owner.whoami()
    assert (found["name"], found["orgs"][0]["name"]) == ("keeper", "nordlab")
    assert found["auth"]["accessToken"]["role"] == "write"


def test_userinfo_tells_what_the_scopes_open(hub):
    token = hub.add_token("mara", role="read", scopes=["openid", "profile"])
    claims = raw(hub, "GET", "/oauth/userinfo", token=token).json()
    assert (claims["sub"], claims["preferred_username"]) == (hub.user("mara").id, "mara")
    assert "email" not in claims


def test_webhooks_are_told_with_their_secret(hub, owner):
    with serving(strict=False) as listener:
        owner.create_webhook(
            url=f"{listener.url}/hook", watched=[{"type": "org", "name": "nordlab"}], secret="s3cret"
        )
        owner.update_repo_settings(REPO, gated="auto")
        owner.create_commit(REPO, [CommitOperationAdd("LICENSE", b"x")], commit_message="license")
        owner.grant_access(REPO, "mara")
        assert hub.deliver() == [404, 404]
        config, content = listener.calls("POST", "/hook")
        assert config.headers["x-webhook-secret"] == "s3cret"
        assert b'"scope": "repo.config"' in config.body
        assert b'"updatedConfig": {}' in config.body
        assert b'"newSha"' in content.body
    assert hub.deliver() == []
