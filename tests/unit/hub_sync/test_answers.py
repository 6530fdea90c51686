"""What the Hub says of its limits, and which repositories and pages its answers may name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.hub_sync.answers import (
    Budget,
    estimate_seconds,
    find_next,
    find_renamed,
    is_absent,
    is_repo_id,
    judge,
    merge_lists,
    parse_acceptors,
    parse_list,
    parse_tree,
    read_budget,
)
from registry.hub_sync.applying import Failed, Trouble
from registry.hub_sync.domain import Action, Applicant, Deed, HubState

LIST = "https://hub.example/api/models/o/m/user-access-request/pending?limit=1000"
INFO = "https://hub.example/api/models/o/m"


def test_the_budget_is_what_the_hub_stated_last():
    headers = {"ratelimit": '"api";r=12;t=55', "ratelimit-policy": '"fixed window";"api";q=500;w=300'}
    found = read_budget(headers, Budget())
    assert found == Budget(left=12, quota=500, reset_seconds=55, window_seconds=300)
    assert found.is_spent
    assert read_budget({}, found) is found
    assert read_budget({"ratelimit": "nonsense"}, found) is found


@pytest.mark.parametrize(
    ("calls", "left", "seconds"),
    [(10, 1_000, 0), (500, 1_000, 0), (501, 1_000, 60), (1_501, 1_000, 660), (1, 500, 60)],
)
def test_how_long_many_changes_take_within_our_share(calls, left, seconds):
    budget = Budget(left=left, quota=1_000, reset_seconds=60, window_seconds=300)
    assert estimate_seconds(calls, budget) == seconds


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("", None),
        (f'<{LIST}&cursor=a>; rel="next"', f"{LIST}&cursor=a"),
        ("<?limit=10&cursor=b>; rel=next", LIST.replace("limit=1000", "limit=10&cursor=b")),
    ],
)
def test_the_next_page_is_of_the_same_list(link, expected):
    assert find_next(link, LIST) == expected


@pytest.mark.parametrize(
    "target", ["https://evil.example/x", "//evil.example/x", "/api/models/o/m/user-access-request/accepted"]
)
def test_a_next_page_elsewhere_is_refused(target):
    assert isinstance(find_next(f'<{target}>; rel="next"', LIST), Failed)


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ("/api/models/o/new", "o/new"),
        ("https://hub.example/api/models/p/m?expand=gated", "p/m"),
        ("https://evil.example/api/models/o/new", None),
        ("/login", None),
        ("/api/models/o/../x", None),
    ],
)
def test_a_rename_is_taken_only_from_the_same_hub(location, name):
    assert find_renamed(location, INFO) == name


@pytest.mark.parametrize(
    "text", ["o", "o/m/x", "o/..", "/m", "o/", "-o/m", "o/m.git", "o m/x", "o/" + "m" * 96, "o/m\n"]
)
def test_what_names_no_repository(text):
    assert not is_repo_id(text)


def test_who_moved_between_two_lists_counts_as_let_in():
    pending = Applicant(state=HubState.PENDING, user_id="a" * 24, name="mara", request_id="r1")
    accepted = Applicant(state=HubState.ACCEPTED, user_id="a" * 24, name="mara", request_id="r1")
    assert merge_lists([pending, accepted]) == (accepted,)
    assert merge_lists([accepted, pending]) == (accepted,)


def problem(code):
    return b'{"type": "https://r.example/problems/%s", "code": "%s"}' % (code, code)


@pytest.mark.parametrize(
    ("status", "code", "body", "absent"),
    [
        (404, "EntryNotFound", b"", True),
        (404, "RepoNotFound", b"", False),
        (403, "GatedRepo", b'{"error": "not in the authorized list"}', False),
        (403, "GatedRepo", problem(b"license-not-accepted"), True),
        (403, "GatedRepo", problem(b"scope-missing"), False),
        (200, "", b"text", False),
    ],
)
def test_a_card_that_cannot_be_read_is_absent_only_where_it_would_be_open(status, code, body, absent):
    assert is_absent(status, {"x-error-code": code}, body) is absent


@pytest.mark.parametrize(
    ("status", "code", "trouble"),
    [
        (403, b"fresh-sign-in-needed", Trouble.REFUSED),
        (409, b"own-request", Trouble.REFUSED),
        (403, b"role-missing", Trouble.NOT_ALLOWED),
        (401, b"token-unknown", Trouble.TOKEN_REFUSED),
        (404, b"request-unknown", Trouble.STALE),
    ],
)
def test_another_registry_says_which_refusal_it_is(status, code, trouble):
    headers = {"x-error-message": "Said in words."}
    found = judge(status, headers, Action(deed=Deed.ACCEPT, why=""), problem(code))
    assert found is not None
    assert found.trouble is trouble
    assert found.words.endswith(": Said in words.")


@given(
    st.binary(max_size=300),
    st.integers(100, 999),
    st.dictionaries(st.text(max_size=20), st.text(max_size=60)),
)
def test_no_answer_breaks_the_reading_of_answers(body, status, headers):
    parse_list(body, HubState.ACCEPTED)
    parse_acceptors(body)
    parse_tree(body)
    is_absent(status, headers, body)
    read_budget(headers, Budget())
    find_next(headers.get("link", ""), LIST)
    assert (judge(status, headers, None) is None) == (200 <= status < 300)
