"""The master key is changed: everything goes on with the new one, and the old one can be taken away; both databases."""

import json

import msgspec
import pytest
from sqlalchemy import LargeBinary, text
from sqlmodel import select

from registry import acceptances, audit, catalog, cli, identity, ledger
from registry.acceptances.receipts import build_receipt
from registry.client.verify import verify_receipt
from registry.hub_sync.service import find_token, store_token
from registry.identity import linking
from registry.identity.domain import Principal
from registry.identity.oauth_service import NETWORK_CONTEXT
from registry.identity.oauth_tables import LoginKind, ProgramLogin
from registry.identity.service import email_index_of
from registry.identity.tables import ExternalIdentity
from registry.kernel import mail
from registry.kernel.database import Database
from registry.kernel.identifiers import new_id
from registry.kernel.outbound import Reach
from registry.kernel.outcomes import CorruptRecord
from registry.kernel.sealing import Sealer, SealingKey
from registry.webhooks.service import Desk, Wish, add_webhook, open_target
from registry.webhooks.tables import Webhook
from tests.clock import SettableClock
from tests.world import ANSWERS, BASE_URL, MASTER_SECRET, World

NEW = b"another master key of 32 bytes or more"
SHORT_LIVED = {
    ("email_link", "sealed_email"),
    ("provider_visit", "sealed_secrets"),
    ("device_authorization", "sealed_network"),
    ("authorization_code", "sealed_network"),
}
"""Sealed by the system key, and gone before the old key is taken away."""
BY_THE_PERSONS_KEY = {
    ("acceptance", "sealed_disclosures"),
    ("access_request", "sealed_draft"),
    ("equivalence", "sealed_name"),
    ("erasure", "sealed_reason"),
    ("external_identity", "sealed_account"),
    ("person_key", "sealed_key"),
    ("restriction", "sealed_reason"),
    ("restriction", "sealed_words"),
    ("import_contact", "sealed_disclosures"),
    ("import_report_part", "sealed_rows"),
    ("person", "sealed_email"),
}
"""Sealed by a key that is wrapped anew itself."""
RESEALED = {
    ("sealing_key", "wrapped"),
    ("signing_key", "sealed_private"),
    ("program_login", "sealed_network"),
    ("hub_credential", "sealed_token"),
    ("webhook", "sealed_target"),
}


@pytest.fixture
def world(database: Database, clock: SettableClock) -> World:
    """Somebody who has accepted, has a linked account and a program, and to whom a letter is on its way."""
    world = World(database=database, clock=clock)
    model = world.gated_model()
    person = world.person()
    world.accept(person, model)
    world.integrate()
    world.write(lambda session: add_account(session, world, person))
    world.write(
        lambda session: session.add(
            ProgramLogin(
                id=new_id(),
                person_id=person.person_id,
                kind=LoginKind.DEVICE,
                client_id="x",
                name="x",
                scopes="read",
                sealed_network=world.sealer.seal_system(b"192.0.2.7", NETWORK_CONTEXT),
                created_at=world.now,
            )
        )
    )
    owner = world.person("owner@quarry.example")
    world.write(
        store_token,
        publisher="quarry",
        token="hf_secret",
        account="release-bot",
        role="write",
        principal=owner,
        sealer=world.sealer,
        now=world.now,
    )
    webhook = Wish(url="https://hooks.example/x", hub_secret="hub-secret")
    desk = Desk(principal=owner, sealer=world.sealer, reach=Reach.PUBLIC, now=world.now)
    world.write(add_webhook, desk=desk, publisher="quarry", wish=webhook)
    return world


def add_account(session: object, world: World, person: Principal) -> None:
    row_id = new_id()
    key = world.sealer.find_subject_key(session, person.person_id)
    account = json.dumps(["12345", "mara"]).encode()
    session.add(
        ExternalIdentity(
            id=row_id,
            person_id=person.person_id,
            issuer="https://provider.example",
            subject_index=world.sealer.blind_index("https://provider.example\x0012345", "external-identity"),
            sealed_account=key.seal(account, linking._ACCOUNT_CONTEXT + row_id.bytes),
            created_at=world.now,
            last_used_at=world.now,
        )
    )


def reseal(world: World, monkeypatch: pytest.MonkeyPatch, *, keys: tuple[bytes, ...]) -> int:
    url = world.database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("GATEHOUSE_DATABASE_URL", url.replace("postgresql+psycopg", "postgresql"))
    monkeypatch.setenv("GATEHOUSE_MASTER_KEY", ",".join(key.hex() for key in keys))
    return cli.main(["keys", "reseal", "--json"])


def test_every_sealed_column_is_known_here() -> None:
    found = {
        (table.name, column.name)
        for table in ProgramLogin.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary) and column.name.startswith("sealed_")
    }
    assert found == SHORT_LIVED | BY_THE_PERSONS_KEY | (RESEALED - {("sealing_key", "wrapped")})


def test_after_it_the_old_key_is_needed_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (before,) = accepted(world)
    assert reseal(world, monkeypatch, keys=(NEW, MASTER_SECRET)) == 0
    counts = json.loads(capsys.readouterr().out)
    assert counts["people's keys"] >= 2
    assert counts["signing keys"] == 2
    assert counts["addresses"] == counts["people's keys"]
    assert counts["linked accounts"] == counts["logins of programs"] == 1
    assert counts["tokens of the Hub"] == 1
    assert counts["webhooks"] == 1
    assert counts["waiting letters"] >= 1
    assert reseal(world, monkeypatch, keys=(NEW, MASTER_SECRET)) == 0
    assert set(json.loads(capsys.readouterr().out).values()) == {0}

    alone = Sealer(NEW)
    assert world.read(audit.find_discrepancies, sealer=alone) == []
    assert world.read(ledger.load_key_ring, sealer=alone).statement.kid == world.keys.statement.kid
    found = world.write(identity.ensure_person, email="mara@nordlab.example", sealer=alone, now=world.now)
    assert found == before.person_id
    receipt = world.read(build_receipt, acceptance_id=before.id, base_url=BASE_URL, sealer=alone)
    outcome = verify_receipt(msgspec.json.encode(receipt))
    assert outcome.is_verified
    assert outcome.statement is not None
    assert outcome.statement["answers"] == ANSWERS
    assert linked(world, alone) == before.person_id
    publisher = world.read(catalog.find_publisher, name="quarry")
    assert world.read(find_token, publisher_id=publisher.id, sealer=alone) == "hf_secret"
    (row,) = world.read(lambda session: session.exec(select(Webhook)).all())
    assert open_target(row, alone).hub_secret == "hub-secret"
    for payload in column(world, "SELECT payload FROM outbox_message WHERE topic = 'mail.send'"):
        assert mail.unqueue(payload, sealer=alone).to
    for table, name in RESEALED:
        assert all(alone.is_current(value) for value in column(world, f"SELECT {name} FROM {table}"))


def test_a_copy_of_the_database_from_before_needs_the_old_key(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = column(world, "SELECT wrapped FROM sealing_key")
    assert reseal(world, monkeypatch, keys=(NEW, MASTER_SECRET)) == 0
    alone = Sealer(NEW)
    for wrapped in backup:
        with pytest.raises(CorruptRecord, match="unknown master key"):
            alone._unwrap(new_id(), wrapped)


def test_until_then_the_old_key_must_stay(world: World) -> None:
    with pytest.raises(CorruptRecord, match="unknown master key"):
        world.read(ledger.load_key_ring, sealer=Sealer(NEW))
    both = Sealer(NEW, MASTER_SECRET)
    (before,) = accepted(world)
    found = world.write(identity.ensure_person, email="mara@nordlab.example", sealer=both, now=world.now)
    assert found == before.person_id
    assert email_index_of("mara@nordlab.example", both) != email_index_of(
        "mara@nordlab.example", world.sealer
    )


def test_who_is_erased_meanwhile_stays_erased(world: World) -> None:
    both = Sealer(NEW, MASTER_SECRET)
    (before,) = accepted(world)
    world.write(lambda session: both.destroy_subject_key(session, before.person_id))
    while world.write(both.rewrap_subject_keys, limit=1):
        pass
    assert world.read(both.find_subject_key, subject_id=before.person_id) is None


def test_a_backup_tells_nothing_of_an_erased_person_once_the_old_key_is_destroyed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Erasing destroys the key in the database, not in the copies of it; the change of the master key reaches those."""
    (before,) = accepted(world)
    mine = SealingKey.subject_id == before.person_id
    (backup,) = world.read(lambda session: session.exec(select(SealingKey.wrapped).where(mine)).all())
    world.write(world.sealer.destroy_subject_key, subject_id=before.person_id)
    assert reseal(world, monkeypatch, keys=(NEW, MASTER_SECRET)) == 0

    # The backup is put back: all that was sealed by the person's key is there, and that key, wrapped.
    row = SealingKey(subject_id=before.person_id, wrapped=backup, created_at=world.now)
    world.write(lambda session: session.add(row))
    wanted = acceptances.Filter(person_id=before.person_id)
    too_early = world.read(acceptances.list_opened, wanted=wanted, sealer=Sealer(NEW, MASTER_SECRET))
    assert too_early[0].name == "Mara Lindqvist"
    alone = Sealer(NEW)
    for open_it in (
        lambda: world.read(acceptances.list_opened, wanted=wanted, sealer=alone),
        lambda: world.read(identity.open_profile, person_id=before.person_id, sealer=alone),
        lambda: world.read(acceptances.open_disclosures, acceptance_id=before.id, sealer=alone),
    ):
        with pytest.raises(CorruptRecord, match="unknown master key"):
            open_it()
    found = identity.find_person_by_email
    assert world.read(found, email="mara@nordlab.example", sealer=alone) is None
    # What names nobody can still be proved.
    receipt = world.read(ledger.prove_entry, entry_id=before.entry_id)
    assert receipt.inclusion_proof is not None


def accepted(world: World) -> list[object]:
    return list(world.read(acceptances.list_acceptances, wanted=acceptances.Filter()))


def linked(world: World, sealer: Sealer) -> object:
    index = sealer.blind_index("https://provider.example\x0012345", "external-identity")
    return world.read(
        lambda session: (
            session.connection()
            .execute(
                ExternalIdentity.__table__.select().where(ExternalIdentity.__table__.c.subject_index == index)
            )
            .one()
            .person_id
        )
    )


def column(world: World, statement: str) -> list[bytes]:
    return [
        bytes(value)
        for (value,) in world.read(lambda session: session.connection().execute(text(statement)).all())
        if value
    ]


@pytest.mark.parametrize(
    ("since", "code"), [("2026-11-23T00:00:00Z", 0), ("2999-01-01T00:00:00Z", 2), ("x", 2)]
)
def test_a_key_in_wrong_hands_is_ended_by_a_command(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], since: str, code: int
) -> None:
    old = world.keys.statement.kid
    url = world.database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("GATEHOUSE_DATABASE_URL", url.replace("postgresql+psycopg", "postgresql"))
    monkeypatch.setenv("GATEHOUSE_MASTER_KEY", MASTER_SECRET.hex())
    assert cli.main(["keys", "compromised", old, "--since", since, "--json"]) == code
    ring = world.read(ledger.load_key_ring, sealer=world.sealer)
    assert (ring.statement.kid == old) == (code != 0)
    if code == 0:
        assert json.loads(capsys.readouterr().out)["following"] == ring.statement.kid
        (before,) = accepted(world)
        receipt = world.read(build_receipt, acceptance_id=before.id, base_url=BASE_URL, sealer=world.sealer)
        failure = verify_receipt(msgspec.json.encode(receipt)).failure
        assert failure is not None
        assert failure.step == "validity"
        assert "compromised since" in failure.text
        assert cli.main(["keys", "compromised", "unknown", "--since", since]) == 2
