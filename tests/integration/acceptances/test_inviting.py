"""Imported people are invited once each, at a pace, with the reason; SQLite and PostgreSQL."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text, update
from sqlmodel import col

from registry.acceptances import inviting
from registry.acceptances.forgetting import forget_imports
from registry.acceptances.tables import ImportContact
from registry.kernel import mail
from registry.kernel.database import Database
from tests.clock import SettableClock
from tests.integration.acceptances.imports import bring_in, claimed, imports, prove
from tests.world import BASE_URL, World, run


@pytest.fixture
def world(database: Database, clock: SettableClock) -> World:
    world = World(database=database, clock=clock)
    world.gated_model()
    return world


def write(world: World) -> int:
    written: int = world.write(inviting.invite_due, sealer=world.sealer, base_url=BASE_URL, now=world.now)
    return written


def letters(world: World) -> list[mail.Mail]:
    statement = text("SELECT payload FROM outbox_message WHERE topic = 'mail.send' ORDER BY id")
    rows = world.read(lambda session: session.connection().execute(statement).all())
    found = [mail.unqueue(bytes(payload), sealer=world.sealer) for (payload,) in rows]
    return [letter for letter in found if letter.subject.startswith("You are on record")]


def secret_of(letter: mail.Mail) -> str:
    found = re.search(r"/imported\?token=([\w-]+)", letter.text)
    assert found
    return found.group(1)


def ask(world: World, **changes: Any) -> Any:
    """Have everybody invited who was imported without an invitation; how many that are."""
    given = {"publisher": "quarry", "name": "quarry-15b", "principal": world.person("owner@quarry.example")}
    return run(inviting.ask_to_invite_all(world.database, now=world.now, **{**given, **changes}))


def kept(world: World, secret: str) -> Any:
    return world.read(inviting.list_kept, secret=secret, sealer=world.sealer)


def test_each_is_written_to_once_with_the_reason_and_the_ways_out(world: World, clock: SettableClock) -> None:
    bring_in(world, claimed(), invite=True)
    bring_in(world, claimed("quiet@lab.example"))
    assert write(world) == 1
    (letter,) = letters(world)
    assert letter.to == "mara@nordlab.example"
    for words in ("quarry has told this registry", "1 March 2025", f"{BASE_URL}/quarry/quarry-15b/accept"):
        assert words in letter.text
    (one,) = kept(world, secret_of(letter))
    assert dict(one.details)["your e-mail address"] == "mara@nordlab.example"
    for _ in range(3):
        clock.advance(timedelta(days=2))
        assert write(world) == 0
    assert len(letters(world)) == 1


def test_letters_keep_their_pace_whatever_asks(
    world: World, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inviting, "LETTERS_PER_RUN", 2)
    bring_in(world, *(claimed(f"person{number}@lab.example") for number in range(5)), invite=True)
    written = []
    for _ in range(3):
        written.append((write(world), write(world)))
        clock.advance(inviting.RUNS_APART)
    assert written == [(2, 0), (2, 0), (1, 0)]
    assert len({letter.to for letter in letters(world)}) == 5


def test_who_has_accepted_opted_out_or_is_deleted_is_not_written_to(
    world: World, clock: SettableClock
) -> None:
    names = ("accepted", "stopped", "gone")
    bring_in(world, *(claimed(f"{name}@lab.example") for name in names), invite=True)
    accepted = prove(world, world.person("accepted@lab.example"))
    world.accept(accepted, world.model(accepted))
    by_email = {row.email: row.id for row in imports(world)}
    world.write(forget_imports, import_ids=[by_email["gone@lab.example"]], sealer=world.sealer, now=world.now)
    world.write(
        lambda session: session.connection().execute(
            text("UPDATE import_contact SET opted_out_at = invite_asked_at")
        )
    )
    clock.advance(timedelta(days=1))
    assert write(world) == 0
    assert letters(world) == []


def test_who_opted_out_stays_so_for_every_model(world: World, clock: SettableClock) -> None:
    bring_in(world, claimed(), invite=True)
    write(world)
    secret = secret_of(letters(world)[0])
    assert world.write(inviting.opt_out, secret=secret, now=world.now) is None
    owner = world.person("owner@quarry.example")
    publisher = world.model(owner)
    world.release(owner, type("P", (), {"id": publisher.publisher_id, "name": "quarry"}), name="second-1b")
    bring_in(world, claimed(), name="second-1b", invite=True)
    clock.advance(timedelta(days=2))
    assert write(world) == 0
    assert {one.repo_id for one in kept(world, secret)} == {"quarry/quarry-15b", "quarry/second-1b"}


def test_a_link_shows_nothing_of_another_address_with_the_same_account(world: World) -> None:
    """Whoever writes a report may put anybody's account beside an address of their own."""
    bring_in(world, claimed("victim@lab.example", account="victim"))
    owner = world.person("owner@quarry.example")
    publisher = world.model(owner)
    world.release(owner, type("P", (), {"id": publisher.publisher_id, "name": "quarry"}), name="second-1b")
    bring_in(world, claimed("attacker@else.example", account="victim"), name="second-1b", invite=True)
    write(world)
    (one,) = kept(world, secret_of(letters(world)[0]))
    assert one.repo_id == "quarry/second-1b"
    assert "victim@lab.example" not in str(one)


def test_who_was_imported_without_an_invitation_is_invited_later_and_once(
    world: World, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inviting, "CONTACTS_PER_ASK", 2)
    bring_in(world, *(claimed(f"person{number}@lab.example") for number in range(5)))
    assert write(world) == 0
    assert ask(world, dry_run=True) == 5
    assert write(world) == 0
    assert (ask(world), ask(world), ask(world, dry_run=True)) == (5, 0, 0)
    assert write(world) == 5
    clock.advance(timedelta(days=2))
    assert (ask(world), write(world)) == (0, 0)


def test_later_too_nobody_is_written_to_who_accepted_stopped_or_has_no_address(world: World) -> None:
    bring_in(
        world,
        claimed("accepted@lab.example"),
        claimed("stopped@lab.example"),
        claimed(None, account="nobody"),
        claimed("gone@lab.example"),
    )
    accepted = prove(world, world.person("accepted@lab.example"))
    world.accept(accepted, world.model(accepted))
    by_email = {row.email: row.id for row in imports(world)}
    world.write(forget_imports, import_ids=[by_email["gone@lab.example"]], sealer=world.sealer, now=world.now)
    world.write(
        lambda session: session.connection().execute(
            update(ImportContact)
            .where(col(ImportContact.import_id) == by_email["stopped@lab.example"])
            .values(opted_out_at=world.now)
        )
    )
    assert ask(world) == 0


def test_inviting_later_takes_a_maintainer_too(world: World) -> None:
    bring_in(world, claimed())
    assert ask(world, principal=world.person("stranger@lab.example")).code == "role-missing"
    assert ask(world, name="no-such").code == "model-not-found"
    assert ask(world) == 1


@pytest.mark.parametrize("secret", ["", "x", "x" * 5000])
def test_a_link_that_is_none_leads_nowhere(world: World, secret: str) -> None:
    bring_in(world, claimed(), invite=True)
    assert kept(world, secret).code == "import-link-unknown"
    assert world.write(inviting.opt_out, secret=secret, now=world.now).code == "import-link-unknown"
