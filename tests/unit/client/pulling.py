"""Pulling from the stub, as several test modules do it."""

import random
from pathlib import Path
from typing import Any

from registry.client.api import Registry
from registry.client.progress import Silent
from registry.client.pull import Pulled, PullOrder, pull

MIB = 1 << 20


class Told(Silent):
    """Keeps what the user would have been told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.counted = 0
        self.total = 0

    def say(self, text: str) -> None:
        self.lines.append(text)

    def begin(self, label: str, total_bytes: int) -> None:
        self.counted, self.total = 0, total_bytes

    def advance(self, amount_bytes: int) -> None:
        self.counted += amount_bytes


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def order(folder: Path, **more: Any) -> PullOrder:
    return PullOrder(publisher="tarn", name="otter", folder=folder, **more)


def run(registry: Registry, folder: Path, **more: Any) -> Pulled:
    return pull(registry, order(folder, **more), progress=Silent(), pause=registry.session.pause)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
