"""The keys in the database: made once, rotated, sealed, refused when altered."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from registry import ledger
from registry.kernel.database import Database
from registry.kernel.outcomes import CorruptRecord
from registry.kernel.sealing import Sealer
from registry.ledger import signing
from registry.ledger.domain import KeyPurpose
from tests.clock import START
from tests.integration.ledger.conftest import Log


def reload(log: Log, sealer: Sealer | None = None) -> ledger.KeyRing:
    return log.read(lambda session: ledger.load_key_ring(session, sealer=sealer or log.sealer))


def test_keys_are_made_once_and_opened_again(log: Log) -> None:
    again = log.database.write_now(
        lambda session: ledger.ensure_key_ring(session, sealer=log.sealer, now=START + timedelta(days=1))
    )
    assert again.statement.kid == log.keys.statement.kid
    assert again.statement.sign_jws(b"x", {}) == log.keys.statement.sign_jws(b"x", {})
    assert again.checkpoint.kid != again.statement.kid


def test_processes_that_start_at_once_agree_on_the_keys(database: Database, sealer: Sealer) -> None:
    url = database.engine.url.render_as_string(hide_password=False)
    others = [Database(url) for _ in range(3)]
    try:
        with ThreadPoolExecutor(3) as pool:
            rings = list(
                pool.map(
                    lambda other: other.write_now(
                        lambda session: ledger.ensure_key_ring(session, sealer=sealer, now=START)
                    ),
                    others,
                )
            )
    finally:
        for other in others:
            other.close()
    assert len({(ring.statement.kid, ring.checkpoint.kid) for ring in rings}) == 1


def test_rotation_gives_a_new_key_and_lets_the_old_one_verify_for_ever(log: Log) -> None:
    token = log.keys.sign_jws(b"{}", {})
    kid = log.database.write_now(
        lambda session: ledger.rotate_key(session, KeyPurpose.STATEMENT, sealer=log.sealer, now=START)
    )
    ring = reload(log)
    assert ring.statement.kid == kid != log.keys.statement.kid
    assert ring.checkpoint.kid == log.keys.checkpoint.kid
    verified = ledger.verify_jws(token, ring.published)
    assert verified.key.kid == log.keys.statement.kid
    # Processes that still hold the old ring may go on until the overlap ends.
    assert verified.key.is_valid_at(START + signing.ROTATION_OVERLAP)
    assert not verified.key.is_valid_at(START + signing.ROTATION_OVERLAP + timedelta(milliseconds=1))


def test_compromised_key_ends_at_once_and_says_since_when(log: Log) -> None:
    now = START + timedelta(days=9)
    stolen = START + timedelta(days=2)

    def end() -> str | None:
        return log.database.write_now(
            lambda session: ledger.end_compromised_key(
                session, log.keys.statement.kid, sealer=log.sealer, now=now, compromised_at=stolen
            )
        )

    kid = end()
    ring = reload(log)
    assert ring.statement.kid == kid
    old = next(key for key in ring.published if key.kid == log.keys.statement.kid)
    assert (old.valid_until, old.compromised_at) == (now, stolen)
    assert old.jwk()["compromised_at"] == "2026-11-25T12:00:00.000Z"
    assert end() is None
    assert reload(log).statement.kid == kid


def test_compromise_of_an_unknown_key_changes_nothing(log: Log) -> None:
    assert (
        log.database.write_now(
            lambda session: ledger.end_compromised_key(
                session, "unknown", sealer=log.sealer, now=START, compromised_at=START
            )
        )
        is None
    )


def test_keys_do_not_open_with_another_master_key(log: Log) -> None:
    with pytest.raises(CorruptRecord, match="unknown master key"):
        reload(log, Sealer(b"another master key, also of 32 bytes"))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE signing_key SET purpose = 'statement', kid = kid || 'x' WHERE purpose = 'statement'",
        "UPDATE signing_key SET created_at = '2020-01-01 00:00:00.000000'",
        "UPDATE signing_key SET public = sealed_private",
        "DELETE FROM signing_key WHERE purpose = 'checkpoint'",
    ],
)
def test_altered_keys_are_not_used(log: Log, statement: str) -> None:
    log.database.write_now(lambda session: session.connection().execute(text(statement)))
    with pytest.raises(CorruptRecord):
        reload(log)


def test_private_keys_are_not_in_the_database_in_the_clear(log: Log) -> None:
    private = log.keys.statement.private.private_bytes_raw()
    rows = log.read(
        lambda session: session.connection().execute(text("SELECT sealed_private FROM signing_key")).all()
    )
    assert len(rows) == 2
    assert all(private not in bytes(row[0]) for row in rows)
