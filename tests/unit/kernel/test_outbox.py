"""The outbox: each message is claimed by one worker at a time and tried again with growing pauses."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from registry.kernel import outbox
from registry.kernel.database import Database
from tests.clock import START


def put(database: Database, *payloads: bytes) -> None:
    database.write_now(
        lambda session: [outbox.put(session, "mail.send", payload, now=START) for payload in payloads]
    )


def claim(database: Database, after: timedelta = timedelta(0), most: int = 20) -> list[outbox.Message]:
    return list(database.write_now(lambda session: outbox.claim(session, now=START + after, most=most)))


def test_a_claimed_message_is_hidden_from_others_until_its_lease_ends(database: Database) -> None:
    put(database, b"one")
    (first,) = claim(database)
    assert first.payload == b"one"
    assert first.attempts == 1
    assert claim(database, outbox.LEASE - timedelta(seconds=1)) == []
    (second,) = claim(database, outbox.LEASE)
    assert (second.id, second.attempts) == (first.id, 2)


def test_two_workers_share_the_messages_and_get_none_twice(database: Database) -> None:
    put(database, *(bytes([number]) for number in range(10)))
    got = [message.payload for _ in range(4) for message in claim(database, most=3)]
    assert sorted(got) == [bytes([number]) for number in range(10)]


def test_two_transactions_at_once_claim_different_messages(database: Database) -> None:
    if database.dialect != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    put(database, b"one", b"two")

    def both(session: Any) -> tuple[Any, Any]:
        mine = outbox.claim(session, now=START, most=1)
        theirs = database.write_now(lambda other: outbox.claim(other, now=START, most=5))
        return mine, theirs

    mine, theirs = database.write_now(both)
    assert {message.payload for message in (*mine, *theirs)} == {b"one", b"two"}
    assert len(theirs) == 1


def test_a_done_message_forgets_what_it_carried_and_never_comes_back(database: Database) -> None:
    put(database, b"secret")
    (message,) = claim(database)
    database.write_now(lambda session: outbox.complete(session, message, now=START))
    rows = database.read_now(
        lambda session: session.exec(text("SELECT payload, done_at IS NULL FROM outbox_message")).all()
    )
    assert [(bytes(payload), bool(waits)) for payload, waits in rows] == [(b"", False)]
    assert claim(database, timedelta(days=1)) == []


def test_a_failed_message_waits_longer_each_time_and_is_given_up_at_last(database: Database) -> None:
    put(database, b"one")
    moment, pauses = timedelta(0), []
    for _ in range(outbox.GIVE_UP_AFTER_ATTEMPTS):
        (message,) = claim(database, moment)
        now = START + moment
        database.write_now(
            lambda session, m=message, n=now: outbox.fail(session, m, error="Unavailable", now=n)
        )
        pause = outbox.pause_after(message.attempts)
        assert claim(database, moment + pause - timedelta(milliseconds=1)) == []
        pauses.append(pause)
        moment += pause
    assert pauses == sorted(pauses)
    assert claim(database, moment + timedelta(days=30)) == []
    (error,) = database.read_now(
        lambda session: session.exec(text("SELECT last_error FROM outbox_message")).one()
    )
    assert error == "Unavailable"


def test_a_message_of_a_rolled_back_transaction_does_not_exist(database: Database) -> None:
    def fails(session: Any) -> None:
        outbox.put(session, "mail.send", b"no", now=START)
        raise LookupError

    with pytest.raises(LookupError):
        database.write_now(fails)
    assert claim(database) == []


def test_a_clock_that_went_back_only_delays(database: Database) -> None:
    put(database, b"one")
    assert claim(database, timedelta(hours=-1)) == []
    assert len(claim(database)) == 1


@given(st.integers(-5, 10_000))
def test_pauses_grow_up_to_an_hour(attempts: int) -> None:
    pause = outbox.pause_after(attempts)
    assert outbox.FIRST_PAUSE <= pause <= outbox.LONGEST_PAUSE
    assert pause <= outbox.pause_after(attempts + 1)
