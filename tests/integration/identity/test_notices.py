"""The inbox, digests of one mail a day, and addresses that refuse mail for good; on both databases."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

from registry.identity.domain import Message, Principal
from registry.identity.notices import count_unread, find_refused_since, mark_read, notify, send_digests
from registry.kernel import outbox
from registry.kernel.database import Database
from registry.kernel.mail import Mail, unqueue
from registry.kernel.outbox import OutboxMessage
from registry.kernel.periodic import _run_once, run_periodically
from registry.parts import Parts, build_parts
from registry.settings import Settings
from registry.worker import Worker
from tests.clock import SettableClock
from tests.servers.smtp import SMTPSink
from tests.world import BASE_URL, MASTER_SECRET, World, presigning_store


@pytest.fixture
def world(database: Database, clock: SettableClock) -> World:
    return World(database=database, clock=clock, store=presigning_store(clock))


def tell(world: World, person: Principal, subject: str, *, by_mail: bool) -> None:
    message = Message(kind="request-waits", subject=subject, text=f"{subject}.", page="/requests/1")
    world.write(
        notify,
        person_ids=[person.person_id],
        message=message,
        base_url=BASE_URL,
        sealer=world.sealer,
        now=world.now,
        by_mail=by_mail,
    )


def digest(world: World) -> int:
    done: int = world.write(send_digests, sealer=world.sealer, base_url=BASE_URL, now=world.now)
    return done


def letters(world: World) -> list[Mail]:
    rows = world.database.read_now(
        lambda session: session.exec(select(OutboxMessage).order_by(OutboxMessage.id)).all()
    )
    return [unqueue(row.payload, sealer=world.sealer) for row in rows]


def test_a_digest_names_all_that_waits_and_comes_once_a_day(world: World, clock: SettableClock) -> None:
    ben = world.person("ben@quarry.example")
    tell(world, ben, "A request for quarry waits", by_mail=False)
    assert letters(world) == []
    assert digest(world) == 1
    assert [letter.subject for letter in letters(world)] == ["A request for quarry waits"]
    tell(world, ben, "A second one waits", by_mail=False)
    tell(world, ben, "A third one waits", by_mail=False)
    assert digest(world) == 0
    clock.advance(timedelta(hours=23, minutes=59))
    assert digest(world) == 0
    clock.advance(timedelta(minutes=1))
    assert digest(world) == 1
    newest = letters(world)[-1]
    assert newest.subject == "2 notices wait for you"
    assert "A second one waits" in newest.text
    assert f"{BASE_URL}/requests/1" in newest.text
    assert digest(world) == 0
    assert len(letters(world)) == 2


def test_what_was_seen_in_the_inbox_is_not_told_again(world: World) -> None:
    ben = world.person("ben@quarry.example")
    tell(world, ben, "A request waits", by_mail=False)
    assert world.read(count_unread, person_id=ben.person_id) == 1
    world.write(mark_read, person_id=ben.person_id, now=world.now)
    assert world.read(count_unread, person_id=ben.person_id) == 0
    digest(world)
    assert letters(world) == []


@pytest.fixture
def parts(world: World, smtp: SMTPSink, tmp_path: Path) -> Parts:
    settings = Settings(
        base_url=BASE_URL,
        data_dir=tmp_path,
        master_key=MASTER_SECRET.hex(),
        worker_inline=False,
        smtp_host=smtp.host,
        smtp_port=smtp.port,
        smtp_tls=False,
    )
    assert world.store is not None
    return build_parts(settings, store=world.store, database=world.database, clock=world.clock)


async def test_an_address_that_refuses_mail_for_good_is_noted_until_one_goes_through(
    world: World, parts: Parts, smtp: SMTPSink
) -> None:
    anna = await asyncio.to_thread(world.person, "anna@uni.example")
    worker = Worker(parts)
    smtp.refuse_recipients_with = "550 5.1.1 no such mailbox"
    await asyncio.to_thread(tell, world, anna, "Approved", by_mail=True)
    assert await worker.deliver_due() == 1

    def state(session: Session) -> Any:
        row = session.exec(select(OutboxMessage)).one()
        return row.payload, row.attempts, row.last_error, row.done_at

    kept = await world.database.read(state)
    assert kept == (b"", outbox.GIVE_UP_AFTER_ATTEMPTS, "the mail server refuses the address (550)", None)
    assert await asyncio.to_thread(world.read, find_refused_since, person_id=anna.person_id) == world.now
    world.clock.advance(timedelta(days=1))
    assert await worker.deliver_due() == 0
    smtp.refuse_recipients_with = None
    await asyncio.to_thread(tell, world, anna, "Ended", by_mail=True)
    assert await worker.deliver_due() == 1
    assert smtp.next()["Subject"] == "Ended"
    assert await asyncio.to_thread(world.read, find_refused_since, person_id=anna.person_id) is None


@pytest.mark.parametrize("answer", ["450 4.2.1 try later", "452 4.2.2 mailbox full"])
async def test_an_address_that_refuses_for_now_is_tried_again(
    world: World, parts: Parts, smtp: SMTPSink, answer: str
) -> None:
    anna = await asyncio.to_thread(world.person, "anna@uni.example")
    worker = Worker(parts)
    smtp.refuse_recipients_with = answer
    await asyncio.to_thread(tell, world, anna, "Approved", by_mail=True)
    assert await worker.deliver_due() == 1
    assert await asyncio.to_thread(world.read, find_refused_since, person_id=anna.person_id) is None
    smtp.refuse_recipients_with = None
    world.clock.advance(timedelta(hours=1))
    assert await worker.deliver_due() == 1
    assert smtp.next()["Subject"] == "Approved"


async def test_work_that_is_due_outlives_a_defect_and_goes_on_while_there_is_some(database: Database) -> None:
    outcomes = iter([2, 1, 0])
    finished = asyncio.Event()
    loop = asyncio.get_running_loop()

    def work(_session: Session) -> int:
        done = next(outcomes)
        if not done:
            loop.call_soon_threadsafe(finished.set)
        return done

    task = asyncio.create_task(run_periodically(database, work, what="tests", seconds=3600, lock=1))
    await asyncio.wait_for(finished.wait(), 20)
    task.cancel()

    failed = asyncio.Event()

    def fail(_session: Session) -> int:
        if failed.is_set():
            loop.call_soon_threadsafe(finished.set)
            return 0
        loop.call_soon_threadsafe(failed.set)
        raise ValueError("a defect")

    finished.clear()
    task = asyncio.create_task(run_periodically(database, fail, what="tests", seconds=0.01, lock=1))
    await asyncio.wait_for(finished.wait(), 20)
    task.cancel()


def test_one_worker_at_a_time_does_what_is_due(database: Database) -> None:
    if database.dialect == "sqlite":
        pytest.skip("SQLite has one writer anyway")

    def outer(session: Session) -> tuple[int, int]:
        mine = _run_once(session, lambda _session: 1, 42)
        theirs = database.write_now(lambda other: _run_once(other, lambda _session: 1, 42))
        return mine, theirs

    assert database.write_now(outer) == (1, 0)
