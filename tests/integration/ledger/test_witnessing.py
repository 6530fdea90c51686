"""The registry asks witnesses: a real one in a process of its own, and such that answer late, wrong or never."""

import asyncio
import http.server
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from registry import ledger
from registry.client.cosignatures import COSIGNATURE_TYPE, check_cosignature, parse_verifier_key
from registry.client.notes import parse_checkpoint
from registry.kernel.outcomes import GatehouseError
from registry.ledger import notes
from registry.ledger.cosignatures import WitnessKey
from registry.ledger.witnessing import Witness, ask_witness, parse_witnesses, run_witnessing
from tests.integration.ledger.conftest import ORIGIN, Log

ROOT = Path(__file__).resolve().parents[3]
NAME = "witness.example/w1"


class WitnessProcess:
    """`gatehouse witness`, as another institution runs it."""

    def __init__(self, folder: Path, log_key: str) -> None:
        self._command = [
            *(sys.executable, "-m", "registry.cli", "witness", str(folder), "--name", NAME),
            *("--log", log_key, "--port", "0"),
        ]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        first, second = self._process.stdout.readline(), self._process.stdout.readline()
        self.key = first.removeprefix("verifier key: ").strip()
        found = re.search(r"http://\S+?:\d+", second)
        assert found, first + second
        self.url = found[0]

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def witness(tmp_path: Path, log: Log) -> Iterator[WitnessProcess]:
    log.clock.set(datetime.now(UTC))
    running = WitnessProcess(tmp_path / "witness", notes.verifier_key(ORIGIN, log.keys.checkpoint.public))
    yield running
    running.kill()


def setting(running: WitnessProcess) -> Witness:
    (found,) = parse_witnesses([f"{running.key}@{running.url}"])
    return found


def head(log: Log) -> ledger.SignedCheckpoint:
    found = log.read(ledger.latest_checkpoint)
    assert found is not None
    return found


async def test_a_real_witness_cosigns_and_everybody_sees_it(log: Log, witness: WitnessProcess) -> None:
    asked = setting(witness)
    assert not await ask_witness(log.database, asked, clock=log.clock)
    (entry,) = log.append()
    log.integrate()
    assert await ask_witness(log.database, asked, clock=log.clock)
    assert not await ask_witness(log.database, asked, clock=log.clock)
    key = parse_verifier_key(witness.key, kind=COSIGNATURE_TYPE)
    assert check_cosignature(parse_checkpoint(head(log).whole_note), key) is not None
    log.append(300)
    while log.integrate():
        pass
    assert head(log).cosignatures == ()
    assert await ask_witness(log.database, asked, clock=log.clock)
    assert check_cosignature(parse_checkpoint(head(log).whole_note), key) is not None
    # A receipt leads to the first head that was cosigned.
    proof = log.read(lambda session: ledger.prove_entry(session, entry))
    assert proof is not None
    assert proof.checkpoint.size == 1
    assert check_cosignature(parse_checkpoint(proof.checkpoint.whole_note), key) is not None


async def test_a_witness_that_was_killed_goes_on_from_what_it_has_seen(
    log: Log, witness: WitnessProcess
) -> None:
    log.append(3)
    log.integrate()
    assert await ask_witness(log.database, setting(witness), clock=log.clock)
    witness.kill()
    log.append(3)
    log.integrate()
    with pytest.raises(GatehouseError, match="cannot be asked"):
        await ask_witness(log.database, setting(witness), clock=log.clock)
    key = witness.key
    witness.start()
    assert witness.key == key
    assert await ask_witness(log.database, setting(witness), clock=log.clock)


async def test_a_witness_that_knows_more_than_the_registry_remembers_is_asked_from_there(
    log: Log, witness: WitnessProcess
) -> None:
    log.append(3)
    log.integrate()
    assert await ask_witness(log.database, setting(witness), clock=log.clock)
    log.database.write_now(
        lambda session: session.connection().execute(text("DELETE FROM ledger_cosignature"))
    )
    log.append(3)
    log.integrate()
    assert await ask_witness(log.database, setting(witness), clock=log.clock)


async def test_a_log_that_was_set_back_or_forked_gets_no_cosignature(
    log: Log, witness: WitnessProcess
) -> None:
    log.append(3)
    log.integrate()
    log.append(3)
    log.integrate()
    assert await ask_witness(log.database, setting(witness), clock=log.clock)

    def set_back(session: object) -> None:
        for statement in (
            "DELETE FROM ledger_cosignature",
            "DELETE FROM ledger_checkpoint WHERE size > 3",
            'DELETE FROM ledger_leaf WHERE "index" >= 3',
            "UPDATE ledger_tile SET hashes = substr(hashes, 1, 96)",
        ):
            session.connection().execute(text(statement))

    log.database.write_now(set_back)
    with pytest.raises(GatehouseError, match="it has seen 6 entries, this log has 3"):
        await ask_witness(log.database, setting(witness), clock=log.clock)
    log.append(4, kind="block")
    log.integrate()
    with pytest.raises(GatehouseError, match="answers 422"):
        await ask_witness(log.database, setting(witness), clock=log.clock)
    assert head(log).cosignatures == ()


Answering = Callable[[], tuple[int, bytes]]


@pytest.fixture
def odd() -> Iterator[Callable[[int, bytes], Witness]]:
    """A witness that answers what the test says, whatever it is asked."""
    servers = []

    def start(status: int, answer: bytes) -> Witness:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(status)
                self.send_header("Content-Type", "text/x.tlog.size" if status == 409 else "text/plain")
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        key = WitnessKey(name=NAME, raw=Ed25519PrivateKey.generate().public_key().public_bytes_raw())
        return Witness(key=key, url=f"http://127.0.0.1:{server.server_port}")

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (200, b"", "no cosignature"),
        (200, b"\xe2\x80\x94 other.example AAAAAAAA\n", "no cosignature"),
        (200, b"<html>", "does not start with an em dash"),
        (200, b"\xff\xfe", "em dash"),
        (200, b"x" * 600_000, "larger than"),
        (204, b"", "answers 204"),
        (403, b"who are you?", "answers 403"),
        (409, b"many\n", "without a size"),
        (409, b"9" * 30, "without a size"),
        (409, b"7\n", "it has seen 7 entries, this log has 3"),
        (409, b"1\n", "answers 409"),
        (500, b"", "answers 500"),
    ],
)
async def test_a_witness_that_answers_wrong_adds_nothing(
    log: Log, odd: Callable[[int, bytes], Witness], status: int, answer: bytes, said: str
) -> None:
    log.append(3)
    log.integrate()
    with pytest.raises(GatehouseError, match=said):
        await ask_witness(log.database, odd(status, answer), clock=log.clock)
    assert head(log).cosignatures == ()


async def test_a_witness_whose_clock_is_wrong_adds_nothing(log: Log, witness: WitnessProcess) -> None:
    log.append(3)
    log.integrate()
    log.clock.advance(timedelta(hours=1))
    with pytest.raises(GatehouseError, match="its clock says"):
        await ask_witness(log.database, setting(witness), clock=log.clock)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("x", "verifier key of a witness"),
        ("{key}", "it is missing"),
        ("{key}@http://w.example", "not https"),
        ("{key}@https://user@w.example", "user name"),
    ],
)
def test_settings_that_name_no_witness_are_refused_at_start(given: str, said: str) -> None:
    key = WitnessKey(name=NAME, raw=bytes(32))
    with pytest.raises(GatehouseError, match=said):
        parse_witnesses([given.format(key=key)])


async def test_fsck_names_a_cosignature_that_was_altered_or_moved(log: Log, witness: WitnessProcess) -> None:
    for _ in range(2):
        log.append(3)
        log.integrate()
        assert await ask_witness(log.database, setting(witness), clock=log.clock)
    assert log.read(lambda session: ledger.find_discrepancies(session, sealer=log.sealer)) == []
    swapped = "UPDATE ledger_cosignature SET line = (SELECT line FROM ledger_cosignature WHERE size = 6) WHERE size = 3"
    log.database.write_now(lambda session: session.connection().execute(text(swapped)))
    (found,) = log.read(lambda session: ledger.find_discrepancies(session, sealer=log.sealer))
    assert (found.table, found.row_id) == ("ledger_cosignature", f"3 {witness.key}")
    assert "does not fit" in found.problem


async def test_a_broken_witness_delays_no_other(
    log: Log, witness: WitnessProcess, odd: Callable[[int, bytes], Witness]
) -> None:
    log.append(3)
    log.integrate()
    asked = [odd(500, b""), setting(witness)]
    loop = asyncio.create_task(run_witnessing(log.database, asked, clock=log.clock))
    try:
        async with asyncio.timeout(60):
            while not head(log).cosignatures:  # noqa: ASYNC110 - it comes over HTTP, nothing could tell
                await asyncio.sleep(0)
    finally:
        loop.cancel()
    assert len(head(log).cosignatures) == 1
