"""The machine's clock steps back: no right appears or lasts longer for it, nothing recorded gets out of order."""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlmodel import Session, col, select

from registry import acceptances, access, audit, identity, ledger
from registry.acceptances import AcceptanceSummary
from registry.catalog.domain import ModelView
from registry.identity.domain import Scope, digest_of
from registry.identity.tables import WebSession
from registry.kernel import outbox
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from registry.ledger.tables import LedgerCheckpoint
from tests.clock import SettableClock
from tests.world import World

STEP = timedelta(hours=5)


def world_over(database: Database, clock: SettableClock) -> World:
    world = World(database=database, clock=clock)
    _ = world.keys
    return world


def permits(world: World, person: identity.Principal, model: ModelView) -> bool:
    return isinstance(world.decide(person, model), access.Permit)


def checkpoints(world: World) -> list[tuple[int, datetime]]:
    """Sizes and times of the checkpoints, by size."""
    query = select(LedgerCheckpoint.size, LedgerCheckpoint.signed_at).order_by(col(LedgerCheckpoint.size))
    return [tuple(row) for row in world.read(lambda session: session.exec(query).all())]


def indices(world: World) -> list[int]:
    query = text('SELECT "index" FROM ledger_leaf ORDER BY "index"')
    return [row[0] for row in world.read(lambda session: session.connection().execute(query).all())]


def test_acceptance_withdrawal_and_acceptance_count_in_the_order_in_which_they_were_done(
    database: Database, clock: SettableClock
) -> None:
    world = world_over(database, clock)
    model, person = world.gated_model(), world.person()
    first = world.accept(person, model)
    assert permits(world, person, model)
    clock.advance(-STEP)
    assert permits(world, person, model)
    assert not isinstance(world.withdraw(person, first.id), Refusal)
    assert not permits(world, person, model)
    clock.advance(-STEP)
    second = world.accept(person, model)
    assert isinstance(second, AcceptanceSummary)
    assert second.id != first.id
    assert permits(world, person, model)
    assert not isinstance(world.withdraw(person, second.id), Refusal)
    assert not permits(world, person, model)
    clock.advance(4 * STEP)
    assert not permits(world, person, model)
    world.integrate()
    assert world.read(audit.find_discrepancies, sealer=world.sealer) == []


def test_a_page_that_was_opened_before_the_step_is_shown_again_and_then_counts(
    database: Database, clock: SettableClock
) -> None:
    world = world_over(database, clock)
    model, person = world.gated_model(), world.person()
    opened_before = world.act(person, model)
    clock.advance(-STEP)

    def post(command: acceptances.domain.AcceptLicense) -> AcceptanceSummary | Refusal:
        outcome: AcceptanceSummary | Refusal = world.write(
            acceptances.accept,
            command=command,
            principal=person,
            model=model,
            issuer="http://gatehouse.test:8400",
            sign=world.sign,
            sealer=world.sealer,
            now=world.now,
        )
        return outcome

    refused = post(opened_before)
    assert isinstance(refused, Refusal)
    assert refused.status == 409
    assert refused.remedy is not None
    assert not permits(world, person, model)
    assert isinstance(post(world.act(person, model)), AcceptanceSummary)


def test_indices_stay_contiguous_and_checkpoints_never_step_back(
    database: Database, clock: SettableClock
) -> None:
    world = world_over(database, clock)
    model = world.gated_model()
    for number in range(4):
        world.accept(world.person(f"person-{number}@nordlab.example"), model)
        world.integrate()
        clock.advance(-STEP)
    found = checkpoints(world)
    assert [size for size, _ in found] == sorted({size for size, _ in found})
    times = [signed_at for _, signed_at in found]
    assert times == sorted(times)
    assert indices(world) == list(range(found[-1][0]))
    assert world.read(audit.find_discrepancies, sealer=world.sealer) == []


def test_what_ends_ends_at_its_time_and_not_later(database: Database, clock: SettableClock) -> None:
    world = world_over(database, clock)
    person = world.person()
    start = clock.now()
    token = world.token(person, Scope.READ)
    secret = "a-secret-of-a-browser"
    world.write(_open_session, person=person, secret=secret, now=start, ends=start + timedelta(days=1))

    def works() -> tuple[bool, bool]:
        session = world.read(identity.authenticate_session, secret=secret, now=world.now)
        outcome = world.read(identity.authenticate_token, token=token, now=world.now)
        return session is not None, not isinstance(outcome, Refusal)

    assert works() == (True, True)
    clock.advance(-STEP)
    assert works() == (True, True)
    clock.set(start + timedelta(days=1))
    assert works() == (False, True)
    clock.set(start + timedelta(days=30))
    assert works() == (False, False)
    clock.advance(-STEP * 10)
    token_id = world.read(identity.list_tokens, person_id=person.person_id)[0].id
    world.write(identity.revoke_token, person_id=person.person_id, token_id=token_id, now=world.now)
    clock.set(start)
    assert works() == (True, False), "what was revoked stays revoked before the moment of it"


def test_files_go_on_and_their_records_are_whole(database: Database, clock: SettableClock) -> None:
    world = world_over(database, clock)
    model, person = world.gated_model(), world.person()
    world.accept(person, model)
    token = world.token(person)
    issued = [world.resolve(token)]
    clock.advance(-STEP)
    issued.append(world.resolve(token))
    assert len({outcome.record_id for outcome in issued}) == 2
    stored = world.read(
        lambda session: (
            session.connection().execute(text("SELECT count(*) FROM download_record")).scalar_one()
        )
    )
    assert stored == 2


def test_effects_wait_for_the_clock_and_happen_once(database: Database, clock: SettableClock) -> None:
    world = world_over(database, clock)
    message_id = world.write(lambda session: outbox.put(session, "topic", b"payload", now=world.now))
    clock.advance(-STEP)
    assert world.write(outbox.claim, now=world.now) == []
    clock.advance(STEP)
    assert [message.id for message in world.write(outbox.claim, now=world.now)] == [message_id]
    clock.advance(-STEP)
    assert world.write(outbox.claim, now=world.now) == [], "nobody takes what another has claimed"


def _open_session(
    session: Session, *, person: identity.Principal, secret: str, now: datetime, ends: datetime
) -> None:
    session.add(
        WebSession(
            digest=digest_of(secret),
            person_id=person.person_id,
            method="email-link",
            created_at=now,
            expires_at=ends,
        )
    )


def test_a_ledger_whose_clock_is_before_its_key_can_go_on(database: Database, clock: SettableClock) -> None:
    world = world_over(database, clock)
    clock.advance(-STEP)
    model = world.gated_model()
    world.accept(world.person(), model)
    world.integrate()
    assert not world.read(ledger.has_pending)
    assert world.read(audit.find_discrepancies, sealer=world.sealer) == []
