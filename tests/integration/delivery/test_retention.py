"""What is due goes at its very time, what is held stays, and every proof still verifies; on both databases."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlmodel import select, update

from registry import acceptances, access, audit
from registry.acceptances.receipts import build_receipt
from registry.acceptances.sd_jwt import encode, issue, read_disclosure
from registry.acceptances.tables import Acceptance
from registry.access.tables import AccessRequest, RequestStep
from registry.access.transitions import RequestEvent
from registry.client.verify import verify_receipt
from registry.delivery import holds, retention
from registry.delivery.domain import UrlIssued
from registry.delivery.tables import DownloadRecord, RefusedRequest
from registry.identity.oauth_tables import LoginKind, ProgramLogin
from registry.identity.tables import EmailLink, Notice, WebSession
from registry.kernel.database import Database
from registry.kernel.identifiers import new_id
from registry.kernel.retention import DEFAULTS, Retention, in_words
from registry.kernel.telemetry import METRICS
from tests.clock import SettableClock
from tests.integration.access.test_requests import Scene, scene
from tests.world import ANSWERS, BASE_URL, World

__all__ = ["scene"]
TICK = timedelta(milliseconds=1)


@pytest.fixture
def world(database: Database, clock: SettableClock) -> World:
    world = World(database=database, clock=clock)
    world.model = world.gated_model()
    world.mara = world.person()
    world.accepted = world.accept(world.mara, world.model)
    return world


def sweep(world: World, given: Retention = DEFAULTS, limit: int = 2) -> int:
    """Destroy what is due now, step by step until nothing is; return how many rows were settled."""
    settled = 0
    while done := world.write(
        retention.sweep,
        given=retention.Pass(retention=given, sealer=world.sealer, now=world.now, limit=limit),
    ):
        settled += done
        assert settled < 1_000, "it goes round for ever"
    return settled


def stated(world: World, person: Any = None) -> Any:
    wanted = acceptances.Filter(person_id=(person or world.mara).person_id)
    (row,) = world.read(acceptances.list_opened, wanted=wanted, sealer=world.sealer)
    return row


def proofs_stand(world: World, acceptance_id: Any) -> Any:
    """The log and every row fit, and the receipt verifies; what it still discloses."""
    world.integrate()
    assert world.read(audit.find_discrepancies, sealer=world.sealer) == []
    receipt = world.read(build_receipt, acceptance_id=acceptance_id, base_url=BASE_URL, sealer=world.sealer)
    outcome = verify_receipt(msgspec.json.encode(receipt))
    assert outcome.is_verified
    return outcome.statement


def hold(world: World, **given: Any) -> Any:
    order = holds.Order(reason="Case 12/26", ordered_by="Legal department", **given)
    return world.write(holds.place_hold, order=order, sealer=world.sealer, now=world.now)


def count(world: World, table: Any) -> int:
    return len(world.read(lambda session: session.exec(select(table)).all()))


def test_address_and_browser_go_at_their_very_time_and_nothing_else(world: World) -> None:
    world.clock.advance(timedelta(days=90) - TICK)
    sweep(world)
    assert set(stated(world).circumstances) == {"ip_address", "user_agent"}
    world.clock.advance(TICK)
    sweep(world)
    row = stated(world)
    assert row.circumstances == {}
    assert (row.name, row.answers) == ("Mara Lindqvist", ANSWERS)
    disclosed = proofs_stand(world, world.accepted.id)
    assert disclosed["name"] == "Mara Lindqvist"
    assert "ip_address" not in disclosed
    assert sweep(world) == 0


def test_an_answer_that_is_called_like_an_address_stays() -> None:
    issued = issue(
        {"v": 1},
        {"name": "Mara", "ip_address": "192.0.2.7", "answers": {"ip_address": "of our cluster"}},
        groups=("answers",),
        sign=lambda payload: f"e30.{encode(payload)}.x",
    )
    kept = retention.of_acceptances.without_connection(issued.jwt, issued.disclosures)
    assert [read_disclosure(one) for one in kept] == [("name", "Mara"), ("ip_address", "of our cluster")]


def test_an_acceptance_that_lacks_more_than_its_time_allows_is_named(world: World) -> None:
    world.clock.advance(timedelta(days=90))
    sweep(world)
    forget = {"details_forgotten_at": None, "sealed_disclosures": b""}
    world.write(lambda session: session.exec(update(Acceptance).values(**forget)))
    (found,) = world.read(audit.find_discrepancies, sealer=world.sealer)
    assert found.table == "acceptance"


def test_a_claim_that_addresses_went_does_not_hide_that_they_are_there(world: World) -> None:
    world.write(lambda session: session.exec(update(Acceptance).values(connection_forgotten_at=world.now)))
    (found,) = world.read(audit.find_discrepancies, sealer=world.sealer)
    assert "disclosures" in found.problem


def test_details_of_a_withdrawn_acceptance_go_after_six_years(world: World) -> None:
    other = world.person("other@nordlab.example")
    stands = world.accept(other, world.model)
    world.withdraw(world.mara, world.accepted.id)
    world.clock.advance(timedelta(days=2192) - TICK)
    sweep(world)
    assert stated(world).name == "Mara Lindqvist"
    world.clock.advance(TICK)
    sweep(world)
    row = stated(world)
    assert (row.name, row.email, row.answers) == (None, None, {})
    assert proofs_stand(world, world.accepted.id)["license"]["slug"] == "sample-openrail-m"
    assert stated(world, other).name == "Mara Lindqvist"
    assert proofs_stand(world, stands.id)["answers"] == ANSWERS


def test_one_can_accept_again_after_the_details_of_before_have_gone(world: World) -> None:
    world.withdraw(world.mara, world.accepted.id)
    world.clock.advance(timedelta(days=2192))
    sweep(world)
    again = world.accept(world.person(), world.model)
    assert proofs_stand(world, again.id)["name"] == "Mara Lindqvist"


@pytest.mark.parametrize(
    "on",
    [{"person": "mara@nordlab.example"}, {"publisher": "quarry"}, {"model": "quarry/quarry-15b"}],
    ids=str,
)
def test_what_is_held_stays_until_the_hold_is_lifted(world: World, on: dict[str, str]) -> None:
    for number in range(5):
        person = world.person(f"person-{number}@nordlab.example")
        world.withdraw(person, world.accept(person, world.model).id)
    world.withdraw(world.mara, world.accepted.id)
    placed = hold(world, **on)
    world.clock.advance(timedelta(days=2192))
    sweep(world)
    assert stated(world).name == "Mara Lindqvist"
    assert stated(world).circumstances
    spared = 6 if "person" not in on else 1
    left = world.read(acceptances.list_opened, wanted=acceptances.Filter(), sealer=world.sealer)
    assert len([one for one in left if one.name]) == spared
    assert len([one for one in left if one.circumstances]) == spared
    world.write(holds.lift_hold, hold_id=placed.id, now=world.now)
    sweep(world)
    left = world.read(acceptances.list_opened, wanted=acceptances.Filter(), sealer=world.sealer)
    assert [one for one in left if one.name or one.circumstances] == []
    assert world.read(audit.find_discrepancies, sealer=world.sealer) == []


def test_a_hold_that_runs_out_lets_go_what_it_kept(world: World) -> None:
    hold(world, person="mara@nordlab.example", until=world.now + timedelta(days=100))
    world.clock.advance(timedelta(days=95))
    sweep(world)
    assert stated(world).circumstances
    world.clock.advance(timedelta(days=5))
    sweep(world)
    assert stated(world).circumstances == {}


def test_of_an_erased_person_nothing_is_opened(world: World) -> None:
    world.write(world.sealer.destroy_subject_key, subject_id=world.mara.person_id)
    world.clock.advance(timedelta(days=90))
    sweep(world)
    assert world.read(audit.find_discrepancies, sealer=world.sealer) == []


def test_a_download_record_forgets_the_program_and_stays(world: World) -> None:
    for _ in range(3):
        assert isinstance(world.resolve(world.token(world.mara)), UrlIssued)
    world.clock.advance(timedelta(days=90))
    sweep(world)
    rows = world.read(lambda session: session.exec(select(DownloadRecord)).all())
    assert {(row.client, row.request_id, row.person_id) for row in rows} == {("", "", world.mara.person_id)}
    assert len(rows) == 3


def test_refused_requests_and_notices_go_whole(world: World) -> None:
    assert not isinstance(world.resolve(world.token(world.person("new@nordlab.example"))), UrlIssued)
    notice = {"id": new_id(), "person_id": world.mara.person_id, "created_at": world.now, "sealed": b"x"}
    world.write(lambda session: session.add(Notice(**notice)))
    before = count(world, Notice)
    world.clock.advance(timedelta(days=730) - TICK)
    sweep(world)
    assert (count(world, RefusedRequest), count(world, Notice)) == (1, before)
    world.clock.advance(TICK)
    sweep(world)
    assert (count(world, RefusedRequest), count(world, Notice)) == (0, 0)


def test_what_serves_signing_in_goes(world: World) -> None:
    person_id = world.mara.person_id
    login = {"kind": LoginKind.DEVICE, "client_id": "x", "name": "x", "scopes": "read"}
    link = {"digest": "d", "email_index": b"i", "sealed_email": b"s", "network_index": b"n", "next_path": "/"}
    times = {"created_at": world.now, "expires_at": world.now + timedelta(minutes=15)}

    def add(session: Any) -> None:
        session.add(
            ProgramLogin(id=new_id(), person_id=person_id, sealed_network=b"n", created_at=world.now, **login)
        )
        session.add(EmailLink(**link, **times))
        session.exec(update(WebSession).values(expires_at=world.now + timedelta(days=14)))

    world.write(add)
    world.clock.advance(timedelta(days=1))
    sweep(world)
    assert count(world, EmailLink) == 1
    world.clock.advance(timedelta(minutes=15))
    sweep(world)
    assert count(world, EmailLink) == 0
    world.clock.advance(timedelta(days=89))
    sweep(world)
    (row,) = world.read(lambda session: session.exec(select(ProgramLogin)).all())
    assert row.sealed_network is None
    assert count(world, WebSession) > 0
    world.clock.advance(timedelta(days=14))
    sweep(world)
    assert count(world, WebSession) == 0


def test_words_of_an_ended_request_go_and_the_trail_stays(scene: Scene) -> None:
    world = scene.world
    request = scene.ask()
    scene.move(scene.anna, request, RequestEvent.WITHDRAW)
    world.clock.advance(timedelta(days=365) - TICK)
    sweep(world)
    assert any(world.read(lambda session: session.exec(select(RequestStep.sealed)).all()))
    world.clock.advance(TICK)
    sweep(world)
    assert not any(world.read(lambda session: session.exec(select(RequestStep.sealed)).all()))
    (seen,) = world.read(access.open_own_requests, office=scene.office(scene.anna), after=None, limit=10)
    assert [step.event for step in seen.steps][-1] is RequestEvent.WITHDRAW
    assert world.read(audit.find_discrepancies, sealer=world.sealer) == []


def test_words_of_an_approved_request_stay(scene: Scene) -> None:
    scene.approved()
    scene.world.clock.advance(timedelta(days=4_000))
    sweep(scene.world)
    assert any(scene.world.read(lambda session: session.exec(select(RequestStep.sealed)).all()))


def steps_of(scene: Scene) -> Any:
    (seen,) = scene.world.read(
        access.open_own_requests, office=scene.office(scene.anna), after=None, limit=10
    )
    return seen.steps


def test_notes_of_reviewers_go_by_their_age_where_access_stands_and_words_of_the_applicant_stay(
    scene: Scene,
) -> None:
    world = scene.world
    scene.approved()
    assert [step.note for step in steps_of(scene)] == ["", "for my thesis", "because"]
    held = hold(world, person="anna@uni.example")
    world.clock.advance(timedelta(days=730))
    sweep(world)
    assert [step.note for step in steps_of(scene)][-1] == "because"
    world.write(holds.lift_hold, hold_id=held.id, now=world.now)
    sweep(world)
    _, asked, approved = steps_of(scene)
    assert (bool(asked.note), bool(asked.answers), approved.note) == (True, True, "")
    assert approved.actor_id is not None
    assert world.read(audit.find_discrepancies, sealer=world.sealer) == []
    assert sweep(world) == 0


def test_a_draft_that_is_never_sent_is_emptied(scene: Scene) -> None:
    world = scene.world
    scene.ask(as_draft=True)
    world.clock.advance(timedelta(days=90))
    sweep(world)
    (row,) = world.read(lambda session: session.exec(select(AccessRequest)).all())
    assert row.sealed_draft is None
    assert row.is_open


def test_nothing_goes_by_itself_where_the_times_are_nought(world: World) -> None:
    never = Retention(**dict.fromkeys(Retention.__slots__, 0))
    world.withdraw(world.mara, world.accepted.id)
    world.clock.advance(timedelta(days=10_000))
    assert sweep(world, never) == 0
    assert stated(world).circumstances


def test_what_was_destroyed_is_counted_by_class(world: World) -> None:
    labels = {"what": "acceptance-connections"}
    before = METRICS.get_sample_value("gatehouse_destroyed_rows_total", labels) or 0
    world.clock.advance(timedelta(days=90))
    sweep(world)
    assert METRICS.get_sample_value("gatehouse_destroyed_rows_total", labels) == before + 1


def test_a_step_that_fails_leaves_everything_and_is_done_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.clock.advance(timedelta(days=90))
    with monkeypatch.context() as broken:
        broken.setattr(retention.of_identity, "delete_spent", lambda *_args, **_given: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            sweep(world)
    assert stated(world).circumstances
    sweep(world)
    assert stated(world).circumstances == {}


@pytest.mark.parametrize(
    ("days", "said"), [(1, "1 day"), (90, "90 days"), (365, "12 months"), (730, "2 years"), (2192, "6 years")]
)
def test_times_are_said_as_people_say_them(days: int, said: str) -> None:
    assert in_words(days) == said
