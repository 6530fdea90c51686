"""Promises P1 to P3, on SQLite and PostgreSQL. Each test would fail if its promise broke."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from registry import acceptances, access, catalog
from registry.delivery.domain import Authorised, FileRefused, TextServed, UrlIssued
from registry.delivery.tables import DownloadRecord
from registry.identity.domain import ANONYMOUS, Channel, Principal, Scope
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from tests.clock import SettableClock
from tests.world import (
    TEXT_10,
    TEXT_11,
    TEXT_101,
    World,
    asker,
    claims_of,
    file_request,
    run,
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

    promised = run(head())
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

    def require(reference: str, **changes: int) -> None:
        outcome = world.write(
            catalog.change_gate,
            publisher=model.publisher,
            name=model.name,
            demand=catalog.GateDemand(
                mode=catalog.GateMode.AUTO,
                licenses=(reference,),
                fields=model.gate.fields,
                **changes,
            ),
            principal=owner,
            now=world.now,
        )
        assert not isinstance(outcome, Refusal), outcome

    require("sample-openrail-m@1.0.1")
    assert isinstance(world.decide(person, model), access.Permit)
    require("sample-openrail-m@1.1", reaccept_days=0)
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
    assert len(disclosures) == 8


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
