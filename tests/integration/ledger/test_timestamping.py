"""Time stamps over checkpoints, by a real authority; SQLite and PostgreSQL."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from registry import ledger
from registry.client.errors import VerificationFailed
from registry.client.notes import own_note
from registry.client.timestamps import check_timestamp, parse_roots
from registry.kernel.outcomes import GatehouseError
from registry.ledger.timestamping import Authority, load_authority, stamp_newest
from tests.integration.ledger.conftest import Log
from tests.servers.timestamping import TimestampingAuthority


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TimestampingAuthority]:
    folder = tmp_path / "tsa"
    folder.mkdir()
    running = TimestampingAuthority(folder)
    yield running
    running.close()


@pytest.fixture
def authority(server: TimestampingAuthority, log: Log) -> Authority:
    log.clock.set(datetime.now(UTC))
    found = load_authority(server.url, str(server.root), every=timedelta(hours=1))
    assert found is not None
    return found


async def test_a_checkpoint_is_stamped_and_openssl_agrees(
    log: Log, authority: Authority, server: TimestampingAuthority, tmp_path: Path
) -> None:
    (entry,) = log.append()
    log.integrate()
    assert await stamp_newest(log.database, authority, clock=log.clock)
    log.append(5)
    log.integrate()
    proof = log.read(lambda session: ledger.prove_entry(session, entry))
    assert proof is not None
    assert proof.checkpoint.size == 1
    (stamp,) = proof.checkpoint.timestamps
    note = own_note(proof.checkpoint.whole_note).encode()
    roots = parse_roots(server.root.read_bytes(), where="root")
    assert check_timestamp(stamp.response, note, authority=server.url, roots=roots) == stamp.stamped_at
    assert "Verification: OK" in openssl_says(tmp_path, note, stamp.response, root=server.root)
    assert "Verification: OK" not in openssl_says(tmp_path, note + b"x", stamp.response, root=server.root)


def openssl_says(folder: Path, note: bytes, response: bytes, *, root: Path) -> str:
    (folder / "note").write_bytes(note)
    (folder / "stamp.tsr").write_bytes(response)
    command = ["openssl", "ts", "-verify", "-data", "note", "-in", "stamp.tsr", "-CAfile", str(root)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout


async def test_it_is_stamped_again_only_when_it_has_grown_and_it_is_time(
    log: Log, authority: Authority, server: TimestampingAuthority
) -> None:
    assert not await stamp_newest(log.database, authority, clock=log.clock)
    log.append()
    log.integrate()
    assert await stamp_newest(log.database, authority, clock=log.clock)
    log.append()
    log.integrate()
    assert not await stamp_newest(log.database, authority, clock=log.clock)
    assert server.asked == 1


@pytest.mark.parametrize("days", [-1, 1])
async def test_a_wrong_clock_is_noticed(log: Log, authority: Authority, days: int) -> None:
    log.append()
    log.integrate()
    log.clock.advance(timedelta(days=days))
    with pytest.raises(GatehouseError, match="clock says"):
        await stamp_newest(log.database, authority, clock=log.clock)
    head = log.read(ledger.latest_checkpoint)
    assert head is not None
    assert head.timestamps == ()


async def test_what_does_not_verify_is_not_kept(
    log: Log, authority: Authority, server: TimestampingAuthority, tmp_path: Path
) -> None:
    log.append()
    log.integrate()
    for alter in (
        lambda _: b"",
        lambda answer: answer[:-9],
        lambda answer: answer[:-1] + b"\0",
        lambda _: b"x" * 999,
    ):
        server.alter = alter
        with pytest.raises(GatehouseError, match="does not verify"):
            await stamp_newest(log.database, authority, clock=log.clock)
    earlier: list[bytes] = []
    server.alter = lambda answer: earlier.append(answer) or answer
    await stamp_newest(log.database, authority, clock=log.clock)
    log.append()
    log.integrate()
    log.clock.advance(timedelta(hours=2))
    server.alter = lambda _: earlier[0]  # an answer to another question
    with pytest.raises(GatehouseError, match="does not verify"):
        await stamp_newest(log.database, authority, clock=log.clock)
    (other := tmp_path / "other").mkdir()
    stranger = TimestampingAuthority(other)
    stranger.close()
    untrusted = load_authority(server.url, str(stranger.root), every=timedelta(hours=1))
    assert untrusted is not None
    server.alter = lambda answer: answer
    with pytest.raises(GatehouseError, match="does not verify"):
        await stamp_newest(log.database, untrusted, clock=log.clock)


async def test_no_altered_byte_of_a_stamp_passes(
    log: Log, authority: Authority, server: TimestampingAuthority
) -> None:
    log.append()
    log.integrate()
    await stamp_newest(log.database, authority, clock=log.clock)
    head = log.read(ledger.latest_checkpoint)
    assert head is not None
    (stamp,) = head.timestamps
    roots = parse_roots(server.root.read_bytes(), where="root")
    note = head.note.encode()
    unnoticed = []
    for at in range(len(stamp.response)):
        changed = stamp.response[:at] + bytes([stamp.response[at] ^ 1]) + stamp.response[at + 1 :]
        try:
            moment = check_timestamp(changed, note, authority="a", roots=roots)
        except VerificationFailed:
            continue
        # Bytes outside of what is signed may differ, such as the status text; what is said may not.
        assert moment == stamp.stamped_at
        unnoticed.append(at)
    assert len(unnoticed) < len(stamp.response) / 20


async def test_an_authority_that_is_gone_is_said_so(
    log: Log, authority: Authority, server: TimestampingAuthority
) -> None:
    log.append()
    log.integrate()
    server.close()
    with pytest.raises(GatehouseError, match="cannot be asked"):
        await stamp_newest(log.database, authority, clock=log.clock)


@pytest.mark.parametrize(("url", "said"), [("http://tsa.example/", "not https"), ("https://", "no host")])
def test_addresses_that_may_not_be_asked_are_refused_at_start(url: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(GatehouseError, match=said):
        load_authority(url, str(tmp_path / "none"), every=timedelta(hours=1))


def test_certificates_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(GatehouseError, match="TSA_CERTIFICATES"):
        load_authority("https://tsa.example/", str(tmp_path / "none"), every=timedelta(hours=1))


async def test_fsck_names_a_stamp_of_other_bytes(log: Log, authority: Authority) -> None:
    for _ in range(2):
        log.append()
        log.integrate()
        await stamp_newest(log.database, authority, clock=log.clock)
        log.clock.advance(timedelta(seconds=200))
        authority = replace(authority, every=timedelta(seconds=1))
    assert log.read(lambda session: ledger.find_discrepancies(session, sealer=log.sealer)) == []
    swapped = "UPDATE ledger_timestamp SET response = (SELECT response FROM ledger_timestamp WHERE size = 1) WHERE size = 2"
    log.database.write_now(lambda session: session.connection().execute(text(swapped)))
    (found,) = log.read(lambda session: ledger.find_discrepancies(session, sealer=log.sealer))
    assert (found.table, found.row_id) == ("ledger_timestamp", f"2 {authority.url}")
    assert "other bytes" in found.problem
