"""Each refusal as the Hub's own client understands it."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx2
import msgspec
import pytest
from huggingface_hub import errors as hub
from huggingface_hub.utils import hf_raise_for_status
from hypothesis import given
from hypothesis import strategies as st

from registry.access.domain import (
    Denial,
    Facts,
    decide,
)
from registry.access.single_facts import BlockFact, Earlier, RequestFact, Requirement
from registry.access.transitions import RequestState
from registry.catalog import refusals as catalog_refusals
from registry.catalog.domain import GateMode
from registry.delivery import domain as delivery
from registry.hub_api import domain
from registry.hub_api.errors import (
    MESSAGE_MAX_CHARACTERS,
    WRONG_TOKEN_MESSAGE,
    HubAnswer,
    answer_refusal,
    as_header,
    hub_message,
)
from registry.identity.domain import Channel, Principal, Scope, unknown_token
from registry.kernel.outcomes import Refusal, Remedy, Unavailable
from registry.kernel.problems import unavailable_refusal
from registry.licenses.domain import ChangeClass, Changes, Figures

BASE = "https://models.example"
NOW = datetime(2026, 11, 23, 14, 7, tzinfo=UTC)
BEFORE = NOW - timedelta(days=40)
PERSON = Principal(
    person_id=UUID(int=1), channel=Channel.TOKEN, scopes=frozenset({Scope.READ}), token_id=UUID(int=2)
)
REQUIREMENT = Requirement(
    license_version_id=UUID(int=3), slug="tarn-m", title="Tarn OpenRAIL-M", number="1.1"
)
ACCEPTED = replace(REQUIREMENT, acceptance_id=UUID(int=9), accepted_at=BEFORE)
FACTS = Facts(
    principal=PERSON,
    model_id=UUID(int=4),
    publisher="tarn",
    model="tarn-7b",
    mode=GateMode.AUTO,
    requirements=(REQUIREMENT,),
)


def denied(**changes: object) -> Refusal:
    """The decision's own refusal for these facts."""
    verdict = decide(replace(FACTS, **changes))  # type: ignore[arg-type]
    assert isinstance(verdict, Denial)
    return verdict.refusal


def known(*, withdrawn: bool) -> tuple[Requirement, ...]:
    """The license, of which an earlier version was accepted."""
    figures = Figures(changed=2, added=1, removed=0, reworded=0)
    changes = Changes(slug="tarn-m", old="1.0", new="1.1", change_class=ChangeClass.MATERIAL, figures=figures)
    ended = NOW if withdrawn else None
    earlier = Earlier(number="1.0", accepted_at=BEFORE, withdrawn_at=ended, changes=changes)
    return (replace(REQUIREMENT, earlier=earlier),)


STATES = {
    "anonymous, gated content": denied(principal=Principal()),
    "token without the scope": denied(principal=replace(PERSON, scopes=frozenset({Scope.AUDIT}))),
    "signed in, never accepted": denied(),
    "accepted an older version": denied(requirements=known(withdrawn=False)),
    "withdrew the acceptance": denied(requirements=known(withdrawn=True)),
    "never asked for access": denied(mode=GateMode.MANUAL, requirements=(ACCEPTED,)),
    "waiting for review": denied(
        mode=GateMode.MANUAL,
        requirements=(ACCEPTED,),
        request=RequestFact(
            id=UUID(int=7),
            state=RequestState.SUBMITTED,
            since=BEFORE,
            reapply_at=None,
            grant_ended_at=None,
        ),
    ),
    "closed": denied(mode=GateMode.CLOSED),
    "blocked": denied(block=BlockFact(reason="shared the weights", since=BEFORE, until=None)),
    "blocked by region": Refusal(
        code="country-refused",
        status=451,
        title="Not available in your country",
        detail="No file was sent.",
        remedy=Remedy(text="Ask the maintainers", url="/tarn/tarn-7b"),
    ),
}
GATED_URLS = {
    "anonymous, gated content": f"{BASE}/tarn/tarn-7b/accept",
    "token without the scope": f"{BASE}/settings/tokens",
    "signed in, never accepted": f"{BASE}/tarn/tarn-7b/accept?license=tarn-m@1.1",
    "accepted an older version": f"{BASE}/tarn/tarn-7b/accept?license=tarn-m@1.1",
    "withdrew the acceptance": f"{BASE}/tarn/tarn-7b/accept?license=tarn-m@1.1",
    "never asked for access": f"{BASE}/tarn/tarn-7b/request",
    "waiting for review": f"{BASE}/requests/{UUID(int=7)}",
    "closed": f"{BASE}/tarn/tarn-7b",
    "blocked": f"{BASE}/tarn/tarn-7b",
    "blocked by region": f"{BASE}/tarn/tarn-7b",
}


def answer(refusal: Refusal, **given: object) -> HubAnswer:
    return answer_refusal(refusal, base_url=BASE, now=NOW, request_id="request-1", **given)  # type: ignore[arg-type]


def raised(
    found: HubAnswer, *, method: str = "HEAD", path: str = "/tarn/tarn-7b/resolve/main/x"
) -> Exception:
    """What the real client makes of an answer."""
    response = httpx2.Response(
        found.status,
        headers=dict(found.headers),
        content=b"" if method == "HEAD" else found.body,
        request=httpx2.Request(method, BASE + path),
    )
    with pytest.raises(hub.HfHubHTTPError) as caught:
        hf_raise_for_status(response)
    return caught.value


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_refusal_of_access_is_a_gated_repo_error_with_the_url(state: str, method: str) -> None:
    found = answer(STATES[state])
    error = raised(found, method=method)
    assert type(error) is hub.GatedRepoError
    assert str(error).rstrip().endswith(GATED_URLS[state])
    assert "not on huggingface.co" in str(error)
    assert found.status == (401 if "anonymous" in state else 403)


@pytest.mark.parametrize("state", STATES)
def test_the_warning_says_what_the_message_says(state: str) -> None:
    found = answer(STATES[state])
    topic, _, message = found.headers["X-HF-Warning"].partition("; ")
    is_license = state in {
        "signed in, never accepted",
        "accepted an older version",
        "withdrew the acceptance",
    }
    assert topic == ("license" if is_license else "access")
    assert message == found.headers["X-Error-Message"]
    assert msgspec.json.decode(found.body)["error"] == message


def test_an_anonymous_caller_learns_both_places() -> None:
    message = answer(STATES["anonymous, gated content"]).headers["X-Error-Message"]
    assert f"{BASE}/settings/tokens" in message
    assert answer(STATES["anonymous, gated content"]).headers["WWW-Authenticate"] == "Bearer"


def test_an_outdated_acceptance_names_both_versions_and_the_day() -> None:
    message = answer(STATES["accepted an older version"]).headers["X-Error-Message"]
    assert "1.1" in message
    assert "1.0" in message
    assert "2026-10-14" in message


def test_a_block_gives_its_reason_and_its_day() -> None:
    message = answer(STATES["blocked"]).headers["X-Error-Message"]
    assert "shared the weights" in message
    assert "2026-10-14" in message


def test_a_token_of_another_place_is_reported_as_a_matter_of_the_token() -> None:
    found = answer(unknown_token())
    assert found.headers["X-Error-Message"] == WRONG_TOKEN_MESSAGE
    assert "X-Error-Code" not in found.headers
    assert found.headers["X-HF-Warning"].endswith(f"{BASE}/settings/tokens")
    assert msgspec.json.decode(found.body)["error"].endswith(f"{BASE}/settings/tokens")
    for method in ("HEAD", "GET"):
        error = raised(found, method=method)
        assert type(error) is hub.HfHubHTTPError
        assert WRONG_TOKEN_MESSAGE in str(error)


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (delivery.no_such_model(), hub.RepositoryNotFoundError),
        (catalog_refusals.no_such_model("tarn", "none"), hub.RepositoryNotFoundError),
        (domain.only_models(), hub.RepositoryNotFoundError),
        (delivery.no_such_revision("tarn", "tarn-7b"), hub.RevisionNotFoundError),
        (catalog_refusals.no_such_release("tarn/tarn-7b", "v9"), hub.RevisionNotFoundError),
        (delivery.no_such_file("tarn", "tarn-7b"), hub.RemoteEntryNotFoundError),
        (delivery.malformed_path(), hub.RemoteEntryNotFoundError),
    ],
)
def test_what_is_absent_is_reported_as_what_it_is(refusal: Refusal, kind: type[Exception]) -> None:
    found = answer(refusal)
    assert found.status == 404
    assert type(raised(found)) is kind
    assert BASE in found.headers["X-Error-Message"]


def test_absent_and_private_models_get_the_same_answer() -> None:
    first, second = answer(catalog_refusals.no_such_model("a", "b")), answer(delivery.no_such_model())
    assert first.headers["X-Error-Code"] == second.headers["X-Error-Code"]


def test_a_missing_file_gives_its_commit_and_no_warning() -> None:
    found = answer(delivery.no_such_file("tarn", "tarn-7b"), commit="c" * 40)
    assert found.headers["X-Repo-Commit"] == "c" * 40
    assert "X-HF-Warning" not in found.headers


def test_too_many_requests_say_when_to_try_again() -> None:
    refusal = Refusal(
        code="rate-limited", status=429, title="Too many", detail="", until=NOW + timedelta(seconds=12)
    )
    found = answer(refusal)
    assert found.headers["Retry-After"] == "12"
    assert found.headers["RateLimit"] == '"api";r=0;t=12'
    error = raised(found)
    assert "Retry after 12 seconds" in str(error)


def test_an_outage_is_a_503_that_head_requests_retry() -> None:
    found = answer(unavailable_refusal(Unavailable("database", "locked")))
    assert found.status == 503
    assert int(found.headers["Retry-After"]) > 0
    assert "X-Error-Code" not in found.headers


def test_a_malformed_question_is_a_bad_request() -> None:
    assert isinstance(raised(answer(domain.malformed_query("limit", "a number"))), hub.BadRequestError)


def test_the_body_is_also_the_registrys_own_problem() -> None:
    refusal = replace(STATES["signed in, never accepted"], errors={"message": "x"})
    body = msgspec.json.decode(answer(refusal).body)
    assert body["code"] == "license-not-accepted"
    assert body["remedy"]["url"] == GATED_URLS["signed in, never accepted"]
    assert body["decider"] == "You do; no review follows"
    assert body["request_id"] == "request-1"
    assert "errors" not in body  # the Hub's client takes that name for a list of objects
    assert isinstance(raised(answer(refusal), method="GET"), hub.GatedRepoError)


@given(st.text(max_size=3000))
def test_a_header_is_one_line_of_ascii_whatever_the_text(text: str) -> None:
    line = as_header(text)
    assert re.fullmatch(r"[ -~]*", line)
    assert len(line) <= MESSAGE_MAX_CHARACTERS


@given(st.text(max_size=1500), st.text(max_size=1500))
def test_nothing_a_publisher_writes_splits_a_header_or_cuts_the_url(title: str, reason: str) -> None:
    refusal = denied(
        requirements=(replace(REQUIREMENT, title=title),),
        block=BlockFact(reason=reason, since=BEFORE, until=None),
    )
    for given_refusal in (refusal, denied(requirements=(replace(REQUIREMENT, title=title),))):
        message = hub_message(given_refusal, base_url=BASE)
        assert re.fullmatch(r"[ -~]+", message)
        assert message.rpartition(" ")[2].startswith(BASE)


def test_known_letters_keep_their_look() -> None:
    assert as_header("“Tärn” – a…\r\nSet-Cookie: x\x00") == '"Tarn" - a... Set-Cookie: x?'
