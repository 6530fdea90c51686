"""Requests, decisions and letters under `kill -9`: each step is whole or absent, and no letter is lost (P4, P6)."""

import signal
import subprocess
import sys
from datetime import timedelta
from uuid import UUID

import pytest
from sqlmodel import select

from registry import audit, catalog
from registry.access.tables import AccessGrant, AccessRequest
from registry.access.transitions import RequestState
from registry.catalog.domain import GateMode
from registry.identity import list_notices, open_profiles
from registry.kernel import mail, outbox
from registry.kernel.clock import SystemClock
from registry.kernel.database import Database
from registry.kernel.outcomes import Refusal
from tests.servers.processes import ROOT
from tests.world import World

APPROVED_BEFORE_THE_KILL = 25


def read_words(lines: list[str]) -> list[list[str]]:
    """The lines that are whole; the last one may have been cut."""
    return [line.split() for line in lines if line.endswith("\n")]


@pytest.mark.timeout(180)
def test_steps_are_whole_and_no_letter_is_lost(database: Database, database_url: str) -> None:
    world = World(database=database, clock=SystemClock())
    model = world.gated_model()
    changed = world.write(
        catalog.change_gate,
        publisher="quarry",
        name=model.name,
        demand=catalog.GateDemand(mode=GateMode.MANUAL, licenses=(), fields=model.gate.fields),
        principal=world.person("owner@quarry.example"),
        now=world.now,
    )
    assert not isinstance(changed, Refusal), changed
    url = database_url.replace("postgresql+psycopg", "postgresql")
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.requesting", url], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    lines: list[str] = []
    while sum(line.startswith("approved") for line in lines) < APPROVED_BEFORE_THE_KILL:
        lines.append(child.stdout.readline())
        assert lines[-1], "the process ended by itself"
    child.send_signal(signal.SIGKILL)
    words = read_words([*lines, *child.stdout])
    child.wait()
    child.stdout.close()

    requests, grants = world.read(
        lambda session: (
            {row.id: row for row in session.exec(select(AccessRequest)).all()},
            {row.request_id: row for row in session.exec(select(AccessGrant)).all()},
        )
    )
    assert {UUID(name) for verb, name in words if verb == "asked"} <= set(requests)
    assert {UUID(name) for verb, name in words if verb == "approved"} <= set(grants)
    approved = {row.id for row in requests.values() if row.state == RequestState.APPROVED}
    assert approved == set(grants)
    sent = {name for verb, name in words if verb == "sent"}
    assert sent, "letters went out before the kill, too"
    late = world.now + outbox.LEASE + timedelta(seconds=1)
    while messages := world.write(outbox.claim, now=late):
        for message in messages:
            if message.topic == mail.TOPIC:
                sent.add(mail.unqueue(message.payload, sealer=world.sealer).to)
            world.write(outbox.complete, message=message, now=late)
    for request_id in approved:
        person_id = requests[request_id].person_id
        kinds = [
            one.message.kind for one in world.read(list_notices, person_id=person_id, sealer=world.sealer)
        ]
        profile = world.read(open_profiles, person_ids=[person_id], sealer=world.sealer)[person_id]
        assert kinds.count("request-approve") == 1, kinds
        assert profile.email in sent
    world._keys = None
    world.integrate()
    assert world.read(audit.find_discrepancies, sealer=world.sealer) == []
