"""What a statement is evidence of: its times, its policies, its facts about the name; SQLite and PostgreSQL."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import event

from registry import acceptances, catalog, licenses
from registry.acceptances import receipts
from registry.catalog.domain import GateMode, ModelView
from registry.catalog.forms import FieldType, FormField
from registry.client.receipt import parse_receipt
from registry.client.verify import Trust, TrustedKeys, verify_receipt
from registry.identity.domain import Principal
from registry.kernel.clock import parse_iso
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from registry.kernel.synchronisation import ClockState, ClockWatch
from tests.clock import SettableClock
from tests.integration.acceptances.policies import PINNED, POLICY, UNSEEN, publish, require
from tests.world import BASE_URL, World, claims_of, run


@pytest.fixture
def world(database: Database, clock: SettableClock) -> World:
    return World(database=database, clock=clock)


def claims(world: World, acceptance_id: UUID) -> dict[str, Any]:
    statement, _ = world.read(acceptances.open_disclosures, acceptance_id=acceptance_id, sealer=world.sealer)
    return claims_of(statement)


def test_p3_the_statement_binds_every_policy_and_the_receipt_carries_their_texts(world: World) -> None:
    _ = world.keys
    publish(world, policies=PINNED)
    model = require(world, "sample-openrail-m@1.0")
    person = world.person()
    summary = world.accept(person, model, answers={})
    world.integrate()
    bound = claims(world, summary.id)["license"]["policies"]
    assert [policy["sha256"] for policy in bound] == [licenses.exact_digest(POLICY), UNSEEN]
    receipt = world.read(
        receipts.build_receipt, acceptance_id=summary.id, base_url=BASE_URL, sealer=world.sealer
    )
    assert [policy.text for policy in receipt.license.policies] == [POLICY.decode(), None]
    data = msgspec.json.encode(receipt)
    trusted = TrustedKeys(keys=parse_receipt(data).keys, source=Trust.GIVEN)
    assert verify_receipt(data, trusted=trusted).is_verified
    altered = data.replace(b"Do not spam", b"Do now spam")
    failure = verify_receipt(altered, trusted=trusted).failure
    assert failure is not None
    assert failure.step == "license"


def test_a_page_from_the_future_is_refused_and_nothing_is_recorded(
    world: World, clock: SettableClock
) -> None:
    model, person = world.gated_model(), world.person()
    ticket = world.act(person, model).ticket
    clock.advance(timedelta(minutes=-3))
    outcome = world.accept(person, model, ticket=ticket)
    assert isinstance(outcome, Refusal)
    assert outcome.code == "form-from-the-future"
    wanted = acceptances.Filter(person_id=person.person_id)
    assert world.read(acceptances.list_acceptances, wanted=wanted) == []


def test_times_are_in_order_also_when_the_clock_went_back_a_little(
    world: World, clock: SettableClock
) -> None:
    model, person = world.gated_model(), world.person()
    ticket = world.act(person, model).ticket
    clock.advance(timedelta(minutes=-1))
    outcome = world.accept(person, model, ticket=ticket, end_reached_ms=0)
    times = claims(world, outcome.id)["times"]
    shown, end, accepted = (parse_iso(times[name]) for name in ("presented", "end_reached", "accepted"))
    assert shown <= end <= accepted == clock.now()


def test_a_name_that_differs_from_the_earlier_ones_is_flagged_and_not_told(world: World) -> None:
    model, person = world.gated_model(), world.person()
    names = ("Mara Lindqvist", "mara  lindqvist", "Eve Other")
    said = []
    for name in names:
        summary = world.accept(person, model, typed_name=name)
        statement, _ = world.read(acceptances.open_disclosures, acceptance_id=summary.id, sealer=world.sealer)
        said.append(claims_of(statement)["act"]["typed_name"])
        assert name not in str(claims_of(statement))
        world.withdraw(person, summary.id)
    assert said == [
        {"compared_with": 0, "matches": None},
        {"compared_with": 1, "matches": True},
        {"compared_with": 2, "matches": False},
    ]


def test_who_accepts_for_the_first_time_costs_no_further_query(world: World) -> None:
    model, person = world.gated_model(), world.person()
    command = world.act(person, model)
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    event.listen(world.database.engine, "before_cursor_execute", note)
    world.accept(person, model, ticket=command.ticket)
    assert not [
        statement for statement in asked if "sealed_disclosures" in statement and statement[:6] == "SELECT"
    ]


def test_the_statement_says_whether_the_clock_was_synchronised(world: World) -> None:
    model = world.gated_model()
    for state in ClockState:
        person = world.person(f"{state.name.lower()}@nordlab.example")
        summary = accept_through_acceptor(world, model, person, state)
        assert claims(world, summary.id)["times"]["synchronisation"] == state.value


def accept_through_acceptor(world: World, model: ModelView, person: Principal, state: ClockState) -> Any:
    command = world.act(person, model)

    async def accept() -> Any:
        acceptor = acceptances.Acceptor(
            database=world.database,
            clock=world.clock,
            sealer=world.sealer,
            issuer=BASE_URL,
            watch=ClockWatch(lambda: state),
        )
        outcome: Any = await acceptor.accept(
            acceptances.PostedForm(
                publisher=model.publisher,
                model=model.name,
                principal=person,
                sign=world.sign,
                read=lambda _model, _asking: [command],
            )
        )
        return outcome[0]

    return run(accept())


def test_a_question_called_like_a_claim_of_ours_changes_neither(world: World) -> None:
    _ = world.keys
    publish(world)
    owner = world.person("owner@quarry.example")
    world.publisher(owner)
    questions = [
        FormField(key=key, label=key, type=FieldType.TEXT, purpose="To know more")
        for key in ("name", "email", "model", "answers_salt")
    ]
    demand = catalog.GateDemand(
        mode=GateMode.AUTO, licenses=("sample-openrail-m@1.0",), fields=tuple(questions)
    )
    model = world.write(
        catalog.create_model,
        publisher="quarry",
        name="slate",
        demand=demand,
        private=True,
        principal=owner,
        now=world.now,
    )
    given = {key: f"another {key}" for key in ("name", "email", "model", "answers_salt")}
    world.accept(owner, model, answers=given)
    (opened,) = world.read(
        acceptances.list_opened, wanted=acceptances.Filter(gate_ids=[model.gate.id]), sealer=world.sealer
    )
    assert opened.answers == given
    assert opened.email == "owner@quarry.example"
    assert opened.name != "another name"
    assert (opened.summary.publisher, opened.summary.model) == ("quarry", "slate")
