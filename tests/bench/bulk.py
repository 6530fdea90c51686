"""Fills a database with very many acceptances, faster than people could accept: rows as the use case writes them."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.engine import make_url
from sqlmodel import Session

from registry import acceptances, catalog, ledger, licenses
from registry.acceptances.accepting import SALT_BYTES
from registry.acceptances.domain import compare_name
from registry.acceptances.service import disclosures_context
from registry.acceptances.statement import Evidence, sign_statement
from registry.identity.domain import Profile
from registry.kernel import sealing
from registry.kernel.identifiers import new_id
from registry.kernel.statements import statements_for
from registry.kernel.synchronisation import ClockState
from registry.ledger import service as ledger_service
from registry.ledger import store as ledger_store
from registry.ledger import tree
from tests.bench.ground import Scene
from tests.world import ANSWERS, BASE_URL, ORIGIN

PERSON = ("id", "email_index", "sealed_email", "created_at", "is_operator")
KEY = ("subject_id", "wrapped", "created_at")
ENTRY = ("id", "kind", "leaf", "leaf_hash", "recorded_at")
LEAF = ("index", "entry_id")
ACCEPTANCE = (
    "id",
    "person_id",
    "gate_id",
    "gate_revision_id",
    "license_id",
    "license_version_id",
    "series",
    "sequence",
    "language",
    "grade",
    "accepted_at",
    "statement",
    "sealed_disclosures",
    "entry_id",
)
_ROWS_AT_ONCE = 20_000


class Loader:
    """Writes rows past the application; foreign keys are right by construction and not checked."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self._is_sqlite = parsed.get_backend_name() == "sqlite"
        self.sql = statements_for("sqlite" if self._is_sqlite else "postgresql")
        if self._is_sqlite:
            self._connection: Any = sqlite3.connect(str(parsed.database), timeout=60)
            self._connection.execute("PRAGMA synchronous=OFF")
            self._connection.execute("PRAGMA cache_size=-262144")
        else:
            self._connection = psycopg.connect(parsed.render_as_string(hide_password=False))
            self._connection.execute("SET session_replication_role = replica")

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        names = ", ".join(f'"{column}"' for column in columns)
        if self._is_sqlite:
            marks = ", ".join("?" * len(columns))
            self._connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)
            return
        with self._connection.cursor().copy(f"COPY {table} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def close(self) -> None:
        """Commit, and let the planner know what there is now, as autovacuum would in time."""
        self._connection.commit()
        if not self._is_sqlite:
            self._connection.autocommit = True
            self._connection.execute("VACUUM ANALYZE")
        self._connection.close()


def load_plain(url: str, scene: Scene, count: int) -> list[UUID]:
    """Insert `count` people with an acceptance each and its log entry; return the people.

    The acceptances share one statement, since the decision never reads it; the log has leaves of its own.
    """
    loader, now = Loader(url), scene.world.now
    sql, moment = loader.sql, loader.sql.bind_moment(now)
    gate, offer = scene.model.gate, _offer(scene)
    people: list[UUID] = []
    for first in range(0, count, _ROWS_AT_ONCE):
        ids = [(new_id(), new_id(), new_id()) for _ in range(min(_ROWS_AT_ONCE, count - first))]
        people.extend(person for person, _, _ in ids)
        loader.insert(
            "person", PERSON, [(sql.bind_id(person), None, None, moment, False) for person, _, _ in ids]
        )
        leaves = [(entry, str(entry).encode()) for _, _, entry in ids]
        loader.insert(
            "ledger_entry",
            ENTRY,
            [
                (sql.bind_id(entry), "acceptance", leaf, tree.hash_leaf(leaf), moment)
                for entry, leaf in leaves
            ],
        )
        fixed = tuple(
            sql.bind_id(value)
            for value in (gate.id, gate.revision_id, offer.license_id, offer.license_version_id)
        )
        loader.insert(
            "acceptance",
            ACCEPTANCE,
            [
                (
                    sql.bind_id(acceptance),
                    sql.bind_id(person),
                    *fixed,
                    offer.series,
                    0,
                    "en",
                    "B",
                    moment,
                    "shared.statement.text",
                    b"sealed",
                    sql.bind_id(entry),
                )
                for person, acceptance, entry in ids
            ],
        )
    loader.close()
    return people


def integrate_all(url: str, scene: Scene) -> int:
    """Give every entry without an index its place in the log, under a signed checkpoint; return the tree's size.

    The tree grows as `ledger.integrate` lets it grow, in one step instead of thousands. The first real
    `integrate` after it refuses to go on if this log did not fit its checkpoint.
    """
    world = scene.world
    world.integrate()
    last = world.read(ledger.latest_checkpoint)
    with _reading(url) as rows:
        entries = list(rows)
    loader = Loader(url)
    size = last.size
    loader.insert(
        "ledger_leaf", LEAF, ((size + place, entry_id) for place, (entry_id, _) in enumerate(entries))
    )
    loader.close()
    hashes = [bytes(leaf_hash) for _, leaf_hash in entries]

    def publish(session: Session) -> int:
        tiles = tree.grow(size, hashes, read_tile=ledger_store.tile_reader(session))
        ledger_store.write_tiles(session, tiles, growing=tree.tile_widths(size))
        checkpoint = ledger_service._sign_checkpoint(
            session, size + len(hashes), last, keys=world.keys, origin=ORIGIN, now=world.now
        )
        ledger_store.insert_checkpoint(session, checkpoint)
        return checkpoint.size

    return int(world.database.write_now(publish))


class _reading:  # noqa: N801 -- used as a statement
    """Entries without an index, as the driver gives them."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            self._connection: Any = sqlite3.connect(str(parsed.database))
        else:
            self._connection = psycopg.connect(parsed.render_as_string(hide_password=False))

    def __enter__(self) -> Iterator[tuple[Any, bytes]]:
        found: Iterator[tuple[Any, bytes]] = self._connection.execute(
            "SELECT e.id, e.leaf_hash FROM ledger_entry e"
            " LEFT JOIN ledger_leaf l ON l.entry_id = e.id WHERE l.entry_id IS NULL ORDER BY e.id"
        )
        return found

    def __exit__(self, *_error: object) -> None:
        self._connection.close()


def load_whole(url: str, scene: Scene, count: int) -> None:
    """Do as `load_sealed`, with the log entries that belong to it, published: a register that fits throughout."""
    load_sealed(url, scene, count, log=False)
    integrate_all(url, scene)


def load_sealed(url: str, scene: Scene, count: int, *, log: bool = True) -> None:
    """Insert `count` people with a real acceptance each: signed statement, disclosures sealed by their own key.

    With `log`, entries stand for those of the log: they have an index, and neither bytes nor a tree.
    """
    loader, world, now = Loader(url), scene.world, scene.world.now
    sql, moment = loader.sql, loader.sql.bind_moment(now)
    template = replace(_evidence(scene), accepted_at=now)
    offer, gate, master = template.offer, template.gate, world.sealer._current
    index = int(world.read(ledger_store.count_leaves))
    for first in range(0, count, _ROWS_AT_ONCE):
        people, keys, entries, leaves, accepted = [], [], [], [], []
        for number in range(first, min(first + _ROWS_AT_ONCE, count)):
            person_id, acceptance_id, entry_id = new_id(), new_id(), new_id()
            evidence = replace(
                template,
                acceptance_id=acceptance_id,
                principal=replace(template.principal, person_id=person_id),
                profile=Profile(
                    person_id=person_id,
                    email=f"export{number}@nordlab.example",
                    verified_at=now,
                    created_at=now,
                ),
            )
            issued = sign_statement(evidence, world.sign)
            secret = AESGCM.generate_key(256)
            wrapped = sealing._seal(master.key_id, master.wrapping, secret, b"subject:" + person_id.bytes)
            key = sealing.SubjectKey(master.key_id, AESGCM(secret))
            disclosures = json.dumps(issued.disclosures).encode()
            people.append((sql.bind_id(person_id), None, None, moment, False))
            keys.append((sql.bind_id(person_id), wrapped, moment))
            leaf = issued.jwt.encode()
            entries.append(
                (sql.bind_id(entry_id), "acceptance", b"" if log else leaf, tree.hash_leaf(leaf), moment)
            )
            if log:
                leaves.append((index + number, sql.bind_id(entry_id)))
            accepted.append(
                (
                    sql.bind_id(acceptance_id),
                    sql.bind_id(person_id),
                    sql.bind_id(gate.id),
                    sql.bind_id(gate.revision_id),
                    sql.bind_id(offer.license_id),
                    sql.bind_id(offer.license_version_id),
                    offer.series,
                    0,
                    "en",
                    "B",
                    moment,
                    issued.jwt,
                    key.seal(disclosures, disclosures_context(acceptance_id)),
                    sql.bind_id(entry_id),
                )
            )
        for table, columns, rows in (
            ("person", PERSON, people),
            ("sealing_key", KEY, keys),
            ("ledger_entry", ENTRY, entries),
            ("ledger_leaf", LEAF, leaves),
            ("acceptance", ACCEPTANCE, accepted),
        ):
            loader.insert(table, columns, rows)
    loader.close()


def _offer(scene: Scene) -> Any:
    return scene.world.read(acceptances.list_offers, person_id=None, model=scene.model)[0].offer


def _evidence(scene: Scene) -> Evidence:
    """Return the evidence of one act, to be made another person's."""
    world, model = scene.world, scene.model
    person = world.person("template@nordlab.example")
    offered = world.read(acceptances.list_offers, person_id=None, model=model)[0]
    offer, version = offered.offer, offered.version
    command = world.act(person, model)
    ticket = acceptances.domain.read_ticket(
        command.ticket, world.sealer.derive_secret(acceptances.service.TICKET_SECRET)
    )
    assert ticket is not None
    return Evidence(
        acceptance_id=new_id(),
        issuer=BASE_URL,
        offer=offer,
        version=version,
        policies=world.read(licenses.find_terms, version_id=version.id).policies,
        gate=model.gate,
        private=False,
        release=world.read(catalog.find_current_release, model_id=model.id),
        principal=person,
        profile=Profile(
            person_id=offer.gate_id, email="template@nordlab.example", verified_at=None, created_at=world.now
        ),
        command=command,
        ticket=ticket,
        answers=ANSWERS,
        sequence=0,
        salt=bytes(SALT_BYTES),
        accepted_at=world.now,
        name=compare_name(command.typed_name, []),
        clock_state=ClockState.NOT_KNOWN,
    )
