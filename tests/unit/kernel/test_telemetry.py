"""Logs and metrics: events, ids and codes; never secrets, queries or contact data."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from registry.kernel import telemetry
from registry.kernel.telemetry import METRICS, RequestTelemetry, configure_logging, head_as_get, scrub
from tests.world import run

SECRETS = [
    "gatehouse_ZxYw-0123456789_abcdefghijklmnopqrstuvwxyzAB",
    "hf_abcdefghijklmnopqrstuvwxyz012345",
    "Bearer abc.def.ghi",
    "bearer gatehouse_abcdefghijk",
    "mara.lindqvist+x@nordlab.example",
    "X-Amz-Signature=5d3f0123456789abcdef",
    "X-Amz-Credential=AKEXAMPLE%2F20261123%2Fus-east-1%2Fs3%2Faws4_request",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "around", ["{}", "error for {} at 3", "https://s3.example/b/k?{}&x=1", "'{}'", "({})"]
)
def test_secrets_and_addresses_are_scrubbed(secret: str, around: str) -> None:
    cleaned = scrub(around.format(secret))
    assert secret not in cleaned
    assert "[redacted]" in cleaned


@given(
    st.from_regex(r"(gatehouse|hf)_[A-Za-z0-9]{20,50}", fullmatch=True),
    st.text(max_size=20),
    st.text(max_size=20),
)
def test_no_token_survives_in_any_text(token: str, before: str, after: str) -> None:
    assert token not in scrub(f"{before}{token}{after}")


def test_other_texts_stay_as_they_are() -> None:
    for text in ("acceptance.recorded", "sha256:ab12", "/demo-lab/silero-vad/resolve/main/x.bin", ""):
        assert scrub(text) == text


class Lines:
    """What the service writes to standard error."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    kept, root = Lines(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    monkeypatch.setattr(telemetry, "_stderr", lambda: kept.stream)
    monkeypatch.setattr("sys.stderr", kept.stream)
    configure_logging(level="info", console=False)
    yield kept
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def scope(**changes: Any) -> dict[str, Any]:
    given = {
        "type": "http",
        "method": "GET",
        "path": "/quarry/quarry-15b/resolve/main/model.safetensors",
        "query_string": b"token=gatehouse_abcdefghijklmnop&email=mara@nordlab.example",
        "headers": [
            (b"authorization", b"Bearer gatehouse_abcdefghijklmnop"),
            (b"cookie", b"gatehouse_session=s3cr3t"),
        ],
    }
    return {**given, **changes}


async def answer(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def ask(given: dict[str, Any], app: Any = answer) -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    run(RequestTelemetry()(app)(given, receive, send))
    return sent


def test_a_request_line_names_method_status_and_time_but_no_query_token_or_cookie(lines: Lines) -> None:
    ask(scope())
    (event,) = lines.events
    assert event["event"] == "request"
    assert event["status"] == 200
    assert event["request_id"]
    for secret in ("gatehouse_abc", "mara", "s3cr3t", "token=", "nordlab"):
        assert secret not in lines.text


def test_a_defect_is_logged_without_what_it_carried(lines: Lines) -> None:
    async def breaks(_scope: Any, _receive: Any, _send: Any) -> None:
        raise RuntimeError("mara@nordlab.example with gatehouse_abcdefghijklmnop")

    with pytest.raises(RuntimeError):
        ask(scope(), breaks)
    structlog.get_logger().error(
        "defect", exc_info=RuntimeError("hf_abcdefghijklmnop for mara@nordlab.example")
    )
    logging.getLogger("somebody.else").warning("went to %s", "https://s3.example/k?X-Amz-Signature=abcdef12")
    assert lines.events[0]["status"] == 500
    for secret in ("mara@", "gatehouse_abc", "hf_abc", "abcdef12"):
        assert secret not in lines.text


@pytest.mark.parametrize("name", ["httpx2", "botocore", "urllib3", "boto3"])
def test_libraries_that_log_whole_addresses_are_silent(lines: Lines, name: str) -> None:
    logging.getLogger(name).info("GET https://s3.example/k?X-Amz-Signature=abcdef12")
    assert lines.text == ""


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (b"request-1", True),
        (b"0123456789abcdef", True),
        (b"short", False),
        (b"x" * 65, False),
        (b"a b c d e f g", False),
        (b'line"break\\n', False),
        (b"caf\xe9-caf\xe9", False),
        (b"gatehouse\n12345", False),
    ],
)
def test_a_request_id_from_outside_is_kept_only_if_it_is_harmless(given: bytes, kept: bool) -> None:
    sent = ask(scope(headers=[(b"x-request-id", given)]))
    (value,) = [value for name, value in sent[0]["headers"] if name == b"x-request-id"]
    assert (value == given) is kept
    assert len(value) >= 8


def test_paths_and_invented_methods_make_no_series() -> None:
    for number in range(50):
        ask(scope(path=f"/nothing/{number}", method=f"EVIL{number}"))
    series = [
        sample
        for family in METRICS.collect()
        if family.name == "gatehouse_requests"
        for sample in family.samples
    ]
    assert not [
        sample for sample in series if "nothing" in str(sample.labels) or "EVIL" in str(sample.labels)
    ]


def test_head_is_answered_like_get_without_a_body() -> None:
    async def with_body(given: Any, _receive: Any, send: Any) -> None:
        assert given["method"] == "GET"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"ab", "more_body": True})
        await send({"type": "http.response.body", "body": b"cd", "more_body": False})

    sent = ask(scope(method="HEAD"), head_as_get(with_body))
    assert [message.get("body") for message in sent[1:]] == [b""]
    assert (b"content-length", b"4") in sent[0]["headers"]
