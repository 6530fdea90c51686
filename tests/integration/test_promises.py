"""Promises P1 to P8 and P10, on SQLite and PostgreSQL. Each test would fail if its promise broke."""

import asyncio
import hashlib
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import select

from registry import acceptances, access, audit, catalog, identity
from registry.delivery.domain import Authorised, FileRefused, TextServed, UrlIssued
from registry.delivery.tables import DownloadRecord
from registry.identity.domain import ANONYMOUS, Channel, Principal, Scope
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal, Unavailable
from registry.schema import METADATA
from tests.clock import SettableClock
from tests.world import (
    TEXT_10,
    TEXT_11,
    TEXT_101,
    World,
    asker,
    claims_of,
    file_request,
    presigning_store,
)


@pytest.fixture
def world(database: Database, clock: SettableClock) -> World:
    return World(database=database, clock=clock)


def records(world: World) -> list[DownloadRecord]:
    return list(world.read(lambda session: session.exec(select(DownloadRecord)).all()))


# P1: no URL without a right.


def test_p1_nobody_gets_a_url_before_accepting(world: World) -> None:
    world.gated_model()
    person = world.person()
    for who in (None, world.token(person), person):
        outcome = world.resolve(who)
        assert isinstance(outcome, FileRefused)
    assert records(world) == []


def test_p1_an_acceptance_gives_the_url_that_head_only_promises(world: World) -> None:
    model = world.gated_model()
    person = world.person()
    world.accept(person, model)
    token = world.token(person)

    outcome = world.resolve(token)
    assert isinstance(outcome, UrlIssued)
    assert "X-Amz-Signature=" in outcome.url

    async def head() -> Any:
        return await world.resolver().resolve(file_request(), asker(token, wants_body=False))

    promised = asyncio.run(head())
    assert isinstance(promised, Authorised)
    assert len(records(world)) == 1


def test_p1_open_files_are_open_and_only_those(world: World) -> None:
    world.license("1.0", TEXT_10, "initial")
    owner = world.person("owner@quarry.example")
    publisher = world.publisher(owner)
    files = {
        "README.md": b"# Card\n",
        "LICENSE": b"\x00weights named LICENSE" * 100,
        "sub/README.md": b"# no\n",
    }
    blob = files.pop("LICENSE")
    world.release(owner, publisher, files={**files, "model.bin2": blob})
    assert isinstance(world.resolve(None, "README.md"), TextServed)
    for path in ("readme.md", "sub/README.md", "model.bin2", "README.md/", "../README.md"):
        assert isinstance(world.resolve(None, path), FileRefused)


def test_p1_a_token_without_the_scope_read_gets_no_url(world: World) -> None:
    model = world.gated_model()
    person = world.person()
    world.accept(person, model)
    outcome = world.resolve(world.token(person, Scope.AUDIT))
    assert isinstance(outcome, FileRefused)
    assert outcome.refusal.code == "scope-missing"


def test_p1_unknown_expired_and_revoked_tokens_get_no_url(world: World, clock: SettableClock) -> None:
    model = world.gated_model()
    person = world.person()
    world.accept(person, model)
    token = world.token(person)
    for strange in ("hf_abcdefghijklmnop", "gatehouse_" + "A" * 43, "gatehouse_", "", "\x00"):
        assert isinstance(world.resolve(strange), FileRefused)
    clock.advance(timedelta(days=31))
    outcome = world.resolve(token)
    assert isinstance(outcome, FileRefused)
    assert outcome.refusal.code == "token-unknown"


def test_p1_a_private_model_looks_like_an_absent_one(world: World) -> None:
    world.license("1.0", TEXT_10, "initial")
    owner = world.person("owner@quarry.example")
    world.release(owner, world.publisher(owner), private=True)
    token = world.token(world.person())
    hidden, absent = world.resolve(token), world.resolve(token, model="no-such-model")
    assert isinstance(hidden, FileRefused)
    assert isinstance(absent, FileRefused)
    assert hidden == absent
    assert isinstance(world.resolve(world.token(owner)), FileRefused)


def test_p1_lists_and_single_decisions_agree(world: World) -> None:
    model = world.gated_model()
    person, other = world.person(), world.person("other@nordlab.example")
    world.accept(person, model)
    for principal in (person, other, ANONYMOUS):
        listed = world.read(access.gather_by_ids, principal=principal, model_ids=[model.id], now=world.now)[
            model.id
        ]
        assert type(access.decide(listed.facts)) is type(world.decide(principal, model))


# P2: no right without a current acceptance.


def test_p2_a_material_version_asks_again_and_an_editorial_one_does_not(world: World) -> None:
    model = world.gated_model()
    person = world.person()
    world.accept(person, model)
    world.license("1.0.1", TEXT_101, "editorial")
    world.license("1.1", TEXT_11, "material")
    owner = world.person("owner@quarry.example")

    def require(reference: str) -> None:
        outcome = world.write(
            catalog.change_gate,
            publisher=model.publisher,
            name=model.name,
            demand=catalog.GateDemand(
                mode=catalog.GateMode.AUTO, licenses=(reference,), fields=model.gate.fields
            ),
            principal=owner,
            now=world.now,
        )
        assert not isinstance(outcome, Refusal), outcome

    require("sample-openrail-m@1.0.1")
    assert isinstance(world.decide(person, model), access.Permit)
    require("sample-openrail-m@1.1")
    verdict = world.decide(person, model)
    assert isinstance(verdict, access.Denial)
    assert verdict.refusal.code == "acceptance-outdated"
    assert "1.0" in verdict.refusal.title
    assert isinstance(world.accept(person, world.model(person)), acceptances.AcceptanceSummary)
    assert isinstance(world.decide(person, model), access.Permit)


def test_p2_withdrawal_ends_the_right_at_once_and_accepting_again_restores_it(world: World) -> None:
    model = world.gated_model()
    person = world.person()
    first = world.accept(person, model)
    token = world.token(person)
    assert isinstance(world.resolve(token), UrlIssued)
    world.withdraw(person, first.id)
    outcome = world.resolve(token)
    assert isinstance(outcome, FileRefused)
    assert world.decide(person, model).refusal.code == "acceptance-withdrawn"
    second = world.accept(person, model)
    assert second.id != first.id
    assert isinstance(world.resolve(token), UrlIssued)


def test_p2_an_acceptance_at_one_gate_opens_no_other(world: World) -> None:
    model = world.gated_model()
    owner = world.person("owner@quarry.example")
    publisher = world.read(catalog.find_publisher, name="quarry")
    world.release(owner, publisher, name="other-model")
    person = world.person()
    world.accept(person, model)
    assert isinstance(world.resolve(world.token(person), model="other-model"), FileRefused)


def test_p2_a_token_cannot_accept(world: World) -> None:
    model = world.gated_model()
    person = world.person()
    by_token = Principal(
        person_id=person.person_id,
        channel=Channel.TOKEN,
        scopes=frozenset(Scope),
        session_id=person.session_id,
    )
    outcome = world.accept(by_token, model)
    assert isinstance(outcome, Refusal)
    assert outcome.code == "acceptance-needs-a-person"


def test_p2_a_blocked_person_is_refused_whatever_they_accepted(world: World) -> None:
    model = world.gated_model()
    owner, person = world.person("owner@quarry.example"), world.person()
    world.accept(person, model)
    block = world.write(
        access.block_person,
        publisher="quarry",
        person_id=person.person_id,
        reason="shared the weights",
        until=None,
        principal=owner,
        now=world.now,
    )
    verdict = world.decide(person, model)
    assert verdict.refusal.code == "access-blocked"
    assert "shared the weights" in verdict.refusal.detail
    assert isinstance(world.resolve(world.token(person)), FileRefused)
    world.write(access.lift_block, publisher="quarry", block_id=block.id, principal=owner, now=world.now)
    assert isinstance(world.decide(person, model), access.Permit)


# P3: no acceptance without its exact text.


def test_p3_the_statement_binds_text_language_policies_form_and_answers(world: World) -> None:
    model = world.gated_model()
    summary = world.accept(world.person(), model)
    statement, disclosures = world.read(
        acceptances.open_disclosures, acceptance_id=summary.id, sealer=world.sealer
    )
    claims = claims_of(statement)
    assert claims["license"]["sha256"] == "sha256:" + hashlib.sha256(TEXT_10).hexdigest()
    assert claims["license"]["language"] == "en"
    assert claims["license"]["policies"] == []
    assert claims["gate"]["form"] == model.gate.form_digest
    assert claims["gate"]["answers"].startswith("sha256:")
    assert len(disclosures) == 7


@pytest.mark.parametrize("change", ["another text", "another ticket", "no ticket", "another session"])
def test_p3_an_act_on_another_text_is_refused(world: World, change: str) -> None:
    model = world.gated_model()
    person = world.person()
    changes: dict[str, Any] = {
        "another text": {"text_sha256": "sha256:" + "0" * 64},
        "another ticket": {"ticket": world.act(person, model).ticket[:-6] + "AAAAAA"},
        "no ticket": {"ticket": ""},
        "another session": {"ticket": world.act(world.person(), model).ticket},
    }[change]
    outcome = world.accept(person, model, **changes)
    assert isinstance(outcome, Refusal)
    assert outcome.status == 409
    assert isinstance(world.decide(person, model), access.Denial)


def test_p3_an_old_page_is_refused_after_a_day(world: World, clock: SettableClock) -> None:
    model = world.gated_model()
    person = world.person()
    command = world.act(person, model)
    clock.advance(timedelta(hours=25))
    outcome = world.accept(person, model, ticket=command.ticket)
    assert isinstance(outcome, Refusal)
    assert outcome.code == "form-too-old"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"agreed": False}, "agreed"),
        ({"typed_name": "  "}, "typed_name"),
        ({"typed_name": "a\u202eb"}, "typed_name"),
        ({"answers": {"Affiliation": "x"}}, "Country"),
        ({"answers": {"Affiliation": "x", "Country": "Norway"}}, "Country"),
    ],
)
def test_p3_an_incomplete_act_names_the_field(world: World, changes: dict[str, Any], field: str) -> None:
    outcome = world.accept(world.person(), world.gated_model(), **changes)
    assert isinstance(outcome, Refusal)
    assert outcome.code == "acceptance-incomplete"
    assert field in outcome.errors


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

    outcomes = asyncio.run(ask_all())
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
