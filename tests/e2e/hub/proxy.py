"""A TCP proxy on loopback that takes note of requests and can put faults between clients and a server."""

import contextlib
import re
import select
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

HEAD = re.compile(rb"(GET|HEAD|POST|PUT) (\S+) HTTP/1\.1\r\n(.*?)\r\n\r\n", re.DOTALL)
CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True)
class Seen:
    """One request as it passed."""

    method: str
    target: str
    headers: dict[str, str]

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass
class Cut:
    """End the next answer after so many bytes, then do something."""

    after_bytes: int
    then: Callable[[], object] = field(default=lambda: None)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens once to a request whose target holds `part`: it is answered here, or its answer is cut."""

    part: str
    method: str | None = None
    answer: bytes = b""
    """Sent instead of asking the server."""
    before_asking: bool = False
    """Whether it happens before the server is asked, which then is not."""
    cut_after_bytes: int = 0
    then: Callable[[], object] = field(default=lambda: None)


class Proxy:
    """Passes bytes between clients and one server."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.seen: list[Seen] = []
        self.faults: list[Fault] = []
        self.instead: dict[str, str] = {}
        """Targets that the server is asked for instead of others."""
        self._cut: Cut | None = None
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut_next_answer(self, after_bytes: int, then: Callable[[], object] = lambda: None) -> None:
        """Let the next answer that is long enough end after so many bytes."""
        with self._lock:
            self._cut = Cut(after_bytes, then)

    def close(self) -> None:
        # Closing alone leaves the thread in accept().
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._upstream, timeout=30)
        except OSError:
            client.close()
            return
        with client, server, contextlib.suppress(OSError):
            asked, answered, fault = b"", 0, None
            while True:
                readable, _, _ = select.select([client, server], [], [], 60)
                if client in readable:
                    data = client.recv(CHUNK_BYTES)
                    if not data:
                        return
                    asked, heads = self._note(asked + data)
                    answered, fault = 0, self._find_fault(heads)
                    if fault is not None and fault.answer and self._take_fault(fault):
                        client.sendall(fault.answer)
                        return
                    if fault is not None and fault.before_asking and self._take_fault(fault):
                        fault.then()
                        return
                    server.sendall(self._turned(data, heads))
                if server in readable:
                    data = server.recv(CHUNK_BYTES)
                    if not data:
                        return
                    answered += len(data)
                    client.sendall(data)
                    if (cut := self._take_cut(answered)) is not None:
                        cut.then()
                        return
                    if fault is not None and answered >= fault.cut_after_bytes and self._take_fault(fault):
                        fault.then()
                        return
                if not readable:
                    return

    def _take_cut(self, answered: int) -> Cut | None:
        with self._lock:
            cut = self._cut
            if cut is None or answered < cut.after_bytes:
                return None
            self._cut = None
            return cut

    def _find_fault(self, heads: list[Seen]) -> Fault | None:
        """Return what is to happen to one of these requests."""
        for fault in tuple(self.faults):
            for head in heads:
                if fault.part in head.target and fault.method in {None, head.method}:
                    return fault
        return None

    def _take_fault(self, fault: Fault) -> bool:
        """Whether it happens now; it happens once."""
        with self._lock:
            if fault not in self.faults:
                return False
            self.faults.remove(fault)
            return True

    def _turned(self, data: bytes, heads: list[Seen]) -> bytes:
        for head in heads:
            if (other := self.instead.get(head.target)) is not None:
                data = data.replace(head.target.encode(), other.encode(), 1)
        return data

    def _note(self, data: bytes) -> tuple[bytes, list[Seen]]:
        """Take note of every whole request head in `data`; return what is left, and the heads."""
        end, heads = 0, []
        for match in HEAD.finditer(data):
            lines = [line.partition(b":") for line in match.group(3).split(b"\r\n")]
            headers = {
                name.decode("latin-1").lower(): value.strip().decode("latin-1") for name, _, value in lines
            }
            heads.append(Seen(match.group(1).decode(), match.group(2).decode("latin-1"), headers))
            end = match.end()
        self.seen += heads
        return data[end:][-CHUNK_BYTES:], heads
