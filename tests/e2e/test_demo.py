"""The demo's own check: the main job with every real part and both real clients, in processes of their own."""

import os
import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_whole_way_from_publishing_to_withdrawal_holds() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEHOUSE_")}
    outcome = subprocess.run(
        [sys.executable, "-m", "registry.cli", "demo", "--check"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    lines = [line for line in outcome.stdout.splitlines() if line]
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr[-2000:]
    assert sum(line.startswith("ok ") for line in lines) == 13
    assert not any(line.startswith("FAILED") for line in lines)
    assert any("verified the receipt offline" in line for line in lines)
    assert any("refused again" in line for line in lines)
