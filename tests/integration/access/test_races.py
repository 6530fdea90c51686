"""Rights that end while files are asked for: after the commit no URL, and each URL before it has its record (P1, P5, G6)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Any

import pytest
from sqlmodel import select

from registry import access, audit
from registry.acceptances.domain import AcceptanceSummary
from registry.acceptances.tables import Acceptance, Withdrawal
from registry.access.domain import Permit
from registry.access.transitions import Cause, RequestEvent
from registry.delivery.domain import FileRefused, UrlIssued
from registry.delivery.tables import DownloadRecord
from registry.identity import organisations
from registry.identity.domain import Principal
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from tests.clock import SettableClock
from tests.integration.access import covers, test_requests
from tests.world import World

ASKERS = 6
URLS_BEFORE_THE_END = 4


@dataclass
class Right:
    """Somebody who may download, and what ends that."""

    world: World
    who: Principal
    end: Callable[[], Any]
    code: str


def by_withdrawal(database: Database, clock: SettableClock) -> Right:
    world = World(database=database, clock=clock)
    model, person = world.gated_model(), world.person()
    accepted = world.accept(person, model)
    return Right(world, person, lambda: world.withdraw(person, accepted.id), "license-not-accepted")


def by_block(database: Database, clock: SettableClock) -> Right:
    world = World(database=database, clock=clock)
    model, person, owner = world.gated_model(), world.person(), world.person("owner@quarry.example")
    world.accept(person, model)

    def end() -> Any:
        return world.write(
            access.block_person,
            publisher="quarry",
            person_id=person.person_id,
            reason="misuse",
            until=None,
            principal=owner,
            now=world.now,
        )

    return Right(world, person, end, "access-blocked")


def by_revocation(database: Database, clock: SettableClock) -> Right:
    scene = test_requests.scene.__wrapped__(database, clock)  # type: ignore[attr-defined] # the function under the fixture
    request = scene.approved()
    scene.move(scene.ben, request, RequestEvent.PROPOSE_REVOCATION, reason=Cause.MISUSE)
    return Right(
        scene.world,
        scene.anna,
        lambda: scene.move(scene.carl, request, RequestEvent.REVOKE),
        "review-needed",  # the hot path does not look for the reason
    )


def by_end_of_cover(database: Database, clock: SettableClock) -> Right:
    scene = covers.cover_scene(database, clock)
    member = scene.join()
    scene.accept()

    def end() -> Any:
        return scene.world.write(
            organisations.end_membership,
            organisation_id=scene.organisation.id,
            person_id=member.person_id,
            principal=scene.officer,
            now=scene.world.now,
        )

    return Right(scene.world, member, end, "license-not-accepted")


@pytest.mark.parametrize("build", [by_withdrawal, by_block, by_revocation, by_end_of_cover])
def test_no_url_follows_the_end_of_a_right_and_each_before_it_has_its_record(
    database: Database, clock: SettableClock, build: Callable[..., Right]
) -> None:
    right = build(database, clock)
    token, pulling, ended = right.world.token(right.who), Event(), Event()
    urls: list[str] = []
    right.world.resolver()  # so that the threads share one store

    def pull() -> str:
        while True:
            is_after = ended.is_set()
            outcome = right.world.resolve(token)
            if isinstance(outcome, UrlIssued):
                assert not is_after, "a URL was issued after the commit that ended the right"
                urls.append(outcome.url)
                if len(urls) >= URLS_BEFORE_THE_END:
                    pulling.set()
                continue
            assert isinstance(outcome, FileRefused), outcome
            pulling.set()
            return outcome.refusal.code

    with ThreadPoolExecutor(ASKERS) as threads:
        running = [threads.submit(pull) for _ in range(ASKERS)]
        assert pulling.wait(60)
        outcome = right.end()
        ended.set()
        codes = {one.result(60) for one in running}
    assert not isinstance(outcome, Refusal), outcome
    assert codes == {right.code}
    assert len(urls) >= URLS_BEFORE_THE_END
    records = right.world.read(lambda session: session.exec(select(DownloadRecord.id)).all())
    assert len(records) == len(urls)


def test_accepting_and_withdrawing_at_once_leave_what_the_facts_say(
    database: Database, clock: SettableClock
) -> None:
    world = World(database=database, clock=clock)
    model, person = world.gated_model(), world.person()
    first = world.accept(person, model)
    assert isinstance(first, AcceptanceSummary)

    def act(number: int) -> Any:
        if number % 2:
            return world.accept(person, model)
        standing = world.read(
            lambda session: session.exec(select(Acceptance.id).order_by(Acceptance.id)).all()
        )
        return world.withdraw(person, standing[-1])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(act, range(48)))
    accepted, withdrawn = world.read(
        lambda session: (
            set(session.exec(select(Acceptance.id)).all()),
            session.exec(select(Withdrawal.acceptance_id)).all(),
        )
    )
    assert len(withdrawn) == len(set(withdrawn)) >= 1
    standing = accepted - set(withdrawn)
    assert len(standing) <= 1
    verdict = world.decide(person, model)
    assert (set(verdict.acceptance_ids) if isinstance(verdict, Permit) else set()) == standing
    world.integrate()
    assert world.read(audit.find_discrepancies, sealer=world.sealer) == []
