"""`python -m tests.e2e.hub.conformance`: puts every client to the test and writes the table anew."""

import json
import os
import sys
import tempfile
from pathlib import Path

import pytest

from tests.e2e.hub.conformance.table import PAGE, read, unexplained, write

RESULTS = "CONFORMANCE_RESULTS"
"""Names the folder that the tests leave what they saw in."""


def main() -> int:
    """Write the page; return 1 if a client is missing here or a cell has no explanation."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ[RESULTS] = folder
        pytest.main(["-q", "tests/e2e/hub/test_conformance.py", *sys.argv[1:]])
        found = {path.stem: json.loads(path.read_text()) for path in Path(folder).glob("*.json")}
    results = read()
    for client, checks in found.items():
        results[client] = checks
    write(results)
    left = [client for client in results if client not in found]
    for line in [*unexplained(results), *(f"not run: {client}" for client in left)]:
        sys.stderr.write(f"{PAGE.name}: {line}\n")
    return 1 if unexplained(results) or left else 0


if __name__ == "__main__":
    sys.exit(main())
