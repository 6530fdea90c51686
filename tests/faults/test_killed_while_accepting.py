"""P4 under `kill -9`: what was confirmed is there, once, and the register is whole."""

import signal
import subprocess
import sys
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlmodel import select

from registry import audit
from registry.acceptances.tables import Acceptance
from registry.kernel.database import Database
from tests.clock import SettableClock
from tests.servers.processes import ROOT
from tests.world import World

CONFIRMED_BEFORE_THE_KILL = 60


@pytest.mark.timeout(180)
def test_no_confirmed_acceptance_is_lost_or_doubled(
    database: Database, database_url: str, clock: SettableClock
) -> None:
    world = World(database=database, clock=clock)
    world.gated_model()
    url = database_url.replace("postgresql+psycopg", "postgresql")
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.accepting", url],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    confirmed = [UUID(child.stdout.readline().strip()) for _ in range(CONFIRMED_BEFORE_THE_KILL)]
    child.send_signal(signal.SIGKILL)
    confirmed += [UUID(line.strip()) for line in child.stdout if len(line) == 37]
    child.wait()
    child.stdout.close()

    stored = world.read(lambda session: list(session.exec(select(Acceptance.id, Acceptance.person_id)).all()))
    ids = {acceptance_id for acceptance_id, _ in stored}
    assert set(confirmed) <= ids
    assert len({person_id for _, person_id in stored}) == len(stored)
    entries = world.read(
        lambda session: (
            session.connection()
            .execute(text("SELECT count(*) FROM ledger_entry WHERE kind = 'acceptance'"))
            .scalar_one()
        )
    )
    assert entries == len(stored)
    world._keys = None
    world.integrate()
    assert world.read(audit.find_discrepancies, sealer=world.sealer) == []
