"""The sequencer is killed at each line that it comes to: no gap, no double index, no fork; and two at once wait."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from registry import ledger
from registry.ledger import attestations, notes, service, signing, store, tree
from tests.integration.ledger.conftest import ORIGIN, Log

MODULES = {module.__file__ for module in (service, store, tree, notes, signing, attestations)}


class Killed(Exception):
    """The process is gone: nothing after this line runs."""


@contextmanager
def killed_at(line: int) -> Iterator[list[int]]:
    """Kill what runs within at its `line`-th line of the ledger; gives how many it came to."""
    seen = [0]

    def trace(frame: FrameType, event: str, _arg: object) -> Any:
        if frame.f_code.co_filename not in MODULES:
            return None
        if event == "line":
            seen[0] += 1
            if seen[0] == line:
                raise Killed
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield seen
    finally:
        sys.settrace(before)


def integrate(log: Log, line: int) -> bool:
    """Let the sequencer run until that line; whether it came to its end."""

    def work(session: object) -> object:
        with killed_at(line):
            return ledger.integrate(session, keys=log.keys, origin=ORIGIN, now=log.clock.now())

    try:
        log.database.write_now(work)
    except Killed:
        return False
    return True


def check(log: Log) -> int:
    assert log.read(lambda session: ledger.find_discrepancies(session, sealer=log.sealer)) == []
    head = log.read(ledger.latest_checkpoint)
    return 0 if head is None else head.size


def test_a_sequencer_that_is_killed_anywhere_leaves_all_or_nothing(log: Log) -> None:
    # A tile that grows, one that is finished, and one above it.
    log.append(250)
    log.integrate()
    size, killed, line = 250, 0, 1
    entries = log.append(10)
    while not integrate(log, line):
        killed += 1
        # One transaction: whatever line it was, nothing of it is there.
        assert log.read(store.count_leaves) == size
        assert log.read(lambda session: len(store.list_pending(session, limit=99))) == len(entries)
        line += 1 if line < 60 else 23  # loops over tiles come by the same lines again and again
    assert killed > 60
    assert check(log) == 260
    assert log.read(lambda session: len(ledger.find_indices(session, entries))) == 10


@pytest.mark.parametrize("rounds", [5])
def test_sequencers_at_once_give_each_index_once(log: Log, rounds: int) -> None:
    for _ in range(rounds):
        log.append(300)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: log.integrate(), range(4)))
    while log.integrate():
        pass
    assert check(log) == 300 * rounds
