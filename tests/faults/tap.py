"""A TCP proxy before a real server, whose faults the test turns on and off."""

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

CHUNK_BYTES = 64 * 1024


class Fault(Enum):
    """What the tap does instead of passing bytes."""

    REFUSE = auto()
    """Nobody listens."""
    ANSWER = auto()
    """A status of the test's choice, whatever is asked."""
    STALL = auto()
    """Requests are taken and never answered."""
    CUT = auto()
    """The connection ends in the middle of the answer's body."""


@dataclass(frozen=True)
class Trouble:
    """A fault with what it needs to know."""

    fault: Fault
    status: int = 503
    after_bytes: int = 0

    def __str__(self) -> str:
        return (
            f"{self.fault.name.lower()}-{self.status}"
            if self.fault is Fault.ANSWER
            else self.fault.name.lower()
        )


class Tap:
    """Passes bytes to one server unless told otherwise."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self._upstream = upstream
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._trouble: Trouble | None = None
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._listen()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextlib.contextmanager
    def failing(self, trouble: Trouble) -> Iterator[None]:
        """Have the fault until the end of the block; connections do not outlive the change."""
        self._change(trouble)
        try:
            yield
        finally:
            self._change(None)

    def close(self) -> None:
        self._change(None)
        self._stop_listening()

    def _change(self, trouble: Trouble | None) -> None:
        before, self._trouble = self._trouble, trouble
        if trouble is not None and trouble.fault is Fault.REFUSE:
            self._stop_listening()
        elif before is not None and before.fault is Fault.REFUSE:
            self._listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
            self._listen()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _listen(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _stop_listening(self) -> None:
        # Closing alone leaves the thread in accept().
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        trouble = self._trouble
        with self._lock:
            self._open.add(client)
        try:
            with client, contextlib.suppress(OSError):
                if trouble is None or trouble.fault is Fault.CUT:
                    self._pass(client, trouble)
                elif trouble.fault is Fault.ANSWER:
                    _answer(client, trouble.status)
                else:
                    while client.recv(CHUNK_BYTES):
                        pass
        finally:
            with self._lock:
                self._open.discard(client)

    def _pass(self, client: socket.socket, trouble: Trouble | None) -> None:
        with socket.create_connection(self._upstream, timeout=30) as server:
            passed = 0
            while True:
                readable, _, _ = select.select([client, server], [], [], 60)
                for source, target in ((client, server), (server, client)):
                    if source not in readable:
                        continue
                    data = source.recv(CHUNK_BYTES)
                    if not data:
                        return
                    if source is client:
                        passed = 0
                    elif trouble is not None:
                        # The head goes through with all that it promises, the body only in part.
                        head, end, body = data.partition(b"\r\n\r\n") if passed == 0 else (b"", b"", data)
                        body = body[: max(0, trouble.after_bytes - passed)]
                        passed += len(data)
                        target.sendall(head + end + body)
                        if passed > trouble.after_bytes:
                            return
                        continue
                    target.sendall(data)
                if not readable:
                    return


def _answer(client: socket.socket, status: int) -> None:
    asked = b""
    while b"\r\n\r\n" not in asked:
        data = client.recv(CHUNK_BYTES)
        if not data:
            return
        asked += data
    client.sendall(b"HTTP/1.1 %d Trouble\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)
    client.shutdown(socket.SHUT_WR)
    while client.recv(CHUNK_BYTES):
        pass
