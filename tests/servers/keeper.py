"""Runs one shared server until the test run is over: `python -m tests.servers.keeper KIND FOLDER ROOT_PID`."""

import json
import os
import select
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from tests.servers.postgres import PostgresServer
from tests.servers.processes import ServerUnavailable
from tests.servers.seaweedfs import SeaweedServer

KINDS: dict[str, Callable[[Path], PostgresServer | SeaweedServer]] = {
    "postgres": PostgresServer,
    "seaweedfs": SeaweedServer,
}


def main() -> None:
    """Start the server, print its address as one JSON line, wait for the end, stop it."""
    kind, folder, root_pid = sys.argv[1:]
    # Only the address goes to standard output; what the server's code prints goes to the log.
    reply = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    root = os.pidfd_open(int(root_pid))
    wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(waker)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server = KINDS[kind](Path(folder))
    try:
        address = server.start()
    except ServerUnavailable as error:
        _say(reply, {"unavailable": str(error)})
        return
    try:
        _say(reply, address | {"keeper_pid": os.getpid()})
        ended, _, _ = select.select([root, wake], [], [])
    finally:
        server.stop()
    if root in ended:  # killed, so nobody else clears up
        shutil.rmtree(folder, ignore_errors=True)


def _say(reply: TextIO, address: dict[str, Any]) -> None:
    reply.write(json.dumps(address) + "\n")
    reply.close()


if __name__ == "__main__":
    main()
