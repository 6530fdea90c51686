"""A record is looked for each day: while it stays the proof goes on; officers are told when it ends."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import dns.message
import dns.rcode
import pytest
from sqlmodel import Session, col, select

from registry.identity import domain_proofs, organisation_store, organisations
from registry.identity.organisation_domain import (
    CHECK_AGAIN,
    CHECK_EVERY,
    MISSING_GRACE,
    PROOF_LIFETIME,
    WARN_BEFORE,
    Finding,
)
from registry.identity.organisation_tables import OrganisationDomain
from registry.kernel.database import Database
from tests.clock import SettableClock
from tests.integration.access.covers import cover_scene, mailed_secret
from tests.integration.identity.domain_desk import NAME, Desk
from tests.servers.dns import Answer, DNSServer, rcode, silence, texts
from tests.world import BASE_URL, run


def test_a_record_that_stays_prolongs_the_proof_week_by_week(proved: Desk) -> None:
    member = proved.scene.join()
    whole = proved.claimed.valid_until
    assert whole is not None
    for _ in range(7):
        assert proved.look() == 1
        assert (proved.claimed.valid_until, proved.until(member)) == (whole, whole)
    proved.look()
    later = proved.world.now + PROOF_LIFETIME
    assert (proved.claimed.valid_until, proved.until(member)) == (later, later)
    assert run(proved.checker.check_due()) == 0
    assert proved.told() == []


def test_a_record_that_goes_ends_the_proof_after_a_month_and_officers_know(proved: Desk) -> None:
    member, ends = proved.scene.join(), None
    proved.server.say(NAME, rcode(dns.rcode.NXDOMAIN))
    for day in range(30):
        assert proved.scene.code(member) is None
        assert proved.look() == 1
        ends = ends or proved.world.now + MISSING_GRACE
        assert (proved.claimed.valid_until, proved.until(member)) == (ends, ends)
        assert proved.told() == ["domain-record-gone"], day
        proved.tell()
    assert proved.told() == ["domain-record-gone"]
    assert proved.scene.code(member) is None
    proved.clock.advance(timedelta(days=1))
    assert proved.scene.code(member) == "license-not-accepted"
    proved.tell()
    assert proved.told() == ["domain-record-gone", "domain-proof-over"]
    # It is over: a record that comes back now waits for an officer, who makes everything as it was.
    proved.set_record()
    assert proved.look() == 0
    assert not proved.found().is_verified(proved.world.now)
    proved.check()
    assert proved.scene.code(member) is None
    assert proved.claimed.missing_since is None
    assert proved.tell() == 0


@pytest.mark.parametrize("answer", [rcode(dns.rcode.NXDOMAIN), texts(), texts(b"something else")])
def test_a_record_that_comes_back_in_time_makes_the_proof_whole(proved: Desk, answer: Answer) -> None:
    member = proved.scene.join()
    proved.server.say(NAME, answer)
    proved.look()
    proved.look()
    assert proved.claimed.missing_since is not None
    proved.set_record()
    proved.look()
    whole = proved.world.now + PROOF_LIFETIME
    assert (proved.claimed.valid_until, proved.until(member)) == (whole, whole)
    assert proved.claimed.missing_since is None
    assert proved.told() == ["domain-record-gone", "domain-record-back"]
    # And it is told of anew when it goes once more.
    proved.server.say(NAME, answer)
    proved.look()
    assert proved.told()[2:] == ["domain-record-gone"]


@pytest.mark.parametrize("answer", [rcode(dns.rcode.SERVFAIL), silence])
def test_a_dns_that_does_not_answer_ends_nothing(proved: Desk, answer: Answer) -> None:
    whole = proved.claimed.valid_until
    proved.server.say(NAME, answer)
    assert proved.look() == 1
    assert run(proved.checker.check_due()) == 0
    proved.clock.advance(CHECK_AGAIN)
    assert run(proved.checker.check_due()) == 1
    assert (proved.claimed.valid_until, proved.claimed.missing_since) == (whole, None)
    assert proved.told() == []
    # Not even a record that is known to be gone is gone for longer.
    proved.server.say(NAME, rcode(dns.rcode.NXDOMAIN))
    proved.clock.advance(CHECK_AGAIN)
    run(proved.checker.check_due())
    ends = proved.claimed.valid_until
    proved.server.say(NAME, answer)
    proved.look()
    assert proved.claimed.valid_until == ends


def test_an_absence_never_makes_a_proof_longer(proved: Desk) -> None:
    ends = proved.claimed.valid_until
    proved.server.say(NAME, silence)
    proved.clock.advance(PROOF_LIFETIME - timedelta(days=10))
    run(proved.checker.check_due())
    proved.server.say(NAME, rcode(dns.rcode.NXDOMAIN))
    proved.look()
    assert proved.claimed.missing_since == proved.world.now
    assert proved.claimed.valid_until == ends


def test_workers_share_what_is_due(proved: Desk) -> None:
    proved.server.asked.clear()
    proved.clock.advance(CHECK_EVERY)
    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(lambda _: run(proved.checker.check_due()), range(4)))
    assert sorted(done) == [0, 0, 0, 1]
    assert proved.server.asked == [NAME]


def test_what_a_worker_took_and_never_finished_is_looked_at_again(proved: Desk) -> None:
    proved.clock.advance(CHECK_EVERY)
    (taken,) = proved.world.write(domain_proofs.take_due, now=proved.world.now)
    assert run(proved.checker.check_due()) == 0
    proved.clock.advance(CHECK_AGAIN)
    assert run(proved.checker.check_due()) == 1
    # What the first one would say now is old.
    proved.world.write(
        domain_proofs.note_due,
        due=taken,
        finding=Finding.ABSENT,
        base_url=BASE_URL,
        sealer=proved.world.sealer,
        now=proved.world.now,
    )
    assert proved.claimed.missing_since is None
    assert proved.told() == []


def test_a_defect_about_one_record_keeps_no_other_waiting(
    proved: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a defect")

    with monkeypatch.context() as patched:
        patched.setattr(domain_proofs, "note_due", fail)
        assert proved.look() == 1
    assert run(proved.checker.check_due()) == 0


async def test_the_loop_of_the_worker_outlives_an_outage(
    proved: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    again, tries = asyncio.Event(), []

    def fail(*_: object, **__: object) -> None:
        tries.append(1)
        if len(tries) == 3:
            running.call_soon_threadsafe(again.set)
        raise RuntimeError("a defect")

    running = asyncio.get_running_loop()
    monkeypatch.setattr(domain_proofs, "take_due", fail)
    monkeypatch.setattr("registry.identity.record_checker.PAUSE_SECONDS", 0)
    loop = asyncio.create_task(proved.checker.run())
    async with asyncio.timeout(30):
        await again.wait()
    loop.cancel()


def test_a_mailed_proof_takes_the_place_of_a_record(proved: Desk) -> None:
    member = proved.scene.join()
    domain_id = proved.claimed.id
    proved.claim(mailbox="postmaster")
    secret = mailed_secret(proved.world)
    proved.world.write(organisations.prove_domain, secret=secret, now=proved.world.now)
    proved.server.asked.clear()
    assert proved.look() == 0
    assert proved.server.asked == []
    assert proved.until(member) == proved.world.now - CHECK_EVERY + PROOF_LIFETIME
    refused = run(
        proved.checker.check(
            organisation_id=proved.scene.organisation.id,
            domain_id=domain_id,
            principal=proved.scene.officer,
        )
    )
    assert refused.code == "domain-claim-unknown"


def test_an_organisation_that_has_ended_is_not_looked_at(proved: Desk) -> None:
    proved.world.write(
        organisation_store.update_organisation,
        organisation_id=proved.scene.organisation.id,
        values={"ended_at": proved.world.now},
    )
    proved.server.say(NAME, rcode(dns.rcode.NXDOMAIN))
    assert proved.look() == 0
    proved.clock.advance(PROOF_LIFETIME)
    assert proved.tell() == 0


def test_officers_are_told_once_a_month_before_a_mailed_proof_runs_out_and_when_it_has(
    database: Database, clock: SettableClock, dns_server: DNSServer
) -> None:
    desk = Desk(scene=cover_scene(database, clock), server=dns_server, clock=clock)
    member = desk.scene.join()
    clock.advance(PROOF_LIFETIME - WARN_BEFORE - timedelta(seconds=1))
    assert desk.tell() == 0
    clock.advance(timedelta(seconds=1))
    assert (desk.tell(), desk.tell()) == (1, 0)
    assert desk.told() == ["domain-proof-ends"]
    clock.advance(WARN_BEFORE)
    assert (desk.tell(), desk.tell()) == (1, 0)
    assert desk.told() == ["domain-proof-ends", "domain-proof-over"]
    assert desk.told(member) == []
    # A proof that is made anew is told of anew.
    desk.claim(mailbox="postmaster")
    desk.world.write(organisations.prove_domain, secret=mailed_secret(desk.world), now=desk.world.now)
    assert desk.tell() == 0
    clock.advance(PROOF_LIFETIME - WARN_BEFORE)
    assert desk.tell() == 1
    assert desk.told()[2:] == ["domain-proof-ends"]


def test_officers_whose_own_membership_ran_out_with_the_proof_are_told(
    database: Database, clock: SettableClock, dns_server: DNSServer
) -> None:
    desk = Desk(scene=cover_scene(database, clock), server=dns_server, clock=clock)
    second = desk.scene.join("ola@nordlab.example")
    desk.world.write(
        organisations.name_member,
        organisation_id=desk.scene.organisation.id,
        email="ola@nordlab.example",
        is_officer=True,
        principal=desk.scene.officer,
        sealer=desk.world.sealer,
        now=desk.world.now,
    )
    clock.advance(PROOF_LIFETIME)
    desk.tell()
    assert desk.told(second)[-1:] == ["domain-proof-over"]


def test_a_proof_that_is_made_anew_while_it_is_told_of_is_not_told_of(
    proved: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read before another transaction moved the end is not noted as told, nor said."""
    proved.clock.advance(PROOF_LIFETIME - timedelta(days=1))

    def due(session: Session, **_: Any) -> list[OrganisationDomain]:
        (claim,) = session.exec(select(OrganisationDomain).where(col(OrganisationDomain.ended_at).is_(None)))
        session.expunge(claim)
        organisation_store.move_end(
            session,
            claim,
            valid_until=proved.world.now + PROOF_LIFETIME,
            values={"check_at": proved.world.now},
        )
        return [claim]

    monkeypatch.setattr("registry.identity.domain_store.list_ending", due)
    proved.tell()
    assert proved.told() == []
    monkeypatch.undo()
    proved.clock.advance(PROOF_LIFETIME - WARN_BEFORE)
    assert proved.tell() == 1
