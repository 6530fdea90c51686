"""A domain that is proved twice at once, and proved while people join by it."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import Session, col, select

from registry.identity import organisation_store, organisations
from registry.identity.membership import join_by_domain
from registry.identity.organisation_domain import PROOF_LIFETIME
from registry.identity.organisation_tables import Organisation, OrganisationDomain, OrganisationMember
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal, Unavailable
from tests.clock import SettableClock
from tests.integration.access.covers import MEMBER, Scene, cover_scene, mailed_secret
from tests.world import BASE_URL, World

ROUNDS = 10


@pytest.fixture
def scene(database: Database, clock: SettableClock) -> Scene:
    return cover_scene(database, clock)


def claim(scene: Scene) -> str:
    """The secret of one more mailed proof of the domain."""
    world = scene.world
    world.write(lambda session: session.connection().execute(text("DELETE FROM outbox_message")))
    claimed = world.write(
        organisations.claim_domain,
        organisation_id=scene.organisation.id,
        domain="nordlab.example",
        mailbox="postmaster",
        principal=scene.officer,
        base_url=BASE_URL,
        sealer=world.sealer,
        now=world.now,
    )
    assert not isinstance(claimed, Refusal), claimed
    return mailed_secret(world)


def proofs(world: World) -> list[OrganisationDomain]:
    """Claims that have not ended."""
    return world.read(
        lambda session: session.exec(
            select(OrganisationDomain).where(col(OrganisationDomain.ended_at).is_(None))
        ).all()
    )


def together(*acts: Callable[[], Any]) -> list[Any]:
    """Do all of it at the same moment."""
    line = threading.Barrier(len(acts))

    def start(act: Callable[[], Any]) -> Any:
        line.wait(30)
        return act()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(start, acts))


def test_two_proofs_of_one_domain_at_once_leave_one(scene: Scene) -> None:
    world, member = scene.world, scene.join()
    for _ in range(ROUNDS):
        secrets = claim(scene), claim(scene)
        outcomes = together(
            *(
                lambda secret=secret: world.write(organisations.prove_domain, secret=secret, now=world.now)
                for secret in secrets
            )
        )
        refused = [one for one in outcomes if isinstance(one, Refusal)]
        assert [one.code for one in refused] == ["domain-proof-unknown"]
        (standing,) = proofs(world)
        row = world.read(
            organisation_store.find_member,
            organisation_id=scene.organisation.id,
            person_id=member.person_id,
            now=world.now,
        )
        assert row.domain_id == standing.id


def test_who_joins_while_the_domain_is_proved_again_stays_as_long(scene: Scene, clock: SettableClock) -> None:
    world = scene.world
    for number in range(ROUNDS):
        clock.advance(timedelta(days=1))
        secret, email = claim(scene), f"colleague-{number}@nordlab.example"
        person = world.person(email)
        together(
            lambda secret=secret: world.write(organisations.prove_domain, secret=secret, now=world.now),
            lambda person=person, email=email: world.write(
                join_by_domain, person_id=person.person_id, email=email, now=world.now
            ),
        )
        (standing,) = proofs(world)
        rows = world.read(
            lambda session: session.exec(
                select(OrganisationMember).where(col(OrganisationMember.domain_id).is_not(None))
            ).all()
        )
        assert len(rows) == number + 1
        assert {(row.domain_id, row.until) for row in rows} == {(standing.id, world.now + PROOF_LIFETIME)}


def test_a_proof_waits_for_who_is_signing_in(scene: Scene) -> None:
    """Else the worker would let in who is known already before they are."""
    world, person = scene.world, scene.world.person(MEMBER)
    world.write(
        lambda session: session.connection().execute(
            text("UPDATE organisation_domain SET proved_at = NULL, valid_until = NULL")
        )
    )

    def prove(session: Session) -> None:
        session.exec(select(Organisation.id).with_for_update(nowait=True)).all()

    def sign_in(session: Session) -> None:
        join_by_domain(session, person_id=person.person_id, email=MEMBER, now=world.now)
        if world.database.dialect == "postgresql":  # SQLite has one writer anyway
            with pytest.raises(Unavailable), ThreadPoolExecutor(1) as thread:
                thread.submit(world.write, prove).result(30)

    world.write(sign_in)


def test_two_addresses_of_a_domain_confirmed_at_once_make_two_members(scene: Scene) -> None:
    world = scene.world
    for number in range(ROUNDS):
        people = [
            (world.person(email), email)
            for email in (f"a{number}@nordlab.example", f"b{number}@nordlab.example")
        ]
        acts = [
            lambda person=person, email=email: world.write(
                join_by_domain, person_id=person.person_id, email=email, now=world.now
            )
            for person, email in (*people, *people)  # each by two links
        ]
        together(*acts)
        for person, _ in people:
            found = world.read(
                organisation_store.find_member,
                organisation_id=scene.organisation.id,
                person_id=person.person_id,
                now=world.now,
            )
            assert found is not None
