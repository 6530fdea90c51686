import pytest
from sqlalchemy import text
from sqlmodel import Session

from registry import catalog, ledger
from registry.catalog.domain import GateMode
from registry.catalog.fsck import KINDS
from registry.identity.domain import Principal
from registry.kernel.canonical import canonical_bytes
from tests.integration.catalog.conftest import CARD, World


async def make_history(world: World, owner: Principal) -> None:
    world.license()
    stated = await world.upload({"README.md": CARD, "w.bin": b"\x00\x01"}, owner)
    world.publish(owner, stated, licenses=("tarn-openrail-m",))
    world.publish(owner, await world.upload({"README.md": b"# Two\n"}, owner))
    world.do(
        catalog.change_gate,
        publisher="tarn",
        name="tarn-7b",
        demand=catalog.GateDemand(mode=GateMode.CLOSED),
        principal=owner,
        now=world.now(),
    )
    other = world.person("other")
    role = world.do(
        catalog.add_role,
        publisher="tarn",
        person_id=other,
        role=catalog.Role.AUDITOR,
        principal=owner,
        now=world.now(),
    )
    world.do(catalog.end_role, publisher="tarn", role_id=role.id, principal=owner, now=world.now())


async def test_an_untouched_catalog_has_nothing_to_report(world: World, owner: Principal) -> None:
    await make_history(world, owner)
    assert world.discrepancies() == []
    world.integrate()
    assert world.discrepancies() == []


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("UPDATE release SET message = 'other'", "release"),
        ("UPDATE release SET summary = 'other', total_bytes = total_bytes + 1", "release"),
        (
            "UPDATE release SET commit_id = '0000000000000000000000000000000000000000' WHERE parent_commit_id IS NULL",
            "release",
        ),
        ("UPDATE release SET manifest_digest = 'sha256:00'", "release"),
        ("UPDATE release SET manifest_signature = 'a.b.c'", "release"),
        ("UPDATE release SET manifest = CAST('{}' AS {blob})", "release"),
        ("UPDATE release_file SET size = size + 1 WHERE path = 'w.bin'", "release_file"),
        ("UPDATE release_file SET path = 'x.bin' WHERE path = 'w.bin'", "release_file"),
        (
            "UPDATE release_file SET git_oid = '0000000000000000000000000000000000000000' WHERE path = 'w.bin'",
            "release_file",
        ),
        ("DELETE FROM release_file WHERE path = 'w.bin'", "release_file"),
        ("UPDATE gate_revision SET mode = 'auto' WHERE mode = 'closed'", "gate_revision"),
        ("UPDATE gate_revision SET form_schema = CAST('x' AS {blob})", "gate_revision"),
        ("DELETE FROM gate_requirement", "gate_revision"),
        ("UPDATE gate SET current_revision_id = (SELECT id FROM gate_revision WHERE number = 1)", "gate"),
        ("UPDATE publisher_role SET role = 'owner' WHERE role = 'auditor'", "publisher_role"),
        ("UPDATE publisher_role SET ended_at = NULL WHERE role = 'auditor'", "publisher_role"),
        ("UPDATE blob SET content = CAST('other' AS {blob}) WHERE content IS NOT NULL", "blob"),
        ("UPDATE blob SET size = size + 1", "release_file"),
    ],
)
async def test_what_was_altered_behind_our_back_is_named(
    world: World, owner: Principal, statement: str, table: str
) -> None:
    await make_history(world, owner)
    world.integrate()
    kind = "bytea" if world.database.dialect == "postgresql" else "BLOB"

    altered = text(statement.replace("{blob}", kind))
    world.database.write_now(lambda session: session.connection().execute(altered))
    assert table in {discrepancy.table for discrepancy in world.discrepancies()}


@pytest.mark.parametrize(
    ("statement", "table", "problem"),
    [
        ("DELETE FROM publisher_role WHERE role = 'auditor'", "publisher_role", "missing"),
        ("UPDATE publisher_role SET ended_at = NULL, end_entry_id = NULL", "publisher_role", "has ended"),
        ("DELETE FROM gate_revision WHERE number = 2", "gate_revision", "missing"),
    ],
)
async def test_what_the_log_speaks_of_and_the_rows_do_not_is_named(
    world: World, owner: Principal, statement: str, table: str, problem: str
) -> None:
    await make_history(world, owner)
    world.integrate()

    def walk(session: Session) -> list[ledger.Discrepancy]:
        entries = [
            ledger.find_entry_by_index(session, listed.index)
            for listed in ledger.list_entries(session, before=None, limit=200)
            if listed.kind in KINDS
        ]
        found = [catalog.check_leaf(session, entry.leaf) for entry in entries if entry is not None]
        return [discrepancy for discrepancy in found if discrepancy is not None]

    assert world.database.read_now(walk) == []
    world.database.write_now(lambda session: session.connection().execute(text(statement)))
    found = world.database.read_now(walk)
    assert {discrepancy.table for discrepancy in found} == {table}
    assert all(problem in discrepancy.problem for discrepancy in found)


@pytest.mark.parametrize("leaf", [b"", b"[]", b"{}", canonical_bytes({"kind": "role", "role_id": "x"})])
def test_leaves_that_are_no_catalog_leaves_are_named(world: World, leaf: bytes) -> None:
    found = world.look(catalog.check_leaf, leaf=leaf)
    assert found.table == "ledger_entry"
