"""Several processes over one database: one acceptance per person and text, one log without gaps or doubles."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlmodel import select

from registry import audit, ledger
from registry.acceptances.tables import Acceptance
from registry.delivery.seaweedfs import StoreAddress
from registry.kernel.clock import SystemClock
from registry.kernel.database import Database
from registry.kernel.sealing import Sealer
from tests.faults.serving import (
    FilledForm,
    fill_form,
    free_port,
    receipt_id,
    started,
    wait_until,
    wait_until_up,
)
from tests.world import World

MODEL = "quarry/quarry-15b"
PEOPLE = 10
POSTS_EACH = 4


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'gatehouse.db'}"
        return
    server = request.getfixturevalue("postgres_url")
    name = f"test_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.timeout(300)
def test_processes_that_start_at_once_make_one_registry(
    empty_url: str, tmp_path: Path, object_store_address: StoreAddress
) -> None:
    """Three processes answer: two workers of one service, and a second service; all sequence."""
    settings: dict[str, object] = {"migrate_on_start": "true"}
    if empty_url.startswith("sqlite"):
        settings["master_key"] = ""  # generated: by one of them, for both
    port = free_port()
    settings["base_url"] = f"http://127.0.0.1:{port}"
    with (
        started(tmp_path, empty_url, object_store_address, "--workers", "2", port=port, **settings) as first,
        started(tmp_path, empty_url, object_store_address, port=free_port(), **settings) as second,
    ):
        wait_until_up(first)
        wait_until_up(second)
        assert len(first.worker_ids()) == 2
        with first.client() as one, second.client() as other:
            keys = [client.get("/api/v1/keys").json() for client in (one, one, other)]
        assert keys[0] == keys[1] == keys[2]
        database = Database(empty_url)
        world = World(database=database, clock=SystemClock())
        if "master_key" in settings:
            world.sealer = Sealer(bytes.fromhex((tmp_path / "master.key").read_text().strip()))
        world.gated_model()
        forms = [
            fill_form(first, world, world.person(f"person-{number}@nordlab.example"), MODEL)
            for number in range(PEOPLE)
        ]

        def post(numbered: tuple[int, FilledForm]) -> tuple[int, object]:
            number, form = numbered
            return number % PEOPLE, receipt_id(form.post(at=(first, second)[number // PEOPLE % 2]))

        with ThreadPoolExecutor(8) as threads:
            receipts = set(threads.map(post, enumerate(forms * POSTS_EACH)))
        assert len(receipts) == PEOPLE, "each person has one acceptance, whichever process was asked"
        stored = set(world.read(lambda session: session.exec(select(Acceptance.id)).all()))
        assert stored == {receipt for _, receipt in receipts}
        wait_until(lambda: not world.read(ledger.has_pending), "entries wait for ever")
        indices, entries = (
            [
                row[0]
                for row in world.read(lambda session, sql=sql: session.connection().execute(text(sql)).all())
            ]
            for sql in ('SELECT "index" FROM ledger_leaf ORDER BY "index"', "SELECT id FROM ledger_entry")
        )
        assert indices == list(range(len(entries)))
        with first.client() as one, second.client() as other:
            assert one.get("/ledger/checkpoint").text == other.get("/ledger/checkpoint").text
        assert world.read(audit.find_discrepancies, sealer=world.sealer) == []
        database.close()
        for service in (first, second):
            said = service.log.read_text()
            assert '"defect"' not in said
            assert "sequencer_stuck" not in said
