"""Promises P4 to P8 and P10, on SQLite and PostgreSQL. Each test would fail if its promise broke."""

import asyncio
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import select

from registry import acceptances, access, audit, identity
from registry.delivery.domain import UrlIssued
from registry.delivery.tables import DownloadRecord
from registry.identity.domain import Scope
from registry.kernel.clock import iso
from registry.kernel.database import Database
from registry.kernel.outcomes import Unavailable
from registry.kernel.problems import describe
from registry.schema import METADATA
from tests.clock import SettableClock
from tests.world import (
    BASE_URL,
    World,
    asker,
    claims_of,
    file_request,
    presigning_store,
    run,
)


@pytest.fixture
def world(database: Database, clock: SettableClock) -> World:
    return World(database=database, clock=clock)


def records(world: World) -> list[DownloadRecord]:
    return list(world.read(lambda session: session.exec(select(DownloadRecord)).all()))


# P4: no acceptance without its log entry; one act is one acceptance.


def test_p4_acceptance_and_entry_commit_together_or_not_at_all(world: World) -> None:
    model = world.gated_model()
    person = world.person()
    _ = world.keys

    class Crash(Exception):
        pass

    def accept_then_crash(session: Any) -> None:
        outcome = acceptances.accept(
            session,
            world.act(person, model),
            principal=person,
            model=model,
            issuer="http://gatehouse.test",
            sign=world.sign,
            sealer=world.sealer,
            now=world.now,
        )
        assert isinstance(outcome, acceptances.AcceptanceSummary)
        raise Crash

    with pytest.raises(Crash):
        world.database.write_now(accept_then_crash)
    counts = world.read(
        lambda session: (
            session.connection()
            .execute(
                text(
                    "SELECT (SELECT count(*) FROM acceptance), (SELECT count(*) FROM ledger_entry WHERE kind='acceptance')"
                )
            )
            .one()
        )
    )
    assert tuple(counts) == (0, 0)
    world.accept(person, model)
    counts = world.read(
        lambda session: (
            session.connection()
            .execute(
                text(
                    "SELECT (SELECT count(*) FROM acceptance), (SELECT count(*) FROM ledger_entry WHERE kind='acceptance')"
                )
            )
            .one()
        )
    )
    assert tuple(counts) == (1, 1)


def test_p4_many_clicks_at_once_give_one_acceptance(world: World) -> None:
    model = world.gated_model()
    person = world.person()
    _ = world.keys
    with ThreadPoolExecutor(16) as threads:
        outcomes = list(threads.map(lambda _n: world.accept(person, model), range(40)))
    assert {type(outcome) for outcome in outcomes} == {acceptances.AcceptanceSummary}
    assert len({outcome.id for outcome in outcomes}) == 1


# P5: no download without its record.


def test_p5_the_record_is_durable_before_the_url_is_returned(world: World) -> None:
    model = world.gated_model()
    person = world.person()
    summary = world.accept(person, model)
    outcome = world.resolve(world.token(person))
    assert isinstance(outcome, UrlIssued)
    (record,) = records(world)
    assert record.id == outcome.record_id
    assert record.person_id == person.person_id
    assert record.acceptance_id == summary.id
    assert record.path == "model.safetensors"


def test_p5_no_url_when_the_record_cannot_be_written(world: World) -> None:
    model = world.gated_model()
    person = world.person()
    world.accept(person, model)
    token = world.token(person)
    with world.database.engine.begin() as connection:
        connection.execute(text("DROP TABLE download_record"))
    with pytest.raises(Exception) as caught:
        world.resolve(token)
    assert not isinstance(caught.value, AssertionError)
    assert "X-Amz-Signature" not in str(caught.value)


def test_p5_concurrent_requests_each_get_their_record(world: World) -> None:
    model = world.gated_model()
    people = [world.person(f"p{number}@nordlab.example") for number in range(8)]
    for person in people:
        world.accept(person, model)
    tokens = [world.token(person) for person in people] + ["gatehouse_" + "B" * 43]

    async def ask_all() -> list[Any]:
        resolver = world.resolver()
        return await asyncio.gather(
            *(resolver.resolve(file_request(), asker(tokens[n % len(tokens)])) for n in range(180))
        )

    outcomes = run(ask_all())
    issued = [outcome for outcome in outcomes if isinstance(outcome, UrlIssued)]
    assert len(issued) == 160
    assert {record.id for record in records(world)} == {outcome.record_id for outcome in issued}


# P7: personal data can go, evidence stays.


def test_p7_contact_data_is_nowhere_in_the_clear(world: World, database: Database) -> None:
    model = world.gated_model()
    person = world.person()
    world.accept(person, model)
    world.integrate()
    needles = (b"mara@nordlab.example", b"Mara Lindqvist", b"Nordlab Institute", b"192.0.2.7")
    haystack = dump(database)
    for needle in needles:
        assert needle not in haystack


def test_p7_erasing_a_person_leaves_the_log_whole(world: World) -> None:
    model = world.gated_model()
    person = world.person()
    summary = world.accept(person, model)
    world.integrate()
    world.write(lambda session: world.sealer.destroy_subject_key(session, person.person_id))
    statement, disclosures = world.read(
        acceptances.open_disclosures, acceptance_id=summary.id, sealer=world.sealer
    )
    assert disclosures == ()
    assert claims_of(statement)["license"]["slug"] == "sample-openrail-m"
    assert world.read(identity.open_profile, person_id=person.person_id, sealer=world.sealer) is None
    findings = list(world.read(audit.find_discrepancies, sealer=world.sealer))
    assert findings == []


# P8: doubt closes the gate.


async def test_p8_a_database_that_cannot_be_reached_gives_no_url(clock: SettableClock, tmp_path: Any) -> None:
    database = Database(f"sqlite:///{tmp_path}/nowhere/at/all.db")
    world = World(database=database, clock=clock, store=presigning_store(clock))
    with pytest.raises(Unavailable):
        await world.resolver().resolve(file_request(), asker("gatehouse_" + "A" * 43))
    database.close()


def test_p8_a_locked_database_refuses_and_recovers(world: World, database: Database) -> None:
    if database.dialect != "sqlite":
        pytest.skip("PostgreSQL has no lock over the whole database")
    model = world.gated_model()
    person = world.person()
    world.accept(person, model)
    token = world.token(person)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=50")
    other = sqlite3.connect(str(database.engine.url.database), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Unavailable):
        world.resolve(token)
    other.execute("ROLLBACK")
    other.close()
    assert isinstance(world.resolve(token), UrlIssued)


# P10: every refusal says what to do next.


def test_p10_every_refusal_of_a_file_names_an_act_and_a_place(world: World) -> None:
    world.gated_model()
    person = world.person()
    askers = (None, world.token(person), "gatehouse_" + "C" * 43, world.token(person, Scope.AUDIT))
    refusals = [world.resolve(who).refusal for who in askers]  # type: ignore[union-attr]
    refusals.append(world.resolve(None, model="nothing").refusal)  # type: ignore[union-attr]
    for refusal in refusals:
        assert refusal.remedy is not None
        assert refusal.remedy.text
        assert refusal.remedy.url
        assert refusal.remedy.url.startswith("/")
        assert refusal.title
        assert refusal.detail


def test_p10_a_decision_names_who_decides_and_since_when(world: World) -> None:
    model = world.gated_model()
    owner = world.person("owner@quarry.example")
    new, leaver, blocked = (world.person(f"{name}@nordlab.example") for name in ("new", "leaver", "blocked"))
    acceptance = world.accept(leaver, model)
    world.accept(blocked, model)
    world.clock.advance(timedelta(hours=1))
    acted_at = world.now
    world.withdraw(leaver, acceptance.id)
    world.write(
        access.block_person,
        publisher=model.publisher,
        person_id=blocked.person_id,
        reason="Sold access on.",
        until=None,
        principal=owner,
        now=acted_at,
    )
    world.clock.advance(timedelta(hours=1))
    for person, code, since in (
        (new, "license-not-accepted", None),
        (leaver, "acceptance-withdrawn", acted_at),
        (blocked, "access-blocked", acted_at),
    ):
        refusal = world.decide(person, model).refusal
        assert (refusal.code, refusal.since) == (code, since)
        assert refusal.decider
        assert refusal.remedy.url
        problem = describe(refusal, base_url=BASE_URL)
        assert problem.decider == refusal.decider
        assert problem.since == (iso(since) if since else None)


def dump(database: Database) -> bytes:
    """Every value of every table."""
    parts: list[bytes] = []
    with database.engine.begin() as connection:
        for table in METADATA.sorted_tables:
            for row in connection.execute(table.select()):
                for value in row:
                    parts.append(
                        value if isinstance(value, bytes) else json.dumps(value, default=str).encode()
                    )
    return b"\n".join(parts)
