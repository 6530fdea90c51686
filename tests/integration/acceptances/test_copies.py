"""What became of the acceptor's copy: the letter, the first fetching of the receipt; SQLite and PostgreSQL."""

from datetime import timedelta
from pathlib import Path

import pytest

from registry.acceptances.copies import find_copies, note_copy
from registry.acceptances.domain import CopyEvent
from registry.kernel.database import Database
from registry.kernel.mail import Mail
from registry.kernel.outbox import GIVE_UP_AFTER_ATTEMPTS, LONGEST_PAUSE
from registry.kernel.outcomes import Unavailable
from registry.parts import build_parts
from registry.settings import Settings
from registry.worker import Worker
from tests.clock import SettableClock
from tests.world import BASE_URL, MASTER_SECRET, World, presigning_store, run


@pytest.fixture
def world(database: Database, clock: SettableClock) -> World:
    return World(database=database, clock=clock, store=presigning_store(clock))


class BrokenMailer:
    async def send(self, mail: Mail, *, now: object) -> None:
        del mail, now
        raise Unavailable("mail server", "refused")


@pytest.fixture
def worker(world: World, tmp_path: Path) -> Worker:
    settings = Settings(
        base_url=BASE_URL, data_dir=tmp_path, master_key=MASTER_SECRET.hex(), worker_inline=False
    )
    assert world.store is not None
    return Worker(build_parts(settings, store=world.store, database=world.database, clock=world.clock))


def test_a_letter_that_was_sent_is_a_fact(world: World, worker: Worker, clock: SettableClock) -> None:
    summary = world.accept(world.person(), world.gated_model())
    assert world.read(find_copies, acceptance_id=summary.id) == {}
    sent = clock.advance(timedelta(seconds=3))
    run(worker.deliver_due())
    assert world.read(find_copies, acceptance_id=summary.id) == {CopyEvent.LETTER_SENT: sent}


def test_a_letter_that_was_given_up_is_a_fact(world: World, worker: Worker, clock: SettableClock) -> None:
    summary = world.accept(world.person(), world.gated_model())
    object.__setattr__(worker._parts, "mailer", BrokenMailer())
    for attempt in range(GIVE_UP_AFTER_ATTEMPTS):
        assert world.read(find_copies, acceptance_id=summary.id) == {}, attempt
        run(worker.deliver_due())
        given_up = clock.now()
        clock.advance(LONGEST_PAUSE)
    assert world.read(find_copies, acceptance_id=summary.id) == {CopyEvent.LETTER_FAILED: given_up}


def test_only_the_first_time_counts(world: World, clock: SettableClock) -> None:
    summary = world.accept(world.person(), world.gated_model())
    first = clock.now()
    for _ in range(2):
        world.write(note_copy, acceptance_id=summary.id, event=CopyEvent.FETCHED, now=clock.now())
        clock.advance(timedelta(hours=1))
    assert world.read(find_copies, acceptance_id=summary.id) == {CopyEvent.FETCHED: first}
