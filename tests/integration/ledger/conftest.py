"""A log with keys on a real database."""

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

import pytest

from registry import ledger
from registry.kernel.canonical import canonical_bytes
from registry.kernel.clock import iso
from registry.kernel.database import Database
from registry.kernel.sealing import Sealer
from tests.clock import SettableClock

T = TypeVar("T")
ORIGIN = "registry.example/ledger"


class Log:
    """The log under test, with short names for what the tests do to it."""

    def __init__(self, database: Database, sealer: Sealer, clock: SettableClock) -> None:
        self.database = database
        self.sealer = sealer
        self.clock = clock
        self.keys = database.write_now(
            lambda session: ledger.ensure_key_ring(session, sealer=sealer, now=clock.now())
        )

    def append(self, count: int = 1, *, kind: str = "role") -> list[UUID]:
        now = self.clock.now()

        def work(session: object) -> list[UUID]:
            return [
                ledger.append(
                    session,
                    kind=kind,
                    leaf=canonical_bytes({"v": 1, "kind": kind, "at": iso(now), "number": number}),
                    now=now,
                )
                for number in range(count)
            ]

        return self.database.write_now(work)

    def integrate(self) -> ledger.Integrated | None:
        return self.database.write_now(
            lambda session: ledger.integrate(session, keys=self.keys, origin=ORIGIN, now=self.clock.now())
        )

    def read(self, work: Callable[..., T]) -> T:
        return self.database.read_now(work)


@pytest.fixture
def sealer() -> Sealer:
    return Sealer(b"a master key for tests, 32 bytes or more")


@pytest.fixture
def log(database: Database, sealer: Sealer, clock: SettableClock) -> Log:
    return Log(database, sealer, clock)
