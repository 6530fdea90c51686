"""One session: where the token goes, what is tried again, and how a no is told."""

import json
import logging
from collections.abc import Iterator

import pytest

from registry.client.errors import (
    ClientError,
    Invalid,
    Malformed,
    NotFound,
    NotSignedIn,
    Refused,
    Unavailable,
    printable,
)
from registry.client.problem import typed_error
from registry.client.transport import Redirect, Session, seconds_to_wait
from tests.unit.client.stub import TOKEN, Stub
from tests.unit.client.stub_servers import running_stub


@pytest.fixture
def session(stub: Stub, waited: list[float]) -> Iterator[Session]:
    with Session(endpoint=stub.api_url, token=TOKEN, pause=waited.append) as opened:
        yield opened


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_idempotent_call_is_tried_again(
    stub: Stub, session: Session, waited: list[float], status: int
) -> None:
    stub.api_answers = [("/api/v1/whoami", status, {"Retry-After": "3"}, {})] * 2
    assert session.get_json("/api/v1/whoami").member("person").text("display_name") == "Ada"
    assert waited == [3.0, 3.0]


def test_trying_again_ends(stub: Stub, session: Session, waited: list[float]) -> None:
    stub.api_answers = [("/api/v1/whoami", 503, {}, {"title": "The store is down", "detail": "no URL"})] * 20
    with pytest.raises(Unavailable, match="The store is down: no URL"):
        session.get_json("/api/v1/whoami")
    assert len(waited) == 4
    assert waited == sorted(waited)


def test_long_wait_is_reported_instead_of_waited_for(
    stub: Stub, session: Session, waited: list[float]
) -> None:
    stub.api_answers = [("/api/v1/whoami", 429, {"Retry-After": "3600"}, {})]
    with pytest.raises(Unavailable) as caught:
        session.get_json("/api/v1/whoami")
    assert caught.value.retry_after_seconds == 3600
    assert waited == []


def test_call_that_is_not_idempotent_is_sent_once(stub: Stub, session: Session, waited: list[float]) -> None:
    stub.api_answers = [("/api/v1/models", 503, {}, {})]
    with pytest.raises(Unavailable):
        session.post_json("/api/v1/models/tarn/otter/releases", {}, idempotent=False)
    assert waited == []
    assert len(stub.requests) == 1


def test_registry_that_does_not_answer_is_reported(waited: list[float]) -> None:
    with running_stub() as stub:
        url = stub.api_url
    with (
        Session(endpoint=url, token=TOKEN, pause=waited.append) as session,
        pytest.raises(Unavailable, match="cannot be reached: no connection"),
    ):
        session.get_json("/api/v1/whoami")
    assert len(waited) == 4


def test_token_never_follows_a_redirect_to_another_address(stub: Stub, session: Session) -> None:
    with running_stub() as other:
        stub.api_answers = [("/api/v1/whoami", 302, {"Location": f"{other.api_url}/api/v1/whoami"}, {})]
        with pytest.raises(ClientError, match="another address"):
            session.get_json("/api/v1/whoami")
        assert other.requests == []


def test_redirect_within_the_registry_is_followed_with_the_token(stub: Stub, session: Session) -> None:
    stub.api_answers = [("/api/v1/old", 308, {"Location": "/api/v1/whoami"}, {})]
    assert session.get_json("/api/v1/old").member("person").text("id") == "p1"


def test_redirects_without_end_are_given_up(stub: Stub, session: Session) -> None:
    stub.api_answers = [("/api/v1/loop", 302, {"Location": "/api/v1/loop"}, {})] * 10
    with pytest.raises(ClientError, match="redirects"):
        session.get_json("/api/v1/loop")


def test_download_of_a_renamed_model_is_followed_within_the_registry(stub: Stub, session: Session) -> None:
    stub.files = {"weights.bin": b"x"}
    stub.api_answers = [
        ("/old/name/resolve/", 307, {"Location": "/tarn/otter/resolve/main/weights.bin"}, {}),
    ]
    answer = session.locate("/old/name/resolve/main/weights.bin", limit=100)
    assert isinstance(answer, Redirect)
    assert answer.url.startswith(stub.store_url)


@pytest.mark.parametrize(
    ("status", "kind", "exit_code"),
    [
        (400, Invalid, 1),
        (401, NotSignedIn, 4),
        (403, Refused, 3),
        (404, NotFound, 1),
        (409, Invalid, 1),
        (413, Invalid, 1),
        (422, Invalid, 1),
        (429, Unavailable, 6),
        (451, Refused, 3),
        (500, Unavailable, 6),
        (503, Unavailable, 6),
        (507, Unavailable, 6),
    ],
)
def test_problem_becomes_the_error_of_its_kind(status: int, kind: type[ClientError], exit_code: int) -> None:
    body = json.dumps({"title": "No", "detail": "because", "status": status, "code": "no"}).encode()
    error = typed_error(status, body, retry_after_seconds=None, make_absolute=lambda url: url)
    assert type(error) is kind
    assert error.exit_code == exit_code
    assert error.message == "No: because"


def test_problem_tells_remedy_decider_and_fields(session: Session, stub: Stub) -> None:
    problem = {
        "title": "The license version is malformed",
        "detail": "",
        "code": "license-malformed",
        "remedy": {"text": "Mend the fields", "url": "/licenses/new"},
        "decider": "You do",
        "since": "2026-11-01T00:00:00.000Z",
        "errors": {"number": "must come after 1.1"},
    }
    stub.api_answers = [("/api/v1/licenses", 422, {}, problem)]
    with pytest.raises(Invalid) as caught:
        session.post_json("/api/v1/licenses", {}, idempotent=True)
    assert caught.value.errors == {"number": "must come after 1.1"}
    assert caught.value.advice == (
        "number: must come after 1.1",
        "Mend the fields",
        f"{stub.api_url}/licenses/new",
        "Who decides: You do",
        "Since: 2026-11-01T00:00:00.000Z",
    )


@pytest.mark.parametrize(
    "body", [b"", b"<html>bad gateway</html>", b"[1]", b"\xff", b'{"title": 5, "remedy": "x", "errors": []}']
)
def test_anything_else_than_a_problem_still_makes_an_error(body: bytes) -> None:
    error = typed_error(502, body, retry_after_seconds=None, make_absolute=lambda url: url)
    assert error.message == "the registry answered 502 without saying why"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", "http://[", "data:text/html,x"])
def test_remedy_that_is_no_web_address_is_left_out(session: Session, url: str) -> None:
    assert session.absolute(url) is None


def test_texts_of_a_server_cannot_steer_the_terminal() -> None:
    hostile = "fine\x1b[2J\x1b]0;owned\x07\r\nnext\u202egnp.exe\x9b31m"
    shown = printable(hostile)
    assert all(character.isprintable() or character == "\N{REPLACEMENT CHARACTER}" for character in shown)
    assert "\n" not in shown
    assert printable("naïve – 日本語 👩‍💻") == "naïve – 日本語 👩‍💻"


def test_answer_that_is_too_long_is_refused(session: Session, stub: Stub) -> None:
    stub.api_answers = [("/api/v1/whoami", 200, {}, b"x" * 2000)]
    with pytest.raises(Malformed, match="longer than 1000"):
        session.get_bytes("/api/v1/whoami", limit=1000)


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"a":1,"a":2}', b"\xff", b'{"person":'])
def test_answer_that_is_not_what_it_must_be_is_a_typed_error(
    session: Session, stub: Stub, body: bytes
) -> None:
    stub.api_answers = [("/api/v1/whoami", 200, {}, body)]
    with pytest.raises(Malformed):
        session.get_json("/api/v1/whoami").member("person")


def test_neither_token_nor_signature_is_logged_or_shown(
    stub: Stub, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    stub.files = {"weights.bin": b"x"}
    with caplog.at_level(logging.INFO):
        answer = session.locate("/tarn/otter/resolve/main/weights.bin", limit=100)
        session.get_json("/api/v1/whoami")
    shown = caplog.text + repr(session) + repr(answer) + str(answer)
    assert TOKEN not in shown
    assert "Signature" not in shown


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("7", 7.0),
        ("-5", 0.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 40.0),
        ("Thu, 01 Jan 1970 00:00:10 GMT", 0.0),
    ],
)
def test_retry_after_is_honoured_as_seconds_and_as_date(header: str, expected: float) -> None:
    assert seconds_to_wait(header, attempt=3, now=60.0) == expected


@pytest.mark.parametrize("header", [None, "", "soon", "1.5e9999"])
def test_without_a_usable_retry_after_waits_grow_and_stay_bounded(header: str | None) -> None:
    waits = [seconds_to_wait(header, attempt=attempt, now=0.0) for attempt in range(12)]
    assert 0 < waits[0] < 1
    assert max(waits) <= 25
