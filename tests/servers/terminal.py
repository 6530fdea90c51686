"""A person at a terminal: a real pseudo-terminal that a test reads from and types into."""

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

WAIT_S = 60
READ_BYTES = 4096
ROWS, COLUMNS = 6, 100


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self._process, self._master = process, master
        self.seen = ""
        self._at = 0

    def wait_for(self, words: str) -> str:
        """Return what was written up to and with `words`, since the last wait."""
        deadline = time.monotonic() + WAIT_S
        while True:
            found = re.compile(words).search(self.seen, self._at)
            if found:
                told = self.seen[self._at : found.end()]
                self._at = found.end()
                return told
            assert self._read(deadline), f"{words!r} was not written:\n{self.seen}"

    def type(self, text: str) -> None:
        os.write(self._master, f"{text}\n".encode())

    def end(self) -> int:
        """Return how the program ended."""
        deadline = time.monotonic() + WAIT_S
        while self._read(deadline):
            pass
        return self._process.wait(WAIT_S)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(self._master, READ_BYTES)
        except OSError:
            return False
        self.seen += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)


@contextlib.contextmanager
def at_terminal(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Iterator[Terminal]:
    """Run the command on a new terminal, which is also its controlling one."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *command],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=dict(environment),
        cwd=folder,
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        process.kill()
        process.wait()
        os.close(master)
