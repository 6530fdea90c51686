"""P7 and the erasure of a person: nothing personal is left anywhere, and every proof still verifies; both databases."""

import base64
import json
import re
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog
from sqlalchemy import select, text

from registry import acceptances, access, identity, ledger
from registry.acceptances.receipts import build_receipt
from registry.acceptances.store import Filter
from registry.audit.service import find_discrepancies
from registry.client.verify import verify_receipt
from registry.delivery import erasing
from registry.identity import erasures, linking
from registry.identity.domain import Message, Principal
from registry.identity.erasure_domain import SWEPT_AFTER, ErasureState
from registry.identity.oauth_service import NETWORK_CONTEXT
from registry.identity.oauth_tables import DeviceAuthorization, LoginKind, ProgramLogin
from registry.identity.tables import EmailLink, ExternalIdentity, Passkey, ProviderVisit
from registry.kernel import mail
from registry.kernel.database import Table
from registry.kernel.identifiers import new_id
from registry.kernel.mail import LocalMailer
from tests.api.conftest import Browser, Site
from tests.api.test_personal_export import tables_of_people
from tests.api.test_requests import ASK, FILLED, ben, do, owner
from tests.clock import SettableClock
from tests.integration.acceptances.imports import bring_in, claimed, imports
from tests.world import BASE_URL, World

__all__ = ["ben", "owner"]

MARK = "zzquark"
EMAIL = f"{MARK}@nordlab.example"
NOBODY = "8f3b1c52-0000-7000-8000-000000000000"
GONE = {
    "authorization_code", "declaration", "device_authorization", "email_link", "external_identity", "notice", "passkey",
    "person_key",
    "provider_visit", "sealing_key", "user_code_miss", "web_session",
}  # fmt: skip
"""Tables in which no row of the person is left."""
PSEUDONYM = "holds only the random id, times and what was done; what was sealed in it opens no more"
OFFICE = "what somebody did for a publisher or an organisation"
NAMES_TAKEN = "ended, and its name taken away"
KEPT = {
    "acceptance": PSEUDONYM,
    "access_grant": PSEUDONYM,
    "access_grant_end": PSEUDONYM,
    "access_request": PSEUDONYM,
    "access_token": NAMES_TAKEN,
    "acknowledgement": PSEUDONYM,
    "answer_template": OFFICE,
    "block": "that it was, without its reason",
    "block_lift": PSEUDONYM,
    "download_record": "which file and when; not by which program",
    "equivalence": OFFICE,
    "erasure": PSEUDONYM,
    "gate_revision": OFFICE,
    "hub_credential": OFFICE,
    "hub_disclosure": PSEUDONYM,
    "hub_mirror": OFFICE,
    "hold": "that it was, without its reason",
    "import_report": OFFICE,
    "imported_acceptor": OFFICE,
    "license_verdict": OFFICE,
    "license_version": OFFICE,
    "look": PSEUDONYM,
    "loss_notice": PSEUDONYM,
    "model_base": OFFICE,
    "model_draft": OFFICE,
    "model_gate_move": OFFICE,
    "must_update": OFFICE,
    "organisation": OFFICE,
    "organisation_domain": OFFICE,
    "organisation_group": OFFICE,
    "organisation_member": "ended",
    "person": "a pseudonym: neither key nor address",
    "program_login": NAMES_TAKEN,
    "publisher_role": "ended",
    "refused_request": PSEUDONYM,
    "release": OFFICE,
    "request_step": PSEUDONYM,
    "restriction": PSEUDONYM,
    "service_account": NAMES_TAKEN,
    "service_token": NAMES_TAKEN,
    "update_answer": PSEUDONYM,
    "update_notice": PSEUDONYM,
    "upload": OFFICE,
    "webhook": OFFICE,
}
_WORDS = re.compile(rb"[A-Za-z0-9_+/=-]{16,}")


def desk(world: World) -> erasures.Desk:
    return erasures.Desk(sealer=world.sealer, base_url=BASE_URL, now=world.now)


def ask(world: World, person: Principal) -> Any:
    days = timedelta(days=7)
    return world.write(
        lambda session: erasures.ask_erasure(
            session,
            desk(world),
            person_id=person.person_id,
            offices=erasing.list_offices(session, person_id=person.person_id),
            grace=days,
        )
    )


def run_due(world: World) -> int:
    done: int = world.write(erasing.erase_due, sealer=world.sealer, base_url=BASE_URL, now=world.now)
    return done


def layers(value: object) -> Iterator[bytes]:
    """A value as it is stored, and what stands in it as base64."""
    data = value if isinstance(value, bytes) else str(value).encode()
    yield data
    for word in _WORDS.findall(data):
        for alphabet in (b"+/", b"-_"):
            try:
                yield base64.b64decode(word + b"=" * (-len(word) % 4), altchars=alphabet)
            except ValueError:
                continue


def says(mark: str, value: object) -> bool:
    return any(mark.encode() in layer.lower() for layer in layers(value))


def places_of(mark: str, world: World) -> set[str]:
    """The columns in which something of the person can be read, by whoever has the whole database."""
    found = set()
    with world.database.engine.connect() as connection:
        for name, table in Table.metadata.tables.items():
            for row in connection.execute(select(table)).mappings():
                for column, value in row.items():
                    if says(mark, value):
                        found.add(f"{name}.{column}")
    return found


def tables_with(person: Principal, world: World) -> set[str]:
    """The tables that still have a row of the person."""
    found = set()
    with world.database.engine.connect() as connection:
        for name, table in Table.metadata.tables.items():
            columns = [key.parent for key in table.foreign_keys if key.target_fullname == "person.id"]
            columns += [column for column in table.columns if column.name == "subject_id"]
            if any(
                connection.execute(select(table).where(one == person.person_id)).first() for one in columns
            ):
                found.add(name)
    return found


def sealed_places(world: World, person: Principal) -> int:
    """How many values the person's key opens; nobody counts them once the key is gone."""
    return len(world.read(world.sealer.find_subject_keys, subject_ids=[person.person_id]))


@pytest.fixture
async def person(site: Site, owner: Principal, ben: Browser, clock: SettableClock) -> Principal:
    """Somebody who has done whatever one can do, and whose every word is unmistakable."""
    world = site.world
    person = world.person(EMAIL)
    person_id = person.person_id
    assert person_id is not None
    model = world.model(owner)
    world.accept(
        person, model, typed_name=f"{MARK} Person", answers={"Affiliation": f"{MARK} lab", "Country": "NO"}
    )
    browser = site.browser(person)
    answer = await browser.post(
        ASK, seen_on=ASK, **{**FILLED, "answer-0": f"{MARK} lab", "note": f"{MARK} note"}
    )
    request = answer.headers["location"]
    await do(ben, request, "take")
    await do(ben, request, "approve", note=f"for {MARK}")
    bring_in(world, claimed(email=EMAIL, name=f"{MARK} Person", account=f"{MARK}-hub"))
    token = world.token(person)
    await site.client.get(
        f"/{model.repo_id}/resolve/main/model.safetensors",
        headers={"Authorization": f"Bearer {token}", "User-Agent": f"{MARK}-agent/1.0"},
    )
    world.write(
        access.block_person,
        publisher="quarry",
        person_id=person_id,
        reason=f"{MARK} shared weights",
        until=world.now + timedelta(days=1),
        principal=owner,
        now=world.now,
    )
    clock.advance(timedelta(days=2))
    world.write(lambda session: _add_the_rest(session, world, person_id))
    return person


def _add_the_rest(session: Any, world: World, person_id: Any) -> None:
    """What sign-ins and programs write, as their use cases do."""
    now, later, sealer = world.now, world.now + timedelta(days=1), world.sealer
    key = sealer.find_subject_key(session, person_id)
    account = new_id()
    given = {"created_at": now, "expires_at": later, "network_index": b"x"}
    network = sealer.seal_system(f"{MARK}.7".encode(), NETWORK_CONTEXT)
    identity.create_token(
        session,
        person_id=person_id,
        name=f"{MARK} laptop",
        scopes=frozenset({identity.Scope.READ}),
        days=30,
        now=now,
    )
    identity.notify(
        session,
        [person_id],
        Message(kind="hello", subject=f"For {MARK}", text="…", page="/"),
        base_url=BASE_URL,
        sealer=sealer,
        now=now,
    )
    session.add_all(
        [
            EmailLink(
                digest="1" * 64,
                email_index=sealer.blind_index(EMAIL, "email"),
                sealed_email=sealer.seal_system(EMAIL.encode(), b"x"),
                next_path=f"/{MARK}",
                **given,
            ),
            ExternalIdentity(
                id=account,
                person_id=person_id,
                issuer=f"https://{MARK}.example",
                subject_index=b"subject",
                sealed_account=key.seal(
                    json.dumps([MARK, MARK]).encode(), linking._ACCOUNT_CONTEXT + account.bytes
                ),
                created_at=now,
                last_used_at=now,
            ),
            ProviderVisit(
                digest="2" * 64,
                provider_id="x",
                purpose="link",
                browser_digest="3" * 64,
                person_id=person_id,
                sealed_secrets=b"x",
                next_path=f"/{MARK}",
                **given,
            ),
            Passkey(
                id=new_id(),
                person_id=person_id,
                credential_id=b"c",
                credential=b"c",
                name=f"{MARK} key",
                sign_count=0,
                backed_up=False,
                created_at=now,
            ),
            DeviceAuthorization(
                digest="4" * 64,
                user_code_index=b"u",
                client_id="x",
                scopes="read",
                program=f"{MARK} program",
                decided_at=now,
                approved=True,
                sealed_network=network,
                person_id=person_id,
                **given,
            ),
            ProgramLogin(
                id=new_id(),
                person_id=person_id,
                kind=LoginKind.DEVICE,
                client_id="x",
                name=f"{MARK} machine",
                scopes="read",
                sealed_network=network,
                created_at=now,
            ),
        ]
    )


async def test_nothing_personal_is_left_and_every_proof_still_verifies(
    site: Site, owner: Principal, person: Principal, clock: SettableClock, tmp_path: Path
) -> None:
    world = site.world
    world.integrate()
    (accepted,) = world.read(acceptances.list_acceptances, wanted=Filter(person_id=person.person_id))
    receipt = world.read(build_receipt, acceptance_id=accepted.id, base_url=BASE_URL, sealer=world.sealer)
    kept = msgspec.json.encode(receipt)
    assert says(MARK, kept)
    before = await counts(site, owner)
    assert {"access_token.name", "passkey.name", "block.reason", "download_record.client"} <= places_of(
        MARK, world
    )
    letters = LocalMailer(tmp_path / "letters", sender="Registry <r@quarry.example>", outbox_url="/outbox")
    await letters.send(mail.Mail(to=EMAIL, subject="Hello", text=MARK), now=world.now)

    with structlog.testing.capture_logs() as said:
        assert ask(world, person).state is ErasureState.WAITING
        clock.advance(timedelta(days=7))
        assert run_due(world) == 1
        clock.advance(SWEPT_AFTER + timedelta(minutes=1))
        assert run_due(world) == 1
        assert run_due(world) == 0
    world.integrate()

    # 1. Nothing is left in the database, and nothing opens what was sealed.
    assert places_of(MARK, world) == set()
    assert sealed_places(world, person) == 0
    if world.database.dialect == "sqlite":
        assert MARK.encode() not in whole_file(world)
    assert tables_with(person, world) <= KEPT.keys()
    assert [(one.email, one.name) for one in imports(world)] in ([("", "")], [(None, None)])
    # 2. Nor in letters that wait: the last one names nobody but in its address, sealed until it is sent.
    waiting = world.read(
        lambda session: session.execute(
            text("SELECT topic, payload FROM outbox_message WHERE done_at IS NULL")
        ).all()
    )
    letters_left = [
        mail.unqueue(payload, sealer=world.sealer) for topic, payload in waiting if topic == mail.TOPIC
    ]
    assert [letter.subject for letter in letters_left if letter.to == EMAIL] == ["You were erased"]
    (payload,) = [payload for topic, payload in waiting if topic == mail.FORGET_TOPIC]
    await letters.forget(mail.forgotten_address(payload, sealer=world.sealer))
    assert list((tmp_path / "letters").iterdir()) == []
    # 3. Nor in logs, pages and exports.
    assert MARK not in str(said).lower()
    for path in pages():
        answer = await site.browser(owner).get(path)
        assert answer.status_code == 200, path
        assert MARK not in answer.text.lower(), path
    assert await counts(site, owner) == before
    # 4. All proofs verify: what the person kept, the whole log, each row against it.
    assert verify_receipt(kept).is_verified
    assert world.read(lambda session: list(find_discrepancies(session, sealer=world.sealer))) == []
    (entry,) = [
        leaf
        for kind, leaf in world.read(lambda session: list(ledger.iterate_leaves(session, other_than=())))
        if kind == "person.erased"
    ]
    assert json.loads(entry)["person"] == str(person.person_id)


async def test_each_table_of_people_says_what_becomes_of_it(site: Site) -> None:
    assert GONE | KEPT.keys() == tables_of_people()
    assert not GONE & KEPT.keys()


def pages() -> list[str]:
    return [
        "/manage/quarry/acceptances",
        "/manage/quarry/acceptances.csv",
        "/manage/quarry/acceptances.jsonl",
        "/manage/quarry/downloads",
        "/manage/quarry/downloads.jsonl",
        "/manage/quarry/requests",
        "/manage/quarry/blocks",
        "/log",
        "/inbox",
    ]


async def counts(site: Site, owner: Principal) -> list[int]:
    """How many lines the registers have."""
    browser = site.browser(owner)
    return [
        len((await browser.get(path)).text.splitlines())
        for path in ("/manage/quarry/acceptances.jsonl", "/manage/quarry/downloads.jsonl")
    ]


def whole_file(world: World) -> bytes:
    """The database's file with nothing left beside it."""
    path = Path(str(world.database.engine.url.database))
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.read_bytes() + path.with_name(f"{path.name}-wal").read_bytes()
