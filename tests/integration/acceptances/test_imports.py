"""Who accepted elsewhere is imported as weak evidence: once, labelled, giving nothing; SQLite and PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from registry import acceptances, audit, catalog, cli, ledger
from registry.acceptances.forgetting import forget_imports, list_imports_of
from registry.acceptances.import_statement import IMPORT_TYP
from registry.acceptances.importing import Imported
from registry.acceptances.sd_jwt import TYP
from registry.catalog.domain import Role
from registry.delivery.domain import FileRefused
from registry.identity.domain import Channel, Principal, Scope
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from registry.kernel.sealing import Sealer
from tests.clock import SettableClock
from tests.integration.acceptances.imports import bring_in, claimed, imports, link_hub_account, prove
from tests.integration.test_tampering import OTHER, found, quoted, tamper
from tests.world import MASTER_SECRET, World, claims_of

NEW = b"another master key of 32 bytes or more"


@pytest.fixture
def world(database: Database, clock: SettableClock) -> World:
    world = World(database=database, clock=clock)
    world.gated_model()
    return world


def leaves(world: World, kind: str) -> list[bytes]:
    every = world.read(lambda session: list(ledger.iterate_leaves(session)))
    return [leaf for found_kind, leaf in every if found_kind == kind]


def fsck(world: World) -> list[Any]:
    world.integrate()
    return list(world.read(audit.find_discrepancies, sealer=world.sealer))


def test_an_import_is_a_fact_of_its_own_and_its_leaf_names_nobody(world: World) -> None:
    assert bring_in(world, claimed(account="mara-hub")) == Imported(added=1)
    (row,) = imports(world)
    assert (row.email, row.account, row.name) == ("mara@nordlab.example", "mara-hub", "Mara Lindqvist")
    (leaf,) = leaves(world, "acceptor.imported")
    said = claims_of(leaf.decode())
    assert (said["grade"], said["text"], said["source"]) == ("C", "unknown", "hub-report")
    assert "license" not in said
    assert not any(part in str(said).lower() for part in ("mara", "lindqvist", "nordlab"))
    assert world.read(acceptances.list_acceptances, wanted=acceptances.Filter()) == []
    assert fsck(world) == []


def test_it_gives_no_access(world: World) -> None:
    mara = prove(world, world.person())
    bring_in(world, claimed())
    outcome = world.resolve(mara)
    assert isinstance(outcome, FileRefused)
    assert outcome.refusal.code == "license-not-accepted"


def test_the_same_person_is_imported_once_whatever_report_they_stand_in(world: World) -> None:
    both = claimed(account="mara")
    assert bring_in(world, both, both, claimed("MARA@x.example", account="Mara")) == Imported(
        added=1, known=2
    )
    assert bring_in(world, both) == Imported(known=1)
    assert bring_in(world, claimed(account=None)) == Imported(known=1)
    assert bring_in(world, claimed(None, account="MARA"), claimed("new@x.example")) == Imported(
        known=1, added=1
    )
    assert len(imports(world)) == 2
    assert bring_in(world, claimed("third@x.example"), dry_run=True) == Imported(added=1)
    assert len(imports(world)) == 2


def test_two_imports_at_once_record_each_person_once(world: World) -> None:
    rows = [claimed(f"person{number}@lab.example") for number in range(20)]
    owner = world.person("owner@quarry.example")
    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(lambda _: bring_in(world, *rows, by=owner), range(2)))
    assert sum(one.added for one in done) == sum(one.known for one in done) == 20
    assert len(imports(world)) == 20


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.REVIEWER, None])
def test_it_takes_a_maintainer(world: World, role: Role | None) -> None:
    person = world.person("somebody@quarry.example")
    if role is not None:
        world.write(
            catalog.add_role,
            publisher="quarry",
            person_id=person.person_id,
            role=role,
            principal=world.person("owner@quarry.example"),
            now=world.now,
        )
    refusal = bring_in(world, claimed(), by=person)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "role-missing"
    token = Principal(
        person_id=world.person("owner@quarry.example").person_id,
        channel=Channel.TOKEN,
        scopes=frozenset({Scope.READ}),
    )
    assert bring_in(world, claimed(), by=token).code == "scope-missing"


def test_a_proven_address_links_the_import_to_the_acceptance(world: World) -> None:
    bring_in(world, claimed(), claimed("other@nordlab.example"))
    mara = prove(world, world.person())
    accepted = world.accept(mara, world.model(mara))
    linked = {row.email: row.upgraded_by for row in imports(world)}
    assert linked == {"mara@nordlab.example": accepted.id, "other@nordlab.example": None}
    again = world.accept(mara, world.model(mara))
    assert again.id == accepted.id
    assert len(leaves(world, "import.upgraded")) == 1
    assert fsck(world) == []


def test_an_address_that_is_not_proved_links_nothing_and_neither_does_a_typed_name(world: World) -> None:
    bring_in(world, claimed(), claimed("x@y.example", account="mara", name="Mara Lindqvist"))
    unproved = world.person()
    world.accept(unproved, world.model(unproved))
    stranger = prove(world, world.person("stranger@else.example"))
    world.accept(stranger, world.model(stranger), typed_name="Mara Lindqvist")
    assert [row.upgraded_by for row in imports(world)] == [None, None]


@pytest.mark.parametrize(
    ("issuer", "links"), [("https://huggingface.co", True), ("https://id.example", False)]
)
def test_a_proven_hub_account_links_too(world: World, issuer: str, links: bool) -> None:
    bring_in(world, claimed("old@else.example", account="Mara-H"))
    mara = world.person("new@else.example")
    link_hub_account(world, mara, "mara-h", issuer)
    accepted = world.accept(mara, world.model(mara))
    (row,) = imports(world)
    assert row.upgraded_by == (accepted.id if links else None)


def test_who_has_accepted_before_is_linked_at_the_import(world: World) -> None:
    mara, leaver = (prove(world, world.person(f"{name}@lab.example")) for name in ("mara", "leaver"))
    accepted = world.accept(mara, world.model(mara))
    world.withdraw(leaver, world.accept(leaver, world.model(leaver)).id)
    outcome = bring_in(world, claimed("mara@lab.example"), claimed("leaver@lab.example"))
    assert outcome == Imported(added=2, linked=1)
    assert {row.email: row.upgraded_by for row in imports(world)} == {
        "mara@lab.example": accepted.id,
        "leaver@lab.example": None,
    }


def test_who_is_deleted_is_gone_and_is_not_imported_again(world: World) -> None:
    bring_in(world, claimed(account="mara"), claimed("other@nordlab.example"))
    ids = world.read(list_imports_of, email="mara@nordlab.example", sealer=world.sealer)
    assert len(ids) == 1
    assert world.write(forget_imports, import_ids=ids, sealer=world.sealer, now=world.now) == 1
    assert world.write(forget_imports, import_ids=ids, sealer=world.sealer, now=world.now) == 0
    other, mara = imports(world)
    assert (mara.email, mara.name, mara.account, mara.is_erased) == (None, None, None, True)
    assert (other.email, other.is_erased) == ("other@nordlab.example", False)
    assert bring_in(world, claimed()) == Imported(forgotten=1)
    assert bring_in(world, claimed("new@x.example", account="MARA")) == Imported(added=1)
    assert fsck(world) == []


TAMPERED = {
    "UPDATE imported_acceptor SET stated_at = '2020-01-01 00:00:00+00:00'": "imported_acceptor",
    "UPDATE imported_acceptor SET source = 'csv'": "imported_acceptor",
    "UPDATE imported_acceptor SET statement = 'x'": "imported_acceptor",
    "UPDATE imported_acceptor SET imported_by = {other}": "imported_acceptor",
    "DELETE FROM imported_acceptor": "imported_acceptor",
    "DELETE FROM import_contact": "imported_acceptor",
    "UPDATE import_contact SET sealed_disclosures = email_index": "imported_acceptor",
    "DELETE FROM import_event": "import_event",
    "UPDATE import_event SET happened_at = '2020-01-01 00:00:00+00:00'": "import_event",
    "UPDATE import_event SET acceptance_id = {other}": "import_event",
}


@pytest.mark.parametrize("statement", TAMPERED)
def test_what_is_altered_behind_our_back_is_found(world: World, statement: str) -> None:
    mara = prove(world, world.person())
    world.accept(mara, world.model(mara))
    bring_in(world, claimed())
    assert fsck(world) == []
    (row,) = imports(world)
    tamper(world, statement.format(other=quoted(world, OTHER)))
    assert TAMPERED[statement] in {table for table, _ in found(world)}
    if statement.startswith("UPDATE imported"):
        assert (TAMPERED[statement], row.id.hex) in found(world)


def test_a_new_master_key_finds_them_again(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bring_in(world, claimed(account="mara"))
    url = world.database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("GATEHOUSE_DATABASE_URL", url.replace("postgresql+psycopg", "postgresql"))
    monkeypatch.setenv("GATEHOUSE_MASTER_KEY", f"{NEW.hex()},{MASTER_SECRET.hex()}")
    assert cli.main(["keys", "reseal", "--json"]) == 0
    assert '"imported acceptors": 1' in capsys.readouterr().out
    world.sealer = Sealer(NEW)
    assert bring_in(world, claimed()) == Imported(known=1)
    assert bring_in(world, claimed(None, account="mara")) == Imported(known=1)


def test_contact_data_stands_nowhere_in_the_clear(world: World) -> None:
    bring_in(world, claimed(account="mara-hub"))
    for table in ("imported_acceptor", "import_contact", "import_event", "ledger_entry", "sealing_key"):
        rows = world.read(
            lambda session, table=table: session.connection().execute(text(f"SELECT * FROM {table}")).all()
        )
        held = b"".join(
            bytes(cell) if isinstance(cell, bytes | memoryview) else str(cell).encode()
            for row in rows
            for cell in row
        )
        for clear in (b"nordlab", b"Lindqvist", b"mara-hub"):
            assert clear not in held, (table, clear)


def test_its_signature_passes_for_no_acceptance() -> None:
    assert TYP != IMPORT_TYP
