"""The act of accepting: its ticket, who may act, and when an act counts."""

import dataclasses
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.acceptances.domain import (
    CLOCK_TOLERANCE,
    TICKET_LIFETIME,
    AcceptLicense,
    Context,
    Offer,
    Ticket,
    act_digest,
    compare_name,
    end_reached_at,
    judge_act,
    judge_actor,
    name_trouble,
    read_ticket,
    write_ticket,
)
from registry.acceptances.sd_jwt import decode, encode
from registry.identity.domain import ANONYMOUS, Channel, Principal, Scope
from tests.clock import START

SECRET = b"t" * 32
TEXT = "sha256:" + "a" * 64
PERSON = Principal(
    person_id=UUID(int=1), channel=Channel.SESSION, scopes=frozenset(Scope), session_id="s" * 64
)
OFFER = Offer(
    model_id=UUID(int=2),
    publisher="quarry",
    model="quarry-15b",
    gate_id=UUID(int=3),
    gate_revision_id=UUID(int=4),
    license_id=UUID(int=5),
    license_version_id=UUID(int=6),
    slug="tarn",
    title="Tarn OpenRAIL-M",
    number="1.1",
    text_sha256=TEXT,
    series=1,
)
TICKET = Ticket(
    person_id=UUID(int=1),
    session_id="s" * 64,
    gate_revision_id=UUID(int=4),
    license_version_id=UUID(int=6),
    text_sha256=TEXT,
    presented_at=START,
)


def act(**changes: Any) -> AcceptLicense:
    given_: dict[str, Any] = {
        "ticket": "",
        "text_sha256": TEXT,
        "agreed": True,
        "typed_name": "Mara Lindqvist",
        "answers": {},
        "context": Context(ip_address="192.0.2.7", user_agent="a browser", request_id="r"),
    }
    return AcceptLicense(**{**given_, **changes})


@given(
    st.builds(
        Ticket,
        person_id=st.uuids(),
        session_id=st.text(alphabet="0123456789abcdef", max_size=64),
        gate_revision_id=st.uuids(),
        license_version_id=st.uuids(),
        text_sha256=st.just(TEXT),
        presented_at=st.integers(0, 10**12).map(lambda ms: START + timedelta(milliseconds=ms)),
    )
)
def test_a_ticket_comes_back_as_it_was_written(ticket: Ticket) -> None:
    assert read_ticket(write_ticket(ticket, SECRET), SECRET) == ticket


@given(place=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_no_altered_ticket_is_read(place: int, flip: int) -> None:
    body, mac = (decode(part) for part in write_ticket(TICKET, SECRET).split("."))
    whole = bytearray(body + mac)
    whole[place % len(whole)] ^= flip
    forged = f"{encode(bytes(whole[: len(body)]))}.{encode(bytes(whole[len(body) :]))}"
    assert read_ticket(forged, SECRET) is None
    assert read_ticket(write_ticket(TICKET, b"u" * 32), SECRET) is None


@given(st.text(max_size=60))
def test_whatever_else_comes_as_a_ticket_is_none(text: str) -> None:
    assert read_ticket(text, SECRET) is None


def test_a_ticket_of_unbounded_size_is_none() -> None:
    assert read_ticket("A" * 10_000_000, SECRET) is None


@pytest.mark.parametrize(
    ("principal", "code"),
    [
        (PERSON, None),
        (ANONYMOUS, "not-signed-in"),
        (dataclasses.replace(PERSON, channel=Channel.TOKEN), "acceptance-needs-a-person"),
        (dataclasses.replace(PERSON, channel=Channel.TOKEN, is_operator=True), "acceptance-needs-a-person"),
    ],
)
def test_only_a_person_in_a_browser_may_accept(principal: Principal, code: str | None) -> None:
    refusal = judge_actor(principal, OFFER)
    assert (refusal.code if refusal else None) == code


@pytest.mark.parametrize(
    ("ticket", "command", "later", "code"),
    [
        ({}, {}, timedelta(0), None),
        ({}, {}, TICKET_LIFETIME, None),
        ({}, {}, TICKET_LIFETIME + timedelta(milliseconds=1), "form-too-old"),
        ({}, {}, -CLOCK_TOLERANCE, None),
        ({}, {}, -CLOCK_TOLERANCE - timedelta(milliseconds=1), "form-from-the-future"),
        ({"person_id": UUID(int=9)}, {}, timedelta(0), "form-not-yours"),
        ({"session_id": "other"}, {}, timedelta(0), "form-not-yours"),
        ({"gate_revision_id": UUID(int=9)}, {}, timedelta(0), "text-changed"),
        ({"license_version_id": UUID(int=9)}, {}, timedelta(0), "text-changed"),
        ({"text_sha256": "sha256:" + "b" * 64}, {}, timedelta(0), "text-changed"),
        ({}, {"text_sha256": "sha256:" + "b" * 64}, timedelta(0), "text-changed"),
        ({}, {"text_sha256": ""}, timedelta(0), "text-changed"),
        ({}, {"agreed": False}, timedelta(0), "acceptance-incomplete"),
        ({}, {"typed_name": ""}, timedelta(0), "acceptance-incomplete"),
    ],
)
def test_an_act_counts_only_on_the_text_that_was_shown(
    ticket: dict[str, Any], command: dict[str, Any], later: timedelta, code: str | None
) -> None:
    refusal = judge_act(
        act(**command), dataclasses.replace(TICKET, **ticket), OFFER, principal=PERSON, now=START + later
    )
    assert (refusal.code if refusal else None) == code
    if refusal is not None:
        assert refusal.remedy is not None
        assert refusal.remedy.url == "/quarry/quarry-15b/accept"


def test_an_act_without_a_ticket_does_not_count() -> None:
    refusal = judge_act(act(), None, OFFER, principal=PERSON, now=START)
    assert refusal is not None
    assert refusal.status == 409


@pytest.mark.parametrize(
    ("name", "fine"),
    [
        ("Mara Lindqvist", True),
        ("李小龍", True),
        ("O’Brien-Smith", True),
        ("x" * 200, True),
        ("", False),
        (" \t", False),
        ("x" * 201, False),
        ("two\nlines", False),
        ("a\x00b", False),
        ("a\u202eb", False),
        ("a\u200bb", False),
        ("a\ud800b", False),
    ],
)
def test_a_typed_name_is_letters(name: str, fine: bool) -> None:
    assert (name_trouble(name) is None) is fine


@pytest.mark.parametrize(
    ("typed", "earlier", "matches"),
    [
        ("Mara Lindqvist", (), None),
        ("Mara Lindqvist", ("Mara Lindqvist",), True),
        ("  mara   LINDQVIST", ("Someone Else", "Mara Lindqvist"), True),
        ("José", ("Jose\u0301",), True),
        ("M. Lindqvist", ("Mara Lindqvist",), False),
    ],
)
def test_a_typed_name_is_compared_with_the_earlier_ones(
    typed: str, earlier: tuple[str, ...], matches: bool | None
) -> None:
    compared = compare_name(typed, earlier)
    assert (compared.compared_with, compared.matches) == (len(earlier), matches)


@given(st.none() | st.integers())
def test_the_end_was_reached_after_the_start_and_not_in_the_future(milliseconds: int | None) -> None:
    now = START + timedelta(minutes=5)
    moment = end_reached_at(TICKET, milliseconds, now=now)
    assert moment is None or START <= moment <= now


def test_other_words_or_another_text_have_another_digest() -> None:
    others = [dataclasses.replace(OFFER, **change) for change in ({"number": "1.2"}, {"publisher": "x"})]
    assert len({act_digest(OFFER), *map(act_digest, others)}) == 3
