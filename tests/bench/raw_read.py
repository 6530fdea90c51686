"""Reads one object over several connections into a file and does nothing else; prints the seconds as JSON.

Run as `python -m tests.bench.raw_read URL SIZE CONNECTIONS RANGE FILE`.
"""

# ruff: noqa: T201 -- a command that prints
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from urllib.parse import urlsplit

BUFFER_BYTES = 256 << 10


def main() -> None:
    """Fetch range after range, each connection the next one that nobody has."""
    url, size, connections, span, target = sys.argv[1], *map(int, sys.argv[2:5]), sys.argv[5]
    started = time.monotonic()
    descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    os.ftruncate(descriptor, size)
    starts = iter(range(0, size, span))
    lock = threading.Lock()
    threads = [
        threading.Thread(target=_fetch, args=(url, size, span, starts, lock, descriptor))
        for _ in range(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.fsync(descriptor)
    print(json.dumps({"seconds": time.monotonic() - started}))


def _fetch(
    url: str, size: int, span: int, starts: Iterator[int], lock: threading.Lock, descriptor: int
) -> None:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=60)
    buffer = memoryview(bytearray(BUFFER_BYTES))
    while True:
        with lock:
            start = next(starts, None)
        if start is None:
            return
        end = min(start + span, size)
        connection.request(
            "GET", f"{parts.path}?{parts.query}", headers={"Range": f"bytes={start}-{end - 1}"}
        )
        answer = connection.getresponse()
        assert answer.status == 206, answer.status
        while start < end:
            count = answer.readinto(buffer)
            assert count, "the body ended early"
            start += os.pwrite(descriptor, buffer[:count], start)
        answer.read()


if __name__ == "__main__":
    main()
