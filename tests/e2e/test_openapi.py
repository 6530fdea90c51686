"""schemathesis against the running service: whatever fits the description, and much that does not, gets no 5xx."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from registry.cli.demo import running_demo

EXAMPLES = 12
SEED = 7


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_operation_answers_a_server_error(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with running_demo(tmp_path / "data", port=port) as (info, _server):
        outcome = subprocess.run(
            [
                str(Path(sys.executable).with_name("schemathesis")),
                "run",
                f"{info.base_url}/api/v1/schema/openapi.json",
                "--header",
                f"Authorization: Bearer {info.maintainer.token}",
                "--checks",
                "not_a_server_error",
                "--phases",
                "fuzzing,examples",
                "--max-examples",
                str(EXAMPLES),
                "--seed",
                str(SEED),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
    assert outcome.returncode == 0, outcome.stdout[-4000:]
    assert "Test cases:" in outcome.stdout
