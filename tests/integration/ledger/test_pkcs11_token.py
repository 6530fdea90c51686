"""Signing keys in a real PKCS#11 token (SoftHSM), on SQLite and PostgreSQL."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import softhsm
from tests.servers.processes import ROOT, ServerUnavailable


@pytest.fixture
def module() -> str:
    try:
        return softhsm.module()
    except ServerUnavailable as error:
        pytest.skip(str(error))


def test_keys_move_into_a_token_and_old_receipts_stay(module: str, database_url: str, tmp_path: Path) -> None:
    environment = os.environ | softhsm.make_token(tmp_path / "hsm")
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.ledger.pkcs11_story", module, database_url],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["software"] == "Ed25519PrivateKey"
    assert told["token"] == "_TokenPrivateKey"
    assert told["receipts"] == [True, True]
    assert told["fsck"] == []
    assert "is in a key token; set GATEHOUSE_PKCS11_MODULE" in told["without"]
    for case in ("wrong pin", "no such token", "no such module"):
        assert "cannot be used" in told[case]
        assert softhsm.PIN not in told[case]
    assert "has 0 keys" in told["no such key"]
    assert told["after a lost session"] == 3
